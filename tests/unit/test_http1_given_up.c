/* HTTP/1 that two readers could read in two ways, or that is none: the parser gives up. */
#include <criterion/criterion.h>

#include "http1_runs.h"

Test(http1_given_up, gives_up_what_can_be_read_in_two_ways)
{
    static const char *const cases[] = {
        "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 4, 4\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +4\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0x4\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 4 4\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 000000000000000000000000000000000000000000000000001\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\n 2\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: \x0b"
        "chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding\t: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding\r\n: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: empty\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n\rX",
        "GET / HTTP/1.1\r\r\n\r\n",
        "CONNECT h:1 HTTP/1.1\r\nContent-Length: 4\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET /  HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET /\r\n\r\n",
        "GET /\tx HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "GET / HTTP/1.\r\n\r\n",
        "GET\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02",
        "*1\r\n$4\r\nPING\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_bad(PROTO_REQUESTS, cases[i], strlen(cases[i]));
}

Test(http1_given_up, gives_up_zero_bytes_in_a_head)
{
    static const char *const heads[] = { "GET /# HTTP/1.1\r\n\r\n",
                                         "GET / HTTP/1.1\r\nA: b#c\r\n\r\n",
                                         "GET / HTTP/1.1\r\nA#: b\r\n\r\n",
                                         "#GET / HTTP/1.1\r\n\r\n" };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char bytes[64];
        size_t len = strlen(heads[i]);
        memcpy(bytes, heads[i], len + 1);
        *strchr(bytes, '#') = 0;
        expect_bad(PROTO_REQUESTS, bytes, len);
    }
}

Test(http1_given_up, gives_up_responses_it_does_not_understand)
{
    static const char *const cases[] = {
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "220 ready\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_bad(PROTO_RESPONSES, cases[i], strlen(cases[i]));
}

Test(http1_given_up, gives_up_bad_chunks)
{
    static const char *const cases[] = {
        "x\r\n",
        "-1\r\n",
        "+1\r\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n",
        "1;a\nx\r\n",
        "1\rx",
        "1 1\r\nx\r\n",
        "\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\rx",
        "8000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000000\r\n",
        "1;\x0a\r\n",
        "0\r\nbad trailer\r\n\r\n",
        "0\r\nA : b\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[256];
        snprintf(bytes, sizeof bytes, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%s",
                 cases[i]);
        const char *text = requests(bytes);
        cr_expect(strstr(text, "bad\n") != NULL, "%s: %s", cases[i], text);
        cr_expect(strstr(text, "end") == NULL, "%s: %s", cases[i], text);
    }
}

Test(http1_given_up, takes_lf_alone_as_a_line_end_of_chunks)
{
    cr_expect(strstr(requests("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\nab\n0\n\n"),
                     "end@52 body=2\n") != NULL,
              "%s", whole.text);
}
