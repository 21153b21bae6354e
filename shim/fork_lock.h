/*
 * The lock that a fork takes, so that it never copies a process in the middle of
 * dlopen, malloc or libcurl on our thread: the worker holds it around each burst
 * of CPU, never while it waits. A ticket lock: a thread that re-locks at once
 * must not starve a fork. Its words lie in plain memory and are reset in a child.
 */
#ifndef OTELSHIM_FORK_LOCK_H
#define OTELSHIM_FORK_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fork_lock {
    _Atomic uint32_t next;    /* ticket that the next comer takes */
    _Atomic uint32_t serving; /* ticket whose holder may go; the futex word */
};

void fork_lock_acquire(struct fork_lock *lock);
void fork_lock_release(struct fork_lock *lock);

/*
 * Around a hold on one of the program's threads: a handler may leave by siglongjmp, or come to
 * the lock itself. Returns what was blocked before, for the release. Any thread, also in a
 * handler, and in a forked child; errno may change.
 */
uint64_t fork_lock_hold_signals(void);
void fork_lock_release_signals(uint64_t before);

#endif
