/*
 * The background thread: one per process, started when the first record waits.
 *
 * It sleeps on a futex until a batch is due, drains the rings, and drives the
 * exporter object. See docs/ARCHITECTURE.md "The background thread" for its
 * rules about fds, signals, forks and exits.
 */
#ifndef OTELSHIM_WORKER_H
#define OTELSHIM_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The worker's state (see worker.c), in this order: from the first on, a record more
 * is no news to it; from the second on, a full batch is not either. */
#define WORKER_KNOWS_OF_RECORDS 5u
#define WORKER_IS_AWAKE 7u
extern _Atomic uint32_t worker_state __attribute__((visibility("hidden")));
void worker_notify_slow(uint32_t state, bool urgent);

/* A record was committed: starts or wakes the worker if it must be. `urgent`:
 * the ring is half full or a batch is complete. Any thread; at most one futex
 * wake per batch. */
static inline void worker_notify(bool urgent)
{
    /* Pairs with the fence in worker_sleep: see the head of worker.c. */
    atomic_thread_fence(memory_order_seq_cst);
    uint32_t state = atomic_load_explicit(&worker_state, memory_order_relaxed);
    if (state < (urgent ? WORKER_IS_AWAKE : WORKER_KNOWS_OF_RECORDS))
        worker_notify_slow(state, urgent);
}
/* Keeps the program's name, for the resource. Constructor. */
void worker_name_program(void);
/* Whether the worker runs in this process. */
bool worker_is_running(void);
/* Whether an exporter process does its work (exporter_process.h). */
bool worker_is_remote(void);

/* A child was killed by a signal (spool/reaped.h): starts or wakes the worker for what it left. Any
 * thread. */
void worker_has_reaped(void);

/*
 * Exports what has been recorded, waiting at most OTEL_SHIM_EXIT_TIMEOUT, and no
 * longer than 100 ms without progress on the network. For exit and exec.
 */
void worker_flush(void);
/* As worker_flush; then the spool file goes, unless it holds what could not be sent: this
 * process ends where we cannot see it, or becomes another program. */
void worker_before_leaving(void);
/* As worker_before_leaving, then the line of counts: this program ends, the process does not. */
void worker_before_exec(void);
/* Opens the exporter's libraries now, whether records wait or not: before the files
 * are out of reach (chroot). Waits like worker_flush. */
void worker_open_exporter(void);
/* Ends the thread and waits until the kernel has removed it, after a bounded
 * flush: before unshare(CLONE_NEWUSER), setns, and when the program's last thread
 * ends. It starts again at the next record. */
void worker_stop(void);
/*
 * Before the process gives up system calls (seccomp): sends what there is, within the
 * bounds of a flush, ends the thread, and from then on makes no system call for records:
 * they are lost. Undone where the program was not allowed to.
 */
void worker_seal(void);
void worker_unseal(void);

/*
 * The end of the process, by whatever way: a last flush, then the worker is
 * parked under the lock for good, and our log gets its line of counts. Once;
 * later records are lost and counted.
 */
void worker_end_of_process(void);

/* Exit handlers run already: from now on the exporter is opened only where that
 * cannot meet an OpenSSL that the program has taken down. */
void worker_is_late(void);

/*
 * fork: the lock under which the worker uses libraries; taken before the real
 * call and given back in the parent. False: not taken, nothing to give back.
 */
bool worker_lock_for_fork(void);
void worker_unlock_after_fork(void);

#endif
