/*
 * system, popen, pclose: our own, on posix_spawn.
 *
 * glibc's start their shell without passing a hook, in the program's environment;
 * a child of theirs could not be told its parent. These do what glibc 2.36's do
 * (sysdeps/posix/system.c, libio/iopopen.c), with another environment and a span.
 * With the instrumentation off, the real ones run.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conn/conn.h"
#include "hooks/process_server.h"
#include "hooks/process_internal.h"
#include "layout.h"
#include "open_mark.h"

#define SHELL_PATH "/bin/sh"
#define SHELL_NAME "sh"
#define SHELL_NAME_LEN (sizeof SHELL_NAME - 1)

/* The real posix_spawn for `sh -c command`; E2BIG again with the program's environment. */
static int spawn_shell(pid_t *pid, const char *command, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, const struct span *span)
{
    char *argv[] = { (char *)(uintptr_t)SHELL_NAME, (char *)(uintptr_t) "-c",
                     (char *)(uintptr_t)command, NULL };
    char *const *env = spawn_environment(environ, SHELL_PATH, false, &span->context);
    int r = REAL(posix_spawn)(pid, SHELL_PATH, actions, attributes, argv, env);
    if (r == E2BIG && env != environ)
        r = REAL(posix_spawn)(pid, SHELL_PATH, actions, attributes, argv, environ);
    return r;
}

static pid_t wait_for(pid_t pid, int *status)
{
    pid_t r;
    do
        r = REAL(waitpid)(pid, status, 0);
    while (r == -1 && errno == EINTR);
    return r;
}

/* ---- system ---- */

/*
 * SIGINT and SIGQUIT are ignored while any thread is in system(): the first sets,
 * the last restores. A child forked meanwhile keeps the count, as in glibc, but
 * not the lock.
 */
static pthread_mutex_t signals_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned signals_users;             /* under the lock */
static struct sigaction old_int, old_quit; /* under the lock; set while there are users */

static void ignore_signals(void)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    pthread_mutex_lock(&signals_lock);
    if (signals_users++ == 0) {
        sigaction(SIGINT, &ignore, &old_int);
        sigaction(SIGQUIT, &ignore, &old_quit);
    }
    pthread_mutex_unlock(&signals_lock);
}

static void restore_signals(void)
{
    pthread_mutex_lock(&signals_lock);
    if (--signals_users == 0) {
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
    }
    pthread_mutex_unlock(&signals_lock);
}

struct system_call {
    struct call call;
    struct span span;
    pid_t pid;
};

/* The caller is cancelled while it waits: its child dies with it. The signal mask
 * stays as it is, as in glibc. */
static void system_cancelled(void *data)
{
    struct system_call *s = data;
    kill(s->pid, SIGKILL);
    int state, status = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pid_t reaped = wait_for(s->pid, &status);
    pthread_setcancelstate(state, NULL);
    restore_signals();
    spawn_tell(&s->span, s->pid, SHELL_NAME, SHELL_NAME_LEN, reaped > 0 ? &status : NULL);
    call_leave(&s->call);
}

/* With SIGCHLD blocked in the caller and everything as before in the child. */
static int spawn_for_system(struct system_call *s, const char *command, const sigset_t *old_mask)
{
    sigset_t defaults;
    sigemptyset(&defaults);
    if (old_int.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGINT);
    if (old_quit.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGQUIT);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, old_mask);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int r = spawn_shell(&s->pid, command, NULL, &attributes, &s->span);
    posix_spawnattr_destroy(&attributes);
    return r;
}

/* `cancel`: what the program has set; only here is somebody to tidy up. */
static int wait_for_system(struct system_call *s, int cancel)
{
    int status = -1;
    pthread_cleanup_push(system_cancelled, s);
    pthread_setcancelstate(cancel, NULL);
    if (wait_for(s->pid, &status) != s->pid)
        status = -1;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_pop(0);
    return status;
}

static int run_system(struct system_call *s, const char *command)
{
    span_start(&s->span, &instr_process, SPAN_CLIENT, &s->call);
    span_mark_open(&s->span, SHELL_NAME, SHELL_NAME_LEN);
    sigset_t block, old_mask;
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    ignore_signals();
    sigemptyset(&block);
    sigaddset(&block, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &block, &old_mask);

    int error = spawn_for_system(s, command, &old_mask);
    int status = error == 0 ? wait_for_system(s, cancel) : W_EXITCODE(127, 0);
    int saved_errno = errno;
    /* Before SIGCHLD comes: its handler may reap and would find our record half made. */
    if (error == 0)
        spawn_tell(&s->span, s->pid, SHELL_NAME, SHELL_NAME_LEN, status != -1 ? &status : NULL);
    else
        spawn_failed(&s->span, SHELL_NAME, SHELL_NAME_LEN, error);

    restore_signals();
    pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
    pthread_setcancelstate(cancel, NULL);
    errno = error != 0 ? error : saved_errno;
    call_returned(&s->call);
    return status;
}

EXPORT int system(const char *command)
{
    struct system_call s;
    if (command == NULL || !call_enter(&s.call, &instr_process))
        return REAL(system)(command);
    int status = run_system(&s, command);
    call_leave(&s.call);
    return status;
}

/* ---- popen ---- */

#define POPEN_STREAMS 256u /* open at once; further ones are the real popen's */

enum { ENTRY_TAKEN = 1 }; /* a value of popen_entry.stream that is no stream */

struct popen_entry {
    _Atomic(uintptr_t) stream; /* 0 = free; written under the lock, read by any thread */
    int fd;                    /* of the stream */
    pid_t pid;
};

/*
 * Streams of our popen. A forked child has them too, as it has glibc's: it may
 * close them, and its pclose finds no child. The lock keeps a new child from
 * inheriting a stream that another thread is just opening; released at fork.
 */
UNUSED_AT_START static struct popen_entry streams[POPEN_STREAMS];
static pthread_mutex_t streams_lock = PTHREAD_MUTEX_INITIALIZER;
/* How many there are; lets every other fclose pass by. Under the lock; read by any thread. */
static atomic_uint nr_streams;

void system_fork_child(void)
{
    signals_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    streams_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

struct popen_mode {
    bool reads, writes, close_on_exec;
};

static bool parse_mode(const char *text, struct popen_mode *mode)
{
    *mode = (struct popen_mode){ 0 };
    for (; *text != 0; text++) {
        if (*text == 'r')
            mode->reads = true;
        else if (*text == 'w')
            mode->writes = true;
        else if (*text == 'e')
            mode->close_on_exec = true;
        else
            return false;
    }
    return mode->reads != mode->writes;
}

/* The child's end as its standard input or output; every earlier stream closed there. */
static int popen_actions(posix_spawn_file_actions_t *actions, int child_end, int child_fd)
{
    int r = posix_spawn_file_actions_adddup2(actions, child_end, child_fd);
    for (unsigned i = 0; r == 0 && i < POPEN_STREAMS; i++) {
        uintptr_t stream = atomic_load_explicit(&streams[i].stream, memory_order_relaxed);
        if (stream > ENTRY_TAKEN && streams[i].fd != child_fd)
            r = posix_spawn_file_actions_addclose(actions, streams[i].fd);
    }
    return r;
}

static struct popen_entry *free_entry(void)
{
    for (unsigned i = 0; i < POPEN_STREAMS; i++) {
        if (atomic_load_explicit(&streams[i].stream, memory_order_relaxed) == 0)
            return &streams[i];
    }
    return NULL;
}

/* Starts the shell and enters the stream into the table. 0 or an errno. */
static int popen_child(FILE *stream, int child_end, int child_fd, const char *command,
                       const struct span *span, struct popen_entry *entry)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    pthread_mutex_lock(&streams_lock);
    int error = popen_actions(&actions, child_end, child_fd);
    if (error == 0)
        error = spawn_shell(&entry->pid, command, &actions, NULL, span);
    if (error == 0) {
        entry->fd = fileno(stream);
        atomic_store_explicit(&entry->stream, (uintptr_t)stream, memory_order_release);
        atomic_fetch_add_explicit(&nr_streams, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&streams_lock);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* close(2) without its being a cancellation point: popen is none. */
static void close_end(int fd)
{
    socket_closing(fd);
    syscall(SYS_close, fd);
}

/*
 * The child's end must not lie where it will be wanted, or its close-on-exec flag
 * would stay on. False: no descriptor left.
 */
static bool move_away(int *child_end, int child_fd)
{
    if (*child_end != child_fd)
        return true;
    int moved = fcntl(child_fd, F_DUPFD_CLOEXEC, 0);
    if (moved < 0)
        return false;
    close_end(*child_end);
    *child_end = moved;
    return true;
}

/* Both ends made, the stream open on ours: the child, or everything undone. */
static FILE *open_stream(const char *command, const struct popen_mode *mode,
                         struct popen_entry *entry, struct span *span)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        spawn_failed(span, SHELL_NAME, SHELL_NAME_LEN, errno);
        return NULL;
    }
    int our_end = fds[mode->reads ? 0 : 1], child_end = fds[mode->reads ? 1 : 0];
    int child_fd = mode->reads ? STDOUT_FILENO : STDIN_FILENO;
    int error = ENOMEM;
    FILE *stream = fdopen(our_end, mode->reads ? "r" : "w");
    spawn_begins();
    if (stream != NULL && move_away(&child_end, child_fd))
        error = popen_child(stream, child_end, child_fd, command, span, entry);
    close_end(child_end);
    if (error != 0) {
        if (stream != NULL)
            REAL(fclose)(stream);
        else
            close_end(our_end);
        spawn_ends();
        spawn_failed(span, SHELL_NAME, SHELL_NAME_LEN, error);
        errno = ENOMEM; /* whatever it was: as glibc */
        return NULL;
    }
    if (!mode->close_on_exec)
        fcntl(our_end, F_SETFD, 0);
    spawn_started(span, entry->pid, SHELL_NAME, SHELL_NAME_LEN);
    spawn_ends();
    return stream;
}

static struct popen_entry *take_entry(void)
{
    pthread_mutex_lock(&streams_lock);
    struct popen_entry *entry = free_entry();
    if (entry != NULL)
        atomic_store_explicit(&entry->stream, ENTRY_TAKEN, memory_order_relaxed);
    pthread_mutex_unlock(&streams_lock);
    return entry;
}

EXPORT FILE *popen(const char *command, const char *mode_text)
{
    struct call call;
    struct popen_mode mode;
    if (!parse_mode(mode_text, &mode) || !call_enter(&call, &instr_process))
        return REAL(popen)(command, mode_text);
    struct popen_entry *entry = take_entry();
    if (entry == NULL) {
        call_leave(&call);
        return REAL(popen)(command, mode_text);
    }
    struct span span;
    span_start(&span, &instr_process, SPAN_CLIENT, &call);
    span_mark_open(&span, SHELL_NAME, SHELL_NAME_LEN);
    int before = errno;
    FILE *stream = open_stream(command, &mode, entry, &span);
    if (stream == NULL)
        atomic_store_explicit(&entry->stream, 0, memory_order_release);
    else
        errno = before;
    call_returned(&call);
    call_leave(&call);
    return stream;
}

/* The entry of a stream of ours; one that is being closed is found no more. */
static struct popen_entry *find_stream(FILE *stream)
{
    if (likely(atomic_load_explicit(&nr_streams, memory_order_relaxed) == 0))
        return NULL;
    for (unsigned i = 0; stream != NULL && i < POPEN_STREAMS; i++) {
        if (atomic_load_explicit(&streams[i].stream, memory_order_acquire) == (uintptr_t)stream)
            return &streams[i];
    }
    return NULL;
}

static pid_t forget_stream(struct popen_entry *entry)
{
    pthread_mutex_lock(&streams_lock);
    pid_t pid = entry->pid;
    atomic_store_explicit(&entry->stream, 0, memory_order_relaxed);
    atomic_fetch_sub_explicit(&nr_streams, 1, memory_order_relaxed);
    pthread_mutex_unlock(&streams_lock);
    return pid;
}

/*
 * In glibc's order: what is buffered goes out, the stream leaves the table, its
 * descriptor is closed, the child is waited for (not a cancellation point). The
 * child's status comes before a failed write's -1.
 */
static int close_stream(FILE *stream, struct popen_entry *entry)
{
    int write_result = 0;
    if (__fwriting(stream)) {
        write_result = fflush(stream);
        if (write_result != 0)
            __fpurge(stream); /* or the close would try, and raise SIGPIPE, again */
    }
    pid_t pid = forget_stream(entry);
    int write_errno = errno;
    if (REAL(fclose)(stream) != 0)
        return -1;
    errno = write_errno;
    int status, state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pid_t reaped = wait_for(pid, &status);
    pthread_setcancelstate(state, NULL);
    if (reaped == -1)
        return -1;
    spawn_reaped(pid, status);
    return status != 0 ? status : write_result;
}

EXPORT int pclose(FILE *stream)
{
    struct popen_entry *entry = find_stream(stream);
    return entry != NULL ? close_stream(stream, entry) : REAL(pclose)(stream);
}

/* A stream of popen's may be closed by fclose, too. */
EXPORT int fclose(FILE *stream)
{
    struct popen_entry *entry = find_stream(stream);
    if (entry != NULL)
        return close_stream(stream, entry);
    if (conn_fd_limit != 0 && stream != NULL) {
        int saved_errno = errno;
        socket_closing(fileno(stream));
        errno = saved_errno;
    }
    return REAL(fclose)(stream);
}
