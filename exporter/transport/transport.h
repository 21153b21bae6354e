/*
 * The way of a batch's bytes out of the process: by HTTP, gRPC, into a file, to
 * a plugin. One attempt at a time; what follows a failed one (waits, attempts,
 * deadlines) is delivery.h's. Background thread only, nothing blocks.
 */
#ifndef OTELSHIM_TRANSPORT_H
#define OTELSHIM_TRANSPORT_H

#include <poll.h>

#include "exporter.h"
#include "retry.h"

/* Bound: bytes that a transport may write before a body (a frame's head). */
#define TRANSPORT_HEADROOM 8u

/* Bound: sockets that one transport waits for, beside libcurl's own. */
#define TRANSPORT_MAX_FDS 17u

/* How an attempt ended. Texts and bytes live until the next one begins. */
struct answer {
    enum verdict verdict;
    int64_t retry_after_ms;    /* with VERDICT_RETRY; RETRY_AFTER_NONE */
    const char *why;           /* for our log, unless delivered */
    const unsigned char *body; /* of a delivered batch: the collector's words */
    size_t body_bytes;
    bool body_is_cut; /* it was longer than a transport keeps */
};

/* A body that is about to be sent. TRANSPORT_HEADROOM bytes before `data` may be written. */
struct body {
    unsigned char *data;
    size_t bytes;
    unsigned nr_spans;
};

/* `self` is the transport's own state, made by its constructor. */
struct transport_ops {
    /* Sets up what can be. False after logging why nothing can ever be sent. */
    bool (*open)(void *self);
    /* Makes a batch's body ready (frames, compresses it), once for all attempts: the result
     * lives until the next call. False: no memory. NULL: bodies go out as they are. */
    bool (*pack)(void *self, struct body *body);
    /* Begins an attempt, which ends by `deadline_ns` at the latest (UINT64_MAX: no limit).
     * `body` stays until it has ended. */
    void (*start)(void *self, const struct body *body, uint64_t now_ns, uint64_t deadline_ns);
    /* Moves it on. True: it has ended, *answer is filled. */
    bool (*step)(void *self, uint64_t now_ns, struct answer *answer);
    /* When step is to be called again though no descriptor is ready. */
    uint64_t (*due_at)(void *self, uint64_t now_ns);
    /* The descriptors to wait for, libcurl's excepted; at most TRANSPORT_MAX_FDS. */
    unsigned (*fds)(void *self, struct pollfd *fds, unsigned max);
};

struct transport {
    const struct transport_ops *ops;
    void *self;
};

#endif
