/* The ticket lock of fork_lock.h: one futex word is served in the order of arrival. */
#include "fork_lock.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

void fork_lock_acquire(struct fork_lock *lock)
{
    uint32_t ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);
    for (;;) {
        /* Pairs with the release below: what the last holder did is visible. */
        uint32_t serving = atomic_load_explicit(&lock->serving, memory_order_acquire);
        if (serving == ticket)
            return;
        syscall(SYS_futex, &lock->serving, FUTEX_WAIT_PRIVATE, serving, NULL, NULL, 0);
    }
}

void fork_lock_release(struct fork_lock *lock)
{
    uint32_t serving = atomic_load_explicit(&lock->serving, memory_order_relaxed) + 1;
    atomic_store_explicit(&lock->serving, serving, memory_order_seq_cst);
    /* Somebody holds a later ticket: they all wait on one word, each looks for its own. */
    if (atomic_load_explicit(&lock->next, memory_order_seq_cst) != serving)
        syscall(SYS_futex, &lock->serving, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/*
 * No handler, but for signals that a fault of the program raises, and for the one by which glibc's
 * setuid reaches all threads and waits for them.
 */
#define SIGNAL_BIT(signo) (1ull << ((signo)-1))
#define SIGSETXID 33
static const uint64_t held_back =
    ~(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGILL) |
      SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGSYS) | SIGNAL_BIT(SIGABRT) | SIGNAL_BIT(SIGSETXID));

uint64_t fork_lock_hold_signals(void)
{
    uint64_t before = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &held_back, &before, sizeof before);
    return before;
}

void fork_lock_release_signals(uint64_t before)
{
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}
