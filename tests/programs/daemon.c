/*
 * A daemon of the old school: forks twice, closes every descriptor it may have,
 * works, and all the while loops close(0); open(). If anybody else in the process
 * uses a descriptor number, open() yields another one than 0, or somebody else's
 * data ends up in our file. The verdict goes to the file named by the argument.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lookup.h"

enum { ROUNDS = 20000, LOOKUP_EVERY = 1000, MAX_FD = 1024 };

static void work(const char *verdict_path)
{
    int wrong = 0, taken = 0;
    for (int round = 0; round < ROUNDS; round++) {
        close(0);
        if (open("/dev/null", O_RDWR) != 0)
            wrong++;
        if (round % LOOKUP_EVERY == 0 && lookup() != 0)
            wrong++;
    }
    for (int fd = 1; fd < MAX_FD; fd++)
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
            taken++;
    int fd = open(verdict_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dprintf(fd, "wrong %d, foreign descriptors %d\n", wrong, taken);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    if (argc > 2 && lookup() != 0) /* traced before it becomes a daemon, too */
        return 2;
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid > 0) {
        int status;
        waitpid(pid, &status, 0);
        printf("started\n");
        return status != 0;
    }
    setsid();
    if (fork() != 0)
        _exit(0);
    umask(022);
    for (int fd = 0; fd < MAX_FD; fd++)
        close(fd);
    work(argv[1]);
    return 0;
}
