/* Lists of headers' names, see config_header_filter in config/config.h. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#define PREFIX "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"

static unsigned nr_mistakes;

void diag_config_mistake(const char *format, ...)
{
    (void)format;
    nr_mistakes++;
}

static const struct header_filter *filter(enum header_list list, const char *entry)
{
    const char *const env[] = { entry, NULL };
    return config_header_filter(config_load((char *const *)(uintptr_t)env), list);
}

static bool matches(const struct header_filter *f, const char *name)
{
    return header_filter_matches(f, name, strlen(name));
}

Test(headers, none_are_captured_unless_asked_for)
{
    cr_expect_null(filter(HEADERS_SERVER_REQUEST, "X=y"));
    cr_expect_null(filter(HEADERS_SERVER_REQUEST, PREFIX "SERVER_REQUEST= , "));
    cr_expect_null(filter(HEADERS_SERVER_REQUEST, PREFIX "CLIENT_REQUEST=a"));
    cr_expect(!header_filter_matches(NULL, "a", 1));
}

Test(headers, are_matched_as_a_whole_in_any_case)
{
    const struct header_filter *f =
        filter(HEADERS_CLIENT_RESPONSE,
               PREFIX "CLIENT_RESPONSE=Content-Type, X-.*-Id,etag,accept(-encoding)?");
    static const char *const yes[] = { "content-type",   "CONTENT-TYPE", "x-a-id",
                                       "X-Request-ID",   "ETag",         "accept",
                                       "Accept-Encoding" };
    static const char *const no[] = {
        "content-types", "a-content-type",  "x-id", "x-a-ids",        "etag2",
        "ax-a-id",       "accept-language", "",     "content\x0dtype"
    };
    cr_assert_not_null(f);
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        cr_expect(matches(f, yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        cr_expect(!matches(f, no[i]), "%s", no[i]);
}

Test(headers, alternatives_within_a_pattern_are_whole_too)
{
    const struct header_filter *f = filter(HEADERS_SERVER_RESPONSE, PREFIX "SERVER_RESPONSE=a|ab.");
    cr_expect(matches(f, "abc") && matches(f, "A") && !matches(f, "ab") && !matches(f, "xa"));
}

Test(headers, sanitized_ones_are_found_anywhere)
{
    const struct header_filter *f =
        filter(HEADERS_SANITIZED, PREFIX "SANITIZE_FIELDS=session,^x-.*key$");
    cr_expect(matches(f, "My-Session-Id"));
    cr_expect(matches(f, "x-my-key"));
    cr_expect(!matches(f, "x-my-keys"));
    cr_expect(!matches(f, "authorization"), "the list replaces the default one");
}

Test(headers, secrets_are_sanitized_unless_a_list_says_otherwise)
{
    static const char *const secret[] = { "authorization", "Proxy-Authorization", "cookie",
                                          "Set-Cookie",    "x-csrf-token",        "X-Api-Key" };
    const struct header_filter *f = filter(HEADERS_SANITIZED, "X=y");
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        cr_expect(matches(f, secret[i]), "%s", secret[i]);
    cr_expect(!matches(f, "content-type"));
}

Test(headers, a_match_that_costs_too_much_is_not_shown)
{
    static char name[2000];
    memset(name, 'a', sizeof name - 1);
    const char *const slow = "(a+)+[bc]";
    char entry[128];
    snprintf(entry, sizeof entry, "%s=%s", PREFIX "SERVER_REQUEST", slow);
    cr_expect(!matches(filter(HEADERS_SERVER_REQUEST, entry), name));
    snprintf(entry, sizeof entry, "%s=%s", PREFIX "SANITIZE_FIELDS", slow);
    cr_expect(matches(filter(HEADERS_SANITIZED, entry), name));
}

Test(headers, bad_pattern_is_left_out_alone)
{
    const struct header_filter *f = filter(HEADERS_SERVER_REQUEST, PREFIX "SERVER_REQUEST=(a,b.");
    cr_expect(matches(f, "bx") && !matches(f, "a"));
    cr_expect_eq(nr_mistakes, 1);
}
