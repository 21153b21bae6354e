/*
 * Spans from start to the ring. Runs on the program's threads: two clock reads,
 * two ids and one copy into the ring are all it costs; see tests/bench.
 */
#include "sdk/span.h"

#include <time.h>

#include "config.h"
#include "context/process_context.h"
#include "diag.h"
#include "layout.h"
#include "mem/copy_text.h"
#include "open_mark.h"
#include "ring.h"
#include "sdk/id.h"
#include "sdk/notes.h"
#include "sdk/rules.h"
#include "sdk/sampler.h"
#include "worker.h"

/* The same bits in a context and in a record. */
_Static_assert(SPAN_FLAG_SAMPLED == RECORD_SAMPLED, "sampled");
_Static_assert(SPAN_FLAG_RANDOM == RECORD_RANDOM_TRACE_ID, "random");
/* The worker is woken when a thread has made this many records since, or half of
 * its ring is in use: a batch's worth, so about one wake per request sent. */
#define WAKE_RECORDS 512u

/* Constructor only. Metrics aggregate every operation, sampled or not: then the
 * unsampled ones travel through the ring, too, without RECORD_SAMPLED. */
PER_REQUEST_ZERO bool span_record_unsampled;

AT_START uint64_t clock_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void give_token_back(struct span *span)
{
    if (likely(!config->span_start_is_special) || !span->has_token)
        return;
    span->has_token = false;
    if (span->process_generation == thread_state.generation)
        sampler_rate_gives_back();
}

void span_decide(struct span *span, const struct instrumentation *instr, struct span_known *known)
{
    static const char *const kinds[] = { "internal", "internal", "server",
                                         "client",   "producer", "consumer" };
    const char *kind = kinds[span->head.kind];
    bool sampled = span->head.flags & RECORD_SAMPLED;
    bool inner =
        (span->head.flags & (RECORD_HAS_PARENT | RECORD_PARENT_REMOTE)) == RECORD_HAS_PARENT;
    span_known_set(known, RULE_INSTRUMENTATION, instr->name, strlen(instr->name));
    span_known_set(known, RULE_KIND, kind, strlen(kind));
    if (!span->open)
        return;
    enum rules_verdict verdict =
        rules_decide(config->rules, known, span->context.trace_id, inner, sampled);
    if (verdict == RULES_SILENT)
        return;
    give_token_back(span);
    if ((verdict == RULES_KEEP) == sampled)
        return;
    span->head.flags ^= RECORD_SAMPLED;
    span->context.flags ^= SPAN_FLAG_SAMPLED;
    if (span->start_mono_ns == 0)
        span->start_mono_ns = clock_mono_ns();
}

/* In a program that is left out of tracing a span stands for its parent: children get what
 * came in, or nothing, and no record is made. */
static void begin_inert(struct span *span, bool has_parent)
{
    if (!has_parent)
        memset(&span->context, 0, sizeof span->context);
    span->open = false;
    span->has_link = false;
    span->notes = span->mark = 0;
    span->published = 0;
    span->start_mono_ns = 0;
    span->head = (struct record_head){ .type = RECORD_SPAN };
    span->process_generation = thread_state.generation;
}

static bool special_samples_child(struct span *span)
{
    if (config->sampler_asks_below && span_context_is_valid(&span->context))
        return sampler_samples_below(config, &span->context);
    if (config->sampler == SAMPLER_RATE)
        return sampler_rate_samples(config, &span->context, &span->has_token);
    return sampler_samples_child(config, &span->context);
}

static bool special_samples_root(struct span *span)
{
    if (config->sampler == SAMPLER_RATE)
        return sampler_rate_samples(config, NULL, &span->has_token);
    return sampler_samples_root(config, span->context.trace_id);
}

/* The rest of a start. span->context holds the parent's, if there is one. `special`: false
 * where the compiler leaves out what few processes configure. */
static inline __attribute__((always_inline)) void begin_as(struct span *span,
                                                           const struct instrumentation *instr,
                                                           enum span_kind kind, bool has_parent,
                                                           bool special)
{
    struct thread_state *t = &thread_state;
    struct span_context *context = &span->context;
    bool sampled;
    uint8_t flags, kept; /* kept: of the trace */
    if (has_parent) {
        uint64_t id = id_random(t);
        sampled = special ? special_samples_child(span) : sampler_samples_child(config, context);
        kept = context->flags & (SPAN_FLAG_RANDOM | SPAN_FLAG_DEBUG);
        flags = (uint8_t)(RECORD_HAS_PARENT | (context->remote ? RECORD_PARENT_REMOTE : 0));
        memcpy(span->parent_span_id, context->span_id, 8);
        memcpy(context->span_id, &id, 8);
    } else {
        uint64_t ids[3]; /* trace id, span id */
        id_random_root(t, ids);
        if (special && config->id_generator == ID_XRAY)
            id_put_time(ids);
        memcpy(context->trace_id, ids, sizeof context->trace_id);
        memcpy(context->span_id, &ids[2], sizeof context->span_id);
        sampled =
            special ? special_samples_root(span) : sampler_samples_root(config, context->trace_id);
        kept = SPAN_FLAG_RANDOM;
        flags = 0;
        context->tracestate = NULL;
        context->baggage = NULL;
    }
    context->flags = (uint8_t)(kept | (sampled ? SPAN_FLAG_SAMPLED : 0));
    context->remote = false;
    flags |= context->flags & (SPAN_FLAG_SAMPLED | SPAN_FLAG_RANDOM);
    span->head = (struct record_head){ RECORD_SPAN, instr->index, (uint8_t)kind, flags };
    span->open = true;
    span->notes = span->mark = 0;
    span->process_generation = t->generation;
    span->published = 0;
    span->start_mono_ns = sampled || span_record_unsampled ? clock_mono_ns() : 0;
}

static __attribute__((noinline)) void begin_special(struct span *span,
                                                    const struct instrumentation *instr,
                                                    enum span_kind kind, bool has_parent)
{
    if (config->inert) {
        begin_inert(span, has_parent);
        return;
    }
    span->has_token = false;
    begin_as(span, instr, kind, has_parent, true);
    if (config->rules != NULL && !instr->knows_more) {
        struct span_known known = { 0 };
        span_decide(span, instr, &known);
    }
}

static inline __attribute__((always_inline)) void
begin(struct span *span, const struct instrumentation *instr, enum span_kind kind, bool has_parent)
{
    if (unlikely(config->span_start_is_special))
        begin_special(span, instr, kind, has_parent);
    else
        begin_as(span, instr, kind, has_parent, false);
}

static inline __attribute__((always_inline)) void
begin_with_parent(struct span *span, const struct instrumentation *instr, enum span_kind kind,
                  const struct span_context *parent)
{
    span->has_link = false;
    if (parent != NULL)
        span->context = *parent;
    begin(span, instr, kind, parent != NULL);
}

void span_start_with_parent(struct span *span, const struct instrumentation *instr,
                            enum span_kind kind, const struct span_context *parent)
{
    begin_with_parent(span, instr, kind, parent);
}

AT_START void span_start_of_process(struct span *span, const struct instrumentation *instr,
                                    enum span_kind kind, const struct span_context *parent)
{
    begin_with_parent(span, instr, kind, parent);
}

void span_start(struct span *span, const struct instrumentation *instr, enum span_kind kind,
                const struct call *call)
{
    bool has_parent = context_parent_inline(call, &span->context, &span->link, &span->has_link);
    begin(span, instr, kind, has_parent);
}

static __attribute__((noinline)) void put_tracestate(struct span_writer *w, const char *text)
{
    size_t len = strlen(text);
    unsigned char *to = span_put(w, FIELD_TRACESTATE, 0, len);
    if (to != NULL)
        memcpy(to, text, len);
}

/* Whether a record is made of it at all. */
static inline bool is_wanted(const struct span *span, const struct thread_state *t)
{
    return span_is_recorded(span) && span->process_generation == t->generation &&
           config->exporters != 0;
}

static inline void begin_record(const struct span *span, struct span_writer *w, struct record *r,
                                uint64_t end_mono_ns)
{
    memcpy(&r->type, &span->head, sizeof span->head);
    r->dropped_attributes = 0;
    r->start_mono_ns = span->start_mono_ns;
    r->end_mono_ns = end_mono_ns > span->start_mono_ns ? end_mono_ns : span->start_mono_ns;
    memcpy(r->trace_id, span->context.trace_id, 16);
    memcpy(r->span_id, span->context.span_id, 8);
    memcpy(r->parent_span_id, span->parent_span_id, 8);
    w->record = r;
    w->notes = 0;
    w->limit = (unsigned char *)r + RECORD_MAX_BYTES;
    w->text_limit = w->limit - SPAN_TAIL_ROOM;
    unsigned char *at = r->fields;
    if (span->has_link) { /* the first field: there is room */
        span_put_head(at, FIELD_LINK, 0, sizeof span->link);
        memcpy(at + sizeof(struct field), &span->link, sizeof span->link);
        at += sizeof(struct field) + sizeof span->link;
    }
    w->at = at;
}

/*
 * Everything that is rare. A writer lies in its hook's frame: one below that of the
 * reservation that is open belongs to a signal handler that hit it; one at or above
 * it, to a call after that one was abandoned.
 */
static __attribute__((noinline)) bool end_slow(const struct span *span, struct span_writer *w,
                                               uint64_t end_mono_ns)
{
    struct thread_state *t = &thread_state;
    if (t->writing != 0 && (uintptr_t)w < t->writing) {
        diag_drop(DROP_REENTRANT, 1);
        return false;
    }
    struct ring *ring = ring_borrow();
    if (ring == NULL) {
        diag_drop(DROP_NO_RING, 1);
        return false;
    }
    t->writing = (uintptr_t)w;
    atomic_signal_fence(memory_order_seq_cst);
    struct record *r = ring_reserve(ring, RECORD_MAX_BYTES);
    if (r == NULL && !ring->borrowed)
        r = ring_reserve_spill(&ring, RECORD_MAX_BYTES);
    if (r == NULL) {
        ring_return(ring);
        t->writing = 0;
        diag_drop(DROP_RING_FULL, 1);
        worker_notify(true); /* no commit will */
        return false;
    }
    w->ring = ring;
    begin_record(span, w, r, end_mono_ns);
    if (span->context.tracestate != NULL)
        put_tracestate(w, span->context.tracestate);
    return true;
}

static inline bool end_at(struct span *span, struct span_writer *w, uint64_t end_mono_ns)
{
    struct thread_state *t = &thread_state;
    bool wanted = is_wanted(span, t);
    span->open = false;
    if (!wanted)
        return false;
    struct ring *ring = t->ring;
    if (unlikely(ring == NULL || t->writing != 0 || span->context.tracestate != NULL))
        return end_slow(span, w, end_mono_ns);
    t->writing = (uintptr_t)w;
    atomic_signal_fence(memory_order_seq_cst); /* from here on a handler keeps off */
    struct record *r = ring_reserve_here(ring, RECORD_MAX_BYTES);
    if (unlikely(r == NULL))
        return end_slow(span, w, end_mono_ns);
    w->ring = ring;
    begin_record(span, w, r, end_mono_ns);
    return true;
}

/* Whether threads, notes or a mark hang on it: few spans have any. */
static inline bool has_company(const struct span *span)
{
    uint32_t both; /* notes and mark lie side by side: one load */
    _Static_assert(offsetof(struct span, mark) == offsetof(struct span, notes) + 2, "one word");
    memcpy(&both, (const char *)span + offsetof(struct span, notes), sizeof both);
    return unlikely((span->published | both) != 0);
}

/* Nobody sees it any more. Returns its notes, if they are this process's. */
static __attribute__((noinline)) uint32_t part_company(struct span *span)
{
    uint32_t notes = span->notes;
    bool ours = span->process_generation == thread_state.generation;
    context_unpublish(span->published);
    if (span->mark != 0 && ours)
        open_mark_clear(span);
    span->published = 0;
    span->notes = span->mark = 0;
    return ours ? notes : 0;
}

static __attribute__((noinline)) bool end_with_company(struct span *span, struct span_writer *w,
                                                       uint64_t end_mono_ns)
{
    uint32_t notes = part_company(span);
    bool written = end_at(span, w, end_mono_ns);
    if (written)
        w->notes = notes;
    else if (notes != 0)
        notes_give(notes);
    return written;
}

void span_abandon(struct span *span)
{
    uint32_t notes = has_company(span) ? part_company(span) : 0;
    if (notes != 0)
        notes_give(notes);
    if (span->open)
        give_token_back(span);
    span->open = false;
}

bool span_end_at(struct span *span, struct span_writer *w, uint64_t end_mono_ns)
{
    return has_company(span) ? end_with_company(span, w, end_mono_ns)
                             : end_at(span, w, end_mono_ns);
}

bool span_end(struct span *span, struct span_writer *w)
{
    uint64_t end_mono_ns = span->start_mono_ns != 0 ? clock_mono_ns() : 0;
    return has_company(span) ? end_with_company(span, w, end_mono_ns)
                             : end_at(span, w, end_mono_ns);
}

size_t span_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t n = max;
    while (n > 0 && max - n < 3 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

void span_copy_text(unsigned char *to, const char *from, size_t len)
{
    copy_text(to, from, len);
}

void span_put_cut(struct span_writer *w, uint8_t type, uint8_t key, const char *text, size_t len,
                  size_t max)
{
    size_t room = (size_t)(w->limit - w->at);
    if (max > room - (room < SPAN_TAIL_ROOM ? room : SPAN_TAIL_ROOM))
        max = room > SPAN_TAIL_ROOM ? room - SPAN_TAIL_ROOM : 64;
    len = span_cut(text, len, max);
    unsigned char *to = span_put(w, type, key, len);
    if (to != NULL)
        memcpy(to, text, len);
}

void span_list_begin(struct span_writer *w, struct span_list *list, enum field_type type,
                     enum attr_key key)
{
    unsigned char *start = w->at;
    list->start = span_put(w, (uint8_t)type, (uint8_t)key, 0) != NULL ? start : NULL;
}

void span_list_add(struct span_writer *w, struct span_list *list, const char *text, size_t len,
                   size_t max)
{
    uint16_t kept = (uint16_t)span_cut(text, len, max);
    if (list->start == NULL)
        return;
    if ((size_t)(w->limit - w->at) < sizeof kept + kept) {
        w->record->dropped_attributes++;
        w->at = list->start;
        list->start = NULL;
        return;
    }
    memcpy(w->at, &kept, sizeof kept);
    memcpy(w->at + sizeof kept, text, kept);
    w->at += sizeof kept + kept;
}

void span_list_end(struct span_writer *w, const struct span_list *list)
{
    if (list->start == NULL)
        return;
    uint16_t total = (uint16_t)(w->at - list->start - (ptrdiff_t)sizeof(struct field));
    memcpy(list->start + offsetof(struct field, len), &total, sizeof total);
}

void span_string_array(struct span_writer *w, enum attr_key key, const char *const texts[],
                       unsigned nr_texts)
{
    struct span_list list;
    span_list_begin(w, &list, FIELD_STRING_ARRAY, key);
    for (unsigned i = 0; i < nr_texts; i++)
        span_list_add(w, &list, texts[i], strlen(texts[i]), RECORD_MAX_VALUE);
    span_list_end(w, &list);
}

void span_error(struct span_writer *w, const char *type)
{
    w->record->flags |= RECORD_ERROR;
    if (type != NULL)
        span_string(w, ATTR_ERROR_TYPE, type, strlen(type), RECORD_MAX_VALUE);
}

void span_commit(struct span_writer *w)
{
    struct record *r = w->record;
    struct ring *ring = w->ring;
    if (unlikely(w->notes != 0))
        notes_commit(w, w->notes);
    r->fields_bytes = (uint32_t)(w->at - r->fields);
    uint32_t size = (uint32_t)(w->at - (unsigned char *)r);
    r->size = (size + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1);
    ring->made++;
    ring_commit(ring, r->size);
    bool urgent = ++ring->unkicked >= WAKE_RECORDS || ring_is_half_full(ring);
    if (unlikely(urgent)) {
        ring->unkicked = 0;
        ring_look_ahead(ring);
    }
    atomic_signal_fence(memory_order_seq_cst);
    thread_state.writing = 0;

    ring_return(ring);
    worker_notify(urgent);
}
