/* What of an HTTP/1 message is kept, and how long it may be. */
#include <criterion/criterion.h>

#include "http1_runs.h"

Test(http1_bounds, bounds_a_chunk_line)
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

Test(http1_bounds, takes_heads_of_64_kb_and_no_more)
{
    static char bytes[HTTP1_MAX_HEAD + 2];
    cr_expect(strstr(requests(head_of(HTTP1_MAX_HEAD, bytes)), "end@65536 body=0\n") != NULL, "%s",
              whole.text);
    cr_expect_str_eq(requests(head_of(HTTP1_MAX_HEAD + 1, bytes)), "begin@0\nbad\n");
}

Test(http1_bounds, survives_ten_thousand_headers)
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

Test(http1_bounds, cuts_or_drops_what_is_too_long)
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

Test(http1_bounds, needs_no_store_and_no_room_to_follow_the_framing)
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

Test(http1_bounds, moves_to_a_larger_store_when_it_needs_one)
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

Test(http1_bounds, survives_a_store_that_is_taken_away)
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

Test(http1_bounds, takes_a_body_at_the_cost_of_its_calls)
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

Test(http1_bounds, stays_small)
{
    cr_expect_leq(sizeof(struct http1), 136);
    cr_expect_leq(sizeof(struct http1_store), 116);
}
