/*
 * What a program sees of itself: its environment as main got it, its
 * descriptors, its threads before any operation, its signal mask and handlers.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include "lookup.h"

extern char **environ;

static int entries(const char *directory)
{
    int n = 0;
    DIR *dir = opendir(directory);
    while (dir != NULL && readdir(dir) != NULL)
        n++;
    if (dir != NULL)
        closedir(dir);
    return n;
}

int main(void)
{
    printf("descriptors %d, threads %d\n", entries("/proc/self/fd"), entries("/proc/self/task"));
    for (char **e = environ; *e != NULL; e++)
        if (strncmp(*e, "OTEL_", 5) != 0 && strncmp(*e, "LD_PRELOAD=", 11) != 0)
            printf("%s\n", *e);
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    int blocked = 0, handled = 0;
    for (int signo = 1; signo < 32; signo++) {
        struct sigaction action;
        blocked += sigismember(&mask, signo) > 0;
        if (sigaction(signo, NULL, &action) == 0)
            handled += action.sa_handler != SIG_DFL;
    }
    printf("blocked %d, handled %d\n", blocked, handled);
    return 0;
}
