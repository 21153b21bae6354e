/*
 * Every way to start a program and to wait for it; says what each one gave.
 *     spawn_all exec NAME      becomes `sh` by that function
 *     spawn_all exec           each of them, in children
 *     spawn_all large          environments at the limit
 *     spawn_all wait           posix_spawn(p) and the wait family
 *     spawn_all system|popen   with their corner cases
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* popen's streams may be closed by fclose and others by pclose, whatever gcc says. */
static int (*volatile any_fclose)(FILE *) = fclose;
static int (*volatile any_pclose)(FILE *) = pclose;

static void say(const char *what, long value)
{
    printf("%s %ld errno %s\n", what, value, errno ? strerrorname_np(errno) : "0");
    fflush(stdout);
    errno = 0;
}

/* ---- exec ---- */

static void run_exec(const char *name)
{
    char *argv[] = { "sh", "-c", "echo $0 $MARK; exit 7", (char *)name, NULL };
    char *env[] = { "MARK=own", "PATH=/usr/bin:/bin", NULL };
    setenv("MARK", "inherited", 1);
    int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
    if (!strcmp(name, "execve"))
        execve("/bin/sh", argv, env);
    else if (!strcmp(name, "execv"))
        execv("/bin/sh", argv);
    else if (!strcmp(name, "execvp"))
        execvp("sh", argv);
    else if (!strcmp(name, "execvpe"))
        execvpe("sh", argv, env);
    else if (!strcmp(name, "execl"))
        execl("/bin/sh", argv[0], argv[1], argv[2], argv[3], (char *)NULL);
    else if (!strcmp(name, "execle"))
        execle("/bin/sh", argv[0], argv[1], argv[2], argv[3], (char *)NULL, env);
    else if (!strcmp(name, "execlp"))
        execlp("sh", argv[0], argv[1], argv[2], argv[3], (char *)NULL);
    else if (!strcmp(name, "fexecve"))
        fexecve(fd, argv, env);
    else if (!strcmp(name, "execveat"))
        execveat(fd, "", argv, env, AT_EMPTY_PATH);
    else if (!strcmp(name, "null_env"))
        execve("/bin/sh", argv, NULL);
    say("exec failed", 0);
}

static void in_child(const char *name, pid_t (*start)(void))
{
    fflush(stdout);
    pid_t pid = start();
    if (pid == 0) {
        run_exec(name);
        _exit(99);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    say(name, status);
}

/* In the child of a vfork the less happens, the better: prepared before. */
static void in_vforked_child(void)
{
    char *argv[] = { "sh", "-c", "echo vforked $MARK; exit 8", NULL };
    char *env[] = { "MARK=own", NULL };
    fflush(stdout);
    pid_t pid = vfork();
    if (pid == 0) {
        execve("/bin/sh", argv, env);
        _exit(99);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    say("vfork", status);
}

static void failing_execs(void)
{
    char *argv[] = { "x", NULL };
    say("execve nothing", execve("/nonexistent/x", argv, environ));
    say("execvp nothing", execvp("nonexistent-x", argv));
    say("execl a directory", execl("/tmp", "x", (char *)NULL));
    say("fexecve bad fd", fexecve(-1, argv, environ));
    say("execveat bad fd", execveat(-1, "x", argv, environ, 0));
}

/* Environments at the edge of what one exec takes: 128 KB a string, and many of them. */
static void large_environments(void)
{
    static char big[128 * 1024 - 1];
    static char *env[12001];
    memset(big, 'x', sizeof big - 1);
    memcpy(big, "BIG=", 4);
    char *argv[] = { "sh", "-c", "echo ${#BIG}", NULL };
    char *one[] = { big, NULL };
    pid_t pid;
    int status;
    int r = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, one);
    waitpid(pid, &status, 0);
    say("spawn big", r);
    say("big status", status);
    for (int i = 0; i < 12000; i++)
        env[i] = "AN_ENTRY=of_an_environment_that_has_very_many";
    char *count[] = { "sh", "-c", "tr '\\0' '\\n' </proc/$$/environ | grep -c ^AN_ENTRY", NULL };
    r = posix_spawn(&pid, "/bin/sh", NULL, NULL, count, env);
    waitpid(pid, &status, 0);
    say("spawn many", r);
    say("many status", status);

    /* The largest environment that is taken, to the byte. */
    static char filler[128 * 1024], *large[33];
    char *argv_true[] = { "true", NULL };
    memset(filler, 'x', sizeof filler - 1);
    memcpy(filler, "BIG=", 4);
    size_t n = 0, low = 8, high = sizeof filler - 1;
    for (; n < 32; n++) {
        large[n] = big;
        if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv_true, large) != 0)
            break;
        waitpid(pid, &status, 0);
    }
    large[n] = filler;
    while (low + 1 < high) { /* fits with low bytes more, not with high */
        size_t middle = (low + high) / 2;
        filler[middle] = 0;
        bool fits = posix_spawn(&pid, "/bin/true", NULL, NULL, argv_true, large) == 0;
        filler[middle] = 'x';
        if (fits)
            waitpid(pid, &status, 0);
        *(fits ? &low : &high) = middle;
    }
    say("strings", (long)n);
    say("and bytes", (long)low);
}

/* ---- spawn and wait ---- */

static pid_t spawn_sh(char *script)
{
    char *argv[] = { "sh", "-c", script, NULL };
    pid_t pid = -1;
    int r = posix_spawnp(&pid, "sh", NULL, NULL, argv, environ);
    if (r != 0)
        printf("spawn %d\n", r);
    return pid;
}

static void *wait_elsewhere(void *pid)
{
    int status;
    waitpid(*(pid_t *)pid, &status, 0);
    return (void *)(long)status;
}

static void run_wait(void)
{
    int status = -1;
    struct rusage usage;
    siginfo_t info;
    pid_t pid;
    char *argv[] = { "true", NULL };

    say("posix_spawn", posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ));
    say("waitpid", waitpid(pid, &status, 0) == pid ? status : -1);
    say("posix_spawn without pid", posix_spawn(NULL, "/bin/true", NULL, NULL, argv, environ));
    say("wait", wait(&status) > 0 ? status : -1);
    pid = spawn_sh("exit 3");
    say("wait3", wait3(&status, 0, &usage) == pid ? status : -1);
    pid = spawn_sh("exit 4");
    say("wait4", wait4(pid, &status, 0, NULL) == pid ? status : -1);
    pid = spawn_sh("kill -KILL $$");
    say("wait without status", wait(NULL) == pid);
    pid = spawn_sh("exit 5");
    say("waitid looks",
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0 ? info.si_status : -1);
    say("waitid", waitid(P_PID, (id_t)pid, &info, WEXITED) == 0 ? info.si_status : -1);
    pid = spawn_sh("kill -TERM $$");
    say("waitid without info", waitid(P_ALL, 0, NULL, WEXITED));
    pid = spawn_sh("kill -STOP $$; exit 6");
    say("stopped", waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    kill(pid, SIGCONT);
    say("continued", waitpid(pid, &status, 0) == pid ? status : -1);
    pid = spawn_sh("exit 7");
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, wait_elsewhere, &pid);
    pthread_join(thread, &result);
    say("on another thread", (long)result);
    pid = spawn_sh("exec sleep 0.2");
    say("WNOHANG", waitpid(pid, &status, WNOHANG));
    say("at last", waitpid(pid, &status, 0) == pid ? status : -1);
    say("nobody left", waitpid(-1, &status, 0));
    say("posix_spawn nothing", posix_spawn(&pid, "/nonexistent/x", NULL, NULL, argv, environ));
    say("posix_spawnp nothing", posix_spawnp(&pid, "nonexistent-x", NULL, NULL, argv, environ));
    say("posix_spawn a directory", posix_spawn(&pid, "/tmp", NULL, NULL, argv, environ));
    spawn_sh("exit 0"); /* never waited for */
}

/* ---- system and popen ---- */

static volatile sig_atomic_t alarms, pipes;
static void on_alarm(int s)
{
    (void)s;
    alarms++;
}
static void on_pipe(int s)
{
    (void)s;
    pipes++;
}

static int is_ignored(int signal)
{
    struct sigaction now;
    sigaction(signal, NULL, &now);
    return now.sa_handler == SIG_IGN;
}

static void *system_to_be_cancelled(void *unused)
{
    (void)unused;
    return (void *)(long)system("exec sleep 5");
}

/* Until the other end of descriptor 9 is closed. */
static void *long_system(void *unused)
{
    (void)unused;
    return (void *)(long)system("exec cat <&9 >/dev/null");
}

static bool ignores_both(void)
{
    return is_ignored(SIGINT) && is_ignored(SIGQUIT);
}

static bool has_a_child(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Of what another thread is about to do. */
static void await(bool (*is_so)(void))
{
    for (int i = 0; i < 5000 && !is_so(); i++)
        usleep(1000);
    errno = 0;
}

/* Nobody reads any more. */
static void await_broken(FILE *f)
{
    struct pollfd pipe = { .fd = fileno(f) };
    poll(&pipe, 1, 5000);
}

static void run_system(void)
{
    say("system(NULL)", system(NULL));
    say("system", system("exit 3"));
    say("system killed", system("kill -KILL $$"));
    say("system empty", system(""));
    say("system not found", system("nonexistent-x 2>/dev/null"));
    fflush(stdout);
    say("its output", system("echo from the shell"));
    signal(SIGINT, SIG_IGN);
    say("inherits ignored SIGINT", system("kill -INT $$; exit 4"));
    signal(SIGINT, SIG_DFL);
    say("default SIGINT", system("kill -INT $$; exit 4"));
    say("default SIGQUIT", system("ulimit -c 0; kill -QUIT $$; exit 4") & 0x7f);
    say("SIGCHLD free in the child", system("grep -q '^SigBlk:.*0$' /proc/self/status"));
    struct sigaction alarm_action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &alarm_action, NULL);
    ualarm(50000, 50000); /* the first may come before system waits */
    say("interrupted", system("exec sleep 0.3"));
    ualarm(0, 0);
    say("alarms", alarms > 0);

    pthread_t thread;
    void *result = NULL;
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0 || dup2(gate[0], 9) != 9)
        exit(3);
    pthread_create(&thread, NULL, long_system, NULL);
    await(has_a_child);
    say("ignores SIGINT meanwhile", ignores_both());
    say("a second one", system("exit 1"));
    say("still ignored", ignores_both());
    close(gate[1]);
    pthread_join(thread, &result);
    close(gate[0]);
    close(9);
    say("the first one", (long)result);
    say("no longer ignored", is_ignored(SIGINT) || is_ignored(SIGQUIT));

    pthread_create(&thread, NULL, system_to_be_cancelled, NULL);
    await(has_a_child);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    say("cancelled", result == PTHREAD_CANCELED);
    say("its child is gone", waitpid(-1, NULL, WNOHANG));
    say("SIGINT given back", is_ignored(SIGINT));

    signal(SIGCHLD, SIG_IGN);
    say("with SIGCHLD ignored", system("exit 3"));
    signal(SIGCHLD, SIG_DFL);
}

static void run_popen(void)
{
    char text[64] = "";
    FILE *f = popen("echo hello; exit 3", "r");
    say("popen r", f != NULL && fgets(text, sizeof text, f) != NULL && !strcmp(text, "hello\n"));
    say("closes on exec", fcntl(fileno(f), F_GETFD) & FD_CLOEXEC);
    say("writes to it", fputs("x", f));
    say("pclose", pclose(f));
    f = popen("cat; exit 4", "we");
    say("closes on exec", fcntl(fileno(f), F_GETFD) & FD_CLOEXEC);
    fputs("through the pipe\n", f);
    say("fclose", any_fclose(f));

    say("mode rw", popen("true", "rw") == NULL ? -1 : 0);
    say("mode x", popen("true", "x") == NULL ? -1 : 0);
    say("mode empty", popen("true", "") == NULL ? -1 : 0);
    say("pclose of no popen", any_pclose(fopen("/dev/null", "r")));

    /* The second child must not hold the first one's pipe open. */
    FILE *first = popen("cat >/dev/null; exit 5", "w");
    FILE *second = popen("exec sleep 0.5", "w");
    say("first ends", pclose(first));
    say("second ends", pclose(second));

    f = popen("kill -TERM $$", "r");
    say("killed", pclose(f));
    f = popen("exit 6", "r");
    int status;
    say("waited for", wait(&status) > 0 ? status : -1);
    say("pclose finds none", pclose(f));
    f = popen("exit 0", "r");
    close(fileno(f));
    say("closed below", pclose(f));
    wait(NULL);
    errno = 0;

    struct sigaction action = { .sa_handler = on_pipe };
    sigaction(SIGPIPE, &action, NULL);
    f = popen("exit 0", "w");
    await_broken(f);
    fputs("nobody reads", f);
    say("broken pipe", pclose(f));
    say("signals", pipes);
    f = popen("exit 9", "w");
    await_broken(f);
    fputs("nobody reads", f);
    say("broken pipe and status", pclose(f));

    /* Standard input and output closed: the pipe takes their numbers. */
    fflush(stdout);
    int in = dup(0), out = dup(1);
    close(0);
    close(1);
    f = popen("echo low numbers", "r");
    char *got = f != NULL ? fgets(text, sizeof text, f) : NULL;
    int r = f != NULL ? pclose(f) : -2;
    dup2(in, 0);
    dup2(out, 1);
    close(in);
    close(out);
    say("low descriptors", got != NULL && !strcmp(text, "low numbers\n") ? r : -1);

    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    struct rlimit few = { 4, files.rlim_max };
    setrlimit(RLIMIT_NOFILE, &few);
    say("no descriptors", popen("true", "r") == NULL ? -1 : 0);
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 && !strcmp(argv[1], "exec")) {
        run_exec(argv[2]);
        return 1;
    }
    if (argc > 1 && !strcmp(argv[1], "exec")) {
        static const char *const names[] = {
            "execve", "execv",  "execvp",  "execvpe",  "execl",
            "execle", "execlp", "fexecve", "execveat", "null_env"
        };
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
            in_child(names[i], fork);
        in_vforked_child();
        failing_execs();
    } else if (argc > 1 && !strcmp(argv[1], "large")) {
        large_environments();
    } else if (argc > 1 && !strcmp(argv[1], "wait")) {
        run_wait();
    } else if (argc > 1 && !strcmp(argv[1], "system")) {
        run_system();
    } else if (argc > 1 && !strcmp(argv[1], "popen")) {
        run_popen();
    } else {
        return 2;
    }
    return 0;
}
