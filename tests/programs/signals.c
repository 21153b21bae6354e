/*
 * A program that lives by signals: SIGALRM every millisecond without SA_RESTART,
 * SIGPIPE and SIGUSR1/2 with handlers of its own, SIGCHLD by sigwait. All of them
 * must reach its own thread, once, and nothing but its own must arrive.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lookup.h"

enum { LOOKUPS = 40 };

static volatile sig_atomic_t alarms, pipes, users, strangers;
static pthread_t main_thread;

static void on_signal(int signo)
{
    if (!pthread_equal(pthread_self(), main_thread))
        strangers++;
    if (signo == SIGALRM)
        alarms++;
    else if (signo == SIGPIPE)
        pipes++;
    else
        users++;
}

static void handle(int signo)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(signo, &action, NULL);
}

int main(void)
{
    main_thread = pthread_self();
    handle(SIGALRM);
    handle(SIGPIPE);
    handle(SIGUSR1);
    handle(SIGUSR2);
    struct itimerval every_ms = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &every_ms, NULL);
    int failed = 0;
    for (int i = 0; i < LOOKUPS; i++)
        failed += lookup() != 0;
    /* EINTR is the program's to see: a long sleep ends early. */
    struct timespec second = { 1, 0 };
    int slept = nanosleep(&second, NULL), why = errno;
    setitimer(ITIMER_REAL, &never, NULL);

    int ends[2];
    if (pipe(ends) != 0)
        return 1;
    close(ends[0]);
    ssize_t n = write(ends[1], "x", 1);
    int broken = errno;
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);

    sigset_t child_set, pending;
    sigemptyset(&child_set);
    sigaddset(&child_set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_set, NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    int signo = 0;
    sigwait(&child_set, &signo);
    waitpid(child, NULL, 0);
    sigpending(&pending);
    printf("failed %d, alarms %s, nanosleep %d %d, write %zd %d, pipes %d, users %d, strangers %d, "
           "sigwait %d, pending %d\n",
           failed, alarms > 0 ? "yes" : "no", slept, why == EINTR, n, broken == EPIPE, (int)pipes,
           (int)users, (int)strangers, signo == SIGCHLD, sigismember(&pending, SIGCHLD));
    return 0;
}
