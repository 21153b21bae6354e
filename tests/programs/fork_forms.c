/* libs: -lutil */
/*
 * Every name for making a process or waiting in a thread, and dlvsym.
 *
 *     fork_forms         fork, __fork, _Fork, forkpty: each child looks a name up, and ends
 *     fork_forms daemon  daemon(): the verdict goes to the file "verdict"
 *     fork_forms waits   timed waits of threads, on both clocks, and semaphores
 *     fork_forms dlvsym  a hooked function by its version, one that has no such version
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <pty.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lookup.h"

pid_t __fork(void);

static int wait_for(const char *what, pid_t pid)
{
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    printf("%s: child ended with %d\n", what, WEXITSTATUS(status));
    fflush(stdout);
    return 0;
}

static pid_t on_a_terminal(void)
{
    int terminal;
    char name[64], text[16];
    pid_t pid = forkpty(&terminal, name, NULL, NULL);
    if (pid == 0)
        (void)!write(1, isatty(1) ? "tty" : "not", 3);
    else if (pid > 0 && (read(terminal, text, 3) != 3 || memcmp(text, "tty", 3) != 0))
        return -1;
    return pid;
}

static int forks(void)
{
    static const struct {
        const char *name;
        pid_t (*call)(void);
    } all[] = {
        { "fork", fork }, { "__fork", __fork }, { "_Fork", _Fork }, { "forkpty", on_a_terminal }
    };
    int failed = lookup();
    for (int i = 0; i < 4; i++) {
        pid_t pid = all[i].call();
        if (pid == 0)
            exit(10 + i + lookup());
        failed |= wait_for(all[i].name, pid);
    }
    return failed;
}

static int become_daemon(void)
{
    pid_t before = getpid();
    int r = daemon(1, 0), found = lookup();
    FILE *verdict = fopen("verdict", "w");
    fprintf(verdict, "daemon %d, another process %d, its own session %d, lookup %d\n", r,
            getpid() != before, getsid(0) != before, found);
    return fclose(verdict);
}

static struct timespec soon(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

static int waits(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    sem_t semaphore;
    sem_init(&semaphore, 0, 2);
    pthread_mutex_lock(&mutex);
    struct timespec real = soon(CLOCK_REALTIME), mono = soon(CLOCK_MONOTONIC);
    printf("pthread_cond_timedwait %d\n", pthread_cond_timedwait(&condition, &mutex, &real));
    printf("pthread_cond_clockwait %d\n",
           pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &mono));
    int first = sem_timedwait(&semaphore, &real),
        second = sem_clockwait(&semaphore, CLOCK_MONOTONIC, &mono);
    printf("there: sem_timedwait %d, sem_clockwait %d\n", first, second);
    errno = 0;
    printf("sem_timedwait %d", sem_timedwait(&semaphore, &real));
    printf(" errno %d\n", errno);
    errno = 0;
    printf("sem_clockwait %d", sem_clockwait(&semaphore, CLOCK_MONOTONIC, &mono));
    printf(" errno %d\n", errno);
    errno = 0;
    int wrong = sem_clockwait(&semaphore, CLOCK_THREAD_CPUTIME_ID, &mono);
    printf("another clock %d errno %d\n", wrong, errno);
    return lookup();
}

static int by_version(void)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY);
    int (*find)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *found = dlvsym(libc, "getaddrinfo", "GLIBC_2.2.5");
    memcpy(&find, &found, sizeof find);
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *list = NULL;
    int r = find != NULL ? find("localhost", NULL, &hints, &list) : 1;
    printf("getaddrinfo %s, gave %d\n", find != NULL ? "found" : "not found", r);
    if (r == 0)
        freeaddrinfo(list);
    printf("no such version: %s\n",
           dlvsym(libc, "getaddrinfo", "GLIBC_1.0") == NULL ? dlerror() : "found");
    printf("not hooked: %d\n", dlvsym(libc, "strlen", "GLIBC_2.2.5") != NULL);
    printf("by RTLD_DEFAULT: %d\n", dlvsym(RTLD_DEFAULT, "getaddrinfo", "GLIBC_2.2.5") != NULL);
    return r;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    return strcmp(what, "daemon") == 0   ? become_daemon()
           : strcmp(what, "waits") == 0  ? waits()
           : strcmp(what, "dlvsym") == 0 ? by_version()
                                         : forks();
}
