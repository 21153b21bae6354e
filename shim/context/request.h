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
 * "Open on this thread" says nothing where requests wander from thread to thread, and of a thread whose requests
 * others answer; see request_close. Where event loops read requests on several threads (a thread that waits for many
 * descriptors reads, and is not alone) any of them may take up a task of another's next: there it counts
 * only once a number of requests were answered where they had been read while others were open.
 *
 * A thread that reads no connection, but was made inside a request, works for that
 * one, or is of a pool that any request gives work to. Nothing on our side tells a task
 * of one request from a task of another, so it must be impossible that there is another:
 * the thread works for its creator's request only while
 *
 *   - this is the only one open in the process, since before the thread was made: then
 *     no other open one can have given it work (a task is handed over under some lock,
 *     behind which the opening of its request is seen, too);
 *   - no thread that was made inside another request lives: a pool that such a request
 *     has left a task in has a thread that was made then, busy or on its way to it;
 *   - the thread has not waited to be given work (hooks/thread.c).
 *
 * What remains: a task that no request has given (a schedule of the program's own), or
 * one of a finished request, to a pool whose living threads were all made outside of
 * requests and which grows just now.
 *
 * No evidence: no parent, but links to at most 8 candidates. Replies of upstreams make no request current in other
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
#include "sdk/ticks.h"

/* Bounds, rows in docs/LIMITS.md. */
#define REQUEST_MAX_OPEN 32768u /* as many as connections with anything under way */
#define REQUEST_MAX_LINKS 8u    /* candidates that a span without a parent links to */

/*
 * A request of this thread was read as far as its head: `context` is its span's,
 * `caller` what it came in with (NULL: nothing), `target` a hash of method and
 * target (request_target). `slot`, 1 to REQUEST_MAX_OPEN, is the caller's own until it is
 * closed. 0: no memory; who asks then finds no such request.
 */
uint32_t request_open(uint32_t slot, const struct span_context *context,
                      const struct span_context *caller, uint64_t target);
/* The program has the head of a request that is not open yet (it is behind another one on
 * its connection), or never will be (no memory): it may give work to threads. */
void request_unopened(void);
/*
 * It is over; `answered`: by this thread. A thread that reads requests and answers them, and now has answered what
 * another such thread had read, or has one of its own open meanwhile, shows that requests wander between
 * threads (Tokio's tasks do): from then on "open on this thread" says nothing, unless no other is open. A pool whose
 * requests are read by an acceptor is none of these: the acceptor answers nothing. One thread at a time
 * for one handle.
 */
void request_close(uint32_t handle, bool answered);
/* False when it is closed, or excluded: opened with an invalid context. */
bool request_context(uint32_t handle, struct span_context *out);
/*
 * What the program says of it (sdk/notes.h): the number of its block. Set: false when it has
 * one already, or is closed or told. Take: there is none from then on. Any thread.
 */
uint32_t request_notes(uint32_t handle);
bool request_set_notes(uint32_t handle, uint32_t notes);
uint32_t request_take_notes(uint32_t handle);
static inline bool request_is_open(uint32_t handle);

uint64_t request_target(const char *method, size_t method_len, const char *target, size_t len);

/* What this thread does now is done for it; 0: none, or not known. */
uint32_t request_current(const struct thread_state *t);
/* What is known of a connection's beginning. */
struct request_begun {
    uint32_t request; /* what was current then, 0 = not known, or no matter any more */
    bool is_first;    /* no message has gone out on it yet */
};
/*
 * The same for an outgoing request, which brings evidence of its own: `carried`, the
 * traceparent in its head (NULL: none), how its connection was begun, `target`. What was read last in this turn is
 * none for a connection's first message: that goes out when the connection is there, in whatever turn.
 */
uint32_t request_for_outgoing(const struct thread_state *t, const struct span_context *carried,
                              struct request_begun begun, uint64_t target);
/* The open request that came in with exactly this context; 0: none or several. */
uint32_t request_by_caller(const struct span_context *carried);
/* Whether an open request came in with a context of this trace. */
bool request_has_trace(const uint8_t trace_id[static 16]);
/* Whether an open request came in with exactly this context. */
bool request_came_with(uint32_t handle, const struct span_context *carried);
/*
 * Requests that may be it, the newest first; their number. On a thread that reads requests:
 * those that it has read. Another one may work for any of the process.
 */
unsigned request_candidates(const struct thread_state *t, struct record_link links[], unsigned max);

/* The program handles a request in the call chain that read it. Constructor only. */
void request_dispatch_inline(void);
extern bool request_inline_dispatch __attribute__((visibility("hidden")));
/* Inline dispatch: this thread has read bytes that belong to the request (0: to none). */
static inline void request_turn(struct thread_state *t, uint32_t handle)
{
    t->turn_request = handle;
}
/*
 * Its loop has come round, from a wait of at most `timeout_ms` (below 0: without end). That is when its next timer is due:
 * where it can be due now, what is done after a read may be a timer's (nginx: a request that limit_req
 * has held back), and the read says nothing.
 */
static inline void request_new_turn(struct thread_state *t, int timeout_ms)
{
    t->turn_request = 0;
    t->turn_was = t->turn_at;
    t->turn_at = ticks_now();
    t->turn_timeout_ms = timeout_ms;
}

/* ---- threads that are made inside requests ---- */

struct request_claim {
    uint32_t request; /* that a thread made now works for, 0 = not known */
    uint32_t opens;
    bool inside; /* count it: it lives from now on, until request_thread_ended() */
};

/* For the creator, before the thread is made. */
struct request_claim request_claim(const struct thread_state *t);
/* A thread whose claim was `inside` has ended, or was not made. Or it reads requests
 * itself: it is no pool's. */
void request_thread_ended(void);
/* What this thread was made for, as long as that is certain; else 0. */
uint32_t request_inherited(const struct thread_state *t);

void request_fork_child(void);

/* ---- inline part ---- */

#define REQUEST_INDEX_BITS 15u

struct request {
    _Atomic uint32_t handle; /* 0: closed; the slot's owner writes. Pairs see request.c */
    uint32_t generation;     /* the slot's owner alone */
    _Atomic uint32_t thread; /* thread_state.id that read it */
    _Atomic uint32_t opened; /* its number among all that were */
    _Atomic uint64_t notes;  /* handle << 32 | block of notes, 0 = told. Any thread, by CAS */
    _Atomic uint64_t target;
    _Atomic uint64_t caller[3];                              /* trace id, span id; 0: none */
    _Atomic uint64_t words[sizeof(struct span_context) / 8]; /* the span's */
};

extern struct pool request_pool __attribute__((visibility("hidden")));

#define REQUEST_CHUNK 256u /* entries mapped at a time */
static inline struct request *request_of_slot(uint32_t slot)
{
    return pool_block(&request_pool, slot, REQUEST_CHUNK, sizeof(struct request));
}
static inline struct request *request_at(uint32_t handle)
{
    return request_of_slot((handle & ((1u << REQUEST_INDEX_BITS) - 1)) + 1);
}

static inline bool request_is_open(uint32_t handle)
{
    return handle != 0 &&
           atomic_load_explicit(&request_at(handle)->handle, memory_order_acquire) == handle;
}

#endif
