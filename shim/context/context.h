/*
 * Which span is the parent of what begins now? (DESIGN section 2, "Context")
 *
 *   1. the innermost open call span of this thread, on this stack, or what the program has
 *      attached (api.c);
 *   2. the server request that the thread is at, if that is certain (request.h);
 *   3. the creator's span or request, for a thread that was started inside one, while
 *      that is open (a request: while it must be that one, request.h), and until the thread's first wait on a condition or semaphore:
 *      one that waits there is of a pool, and what it does next is somebody else's;
 *   4. the process context: the process span, or what came in by TRACEPARENT;
 *   5. nothing: a new root.
 */
#ifndef OTELSHIM_CONTEXT_H
#define OTELSHIM_CONTEXT_H

#include "call.h"

/*
 * The parent for an operation that begins now on this thread. False: none, a
 * root. *link is filled and *has_link set when a process context exists that
 * must no longer be a parent (servers, long-lived programs; choices.md).
 */
bool context_parent(const struct call *call, struct span_context *parent, struct record_link *link,
                    bool *has_link);

/*
 * What a child process started now gets as TRACEPARENT. Creates the process
 * context if there is none and process spans are wanted. False: nothing to pass
 * on. Async-signal-safe; in a vforked child it changes nothing in memory.
 */
bool context_for_child(struct span_context *out);

/*
 * Whose span the thread's current context is: what the program says of it goes there. The
 * same rules, but for the parent that came in from outside, which is nobody's here.
 */
enum context_owner {
    CONTEXT_NONE,
    CONTEXT_CALL,    /* of `span`, on this thread's stack or attached */
    CONTEXT_REQUEST, /* of the server request */
    CONTEXT_OTHERS,  /* of a call on another thread's stack */
    CONTEXT_PROCESS, /* of the process itself */
};
struct context_at {
    enum context_owner owner;
    struct span *span;
    uint32_t request;
};
struct context_at context_at(const struct thread_state *t);

/*
 * A handle by which other threads can ask for an open span's context: 0 when the
 * table (CONTEXT_SLOTS) is full. Ends with span_end/span_abandon.
 */
uint32_t context_publish(struct span *span);
/* False when the span has ended since. */
bool context_published(uint32_t handle, struct span_context *out);
/* For span_end only. */
void context_unpublish(uint32_t handle);

/*
 * The process context (process span), see hooks/process.c for its life.
 * `context_process_parent`: what came in through the environment, false if nothing.
 */
bool context_process_parent(struct span_context *out);
/* The process became a server or long-lived: call spans are roots with a link
 * from now on. Any thread. */
void context_process_is_server(void);
/* It became one because it listens: what it forks outside of a request is a part of it
 * (a daemon, a master, a worker), and has no process span either. */
void context_process_listens(void);

#endif
