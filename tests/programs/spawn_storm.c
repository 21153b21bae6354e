/*
 * Many children at once:
 *     spawn_storm threads    threads that use system, popen and posix_spawn together
 *     spawn_storm handler    children that a SIGCHLD handler reaps, in midst of other starts
 *     spawn_storm many N     N children that nobody waits for until all have started
 * Children get an empty environment from `many`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { THREADS = 6, ROUNDS = 8 };

static int by_system(int code)
{
    char command[32];
    snprintf(command, sizeof command, "exit %d", code);
    return system(command) == code << 8;
}

static int by_popen(int code)
{
    char command[64], text[32] = "";
    snprintf(command, sizeof command, "echo %d; exit %d", code, code);
    FILE *f = popen(command, "r");
    if (f == NULL || fgets(text, sizeof text, f) == NULL || atoi(text) != code)
        return 0;
    return pclose(f) == code << 8;
}

static int by_spawn(int code)
{
    char script[32];
    snprintf(script, sizeof script, "exit %d", code);
    char *argv[] = { "sh", "-c", script, NULL };
    pid_t pid;
    int status;
    if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) != 0)
        return 0;
    return waitpid(pid, &status, 0) == pid && status == code << 8;
}

static void *work(void *right)
{
    for (int i = 1; i <= ROUNDS; i++)
        *(int *)right += by_system(i) + by_popen(i + 1) + by_spawn(i + 2);
    return NULL;
}

static int run_threads(void)
{
    pthread_t threads[THREADS];
    int right[THREADS] = { 0 }, sum = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, &right[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += right[i];
    }
    printf("right %d of %d\n", sum, THREADS * ROUNDS * 3);
    return 0;
}

static volatile sig_atomic_t reaped;

static void reap(int signal)
{
    (void)signal;
    int saved = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = saved;
}

static int run_handler(void)
{
    enum { CHILDREN = 40 };
    char *argv[] = { "true", NULL };
    pid_t pid;
    int started = 0;
    signal(SIGCHLD, reap);
    for (int i = 0; i < CHILDREN; i++)
        started += posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0;
    for (int i = 0; i < 1000 && reaped < CHILDREN; i++)
        usleep(10000);
    printf("started %d, reaped %d\n", started, (int)reaped);
    return 0;
}

static int run_many(int n)
{
    char *argv[] = { "true", NULL }, *env[] = { NULL };
    pid_t pid;
    int started = 0, waited = 0;
    for (int i = 0; i < n; i++)
        started += posix_spawn(&pid, "/bin/true", NULL, NULL, argv, env) == 0;
    while (wait(NULL) > 0)
        waited++;
    printf("started %d, waited for %d\n", started, waited);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "threads") == 0)
        return run_threads();
    if (argc > 1 && strcmp(argv[1], "handler") == 0)
        return run_handler();
    if (argc > 2 && strcmp(argv[1], "many") == 0)
        return run_many(atoi(argv[2]));
    return 2;
}
