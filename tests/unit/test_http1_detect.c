/* Whether the first bytes of a connection are HTTP/1. */
#include <criterion/criterion.h>

#include "proto/http1.h"

static void expect_guess(const char *text, enum proto_guess expected)
{
    size_t len = strlen(text);
    cr_expect_eq(http1_detect(text, len), expected, "%.60s: %d", text, http1_detect(text, len));
    /* What was sure with fewer bytes stays as it was said. */
    enum proto_guess before = PROTO_UNSURE;
    for (size_t i = 0; i <= len; i++) {
        enum proto_guess guess = http1_detect(text, i);
        if (expected != PROTO_UNLIKE)
            cr_expect_neq(guess, PROTO_UNLIKE, "%.60s at %zu", text, i);
        if (before == PROTO_UNLIKE)
            cr_expect_eq(guess, PROTO_UNLIKE, "%.60s at %zu", text, i);
        before = guess;
    }
}

Test(http1_detect, knows_requests_and_responses)
{
    static const char *const requests_text[] = {
        "GET / HTTP/1.1\r\n",
        "POST /x",
        "OPTIONS * HTTP/1.0",
        "\r\nGET / HTTP/1.1",
        "CONNECT h:443 HTTP/1.1\r\n",
        "GET http://h/ HTTP/1.1",
        "PROPFIND /dav",
        "BREW /pot HTTP/1.1\r\n",
        "M-SEARCH * HTTP/1.1\r\n",
        "BREW /a/long/path/that/does/not/end/within/the/first/bytes/of/the/line",
    };
    for (size_t i = 0; i < sizeof requests_text / sizeof requests_text[0]; i++)
        expect_guess(requests_text[i], PROTO_LIKELY_REQUEST);
    expect_guess("HTTP/1.1 200 OK\r\n", PROTO_LIKELY_RESPONSE);
    expect_guess("HTTP/1.", PROTO_LIKELY_RESPONSE);
}

Test(http1_detect, asks_for_more)
{
    static const char *const texts[] = { "",     "G",         "GET",  "GET ",
                                         "HTTP", "BREW /pot", "\r\n", "BREW /pot HTTP",
                                         "PRI" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_guess(texts[i], PROTO_UNSURE);
}

Test(http1_detect, knows_what_is_something_else)
{
    static const char *const texts[] = {
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01",
        "*1\r\n$4\r\nPING\r\n",
        "PING\r\n",
        "SET key value\r\n",
        "EHLO host\r\n",
        "SSH-2.0-OpenSSH_9\r\n",
        "\x80",
        "220 mail ESMTP\r\n",
        "GET key\r\n",
        "get key1 key2\r\n",
        "a1 LOGIN u p\r\n",
        " GET / HTTP/1.1",
        "GET / HTTP/2\r\n",
        "GET /\r\n",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "RTSP/1.0 200 OK\r\n",
        "OPTIONS rtsp://h/ RTSP/1.0\r\n",
        "INVITE sip:u@h SIP/2.0\r\n",
        "{\"a\":1}",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_guess(texts[i], PROTO_UNLIKE);
}

Test(http1_detect, is_sure_with_its_bound)
{
    char text[HTTP1_DETECT_MAX + 1];
    static const char *const starts[] = {
        "G",      "\r\n\r\nGET ", "ABCDEFGHIJKLMNOPQRSTUVWX ", "\r\n\r\nABCDEFGHIJKLMNOPQRSTUVWX /",
        "BREW x", "A / HTTP/1"
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        memset(text, 'x', sizeof text);
        memcpy(text, starts[i], strlen(starts[i]));
        cr_expect_neq(http1_detect(text, HTTP1_DETECT_MAX), PROTO_UNSURE, "%s", starts[i]);
    }
    memset(text, '\n', sizeof text);
    cr_expect_neq(http1_detect(text, HTTP1_DETECT_MAX), PROTO_UNSURE);
}
