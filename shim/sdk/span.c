/*
 * Spans from start to the ring. Runs on the program's threads: two clock reads,
 * two ids and one copy into the ring are all it costs; see tests/bench.
 */
#include "sdk/span.h"

#include <time.h>

#include "config.h"
#include "context/context.h"
#include "diag.h"
#include "ring.h"
#include "sdk/id.h"
#include "sdk/sampler.h"
#include "worker.h"

#define FLAG_SAMPLED 1u
#define FLAG_RANDOM 2u
/* A record's text that would not fit is cut to what is left, less room for the
 * small attributes that follow (status code, error type). */
#define TAIL_ROOM 512u
/* The worker is woken when a thread has made this many records since, or half of
 * its ring is in use: a batch's worth, so about one wake per request sent. */
#define WAKE_RECORDS 512u

/* Constructor only. Metrics aggregate every operation, sampled or not: then the
 * unsampled ones travel through the ring, too, without RECORD_SAMPLED. */
bool span_record_unsampled;

uint64_t clock_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void span_start_with_parent(struct span *span, const struct instrumentation *instr,
                            enum span_kind kind, const struct span_context *parent)
{
    struct thread_state *t = &thread_state;
    uint64_t id = id_random(t);
    span->open = true;
    span->kind = (uint8_t)kind;
    span->scope = instr->index;
    span->process_generation = t->generation;
    span->published = 0;
    span->has_link = false;
    span->has_parent = parent != NULL;
    span->parent_remote = parent != NULL && parent->remote;
    if (parent != NULL) {
        span->context = *parent;
        memcpy(span->parent_span_id, parent->span_id, 8);
    } else {
        uint64_t trace_id[2] = { id_random(t), id_random(t) };
        memcpy(span->context.trace_id, trace_id, 16);
        span->context.flags = FLAG_RANDOM;
        span->context.tracestate = NULL;
        span->context.baggage = NULL;
    }
    memcpy(span->context.span_id, &id, 8);
    span->context.remote = false;
    bool sampled = sampler_samples(config, parent, span->context.trace_id);
    span->context.flags =
        (uint8_t)((span->context.flags & FLAG_RANDOM) | (sampled ? FLAG_SAMPLED : 0));
    span->start_mono_ns = sampled || span_record_unsampled ? clock_mono_ns() : 0;
}

void span_start(struct span *span, const struct instrumentation *instr, enum span_kind kind,
                const struct call *call)
{
    struct span_context parent;
    struct record_link link;
    bool has_link = false;
    bool has_parent = context_parent(call, &parent, &link, &has_link);
    span_start_with_parent(span, instr, kind, has_parent ? &parent : NULL);
    span->has_link = has_link;
    if (has_link)
        span->link = link;
}

void span_abandon(struct span *span)
{
    if (span->published != 0)
        context_unpublish(span->published);
    span->published = 0;
    span->open = false;
}

/* Marks the ring as being written by this frame. False: a reservation is open on
 * this stack, so we are a signal handler that hit it. */
static bool enter_writer(struct thread_state *t)
{
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    if (unlikely(t->writing != 0) && frame <= t->writing)
        return false;
    t->writing = frame;
    return true;
}

static struct record *reserve(struct thread_state *t, struct ring **ring)
{
    *ring = ring_of_thread();
    if (unlikely(*ring == NULL)) {
        diag_drop(DROP_NO_RING, 1);
        return NULL;
    }
    if (unlikely(!enter_writer(t))) {
        diag_drop(DROP_REENTRANT, 1);
        return NULL;
    }
    struct record *r = ring_reserve(*ring, RECORD_MAX_BYTES);
    if (unlikely(r == NULL)) {
        t->writing = 0;
        diag_drop(DROP_RING_FULL, 1);
    }
    return r;
}

static unsigned char *put(struct span_writer *w, uint8_t type, uint8_t key, size_t len)
{
    struct field head = { type, key, (uint16_t)len };
    if (unlikely(len > UINT16_MAX || (size_t)(w->limit - w->at) < sizeof head + len)) {
        w->record->dropped_attributes++;
        return NULL;
    }
    memcpy(w->at, &head, sizeof head);
    unsigned char *payload = w->at + sizeof head;
    w->at = payload + len;
    return payload;
}

bool span_end_at(struct span *span, struct span_writer *w, uint64_t end_mono_ns)
{
    bool was_open = span->open;
    span_abandon(span);
    struct thread_state *t = &thread_state;
    bool sampled = span->context.flags & FLAG_SAMPLED;
    if (!was_open || !(sampled || span_record_unsampled) || span->process_generation != t->generation ||
        config->exporters == 0)
        return false;
    struct record *r = reserve(t, &w->ring);
    if (r == NULL)
        return false;

    r->type = RECORD_SPAN;
    r->scope = span->scope;
    r->kind = span->kind;
    r->flags = (uint8_t)((sampled ? RECORD_SAMPLED : 0) |
                         (span->context.flags & FLAG_RANDOM ? RECORD_RANDOM_TRACE_ID : 0) |
                         (span->has_parent ? RECORD_HAS_PARENT : 0) |
                         (span->parent_remote ? RECORD_PARENT_REMOTE : 0));
    r->dropped_attributes = 0;
    r->start_mono_ns = span->start_mono_ns;
    r->end_mono_ns = end_mono_ns > span->start_mono_ns ? end_mono_ns : span->start_mono_ns;
    memcpy(r->trace_id, span->context.trace_id, 16);
    memcpy(r->span_id, span->context.span_id, 8);
    memcpy(r->parent_span_id, span->parent_span_id, 8);
    w->record = r;
    w->at = r->fields;
    w->limit = (unsigned char *)r + RECORD_MAX_BYTES;

    if (unlikely(span->context.tracestate != NULL)) {
        size_t len = strlen(span->context.tracestate);
        unsigned char *to = put(w, FIELD_TRACESTATE, 0, len);
        if (to != NULL)
            memcpy(to, span->context.tracestate, len);
    }
    if (unlikely(span->has_link)) {
        unsigned char *to = put(w, FIELD_LINK, 0, sizeof span->link);
        memcpy(to, &span->link, sizeof span->link);
    }
    return true;
}

bool span_end(struct span *span, struct span_writer *w)
{
    return span_end_at(span, w, span->start_mono_ns != 0 ? clock_mono_ns() : 0);
}

/* Shortens `len` to at most `max` without splitting a UTF-8 sequence. */
static size_t cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t n = max;
    while (n > 0 && max - n < 3 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void put_text(struct span_writer *w, uint8_t type, uint8_t key, const char *text,
                     size_t len, size_t max)
{
    size_t room = (size_t)(w->limit - w->at);
    if (unlikely(max > room - (room < TAIL_ROOM ? room : TAIL_ROOM)))
        max = room > TAIL_ROOM ? room - TAIL_ROOM : 64;
    len = cut(text, len, max);
    unsigned char *to = put(w, type, key, len);
    if (to != NULL)
        memcpy(to, text, len);
}

void span_name(struct span_writer *w, const char *text, size_t len)
{
    put_text(w, FIELD_NAME, 0, text, len, RECORD_MAX_VALUE);
}

void span_string(struct span_writer *w, enum attr_key key, const char *text, size_t len,
                 size_t max)
{
    put_text(w, FIELD_STRING, (uint8_t)key, text, len, max);
}

void span_int(struct span_writer *w, enum attr_key key, int64_t value)
{
    unsigned char *to = put(w, FIELD_INT, (uint8_t)key, sizeof value);
    if (to != NULL)
        memcpy(to, &value, sizeof value);
}

void span_double(struct span_writer *w, enum attr_key key, double value)
{
    unsigned char *to = put(w, FIELD_DOUBLE, (uint8_t)key, sizeof value);
    if (to != NULL)
        memcpy(to, &value, sizeof value);
}

void span_string_array(struct span_writer *w, enum attr_key key, const char *const texts[],
                       unsigned nr_texts)
{
    unsigned char *start = w->at;
    uint32_t dropped = w->record->dropped_attributes;
    put(w, FIELD_STRING_ARRAY, (uint8_t)key, 0);
    for (unsigned i = 0; i < nr_texts && w->record->dropped_attributes == dropped; i++) {
        uint16_t len = (uint16_t)cut(texts[i], strlen(texts[i]), RECORD_MAX_VALUE);
        if ((size_t)(w->limit - w->at) < sizeof len + len) {
            w->record->dropped_attributes++;
            break;
        }
        memcpy(w->at, &len, sizeof len);
        memcpy(w->at + sizeof len, texts[i], len);
        w->at += sizeof len + len;
    }
    if (w->record->dropped_attributes != dropped) {
        w->at = start; /* all or nothing */
        return;
    }
    uint16_t total = (uint16_t)(w->at - start - (ptrdiff_t)sizeof(struct field));
    memcpy(start + offsetof(struct field, len), &total, sizeof total);
}

void span_event(struct span_writer *w, enum event_name name, uint64_t mono_ns)
{
    unsigned char *to = put(w, FIELD_EVENT, (uint8_t)name, sizeof mono_ns);
    if (to != NULL)
        memcpy(to, &mono_ns, sizeof mono_ns);
}

void span_error(struct span_writer *w, const char *type)
{
    w->record->flags |= RECORD_ERROR;
    if (type != NULL)
        put_text(w, FIELD_STRING, ATTR_ERROR_TYPE, type, strlen(type), RECORD_MAX_VALUE);
}

void span_commit(struct span_writer *w)
{
    struct record *r = w->record;
    struct ring *ring = w->ring;
    r->fields_bytes = (uint32_t)(w->at - r->fields);
    uint32_t size = (uint32_t)(w->at - (unsigned char *)r);
    r->size = (size + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1);
    ring->made++;
    ring_commit(ring, r->size);
    thread_state.writing = 0;

    bool urgent = ++ring->unkicked >= WAKE_RECORDS || ring_used(ring) > RING_DATA_BYTES / 2;
    if (urgent)
        ring->unkicked = 0;
    worker_notify(urgent);
}
