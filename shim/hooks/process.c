/*
 * The process span: the life of a command-line program as one span, so that
 * what it did, and the programs it started, are one trace.
 *
 * Its ids exist from the start (context/process_context.h); its record is written
 * at most once, at the end of the program, before an exec that replaces it, or
 * when the process turns out to be a server. Whether it is written at all:
 *
 *   always  yes
 *   auto    it was the parent of something, or a parent came in by environment
 *           (a forked child: only the former), and it is no server, nor a part of one:
 *           forked, outside of a request, by a process that listens (a daemon's master,
 *           a worker; where the launcher listened before it forked, all of them)
 *   never   there is no such span; what came in is passed on
 *
 * This file also holds the instrumentation `process`, whose functions are in
 * exec.c, spawn.c, system.c and listen.c.
 */
#include "hooks/process.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "context/process_context.h"
#include "hooks/process_internal.h"
#include "layout.h"
#include "ring.h"
#include "spool/spool.h"

#define EXECUTABLE_NAME_MAX 255u

/* Constructor; the same in a forked child. */
static char executable_name[EXECUTABLE_NAME_MAX + 1];
/* Whether processes have spans at all. Constructor; the same in a forked child. */
static bool has_span;
/* Constructor, and the forked child's first use. */
static int parent_pid;

/* Basename of what runs here, as the conventions say (for a script: its interpreter). */
AT_START static void read_executable_name(void)
{
    char path[512];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len <= 0) {
        /* chroot without /proc, or a sandbox */
        strncpy(executable_name, program_invocation_short_name, EXECUTABLE_NAME_MAX);
        return;
    }
    path[len] = 0;
    static const char deleted[] = " (deleted)";
    size_t tail = sizeof deleted - 1;
    if ((size_t)len > tail && strcmp(path + (size_t)len - tail, deleted) == 0)
        path[(size_t)len - tail] = 0;
    const char *slash = strrchr(path, '/');
    size_t n = strnlen(slash ? slash + 1 : path, EXECUTABLE_NAME_MAX);
    memcpy(executable_name, slash ? slash + 1 : path, n);
    executable_name[n] = 0;
}

/*
 * Writes the span's record, once. `exit_code` below 0: not known (the process
 * goes on as a server, or becomes another program); `signal`: the one that it ends by, 0 = none.
 */
static void tell(int exit_code, int signal)
{
    struct process_context *p = &process_context;
    unsigned before = atomic_fetch_or_explicit(&p->flags, PROCESS_TOLD, memory_order_acq_rel);
    spool_process_flags(ring_spool());
    if ((before & PROCESS_TOLD) || !(before & PROCESS_SPAN))
        return;
    struct span span = p->span; /* the context stays as it is for those who ask */
    span.notes = (uint16_t)atomic_exchange(&p->notes, PROCESS_NOTES_TOLD);
    struct span_writer w;
    if (!span_end(&span, &w))
        return;
    size_t len = strlen(executable_name);
    span_name(&w, executable_name, len);
    span_string(&w, ATTR_PROCESS_EXECUTABLE_NAME, executable_name, len, RECORD_MAX_VALUE);
    span_int(&w, ATTR_PROCESS_PID, process_state->pid);
    span_int(&w, ATTR_PROCESS_PARENT_PID, parent_pid);
    char type[PROCESS_CODE_TEXT];
    if (exit_code >= 0)
        span_int(&w, ATTR_PROCESS_EXIT_CODE, exit_code);
    if (signal != 0) {
        span_error(&w, process_signal_text(signal, type));
    } else if (exit_code > 0) {
        process_code_text(exit_code, type);
        span_error(&w, type);
    }
    span_commit(&w);
}

static void tell_unfinished(void)
{
    tell(-1, 0);
}

void process_span_before_exec(void)
{
    tell(-1, 0);
}

/* Whether we run in a vforked child: its memory is the parent's. */
static bool memory_is_borrowed(void)
{
    return (int)syscall(SYS_getpid) != process_state->pid;
}

AT_START void process_span_end(int exit_code, int signal)
{
    if (!(call_enabled_mask & instr_process.bit) || memory_is_borrowed())
        return;
    int saved_errno = errno;
    struct process_context *p = &process_context;
    unsigned flags = atomic_load_explicit(&p->flags, memory_order_acquire);
    spawn_tell_open();
    bool wanted =
        flags & PROCESS_FORKED ? flags & PROCESS_USED : flags & (PROCESS_USED | PROCESS_PARENT);
    if (!p->may_end || (wanted && !(flags & PROCESS_SERVER)))
        tell(exit_code < 0 ? -1 : exit_code & 0xff, signal);
    errno = saved_errno;
}

void process_span_before_fork(struct span_context *at_fork)
{
    /* Entering drops calls that were left without a return. */
    struct call call;
    bool entered = call_enter(&call, &instr_process);
    if (!context_peek_for_child(at_fork))
        memset(at_fork, 0, sizeof *at_fork);
    if (entered)
        call_leave(&call);
}

void process_span_parent_forked(void)
{
    if (thread_state.current == NULL)
        process_context_mark_used();
}

void process_span_before_vfork(void)
{
    struct call call;
    if (!call_enter(&call, &instr_process))
        return;
    ring_of_thread();
    call_leave(&call);
}

/* What the child of a fork that we did not see has as its parent. */
static const struct span_context *unseen_parent(void)
{
    struct process_context *p = &process_context;
    unsigned flags = atomic_load_explicit(&p->flags, memory_order_relaxed);
    if (flags & PROCESS_SERVER)
        return NULL;
    if ((flags & PROCESS_SPAN) && (flags & PROCESS_USED))
        return &p->span.context;
    return flags & PROCESS_PARENT ? &p->parent : NULL;
}

void process_span_fork_child(const struct span_context *at_fork)
{
    int saved_errno = errno;
    context_fork_child(at_fork != NULL ? at_fork : unseen_parent());
    parent_pid = (int)syscall(SYS_getppid);
    bool of_server =
        atomic_load_explicit(&process_context.flags, memory_order_relaxed) & PROCESS_LISTENS;
    if (has_span && !of_server)
        process_context_begin(&instr_process, process_context.start_mono_ns);
    errno = saved_errno;
}

AT_START static void process_init(void)
{
    exec_init();
    read_executable_name();
    parent_pid = (int)syscall(SYS_getppid);
    process_context.tell = tell_unfinished;
    has_span = config->process_span != PROCESS_SPAN_NEVER;
    if (has_span)
        process_context_begin(&instr_process, process_context.start_mono_ns);
}

/* Part of adopting the state; a fork hook then says more (process_span_fork_child). */
static void process_fork_child(void)
{
    process_span_fork_child(NULL);
    spawn_fork_child();
    system_fork_child();
    exec_fork_child();
}

struct hook process_hooks[] = { PROCESS_HOOKS(HOOK_ENTRY_) };

struct instrumentation instr_process = {
    .name = "process",
    .hooks = process_hooks,
    .nr_hooks = COUNT(process_hooks),
    .init = process_init,
    .fork_child = process_fork_child,
};
