/*
 * exec: the new program gets the context, and our object if it was lost.
 *
 * Only the environment changes, and only in memory that is ours; arguments, PATH
 * search and everything else are the real function's. All of it is
 * async-signal-safe. Two situations differ:
 *
 *  - A vforked child shares its parent's memory: nothing is told, and the new
 *    environment lies in the scratch memory of the parent's thread, which sleeps.
 *  - Otherwise this process is about to be replaced: what it has recorded is
 *    exported first, its own span too if others have it as parent. Should the
 *    exec fail, the program goes on with its span told a little early.
 *
 * Where the environment does not fit our memory, or the kernel refuses it for its
 * size, the program's own goes in as it is.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "context/env.h"
#include "context/exec_target.h"
#include "context/process_context.h"
#include "hooks/process.h"
#include "hooks/process_internal.h"
#include "layout.h"
#include "mem/readable.h"
#include "process_state.h"
#include "ring.h"
#include "worker.h"

/* Absolute path of our object; empty when it is not known. Constructor only. */
static char library_path[PATH_MAX];

/* Memory for one exec of this process at a time: most programs that exec have no
 * ring and need none. Taken by any thread; free in a forked child. Its pages cost
 * nothing until then. */
UNUSED_AT_START static char exec_scratch[RING_SCRATCH_BYTES];
static atomic_bool exec_scratch_taken;

struct exec {
    char *const *program_env; /* as the program gave it */
    char *const *env;         /* as it goes in */
    bool took_scratch;
};

AT_START void exec_init(void)
{
    const char *file = real_own_file();
    if (file == NULL)
        return;
    size_t len = strlen(file), at = 0;
    if (file[0] != '/') {
        if (getcwd(library_path, sizeof library_path) == NULL) {
            library_path[0] = 0;
            return;
        }
        at = strlen(library_path);
        library_path[at++] = '/';
    }
    if (at + len >= sizeof library_path) {
        library_path[0] = 0;
        return;
    }
    memcpy(library_path + at, file, len + 1);
}

void exec_fork_child(void)
{
    atomic_store_explicit(&exec_scratch_taken, false, memory_order_relaxed);
}

const char *executable_basename(const char *path, size_t *len)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    *len = strlen(name);
    return name;
}

/* `target` as found, NULL: there is none. `memory` may hold its path. What cannot be read
 * stays as it is: the kernel will say EFAULT. */
static char *const *environment(char *const envp[], const struct exec_target *target,
                                const struct span_context *context, char *memory)
{
    if (envp != NULL && !mem_texts_are_readable(envp))
        return envp;
    bool has_context = context != NULL && span_context_is_valid(context);
    struct env_inputs in = { .context = has_context ? context : NULL, .config = config };
    if (library_path[0] != 0) {
        in.library = library_path;
        in.refused = target != NULL && !exec_target_takes(target, library_path, memory);
    }
    char **built = env_for_child(envp, &in, memory, RING_SCRATCH_BYTES);
    return built != NULL ? built : envp;
}

char *const *spawn_environment(char *const envp[], const char *file, bool search,
                               const struct span_context *context)
{
    struct ring *ring = ring_of_thread();
    if (ring == NULL)
        return envp;
    int saved_errno = errno; /* of the program: a spawn that succeeds leaves it alone */
    struct exec_target target = { AT_FDCWD, file, search };
    bool found = exec_target_find(&target, ring_scratch(ring));
    char *const *env = environment(envp, found ? &target : NULL, context, ring_scratch(ring));
    errno = saved_errno;
    return env;
}

/* The scratch memory was prepared before the vfork, see process_span_before_vfork(). */
static char *const *vforked_environment(char *const envp[], struct exec_target *target)
{
    struct ring *ring = thread_state.ring;
    if (ring == NULL)
        return envp;
    struct span_context context;
    bool has_context = context_for_child(&context);
    bool found = exec_target_find(target, ring_scratch(ring));
    return environment(envp, found ? target : NULL, has_context ? &context : NULL,
                       ring_scratch(ring));
}

/* Exports what this process has, for it is about to be another program. */
static void tell_all(bool tell_span)
{
    spawn_tell_open();
    if (tell_span)
        process_span_before_exec();
    worker_before_exec();
}

static char *take_scratch(struct exec *x)
{
    if (!atomic_exchange_explicit(&exec_scratch_taken, true, memory_order_acquire)) {
        x->took_scratch = true;
        return exec_scratch;
    }
    struct ring *ring = ring_of_thread();
    return ring != NULL ? ring_scratch(ring) : NULL;
}

static void exec_begin(struct exec *x, struct exec_target *target, char *const envp[])
{
    *x = (struct exec){ .program_env = envp, .env = envp };
    if (!(call_enabled_mask & instr_process.bit) || !thread_has_tls())
        return;
    int saved_errno = errno;
    bool is_mine = atomic_load_explicit(&process_state->mine, memory_order_acquire) != 0;
    if (is_mine && (int)syscall(SYS_getpid) != process_state->pid) {
        /* Memory shared by other means than vfork: whose scratch it is, is not known. */
        if (thread_state.in_vfork && thread_state.suppressed != THREAD_IS_OURS)
            x->env = vforked_environment(envp, target);
        FRAMES_STAY_BEHIND();
        errno = saved_errno;
        return;
    }
    struct call call;
    if (!call_enter(&call, &instr_process))
        return;
    struct span_context context;
    bool tell_span;
    bool has_context = context_for_exec(&context, &tell_span);
    char *memory = take_scratch(x);
    /* Shells try one directory of PATH after the other: then nothing ends yet. */
    bool found = memory == NULL || exec_target_find(target, memory);
    if (found)
        tell_all(tell_span);
    if (memory != NULL)
        x->env = environment(envp, found ? target : NULL, has_context ? &context : NULL, memory);
    call_leave(&call);
}

/* The real exec came back: it failed. True: it is to be tried as the program said. */
static bool exec_failed(struct exec *x)
{
    bool again = errno == E2BIG && x->env != x->program_env;
    if (x->took_scratch)
        atomic_store_explicit(&exec_scratch_taken, false, memory_order_release);
    x->took_scratch = false;
    x->env = x->program_env;
    return again;
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    struct exec x;
    exec_begin(&x, &(struct exec_target){ AT_FDCWD, path, false }, envp);
    int r = REAL(execve)(path, argv, x.env);
    if (exec_failed(&x))
        r = REAL(execve)(path, argv, x.env);
    return r;
}

EXPORT int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
    struct exec x;
    exec_begin(&x, &(struct exec_target){ AT_FDCWD, file, true }, envp);
    int r = REAL(execvpe)(file, argv, x.env);
    if (exec_failed(&x))
        r = REAL(execvpe)(file, argv, x.env);
    return r;
}

EXPORT int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct exec x;
    if (envp == NULL) /* EINVAL, not an empty one as elsewhere */
        return REAL(fexecve)(fd, argv, envp);
    exec_begin(&x, &(struct exec_target){ fd, "", false }, envp);
    int r = REAL(fexecve)(fd, argv, x.env);
    if (exec_failed(&x))
        r = REAL(fexecve)(fd, argv, x.env);
    return r;
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    struct exec x;
    exec_begin(&x, &(struct exec_target){ fd, path, false }, envp);
    int r = REAL(execveat)(fd, path, argv, x.env, flags);
    if (exec_failed(&x))
        r = REAL(execveat)(fd, path, argv, x.env, flags);
    return r;
}

/*
 * The variadic forms build their argument array on the stack, as glibc's own do
 * (they may not allocate, and this takes the place of the real array).
 */
static int count_arguments(const char *first, va_list args)
{
    if (first == NULL)
        return 0;
    int n = 1;
    while (va_arg(args, const char *) != NULL) {
        if (n++ == INT_MAX - 1)
            return -1;
    }
    return n;
}

static void copy_arguments(char **argv, int n, const char *first, va_list args)
{
    argv[0] = (char *)(uintptr_t)first;
    for (int i = 1; i <= n; i++)
        argv[i] = va_arg(args, char *);
}

/* Sets `argv` from the variadic arguments after `first`; leaves `args` after the NULL. */
#define ARGUMENTS(argv, first, args) \
    do { \
        va_start(args, first); \
        int n_ = count_arguments(first, args); \
        va_end(args); \
        if (n_ < 0) { \
            errno = E2BIG; \
            argv = NULL; \
            break; \
        } \
        argv = alloca(((size_t)n_ + 1) * sizeof(char *)); \
        va_start(args, first); \
        copy_arguments(argv, n_, first, args); \
    } while (0)

EXPORT int execl(const char *path, const char *first, ...)
{
    va_list args;
    char **argv;
    ARGUMENTS(argv, first, args);
    if (argv == NULL)
        return -1;
    va_end(args);
    return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
    va_list args;
    char **argv;
    ARGUMENTS(argv, first, args);
    if (argv == NULL)
        return -1;
    va_end(args);
    return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *first, ...)
{
    va_list args;
    char **argv;
    ARGUMENTS(argv, first, args);
    if (argv == NULL)
        return -1;
    char *const *envp = va_arg(args, char *const *);
    va_end(args);
    return execve(path, argv, envp);
}
