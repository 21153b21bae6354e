/*
 * fork and its kin: the worker's libraries are at rest while the process is
 * copied, and the child starts over with state of its own. vfork is in vfork.S:
 * its child runs on the caller's stack, so no frame of ours may lie there.
 */
#include <pty.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "config.h"
#include "conn/conn.h"
#include "fork_lock.h"
#include "hooks/core.h"
#include "hooks/process.h"
#include "layout.h"
#include "process_state.h"
#include "worker.h"

pid_t __fork(void);
pid_t __vfork(void);
pid_t _Fork(void);

#define FORK_HOOKS(X) X(fork) X(__fork) X(_Fork) X(vfork) X(__vfork) X(daemon) X(forkpty)
HOOK_LIST(fork_hooks, FORK_HOOKS);
#define HOOK_TABLE fork_hooks

struct instrumentation instr_fork = {
    .name = "fork", .core = true, .hooks = fork_hooks, .nr_hooks = COUNT(fork_hooks)
};

AT_START bool core_is_on(const struct instrumentation *instr)
{
    return (call_enabled_mask & instr->bit) && thread_has_tls() &&
           thread_state.suppressed != THREAD_IS_OURS && process_enter();
}

/* What one fork needs from before it to after it. */
struct fork_call {
    struct span_context parent; /* of what the child does */
    uint64_t signals;           /* the program's mask, while `locked` */
    bool on, locked;
};

static void before_fork(struct fork_call *f)
{
    int saved_errno = errno;
    f->on = core_is_on(&instr_fork);
    if (f->on) {
        process_span_before_fork(&f->parent);
        f->signals = fork_lock_hold_signals();
        f->locked = worker_lock_for_fork();
        if (!f->locked)
            fork_lock_release_signals(f->signals);
    }
    errno = saved_errno;
}

static bool is_adopted(void)
{
    return atomic_load_explicit(&process_state->mine, memory_order_acquire) != 0 &&
           process_state->pid == (int)syscall(SYS_getpid);
}

static void after_fork(struct fork_call *f, pid_t pid)
{
    int saved_errno = errno;
    if (!f->on)
        return;
    if (pid == 0) {
        /* Handlers of pthread_atfork have run, and may have used the network: then the state
         * is this process's already, and so are the spans that they made. */
        if (!is_adopted()) {
            process_adopt();
            process_span_fork_child(&f->parent);
        }
    } else {
        if (f->locked)
            worker_unlock_after_fork();
        if (pid > 0) {
            process_span_parent_forked();
            conn_forked();
        }
    }
    if (f->locked)
        fork_lock_release_signals(f->signals);
    errno = saved_errno;
}

static inline pid_t fork_by(pid_t (*real)(void))
{
    struct fork_call f;
    before_fork(&f);
    pid_t pid = real();
    after_fork(&f, pid);
    return pid;
}

EXPORT pid_t fork(void)
{
    return fork_by(REAL(fork));
}

EXPORT pid_t __fork(void)
{
    return fork_by(REAL(__fork));
}

EXPORT pid_t _Fork(void)
{
    return fork_by(REAL(_Fork));
}

EXPORT pid_t forkpty(int *master, char *name, const struct termios *termios,
                     const struct winsize *size)
{
    struct fork_call f;
    before_fork(&f);
    pid_t pid = REAL(forkpty)(master, name, termios, size);
    after_fork(&f, pid);
    return pid;
}

/* The parent ends inside the real daemon(), out of our sight: what it has recorded
 * must go before, and itself, which is its child's parent. */
EXPORT int daemon(int nochdir, int noclose)
{
    struct fork_call f;
    int saved_errno = errno;
    if (core_is_on(&instr_fork)) {
        process_span_parent_forked();
        process_span_end(0, 0);
        worker_before_exec(); /* the program goes on, if not this process: as with exec */
    }
    errno = saved_errno;
    before_fork(&f);
    int parent = process_state->pid;
    int result = REAL(daemon)(nochdir, noclose);
    saved_errno = errno;
    after_fork(&f, process_state->pid != parent || result == 0 ? 0 : -1);
    errno = saved_errno;
    return result;
}

/* vfork.S: before the real vfork; returns it. */
void *fork_before_vfork(void);
void *fork_before_vfork(void)
{
    int saved_errno = errno;
    if (core_is_on(&instr_fork)) {
        process_span_before_vfork();
        thread_state.in_vfork = 1;
    }
    errno = saved_errno;
    return REAL(vfork);
}
