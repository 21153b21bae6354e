/*
 * Calls after which a process may do less: unshare, setns, chroot, capset, landlock, seccomp,
 * by their own names or by syscall(2), since the newer ones have no name in libc.
 *
 * A second thread is in the way of some (measured: unshare(CLONE_NEWUSER) and setns give
 * EINVAL), and a thread that keeps what the program has given up is a hole in its sandbox: ours
 * ends first, and the next one has what its creator has. Behind chroot and landlock the
 * exporter's libraries may be out of reach, so they are opened before.
 *
 * Under seccomp any system call that the program does not make itself may be its death. What is
 * open is told and sent before; then every hook passes through, and children know nothing of
 * this process. Also under a filter for one thread only: which call comes from which is not
 * looked at.
 */
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/core.h"
#include "hooks/process.h"
#include "worker.h"

/* In libc, in no header of it. */
int capset(void *header, const void *data);
#define CONFINE_HOOKS(X) X(unshare) X(setns) X(chroot) X(capset) X(prctl) X(syscall)
HOOK_LIST(confine_hooks, CONFINE_HOOKS);
#define HOOK_TABLE confine_hooks

struct instrumentation instr_confine = {
    .name = "confine", .core = true, .hooks = confine_hooks, .nr_hooks = COUNT(confine_hooks)
};

static void before(void (*prepare)(void))
{
    int saved_errno = errno;
    if (core_is_on(&instr_confine))
        prepare();
    errno = saved_errno;
}

/* The thread keeps the rights that its creator had: no thread while they are given up. */
static void open_and_stop(void)
{
    worker_open_exporter();
    worker_stop();
}

/* Returns what was enabled, for unseal; 0: nothing was done. */
static uint32_t seal(void)
{
    uint32_t enabled = 0;
    int saved_errno = errno;
    if (core_is_on(&instr_confine)) {
        process_tell_what_is_open(-1, 0); /* it goes on, but nothing of it will be seen */
        enabled = call_enabled_mask;
        call_enabled_mask = 0;
        worker_seal();
    }
    errno = saved_errno;
    return enabled;
}

/* The kernel refused: the program is as free as before. */
static void unseal(uint32_t enabled)
{
    int saved_errno = errno;
    if (enabled != 0) {
        worker_unseal();
        call_enabled_mask = enabled;
    }
    errno = saved_errno;
}

/* Without a filter it is a question whether the kernel knows of filters: EFAULT. */
static bool prctl_seals(long option, long mode, long filter)
{
    return option == PR_SET_SECCOMP &&
           (mode == SECCOMP_MODE_STRICT || (mode == SECCOMP_MODE_FILTER && filter != 0));
}

static bool seccomp_seals(long operation, long filter)
{
    return operation == SECCOMP_SET_MODE_STRICT ||
           (operation == SECCOMP_SET_MODE_FILTER && filter != 0);
}

EXPORT int unshare(int flags)
{
    before(worker_stop);
    return REAL(unshare)(flags);
}

EXPORT int setns(int fd, int type)
{
    before(worker_stop);
    return REAL(setns)(fd, type);
}

EXPORT int chroot(const char *path)
{
    before(worker_open_exporter);
    return REAL(chroot)(path);
}

EXPORT int capset(void *header, const void *data)
{
    before(open_and_stop);
    return REAL(capset)(header, data);
}

EXPORT int prctl(int option, ...)
{
    va_list args;
    va_start(args, option);
    unsigned long a = va_arg(args, unsigned long), b = va_arg(args, unsigned long);
    unsigned long c = va_arg(args, unsigned long), d = va_arg(args, unsigned long);
    va_end(args);
    if (likely(!prctl_seals(option, (long)a, (long)b)))
        return REAL(prctl)(option, a, b, c, d);
    uint32_t enabled = seal();
    int result = REAL(prctl)(option, a, b, c, d);
    if (result != 0)
        unseal(enabled);
    return result;
}

/* Returns what seal returned. */
static uint32_t before_syscall(long number)
{
    switch (number) {
    case SYS_unshare:
    case SYS_setns: before(worker_stop); return 0;
    case SYS_chroot: before(worker_open_exporter); return 0;
    case SYS_capset:
    case SYS_landlock_restrict_self: before(open_and_stop); return 0;
    default: return seal(); /* SYS_seccomp, SYS_prctl */
    }
}

/* Programs wait on futexes by it: what is not ours is a few comparisons. */
static inline bool gives_up_rights(long number, long a, long b, long c)
{
    return number == SYS_unshare || number == SYS_setns || number == SYS_chroot ||
           number == SYS_capset || number == SYS_landlock_restrict_self ||
           (number == SYS_seccomp && seccomp_seals(a, c)) ||
           (number == SYS_prctl && prctl_seals(a, b, c));
}

/* syscall.S: the function behind, NULL: syscall_that_takes_rights is to be called. */
void *syscall_that_keeps_rights(long number, long a, long b, long c);
void *syscall_that_keeps_rights(long number, long a, long b, long c)
{
    return likely(!gives_up_rights(number, a, b, c)) ? (void *)REAL(syscall) : NULL;
}

long syscall_that_takes_rights(long number, long a, long b, long c, long d);
long syscall_that_takes_rights(long number, long a, long b, long c, long d)
{
    uint32_t enabled = before_syscall(number);
    long result = REAL(syscall)(number, a, b, c, d);
    if (result != 0)
        unseal(enabled);
    return result;
}
