/* A request head that is about to be written: our place in it. */
#include <criterion/criterion.h>

#include "http1_runs.h"

static void expect_span(const char *text, struct http1_span span, const char *expected)
{
    cr_expect(span.len == strlen(expected) && memcmp(text + span.at, expected, span.len) == 0,
              "%.*s, expected %s", (int)span.len, text + span.at, expected);
}

Test(http1_scan, finds_the_place_for_a_header)
{
    static const char text[] = "GET /x?y HTTP/1.1\r\nHost: h:1\r\n\r\nbody";
    struct http1_head head;
    cr_assert_eq(http1_scan_head(text, sizeof text - 1, &head), HTTP1_SCAN_COMPLETE);
    cr_expect_eq(head.insert_at, 19);
    cr_expect_eq(head.line_end, 2);
    cr_expect_eq(head.end, sizeof text - 1 - 4);
    cr_expect_eq(head.method, HTTP_GET);
    cr_expect_eq(head.minor, 1);
    cr_expect_eq(head.nr_traceparent, 0);
    expect_span(text, head.target, "/x?y");
    expect_span(text, head.host, "h:1");
}

Test(http1_scan, finds_the_context_that_is_there)
{
    static const char text[] =
        "\r\nPOST / HTTP/1.0\nTRACEPARENT:\t" TRACEPARENT "  \ntracestate:a=1\n"
        "Traceparent: second\nBaggage: k=v\n\n";
    struct http1_head head;
    cr_assert_eq(http1_scan_head(text, sizeof text - 1, &head), HTTP1_SCAN_COMPLETE);
    cr_expect_eq(head.line_end, 1);
    cr_expect_eq(head.insert_at, 18);
    cr_expect_eq(head.minor, 0);
    cr_expect_eq(head.nr_traceparent, 2);
    expect_span(text, head.traceparent, TRACEPARENT);
    expect_span(text, head.tracestate, "a=1");
    expect_span(text, head.baggage, "k=v");
}

Test(http1_scan, says_what_is_not_whole)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\nTraceparent: x\r\n folded\r\n\r\n";
    struct http1_head head;
    for (size_t len = 0; len < sizeof text - 1; len++)
        cr_expect_eq(http1_scan_head(text, len, &head), HTTP1_SCAN_PARTIAL, "%zu", len);
    cr_expect_eq(http1_scan_head(text, sizeof text - 1, &head), HTTP1_SCAN_COMPLETE);
    cr_expect_eq(head.nr_traceparent, 1);
    cr_expect_eq(head.traceparent.len, 0);
}

Test(http1_scan, keeps_its_hands_off_what_is_no_request)
{
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\n A: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
        "\x16\x03\x01",
        "GET / HTTP/1.1\r\nnothing\r\n\r\n",
        "GET / HTTP/1.1\r\n\rX",
        " / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.x\r\n\r\n",
        "ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\n\r\n",
    };
    struct http1_head head;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_eq(http1_scan_head(texts[i], strlen(texts[i]), &head), HTTP1_SCAN_NOT, "%s",
                     texts[i]);
    cr_expect_eq(http1_scan_head("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 23, &head), HTTP1_SCAN_NOT);
}
