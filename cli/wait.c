/*
 * A child in our place: same terminal, same process group, same signals, same
 * end. SIGINT and SIGQUIT from the terminal reach it without us, so we ignore
 * them while it runs; what is sent to us alone we hand on. The child starts with
 * the dispositions and the mask that we were started with.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

static const int forwarded[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH };
static const int ignored[] = { SIGINT, SIGQUIT };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Main thread writes before the handlers are installed; handlers read. */
static volatile sig_atomic_t child_pid;

static void forward(int signal, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    /* From the terminal (si_code SI_KERNEL) the whole group has it already. */
    if (child_pid > 0 && info->si_code != SI_KERNEL)
        kill((pid_t)child_pid, signal);
    errno = saved;
}

struct dispositions {
    struct sigaction forwarded[COUNT(forwarded)], ignored[COUNT(ignored)], child;
    sigset_t mask;
};

static void take_signals(struct dispositions *old)
{
    struct sigaction hand_on = { .sa_sigaction = forward, .sa_flags = SA_RESTART | SA_SIGINFO };
    struct sigaction ignore = { .sa_handler = SIG_IGN }, normal = { .sa_handler = SIG_DFL };
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old->mask);
    for (size_t i = 0; i < COUNT(forwarded); i++)
        sigaction(forwarded[i], &hand_on, &old->forwarded[i]);
    for (size_t i = 0; i < COUNT(ignored); i++)
        sigaction(ignored[i], &ignore, &old->ignored[i]);
    sigaction(SIGCHLD, &normal, &old->child); /* an inherited SIG_IGN would lose the status */
}

static void give_signals_back(const struct dispositions *old)
{
    for (size_t i = 0; i < COUNT(forwarded); i++)
        sigaction(forwarded[i], &old->forwarded[i], NULL);
    for (size_t i = 0; i < COUNT(ignored); i++)
        sigaction(ignored[i], &old->ignored[i], NULL);
    sigaction(SIGCHLD, &old->child, NULL);
    sigprocmask(SIG_SETMASK, &old->mask, NULL);
}

/* In the child. The shell's statuses for what cannot be run. */
static void exec_or_exit(const char *path, char *argv[], const struct dispositions *old)
{
    give_signals_back(old);
    execv(path, argv);
    int error = errno;
    cli_say("%s: cannot be run: %s", path, strerror(error));
    _exit(error == ENOENT ? CLI_NOT_FOUND : CLI_NOT_EXECUTABLE);
}

bool child_run(const char *path, char *argv[], struct child_end *end, int *exit_status)
{
    struct dispositions old;
    take_signals(&old);
    pid_t pid = fork();
    if (pid == 0)
        exec_or_exit(path, argv, &old);
    if (pid < 0) {
        cli_say("no new process: %s", strerror(errno));
        give_signals_back(&old);
        *exit_status = CLI_FAILED;
        return false;
    }
    child_pid = pid;
    sigprocmask(SIG_SETMASK, &old.mask, NULL);
    while (waitpid(pid, &end->status, 0) < 0 && errno == EINTR)
        ;
    child_pid = 0; /* its number may be another's from now on */
    return true;
}

int child_end_likewise(const struct child_end *end)
{
    if (!WIFSIGNALED(end->status))
        return WEXITSTATUS(end->status);
    int number = WTERMSIG(end->status);
    struct rlimit no_core = { 0, 0 }; /* the child has left one, if any */
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    fflush(NULL);
    setrlimit(RLIMIT_CORE, &no_core);
    signal(number, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    kill(getpid(), number);
    return 128 + number; /* a signal that does not end us */
}
