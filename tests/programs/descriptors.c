/*
 * Which descriptor numbers does the program get, and does a pipe end when its
 * writer is gone? Prints the same with and without a guest in the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lookup.h"

enum { TRIES = 4096 };

int main(void)
{
    int looked_up = lookup();
    usleep(50000);
    int ends[2];
    if (pipe(ends) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        char c;
        _exit(read(ends[0], &c, 1) == 0 ? 0 : 1); /* ends only when no writer is left */
    }
    close(ends[1]);
    int status = -1;
    waitpid(child, &status, 0);
    close(ends[0]);

    int first = -1, last = -1, count = 0;
    for (int i = 0; i < TRIES; i++) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            break;
        if (first < 0)
            first = fd;
        last = fd;
        count++;
    }
    int why = count < TRIES ? errno : 0;
    for (int fd = first; fd >= 0 && fd <= last; fd++)
        close(fd);
    printf("lookup %d, pipe ended %d, descriptors %d to %d, %d of them, then errno %d\n", looked_up,
           status, first, last, count, why);
    looked_up = lookup();
    printf("lookup %d\n", looked_up);
    return 0;
}
