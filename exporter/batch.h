/*
 * Encoded spans that wait for their batch (OTEL_BSP_*).
 *
 * One piece of memory, used as a ring: a span is encoded straight into its end, a
 * batch is read off its front, none is moved. It grows to what the program needs,
 * never beyond QUEUE_MAX_BYTES, and never shrinks: in the steady state nothing is
 * allocated. Background thread only.
 */
#ifndef OTELSHIM_BATCH_H
#define OTELSHIM_BATCH_H

#include "format.h"

#define QUEUE_FIRST_BYTES ((size_t)256 * 1024)    /* at the first span, or twice the largest one */
#define QUEUE_MAX_BYTES ((size_t)4 * 1024 * 1024) /* bound: then accept says "full" */
#define BATCH_MAX_BYTES ((size_t)2 * 1024 * 1024) /* bound: spans of one request, see below */
#define BATCH_MAX_SPANS 8192u                     /* bound: of OTEL_BSP_MAX_EXPORT_BATCH_SIZE */

/* What a request may hold by OTLP's default. One is made of BATCH_MAX_BYTES, at
 * most one more span, and a resource within CONFIG_MAX_VALUE repaired. */
#define REQUEST_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct batch_limits {
    uint32_t max_queue_size, max_batch_size, schedule_delay_ms;
};

struct batch_queue {
    unsigned char *memory;
    size_t capacity, head, tail;
    size_t end;            /* tail < head: where the spans at head end and those at 0 begin */
    size_t item_max_bytes; /* room that one span can take */
    struct batch_limits limits;
    uint32_t nr_spans;
    uint64_t oldest_mono_ns; /* when the span at the front ended */
};

/* No span of it is larger than `span_max_bytes`. */
void batch_queue_init(struct batch_queue *queue, struct batch_limits limits, size_t span_max_bytes);

/* Room for one span of any size; NULL: the queue is full (or there is no memory). */
unsigned char *batch_reserve(struct batch_queue *queue);
/* The span was written there in `bytes` bytes. */
void batch_commit(struct batch_queue *queue, unsigned scope, unsigned source, size_t bytes,
                  uint64_t end_mono_ns);

/* Whether a batch is to be sent: a full one, an old one, or any with `flush`. */
bool batch_is_due(const struct batch_queue *queue, uint64_t now_mono_ns, bool flush);
/* When the front will be old enough; UINT64_MAX: the queue is empty. */
uint64_t batch_due_at(const struct batch_queue *queue);

/* The spans of the next batch (at most BATCH_MAX_SPANS, of one source): how many. They stay
 * in the queue until batch_remove(). */
unsigned batch_peek(const struct batch_queue *queue, struct encoded_span *spans);
void batch_remove(struct batch_queue *queue, unsigned nr_spans);

#endif
