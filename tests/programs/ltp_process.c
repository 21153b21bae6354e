/*
 * Processes: exec and posix_spawn by all names, system, popen, the wait family and forks in every
 * condition. What may end the process is done in a child of its own. See ltp.h.
 */
#include "ltp.h"

#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

pid_t _Fork(void);
pid_t __vfork(void);

static char directory[] = "/tmp/ltp.XXXXXX", script[64], bad_script[64], plain[64], text_file[64],
            busy[64];

static void end_of(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
    else
        printf("%s: status %x\n", what, (unsigned)status);
}

/* The call in a child, which tells what it got if it comes back. */
#define IN_CHILD(call, ...) \
    do { \
        char name_[200]; \
        snprintf(name_, sizeof name_, __VA_ARGS__); \
        pid_t child_ = fork(); \
        NEED(child_ >= 0); \
        if (child_ == 0) { \
            CHECK(call, "%s", name_); \
            _exit(99); \
        } \
        int status_ = 0; \
        NEED(waitpid(child_, &status_, 0) == child_); \
        end_of(name_, status_); \
    } while (0)

static void make(const char *path, const char *text, int mode)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    NEED(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
         fchmod(fd, (mode_t)mode) == 0);
    close(fd);
}

static void make_files(void)
{
    NEED(mkdtemp(directory) != NULL);
#define PATH(where, name) snprintf(where, sizeof where, "%s/" name, directory)
    PATH(script, "script");
    PATH(bad_script, "bad-script");
    PATH(plain, "plain");
    PATH(text_file, "text");
    PATH(busy, "busy");
#undef PATH
    make(script, "#!/bin/sh\necho script \"$LTP\" $#\nexit 4\n", 0755);
    make(bad_script, "#!/nowhere/sh\n", 0755);
    make(plain, "echo plain $#\nexit 6\n", 0755);
    make(text_file, "text\n", 0644);
    make(busy, "#!/bin/sh\n", 0755);
}

static void remove_files(void)
{
    const char *all[] = { script, bad_script, plain, text_file, busy };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        unlink(all[i]);
    rmdir(directory);
}

/* ---- exec and spawn: the same arguments for all names ---- */

static char *good_argv[] = { "sh", "-c", "echo runs \"$LTP\"; exit 5", NULL };
static char *good_env[] = { "LTP=given", "PATH=/bin:/usr/bin", "odd", "", NULL };

/* How all names are called alike: a path, NULL-terminated arguments, an environment. */
typedef int exec_form(const char *path, char **argv, char **envp);

static int by_execve(const char *path, char **argv, char **envp)
{
    return execve(path, argv, envp);
}
static int by_execv(const char *path, char **argv, char **envp)
{
    environ = envp;
    return execv(path, argv);
}
static int by_execvp(const char *path, char **argv, char **envp)
{
    environ = envp;
    return execvp(path, argv);
}
static int by_execvpe(const char *path, char **argv, char **envp)
{
    return execvpe(path, argv, envp);
}
static int by_execl(const char *path, char **argv, char **envp)
{
    environ = envp;
    return execl(path, argv[0], argv[1], argv[2], NULL);
}
static int by_execlp(const char *path, char **argv, char **envp)
{
    environ = envp;
    return execlp(path, argv[0], argv[1], argv[2], NULL);
}
static int by_execle(const char *path, char **argv, char **envp)
{
    return execle(path, argv[0], argv[1], argv[2], NULL, envp);
}
static int by_execveat(const char *path, char **argv, char **envp)
{
    return execveat(AT_FDCWD, path, argv, envp, 0);
}
static int by_fexecve(const char *path, char **argv, char **envp)
{
    int fd = open(path, O_RDONLY);
    return fd < 0 ? -1 : fexecve(fd, argv, envp);
}

static int spawned(int (*spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                                const posix_spawnattr_t *, char *const[], char *const[]),
                   const char *path, char **argv, char **envp)
{
    pid_t pid = -7;
    int status, r = spawn(&pid, path, NULL, NULL, argv, envp);
    int error = errno;
    if (r == 0 && waitpid(pid, &status, 0) == pid)
        end_of("spawned", status);
    else
        printf("pid %d\n", pid);
    errno = error;
    return r;
}
static int by_posix_spawn(const char *path, char **argv, char **envp)
{
    return spawned(posix_spawn, path, argv, envp);
}
static int by_posix_spawnp(const char *path, char **argv, char **envp)
{
    return spawned(posix_spawnp, path, argv, envp);
}

/* `fixed`: the arguments are the call's; `looks`: libc itself reads the path. */
static const struct {
    const char *name;
    exec_form *call;
    bool fixed, looks;
} execs[] = { { "execve", by_execve, false, false },
              { "execv", by_execv, false, false },
              { "execvp", by_execvp, false, true },
              { "execvpe", by_execvpe, false, true },
              { "execl", by_execl, true, false },
              { "execlp", by_execlp, true, true },
              { "execle", by_execle, true, false },
              { "execveat", by_execveat, false, false },
              { "fexecve", by_fexecve, false, false },
              { "posix_spawn", by_posix_spawn, false, false },
              { "posix_spawnp", by_posix_spawnp, false, true },
              { 0 } };

static char *too_long_a_name(void)
{
    static char name[5000];
    memset(name, 'n', sizeof name - 1);
    return name;
}

static void executed(void)
{
    static char large[200000];
    memset(large, 'l', sizeof large - 1);
    char *too_large[] = { "sh", large, NULL };
    char *bad_string[] = { "sh", ltp_unmapped, NULL };
    char *large_env[] = { large, "LTP=1", NULL };
    char *bad_env[] = { "LTP=1", ltp_unmapped, NULL };
    char *no_argv[] = { NULL };
    char **argv_at_hole = (char **)ltp_hole - 2, **env_at_hole = (char **)ltp_hole - 4;
    argv_at_hole[0] = "sh";
    argv_at_hole[1] = "-c";
    env_at_hole[0] = "LTP=2";
    env_at_hole[1] = "LTP=3";
    int held = open(busy, O_WRONLY | O_CLOEXEC);
    NEED(held >= 0);
    const struct {
        const char *name;
        const char *path;
        char **argv, **envp;
        bool bad_path;
    } cases[] = {
        { "well", "/bin/sh", good_argv, good_env, false },
        { "script", script, good_argv, good_env, false },
        { "not there", "/nowhere/sh", good_argv, good_env, false },
        { "not in PATH", "ltp-nowhere", good_argv, good_env, false },
        { "no name", "", good_argv, good_env, false },
        { "below a file", "/etc/hostname/sh", good_argv, good_env, false },
        { "a directory", "/etc", good_argv, good_env, false },
        { "not executable", text_file, good_argv, good_env, false },
        { "no format", plain, good_argv, good_env, false },
        { "no interpreter", bad_script, good_argv, good_env, false },
        { "busy", busy, good_argv, good_env, false },
        { "too long a name", too_long_a_name(), good_argv, good_env, false },
        { "a device", "/dev/null", good_argv, good_env, false },
        { "path NULL", NULL, good_argv, good_env, true },
        { "path unmapped", ltp_unmapped, good_argv, good_env, true },
        { "path into a hole", ltp_hole - 3, good_argv, good_env, true },
        { "argv too large", "/bin/sh", too_large, good_env, false },
        { "argv empty", "/bin/true", no_argv, good_env, false },
        { "argv NULL", "/bin/true", NULL, good_env, false },
        { "argv unmapped", "/bin/sh", (char **)ltp_unmapped, good_env, false },
        { "argv into a hole", "/bin/sh", argv_at_hole, good_env, false },
        { "argument unmapped", "/bin/sh", bad_string, good_env, false },
        { "environment NULL", "/bin/sh", good_argv, NULL, false },
        { "environment unmapped", "/bin/sh", good_argv, (char **)ltp_unmapped, false },
        { "environment into a hole", "/bin/sh", good_argv, env_at_hole, false },
        { "variable unmapped", "/bin/sh", good_argv, bad_env, false },
        { "environment large", "/bin/sh", good_argv, large_env, false },
    };
    memset(ltp_hole - 3, 'h', 3); /* the environment there has three good entries, and this */
    for (int i = 0; execs[i].name != NULL; i++) {
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            if ((execs[i].looks && cases[k].bad_path) ||
                (execs[i].fixed && strncmp(cases[k].name, "argv", 4) == 0))
                continue; /* libc would crash, or the test itself */
            IN_CHILD(execs[i].call(ltp_any((void *)(uintptr_t)cases[k].path),
                                   ltp_any(cases[k].argv), ltp_any(cases[k].envp)),
                     "%s, %s", execs[i].name, cases[k].name);
        }
    }
    close(held);
    IN_CHILD(fexecve(-1, good_argv, good_env), "fexecve, -1");
    IN_CHILD(fexecve(0, ltp_any(NULL), good_env), "fexecve, no arguments");
    IN_CHILD(execveat(-1, "sh", good_argv, good_env, 0), "execveat, -1");
    IN_CHILD(execveat(-1, "/bin/sh", good_argv, good_env, 0), "execveat, -1, absolute");
    IN_CHILD(execveat(AT_FDCWD, "/bin/sh", good_argv, good_env, 0x8000), "execveat, odd flags");
    IN_CHILD(execveat(AT_FDCWD, "", good_argv, good_env, AT_EMPTY_PATH), "execveat, nothing there");
    IN_CHILD(execveat(open("/bin", O_RDONLY), "sh", good_argv, good_env, 0), "execveat, below");
    IN_CHILD(execveat(open("/bin/sh", O_PATH), "", good_argv, good_env, AT_EMPTY_PATH),
             "execveat, itself");
    IN_CHILD(execveat(open(script, O_RDONLY), "", good_argv, good_env, AT_EMPTY_PATH),
             "execveat, a script");
    IN_CHILD(execveat(open(script, O_RDONLY | O_CLOEXEC), "", good_argv, good_env, AT_EMPTY_PATH),
             "execveat, a script, gone by then");
}

/* The child runs in its parent's memory: what it does there is to leave nothing behind. */
static void in_vfork(void)
{
    static const char *const paths[] = { "/bin/sh", "/nowhere/sh", "/etc", "sh", "ltp-nowhere" };
    int pair[2], status;
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    for (int i = 0; execs[i].name != NULL; i++) {
        if (strncmp(execs[i].name, "posix", 5) == 0)
            continue;
        for (size_t k = 0; k < sizeof paths / sizeof paths[0]; k++) {
            char **old = environ;
            pid_t child = k % 2 ? __vfork() : vfork();
            if (child == 0) {
                dup2(pair[0], 77);
                close(77);
                close(pair[0]);
                close(pair[1]);
                execs[i].call(paths[k], good_argv, good_env);
                _exit(errno);
            }
            environ = old;
            NEED(child > 0 && waitpid(child, &status, 0) == child);
            printf("%s, %s in a vforked child, ", execs[i].name, paths[k]);
            end_of("it", status);
        }
        CHECK(write(pair[0], "x", 1), "write, by what its children have closed");
    }
    close(pair[0]);
    close(pair[1]);
}

static void spawn_actions(void)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = -7;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 5, "/nowhere/file", O_RDONLY, 0);
    CHECK(posix_spawn(&pid, "/bin/sh", &actions, NULL, good_argv, good_env),
          "posix_spawn, an open fails");
    printf("pid %d\n", pid);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 555, 5);
    CHECK(posix_spawnp(&pid, "sh", &actions, NULL, good_argv, good_env),
          "posix_spawnp, a dup2 fails");
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 1);
    CHECK(posix_spawn(&pid, "/bin/sh", NULL, &attributes, good_argv, good_env),
          "posix_spawn, another's group");
    posix_spawnattr_destroy(&attributes);
    char *silent_argv[] = { "sh", "-c", "exit 5", NULL }; /* it may run before our line is out */
    CHECK(posix_spawn(NULL, "/bin/sh", NULL, NULL, silent_argv, good_env),
          "posix_spawn, no pid asked");
    NEED(wait(&status) > 0);
    end_of("no pid asked", status);
    CHECK(waitpid(-1, &status, WNOHANG), "waitpid, none of the failed is left");
}

/* ---- waits ---- */

static pid_t child_that(int what)
{
    pid_t pid = fork();
    NEED(pid >= 0);
    if (pid == 0) {
        if (what == -1)
            for (;;)
                pause();
        if (what == -2)
            raise(SIGKILL);
        if (what == -3)
            usleep(6000), _exit(9);
        _exit(what);
    }
    return pid;
}

static void told(const siginfo_t *info, pid_t pid)
{
    printf("signo %d, code %d, status %d, pid %s\n", info->si_signo, info->si_code, info->si_status,
           info->si_pid == pid ? "right"
           : info->si_pid == 0 ? "0"
                               : "wrong");
}

static void waited(void)
{
    int status = 77;
    siginfo_t info;
    struct rusage usage;
    memset(&info, 0, sizeof info);
    CHECK(wait(&status), "wait, no child");
    CHECK(waitpid(-1, &status, WNOHANG), "waitpid, no child");
    CHECK(waitpid(getppid(), &status, 0), "waitpid, no child of ours");
    CHECK(waitpid(INT32_MIN, &status, 0), "waitpid, INT_MIN");
    CHECK(wait3(&status, 0, &usage), "wait3, no child");
    CHECK(wait4(-1, &status, 0, &usage), "wait4, no child");
    CHECK(waitid(P_ALL, 0, &info, WEXITED), "waitid, no child");
    CHECK(waitid(P_PID, 1, &info, WEXITED), "waitid, no child of ours");
    CHECK(waitid(9, 0, &info, WEXITED), "waitid, odd type");
    CHECK(waitid(P_ALL, 0, &info, 0), "waitid, no options");
    CHECK(waitid(P_ALL, 0, &info, 0x100), "waitid, odd options");
    CHECK(waitid(P_PIDFD, 555, &info, WEXITED), "waitid, closed pidfd");
    CHECK(waitpid(-1, &status, 0x100), "waitpid, odd options");
    printf("status %d\n", status);

    pid_t pid = child_that(-1);
    CHECK(waitpid(pid, &status, WNOHANG), "waitpid, WNOHANG");
    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), "waitid, WNOHANG");
    told(&info, pid);
    CHECK(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOHANG), "waitid, WNOHANG, nothing asked");
    for (int restart = 0; restart < 2; restart++) {
        ltp_handle(SIGALRM, restart ? SA_RESTART : 0);
        ltp_alarm_in(2);
        if (restart) { /* goes on waiting, until the child ends */
            pid_t other = child_that(-3);
            CHECK(waitpid(other, &status, 0) == other, "waitpid, interrupted, SA_RESTART");
        } else {
            CHECK(waitpid(pid, &status, 0), "waitpid, interrupted");
            ltp_alarm_in(2);
            CHECK(wait(NULL), "wait, interrupted");
            ltp_alarm_in(2);
            CHECK(waitid(P_ALL, 0, &info, WEXITED), "waitid, interrupted");
        }
    }
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid, "waitpid, stopped");
    printf("status %x\n", (unsigned)status);
    kill(pid, SIGCONT);
    CHECK(waitpid(pid, &status, WCONTINUED) == pid, "waitpid, goes on");
    printf("status %x\n", (unsigned)status);
    kill(pid, SIGSTOP);
    CHECK(waitid(P_PID, (id_t)pid, &info, WSTOPPED), "waitid, stopped");
    told(&info, pid);
    kill(pid, SIGKILL);
    for (int i = 0; i < 2; i++) {
        CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), "waitid, WNOWAIT");
        told(&info, pid);
    }
    CHECK(wait4(pid, &status, 0, NULL) == pid, "wait4, killed");
    end_of("killed", status);

    child_that(3);
    CHECK(wait(NULL) > 0, "wait, status not asked");
    pid = child_that(300);
    CHECK(wait3(&status, 0, &usage) == pid, "wait3");
    end_of("wait3", status);
    child_that(4);
    CHECK(wait(ltp_any(ltp_unmapped)), "wait, unmapped");
    CHECK(wait(&status), "wait, it is gone");
    child_that(4);
    CHECK(wait4(-1, &status, 0, ltp_any(ltp_unmapped)), "wait4, usage unmapped");
    CHECK(wait(&status), "wait, it is gone");
    child_that(4);
    CHECK(waitid(P_ALL, 0, ltp_any(ltp_unmapped), WEXITED), "waitid, unmapped");
    CHECK(wait(&status), "wait, it is gone");
    child_that(4);
    CHECK(waitid(P_ALL, 0, NULL, WEXITED), "waitid, NULL");
    signal(SIGCHLD, SIG_IGN);
    pid = child_that(5);
    CHECK(waitpid(pid, &status, 0), "waitpid, SIGCHLD ignored");
    signal(SIGCHLD, SIG_DFL);
    /* Spawned: these have spans. */
    char *quick[] = { "true", NULL };
    NEED(posix_spawnp(&pid, "true", NULL, NULL, quick, environ) == 0);
    CHECK(wait(ltp_any(ltp_unmapped)), "wait, spawned, unmapped");
    NEED(posix_spawnp(&pid, "false", NULL, NULL, quick, environ) == 0);
    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED), "waitid, spawned");
    told(&info, pid);
}

/* ---- system and popen ---- */

static volatile sig_atomic_t children;
static void on_child(int signo)
{
    (void)signo;
    children++;
}

static const char *disposition(int signo)
{
    struct sigaction a;
    sigaction(signo, NULL, &a);
    return a.sa_handler == SIG_DFL ? "default" : a.sa_handler == SIG_IGN ? "ignored" : "handled";
}

static void by_shell(void)
{
    CHECK(system(NULL) != 0, "system, NULL");
    CHECK(system("echo it runs"), "system");
    CHECK(system("exit 3"), "system, exit 3");
    CHECK(system("kill -9 $$"), "system, killed");
    CHECK(system("/nowhere/program"), "system, not there");
    CHECK(system(""), "system, nothing");
    CHECK(system("kill -INT $PPID; kill -QUIT $PPID"), "system, interrupts its parent");
    CHECK(system("(sleep 0.01; kill -ALRM $PPID)& trap '' ALRM; sleep 0.02"), "system, an alarm");
    CHECK(system(ltp_any(ltp_unmapped)), "system, unmapped");
    printf("SIGINT %s, SIGQUIT %s, SIGCHLD %s\n", disposition(SIGINT), disposition(SIGQUIT),
           disposition(SIGCHLD));
    struct sigaction action = { .sa_handler = on_child };
    sigaction(SIGCHLD, &action, NULL);
    CHECK(system("true"), "system, SIGCHLD handled");
    printf("%d SIGCHLD, blocked until the child was waited for\n", (int)children);
    signal(SIGCHLD, SIG_IGN);
    CHECK(system("true"), "system, SIGCHLD ignored");
    signal(SIGCHLD, SIG_DFL);
    signal(SIGINT, SIG_IGN);
    CHECK(system("kill -INT $$; exit 8"), "system, SIGINT ignored before");
    signal(SIGINT, SIG_DFL);
    CHECK(system("kill -INT $$; exit 8"), "system, SIGINT not ignored before");
}

static void piped(const char *command, const char *mode, bool by_fclose)
{
    char text[200] = "";
    errno = LTP_KEPT;
    FILE *f = popen(command, mode);
    printf("popen \"%s\": %d %s\n", mode, f != NULL, ltp_errno(errno));
    if (f == NULL)
        return;
    printf("descriptor %d, flags %x\n", fileno(f), (unsigned)fcntl(fileno(f), F_GETFD));
    if (strchr(mode, 'w') != NULL) {
        CHECK(fputs("to it\n", f) >= 0, "fputs");
    } else {
        CHECK(fread(text, 1, sizeof text - 1, f), "fread");
        printf("%s", text);
    }
    CHECK(by_fclose ? fclose(ltp_any(f)) : pclose(f), "%s", by_fclose ? "fclose" : "pclose");
}

static void by_pipe(void)
{
    static const char *const modes[] = { "r",  "w", "re", "we", "er", "rr",
                                         "rw", "",  "x",  "r+", "rb", "e" };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        bool writes = strchr(modes[i], 'w') != NULL;
        piped(writes ? "cat; exit 2" : "echo from it; exit 3", modes[i], false);
        piped(writes ? "cat; exit 2" : "echo from it; exit 3", modes[i], true);
    }
    piped("kill -9 $$", "r", false);
    piped("exit 0", "r", false);
    piped(ltp_any(ltp_unmapped), "r", false);
    ltp_handle(SIGPIPE, 0);
    ltp_pipes = 0;
    FILE *f = popen("exec 0<&-; exit 1", "w");
    struct pollfd broken = { .fd = fileno(f) };
    poll(&broken, 1, 5000);
    CHECK(fputs("text\n", f) >= 0, "fputs, nobody reads");
    CHECK(pclose(f), "pclose, nobody reads");
    printf("%d SIGPIPE\n", (int)ltp_pipes);
    f = popen("exit 1", "r");
    CHECK(wait(NULL) > 0, "wait, before pclose");
    CHECK(pclose(f), "pclose, reaped before");
    FILE *null = fopen("/dev/null", "r");
    CHECK(pclose(ltp_any(null)), "pclose, no pipe's");
    FILE *both[2] = { popen("cat", "w"), popen("cat", "w") };
    CHECK(pclose(both[0]), "pclose, the first of two");
    CHECK(pclose(both[1]), "pclose, the second");
}

/* ---- none can be made ---- */

static void exhausted(void)
{
    struct rlimit limit, none;
    NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = limit;
    none.rlim_cur = 4;
    int last = dup(0); /* 3 or less, by what was open */
    NEED(setrlimit(RLIMIT_NOFILE, &none) == 0);
    errno = LTP_KEPT;
    FILE *f = popen("true", "r");
    printf("popen, no descriptor left: %d %s\n", f != NULL, ltp_errno(errno));
    close(2); /* the loader's words about it are no matter */
    dup2(1, 2);
    fcntl(2, F_SETFD, FD_CLOEXEC);
    CHECK(system("exit 2"), "system, no descriptor left");
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    close(last);
    /* A user of nobody else, who may have no process more than this one. */
    pid_t child = fork();
    if (child == 0) {
        pid_t pid = -7;
        if (setuid(54391) != 0)
            printf("not root\n");
        none = (struct rlimit){ 1, 1 };
        setrlimit(RLIMIT_NPROC, &none);
        CHECK(fork(), "fork, none left");
        CHECK(_Fork(), "_Fork, none left");
        CHECK(vfork(), "vfork, none left");
        CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, good_argv, good_env),
              "posix_spawn, none left");
        printf("pid %d\n", pid);
        CHECK(system("exit 2"), "system, none left");
        errno = LTP_KEPT;
        f = popen("true", "r");
        printf("popen, none left: %d %s\n", f != NULL, ltp_errno(errno));
        CHECK(wait(NULL), "wait, none left");
        fflush(NULL);
        _exit(0);
    }
    int status;
    NEED(waitpid(child, &status, 0) == child);
    end_of("none left", status);
}

int main(void)
{
    ltp_begin();
    ltp_memory();
    make_files();
    setenv("LTP", "outer", 1);
    executed();
    in_vfork();
    spawn_actions();
    waited();
    by_shell();
    by_pipe();
    exhausted();
    remove_files();
    printf("end\n");
    return 0;
}
