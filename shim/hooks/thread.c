/*
 * pthread_create and pthread_exit: a new thread has the context of the call that
 * made it (libcurl's resolver thread), its ring goes back when it ends, and a
 * program that ends with its last thread is not kept alive by ours.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "context/context.h"
#include "context/request.h"
#include "hooks/core.h"
#include "process_state.h"
#include "ring.h"
#include "worker.h"
#include "worker_thread.h"

/* clang-format off */
#define THREAD_HOOKS(X)                                                           \
    X(pthread_create) X(pthread_exit)                                             \
    X(pthread_cond_wait) X(pthread_cond_timedwait) X(pthread_cond_clockwait)      \
    X(sem_wait) X(sem_timedwait) X(sem_clockwait)
/* clang-format on */
HOOK_LIST(thread_hooks, THREAD_HOOKS);
#define HOOK_TABLE thread_hooks

struct instrumentation instr_thread = {
    .name = "thread", .core = true, .hooks = thread_hooks, .nr_hooks = COUNT(thread_hooks)
};

/* Bound: threads being started at one moment; beyond it a thread starts unseen. */
#define STARTS_MAX 256u

/* What a new thread needs from its creator. `used` is taken by the creator and
 * given back by the new thread; a forked child may lose the entries in flight. */
static struct start {
    atomic_bool used;
    void *(*run)(void *);
    void *arg;
    uint32_t context;           /* the creator's published span, 0 = none */
    struct request_claim claim; /* what it makes it for */
} starts[STARTS_MAX] UNUSED_AT_START;

/* The main thread called pthread_exit: from now on any thread may be the last. */
static atomic_bool main_exited;

static struct start *take_start(void)
{
    static atomic_uint next; /* where to look first; only spreads the load */
    unsigned first = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    for (unsigned i = 0; i < STARTS_MAX; i++) {
        struct start *s = &starts[(first + i) % STARTS_MAX];
        bool expected = false;
        if (atomic_compare_exchange_strong(&s->used, &expected, true))
            return s;
    }
    return NULL;
}

/* Runs when the thread returns, calls pthread_exit, or is cancelled. */
static void thread_ends(void *unused)
{
    (void)unused;
    struct thread_state *t = &thread_state;
    if (!core_is_on(&instr_thread))
        return;
    if (t->made_inside)
        request_thread_ended();
    t->made_inside = 0;
    if (t->ring != NULL)
        ring_release(t->ring);
    t->ring = NULL;
    if (atomic_load(&main_exited))
        worker_stop();
}

/* Compiled without -fexceptions: cleanup handlers are glibc's own, no unwinder. */
static void *thread_main(void *data)
{
    struct start *s = data;
    struct start own = { .run = s->run, .arg = s->arg, .context = s->context, .claim = s->claim };
    atomic_store_explicit(&s->used, false, memory_order_release);
    if (core_is_on(&instr_thread)) {
        thread_state.inherited = own.context;
        thread_state.inherited_request = own.claim.request;
        thread_state.inherited_opens = own.claim.opens;
        thread_state.made_inside = own.claim.inside;
    }
    void *result;
    pthread_cleanup_push(thread_ends, NULL);
    result = own.run(own.arg);
    pthread_cleanup_pop(1);
    return result;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    struct start *s = NULL;
    int saved_errno = errno;
    if (core_is_on(&instr_thread))
        s = take_start();
    errno = saved_errno;
    if (s == NULL)
        return REAL(pthread_create)(thread, attr, run, arg);

    struct span *current = thread_state.current;
    if (thread_state.next_thread != NULL)
        current = thread_state.next_thread;
    thread_state.next_thread = NULL;
    s->run = run;
    s->arg = arg;
    bool in_call = current != NULL && current->open;
    s->context = in_call ? context_publish(current) : 0;
    s->claim = (struct request_claim){ 0 };
    if (!in_call)
        s->claim = request_claim(&thread_state);
    int error = REAL(pthread_create)(thread, attr, thread_main, s);
    if (error != 0) {
        if (s->claim.inside)
            request_thread_ended();
        atomic_store_explicit(&s->used, false, memory_order_release);
    }
    return error;
}

EXPORT void pthread_exit(void *value)
{
    int saved_errno = errno;
    if (core_is_on(&instr_thread) && syscall(SYS_gettid) == process_state->pid) {
        atomic_store(&main_exited, true);
        worker_stop();
    }
    errno = saved_errno;
    REAL(pthread_exit)(value);
    __builtin_unreachable();
}

/*
 * A thread that waits to be given work is one of a pool: from then on its creator's
 * context says nothing about it. Not so a wait of some milliseconds: an interpreter's
 * lock (CPython looks every 5 ms), which its threads wait for at their very start.
 */
#define SHORT_WAIT_NS 20000000

static bool is_short(const struct timespec *until, clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    int64_t left =
        ((int64_t)until->tv_sec - now.tv_sec) * 1000000000 + until->tv_nsec - now.tv_nsec;
    return left >= 0 && left <= SHORT_WAIT_NS;
}

static __attribute__((noinline)) void forget_creator(const struct timespec *until)
{
    struct thread_state *t = &thread_state;
    int saved_errno = errno;
    /* Which clock it means is known to the condition alone. */
    if (until == NULL || (!is_short(until, CLOCK_MONOTONIC) && !is_short(until, CLOCK_REALTIME)))
        t->inherited = t->inherited_request = 0;
    errno = saved_errno;
}

static inline void thread_waits(const struct timespec *until)
{
    if (unlikely((thread_state.inherited | thread_state.inherited_request) != 0))
        forget_creator(until);
}

EXPORT int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex)
{
    thread_waits(NULL);
    return REAL(pthread_cond_wait)(condition, mutex);
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *restrict condition,
                                  pthread_mutex_t *restrict mutex,
                                  const struct timespec *restrict until)
{
    thread_waits(until);
    return REAL(pthread_cond_timedwait)(condition, mutex, until);
}

EXPORT int pthread_cond_clockwait(pthread_cond_t *restrict condition,
                                  pthread_mutex_t *restrict mutex, clockid_t clock,
                                  const struct timespec *restrict until)
{
    thread_waits(until);
    return REAL(pthread_cond_clockwait)(condition, mutex, clock, until);
}

EXPORT int sem_wait(sem_t *semaphore)
{
    thread_waits(NULL);
    return REAL(sem_wait)(semaphore);
}

EXPORT int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    thread_waits(until);
    return REAL(sem_timedwait)(semaphore, until);
}

EXPORT int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
                         const struct timespec *restrict until)
{
    thread_waits(until);
    return REAL(sem_clockwait)(semaphore, clock, until);
}

int worker_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    return REAL(pthread_create)(thread, attr, run, arg);
}
