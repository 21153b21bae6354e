/*
 * Forks without pause while spans are being exported: fork_storm CHILDREN TRACED.
 * Each child looks up a name (every TRACED-th does; 0: none), which hangs or
 * aborts if it inherited a lock that nobody holds any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lookup.h"

enum { AT_ONCE = 8 };

static int failed;

static void reap(void)
{
    int status;
    if (wait(&status) > 0 && status != 0)
        failed++;
}

int main(int argc, char **argv)
{
    int children = argc > 1 ? atoi(argv[1]) : 100;
    int traced = argc > 2 ? atoi(argv[2]) : 0;
    int running = 0;
    for (int i = 0; i < children; i++) {
        if (i % 10 == 0 && lookup() != 0)
            failed++;
        if (running == AT_ONCE) {
            reap();
            running--;
        }
        pid_t pid = fork();
        if (pid == 0)
            _exit(traced && i % traced == 0 ? lookup() != 0 : 0);
        if (pid < 0)
            failed++;
        else
            running++;
    }
    while (running-- > 0)
        reap();
    printf("children %d, failed %d\n", children, failed);
    return 0;
}
