/* What spans say of HTTP, see shim/proto/http_attrs.h. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "proto/http_attrs.h"

static void init(const char *const env[])
{
    http_attrs_init(config_load((char *const *)(uintptr_t)env));
}
#define INIT(...) init((const char *const[]){ __VA_ARGS__, NULL })

static struct text text(const char *s)
{
    return (struct text){ s, strlen(s) };
}

static bool names_span(const char *method)
{
    return http_method_names_span(http_method_of(method, strlen(method)), text(method));
}

static void expect(struct text actual, const char *expected, const char *what)
{
    cr_expect(actual.len == strlen(expected) &&
                  (actual.len == 0 || memcmp(actual.at, expected, actual.len) == 0),
              "%s: %.*s, expected %s", what, (int)actual.len, actual.at, expected);
}

Test(http_attrs, conventions_methods_name_spans)
{
    INIT("X=y");
    cr_expect(names_span("GET"));
    cr_expect(names_span("QUERY"));
    cr_expect(!names_span("get"));
    cr_expect(!names_span("PROPFIND"));
    cr_expect(!names_span(""));
}

Test(http_attrs, a_list_replaces_the_conventions_methods)
{
    INIT("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS=GET, PROPFIND");
    cr_expect(names_span("GET"));
    cr_expect(names_span("PROPFIND"));
    cr_expect(!names_span("POST"));
    INIT("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS=");
    cr_expect(names_span("POST"));
}

Test(http_attrs, splits_targets_of_every_form)
{
    static const struct {
        const char *target, *scheme, *authority, *path, *query;
    } cases[] = {
        { "/a/b?c=d", "", "", "/a/b", "c=d" },
        { "/a?b?c", "", "", "/a", "b?c" },
        { "/a?", "", "", "/a", "" },
        { "/", "", "", "/", "" },
        { "*", "", "", "*", "" },
        { "", "", "", "", "" },
        { "/a?b#c", "", "", "/a", "b" },
        { "/a#b?c", "", "", "/a", "" },
        { "http://h:80/a?b", "http", "h:80", "/a", "b" },
        { "https://u:p@h", "https", "u:p@h", "/", "" },
        { "http://h?q", "http", "h", "/", "q" },
        { "//h/a", "", "", "//h/a", "" },
        { "/x?u=http://h/", "", "", "/x", "u=http://h/" },
        { "foo", "", "", "foo", "" },
        { "http:", "", "", "http:", "" },
        { "://h/x", "", "", "://h/x", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_target t = http_target_split(HTTP_GET, text(cases[i].target));
        expect(t.scheme, cases[i].scheme, cases[i].target);
        expect(t.authority, cases[i].authority, cases[i].target);
        expect(t.path, cases[i].path, cases[i].target);
        expect(t.query, cases[i].query, cases[i].target);
    }
    struct http_target t = http_target_split(HTTP_CONNECT, text("h:443"));
    expect(t.authority, "h:443", "CONNECT");
    expect(t.path, "", "CONNECT");
}

Test(http_attrs, splits_host_and_port)
{
    static const struct {
        const char *authority, *host;
        unsigned port;
    } cases[] = {
        { "h", "h", 0 },
        { "h:80", "h", 80 },
        { "h:", "h", 0 },
        { "h:65536", "h", 0 },
        { "h:8x", "h", 0 },
        { "[::1]", "::1", 0 },
        { "[::1]:8080", "::1", 8080 },
        { "::1", "::1", 0 },
        { "u:p@h:81", "h", 81 },
        { "", "", 0 },
        { "[::1", "", 0 },
        { "1.2.3.4:5", "1.2.3.4", 5 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint16_t port = 1;
        expect(http_authority_split(text(cases[i].authority), &port), cases[i].host,
               cases[i].authority);
        cr_expect_eq(port, cases[i].port, "%s", cases[i].authority);
    }
}

static struct text url(enum http_method method, const char *target, const char *authority,
                       size_t cap)
{
    static char out[256];
    return (struct text){ out, http_url_write(method, text(target), "https", text(authority), out,
                                              cap) };
}

Test(http_attrs, writes_the_absolute_url)
{
    expect(url(HTTP_GET, "/a?b", "h:1", 256), "https://h:1/a?b", "origin form");
    expect(url(HTTP_GET, "http://x/y", "h", 256), "http://x/y", "absolute form");
    expect(url(HTTP_OPTIONS, "*", "h", 256), "https://h", "asterisk form");
    expect(url(HTTP_CONNECT, "h:443", "", 256), "https://h:443", "authority form");
    expect(url(HTTP_GET, "/abcdef", "h", 12), "https://h/ab", "cut");
}

/* A head with these headers, parsed as it would come. */
static const struct http1_store *head(const char *headers)
{
    static uint32_t memory[1024];
    static char bytes[2048];
    const struct http1_env env = { .keep = (1u << HTTP1_FIELD_COUNT) - 1 };
    struct http1 p;
    enum proto_event event = PROTO_BEGIN;
    http1_reset(&p, PROTO_REQUESTS);
    p.store = http1_store_init(memory, sizeof memory);
    p.env = &env;
    size_t at = 0, len = (size_t)snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\n%s\r\n", headers);
    while (event == PROTO_BEGIN)
        at += http1_feed(&p, bytes + at, len - at, &event);
    cr_assert_eq(event, PROTO_HEAD);
    return p.store;
}

Test(http_attrs, believes_forwarded_headers_only_when_told_to)
{
    INIT("X=y");
    cr_expect_eq(http_forwarded_fields(), 0);
    struct http_forwarded f = http_forwarded_read(head("X-Forwarded-For: 1.2.3.4\r\n"));
    expect(f.client, "", "not trusted");
}

Test(http_attrs, reads_what_proxies_say_of_the_client)
{
    static const struct {
        const char *headers, *client;
        unsigned port;
        const char *proto, *host;
    } cases[] = {
        { "X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n", "1.2.3.4", 0, "", "" },
        { "X-Forwarded-For: 1.2.3.4:99\r\n", "1.2.3.4", 99, "", "" },
        { "X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1", 0, "", "" },
        { "X-Forwarded-For: \"[2001:db8::1]:99\"\r\n", "2001:db8::1", 99, "", "" },
        { "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a, b\r\n",
          "1.1.1.1", 0, "https", "a" },
        { "X-Forwarded-For: unknown, 5.6.7.8\r\n", "", 0, "", "" },
        { "Forwarded: For=\"[2001:db8:cafe::17]:4711\"\r\n", "2001:db8:cafe::17", 4711, "", "" },
        { "Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43, for=9.9.9.9;host=x\r\n",
          "192.0.2.60", 0, "http", "" },
        { "Forwarded: by=x ; host=\"h:8,;0\" ; for=_hidden\r\n", "_hidden", 0, "", "h:8,;0" },
        { "Forwarded: proto=https\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: http\r\n",
          "1.2.3.4", 0, "https", "" },
        { "X-Real-IP: 7.7.7.7\r\n", "7.7.7.7", 0, "", "" },
        { "X-Real-IP: 7.7.7.7\r\nX-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4", 0, "", "" },
        { "X-Forwarded-Proto: ht tp\r\n", "", 0, "", "" },
        { "X-Forwarded-Proto: 9p\r\n", "", 0, "", "" },
        { "Forwarded: for=\r\n", "", 0, "", "" },
        { "Forwarded: =;;,\r\n", "", 0, "", "" },
        { "Forwarded: for=\"\\\r\n", "\"\\", 0, "", "" },
        { "", "", 0, "", "" },
    };
    INIT("OTEL_SHIM_TRUST_FORWARDED=true");
    cr_expect_eq(http_forwarded_fields(),
                 HTTP1_FIELD_BIT(HTTP1_FORWARDED) | HTTP1_FIELD_BIT(HTTP1_X_FORWARDED_FOR) |
                     HTTP1_FIELD_BIT(HTTP1_X_FORWARDED_PROTO) |
                     HTTP1_FIELD_BIT(HTTP1_X_FORWARDED_HOST) | HTTP1_FIELD_BIT(HTTP1_X_REAL_IP));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_forwarded f = http_forwarded_read(head(cases[i].headers));
        expect(f.client, cases[i].client, cases[i].headers);
        expect(f.proto, cases[i].proto, cases[i].headers);
        expect(f.host, cases[i].host, cases[i].headers);
        cr_expect_eq(f.client_port, cases[i].port, "%s", cases[i].headers);
    }
    expect(http_forwarded_read(NULL).client, "", "no head");
}

Test(http_attrs, tells_errors_by_status_and_side)
{
    static const struct {
        unsigned status;
        const char *server, *client;
    } cases[] = { { 100, NULL, NULL },   { 200, NULL, NULL },        { 399, NULL, NULL },
                  { 400, NULL, "400" },  { 499, NULL, "499" },       { 500, "500", "500" },
                  { 599, "599", "599" }, { 999, "999", "999" },      { 0, "0", "0" },
                  { 99, "99", "99" },    { 65535, "65535", "65535" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int server = 0; server < 2; server++) {
            char out[6];
            const char *expected = server ? cases[i].server : cases[i].client;
            const char *error = http_status_error(cases[i].status, server, out);
            cr_expect(expected == NULL ? error == NULL
                                       : error != NULL && strcmp(error, expected) == 0,
                      "%u: %s", cases[i].status, error);
        }
    }
}

Test(http_attrs, finds_routes_of_the_configuration)
{
    char out[ROUTES_MAX_BYTES];
    INIT("X=y");
    cr_expect_eq(http_route_find(text("/user/5"), 200, out), 0);
    INIT("OTEL_SHIM_HTTP_ROUTES=/user/{id},auto");
    expect((struct text){ out, http_route_find(text("/user/5"), 200, out) }, "/user/{id}",
           "template");
    expect((struct text){ out, http_route_find(text("/probe"), 404, out) }, "/*",
           "learns nothing from a 404");
    expect((struct text){ out, http_route_find(text("/page"), 200, out) }, "/page", "auto");
    expect((struct text){ out, http_route_find(text("/secret"), 403, out) }, "/*",
           "nor from a 403");
    expect((struct text){ out, http_route_find(text("/dropped"), 0, out) }, "/*",
           "nor from what nobody answered");
    expect((struct text){ out, http_route_find(text("/broken"), 500, out) }, "/broken", "a 500");
}

Test(http_attrs, captures_by_side_and_role)
{
    INIT("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST=x-id,authorization",
         "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE=server");
    cr_expect_null(http_capture(true, PROTO_RESPONSES));
    cr_expect_null(http_capture(false, PROTO_REQUESTS));
    bool (*server_request)(const char *, size_t) = http_capture(true, PROTO_REQUESTS);
    bool (*client_response)(const char *, size_t) = http_capture(false, PROTO_RESPONSES);
    cr_assert_not_null(server_request);
    cr_assert_not_null(client_response);
    cr_expect(server_request("x-id", 4) && !server_request("server", 6));
    cr_expect(client_response("server", 6) && !client_response("x-id", 4));
    cr_expect(http_header_is_sanitized(text("authorization")));
    cr_expect(!http_header_is_sanitized(text("x-id")));
}
