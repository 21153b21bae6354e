/*
 * Row 8: what a fork takes while the program's spans go to a collector that hangs.
 *
 *     forks COUNT MEGABYTES [traced]
 *
 * Prints one line per fork: ns until fork() returned in the parent, and ns until
 * the child, which ends at once, was reaped. MEGABYTES of memory are touched before,
 * as a program has them. `traced`: a name lookup (one span) goes before every tenth
 * fork, so that there is always something to export; without it the same lookups are
 * made, all before the first fork.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mark.h"

static void lookup(void)
{
    struct addrinfo *list = NULL;
    if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
        freeaddrinfo(list);
}

static int one_fork(void)
{
    int status;
    uint64_t start = bench_now_ns();
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    uint64_t forked = bench_now_ns();
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return -1;
    printf("%llu %llu\n", (unsigned long long)(forked - start),
           (unsigned long long)(bench_now_ns() - start));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    int count = atoi(argv[1]);
    size_t bytes = (size_t)atoi(argv[2]) << 20;
    char *memory = malloc(bytes + 1);
    if (memory == NULL)
        return 1;
    memset(memory, 1, bytes + 1);
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (int i = 0; i < 5; i++)
        lookup();
    struct timespec until_exporting = { 0, 300000000 };
    nanosleep(&until_exporting, NULL);
    for (int i = 0; i < count; i++) {
        if (argc > 3 && i % 10 == 0)
            lookup();
        if (one_fork() != 0)
            return 1;
        if (i % 256 == 255)
            fflush(stdout); /* the child must not find a full buffer */
    }
    return 0;
}
