/*
 * Marks of open spans: a dozen stores at a start, one at an end.
 */
#include "open_mark.h"

#include "call.h"
#include "ring.h"

void open_mark_write(struct open_mark *mark, const struct span *span, const char *name, size_t len)
{
    memcpy(mark->trace_id, span->context.trace_id, sizeof mark->trace_id);
    memcpy(mark->span_id, span->context.span_id, sizeof mark->span_id);
    memcpy(mark->parent_span_id, span->parent_span_id, sizeof mark->parent_span_id);
    mark->head = span->head;
    mark->name_bytes = (uint8_t)span_cut(name, len, OPEN_MARK_NAME_MAX);
    span_copy_text((unsigned char *)mark->name, name, mark->name_bytes);
    atomic_store_explicit(&mark->start_mono_ns, span->start_mono_ns, memory_order_release);
}

void span_mark_open(struct span *span, const char *name, size_t len)
{
    struct ring *ring = ring_of_thread();
    if (ring == NULL || !span->open || !(span->head.flags & RECORD_SAMPLED))
        return;
    struct open_mark *marks = ring_marks(ring);
    for (unsigned i = 0; i < OPEN_MARK_TRIES; i++) {
        unsigned at = ring->next_mark;
        ring->next_mark = (uint8_t)(at + 1 < RING_MARKS ? at + 1 : 0);
        if (atomic_load_explicit(&marks[at].start_mono_ns, memory_order_relaxed) != 0)
            continue;
        open_mark_write(&marks[at], span, name, len);
        span->mark = (uint16_t)(ring->slot * RING_MARKS + at + 1);
        return;
    }
}

void open_mark_clear(const struct span *span)
{
    struct ring *ring = thread_state.ring;
    unsigned at = span->mark - 1u;
    if (likely(ring != NULL && at - ring->slot * RING_MARKS < RING_MARKS)) { /* this thread's */
        at -= ring->slot * RING_MARKS;
    } else {
        ring = ring_at(at / RING_MARKS);
        at %= RING_MARKS;
    }
    if (ring == NULL)
        return;
    struct open_mark *mark = &ring_marks(ring)[at];
    /* A copy of a span that has ended may come here again. */
    if (memcmp(mark->span_id, span->context.span_id, sizeof mark->span_id) == 0)
        atomic_store_explicit(&mark->start_mono_ns, 0, memory_order_release);
}
