/*
 * Counts user instructions exactly, by single-stepping: what the processor
 * retires, the vDSO's clock included, on machines that lend no counters.
 *
 *     step COMMAND ARG...
 *
 * The command marks what is counted by breakpoints (see mark.h): instructions
 * between a pair of them are counted, for each pair one line on standard output.
 * Other threads run on, uncounted.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *why)
{
    fprintf(stderr, "step: %s: %s\n", why, strerror(errno));
    exit(2);
}

/* Resumes the command; true at a SIGTRAP, false at its end. Other signals it gets. */
static int resume(pid_t pid, enum __ptrace_request how, int *status)
{
    long signal = 0;
    for (;;) {
        if (ptrace(how, pid, NULL, signal) != 0 || waitpid(pid, status, 0) != pid)
            die("cannot resume");
        if (!WIFSTOPPED(*status))
            return 0;
        if (WSTOPSIG(*status) == SIGTRAP)
            return 1;
        signal = WSTOPSIG(*status);
    }
}

static int at_breakpoint(pid_t pid)
{
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) != 0)
        die("no signal information");
    return info.si_code == SI_KERNEL || info.si_code == TRAP_BRKPT;
}

/* From behind one breakpoint to the next, which is not counted. -1: it ended. */
static long count(pid_t pid, int *status)
{
    for (long n = 0;; n++) {
        if (!resume(pid, PTRACE_SINGLESTEP, status))
            return -1;
        if (at_breakpoint(pid))
            return n;
    }
}

int main(int argc, char **argv)
{
    int status;
    if (argc < 2)
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(126);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        die("cannot trace the command");
    while (resume(pid, PTRACE_CONT, &status)) {
        if (!at_breakpoint(pid))
            continue; /* an exec */
        long n = count(pid, &status);
        if (n < 0)
            break;
        printf("%ld\n", n);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
