/*
 * One side of an HTTP/1 connection through the parser: whole, byte by byte and in random
 * splits; the transcripts must be the same. Shared by test_http1*.c.
 */
#ifndef OTELSHIM_TESTS_HTTP1_RUNS_H
#define OTELSHIM_TESTS_HTTP1_RUNS_H

#include <criterion/criterion.h>

#include "http1_transcript.h"

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct transcript whole, split;

static inline unsigned random_next(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

static inline void feed_split(struct transcript *t, const char *bytes, size_t len, unsigned seed)
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

static inline void setup(struct transcript *t, const struct transcript *like, enum proto_side side)
{
    t->refuse_tunnels = like->refuse_tunnels;
    t->nr_answers = like->nr_answers;
    memcpy(t->answers, like->answers, sizeof t->answers);
    transcript_start(t, side, sizeof t->memory);
}

/* The transcript of the bytes and of the connection's end; the same for every split. */
static inline const char *run_bytes(enum proto_side side, const char *bytes, size_t len)
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

static inline const char *requests(const char *text)
{
    return run_bytes(PROTO_REQUESTS, text, strlen(text));
}

static inline const char *responses(const char *text)
{
    return run_bytes(PROTO_RESPONSES, text, strlen(text));
}

static inline void expect_bad(enum proto_side side, const char *bytes, size_t len)
{
    const char *text = run_bytes(side, bytes, len);
    cr_expect(strstr(text, "bad") != NULL, "%s: %s", bytes, text);
    cr_expect(strstr(text, "head") == NULL, "no head of what is bad: %s: %s", bytes, text);
}

#define EXPECT(actual, expected) cr_expect_str_eq(actual, expected)

#endif
