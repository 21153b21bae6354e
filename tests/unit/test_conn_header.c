/* Our header in what goes out, and the program's own context there. */
#include "conn_case.h"

static void setup(void)
{
    conn_begin("tracecontext,baggage");
}

TestSuite(conn_header, .init = setup, .timeout = 60);

Test(conn_header, a_header_goes_in_whole_however_little_the_kernel_takes)
{
    static struct wire wire;
    for (size_t piece = 1; piece < 200; piece++) {
        struct conn *c = client();
        wire.len = wire.again = 0;
        write_pieces(c, &wire, GET, sizeof GET - 1, piece);
        expect_inserted(&wire, GET, sizeof GET - 1, ANY_HEADER);
        cr_assert(piece >= 35 || wire.again > 0);
        reads(c, OK);
        const struct record *r = next_span();
        cr_assert_not_null(r, "pieces of %zu", piece);
        cr_assert_eq(r->kind, SPAN_CLIENT);
        static const char hex[] = "0123456789abcdef";
        for (unsigned i = 0; i < 8; i++) { /* the header names the very span */
            const char *at = strstr(wire.bytes, "traceparent: ") + 13 + 36 + 2 * i;
            cr_assert_eq(at[0], hex[r->span_id[i] >> 4]);
            cr_assert_eq(at[1], hex[r->span_id[i] & 15]);
        }
    }
}

Test(conn_header, requests_after_the_first_get_headers_of_their_own)
{
    static struct wire wire;
    struct conn *c = client();
    for (unsigned i = 0; i < 3; i++) {
        wire.len = 0;
        write_pieces(c, &wire, GET, sizeof GET - 1, SIZE_MAX);
        expect_inserted(&wire, GET, sizeof GET - 1, ANY_HEADER);
        reads(c, OK);
        cr_assert_not_null(next_span());
    }
}

Test(conn_header, an_answer_that_is_read_before_the_writer_is_back_changes_nothing)
{
    static struct wire wire;
    struct conn *c = client();
    for (unsigned i = 0; i < 3; i++) {
        wire.len = 0;
        cr_assert_eq(write_and_read(c, &wire, GET, sizeof GET - 1, SIZE_MAX, OK), sizeof GET - 1);
        expect_inserted(&wire, GET, sizeof GET - 1, ANY_HEADER);
        cr_assert_not_null(next_span());
    }
}

/* A third thread writes the next request before the first one is back. */
Test(conn_header, a_write_that_overtakes_the_end_of_an_answered_one_has_its_own_header)
{
    static struct wire wire;
    struct conn *c = client();
    struct iovec iov = { (char[]){ GET }, sizeof GET - 1 };
    const ssize_t sent = sizeof GET - 1 + sizeof ANY_HEADER - 1;
    struct conn_write first, next;
    int error = 0;
    for (unsigned i = 0; i < 40; i++) {
        cr_assert(conn_write_begin(&first, c, &iov, 1, true) && first.edited);
        reads(c, OK);
        cr_assert_not_null(next_span());
        cr_assert(conn_write_begin(&next, c, &iov, 1, true) && next.edited);
        if (i % 2 == 0)
            cr_assert_eq(conn_write_end(&first, sent, &error), sizeof GET - 1);
        cr_assert_eq(conn_write_end(&next, sent, &error), sizeof GET - 1);
        if (i % 2 != 0)
            cr_assert_eq(conn_write_end(&first, sent, &error), sizeof GET - 1);
        reads(c, OK);
        cr_assert_not_null(next_span());
    }
    wire.len = 0;
    write_pieces(c, &wire, GET, sizeof GET - 1, SIZE_MAX);
    expect_inserted(&wire, GET, sizeof GET - 1, ANY_HEADER);
}

/* Nothing says that the first one is out: what is whose cannot be told. */
Test(conn_header, two_writes_at_once_are_left_alone)
{
    struct conn *c = client();
    struct iovec iov = { (char[]){ GET }, sizeof GET - 1 };
    struct conn_write first, next;
    int error = 0;
    cr_assert(conn_write_begin(&first, c, &iov, 1, true) && first.edited);
    cr_assert_not(conn_write_begin(&next, c, &iov, 1, true));
    cr_assert_eq(conn_write_end(&first, sizeof GET - 1 + sizeof ANY_HEADER - 1, &error),
                 sizeof GET - 1);
    cr_assert_not(conn_write_begin(&next, c, &iov, 1, true));
}

/* Cut before our header, in it and behind it. */
Test(conn_header, an_answer_to_half_a_head_leaves_what_was_begun_whole)
{
    static struct wire wire;
    const size_t line = strlen("GET /a?b=c HTTP/1.1\r\n"), len = sizeof GET - 1;
    for (size_t piece = 1; piece < len + strlen(ANY_HEADER); piece++) {
        struct conn *c = client();
        wire.len = 0;
        ssize_t n = write_and_read(c, &wire, GET, len, piece, OK);
        cr_assert_not_null(next_span());
        write_pieces(c, &wire, &GET[n > 0 ? n : 0], len - (size_t)(n > 0 ? n : 0), 7);
        if (piece > line) {
            expect_inserted(&wire, GET, len, ANY_HEADER);
        } else {
            cr_assert_eq(wire.len, len);
            cr_assert_arr_eq(wire.bytes, GET, len);
        }
        reads(c, OK);
        cr_assert_null(next_span(), "pieces of %zu", piece);
    }
}

Test(conn_header, a_body_is_never_touched)
{
    static struct wire wire;
    static char post[40000];
    int head = snprintf(post, sizeof post, "POST /p HTTP/1.1\r\nContent-Length: 30000\r\n\r\n");
    for (int i = head; i < head + 30000; i += 37) /* bodies may look like requests */
        memcpy(post + i, "GET / HTTP/1.1\r\nHost: evil\r\n\r\n.......", 37);
    size_t len = (size_t)head + 30000;
    static const size_t pieces[] = { 1, 13, 64, 71, 4096, SIZE_MAX };
    for (unsigned p = 0; p < COUNT(pieces); p++) {
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, post, len, pieces[p]);
        expect_inserted(&wire, post, len, ANY_HEADER);
    }
}

Test(conn_header, a_head_in_several_writes_has_a_span_and_no_header)
{
    static struct wire wire;
    struct conn *c = client();
    write_pieces(c, &wire, GET, 10, SIZE_MAX);
    write_pieces(c, &wire, &GET[10], sizeof GET - 11, SIZE_MAX);
    cr_assert_eq(wire.len, sizeof GET - 1);
    cr_assert_arr_eq(wire.bytes, GET, wire.len);
    reads(c, OK);
    cr_assert_not_null(next_span());
}

#define CALLER "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Test(conn_header, a_forwarded_traceparent_gets_the_span_id_in_place)
{
    static struct wire wire;
    static const char in[] = "GET /x HTTP/1.1\r\nTraceparent: " CALLER "\r\nHost: h\r\n\r\n";
    for (size_t piece = 1; piece < sizeof in + 2; piece++) {
        struct conn *s = server();
        reads(s, in);
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, in, sizeof in - 1, piece);
        cr_assert_eq(wire.len, sizeof in - 1);
        size_t id = (size_t)(strstr(in, "b7ad") - in);
        cr_assert_arr_eq(wire.bytes, in, id);
        cr_assert_arr_eq(wire.bytes + id + 16, in + id + 16, wire.len - id - 16);
        cr_assert_neq(memcmp(wire.bytes + id, "b7ad6b7169203331", 16), 0);
        cr_assert_eq(wire.again, 0);
        struct record sent;
        answered(s, c, &sent);
    }
}

Test(conn_header, a_traceparent_of_another_sdk_stays_and_is_the_parent)
{
    static struct wire wire;
    static const char out[] = "GET /x HTTP/1.1\r\ntraceparent: " CALLER "\r\nHost: h\r\n\r\n";
    struct conn *c = client();
    write_pieces(c, &wire, out, sizeof out - 1, SIZE_MAX);
    cr_assert_eq(wire.len, sizeof out - 1);
    cr_assert_arr_eq(wire.bytes, out, wire.len);
    reads(c, OK);
    static const uint8_t parent[8] = { 0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31 };
    cr_assert_arr_eq(next_span()->parent_span_id, parent, 8);
}

Test(conn_header, tracestate_and_baggage_go_along)
{
    static struct wire wire;
    struct conn *s = server();
    reads(s, "GET / HTTP/1.1\r\nHost: h\r\ntraceparent: " CALLER
             "\r\ntracestate: v=1\r\nbaggage: k=2\r\n\r\n");
    for (size_t piece = 1; piece < 220; piece++) {
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, GET, sizeof GET - 1, piece);
        expect_inserted(&wire, GET, sizeof GET - 1,
                        ANY_HEADER "tracestate: v=1\r\nbaggage: k=2\r\n");
        reads(c, OK);
        cr_assert_not_null(next_span());
    }
}

Test(conn_header, a_stale_number_is_never_written_into)
{
    static struct wire wire;
    struct conn *c = client();
    int other[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    cr_assert_eq(dup2(other[0], ends[1]), ends[1]); /* behind our back */
    write_pieces(c, &wire, GET, sizeof GET - 1, SIZE_MAX);
    cr_assert_eq(wire.len, sizeof GET - 1);
    cr_assert_arr_eq(wire.bytes, GET, wire.len);
}

Test(conn_header, a_refused_write_is_no_request)
{
    struct conn *c = client();
    struct iovec iov = { (char[]){ GET }, sizeof GET - 1 };
    struct conn_write w;
    int error = EAGAIN;
    cr_assert(conn_write_begin(&w, c, &iov, 1, true));
    cr_assert_eq(conn_write_end(&w, -1, &error), -1);
    cr_assert_eq(error, EAGAIN);
    cr_assert_null(next_span());
    writes(c, GET);
    reads(c, OK);
    cr_assert_not_null(next_span());
    cr_assert_null(next_span());
}
