/* link: -static */
/*
 * Runs commands in turn, A B C A B C ..., and prints what each run cost:
 *
 *     runner RUNS CPU --arm NAME [VAR=VALUE...] -- COMMAND ARG... [--arm ...]
 *     NAME wall_ns cpu_ns maxrss_kb status
 *
 * Small and static, because the kernel counts what a process had resident before
 * its exec into its maxrss: this must be less than /bin/true. CPU time is the
 * process's own with its threads and reaped children, by wait4.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARMS 8
#define MAX_VARS 16
#define MAX_ENV 64

struct arm {
    const char *name;
    char *env[MAX_ENV];
    char **argv;
};

static void die(const char *why)
{
    fprintf(stderr, "runner: %s\n", why);
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t microseconds(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

/* Standard output and error are not the subject: both go to /dev/null. */
static void run(const struct arm *arm, int null_fd)
{
    struct rusage usage;
    int status;
    uint64_t start = now_ns();
    pid_t pid = vfork();
    if (pid < 0)
        die("vfork failed");
    if (pid == 0) {
        dup2(null_fd, 0);
        dup2(null_fd, 1);
        dup2(null_fd, 2);
        execve(arm->argv[0], arm->argv, arm->env);
        _exit(127);
    }
    if (wait4(pid, &status, 0, &usage) != pid)
        die("wait4 failed");
    uint64_t wall = now_ns() - start;
    uint64_t cpu_us = microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime);
    printf("%s %llu %llu %ld %d\n", arm->name, (unsigned long long)wall,
           (unsigned long long)cpu_us * 1000, usage.ru_maxrss,
           WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status));
}

/* Reads one arm from argv[i] on; returns the index behind it. */
static int parse_arm(struct arm *arm, char **argv, int i, char **environment)
{
    unsigned n = 0;
    arm->name = argv[i++];
    for (; argv[i] != NULL && strcmp(argv[i], "--") != 0; i++) {
        if (n == MAX_VARS)
            die("too many variables");
        arm->env[n++] = argv[i];
    }
    for (; *environment != NULL && n < MAX_ENV - 1; environment++)
        arm->env[n++] = *environment;
    if (argv[i] == NULL)
        die("an arm has no command");
    arm->argv = &argv[++i];
    while (argv[i] != NULL && strcmp(argv[i], "--arm") != 0)
        i++;
    return i;
}

int main(int argc, char **argv, char **environment)
{
    static struct arm arms[MAX_ARMS];
    unsigned nr_arms = 0;
    if (argc < 6)
        die("usage: runner RUNS CPU --arm NAME [VAR=VALUE...] -- COMMAND ARG...");
    int runs = atoi(argv[1]);
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET((unsigned)atoi(argv[2]), &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    for (int i = 3; i < argc && argv[i] != NULL && nr_arms < MAX_ARMS;) {
        int next = parse_arm(&arms[nr_arms++], argv, i + 1, environment);
        argv[i] = NULL; /* ends the arm before */
        i = next;
    }
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int r = -2; r < runs; r++) { /* two rounds to warm up */
        if (r < 0)
            printf("warm ");
        for (unsigned a = 0; a < nr_arms; a++)
            run(&arms[a], null_fd);
    }
    return 0;
}
