/*
 * The process context: which span stands for this process as a whole.
 *
 * It is made in the constructor (and again in a forked child at its first use),
 * by one thread, and its ids never change afterwards: a vforked child, which may
 * write nothing but one flag, can hand them on. Making it early costs two random
 * numbers; whether its span is ever told is decided at the end (hooks/process.c).
 *
 *   PARENT  something came in: by environment, or from the process that forked us
 *   SPAN    there is a span of our own (OTEL_SHIM_PROCESS_SPAN is not `never`)
 *   USED    it was given to a call span or a child as parent
 *   SERVER  it is no longer a parent; call spans are roots that link to it
 *   TOLD    the span's record was written
 *   FORKED  this process was forked without exec
 *   LISTENS it is a server by listen or accept, or was forked by one outside of a request
 */
#ifndef OTELSHIM_PROCESS_CONTEXT_H
#define OTELSHIM_PROCESS_CONTEXT_H

#include "context/context.h"

/* Bounds of OTEL_SHIM_PROCESS_SPAN=auto (choices.md; rows in docs/LIMITS.md). */
#define PROCESS_MAX_IDLE_NS 60000000000ull /* a first call span later than this: long-lived */
#define PROCESS_MAX_CALLS 1000u            /* from this call span on: long-lived */

#define PROCESS_NOTES_TOLD UINT32_MAX /* none can be set any more */

enum process_flag {
    PROCESS_PARENT = 1u << 0,
    PROCESS_SPAN = 1u << 1,
    PROCESS_USED = 1u << 2,
    PROCESS_SERVER = 1u << 3,
    PROCESS_TOLD = 1u << 4,
    PROCESS_FORKED = 1u << 5,
    PROCESS_LISTENS = 1u << 6,
};

struct process_context {
    struct span_context parent; /* valid with PROCESS_PARENT */
    struct span span;           /* open; valid with PROCESS_SPAN */
    uint64_t start_mono_ns;
    bool may_end;      /* `auto`: servers and long-lived programs stop being parents */
    atomic_uint flags; /* any thread sets bits; none is cleared but by a new begin */
    /* Block of what the program says of the span (sdk/notes.h); PROCESS_NOTES_TOLD. Any thread. */
    _Atomic uint32_t notes;
    atomic_uint calls; /* call spans under it; lossy when threads race, a bound only */
    /* Writes the span's record when it stops being a parent; set by hooks/process.c. */
    void (*tell)(void);
};

/* One writer (see above) but for the atomics; made anew in a forked child. */
extern struct process_context process_context __attribute__((visibility("hidden")));

/* What a root links to when the process is no parent any more: only what was or will
 * be told. False: nothing. */
static inline bool process_context_link(unsigned flags, struct record_link *link)
{
    const struct span_context *target;
    if (flags & PROCESS_TOLD)
        target = &process_context.span.context;
    else if (flags & PROCESS_PARENT)
        target = &process_context.parent;
    else
        return false;
    memcpy(link->trace_id, target->trace_id, sizeof link->trace_id);
    memcpy(link->span_id, target->span_id, sizeof link->span_id);
    link->flags = target->flags;
    link->remote = target->remote;
    return true;
}

/*
 * context_parent() for span_start: decides what programs do all the time (a call
 * inside a call, a root in a long-lived process) without a call.
 */
bool context_parent_slow(const struct thread_state *t, struct span_context *parent,
                         struct record_link *link, bool *has_link);

static inline bool context_parent_inline(const struct call *call, struct span_context *parent,
                                         struct record_link *link, bool *has_link)
{
    const struct thread_state *t = call != NULL ? call->thread : &thread_state;
    const struct span *current = t->current;
    if (current != NULL && current->open) {
        *has_link = false;
        *parent = current->context;
        return true;
    }
    unsigned flags = atomic_load_explicit(&process_context.flags, memory_order_acquire);
    bool may_be_parent = (flags & (PROCESS_SPAN | PROCESS_PARENT)) && !(flags & PROCESS_SERVER);
    if (unlikely((t->inherited | t->inherited_request | t->last_request) != 0 || may_be_parent))
        return context_parent_slow(t, parent, link, has_link);
    *has_link = process_context_link(flags, link);
    return false;
}

/* Constructor, after config_load(): reads TRACEPARENT, TRACESTATE and BAGGAGE. */
void context_init(void);

/*
 * Begins the process's own span as a child of `parent` (NULL: a root). Single
 * thread: constructor, or the forked child's first use.
 */
void process_context_begin(const struct instrumentation *instr, uint64_t start_mono_ns);

/*
 * Forked child: forgets the parent process's context, but that it listens where nothing
 * was current at the fork; `at_fork` is what was (NULL: nothing). Slots are emptied.
 */
void context_fork_child(const struct span_context *at_fork);

/*
 * What a program that replaces this one gets as TRACEPARENT. False: nothing.
 * *tell: our own span is its parent and must be told first.
 */
bool context_for_exec(struct span_context *out, bool *tell);

/* As context_for_child, without marking the process span as used. */
bool context_peek_for_child(struct span_context *out);
/* A child was started: the process span has done something. */
void process_context_mark_used(void);

#endif
