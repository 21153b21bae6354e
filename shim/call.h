/*
 * The guard around every hooked call: nested or disabled calls pass straight
 * through, errno is kept, and the thread's innermost call span is known.
 *
 *     EXPORT int foo(int a)
 *     {
 *         struct call call;
 *         if (!call_enter(&call, &instr_foo))
 *             return REAL(foo)(a);
 *         struct span span;
 *         span_start(&span, &instr_foo, SPAN_CLIENT, &call);
 *         call_make_current(&call, &span);   // children started inside have it as parent
 *         int r = REAL(foo)(a);              // exactly once
 *         call_returned(&call);              // keeps errno
 *         ... span_end, attributes, span_commit ...
 *         call_leave(&call);                 // gives errno back
 *         return r;
 *     }
 *
 * A hook may be left without call_leave() (longjmp, C++ exception, thread
 * cancellation): the guard remembers the frame of the call, and a later call
 * on the same stack from outside that frame drops it. Safe in signal handlers,
 * before our constructor, after our destructor, in forked and vforked children:
 * in each of these call_enter() says false or has put the state right.
 */
#ifndef OTELSHIM_CALL_H
#define OTELSHIM_CALL_H

#include "hook.h"
#include "sdk/span.h"
#include "thread_tls.h"

struct ring;

/* What this thread has on its stack. Initial-exec TLS: one fs-relative load. */
struct thread_state {
    uint32_t suppressed;        /* bits of instrumentations that pass through now */
    uint32_t in_vfork;          /* set by the vfork thunk, see hooks/fork.c */
    uint32_t generation;        /* process_state.generation this thread's data belongs to */
    uint32_t inherited;         /* context slot of the creator's span, 0 = none */
    uint32_t id;                /* among the threads that read requests, 0 = none yet */
    uint32_t last_request;      /* newest server request that it read, see context/request.h */
    uint32_t turn_request;      /* inline dispatch: whose bytes it read last in this turn */
    uint32_t inherited_request; /* server request that it was made for, 0 = none; request.h */
    uint32_t inherited_opens;   /* requests that had been opened by then */
    uint32_t made_inside;       /* it counts among the threads that were made inside requests */
    uint32_t used_below;        /* fd + 1 that a library used below our sight, see conn.h */
    uint16_t answers;           /* 1: it has answered a request that it read, see request.c */
    uint8_t is_loop;            /* 1: it has waited for several descriptors at once */
    uint64_t turn_at, turn_was; /* inline dispatch: ticks when this turn and the one before began */
    int32_t turn_timeout_ms;    /* that its loop would have waited at most; below 0: for ever */
    uintptr_t frame;            /* of the innermost call that is on the stack, 0 = none */
    struct span *current;       /* innermost open call span, NULL = none */
    struct span *attached;      /* what was current outside of all calls, NULL = nothing */
    struct span *next_thread;   /* whose thread the next pthread_create makes, NULL = current's */
    struct ring *ring;          /* this thread's ring, NULL until its first record */
    uintptr_t writing;          /* frame inside a ring reservation, 0 = none */
    uint64_t random[2];         /* xoroshiro128++ state of this thread's ids, [0] 0 = unseeded */
};

extern __thread struct thread_state thread_state
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Instrumentations that are on. 0 before the constructor and when telemetry is off. */
extern uint32_t call_enabled_mask __attribute__((visibility("hidden")));

/*
 * A page that is zero in a forked child (MADV_WIPEONFORK): reading 0 here means
 * that nothing else of this process's state may be used before process_adopt().
 */
struct process_state {
    atomic_uint mine;    /* 1: the state is this process's */
    uint32_t generation; /* distinguishes a child's state from its parent's */
    int pid;
    int *main_tid_address; /* the kernel zeroes it when the main thread ends, NULL = unknown */
    unsigned char reserved[4072];
};
extern struct process_state *process_state __attribute__((visibility("hidden")));

struct call {
    struct thread_state *thread;
    struct span *outer_span;
    uintptr_t outer_frame;
    uint32_t outer_suppressed;
    int saved_errno;
};

/* Calls nest within this distance; farther up or down is another stack (a fiber,
 * a signal stack). Deeper recursion between two hooks of one library is not known. */
#define CALL_NEST_MAX_BYTES (256u * 1024)

/*
 * Whether a hook has nothing to do at all: its instrumentation is off, or the call
 * comes from inside one of ours on this stack, as a library's calls of its own do. For
 * small hooks before they save registers: about 20 instructions with the call itself.
 * False decides nothing: call_enter does. For functions that need a thread's variables themselves
 * (thread_tls.h). True holds in any process, since the
 * call that is around this one is on this very stack, forked or not.
 */
static inline __attribute__((always_inline)) bool
call_is_nothing(const struct instrumentation *instr)
{
    uint32_t bit = instr->bit;
    if (!(call_enabled_mask & bit))
        return true;
    if (!(thread_state.suppressed & bit))
        return false;
    return thread_state.frame - (uintptr_t)__builtin_dwarf_cfa() < CALL_NEST_MAX_BYTES;
}

/* Slow half of call_enter: nested, stale, forked or vforked. */
bool call_enter_slow(struct call *call, const struct instrumentation *instr, uintptr_t frame);

/*
 * True: this call is to be traced; call_leave must follow. False: pass through.
 * Keeps errno. About 12 instructions when the instrumentation is off.
 */
static inline __attribute__((always_inline)) bool call_enter(struct call *call,
                                                             const struct instrumentation *instr)
{
    struct thread_state *t = &thread_state;
    uint32_t bit = instr->bit;
    if (likely(!(call_enabled_mask & bit)) || !thread_has_tls())
        return false;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    if (unlikely((t->frame != 0) | (t->in_vfork != 0) | (t->generation == 0)) ||
        unlikely(atomic_load_explicit(&process_state->mine, memory_order_relaxed) == 0))
        return call_enter_slow(call, instr, frame);
    call->thread = t;
    call->outer_span = t->current;
    call->outer_frame = 0;
    call->outer_suppressed = t->suppressed;
    call->saved_errno = errno;
    t->frame = frame;
    t->suppressed |= instr->suppress_mask;
    return true;
}

/* The span that operations begun inside this call get as parent. */
static inline void call_make_current(struct call *call, struct span *span)
{
    call->thread->current = span;
}

/* Right after the real call: keeps the errno that the program shall see. */
static inline void call_returned(struct call *call)
{
    call->saved_errno = errno;
}

/* Gives the guard and errno back. */
static inline void call_leave(struct call *call)
{
    struct thread_state *t = call->thread;
    t->suppressed = call->outer_suppressed;
    t->current = call->outer_span;
    t->frame = call->outer_frame;
    errno = call->saved_errno;
}

#endif
