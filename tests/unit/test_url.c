/* URLs: parts and redaction, see shim/proto/url.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "proto/http_method.h"
#include "proto/url.h"

static struct url parse(const char *text)
{
    struct url url;
    cr_assert(url_parse(text, strlen(text), false, &url), "%s", text);
    return url;
}

static void expect_part(const char *text, struct url_part part, const char *expected)
{
    cr_expect(part.len == strlen(expected) && memcmp(text + part.at, expected, part.len) == 0,
              "%s: %.*s, expected %s", text, (int)part.len, text + part.at, expected);
}

static void expect_redacted(const char *text, const char *expected)
{
    char out[4096];
    struct url url = parse(text);
    size_t len = url_redact(text, strlen(text), &url, out, sizeof out);
    cr_expect(len == strlen(expected) && memcmp(out, expected, len) == 0, "%s: %.*s, expected %s",
              text, (int)len, out, expected);
}

Test(url, finds_scheme_host_and_port)
{
    static const struct {
        const char *text, *scheme, *host;
        unsigned port;
    } cases[] = {
        { "http://example.com/", "http", "example.com", 0 },
        { "https://example.com:8443", "https", "example.com", 8443 },
        { "HTTP://Example.com?q=http://other/", "HTTP", "Example.com", 0 },
        { "http:/one.slash/x", "http", "one.slash", 0 },
        { "http:///three.slashes/x", "http", "three.slashes", 0 },
        { "http://[::1]:8080/x", "http", "::1", 8080 },
        { "http://[fe80::1%25eth0]/", "http", "fe80::1%25eth0", 0 },
        { "http://u:p@h:81/", "http", "h", 81 },
        { "http://u@v@h/", "http", "h", 0 },
        { "http://h:99999/", "http", "h", 0 },
        { "http://h:8x/", "http", "h", 0 },
        { "http://h:/", "http", "h", 0 },
        { "http://h#frag@ment", "http", "h", 0 },
        { "file:///etc/passwd", "file", "", 0 },
        { "file://localhost/etc", "file", "localhost", 0 },
        { "example.com:80/x", "", "example.com", 80 },
        { "user:secret@example.com/x", "", "example.com", 0 },
        { "127.0.0.1", "", "127.0.0.1", 0 },
        { "mailto:someone", "", "mailto", 0 },
        { "averyveryverylongscheme://h", "", "averyveryverylongscheme", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url = parse(cases[i].text);
        expect_part(cases[i].text, url.scheme, cases[i].scheme);
        expect_part(cases[i].text, url.host, cases[i].host);
        cr_expect_eq(url.port, cases[i].port, "%s: port %u", cases[i].text, url.port);
    }
}

Test(url, finds_the_query_only_before_the_fragment)
{
    struct url url = parse("http://h/p?a=1&b=2#x?y");
    expect_part("http://h/p?a=1&b=2#x?y", url.query, "a=1&b=2");
    url = parse("http://h/p#x?y");
    cr_expect_eq(url.query.len, 0);
    url = parse("http://h?q");
    expect_part("http://h?q", url.query, "q");
}

Test(url, nothing_is_no_url)
{
    struct url url;
    cr_expect(!url_parse("", 0, false, &url));
}

Test(url, survives_any_bytes_cut_anywhere)
{
    static const char text[] = "http://\0\xff:@[:[]@::?=&sig=\0&Signature#\x80://?#@";
    char out[256];
    for (size_t from = 0; from < sizeof text; from++) {
        for (size_t len = 1; from + len <= sizeof text; len++) {
            struct url url;
            if (!url_parse(text + from, len, len % 2 == 0, &url))
                continue;
            cr_assert(url.host.at + url.host.len <= len);
            cr_assert(url.query.at + url.query.len <= len);
            for (size_t cap = 0; cap < 40; cap += 13)
                cr_assert(url_redact(text + from, len, &url, out, cap) <= cap);
        }
    }
}

Test(url, redacts_user_info)
{
    expect_redacted("http://joe:secret@h/x", "http://REDACTED:REDACTED@h/x");
    expect_redacted("http://joe@h", "http://REDACTED:REDACTED@h");
    expect_redacted("http://joe:p@ss@h/@", "http://REDACTED:REDACTED@h/@");
    expect_redacted("joe:secret@h/x", "REDACTED:REDACTED@h/x");
    expect_redacted("http://@h/", "http://REDACTED:REDACTED@h/");
    expect_redacted("http://h/joe@example.com", "http://h/joe@example.com");
}

Test(url, redacts_values_of_secret_parameters_and_keeps_their_keys)
{
    expect_redacted("http://h/?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3",
                    "http://h/?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED"
                    "&X-Amz-Security-Token=REDACTED");
    expect_redacted("http://h/?AWSAccessKeyId=1&Signature=2&sig=3&X-Goog-Signature=4#f",
                    "http://h/?AWSAccessKeyId=REDACTED&Signature=REDACTED&sig=REDACTED"
                    "&X-Goog-Signature=REDACTED#f");
    expect_redacted("http://h/?sig=a=b&&sig=", "http://h/?sig=REDACTED&&sig=REDACTED");
}

Test(url, keeps_parameters_that_only_look_alike)
{
    static const char *const kept[] = { "http://h/?SIG=1&design=2&sig2=3&sig", "http://h/sig=1",
                                        "http://h/?a=sig=1", "http://h/#sig=1", "http://h/?" };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        expect_redacted(kept[i], kept[i]);
}

Test(url, hides_the_authority_when_a_cut_may_have_taken_the_at_sign)
{
    static const char text[] = "http://joe:very-long-secr";
    char out[64];
    struct url url;
    cr_assert(url_parse(text, strlen(text), true, &url));
    size_t len = url_redact(text, strlen(text), &url, out, sizeof out);
    cr_expect_eq(len, strlen("http://REDACTED"));
    cr_expect_arr_eq(out, "http://REDACTED", len);
}

Test(url, never_writes_beyond_its_bound)
{
    static const char text[] = "http://a@h/?sig=1";
    char out[64];
    struct url url = parse(text);
    for (size_t cap = 0; cap < sizeof out - 1; cap++) {
        memset(out, 'x', sizeof out);
        size_t len = url_redact(text, strlen(text), &url, out, cap);
        cr_assert(len <= cap);
        cr_assert_eq(out[cap], 'x');
    }
}

Test(url, guesses_the_scheme_as_libcurl_does)
{
    static const struct {
        const char *text, *scheme;
    } cases[] = {
        { "example.com", "http" },   { "ftp.example.com/x", "ftp" }, { "FTP.example.com", "ftp" },
        { "u:p@imap.h:1/", "imap" }, { "ftpexample.com", "http" },   { "ftp", "http" },
        { "smtp.h", "smtp" },        { "pop3.h", "pop3" },           { "www.ftp.h", "http" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(url_guess_scheme(cases[i].text, strlen(cases[i].text)), cases[i].scheme,
                         "%s", cases[i].text);
}

Test(url, knows_schemes_in_any_case)
{
    cr_expect_eq(url_default_port("HTTPS", 5), 443);
    cr_expect_eq(url_default_port("http", 4), 80);
    cr_expect_eq(url_default_port("file", 4), 0);
    cr_expect_eq(url_default_port("nonsense", 8), 0);
    cr_expect_str_eq(url_scheme_name("ftp", 3), "FTP");
    cr_expect_null(url_scheme_name("ft", 2));
    cr_expect(url_scheme_is_http("Https", 5));
    cr_expect(!url_scheme_is_http("httpsx", 6));
    cr_expect(!url_scheme_is_http("ws", 2));
}

Test(url, tells_addresses_from_names)
{
    static const char *const numeric[] = { "127.0.0.1", "::1", "fe80::1%25eth0", "::ffff:1.2.3.4" };
    static const char *const names[] = { "localhost", "1.2.3", "1.2.3.4.5", "a::g", "" };
    for (size_t i = 0; i < sizeof numeric / sizeof numeric[0]; i++)
        cr_expect(url_host_is_numeric(numeric[i], strlen(numeric[i])), "%s", numeric[i]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect(!url_host_is_numeric(names[i], strlen(names[i])), "%s", names[i]);
}

Test(http_method, is_known_only_exactly)
{
    static const char *const known[] = { "GET",     "HEAD",  "POST",    "PUT",   "DELETE",
                                         "CONNECT", "TRACE", "OPTIONS", "PATCH", "QUERY" };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        cr_expect(http_method_is_known(known[i], strlen(known[i])), "%s", known[i]);
    cr_expect(!http_method_is_known("get", 3));
    cr_expect(!http_method_is_known("GE", 2));
    cr_expect(!http_method_is_known("GETX", 4));
    cr_expect(!http_method_is_known("", 0));
}

Test(url, redacts_a_query_alone)
{
    static const char *const cases[][2] = {
        { "a=b&sig=secret&c", "a=b&sig=REDACTED&c" },
        { "sig=", "sig=REDACTED" },
        { "Sig=shown&xsig=shown", "Sig=shown&xsig=shown" },
        { "X-Amz-Signature=a=b&&", "X-Amz-Signature=REDACTED&&" },
        { "", "" },
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = url_redact_query(cases[i][0], strlen(cases[i][0]), out, sizeof out);
        cr_expect(len == strlen(cases[i][1]) && memcmp(out, cases[i][1], len) == 0, "%s: %.*s",
                  cases[i][0], (int)len, out);
    }
    cr_expect_eq(url_redact_query("sig=secret", 10, out, 6), 6);
    cr_expect_eq(memcmp(out, "sig=RE", 6), 0);
}
