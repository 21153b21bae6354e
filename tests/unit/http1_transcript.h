/*
 * Feeds bytes to an HTTP/1 parser in any split and writes down what it tells: one
 * line per event, with all that is known then. Two splits of the same bytes must
 * give the same text. Shared by test_http1.c and the fuzz target.
 */
#ifndef OTELSHIM_TESTS_HTTP1_TRANSCRIPT_H
#define OTELSHIM_TESTS_HTTP1_TRANSCRIPT_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http1.h"

#define TRANSCRIPT_MAX 65536u

struct transcript {
    struct http1 parser;
    enum http_method answers[8]; /* of the requests that are answered, in order */
    unsigned nr_answers, answered;
    bool refuse_tunnels;
    unsigned fed; /* bytes */
    size_t len;
    bool ended; /* BAD was told */
    uint32_t memory[3000];
    char text[TRANSCRIPT_MAX];
};

static inline bool transcript_captures(const char *name, size_t len)
{
    return (len == 12 && memcmp(name, "content-type", 12) == 0) ||
           (len == 10 && memcmp(name, "user-agent", 10) == 0) ||
           (len == 14 && memcmp(name, "content-length", 14) == 0) ||
           (len > 1 && name[0] == 'x' && name[1] == '-');
}

static const struct http1_env transcript_env = {
    .keep = (1u << HTTP1_FIELD_COUNT) - 1,
    .capture = transcript_captures,
};

__attribute__((format(printf, 2, 3))) static inline void transcript_put(struct transcript *t,
                                                                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->text + t->len, sizeof t->text - t->len, format, args);
    va_end(args);
    if (n > 0)
        t->len += (size_t)n < sizeof t->text - t->len ? (size_t)n : sizeof t->text - t->len - 1;
}

static inline void transcript_put_text(struct transcript *t, const char *name, const char *text,
                                       size_t len)
{
    transcript_put(t, " %s=", name);
    for (size_t i = 0; i < len; i++)
        transcript_put(t, text[i] >= ' ' && text[i] < 127 ? "%c" : "\\%02x",
                       (unsigned char)text[i]);
}

static inline void transcript_put_head(struct transcript *t)
{
    static const char *const names[] = {
#define X(id, header, bytes, many, over) header[0] ? header : #id,
        HTTP1_FIELDS(X)
#undef X
    };
    const struct http1 *p = &t->parser;
    const struct http1_store *s = p->store;
    if (p->side == PROTO_RESPONSES)
        transcript_put(t, " status=%u", p->status);
    transcript_put(t, " 1.%u method=%u head=%u", p->minor, p->method, p->head_bytes);
    if (p->flags & HTTP1_HAS_LENGTH)
        transcript_put(t, " length=%llu", (unsigned long long)p->content_length);
    transcript_put(t, "%s%s%s%s", p->flags & HTTP1_CHUNKED ? " chunked" : "",
                   p->flags & HTTP1_UNTIL_CLOSE ? " close" : "",
                   p->flags & HTTP1_EXPECTS ? " expects" : "",
                   p->flags & HTTP1_UPGRADE ? " upgrade" : "");
    if (s == NULL)
        return;
    transcript_put(t, " line@%u", s->insert_at);
    if (s->line_end == 1)
        transcript_put(t, " lf");
    if (s->nr_traceparent > 0)
        transcript_put(t, " tp=%u@%u", s->nr_traceparent, s->value_at[0]);
    for (unsigned i = 0; i < HTTP1_FIELD_COUNT; i++) {
        if (s->fields[i].len > 0)
            transcript_put_text(t, names[i], http1_store_text(s, s->fields[i]), s->fields[i].len);
        if (s->cut & HTTP1_FIELD_BIT(i))
            transcript_put(t, " %s:cut", names[i]);
    }
    for (unsigned i = 0; i < s->nr_captured; i++) {
        const struct http1_captured *c = http1_captured_at(s, i);
        transcript_put(t, " [%.*s]", (int)c->name.len, http1_store_text(s, c->name));
        transcript_put_text(t, "", http1_store_text(s, c->value), c->value.len);
    }
}

/* `room` bytes of store; 0: none. */
static inline void transcript_start(struct transcript *t, enum proto_side side, size_t room)
{
    http1_reset(&t->parser, side);
    t->fed = 0;
    t->len = 0;
    t->answered = 0;
    t->ended = false;
    t->text[0] = 0;
    t->parser.env = &transcript_env;
    if (room > sizeof t->memory)
        room = sizeof t->memory;
    if (room > 0)
        t->parser.store = http1_store_init(t->memory, room);
}

static inline void transcript_event(struct transcript *t, enum proto_event event)
{
    static const char *const names[] = { "more", "begin",  "interim", "head",
                                         "end",  "tunnel", "cut",     "bad" };
    transcript_put(t, "%s", names[event]);
    if (event == PROTO_BEGIN || event == PROTO_INTERIM || event == PROTO_HEAD || event == PROTO_END)
        transcript_put(t, "@%u", t->fed);
    if (event == PROTO_HEAD || event == PROTO_INTERIM)
        transcript_put_head(t);
    if (event == PROTO_END || event == PROTO_CUT)
        transcript_put(t, " body=%llu", (unsigned long long)t->parser.body_bytes);
    transcript_put(t, "\n");
    if (event == PROTO_BEGIN && t->parser.side == PROTO_RESPONSES)
        http1_answers(&t->parser, t->answered < t->nr_answers ? t->answers[t->answered] : HTTP_GET);
    if (event == PROTO_HEAD)
        t->answered++;
    if (event == PROTO_END && t->refuse_tunnels)
        http1_tunnel_refused(&t->parser);
    if (event == PROTO_BAD)
        t->ended = true;
}

static inline void transcript_feed(struct transcript *t, const char *bytes, size_t len)
{
    enum proto_event event = PROTO_MORE;
    do {
        if (t->ended)
            return;
        size_t n = http1_feed(&t->parser, bytes, len, &event);
        if (n > len || (event == PROTO_MORE && n != len))
            abort();
        bytes += n;
        len -= n;
        t->fed += (unsigned)n;
        if (event != PROTO_MORE)
            transcript_event(t, event);
    } while (event != PROTO_MORE);
}

static inline void transcript_finish(struct transcript *t)
{
    enum proto_event event = t->ended ? PROTO_MORE : http1_finish(&t->parser);
    if (event != PROTO_MORE)
        transcript_event(t, event);
}

#endif
