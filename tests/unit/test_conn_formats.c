/* Contexts in formats beside the W3C's in the bytes of connections, put in and replaced. */
#include "conn_case.h"

#include "context/carried.h"

static void setup(void)
{
    conn_begin("tracecontext,baggage,b3,b3multi,jaeger,xray");
}

TestSuite(conn_formats, .init = setup, .timeout = 60);

#define T "0af7651916cd43dd8448eb211c80319c"
#define S "b7ad6b7169203331"

/* The wire holds the pattern: '*' any byte, '#' one of the span's id in hexadecimal. */
static void expect_wire(const struct wire *wire, const char *pattern, const struct record *span)
{
    static const char hex[] = "0123456789abcdef";
    size_t len = strlen(pattern), digit = 0;
    cr_assert_eq(wire->len, len, "%zu, not %zu: %.*s", wire->len, len, (int)wire->len, wire->bytes);
    for (size_t i = 0; i < len; i++) {
        char expected = pattern[i];
        if (expected == '*')
            continue;
        if (expected == '#') {
            uint8_t byte = span->span_id[digit / 2];
            expected = hex[digit % 2 ? byte & 15 : byte >> 4];
            digit = (digit + 1) % 16;
        }
        cr_assert_eq(wire->bytes[i], expected, "byte %zu: %.*s", i, (int)wire->len, wire->bytes);
    }
}

#define TRACE "********************************"
#define SPAN "################"
#define ALL_LINES \
    "b3: " TRACE "-" SPAN "-1\r\nx-b3-spanid: " SPAN "\r\nx-b3-traceid: " TRACE \
    "\r\nx-b3-sampled: 1\r\nuber-trace-id: " TRACE ":" SPAN ":0:1\r\nx-amzn-trace-id: " \
    "Root=1-********-************************;Parent=" SPAN ";Sampled=1\r\n"

Test(conn_formats, all_go_in_whole_however_little_the_kernel_takes)
{
    static struct wire wire;
    for (size_t piece = 1; piece < 600; piece += piece < 80 ? 1 : 7) {
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, GET, sizeof GET - 1, piece);
        reads(c, OK);
        const struct record *sent = next_span();
        cr_assert_not_null(sent);
        expect_wire(&wire,
                    "GET /a?b=c HTTP/1.1\r\ntraceparent: 00-" TRACE "-" SPAN "-**\r\n" ALL_LINES
                    "Host: example.test:81\r\n\r\n",
                    sent);
    }
}

/* All in one write, of which the kernel takes `first` bytes; then the program writes `offer`
 * bytes at a time. */
static void write_less(struct conn *c, struct wire *wire, const char *text, size_t first,
                       size_t offer)
{
    size_t len = strlen(text);
    ssize_t n = write_once(c, wire, text, len, first);
    for (text += n > 0 ? n : 0, len -= n > 0 ? (size_t)n : 0; len > 0;) {
        size_t some = offer < len ? offer : len;
        write_pieces(c, wire, text, some, SIZE_MAX);
        text += some;
        len -= some;
    }
}

/* A proxy copies the request: what is sent, and whose child it is. */
static void forwards(const char *in, const char *pattern)
{
    static struct wire wire;
    for (size_t piece = 1; piece < 2 * strlen(pattern); piece++) {
        struct conn *s = server();
        reads(s, in);
        struct conn *c = client();
        wire.len = 0;
        if (piece <= strlen(pattern))
            write_pieces(c, &wire, in, strlen(in), piece);
        else
            write_less(c, &wire, in, piece - strlen(pattern), 1 + piece % 11);
        struct record sent;
        answered(s, c, &sent);
        expect_wire(&wire, pattern, &sent);
    }
}

Test(conn_formats, all_that_the_caller_sent_name_the_clients_span)
{
    forwards(
        "GET /x HTTP/1.1\r\nTraceparent: 00-" T "-" S "-01\r\nHost: h\r\nB3: " T "-" S
        "-1-00f067aa0ba902b7\r\nCookie: a=b\r\nX-B3-TraceId: " T "\r\nX-B3-SpanId: " S
        "\r\nUber-Trace-Id: " T "%3A" S "%3A0%3A1\r\nX-Amzn-Trace-Id: Self=1-2;Root=1-0af76519-"
        "16cd43dd8448eb211c80319c;Parent=" S ";Sampled=1\r\nAccept: */*\r\n\r\n",
        "GET /x HTTP/1.1\r\nTraceparent: 00-" T "-" SPAN "-01\r\nHost: h\r\nB3: " T "-" SPAN
        "-1-00f067aa0ba902b7\r\nCookie: a=b\r\nX-B3-TraceId: " T "\r\nX-B3-SpanId: " SPAN
        "\r\nUber-Trace-Id: " T "%3A" SPAN "%3A0%3A1\r\nX-Amzn-Trace-Id: Self=1-2;Root=1-0af7651"
        "9-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1\r\nAccept: */*\r\n\r\n");
}

Test(conn_formats, a_format_that_the_caller_did_not_send_goes_in_beside_it)
{
    forwards("GET /x HTTP/1.1\r\nHost: h\r\ntraceparent: 00-" T "-" S "-01\r\n\r\n",
             "GET /x HTTP/1.1\r\nb3: " T "-" SPAN "-1\r\nx-b3-spanid: " SPAN "\r\nx-b3-traceid: " T
             "\r\nx-b3-sampled: 1\r\nuber-trace-id: " T ":" SPAN ":0:1\r\nx-amzn-trace-id: "
             "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1\r\nHost: h\r\n"
             "traceparent: 00-" T "-" SPAN "-01\r\n\r\n");
}

Test(conn_formats, one_format_alone_is_replaced_in_place)
{
    conn_begin("b3");
    forwards("GET /x HTTP/1.1\r\nHost: h\r\nb3: " T "-" S "-d\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: h\r\nb3: " T "-" SPAN "-d\r\n\r\n");
    forwards("GET /x HTTP/1.1\r\nHost: h\r\nb3: 8448eb211c80319c-" S "\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: h\r\nb3: 8448eb211c80319c-" SPAN "\r\n\r\n");
}

Test(conn_formats, a_span_id_without_its_zeros_becomes_a_longer_one)
{
    conn_begin("jaeger");
    forwards("GET /x HTTP/1.1\r\nHost: h\r\nuber-trace-id: 1f:2e:0:1\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: h\r\nuber-trace-id: 1f:" SPAN ":0:1\r\n\r\n");
}

Test(conn_formats, several_of_different_length_are_replaced_at_once)
{
    conn_begin("jaeger,b3");
    forwards("GET /x HTTP/1.1\r\nuber-trace-id: 1f:2e:0:1\r\nHost: h\r\nb3: "
             "000000000000001f-000000000000002e-1\r\n\r\n",
             "GET /x HTTP/1.1\r\nuber-trace-id: 1f:" SPAN ":0:1\r\nHost: h\r\nb3: "
             "000000000000001f-" SPAN "-1\r\n\r\n");
}

Test(conn_formats, a_body_behind_a_copied_head_stays_what_it_is)
{
    forwards("POST /x HTTP/1.1\r\nContent-Length: 10\r\ntraceparent: 00-" T "-" S
             "-01\r\n\r\n0123456789",
             "POST /x HTTP/1.1\r\nb3: " T "-" SPAN "-1\r\nx-b3-spanid: " SPAN "\r\nx-b3-traceid: " T
             "\r\nx-b3-sampled: 1\r\nuber-trace-id: " T ":" SPAN ":0:1\r\nx-amzn-trace-id: "
             "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN
             ";Sampled=1\r\nContent-Length: 10\r\ntraceparent: 00-" T "-" SPAN
             "-01\r\n\r\n0123456789");
}

Test(conn_formats, where_there_is_no_room_for_the_copy_the_first_one_is_replaced)
{
    static struct wire wire;
    static char in[CARRIED_LONG_BYTES + 1024], filler[CARRIED_LONG_BYTES];
    conn_begin("b3,jaeger");
    memset(filler, 'x', sizeof filler - 1);
    snprintf(in, sizeof in,
             "GET / HTTP/1.1\r\nb3: " T "-" S "-1\r\nX-Filler: %s\r\nuber-trace-id: " T ":" S
             ":0:1\r\n\r\n",
             filler);
    struct conn *s = server();
    reads(s, in);
    struct conn *c = client();
    write_pieces(c, &wire, in, strlen(in), SIZE_MAX);
    cr_assert_eq(wire.len, strlen(in));
    size_t id = (size_t)(strstr(in, S) - in);
    cr_assert_neq(memcmp(wire.bytes + id, S, 16), 0);
    cr_assert_arr_eq(wire.bytes + id + 16, in + id + 16, wire.len - id - 16);
}

Test(conn_formats, what_is_malformed_stays_and_others_go_in)
{
    static struct wire wire;
    static const char out[] = "GET /x HTTP/1.1\r\nb3: 0\r\nHost: h\r\n\r\n";
    conn_begin("b3,jaeger");
    struct conn *c = client();
    write_pieces(c, &wire, out, sizeof out - 1, SIZE_MAX);
    reads(c, OK);
    expect_wire(&wire,
                "GET /x HTTP/1.1\r\nuber-trace-id: " TRACE ":" SPAN ":0:1\r\nb3: 0\r\nHost: "
                "h\r\n\r\n",
                next_span());
}

Test(conn_formats, a_context_of_another_sdk_stays_and_is_the_parent)
{
    static struct wire wire;
    static const char out[] =
        "GET /x HTTP/1.1\r\nx-b3-traceid: " T "\r\nx-b3-spanid: " S "\r\nHost: h\r\n\r\n";
    static const uint8_t parent[8] = { 0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31 };
    struct conn *c = client();
    write_pieces(c, &wire, out, sizeof out - 1, SIZE_MAX);
    cr_assert_eq(wire.len, sizeof out - 1);
    cr_assert_arr_eq(wire.bytes, out, wire.len);
    reads(c, OK);
    cr_assert_arr_eq(next_span()->parent_span_id, parent, 8);
}

Test(conn_formats, empty_lines_before_a_request_are_before_the_header)
{
    static struct wire wire;
    static const char out[] = "\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n";
    conn_begin("b3");
    struct conn *c = client();
    writes(c, GET); /* a client begins with a request, not with an empty line */
    reads(c, OK);
    next_span();
    for (size_t piece = 1; piece < 120; piece++) {
        wire.len = 0;
        write_pieces(c, &wire, out, sizeof out - 1, piece);
        reads(c, OK);
        const struct record *sent = next_span();
        expect_wire(&wire, "\r\n\r\nGET /x HTTP/1.1\r\nb3: " TRACE "-" SPAN "-1\r\nHost: h\r\n\r\n",
                    sent);
    }
}
