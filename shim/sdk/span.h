/*
 * Spans on the program's threads: start, end, attributes.
 *
 * A span that is open is a small struct that its hook owns (on the stack for a
 * call, in a handle table for a transfer or statement). Attributes are not
 * collected while it is open: a hook knows them when the operation ends, and
 * writes them straight into the thread's ring then:
 *
 *     struct span span;
 *     span_start(&span, &instr_dns, SPAN_CLIENT, &call);
 *     ... the real call ...
 *     struct span_writer w;
 *     if (span_end(&span, &w)) {          // false: sampled out, or no room
 *         span_name(&w, "dns.lookup", 10);
 *         span_string(&w, ATTR_DNS_QUESTION_NAME, host, strlen(host), RECORD_MAX_VALUE);
 *         span_commit(&w);
 *     }
 *
 * Between span_end() and span_commit() only the writer's functions may be
 * called: the thread's ring is reserved. Nothing here allocates, locks or
 * blocks. Not reentrant from a signal handler for one span; a handler's own
 * spans that would land inside a reservation are dropped (DROP_REENTRANT).
 */
#ifndef OTELSHIM_SDK_SPAN_H
#define OTELSHIM_SDK_SPAN_H

#include "sdk/record.h"
#include "sdk/semconv.h"

struct call;
struct instrumentation;

#define SPAN_FLAG_SAMPLED 0x01u
#define SPAN_FLAG_RANDOM 0x02u   /* the trace id is */
#define SPAN_FLAG_DEFERRED 0x40u /* its caller leaves it to rate_limited, once, whether to record */
#define SPAN_FLAG_DEBUG 0x80u    /* of B3 and Jaeger: handed on, no more; leaves only by them */

/* W3C trace context of one span. Text lives for the whole process (or is NULL). */
struct span_context {
    uint8_t trace_id[16]; /* all zero: no context */
    uint8_t span_id[8];
    uint8_t flags; /* SPAN_FLAG_*; the first two are the W3C's */
    bool remote;   /* came from outside this process */
    const char *tracestate;
    const char *baggage;
};

static inline bool span_context_is_valid(const struct span_context *c)
{
    uint64_t t[2], s;
    memcpy(t, c->trace_id, 16);
    memcpy(&s, c->span_id, 8);
    return (t[0] | t[1]) != 0 && s != 0;
}

static inline bool span_context_is_sampled(const struct span_context *c)
{
    return c->flags & SPAN_FLAG_SAMPLED;
}

/* An open span. Plain data: may be copied, moved between threads with its handle. */
struct span {
    struct span_context context;
    uint8_t parent_span_id[8];
    struct record_head head;     /* as the record gets it */
    uint16_t notes;              /* block with what the program says of it, 0 = none; notes.h */
    uint16_t mark;               /* that it is open, for a crash, 0 = none; open_mark.h */
    uint32_t process_generation; /* made in this process: a forked child ignores it */
    uint32_t published;          /* context slot other threads may hold, 0 = none; see context.h */
    uint64_t start_mono_ns;
    struct record_link link; /* valid with has_link */
    /* Of rate_limited, with span_start_is_special; goes back where no span comes of it. */
    bool has_token;
    bool open; /* between start and end */
    bool has_link;
};

/* Where attributes are being written; see span_end. Opaque to hooks. */
struct span_writer {
    struct record *record;
    unsigned char *at, *limit, *text_limit; /* texts leave SPAN_TAIL_ROOM before limit */
    struct ring *ring;
    uint32_t notes; /* that go behind what is written; of a span of this process */
};

/*
 * Starts a span as a child of the current context (context.h), or of `parent`
 * in the second form (NULL: a new root). Always yields a valid context, sampled
 * or not, that can be injected. `call` may be NULL outside of a hook.
 */
void span_start(struct span *span, const struct instrumentation *instr, enum span_kind kind,
                const struct call *call);
void span_start_with_parent(struct span *span, const struct instrumentation *instr,
                            enum span_kind kind, const struct span_context *parent);
/* The same for the span of the process, which begins with it (layout.h). */
void span_start_of_process(struct span *span, const struct instrumentation *instr,
                           enum span_kind kind, const struct span_context *parent);
/*
 * For instrumentations that know more of a span when it starts than its kind (`knows_more`):
 * lets OTEL_SHIM_SAMPLING_RULES have their say. After the start and before the context is
 * used; only when config->rules is set.
 */
struct span_known;
void span_decide(struct span *span, const struct instrumentation *instr, struct span_known *known);

/* Moves the start back, for an operation whose beginning was seen earlier. */
static inline void span_set_start(struct span *span, uint64_t mono_ns)
{
    span->start_mono_ns = mono_ns;
}

/*
 * Ends the span now. True: `w` is ready and must be committed. False: nothing
 * to write (sampled out, already ended, made in another process, ring full or
 * none; drops are counted here). Either way the span is no longer open and no
 * thread inherits it any more.
 */
bool span_end(struct span *span, struct span_writer *w);
/* As span_end with an end of the caller's, not before the span's start. */
bool span_end_at(struct span *span, struct span_writer *w, uint64_t end_mono_ns);
/* Forgets an open span without a record: the operation was not one after all. */
void span_abandon(struct span *span);

/* ---- writing of fields: inline, a span has many; for span.c and the functions below ---- */

/* Shortens `len` to at most `max` without splitting a UTF-8 sequence. */
size_t span_cut(const char *text, size_t len, size_t max);

/* A text that would not fit is cut to what is left, less room for the small
 * attributes that follow (status code, error type). */
#define SPAN_TAIL_ROOM 512u

/* A field's head in one store. */
static inline void span_put_head(unsigned char *at, uint8_t type, uint8_t key, size_t len)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t head = type | (uint32_t)key << 8 | (uint32_t)len << 16;
#else
    struct field head = { type, key, (uint16_t)len };
#endif
    _Static_assert(sizeof head == sizeof(struct field), "one store");
    memcpy(at, &head, sizeof head);
}

static inline unsigned char *span_put(struct span_writer *w, uint8_t type, uint8_t key, size_t len)
{
    unsigned char *at = w->at;
    if (__builtin_expect(
            !!(len > UINT16_MAX || (size_t)(w->limit - at) < sizeof(struct field) + len), 0)) {
        w->record->dropped_attributes++;
        return NULL;
    }
    span_put_head(at, type, key, len);
    w->at = at + sizeof(struct field) + len;
    return at + sizeof(struct field);
}

/* memcpy for short texts. Out of line: gcc warns of branches that a small buffer's
 * length rules out. */
void span_copy_text(unsigned char *to, const char *from, size_t len);

/* Too long, or the record is nearly full. */
void span_put_cut(struct span_writer *w, uint8_t type, uint8_t key, const char *text, size_t len,
                  size_t max);

static inline void span_put_text(struct span_writer *w, uint8_t type, uint8_t key, const char *text,
                                 size_t len, size_t max)
{
    unsigned char *at = w->at, *next = at + sizeof(struct field) + len;
    if (__builtin_expect(len > max || next > w->text_limit, 0)) {
        span_put_cut(w, type, key, text, len, max);
        return;
    }
    span_put_head(at, type, key, len);
    w->at = next;
    if (__builtin_constant_p(len) && len <= sizeof(uint64_t))
        memcpy(at + sizeof(struct field), text, len);
    else
        span_copy_text(at + sizeof(struct field), text, len);
}

static inline void span_put_word(struct span_writer *w, uint8_t type, uint8_t key, const void *word)
{
    unsigned char *to = span_put(w, type, key, sizeof(uint64_t));
    if (to != NULL)
        memcpy(to, word, sizeof(uint64_t));
}

/* ---- attributes: texts are cut at `max` bytes (never inside a UTF-8 sequence) ---- */

static inline void span_name(struct span_writer *w, const char *text, size_t len)
{
    span_put_text(w, FIELD_NAME, 0, text, len, RECORD_MAX_VALUE);
}

static inline void span_string(struct span_writer *w, enum attr_key key, const char *text,
                               size_t len, size_t max)
{
    span_put_text(w, FIELD_STRING, (uint8_t)key, text, len, max);
}

static inline void span_int(struct span_writer *w, enum attr_key key, int64_t value)
{
    span_put_word(w, FIELD_INT, (uint8_t)key, &value);
}

static inline void span_double(struct span_writer *w, enum attr_key key, double value)
{
    span_put_word(w, FIELD_DOUBLE, (uint8_t)key, &value);
}

static inline void span_event(struct span_writer *w, enum event_name name, uint64_t mono_ns)
{
    span_put_word(w, FIELD_EVENT, (uint8_t)name, &mono_ns);
}

/* A list of texts, each cut at RECORD_MAX_VALUE; the whole counts as one attribute. */
void span_string_array(struct span_writer *w, enum attr_key key, const char *const texts[],
                       unsigned nr_texts);
/*
 * The same step by step: key, texts, end. With FIELD_NAMED_ARRAY the first text is the end of
 * the key. All or nothing: a list that finds no room counts as one dropped attribute.
 */
struct span_list {
    unsigned char *start; /* its field's head; NULL: it found no room */
};
void span_list_begin(struct span_writer *w, struct span_list *list, enum field_type type,
                     enum attr_key key);
void span_list_add(struct span_writer *w, struct span_list *list, const char *text, size_t len,
                   size_t max);
void span_list_end(struct span_writer *w, const struct span_list *list);
/* Status Error. The text of error.type goes along; `type` may be NULL. */
void span_error(struct span_writer *w, const char *type);
/* Publishes the record to the background thread and wakes it if it must be woken. */
void span_commit(struct span_writer *w);

/* Whether unsampled operations are recorded, too (for metrics). Constructor only. */
extern bool span_record_unsampled;

/* Whether a record is to be made of it at its end. Decided by the time that it is started. */
static inline bool span_is_recorded(const struct span *span)
{
    return span->open && ((span->head.flags & RECORD_SAMPLED) || span_record_unsampled);
}

/* CLOCK_MONOTONIC in ns; 0 when the program's sandbox forbids us to ask. */
uint64_t clock_mono_ns(void);

#endif
