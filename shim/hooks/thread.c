/*
 * pthread_create and pthread_exit: a new thread has the context of the call that
 * made it (libcurl's resolver thread), its ring goes back when it ends, and a
 * program that ends with its last thread is not kept alive by ours.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "context/context.h"
#include "hooks/core.h"
#include "process_state.h"
#include "ring.h"
#include "worker.h"
#include "worker_thread.h"

#define THREAD_HOOKS(X) X(pthread_create) X(pthread_exit)
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
    uint32_t context; /* the creator's published span, 0 = none */
} starts[STARTS_MAX];

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
    struct start own = { .run = s->run, .arg = s->arg, .context = s->context };
    atomic_store_explicit(&s->used, false, memory_order_release);
    if (core_is_on(&instr_thread))
        thread_state.inherited = own.context;
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
    s->context = current != NULL && current->open ? context_publish(current) : 0;
    int error = REAL(pthread_create)(thread, attr, thread_main, s);
    if (error != 0)
        atomic_store_explicit(&s->used, false, memory_order_release);
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

int worker_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    return REAL(pthread_create)(thread, attr, run, arg);
}
