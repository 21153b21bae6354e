/* HTTP/1 messages: bytes in, events out, see shim/proto/http1.h. */
#include <criterion/criterion.h>

#include "http1_runs.h"

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

Test(http1, skips_the_middle_of_a_body_and_nothing_else)
{
    struct http1 *p = &whole.parser;
    static const char length[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    transcript_start(&whole, PROTO_RESPONSES, 1024);
    cr_expect(!http1_skip_body(p, 1));
    for (size_t i = 0; i < sizeof length - 1; i++) {
        transcript_feed(&whole, length + i, 1);
        cr_expect_eq(http1_skip_body(p, 0), i == sizeof length - 2, "byte %zu", i);
    }
    cr_expect(!http1_skip_body(p, 11));
    cr_expect(!http1_skip_body(p, 10), "the last bytes end the message");
    cr_expect(http1_skip_body(p, 4));
    cr_expect(http1_skip_body(p, 5));
    cr_expect(!http1_skip_body(p, 1));
    transcript_feed(&whole, "x", 1);
    cr_expect(strstr(whole.text, "body=10\n") != NULL, "%s", whole.text);

    static const char chunk[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n";
    transcript_start(&whole, PROTO_RESPONSES, 1024);
    for (size_t i = 0; i < sizeof chunk - 1; i++) {
        transcript_feed(&whole, chunk + i, 1);
        cr_expect_eq(http1_skip_body(p, 0), i == sizeof chunk - 2, "byte %zu", i);
    }
    cr_expect(http1_skip_body(p, 9));
    cr_expect(!http1_skip_body(p, 1), "the last one ends the chunk");
    transcript_feed(&whole, "x\r\n0\r\n\r\n", 8);
    cr_expect(strstr(whole.text, "body=10\n") != NULL, "%s", whole.text);
}

/* Feeds a response up to `at`, then takes its end. */
static bool end_taken(const char *text, size_t at, size_t len, size_t *taken)
{
    transcript_start(&whole, PROTO_RESPONSES, 1024);
    transcript_feed(&whole, text, at);
    return http1_take_end(&whole.parser, len, taken);
}

Test(http1, takes_the_end_of_a_body_of_known_length_and_nothing_else)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    const size_t head = sizeof text - 1 - 4;
    size_t taken;
    for (size_t at = 0; at < head; at++)
        cr_expect(!end_taken(text, at, 100, &taken), "byte %zu", at);
    cr_expect(!end_taken(text, head, 3, &taken));
    for (size_t at = head; at < sizeof text - 1; at++) {
        cr_expect(end_taken(text, at, 100, &taken), "byte %zu", at);
        cr_expect_eq(taken, sizeof text - 1 - at);
        cr_expect_eq(whole.parser.body_bytes, 4);
        cr_expect(http1_at_message_start(&whole.parser));
    }
    cr_expect(!end_taken(text, sizeof text - 1, 100, &taken), "it was told");

    static const char chunk[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n";
    cr_expect(!end_taken(chunk, sizeof chunk - 1, 100, &taken), "its end is told by a line");
    static const char close[] = "HTTP/1.1 200 OK\r\n\r\n";
    cr_expect(!end_taken(close, sizeof close - 1, 100, &taken));
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
