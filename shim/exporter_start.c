/*
 * Starts the exporter process out of a program that must not notice.
 *
 *   program ── clone, no signal at its end ──► middle ── clone ──► exporter
 *
 * The middle one ends at once, so that the exporter is init's child. It shares the program's
 * memory while the calling thread waits (as vfork), sends no signal when it ends, and is seen by no wait()
 * without __WCLONE: a program that waits for any child, or for SIGCHLD, sees nothing. A debugger
 * or strace does not follow (CLONE_UNTRACED). Both use only raw system calls: hooks, locks and
 * errno are the program's.
 */
#include <errno.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporter_process.h"

#define STACK_BYTES 8192u /* of each of the two: a few frames */
#define CLONE_ALIKE (CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_UNTRACED)

struct start {
    const char *const *argv, *const *environment;
    char *inner_stack; /* its upper end */
    int error;
};

/* The kernel gives an exec'ed program a descriptor table of its own: one that is shared still,
 * because close_range is not known, is left as it is. */
static int become_exporter(void *data)
{
    struct start *s = data;
    syscall(SYS_close_range, 0u, ~0u, CLOSE_RANGE_UNSHARE);
    syscall(SYS_execve, s->argv[0], s->argv, s->environment);
    s->error = errno;
    syscall(SYS_exit, 127);
    return 0;
}

static int between(void *data)
{
    struct start *s = data;
    syscall(SYS_setsid);
    if (clone(become_exporter, s->inner_stack, CLONE_ALIKE | SIGCHLD, s) < 0)
        s->error = errno;
    syscall(SYS_exit, 0);
    return 0;
}

/* All signals are blocked meanwhile: no handler of the program's runs in the two. */
static int start(struct start *s, char *stack)
{
    uint64_t all = UINT64_MAX, before = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    int pid = clone(between, stack, CLONE_ALIKE, s);
    int error = pid < 0 ? errno : 0;
    if (pid > 0)
        syscall(SYS_wait4, pid, NULL, __WCLONE, NULL);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    return error != 0 ? error : s->error;
}

int exporter_start(const char *path, const char *bell_name, const char *const *environment)
{
    const char *const argv[] = { path, "export", bell_name, NULL };
    char *stacks = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stacks == MAP_FAILED)
        return errno;
    struct start s = { argv, environment, stacks + 2 * STACK_BYTES, 0 };
    int error = start(&s, stacks + STACK_BYTES);
    munmap(stacks, 2 * STACK_BYTES);
    return error;
}
