/*
 * A child that shares its parent's memory without vfork, as some runtimes start
 * programs: its _exit must not end the parent's telemetry.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lookup.h"

static char stack[256 * 1024] __attribute__((aligned(16)));

static int child(void *unused)
{
    (void)unused;
    execl("/nonexistent/program", "program", NULL);
    _exit(127);
}

int main(void)
{
    printf("lookup %d\n", lookup());
    pid_t pid = clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    printf("child %d\n", WEXITSTATUS(status));
    printf("lookup %d\n", lookup());
    return 0;
}
