/*
 * The way of spans from a sink to a receiver: queue, batches, attempts.
 *
 * One batch is under way at a time; the queue fills meanwhile. All attempts of
 * a batch end within its export timeout, each within the attempt timeout. A flush
 * makes what is in the queue due and ends a wait between attempts, once; not a wait
 * that the receiver asked for. Background thread only.
 */
#ifndef OTELSHIM_DELIVERY_H
#define OTELSHIM_DELIVERY_H

#include "batch.h"
#include "sink.h"
#include "transport.h"

enum delivery_state { DELIVERY_IDLE, DELIVERY_SENDING, DELIVERY_WAITING };

struct delivery {
    const struct exporter_host *host;
    struct exporter_account *account; /* of this process's spans */
    bool recovered;                   /* the batch in hand is another process's */
    const char *receiver;             /* for our log: "the collector" */
    const struct format *format;
    void *encoders[SOURCE_COUNT];
    struct transport transport;
    bool answers;
    bool told_of_rejections; /* a partial success was logged: further ones are for debugging */
    struct batch_queue queue;
    struct encoded_span *batch;                     /* room for one batch's list */
    uint64_t export_timeout_ns, attempt_timeout_ns; /* UINT64_MAX: no limit */

    enum delivery_state state;
    struct body body;
    unsigned attempts;
    bool failing;            /* the last attempt failed, and may succeed later */
    bool wait_was_asked_for; /* by Retry-After */
    bool wait_was_cut;       /* a flush began this attempt: the next wait is kept */
    uint32_t flush_spans;    /* in the queue when it was last flushed, and still there */
    uint64_t deadline_ns;    /* of the batch */
    uint64_t retry_at_ns;
    uint32_t random;
};

struct delivery_plan {
    const char *name; /* of its account, see exporter.h */
    const char *receiver;
    const struct format *format;
    struct transport transport;
    bool answers;                /* it says in the format's words what became of a batch */
    uint32_t attempt_timeout_ms; /* 0: no limit */
};

/* Starts over and adds the sink; without one after logging why nothing can be sent. */
void delivery_open(struct delivery *delivery, const struct delivery_plan *plan,
                   const struct config *config, const struct exporter_host *host,
                   const struct resource *resource);

#endif
