/* Captured headers of libcurl's transfers: the program's list, and what libcurl gives. */
#include <criterion/criterion.h>
#include <string.h>

#include "config.h"
#include "no_hooks.h"

#include "../../shim/hooks/curl_headers.c"

static struct curl_easy easy;

static void capture(const char *names)
{
    static char lines[2][256];
    char *env[] = { lines[0], lines[1], NULL };
    snprintf(lines[0], sizeof lines[0],
             "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST=%s", names);
    snprintf(lines[1], sizeof lines[1], "OTEL_TRACES_SAMPLER=always_on");
    config = config_load(env);
    http_attrs_init(config);
    curl_headers_init();
    easy = (struct curl_easy){ .span.context.flags = 1 };
}

TestSuite(curl_headers);

/* What is captured of lines, as "name=value|", without what the options are. */
static const char *captured_of(const char *const *lines, unsigned nr)
{
    static char out[4096];
    static struct curl_slist nodes[32];
    size_t n = 0;
    for (unsigned i = 0; i < nr; i++) {
        memcpy(&nodes[i].data, &lines[i], sizeof lines[i]);
        nodes[i].next = i + 1 < nr ? &nodes[i + 1] : NULL;
    }
    easy.options.headers = nr > 0 ? nodes : NULL;
    curl_headers_begin(&easy, NULL);
    out[0] = 0;
    if (easy.request_headers == POOL_NONE)
        return out;
    const struct http1_store *store = pool_at(&requests, easy.request_headers);
    for (unsigned i = 0; i < store->nr_captured; i++) {
        const struct http1_captured *c = http1_captured_at(store, i);
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s=%.*s|", (int)c->name.len,
                              http1_store_text(store, c->name), (int)c->value.len,
                              http1_store_text(store, c->value));
    }
    return out;
}

#define CAPTURED(...) \
    captured_of((const char *[]){ __VA_ARGS__ }, \
                sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *))

Test(curl_headers, lines_are_read_as_libcurl_reads_them)
{
    capture(".*");
    cr_assert_str_eq(CAPTURED("X-Id: 7", "accept:a/b ", "X-ID:\t8\r\n", "X-Empty;"),
                     "x-id=7|accept=a/b|x-id=8|x-empty=|");
    /* Not sent: an empty value takes libcurl's own away, a semicolon stands for an empty one. */
    cr_assert_str_eq(CAPTURED("Accept:", "Host:  ", "X-A; b", "no colon", "", ": v", NULL), "");
    easy.request_headers = POOL_NONE;
}

Test(curl_headers, only_what_is_named_is_copied)
{
    capture("x-id");
    cr_assert_str_eq(CAPTURED("X-Id: 7", "Cookie: secret", "X-Id-2: 8"), "x-id=7|");
    cr_assert_str_eq(CAPTURED("Cookie: secret"), "");
    cr_assert_eq(easy.request_headers, POOL_NONE);
    capture("");
    cr_assert_str_eq(CAPTURED("X-Id: 7"), "");
    capture("x-id");
    easy.span.context.flags = 0; /* not sampled */
    cr_assert_str_eq(CAPTURED("X-Id: 7"), "");
}

Test(curl_headers, the_user_agent_is_the_options_unless_the_list_has_one)
{
    capture("user-agent");
    memcpy(easy.options.user_agent, "agent/1", 7);
    easy.options.user_agent_len = 7;
    cr_assert_str_eq(captured_of(NULL, 0), "user-agent=agent/1|");
    cr_assert_str_eq(CAPTURED("X: 1"), "user-agent=agent/1|");
    cr_assert_str_eq(CAPTURED("user-agent: own/2"), "user-agent=own/2|");
    cr_assert_str_eq(CAPTURED("User-Agent:"), ""); /* not sent at all */
}

Test(curl_headers, bounds_hold)
{
    static char value[HTTP1_MAX_CAPTURED_VALUE + 100], line[sizeof value + 8];
    const char *lines[HTTP1_MAX_CAPTURED + 2];
    capture(".*");
    memset(value, 'v', sizeof value - 1);
    snprintf(line, sizeof line, "x: %s", value);
    cr_assert_eq(strlen(CAPTURED(line)), 2 + HTTP1_MAX_CAPTURED_VALUE + 1);
    for (unsigned i = 0; i < HTTP1_MAX_CAPTURED + 2; i++)
        lines[i] = "a: b";
    cr_assert_eq(strlen(captured_of(lines, HTTP1_MAX_CAPTURED + 2)), 4 * HTTP1_MAX_CAPTURED);
    struct curl_slist endless = { (char[]){ "a: b" }, &endless };
    easy.options.headers = &endless;
    curl_headers_begin(&easy, NULL); /* comes back */
}

Test(curl_headers, a_copy_is_given_back)
{
    capture("x");
    for (unsigned i = 0; i < 3 * MAX_CAPTURING; i++)
        cr_assert_str_eq(CAPTURED("x: 1"), "x=1|");
    curl_headers_forget(&easy);
    cr_assert_eq(easy.request_headers, POOL_NONE);
    static struct curl_easy all[MAX_CAPTURING + 1];
    for (unsigned i = 0; i <= MAX_CAPTURING; i++) {
        all[i] = easy;
        curl_headers_begin(&all[i], NULL);
        cr_assert_eq(all[i].request_headers != POOL_NONE, i < MAX_CAPTURING);
    }
}
