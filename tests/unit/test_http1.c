/* HTTP/1: bytes in, events out, see shim/proto/http1.h. Every input is fed whole, byte by
 * byte and in random splits: the events must be the same. */
#include <criterion/criterion.h>

#include "http1_transcript.h"

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct transcript whole, split;

static unsigned random_next(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

static void feed_split(struct transcript *t, const char *bytes, size_t len, unsigned seed)
{
    for (size_t at = 0; at < len;) {
        size_t n = seed == 0 ? 1 : 1 + random_next(&seed) % (seed % 3 == 0 ? 4 : 40);
        if (n > len - at)
            n = len - at;
        /* A copy of its own: a read beyond the piece would be seen by ASan. */
        char *piece = malloc(n);
        memcpy(piece, bytes + at, n);
        transcript_feed(t, piece, n);
        free(piece);
        at += n;
    }
}

static void setup(struct transcript *t, const struct transcript *like, enum proto_side side)
{
    t->refuse_tunnels = like->refuse_tunnels;
    t->nr_answers = like->nr_answers;
    memcpy(t->answers, like->answers, sizeof t->answers);
    transcript_start(t, side, sizeof t->memory);
}

/* The transcript of the bytes and of the connection's end; the same for every split. */
static const char *run_bytes(enum proto_side side, const char *bytes, size_t len)
{
    setup(&whole, &whole, side);
    transcript_feed(&whole, bytes, len);
    transcript_finish(&whole);
    for (unsigned seed = 0; seed < 24; seed++) {
        setup(&split, &whole, side);
        feed_split(&split, bytes, len, seed);
        transcript_finish(&split);
        cr_assert_str_eq(split.text, whole.text, "split %u of %.200s", seed, bytes);
    }
    return whole.text;
}

static const char *requests(const char *text)
{
    return run_bytes(PROTO_REQUESTS, text, strlen(text));
}

static const char *responses(const char *text)
{
    return run_bytes(PROTO_RESPONSES, text, strlen(text));
}

static void expect_bad(enum proto_side side, const char *bytes, size_t len)
{
    const char *text = run_bytes(side, bytes, len);
    cr_expect(strstr(text, "bad") != NULL, "%s: %s", bytes, text);
    cr_expect(strstr(text, "head") == NULL, "no head of what is bad: %s: %s", bytes, text);
}

#define EXPECT(actual, expected) cr_expect_str_eq(actual, expected)

Test(http1, tells_a_request_without_body)
{
    EXPECT(requests("GET /index.html?q=1 HTTP/1.1\r\nHost: example.com:8080\r\n"
                    "User-Agent: test/1\r\nAccept: */*\r\n\r\n"),
           "begin@0\n"
           "head@89 1.1 method=1 head=89 line@30 METHOD=GET TARGET=/index.html?q=1 "
           "host=example.com:8080 user-agent=test/1 [user-agent] =test/1\n"
           "end@89 body=0\n");
}

Test(http1, counts_a_body_of_known_length)
{
    EXPECT(requests("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
           "begin@0\n"
           "head@39 1.1 method=2 head=39 length=5 line@18 METHOD=POST TARGET=/a "
           "[content-length] =5\n"
           "end@44 body=5\n");
}

Test(http1, tells_pipelined_requests_apart)
{
    EXPECT(requests("PUT /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.0\r\n\r\n"
                    "\r\nHEAD /3 HTTP/1.1\n\n"),
           "begin@0\n"
           "head@38 1.1 method=3 head=38 length=3 line@17 METHOD=PUT TARGET=/1 "
           "[content-length] =3\n"
           "end@41 body=3\n"
           "begin@41\n"
           "head@60 1.0 method=1 head=19 line@17 METHOD=GET TARGET=/2\n"
           "end@60 body=0\n"
           "begin@62\n"
           "head@80 1.1 method=4 head=18 line@17 lf METHOD=HEAD TARGET=/3\n"
           "end@80 body=0\n");
}

Test(http1, reads_chunks_with_extensions_and_trailers)
{
    EXPECT(requests("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
                    "5\r\nhello\r\n00A ;name=\"v\"\r\n0123456789\r\n0\r\n"
                    "Content-Length: 77\r\nX-Sum: 1\r\n folded\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
           "begin@0\n"
           "head@47 1.1 method=2 head=47 chunked line@17 METHOD=POST TARGET=/\n"
           "end@128 body=15\n"
           "begin@128\n"
           "head@146 1.1 method=1 head=18 line@16 METHOD=GET TARGET=/\n"
           "end@146 body=0\n");
}

Test(http1, tells_responses_by_the_request_they_answer)
{
    whole.nr_answers = 4;
    whole.answers[0] = HTTP_HEAD;
    whole.answers[1] = whole.answers[2] = whole.answers[3] = HTTP_GET;
    EXPECT(responses("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
                     "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"
                     "HTTP/1.1 204\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "HTTP/1.0 404 Not Found\nContent-Length: 2\n\nno"),
           "begin@0\n"
           "head@40 status=200 1.1 method=4 head=40 length=100 line@17 [content-length] =100\n"
           "end@40 body=0\n"
           "begin@40\n"
           "head@90 status=304 1.1 method=1 head=50 length=100 line@27 [content-length] =100\n"
           "end@90 body=0\n"
           "begin@90\n"
           "head@134 status=204 1.1 method=1 head=44 chunked line@14\n"
           "end@134 body=0\n"
           "begin@134\n"
           "head@176 status=404 1.0 method=1 head=42 length=2 line@23 lf [content-length] =2\n"
           "end@178 body=2\n");
}

Test(http1, tells_interim_answers_before_the_real_one)
{
    EXPECT(responses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n"
                     "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
           "begin@0\n"
           "interim@25 status=100 1.1 method=1 head=25 line@23\n"
           "begin@25\n"
           "interim@61 status=103 1.1 method=1 head=36 line@26 [x-a] =1\n"
           "begin@61\n"
           "head@104 status=201 1.1 method=1 head=43 length=0 line@22 [content-length] =0\n"
           "end@104 body=0\n");
}

Test(http1, takes_a_body_up_to_the_close)
{
    EXPECT(responses("HTTP/1.0 200 OK\r\n\r\nsome bytes\r\n\r\nHTTP/1.1 200"),
           "begin@0\n"
           "head@19 status=200 1.0 method=1 head=19 close line@17\n"
           "end@45 body=26\n");
}

Test(http1, says_when_the_connection_ends_inside_a_message)
{
    EXPECT(requests("GET / HTTP/1.1\r\nHo"), "begin@0\ncut body=0\n");
    EXPECT(requests("G"), "begin@0\ncut body=0\n");
    EXPECT(requests("\r\n"), "");
    EXPECT(responses("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234"),
           "begin@0\n"
           "head@38 status=200 1.1 method=1 head=38 length=9 line@17 [content-length] =9\n"
           "cut body=4\n");
    EXPECT(responses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"),
           "begin@0\n"
           "head@47 status=200 1.1 method=1 head=47 chunked line@17\n"
           "cut body=3\n");
}

Test(http1, leaves_an_upgraded_connection_alone)
{
    EXPECT(requests("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
           "begin@0\n"
           "head@61 1.1 method=1 head=61 upgrade line@18 METHOD=GET TARGET=/ws\n"
           "end@61 body=0\n");
    EXPECT(responses("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"),
           "begin@0\n"
           "head@56 status=101 1.1 method=1 head=56 upgrade line@34\n"
           "tunnel\n");
}

Test(http1, opens_a_tunnel_for_connect)
{
    EXPECT(requests("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n\x16\x03\x01\x02\x00"),
           "begin@0\n"
           "head@39 1.1 method=8 head=39 line@24 METHOD=CONNECT TARGET=h:443 host=h:443\n"
           "end@39 body=0\n");
    whole.nr_answers = 1;
    whole.answers[0] = HTTP_CONNECT;
    EXPECT(responses("HTTP/1.1 200 Connection established\r\nContent-Length: 3\r\n\r\nabcdef"),
           "begin@0\n"
           "head@58 status=200 1.1 method=8 head=58 length=3 line@37 [content-length] =3\n"
           "tunnel\n");
    EXPECT(responses("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno"),
           "begin@0\n"
           "head@38 status=407 1.1 method=8 head=38 length=2 line@17 [content-length] =2\n"
           "end@40 body=2\n");
}

Test(http1, goes_on_after_a_refused_tunnel)
{
    whole.refuse_tunnels = true;
    EXPECT(requests("CONNECT h:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
           "begin@0\n"
           "head@26 1.1 method=8 head=26 line@24 METHOD=CONNECT TARGET=h:443\n"
           "end@26 body=0\n"
           "begin@26\n"
           "head@44 1.1 method=1 head=18 line@16 METHOD=GET TARGET=/\n"
           "end@44 body=0\n");
}

Test(http1, keeps_what_context_needs)
{
    EXPECT(requests("GET http://h/x HTTP/1.1\r\nTRACEPARENT:  " TRACEPARENT " \t\r\n"
                    "tracestate: a=1\r\nTraceState: b=2\r\nbaggage: k=v\r\n"
                    "Traceparent: " TRACEPARENT "\r\nX-Forwarded-For: 1.2.3.4\r\n"
                    "x-forwarded-for: 5.6.7.8\r\nX-Forwarded-Proto: https\r\n"
                    "X-Forwarded-Host: front\r\nForwarded: for=1.2.3.4\r\n\r\n"),
           "begin@0\n"
           "head@345 1.1 method=1 head=345 line@25 tp=2@39 METHOD=GET TARGET=http://h/x "
           "traceparent=" TRACEPARENT " tracestate=a=1,b=2 baggage=k=v forwarded=for=1.2.3.4 "
           "x-forwarded-for=1.2.3.4,5.6.7.8 x-forwarded-proto=https x-forwarded-host=front "
           "[x-forwarded-for] =1.2.3.4 [x-forwarded-for] =5.6.7.8 [x-forwarded-proto] =https "
           "[x-forwarded-host] =front\n"
           "end@345 body=0\n");
}

Test(http1, takes_targets_of_every_form)
{
    cr_expect(strstr(requests("OPTIONS * HTTP/1.1\r\n\r\n"), " TARGET=*\n") != NULL);
    cr_expect(strstr(requests("GET https://u@h:1/p?q#f HTTP/1.1\r\n\r\n"),
                     " TARGET=https://u@h:1/p?q#f\n") != NULL);
    cr_expect(strstr(requests("CONNECT [::1]:443 HTTP/1.1\r\n\r\n"), " TARGET=[::1]:443\n") !=
              NULL);
    cr_expect(strstr(requests("GET /\xc3\xa4 HTTP/1.1\r\n\r\n"), " TARGET=/\\c3\\a4\n") != NULL);
    cr_expect(strstr(requests("M-SEARCH * HTTP/1.1\r\n\r\n"), " method=0 ") != NULL);
}

Test(http1, joins_folded_lines)
{
    cr_expect(strstr(requests("GET / HTTP/1.1\r\nX-A: one \r\n\t two\r\n \r\nHost: h\r\n\r\n"),
                     "host=h [x-a] =one two\n") != NULL,
              "%s", whole.text);
    cr_expect(strstr(requests("GET / HTTP/1.1\r\nX-A:\n two\nHost: h\r\n\r\n"),
                     "host=h [x-a] =two\n") != NULL,
              "%s", whole.text);
    /* A folded traceparent cannot be replaced in place. */
    cr_expect(strstr(requests("GET / HTTP/1.1\r\nTraceparent:\r\n " TRACEPARENT "\r\n\r\n"),
                     " tp=1@0 ") != NULL,
              "%s", whole.text);
}

Test(http1, marks_a_request_that_waits_to_send_its_body)
{
    cr_expect(
        strstr(requests("POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx"),
               "length=1 expects") != NULL);
}

Test(http1, gives_up_what_can_be_read_in_two_ways)
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

Test(http1, gives_up_zero_bytes_in_a_head)
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

Test(http1, gives_up_responses_it_does_not_understand)
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

Test(http1, gives_up_bad_chunks)
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

Test(http1, takes_lf_alone_as_a_line_end_of_chunks)
{
    cr_expect(strstr(requests("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\nab\n0\n\n"),
                     "end@52 body=2\n") != NULL,
              "%s", whole.text);
}

Test(http1, bounds_a_chunk_line)
{
    static char bytes[HTTP1_MAX_CHUNK_LINE + 128];
    static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    size_t at = sizeof head - 1;
    memcpy(bytes, head, at);
    memset(bytes + at, '0', HTTP1_MAX_CHUNK_LINE - 3);
    memcpy(bytes + at + HTTP1_MAX_CHUNK_LINE - 3, "1\r\nx\r\n0\r\n\r\n", 12);
    cr_expect(strstr(requests(bytes), "body=1\n") != NULL, "%s", whole.text);
    memmove(bytes + at + 1, bytes + at, HTTP1_MAX_CHUNK_LINE + 10);
    cr_expect(strstr(requests(bytes), "bad\n") != NULL, "%s", whole.text);
}

/* `n` bytes of head: a request line, headers `X: y…`, the blank line. */
static char *head_of(size_t n, char *bytes)
{
    static const char line[] = "GET / HTTP/1.1\r\n";
    memset(bytes, 'y', n);
    memcpy(bytes, line, sizeof line - 1);
    for (size_t at = sizeof line - 1; at < n - 2; at += 1000) {
        memcpy(bytes + at, "A: ", 3);
        if (at > sizeof line)
            memcpy(bytes + at - 2, "\r\n", 2);
    }
    memcpy(bytes + n - 4, "\r\n\r\n", 4);
    bytes[n] = 0;
    return bytes;
}

Test(http1, takes_heads_of_64_kb_and_no_more)
{
    static char bytes[HTTP1_MAX_HEAD + 2];
    cr_expect(strstr(requests(head_of(HTTP1_MAX_HEAD, bytes)), "end@65536 body=0\n") != NULL, "%s",
              whole.text);
    cr_expect_str_eq(requests(head_of(HTTP1_MAX_HEAD + 1, bytes)), "begin@0\nbad\n");
}

Test(http1, survives_ten_thousand_headers)
{
    static char bytes[80000];
    size_t at = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 10000; i++)
        at += (size_t)sprintf(bytes + at, "x-:1\r\n");
    memcpy(bytes + at, "\r\n", 3);
    transcript_start(&whole, PROTO_REQUESTS, sizeof whole.memory);
    transcript_feed(&whole, bytes, at + 2);
    cr_expect(strstr(whole.text, "head@60018 ") != NULL);
    cr_expect_eq(whole.parser.store->nr_captured, HTTP1_MAX_CAPTURED);

    at = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 10000; i++)
        at += (size_t)sprintf(bytes + at, "x-a:1\r\n");
    transcript_start(&whole, PROTO_REQUESTS, sizeof whole.memory);
    transcript_feed(&whole, bytes, at);
    cr_expect_str_eq(whole.text, "begin@0\nbad\n");
}

/* A request whose headers are longer than what is kept of them. */
static const char *long_values(char *bytes)
{
    size_t at = (size_t)sprintf(bytes, "GET /");
    memset(bytes + at, 't', 3000), at += 3000;
    at += (size_t)sprintf(bytes + at, " HTTP/1.1\r\nUser-Agent: ");
    memset(bytes + at, 'u', 300), at += 300;
    at += (size_t)sprintf(bytes + at, "\r\nTraceparent: ");
    memset(bytes + at, '0', 300), at += 300;
    at += (size_t)sprintf(bytes + at, "\r\nX-Forwarded-For: ");
    memset(bytes + at, '1', 200), at += 200;
    at += (size_t)sprintf(bytes + at, "\r\nX-Forwarded-For: ");
    memset(bytes + at, '2', 200), at += 200;
    at += (size_t)sprintf(bytes + at, "\r\nX-Forwarded-For: 3\r\nBaggage: ");
    memset(bytes + at, 'b', 9000), at += 9000;
    at += (size_t)sprintf(bytes + at, "\r\nBaggage: b=1\r\nHost: h\r\n\r\n");
    return bytes;
}

Test(http1, cuts_or_drops_what_is_too_long)
{
    static char bytes[20000];
    requests(long_values(bytes));
    const struct http1_store *s = whole.parser.store;
    cr_expect_eq(s->fields[HTTP1_TARGET].len, 2048);
    cr_expect_eq(s->fields[HTTP1_USER_AGENT].len, 256);
    cr_expect_eq(s->fields[HTTP1_TRACEPARENT].len, 0);
    cr_expect_eq(s->nr_traceparent, 1);
    cr_expect_eq(s->fields[HTTP1_X_FORWARDED_FOR].len, 256);
    cr_expect_eq(http1_store_text(s, s->fields[HTTP1_X_FORWARDED_FOR])[201], '2');
    cr_expect_eq(s->fields[HTTP1_BAGGAGE].len, 0);
    cr_expect_eq(s->fields[HTTP1_HOST].len, 1);
    cr_expect_eq(s->cut, HTTP1_FIELD_BIT(HTTP1_TARGET) | HTTP1_FIELD_BIT(HTTP1_USER_AGENT) |
                             HTTP1_FIELD_BIT(HTTP1_TRACEPARENT) | HTTP1_FIELD_BIT(HTTP1_BAGGAGE) |
                             HTTP1_FIELD_BIT(HTTP1_X_FORWARDED_FOR));
}

Test(http1, needs_no_store_and_no_room_to_follow_the_framing)
{
    static char bytes[20000];
    long_values(bytes);
    size_t len = strlen(bytes);
    for (size_t room = 0; room <= sizeof(struct http1_store) + 4000;
         room += room < 8 ? sizeof(struct http1_store) : 97) {
        transcript_start(&whole, PROTO_REQUESTS, room);
        transcript_feed(&whole, bytes, len);
        cr_expect(strstr(whole.text, "end@") != NULL, "room %zu", room);
        transcript_start(&split, PROTO_REQUESTS, room);
        feed_split(&split, bytes, len, 7);
        cr_expect_str_eq(split.text, whole.text, "room %zu", room);
    }
}

static uint32_t larger[2500];
static struct http1_store *grow(void *owner, struct http1_store *store, size_t more)
{
    ++*(unsigned *)owner;
    cr_assert_leq(more, 8192);
    struct http1_store *grown = http1_store_init(larger, sizeof larger);
    http1_store_move(grown, store);
    memset(store, 0xee, http1_store_bytes(store));
    return grown;
}

Test(http1, moves_to_a_larger_store_when_it_needs_one)
{
    static char bytes[10000];
    const struct http1_env env = { .keep = transcript_env.keep, .grow = grow };
    unsigned grown = 0;
    size_t at = (size_t)sprintf(bytes, "GET /a HTTP/1.1\r\nHost: h\r\nBaggage: k=");
    memset(bytes + at, 'v', 5000), at += 5000;
    at += (size_t)sprintf(bytes + at, "\r\nUser-Agent: u\r\n\r\n");
    transcript_start(&whole, PROTO_REQUESTS, 1024);
    whole.parser.env = &env;
    whole.parser.owner = &grown;
    transcript_feed(&whole, bytes, at);
    const struct http1_store *s = whole.parser.store;
    cr_assert_eq((const void *)s, larger);
    cr_expect_eq(grown, 1);
    cr_expect_eq(s->fields[HTTP1_BAGGAGE].len, 5002);
    cr_expect_eq(memcmp(http1_store_text(s, s->fields[HTTP1_TARGET]), "/a", 2), 0);
    cr_expect_eq(*http1_store_text(s, s->fields[HTTP1_USER_AGENT]), 'u');
    cr_expect_eq(s->cut, 0);
}

Test(http1, survives_a_store_that_is_taken_away)
{
    static const char text[] =
        "GET /abc HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nab";
    for (size_t taken = 0; taken < sizeof text; taken++) {
        transcript_start(&whole, PROTO_REQUESTS, 1024);
        transcript_feed(&whole, text, taken);
        whole.parser.store = NULL;
        transcript_feed(&whole, text + taken, sizeof text - 1 - taken);
        cr_expect(strstr(whole.text, "body=2\n") != NULL, "%zu: %s", taken, whole.text);
    }
}

Test(http1, takes_a_body_at_the_cost_of_its_calls)
{
    static char page[65536];
    enum proto_event event;
    static const char head[] = "PUT / HTTP/1.1\r\nContent-Length: 1099511627776\r\n\r\n";
    transcript_start(&whole, PROTO_REQUESTS, 1024);
    transcript_feed(&whole, head, sizeof head - 1);
    /* 1 TB in 64 KB steps: seconds only if no byte is looked at. */
    for (uint64_t fed = 0; fed < UINT64_C(1) << 40; fed += sizeof page) {
        http1_feed(&whole.parser, page, sizeof page, &event);
        if (event != PROTO_MORE)
            break;
    }
    cr_expect_eq(event, PROTO_END);
    cr_expect_eq(whole.parser.body_bytes, UINT64_C(1) << 40);
    cr_expect(http1_at_message_start(&whole.parser));
}

Test(http1, takes_unseen_bytes_where_they_are_body_for_certain)
{
    struct http1 *p = &whole.parser;
    static const char head[] = "PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\n";
    transcript_start(&whole, PROTO_REQUESTS, 1024);
    transcript_feed(&whole, head, sizeof head - 1);
    cr_expect_eq(http1_body_ahead(p), 10);
    cr_expect_eq(http1_feed_unseen(p, 4), PROTO_MORE);
    cr_expect_eq(http1_feed_unseen(p, 6), PROTO_END);
    cr_expect_eq(p->body_bytes, 10);
    cr_expect_eq(http1_feed_unseen(p, 0), PROTO_MORE);
    cr_expect_eq(http1_feed_unseen(p, 1), PROTO_BAD);

    transcript_start(&whole, PROTO_REQUESTS, 1024);
    transcript_feed(&whole, head, sizeof head - 1);
    cr_expect_eq(http1_feed_unseen(p, 11), PROTO_BAD);

    static const char chunk[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n";
    transcript_start(&whole, PROTO_RESPONSES, 1024);
    transcript_feed(&whole, chunk, sizeof chunk - 1);
    cr_expect_eq(http1_feed_unseen(p, 10), PROTO_MORE);
    transcript_feed(&whole, "\r\n0\r\n\r\n", 7);
    cr_expect(strstr(whole.text, "body=10\n") != NULL);

    transcript_start(&whole, PROTO_RESPONSES, 1024);
    transcript_feed(&whole, "HTTP/1.0 200 OK\r\n\r\n", 19);
    cr_expect_eq(http1_body_ahead(p), UINT64_MAX);
    cr_expect_eq(http1_feed_unseen(p, 1000), PROTO_MORE);
    cr_expect_eq(http1_finish(p), PROTO_END);
}

Test(http1, stands_at_a_message_start_only_between_messages)
{
    static const char text[] =
        "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab\r\nGET / HTTP/1.1\r\n\r\n";
    transcript_start(&whole, PROTO_REQUESTS, 1024);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        cr_expect_eq(http1_at_message_start(&whole.parser), i == 0 || i == 39, "byte %zu", i);
        transcript_feed(&whole, text + i, 1);
    }
    cr_expect(http1_at_message_start(&whole.parser));
}

Test(http1, stays_small)
{
    cr_expect_leq(sizeof(struct http1), 136);
    cr_expect_leq(sizeof(struct http1_store), 76);
}

/* ---- detection ---- */

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

/* ---- a head about to be written ---- */

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
