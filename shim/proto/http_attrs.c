/*
 * HTTP spans by the conventions, see http_attrs.h.
 */
#include "http_attrs.h"

#include <string.h>

#include "arena.h"
#include "config.h"
#include "layout.h"
#include "parse.h"
#include "routes.h"

/* Written by http_attrs_init() in the constructor, then read by any thread. A forked child
 * keeps it. */
PER_REQUEST_ZERO static struct {
    bool trust_forwarded;
    bool own_methods; /* the list replaces the conventions' */
    unsigned nr_methods;
    struct slice methods[HTTP_ATTRS_MAX_METHODS];
    const struct routes *routes;
    const struct header_filter *headers[HEADER_LIST_COUNT];
} rules;

static struct text text_of(const char *from, const char *to)
{
    return (struct text){ from, (size_t)(to - from) };
}

static bool text_is_empty(struct text t)
{
    return t.len == 0;
}

static bool same_letters(const char *a, const char *lower, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] | 0x20) : a[i];
        if (c != lower[i])
            return false;
    }
    return true;
}

static struct text trimmed(struct text t)
{
    while (t.len > 0 && (*t.at == ' ' || *t.at == '\t'))
        t.at++, t.len--;
    while (t.len > 0 && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
        t.len--;
    return t;
}

/* ---- methods ---- */

static void methods_init(const char *list)
{
    struct slice rest = slice_of(list), item;
    unsigned over = 0;
    while (parse_list_next(&rest, &item)) {
        if (rules.nr_methods == HTTP_ATTRS_MAX_METHODS)
            over++;
        else
            rules.methods[rules.nr_methods++] = item;
    }
    rules.own_methods = rules.nr_methods > 0;
    if (over > 0)
        diag_config_mistake("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS: more than %u methods; "
                            "%u are left out",
                            HTTP_ATTRS_MAX_METHODS, over);
}

static __attribute__((noinline)) bool is_own_method(struct text method)
{
    for (unsigned i = 0; i < rules.nr_methods; i++) {
        if (rules.methods[i].len == method.len &&
            memcmp(rules.methods[i].at, method.at, method.len) == 0)
            return true;
    }
    return false;
}

bool http_method_names_span(enum http_method known, struct text method)
{
    return rules.own_methods ? is_own_method(method) : known != HTTP_OTHER;
}

/* ---- target and authority ---- */

static const char *find(struct text t, const char *set)
{
    const char *at = t.at, *end = t.at + t.len;
    while (at < end && (*at == 0 || strchr(set, *at) == NULL))
        at++;
    return at;
}

struct http_target http_target_split(enum http_method method, struct text target)
{
    struct http_target out = { .path = target };
    if (method == HTTP_CONNECT)
        return (struct http_target){ .authority = target };
    if (text_is_empty(target))
        return out;
    const char *end = target.at + target.len;
    if (*target.at != '/' && *target.at != '*') {
        const char *colon = find(target, ":/?#");
        if (colon > target.at && end - colon >= 3 && memcmp(colon, "://", 3) == 0) {
            out.scheme = text_of(target.at, colon);
            out.authority = text_of(colon + 3, end);
            out.authority.len = (size_t)(find(out.authority, "/?#") - out.authority.at);
            out.path = text_of(out.authority.at + out.authority.len, end);
        }
    }
    const char *fragment = memchr(out.path.at, '#', out.path.len);
    out.path.len = (size_t)((fragment != NULL ? fragment : end) - out.path.at);
    const char *question = memchr(out.path.at, '?', out.path.len);
    if (question != NULL) {
        out.query = text_of(question + 1, out.path.at + out.path.len);
        out.path.len = (size_t)(question - out.path.at);
    }
    if (text_is_empty(out.path) && !text_is_empty(out.authority))
        out.path = (struct text){ "/", 1 };
    return out;
}

/* Digits to a port, 0: none. */
static uint16_t port_of(struct text t)
{
    unsigned port = 0;
    for (size_t i = 0; i < t.len; i++) {
        unsigned digit = (unsigned char)t.at[i] - (unsigned)'0';
        if (digit > 9 || (port = port * 10 + digit) > UINT16_MAX)
            return 0;
    }
    return (uint16_t)port;
}

struct text http_authority_split(struct text authority, uint16_t *port)
{
    *port = 0;
    if (text_is_empty(authority))
        return authority;
    const char *end = authority.at + authority.len;
    const char *at = memrchr(authority.at, '@', authority.len);
    struct text host = at != NULL ? text_of(at + 1, end) : authority;
    if (host.len > 0 && *host.at == '[') {
        const char *close = memchr(host.at, ']', host.len);
        if (close == NULL)
            return (struct text){ host.at, 0 };
        if (close + 1 < end && close[1] == ':')
            *port = port_of(text_of(close + 2, end));
        return text_of(host.at + 1, close);
    }
    const char *colon = host.len > 0 ? memchr(host.at, ':', host.len) : NULL;
    /* Two colons and no brackets: an IPv6 address, as some clients send it. */
    if (colon == NULL || memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL)
        return host;
    *port = port_of(text_of(colon + 1, end));
    return text_of(host.at, colon);
}

static size_t add(char *out, size_t at, size_t cap, const char *text, size_t len)
{
    if (len > cap - at)
        len = cap - at;
    if (len > 0) /* an empty text may be NULL */
        memcpy(out + at, text, len);
    return at + len;
}

size_t http_url_write(enum http_method method, struct text target, const char *scheme,
                      struct text authority, char *out, size_t cap)
{
    struct http_target parts = http_target_split(method, target);
    if (!text_is_empty(parts.scheme))
        return add(out, 0, cap, target.at, target.len);
    size_t at = add(out, 0, cap, scheme, strlen(scheme));
    at = add(out, at, cap, "://", 3);
    if (!text_is_empty(parts.authority))
        return add(out, at, cap, parts.authority.at, parts.authority.len);
    at = add(out, at, cap, authority.at, authority.len);
    if (target.len == 1 && *target.at == '*') /* OPTIONS *: the server as a whole */
        return at;
    return add(out, at, cap, target.at, target.len);
}

/* ---- who asks ---- */

/* Up to the first `c` outside quotes; *rest is what follows it. */
static struct text take(struct text *rest, char c)
{
    bool quoted = false;
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->at[i] == '"')
            quoted = !quoted;
        else if (rest->at[i] == '\\' && quoted)
            i++;
        else if (rest->at[i] == c && !quoted) {
            struct text taken = { rest->at, i };
            *rest = (struct text){ rest->at + i + 1, rest->len - i - 1 };
            return taken;
        }
    }
    struct text taken = *rest;
    rest->at += rest->len;
    rest->len = 0;
    return taken;
}

static struct text unquoted(struct text t)
{
    t = trimmed(t);
    if (t.len >= 2 && t.at[0] == '"' && t.at[t.len - 1] == '"')
        t = (struct text){ t.at + 1, t.len - 2 };
    return t;
}

static void set_client(struct http_forwarded *out, struct text node)
{
    if (text_is_empty(node) || (node.len == 7 && same_letters(node.at, "unknown", 7)))
        return;
    out->client = http_authority_split(node, &out->client_port);
}

/* The first element of a Forwarded header: for=…;proto=…;host=…, in any order. */
static void read_forwarded(struct text value, struct http_forwarded *out)
{
    for (struct text rest = take(&value, ','); rest.len > 0;) {
        struct text pair_value = take(&rest, ';');
        struct text name = trimmed(take(&pair_value, '='));
        pair_value = unquoted(pair_value);
        if (name.len == 3 && same_letters(name.at, "for", 3))
            set_client(out, pair_value);
        else if (name.len == 5 && same_letters(name.at, "proto", 5))
            out->proto = pair_value;
        else if (name.len == 4 && same_letters(name.at, "host", 4))
            out->host = pair_value;
    }
}

static struct text field(const struct http1_store *head, enum http1_field f)
{
    return (struct text){ http1_store_text(head, head->fields[f]), head->fields[f].len };
}

static struct text first_of(const struct http1_store *head, enum http1_field f)
{
    struct text value = field(head, f);
    return unquoted(take(&value, ','));
}

/* A letter, then letters, digits, `+`, `-`, `.` (RFC 3986). */
static bool is_scheme(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.at[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            return false;
    }
    return true;
}

struct http_forwarded http_forwarded_read(const struct http1_store *head)
{
    struct http_forwarded out = { .client_port = 0 };
    if (!rules.trust_forwarded || head == NULL)
        return out;
    read_forwarded(field(head, HTTP1_FORWARDED), &out);
    if (text_is_empty(out.client))
        set_client(&out, first_of(head, HTTP1_X_FORWARDED_FOR));
    if (text_is_empty(out.client))
        set_client(&out, first_of(head, HTTP1_X_REAL_IP));
    if (text_is_empty(out.proto))
        out.proto = first_of(head, HTTP1_X_FORWARDED_PROTO);
    if (!is_scheme(out.proto))
        out.proto.len = 0;
    if (text_is_empty(out.host))
        out.host = first_of(head, HTTP1_X_FORWARDED_HOST);
    return out;
}

AT_START uint32_t http_forwarded_fields(void)
{
    return rules.trust_forwarded
               ? HTTP1_FIELD_BIT(HTTP1_FORWARDED) | HTTP1_FIELD_BIT(HTTP1_X_FORWARDED_FOR) |
                     HTTP1_FIELD_BIT(HTTP1_X_FORWARDED_PROTO) |
                     HTTP1_FIELD_BIT(HTTP1_X_FORWARDED_HOST) | HTTP1_FIELD_BIT(HTTP1_X_REAL_IP)
               : 0;
}

/* ---- how it ended ---- */

const char *http_status_error(unsigned status, bool server, char out[static 6])
{
    if (status >= 100 && status < (server ? 500u : 400u))
        return NULL;
    size_t len = status >= 10000  ? 5
                 : status >= 1000 ? 4
                 : status >= 100  ? 3
                 : status >= 10   ? 2
                                  : 1;
    out[len] = 0;
    while (len > 0) {
        out[--len] = (char)('0' + status % 10);
        status /= 10;
    }
    return out;
}

/* ---- routes and captured headers ---- */

size_t http_route_find(struct text path, unsigned status, char out[static ROUTES_MAX_BYTES])
{
    if (rules.routes == NULL)
        return 0;
    /* A scanner's paths are answered by 4xx, or not at all. */
    bool is_the_programs = status != 0 && (status < 400 || status >= 500);
    return routes_find(rules.routes, path.at, path.len, is_the_programs, out);
}

/* The parser calls back without a word of whose head it reads: one function per list. */
#define CAPTURE(name, list) \
    static bool name(const char *header, size_t len) \
    { \
        return header_filter_matches(rules.headers[list], header, len); \
    }
CAPTURE(captures_server_request, HEADERS_SERVER_REQUEST)
CAPTURE(captures_server_response, HEADERS_SERVER_RESPONSE)
CAPTURE(captures_client_request, HEADERS_CLIENT_REQUEST)
CAPTURE(captures_client_response, HEADERS_CLIENT_RESPONSE)
#undef CAPTURE

AT_START bool (*http_capture(bool server, enum proto_side side))(const char *name, size_t len)
{
    static bool (*const functions[])(const char *, size_t) = {
        [HEADERS_SERVER_REQUEST] = captures_server_request,
        [HEADERS_SERVER_RESPONSE] = captures_server_response,
        [HEADERS_CLIENT_REQUEST] = captures_client_request,
        [HEADERS_CLIENT_RESPONSE] = captures_client_response,
    };
    bool request = side == PROTO_REQUESTS;
    enum header_list list = server ? (request ? HEADERS_SERVER_REQUEST : HEADERS_SERVER_RESPONSE)
                                   : (request ? HEADERS_CLIENT_REQUEST : HEADERS_CLIENT_RESPONSE);
    return rules.headers[list] != NULL ? functions[list] : NULL;
}

bool http_header_is_sanitized(struct text name)
{
    return header_filter_matches(rules.headers[HEADERS_SANITIZED], name.at, name.len);
}

AT_START void http_attrs_init(const struct config *c)
{
    bool captures = false;
    memset(&rules, 0, sizeof rules);
    rules.trust_forwarded = c->http_trust_forwarded;
    if (c->http_known_methods != NULL)
        methods_init(c->http_known_methods);
    if (c->http_routes != NULL)
        rules.routes = routes_make("OTEL_SHIM_HTTP_ROUTES", c->http_routes);
    for (enum header_list list = 0; list < HEADERS_SANITIZED; list++) {
        rules.headers[list] = config_header_filter(c, list);
        captures |= rules.headers[list] != NULL;
    }
    if (captures)
        rules.headers[HEADERS_SANITIZED] = config_header_filter(c, HEADERS_SANITIZED);
}
