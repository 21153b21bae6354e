/* A PROXY header in front of what a client sends. */
#include "conn_case.h"

static void setup(void)
{
    conn_begin("tracecontext,baggage");
}

TestSuite(conn_proxy, .init = setup, .timeout = 60);

#define PROXY_V1 "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"
#define PROXY_V2 "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\1\2\3\4\5\6\7\x08\0\1\0\2tlv"

/* The header, then the request with our line in it. */
static void expect_behind(const struct wire *wire, const char *header, size_t len)
{
    static struct wire rest;
    cr_assert_arr_eq(wire->bytes, header, len);
    rest.len = wire->len - len;
    memcpy(rest.bytes, wire->bytes + len, rest.len);
    expect_inserted(&rest, GET, sizeof GET - 1, ANY_HEADER);
}

static void answers(struct conn *c)
{
    reads(c, OK);
    const struct record *r = next_span();
    cr_assert_not_null(r);
    cr_assert_eq(r->kind, SPAN_CLIENT);
    cr_assert_null(next_span());
}

static void introduces(const char *header, size_t len)
{
    static struct wire wire;
    static char both[512];
    memcpy(both, header, len);
    memcpy(both + len, GET, sizeof GET - 1);
    for (size_t piece = 1; piece < 250; piece++) {
        struct conn *c =
            client(); /* in one write, of which the kernel takes as little as it likes */
        wire.len = 0;
        write_pieces(c, &wire, both, len + sizeof GET - 1, piece);
        expect_behind(&wire, header, len);
        answers(c);
        wire.len = 0; /* and the next request */
        write_pieces(c, &wire, GET, sizeof GET - 1, piece);
        expect_inserted(&wire, GET, sizeof GET - 1, ANY_HEADER);
        answers(c);
    }
    for (size_t split = 1; split <= len; split++) { /* in two, the first inside the header */
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, both, split, SIZE_MAX);
        write_pieces(c, &wire, both + split, len - split + sizeof GET - 1,
                     split % 7 ? SIZE_MAX : 5);
        expect_behind(&wire, header, len);
        answers(c);
    }
}

Test(conn_proxy, a_proxy_header_of_a_client_stays_in_front_of_the_request)
{
    introduces(PROXY_V1, sizeof PROXY_V1 - 1);
    introduces(PROXY_V2, sizeof PROXY_V2 - 1);
}

Test(conn_proxy, a_proxy_header_and_a_head_may_lie_in_pieces_of_one_write)
{
    static char wire[512];
    struct conn *c = client();
    struct iovec iov[] = { { (char[]){ "PRO" }, 3 },
                           { (char[]){ "XY UNKNOWN\r\nGET /a" }, 18 },
                           { (char[]){ "" }, 0 },
                           { (char[]){ " HTTP/1.1\r\nHost: h\r\n\r\n" }, 22 } };
    struct iovec out[4 + CONN_EDIT_PIECES + 1];
    struct conn_write w;
    int error = 0;
    size_t len = 0;
    cr_assert(conn_write_begin(&w, c, iov, COUNT(iov), true));
    cr_assert(w.edited);
    int nr = conn_write_pieces(&w, out, COUNT(out));
    for (int i = 0; i < nr; i++) {
        memcpy(wire + len, out[i].iov_base, out[i].iov_len);
        len += out[i].iov_len;
    }
    cr_assert_eq(conn_write_end(&w, (ssize_t)len, &error), 43);
    wire[len] = 0;
    static const char before[] = "PROXY UNKNOWN\r\nGET /a HTTP/1.1\r\ntraceparent: 00-";
    cr_assert_arr_eq(wire, before, sizeof before - 1);
    cr_assert_str_eq(strstr(wire, "Host"), "Host: h\r\n\r\n");
    answers(c);
}

Test(conn_proxy, a_refused_write_of_a_proxy_header_is_made_again)
{
    static struct wire wire;
    static const char both[] = PROXY_V1 GET;
    struct conn *c = client();
    struct iovec iov = { (char *)(uintptr_t)both, sizeof both - 1 };
    struct conn_write w;
    int error = EAGAIN;
    cr_assert(conn_write_begin(&w, c, &iov, 1, true));
    cr_assert_eq(conn_write_end(&w, -1, &error), -1);
    wire.len = 0;
    write_pieces(c, &wire, both, sizeof both - 1, SIZE_MAX);
    expect_behind(&wire, PROXY_V1, sizeof PROXY_V1 - 1);
    answers(c);
}

Test(conn_proxy, a_client_that_was_inherited_may_begin_with_a_proxy_header)
{
    static struct wire wire;
    conn_appeared(ends[1]);
    struct conn *c = conn_of_fd(ends[1]);
    wire.len = 0;
    write_pieces(c, &wire, PROXY_V1 GET, sizeof PROXY_V1 GET - 1, SIZE_MAX);
    expect_behind(&wire, PROXY_V1, sizeof PROXY_V1 - 1);
    answers(c);
}

Test(conn_proxy, what_only_looks_like_a_proxy_header_is_a_request_or_nothing)
{
    static struct wire wire;
    struct conn *c = client();
    wire.len = 0;
    write_pieces(c, &wire, "PROPFIND /a HTTP/1.1\r\nHost: h\r\n\r\n", 33, SIZE_MAX);
    cr_assert_eq(wire.len, 33 + sizeof ANY_HEADER - 1);
    answers(c);
    c = client();
    writes(c, "PROXY TCP4 nobody\r\n" GET);
    cr_assert(conn_is_given_up(c));
    cr_assert_null(next_span());
    c = client(); /* not HTTP behind it */
    writes(c, PROXY_V1 "*1\r\n$4\r\nPING\r\n");
    cr_assert(conn_is_given_up(c));
    cr_assert_null(next_span());
}
