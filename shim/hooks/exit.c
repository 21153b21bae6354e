/*
 * The ways a process ends: what is recorded goes out before, within bounds.
 *
 * exit() and return from main are two steps. Before any exit handler runs, requests that
 * are open and the process span are told and everything is flushed: only now may the exporter still
 * be loaded, later the program's own handlers take OpenSSL down (measured: loaded
 * in a handler, curl_global_init crashed curl(1)). Then a handler, registered when
 * the exporter had opened its libraries and so run before they are torn down,
 * sends what came since and parks the worker. Ends that only libc sees (err(3),
 * the last thread's end) reach a handler that was registered as main began.
 *
 * _exit and quick_exit run no such handlers: one step. So does a program that ends itself by a
 * signal, as one does that has caught it and is done cleaning up (Python, Ruby, shells, uvicorn).
 * What others send it is seen by nobody: its spool (spool/spool.h) tells of it.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/core.h"
#include "hooks/process.h"
#include "layout.h"
#include "process_state.h"
#include "worker.h"
#include "worker_thread.h"

typedef int main_fn(int argc, char **argv, char **envp);
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);

#define EXIT_HOOKS(X) X(exit) X(_exit) X(_Exit) X(quick_exit) X(__libc_start_main) X(kill) X(raise)
HOOK_LIST(exit_hooks, EXIT_HOOKS);
#define HOOK_TABLE exit_hooks

struct instrumentation instr_exit = {
    .name = "exit", .core = true, .hooks = exit_hooks, .nr_hooks = COUNT(exit_hooks)
};

/* Not a child that shares our memory (clone with CLONE_VM, seen by no hook): its end
 * is not this process's. Compared after core_is_on, which tells forked children. */
static bool this_process_ends(void)
{
    return core_is_on(&instr_exit) && (int)syscall(SYS_getpid) == process_state->pid;
}

AT_START void process_tell_what_is_open(int exit_code, int signal)
{
    for (unsigned i = 0; i < registry_count; i++) {
        if ((call_enabled_mask & registry[i]->bit) && registry[i]->process_ends != NULL)
            registry[i]->process_ends();
    }
    process_span_end(exit_code, signal);
}

static void before_handlers(int status)
{
    int saved_errno = errno;
    if (this_process_ends()) {
        process_tell_what_is_open(status & 0xff, 0);
        worker_flush();
    }
    errno = saved_errno;
}

AT_START static void end_of_process(int status)
{
    int saved_errno = errno;
    if (this_process_ends()) {
        process_tell_what_is_open(status & 0xff, 0);
        worker_end_of_process();
    }
    errno = saved_errno;
}

/* Before the exporter's libraries are torn down. */
static void handler_of_exporter(int status, void *unused)
{
    (void)unused;
    end_of_process(status);
}

/* After all of the program's handlers, and after those of its libraries. */
AT_START static void handler_of_main(int status, void *unused)
{
    (void)unused;
    worker_is_late();
    end_of_process(status);
}

void worker_exit_handlers(void)
{
    static bool registered; /* the worker's; a forked child inherits handler and flag */
    if (!registered)
        registered = on_exit(handler_of_exporter, NULL) == 0;
}

void worker_process_ends(int exit_code)
{
    process_tell_what_is_open(exit_code & 0xff, 0);
}

/* The program's own main; written before it runs, by the only thread. */
static main_fn *program_main;

AT_START static int main_with_handler(int argc, char **argv, char **envp)
{
    on_exit(handler_of_main, NULL);
    int status = program_main(argc, argv, envp);
    before_handlers(status);
    return status;
}

AT_START EXPORT int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void),
                                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    program_main = main;
    return REAL(__libc_start_main)(call_enabled_mask != 0 ? main_with_handler : main, argc, argv,
                                   init, fini, rtld_fini, stack_end);
}

AT_START EXPORT void exit(int status)
{
    before_handlers(status);
    REAL(exit)(status);
    __builtin_unreachable();
}

EXPORT void _exit(int status)
{
    end_of_process(status);
    REAL(_exit)(status);
    __builtin_unreachable();
}

EXPORT void _Exit(int status)
{
    end_of_process(status);
    REAL(_Exit)(status);
    __builtin_unreachable();
}

EXPORT void quick_exit(int status)
{
    end_of_process(status);
    REAL(quick_exit)(status);
    __builtin_unreachable();
}

/* Signals by which a program asks itself to end. Not the ones of a crash, and not SIGKILL: who wants
 * the end at once gets it at once. */
#define END_SIGNALS (1u << SIGINT | 1u << SIGQUIT | 1u << SIGTERM)
#define MORE_END_SIGNALS \
    (1u << SIGHUP | 1u << SIGPIPE | 1u << SIGALRM | 1u << SIGUSR1 | 1u << SIGUSR2)

static bool is_of(int signal, uint32_t signals)
{
    return signal > 0 && signal < 32 && (signals >> signal & 1);
}

/* Nothing catches it. The first process of a container is spared by the kernel, and goes on. */
static bool is_deadly(int signal)
{
    struct sigaction action;
    return process_state->pid != 1 && sigaction(signal, NULL, &action) == 0 &&
           action.sa_handler == SIG_DFL;
}

static bool is_blocked(int signal)
{
    sigset_t blocked;
    return pthread_sigmask(SIG_BLOCK, NULL, &blocked) != 0 || sigismember(&blocked, signal);
}

/*
 * The program is about to send itself this signal; `pid` as kill has it, known to be this process or
 * its group once core_is_on has looked. Where the signal is blocked, its own handler has raised it again
 * and ends with it as soon as it returns, or a thread waits for it by sigwait and ends in order:
 * what is recorded goes out, what is open stays open. Not at SIGHUP and the like, which mean
 * other things where they are waited for.
 */
static void before_signal(pid_t pid, int signal)
{
    int saved_errno = errno;
    if (this_process_ends() && (pid == 0 || pid == process_state->pid) && is_deadly(signal)) {
        if (!is_blocked(signal)) {
            process_tell_what_is_open(-1, signal);
            worker_end_of_process();
        } else if (is_of(signal, END_SIGNALS)) {
            worker_flush();
        }
    }
    errno = saved_errno;
}

EXPORT int kill(pid_t pid, int signal)
{
    if (is_of(signal, END_SIGNALS | MORE_END_SIGNALS))
        before_signal(pid, signal);
    return REAL(kill)(pid, signal);
}

EXPORT int raise(int signal)
{
    if (is_of(signal, END_SIGNALS | MORE_END_SIGNALS))
        before_signal(0, signal);
    return REAL(raise)(signal);
}
