/*
 * Calls after which a process may do less. A second thread is in the way of some
 * (measured: unshare(CLONE_NEWUSER) and setns give EINVAL), so ours ends first and
 * starts again later; behind a chroot the exporter's libraries cannot be found any
 * more, so they are opened before.
 */
#include <sched.h>
#include <unistd.h>

#include "hooks/core.h"
#include "worker.h"

#define CONFINE_HOOKS(X) X(unshare) X(setns) X(chroot)
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
