/*
 * posix_spawn: a span from the start of a child to the moment it is reaped.
 *
 * The span waits in a table by pid until one of the wait functions returns that
 * pid, on whatever thread. A child that nobody waits for has its span told when
 * the program ends, without an exit code, so that the child's own spans have
 * their parent. A span that finds no room in the table is told at once.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "diag.h"
#include "hooks/process_internal.h"
#include "layout.h"
#include "mem/readable.h"
#include "open_mark.h"
#include "process_state.h"
#include "spool/reaped.h"
#include "spool/spool.h"
#include "worker.h"

#define SPAWN_SPANS 1024u /* children with an open span at once */
#define SPAWN_NAME_MAX 63u
#define PID_CLAIMED (-1)

struct child {
    uint8_t name_len;
    char name[SPAWN_NAME_MAX];
    struct span span;
};

/* Any thread. A forked child forgets all of them: they are its parent's children. */
UNUSED_AT_START static struct child children[SPAWN_SPANS];
/* Whose entry it is: 0 = free; moved by CAS, by any thread, the claimer owns the entry.
 * Apart from the entries: all of them are looked at for a pid that is not there, and
 * lie in 64 cache lines. */
UNUSED_AT_START static _Atomic int pids[SPAWN_SPANS];
/* Entries in use, and starts under way, for a quick answer to "none"; any thread. */
static atomic_uint nr_children, nr_starting;

/*
 * Children that were reaped before they stood in the table, by a SIGCHLD handler or
 * another thread: pid in the upper half, wait status in the lower; 0 = free. Noted
 * only while a start is under way, looked at when it is over; the oldest gives way.
 */
#define EARLY_MAX 16u
static _Atomic uint64_t early[EARLY_MAX];
static atomic_uint next_early;

static void note_early(pid_t pid, int wait_status)
{
    unsigned at = atomic_fetch_add_explicit(&next_early, 1, memory_order_relaxed) % EARLY_MAX;
    atomic_store_explicit(&early[at], (uint64_t)(uint32_t)pid << 32 | (uint32_t)wait_status,
                          memory_order_release);
}

static bool was_early(pid_t pid, int *wait_status)
{
    for (unsigned i = 0; i < EARLY_MAX; i++) {
        uint64_t entry = atomic_load_explicit(&early[i], memory_order_acquire);
        if (entry >> 32 == (uint32_t)pid && atomic_compare_exchange_strong(&early[i], &entry, 0)) {
            *wait_status = (int)(uint32_t)entry;
            return true;
        }
    }
    return false;
}

void spawn_begins(void)
{
    atomic_fetch_add_explicit(&nr_starting, 1, memory_order_relaxed);
}

void spawn_ends(void)
{
    atomic_fetch_sub_explicit(&nr_starting, 1, memory_order_relaxed);
}

/* Takes the entry of `pid` (0: a free one). NULL: there is none. */
static struct child *claim(int pid, pid_t first)
{
    for (unsigned i = 0; i < SPAWN_SPANS; i++) {
        unsigned at = ((unsigned)first + i) % SPAWN_SPANS;
        int expected = pid;
        if (atomic_load_explicit(&pids[at], memory_order_relaxed) == pid &&
            atomic_compare_exchange_strong_explicit(&pids[at], &expected, PID_CLAIMED,
                                                    memory_order_acquire, memory_order_relaxed))
            return &children[at];
    }
    return NULL;
}

static void give(struct child *child, int pid)
{
    atomic_store_explicit(&pids[child - children], pid, memory_order_release);
}

static void release(struct child *child)
{
    give(child, 0);
    atomic_fetch_sub_explicit(&nr_children, 1, memory_order_relaxed);
}

/* The claimed entry of `pid`, or NULL. */
static struct child *find(int pid)
{
    return claim(pid, pid);
}

void spawn_tell(struct span *span, pid_t pid, const char *name, size_t name_len,
                const int *wait_status)
{
    struct span_writer w;
    if (!span_end(span, &w))
        return;
    span_name(&w, name, name_len);
    span_string(&w, ATTR_PROCESS_EXECUTABLE_NAME, name, name_len, RECORD_MAX_VALUE);
    span_int(&w, ATTR_PROCESS_PID, pid);
    char text[PROCESS_CODE_TEXT];
    if (wait_status != NULL && WIFEXITED(*wait_status)) {
        int code = WEXITSTATUS(*wait_status);
        span_int(&w, ATTR_PROCESS_EXIT_CODE, code);
        process_code_text(code, text);
        if (code != 0)
            span_error(&w, text);
    } else if (wait_status != NULL && WIFSIGNALED(*wait_status)) {
        span_error(&w, process_signal_text(WTERMSIG(*wait_status), text));
    }
    span_commit(&w);
}

void spawn_failed(struct span *span, const char *name, size_t name_len, int error)
{
    struct span_writer w;
    if (!span_end(span, &w))
        return;
    span_name(&w, name, name_len);
    span_string(&w, ATTR_PROCESS_EXECUTABLE_NAME, name, name_len, RECORD_MAX_VALUE);
    char text[PROCESS_CODE_TEXT];
    span_error(&w, process_errno_text(error, text));
    span_commit(&w);
}

void spawn_started(struct span *span, pid_t pid, const char *name, size_t name_len)
{
    if (!span_context_is_sampled(&span->context)) {
        span_abandon(span);
        return;
    }
    /* The same pid again: the earlier child was reaped before it stood here. */
    struct child *child = find(pid);
    if (child != NULL)
        spawn_tell(&child->span, pid, child->name, child->name_len, NULL);
    if (child == NULL) {
        child = claim(0, pid);
        if (child == NULL) {
            spawn_tell(span, pid, name, name_len, NULL);
            return;
        }
        atomic_fetch_add_explicit(&nr_children, 1, memory_order_relaxed);
    }
    child->span = *span;
    child->name_len = (uint8_t)(name_len < SPAWN_NAME_MAX ? name_len : SPAWN_NAME_MAX);
    memcpy(child->name, name, child->name_len);
    give(child, pid);
    int wait_status;
    if (was_early(pid, &wait_status))
        spawn_reaped(pid, wait_status);
}

/* Its worker cannot send what it has left: ours does. */
static __attribute__((noinline)) void child_was_killed(pid_t pid, int signal)
{
    int saved_errno = errno;
    if (process_enter() && (call_enabled_mask & instr_process.bit) && spool_is_wanted(config)) {
        reaped_note(pid, signal);
        worker_has_reaped();
    }
    errno = saved_errno;
}

void spawn_reaped(pid_t pid, int wait_status)
{
    if (unlikely(WIFSIGNALED(wait_status)))
        child_was_killed(pid, WTERMSIG(wait_status));
    if (likely((atomic_load_explicit(&nr_children, memory_order_relaxed) |
                atomic_load_explicit(&nr_starting, memory_order_relaxed)) == 0))
        return;
    if (!WIFEXITED(wait_status) && !WIFSIGNALED(wait_status))
        return;
    int saved_errno = errno;
    struct child *child = process_enter() ? find(pid) : NULL;
    if (child != NULL) {
        spawn_tell(&child->span, pid, child->name, child->name_len, &wait_status);
        release(child);
    } else if (atomic_load_explicit(&nr_starting, memory_order_relaxed) != 0) {
        note_early(pid, wait_status);
    }
    errno = saved_errno;
}

AT_START void spawn_tell_open(void)
{
    if (atomic_load_explicit(&nr_children, memory_order_relaxed) == 0)
        return;
    for (unsigned i = 0; i < SPAWN_SPANS; i++) {
        int pid = atomic_load_explicit(&pids[i], memory_order_relaxed);
        struct child *child = pid > 0 ? find(pid) : NULL;
        if (child == NULL)
            continue;
        spawn_tell(&child->span, pid, child->name, child->name_len, NULL);
        release(child);
    }
}

void spawn_fork_child(void)
{
    atomic_store_explicit(&nr_starting, 0, memory_order_relaxed);
    if (atomic_load_explicit(&nr_children, memory_order_relaxed) == 0)
        return;
    for (unsigned i = 0; i < SPAWN_SPANS; i++)
        atomic_store_explicit(&pids[i], 0, memory_order_relaxed);
    atomic_store_explicit(&nr_children, 0, memory_order_relaxed);
}

typedef int (*spawn_function)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                              const posix_spawnattr_t *, char *const[], char *const[]);

static int spawn(spawn_function real, bool search, struct call *call, pid_t *pid, const char *file,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const argv[], char *const envp[])
{
    struct readable_pages pages = { { 0 }, 0 };
    if (!mem_text_is_readable(&pages, file)) { /* the child's exec will say so */
        call_leave(call);
        return real(pid, file, actions, attributes, argv, envp);
    }
    errno = call->saved_errno;
    struct span span;
    size_t len;
    const char *name = executable_basename(file, &len);
    span_start(&span, &instr_process, SPAN_CLIENT, call);
    span_mark_open(&span, name, len);
    char *const *env = spawn_environment(envp, file, search, &span.context);
    /* The program's own variable: a SIGCHLD handler of it may look there at once. */
    pid_t own = 0, *started = pid != NULL ? pid : &own;
    spawn_begins();
    int r = real(started, file, actions, attributes, argv, env);
    if (r == E2BIG && env != envp)
        r = real(started, file, actions, attributes, argv, envp);
    call_returned(call);
    if (r == 0)
        spawn_started(&span, *started, name, len);
    else
        spawn_failed(&span, name, len, r);
    spawn_ends();
    call_leave(call);
    return r;
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct call call;
    if (!call_enter(&call, &instr_process))
        return REAL(posix_spawn)(pid, path, actions, attributes, argv, envp);
    return spawn(REAL(posix_spawn), false, &call, pid, path, actions, attributes, argv, envp);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct call call;
    if (!call_enter(&call, &instr_process))
        return REAL(posix_spawnp)(pid, file, actions, attributes, argv, envp);
    return spawn(REAL(posix_spawnp), true, &call, pid, file, actions, attributes, argv, envp);
}

/*
 * The wait family: the real call first, without the guard (it blocks, and may be
 * cancelled); then one load when no child has an open span.
 */
EXPORT pid_t waitpid(pid_t pid, int *status, int options)
{
    int own_status;
    if (status == NULL)
        status = &own_status;
    pid_t reaped = REAL(waitpid)(pid, status, options);
    if (reaped > 0)
        spawn_reaped(reaped, *status);
    return reaped;
}

EXPORT pid_t wait(int *status)
{
    int own_status;
    if (status == NULL)
        status = &own_status;
    pid_t reaped = REAL(wait)(status);
    if (reaped > 0)
        spawn_reaped(reaped, *status);
    return reaped;
}

EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
    int own_status;
    if (status == NULL)
        status = &own_status;
    pid_t reaped = REAL(wait3)(status, options, usage);
    if (reaped > 0)
        spawn_reaped(reaped, *status);
    return reaped;
}

EXPORT pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    int own_status;
    if (status == NULL)
        status = &own_status;
    pid_t reaped = REAL(wait4)(pid, status, options, usage);
    if (reaped > 0)
        spawn_reaped(reaped, *status);
    return reaped;
}

EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    siginfo_t own_info;
    if (info == NULL)
        info = &own_info;
    int r = REAL(waitid)(type, id, info, options);
    if (r != 0 || (options & WNOWAIT) || !(options & WEXITED) || info->si_pid <= 0)
        return r;
    if (info->si_code == CLD_EXITED)
        spawn_reaped(info->si_pid, W_EXITCODE(info->si_status & 0xff, 0));
    else if (info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED)
        spawn_reaped(info->si_pid, W_EXITCODE(0, info->si_status & 0x7f));
    return r;
}
