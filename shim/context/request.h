/*
 * Server requests that are open in this process, as contexts see them: which of
 * them is what a thread does now done for? (DESIGN section 2, rules 2 and 3)
 *
 * A thread that reads one connection at a time has one open request: that one. A
 * thread with several (an event loop) is asked for evidence:
 *
 *   - the outgoing request carries the very traceparent that one of them came in with;
 *   - its connection was begun while one of them was current (conn.c keeps the handle);
 *   - exactly one is open on this thread;
 *   - exactly one of this thread has the same method and target;
 *   - programs that dispatch inline: the one whose bytes, or whose upstream's bytes,
 *     this thread has read last in this turn of its loop.
 *
 * No evidence: no parent. Replies of upstreams make no request current in other
 * programs: timers and deferred callbacks run in the same turn (an asyncio task
 * resumes two turns after its reply, Node's timers run between two reads), and a
 * wrong parent is worse than none.
 *
 * Entries are opened by the thread that read the request and closed by whoever
 * completes it. A handle is an index and a generation: once closed it never
 * matches again. Any thread, no lock, async-signal-safe.
 */
#ifndef OTELSHIM_CONTEXT_REQUEST_H
#define OTELSHIM_CONTEXT_REQUEST_H

#include "call.h"
#include "conn/pool.h"

/* Bounds, rows in docs/LIMITS.md. */
#define REQUEST_MAX_OPEN 16384u /* beyond it a request has a span, but is nobody's parent */
#define REQUEST_MAX_LINKS 8u    /* candidates that a span without a parent links to */

/*
 * A request of this thread was read as far as its head: `context` is its span's,
 * `caller` what it came in with (NULL: nothing), `target` a hash of method and
 * target (request_target). 0: no room.
 */
uint32_t request_open(const struct span_context *context, const struct span_context *caller,
                      uint64_t target);
/* Its response is complete, or never will be. */
void request_close(uint32_t handle);
/* False when it is closed. */
bool request_context(uint32_t handle, struct span_context *out);
static inline bool request_is_open(uint32_t handle);

uint64_t request_target(const char *method, size_t method_len, const char *target, size_t len);

/* What this thread does now is done for it; 0: none, or not known. */
uint32_t request_current(const struct thread_state *t);
/*
 * The same for an outgoing request, which brings evidence of its own: `carried`, the
 * traceparent in its head (NULL: none), `begun_for`, what was current when its
 * connection was begun (0: not known), `target`.
 */
uint32_t request_for_outgoing(const struct thread_state *t, const struct span_context *carried,
                              uint32_t begun_for, uint64_t target);
/* The open request that came in with exactly this context; 0: none or several. */
uint32_t request_by_caller(const struct span_context *carried);
/* Whether an open request came in with a context of this trace. */
bool request_has_trace(const uint8_t trace_id[static 16]);
/* Whether an open request came in with exactly this context. */
bool request_came_with(uint32_t handle, const struct span_context *carried);
/* Requests of this thread that may be it; their number. */
unsigned request_candidates(const struct thread_state *t, struct record_link links[], unsigned max);

/* The program handles a request in the call chain that read it. Constructor only. */
extern bool request_inline_dispatch __attribute__((visibility("hidden")));
/* Inline dispatch: this thread has read bytes that belong to the request (0: to none);
 * its loop has come round. */
static inline void request_turn(struct thread_state *t, uint32_t handle)
{
    t->turn_request = handle;
}

void request_fork_child(void);

/* ---- inline part ---- */

#define REQUEST_INDEX_BITS 14u

struct request {
    _Atomic uint32_t handle; /* 0: closed; the claimer's otherwise. Pairs see request.c */
    uint32_t generation;     /* written while claimed */
    _Atomic uint32_t thread; /* thread_state.id that read it */
    uint32_t unused;
    _Atomic uint64_t target;
    _Atomic uint64_t caller[3];                              /* trace id, span id; 0: none */
    _Atomic uint64_t words[sizeof(struct span_context) / 8]; /* the span's */
};

extern struct pool request_pool __attribute__((visibility("hidden")));

static inline struct request *request_at(uint32_t handle)
{
    return pool_at(&request_pool, (handle & ((1u << REQUEST_INDEX_BITS) - 1)) + 1);
}

static inline bool request_is_open(uint32_t handle)
{
    return handle != 0 &&
           atomic_load_explicit(&request_at(handle)->handle, memory_order_acquire) == handle;
}

#endif
