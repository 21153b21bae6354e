/*
 * The background thread's life: started with the first record, asleep until a
 * batch is due, parked or ended when the process ends.
 *
 * `state` is both its futex and what producers look at. A producer commits its
 * record, then looks at the state; the worker sets its state, then looks at the
 * rings: with a full fence between on both sides one of the two sees the other.
 *
 *     NONE      no thread
 *     STARTING  being created
 *     RUNNING   awake: will look at the rings again before it sleeps
 *     ARMED     asleep until a batch is due; only urgent records wake it
 *     IDLE      asleep for good, nothing is left to send: the next record wakes it
 *     BLOCKED   asleep, and its queue is full: no record wakes it
 *     WOKEN     a record came (from IDLE);  KICKED  look at once
 *     FAILED    no thread could be started; tried again at a flush
 *     REMOTE    there is none: an exporter process reads the rings (exporter_process.h)
 */
#include "worker.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "config.h"
#include "diag.h"
#include "exporter_process.h"
#include "fork_lock.h"
#include "layout.h"
#include "process_state.h"
#include "ring.h"
#include "spool/reaped.h"
#include "worker_report.h"
#include "worker_thread.h"

enum worker_state { NONE, STARTING, FAILED, REMOTE, IDLE, WOKEN, ARMED, RUNNING, BLOCKED, KICKED };
_Static_assert(WOKEN == WORKER_KNOWS_OF_RECORDS && RUNNING == WORKER_IS_AWAKE,
               "worker_notify looks at the order");

/* Bound: the thread's stack. libcurl with a TLS handshake stays below 100 KB. */
#define STACK_BYTES (256u * 1024)
/* No progress on the network for so long ends an exit's wait (choices.md). */
#define STALL_NS 100000000ull

/* All of it is reset in a forked child (worker_fork_child). */
PER_REQUEST_ZERO _Atomic uint32_t worker_state; /* enum worker_state; any thread */
static struct {
    _Atomic uint32_t progress;     /* counts steps; futex of who waits for a flush */
    _Atomic uint32_t flush_wanted; /* raised by who flushes */
    _Atomic uint32_t flush_done;   /* raised by the worker up to flush_wanted */
    atomic_bool stop;              /* the thread shall end */
    _Atomic uint32_t stopping;     /* 1: a thread of the program sees to that; futex */
    atomic_bool on_network;        /* the worker waits for the collector */
    atomic_uint waiters;           /* threads in worker_flush: progress must wake */
    _Atomic uint32_t stalled_at;   /* progress at which a flush gave up, 0 = none did */
    bool on_valgrind;              /* written before the thread starts */
    atomic_bool told_no_thread;    /* our log has the line already */
    atomic_bool open_wanted;       /* open the exporter though no record waits */
    atomic_bool late;              /* exit handlers run already */
    atomic_bool ending;            /* the process ends: nothing starts any more */
    atomic_bool sealed;            /* it does not end, but that holds all the same */
    atomic_int tid;                /* of the thread, for worker_stop */
    pthread_t thread;              /* written before state leaves STARTING by start() */
} worker;

static struct fork_lock lock;

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ns)
{
    struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &t, NULL, 0);
}

bool worker_is_running(void)
{
    uint32_t s = atomic_load_explicit(&worker_state, memory_order_acquire);
    return s != NONE && s != FAILED && s != REMOTE;
}

AT_START bool worker_is_remote(void)
{
    return atomic_load_explicit(&worker_state, memory_order_acquire) == REMOTE;
}

void worker_fork_child(void)
{
    memset(&worker, 0, sizeof worker);
    atomic_store_explicit(&worker_state, NONE, memory_order_relaxed);
    lock = (struct fork_lock){ 0 };
    remote_fork_child();
    diag_fork_child();
    worker_thread_fork_child();
}

/* A forked child may get the stack that its parent's worker had, and AddressSanitizer, which
 * does not know of this thread, would take the marks of that one's frames for its own. */
static void forget_old_frames(void)
{
#ifdef __SANITIZE_ADDRESS__
    extern void __asan_unpoison_memory_region(const volatile void *, size_t);
    pthread_attr_t attr;
    void *stack;
    size_t bytes;
    if (pthread_getattr_np(pthread_self(), &attr) == 0 &&
        pthread_attr_getstack(&attr, &stack, &bytes) == 0)
        __asan_unpoison_memory_region(stack, bytes);
#endif
}

static void *thread_main(void *unused)
{
    (void)unused;
    forget_old_frames();
    thread_state.suppressed = THREAD_IS_OURS;
    thread_state.frame = UINTPTR_MAX;
    thread_state.generation = process_state->generation;
    atomic_store(&worker.tid, (int)syscall(SYS_gettid));
    worker_thread_run();
    return NULL;
}

/* What the loader puts on every thread's stack: thread-local variables of all objects. */
static int add_tls(struct dl_phdr_info *info, size_t size, void *bytes)
{
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS)
            *(size_t *)bytes += info->dlpi_phdr[i].p_memsz + info->dlpi_phdr[i].p_align;
    return 0;
}

static size_t stack_bytes(void)
{
    size_t tls = 0;
    real_walk_objects(add_tls, &tls);
    return STACK_BYTES + (tls + 4095) / 4096 * 4096;
}

/* Creates the thread with all signals blocked: it must never run a handler of the
 * program's. errno is the caller's business. */
static int create_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attr;
    sigfillset(&all);
    int error = pthread_attr_init(&attr);
    if (error != 0)
        return error;
    pthread_attr_setstacksize(&attr, stack_bytes());
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = worker_pthread_create(&worker.thread, &attr, thread_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

static bool start_now(uint32_t from)
{
    if (!atomic_compare_exchange_strong(&worker_state, &from, STARTING))
        return false;
    if (remote_begin()) {
        atomic_store(&worker_state, REMOTE);
        return true;
    }
    worker.on_valgrind = real_object_is_loaded("vgpreload_");
    int error = create_thread();
    if (error != 0) {
        atomic_store(&worker_state, FAILED);
        if (!atomic_exchange(&worker.told_no_thread, true))
            diag_log(LOG_ERROR,
                     "no background thread could be started (%s): spans of this "
                     "process are lost",
                     strerrordesc_np(error));
    }
    return error == 0;
}

/* No handler of the program's may leave it by siglongjmp: the loader's lock would stay taken, for a
 * forked child to wait for, or the state STARTING. */
static bool start(uint32_t from)
{
    if (atomic_load(&worker.ending) || atomic_load(&worker_state) != from)
        return false;
    int saved_errno = errno;
    uint64_t signals = fork_lock_hold_signals();
    bool started = start_now(from);
    fork_lock_release_signals(signals);
    errno = saved_errno;
    return started;
}

void worker_notify_slow(uint32_t state, bool urgent)
{
    int saved_errno = errno;
    if (state == NONE) {
        /* Whoever has committed meanwhile has told nobody: this look comes behind it. */
        if (start(NONE) && worker_is_remote())
            remote_notify(urgent);
    } else if (state == REMOTE)
        remote_notify(urgent);
    else if ((state == IDLE || state == WOKEN || state == ARMED) &&
             atomic_compare_exchange_strong(&worker_state, &state, urgent ? KICKED : WOKEN))
        futex_wake(&worker_state);
    errno = saved_errno;
}

/* ---- for the thread itself (worker_thread.c) ---- */

void worker_set_running(void)
{
    atomic_store_explicit(&worker_state, RUNNING, memory_order_relaxed);
}

bool worker_flush_is_wanted(void)
{
    return atomic_load(&worker.flush_wanted) != atomic_load(&worker.flush_done);
}

uint32_t worker_flush_ticket(void)
{
    return atomic_load(&worker.flush_wanted);
}

void worker_flush_finished(uint32_t ticket)
{
    atomic_store(&worker.flush_done, ticket);
    worker_progress();
}

void worker_progress(void)
{
    atomic_fetch_add(&worker.progress, 1);
    if (atomic_load(&worker.waiters) != 0)
        futex_wake(&worker.progress);
}

bool worker_must_stop(void)
{
    return atomic_load(&worker.stop);
}

void worker_on_network(bool waits)
{
    atomic_store(&worker.on_network, waits);
}

void worker_take_lock(void)
{
    fork_lock_acquire(&lock);
}

void worker_drop_lock(void)
{
    fork_lock_release(&lock);
}

/* Waits on our word and on the main thread's id, which the kernel clears and wakes
 * when that thread ends: a process whose last own thread is gone must not live on
 * because of us. futex_waitv needs Linux 5.16, and valgrind warns of it on the
 * program's stderr; without it only our word is waited on, and once a minute the
 * worker looks. */
static void wait_idle(uint32_t value, uint64_t ns)
{
    int *main_tid = process_state->main_tid_address;
    int tid_now = main_tid != NULL ? __atomic_load_n(main_tid, __ATOMIC_RELAXED) : 0;
    struct futex_waitv waits[2] = {
        { .val = value, .uaddr = (uintptr_t)&worker_state, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
        { .val = (uint32_t)tid_now, .uaddr = (uintptr_t)main_tid, .flags = FUTEX_32 },
    };
    if (tid_now != 0 && !worker.on_valgrind) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        uint64_t at = (uint64_t)until.tv_nsec + ns % 1000000000u;
        until.tv_sec += (time_t)(ns / 1000000000u + at / 1000000000u);
        until.tv_nsec = (long)(at % 1000000000u);
        long r = syscall(SYS_futex_waitv, waits, 2, 0, ns == UINT64_MAX ? NULL : &until,
                         CLOCK_MONOTONIC);
        if (r >= 0 || errno != ENOSYS)
            return;
    }
    uint64_t minute = 60000000000ull;
    futex_wait(&worker_state, value, ns < minute ? ns : minute);
}

/* Whether there is work already, looked at once the state says that we sleep. */
static bool must_not_sleep(enum worker_rest rest)
{
    return worker_flush_is_wanted() || worker_must_stop() || reaped_waits() ||
           (rest == REST_IDLE && worker_records_wait()) ||
           (rest == REST_ARMED && worker_is_behind());
}

enum worker_wake worker_sleep(uint64_t ns, enum worker_rest rest)
{
    static const uint32_t states[] = {
        [REST_IDLE] = IDLE, [REST_ARMED] = ARMED, [REST_BLOCKED] = BLOCKED
    };
    atomic_store_explicit(&worker_state, states[rest], memory_order_relaxed);
    /* Pairs with the fence in worker_notify: a record whose producer saw us awake
     * is seen here, before we sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (must_not_sleep(rest)) {
        worker_set_running();
        bool record = rest == REST_IDLE && worker_records_wait();
        return record && !worker_flush_is_wanted() && !worker_must_stop() ? WAKE_RECORD : WAKE_NOW;
    }
    wait_idle(states[rest], ns);
    uint32_t state = atomic_exchange(&worker_state, RUNNING);
    if (state == KICKED || worker_flush_is_wanted() || worker_must_stop())
        return WAKE_NOW;
    return state == WOKEN ? WAKE_RECORD : WAKE_TIMEOUT;
}

bool worker_main_thread_ended(void)
{
    int *main_tid = process_state->main_tid_address;
    return main_tid != NULL && __atomic_load_n(main_tid, __ATOMIC_RELAXED) == 0;
}

/* ---- flush, stop, fork: threads of the program ---- */

static void kick(void)
{
    uint32_t state = atomic_load(&worker_state);
    while (state == IDLE || state == ARMED || state == WOKEN || state == BLOCKED) {
        if (atomic_compare_exchange_weak(&worker_state, &state, KICKED)) {
            futex_wake(&worker_state);
            return;
        }
    }
}

void worker_has_reaped(void)
{
    /* What the child has left the exporter process was told of by the child. */
    if (config->exporter_runs == EXPORTER_IS_PROCESS && !worker_is_running()) {
        if (worker_is_remote())
            remote_hurry();
        return;
    }
    if (!start(NONE))
        kick();
}

/* Until the worker reports `ticket` done, the deadline, or a stall on the network. */
static void wait_for_flush(uint32_t ticket)
{
    uint64_t now = clock_mono_ns();
    uint64_t deadline = now + (uint64_t)config->exit_timeout_ms * 1000000u;
    uint64_t moved_at = now;
    uint32_t seen = atomic_load(&worker.progress);
    atomic_fetch_add(&worker.waiters, 1);
    while ((int32_t)(atomic_load(&worker.flush_done) - ticket) < 0 && now < deadline &&
           worker_is_running()) {
        uint64_t stalled = now - moved_at;
        if (stalled >= STALL_NS && atomic_load(&worker.on_network)) {
            atomic_store(&worker.stalled_at, seen);
            diag_log(LOG_WARN, "no answer from where spans go: the program does not wait for it; "
                               "they are kept for later, or dropped");
            break;
        }
        uint64_t ns = stalled < STALL_NS ? STALL_NS - stalled : STALL_NS / 10;
        futex_wait(&worker.progress, seen, ns < deadline - now ? ns : deadline - now);
        now = clock_mono_ns();
        uint32_t progress = atomic_load(&worker.progress);
        if (progress != seen)
            moved_at = now;
        seen = progress;
    }
    atomic_fetch_sub(&worker.waiters, 1);
}

/* The worker sleeps with nothing left, or it waits for a collector that the last
 * flush gave up on already: that wait is made once. */
static bool nothing_to_flush(void)
{
    uint32_t stalled_at = atomic_load(&worker.stalled_at);
    if (stalled_at != 0 && stalled_at == atomic_load(&worker.progress) &&
        atomic_load(&worker.on_network))
        return true;
    return atomic_load(&worker_state) == IDLE && !worker_records_wait() && !reaped_waits();
}

AT_START void worker_flush(void)
{
    if (!process_enter() || atomic_load(&worker.ending))
        return;
    if (!worker_is_running()) {
        if (!worker_records_wait() && !atomic_load(&worker.open_wanted))
            return;
        if (!worker_is_remote())
            start(atomic_load(&worker_state));
    }
    if (worker_is_remote() && worker_records_wait())
        remote_hurry();
    if (!worker_is_running() || nothing_to_flush())
        return;
    uint32_t ticket = atomic_fetch_add(&worker.flush_wanted, 1) + 1;
    kick();
    wait_for_flush(ticket);
}

void worker_open_exporter(void)
{
    if (!process_enter())
        return;
    atomic_store(&worker.open_wanted, true);
    if (config->exporter_runs == EXPORTER_IS_PROCESS) {
        struct ring *ring = ring_borrow(); /* the spool is made now, too */
        if (ring != NULL)
            ring_return(ring);
        if (atomic_load(&worker_state) == NONE && start(NONE))
            return;
    }
    worker_flush();
}

bool worker_open_is_wanted(void)
{
    return atomic_load(&worker.open_wanted);
}

void worker_before_leaving(void)
{
    worker_flush();
    if (!process_enter() || atomic_load(&worker.ending))
        return;
    if (worker_is_remote()) {
        remote_end(false);
        return;
    }
    uint64_t signals = fork_lock_hold_signals();
    fork_lock_acquire(&lock);
    worker_leave_spool();
    fork_lock_release(&lock);
    fork_lock_release_signals(signals);
}

void worker_before_exec(void)
{
    worker_before_leaving();
    if (process_enter() && !atomic_load(&worker.ending) && !worker_is_remote())
        worker_report();
}

AT_START void worker_end_of_process(void)
{
    worker_flush();
    if (!process_enter() || atomic_exchange(&worker.ending, true))
        return;
    /* Never given back: from here on no library is used on our thread while the
     * program's exit handlers take them down. */
    if (worker_is_running())
        fork_lock_acquire(&lock);
    if (worker_is_remote() && !remote_end(true))
        return; /* the exporter process removes the file, and tells what became of the spans */
    worker_leave_spool();
    worker_report();
}

AT_START void worker_is_late(void)
{
    atomic_store(&worker.late, true);
}

bool worker_has_failed(void)
{
    return atomic_load(&worker_state) == FAILED;
}

bool worker_opens_late(void)
{
    return atomic_load(&worker.late);
}

static void stop_and_join(void)
{
    worker_flush();
    atomic_store(&worker.stop, true);
    kick();
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1 + config->exit_timeout_ms / 1000;
    int error = pthread_timedjoin_np(worker.thread, NULL, &until);
    /* Joined is not gone: the kernel counts it for a moment more (unshare would fail). */
    while (error == 0 && syscall(SYS_tgkill, process_state->pid, atomic_load(&worker.tid), 0) == 0)
        sched_yield();
    atomic_store(&worker.stop, false);
    if (error == 0)
        atomic_store(&worker_state, NONE);
}

/* One at a time: when threads end together, the second one would wait for a worker that the
 * first has joined. A signal handler that comes here inside of it waits no longer than that. */
static bool begin_to_stop(void)
{
    uint64_t until = clock_mono_ns() + (1000u + config->exit_timeout_ms) * UINT64_C(1000000);
    for (;;) {
        uint32_t nobody = 0;
        if (atomic_compare_exchange_strong(&worker.stopping, &nobody, 1))
            return true;
        uint64_t now = clock_mono_ns();
        if (now >= until)
            return false;
        futex_wait(&worker.stopping, 1, until - now);
    }
}

void worker_stop(void)
{
    if (!process_enter() || !worker_is_running() || atomic_load(&worker.ending) || !begin_to_stop())
        return;
    if (worker_is_running())
        stop_and_join();
    atomic_store(&worker.stopping, 0);
    futex_wake(&worker.stopping);
}

void worker_seal(void)
{
    worker_flush();
    worker_stop();
    if (!process_enter() || atomic_exchange(&worker.ending, true))
        return;
    if (worker_is_remote()) {
        remote_end(false);
    } else {
        worker_leave_spool();
        worker_report();
    }
    /* Nothing that commits a record later has anything to wake or to start. */
    atomic_store(&worker.sealed, true);
    atomic_store(&worker_state, RUNNING);
}

void worker_unseal(void)
{
    if (!process_enter() || !atomic_exchange(&worker.sealed, false))
        return;
    atomic_store(&worker_state, NONE);
    atomic_store(&worker.ending, false);
}

bool worker_lock_for_fork(void)
{
    if (atomic_load(&worker.ending))
        return false; /* the lock is ours for good */
    fork_lock_acquire(&lock);
    return true;
}

void worker_unlock_after_fork(void)
{
    fork_lock_release(&lock);
}
