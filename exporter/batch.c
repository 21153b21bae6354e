/*
 * The queue behind batch.h: items one after another, each a head and the bytes
 * of one Span message.
 */
#include "batch.h"

#include "otlp/otlp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

struct item {
    uint32_t bytes; /* of the span; the next item follows, aligned */
    uint16_t scope, source;
    uint64_t end_mono_ns;
};

#define ITEM_MAX_BYTES(span_max_bytes) \
    (sizeof(struct item) + (span_max_bytes) + sizeof(struct item))
static_assert(BATCH_MAX_BYTES + ITEM_MAX_BYTES(OTLP_JSON_SPAN_MAX_BYTES) +
                      (size_t)UTF8_REPAIR_GROWTH * CONFIG_MAX_VALUE <
                  REQUEST_MAX_BYTES / 2,
              "no request is larger than OTLP allows");

void batch_queue_init(struct batch_queue *queue, struct batch_limits limits, size_t span_max_bytes)
{
    if (limits.max_batch_size > BATCH_MAX_SPANS)
        limits.max_batch_size = BATCH_MAX_SPANS;
    if (limits.max_batch_size == 0 || limits.max_batch_size > limits.max_queue_size)
        limits.max_batch_size = limits.max_queue_size;
    *queue =
        (struct batch_queue){ .limits = limits, .item_max_bytes = ITEM_MAX_BYTES(span_max_bytes) };
}

static struct item *item_at(const struct batch_queue *queue, size_t offset)
{
    return (struct item *)(void *)(queue->memory + offset);
}

static size_t item_bytes(const struct item *item)
{
    size_t bytes = sizeof *item + item->bytes;
    return (bytes + _Alignof(struct item) - 1) & ~(_Alignof(struct item) - 1);
}

static bool is_wrapped(const struct batch_queue *queue)
{
    return queue->tail < queue->head;
}

/* Twice the memory, with the spans at its front. */
static bool grow(struct batch_queue *queue)
{
    size_t capacity = queue->capacity ? 2 * queue->capacity : QUEUE_FIRST_BYTES;
    while (capacity < 2 * queue->item_max_bytes)
        capacity *= 2;
    if (capacity > QUEUE_MAX_BYTES)
        return false;
    unsigned char *memory = malloc(capacity);
    if (!memory)
        return false;
    size_t first = (is_wrapped(queue) ? queue->end : queue->tail) - queue->head;
    size_t second = is_wrapped(queue) ? queue->tail : 0;
    if (queue->memory) {
        memcpy(memory, queue->memory + queue->head, first);
        memcpy(memory + first, queue->memory, second);
    }
    free(queue->memory);
    queue->memory = memory;
    queue->capacity = capacity;
    queue->head = 0;
    queue->tail = first + second;
    return true;
}

/* Room at the tail, which never catches up with the head: that would be an empty queue. */
static bool make_room(struct batch_queue *queue)
{
    if (is_wrapped(queue))
        return queue->head - queue->tail > queue->item_max_bytes || grow(queue);
    if (queue->capacity - queue->tail >= queue->item_max_bytes)
        return true;
    if (queue->head <= queue->item_max_bytes)
        return grow(queue);
    queue->end = queue->tail;
    queue->tail = 0;
    return true;
}

/* The place behind an item that begins at `at`, where the next one does. */
static size_t next_item(const struct batch_queue *queue, size_t at)
{
    size_t next = at + item_bytes(item_at(queue, at));
    return is_wrapped(queue) && next == queue->end ? 0 : next;
}

unsigned char *batch_reserve(struct batch_queue *queue)
{
    if (queue->nr_spans >= queue->limits.max_queue_size || !make_room(queue))
        return NULL;
    return queue->memory + queue->tail + sizeof(struct item);
}

void batch_commit(struct batch_queue *queue, unsigned scope, unsigned source, size_t bytes,
                  uint64_t end_mono_ns)
{
    struct item *item = item_at(queue, queue->tail);
    *item = (struct item){ (uint32_t)bytes, (uint16_t)scope, (uint16_t)source, end_mono_ns };
    if (queue->nr_spans++ == 0)
        queue->oldest_mono_ns = end_mono_ns;
    queue->tail += item_bytes(item);
}

uint64_t batch_due_at(const struct batch_queue *queue)
{
    uint64_t delay_ns = queue->limits.schedule_delay_ms * NS_PER_MS;
    if (queue->nr_spans == 0)
        return UINT64_MAX;
    return queue->oldest_mono_ns + delay_ns;
}

bool batch_is_due(const struct batch_queue *queue, uint64_t now_mono_ns, bool flush)
{
    if (queue->nr_spans == 0)
        return false;
    return flush || queue->nr_spans >= queue->limits.max_batch_size ||
           now_mono_ns >= batch_due_at(queue);
}

unsigned batch_peek(const struct batch_queue *queue, struct encoded_span *spans)
{
    unsigned n = 0;
    size_t bytes = 0, at = queue->head;
    while (n < queue->nr_spans && n < queue->limits.max_batch_size && bytes < BATCH_MAX_BYTES) {
        const struct item *item = item_at(queue, at);
        if (n > 0 && item->source != spans[0].source)
            break; /* of another resource */
        spans[n++] = (struct encoded_span){ item->scope, item->source,
                                            queue->memory + at + sizeof *item, item->bytes };
        bytes += item->bytes;
        at = next_item(queue, at);
    }
    return n;
}

void batch_remove(struct batch_queue *queue, unsigned nr_spans)
{
    for (unsigned i = 0; i < nr_spans; i++)
        queue->head = next_item(queue, queue->head);
    queue->nr_spans -= nr_spans;
    if (queue->nr_spans == 0)
        queue->head = queue->tail = 0;
    else
        queue->oldest_mono_ns = item_at(queue, queue->head)->end_mono_ns;
}
