/*
 * Ends in the way its argument names, after one traced operation. One more
 * thread in the process must not change how it ends.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lookup.h"

static void at_exit_handler(void)
{
    static const char text[] = "atexit\n";
    if (write(1, text, sizeof text - 1) < 0)
        abort();
}

static void *outlives_main(void *arg)
{
    (void)arg;
    usleep(50000);
    lookup();
    static const char text[] = "thread after main\n";
    if (write(1, text, sizeof text - 1) < 0)
        abort();
    return NULL;
}

/* As the manual of glibc has it: the signal is held up until the handler has returned. */
static void again(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

/* It asks itself to end, waits for that, and ends in order: nothing may be told before. */
static int waits_for_its_own_signal(void)
{
    sigset_t set;
    int number = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGTERM);
    sigwait(&set, &number);
    return number == SIGTERM ? 12 : 96;
}

static void raw_exit(int code)
{
#if defined(__x86_64__)
    __asm__ volatile("syscall" : : "a"(SYS_exit), "D"(code) : "rcx", "r11", "memory");
#else
    syscall(SYS_exit, code);
#endif
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "return";
    struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
    atexit(at_exit_handler);
    if (lookup() != 0)
        return 99;
    /* Long enough for the background thread to be there and asleep. */
    usleep(100000);
    if (!strcmp(how, "return"))
        return 3;
    if (!strcmp(how, "exit"))
        exit(4);
    if (!strcmp(how, "_exit"))
        _exit(5);
    if (!strcmp(how, "_Exit"))
        _Exit(6);
    if (!strcmp(how, "quick_exit"))
        quick_exit(7);
    if (!strcmp(how, "pthread_exit"))
        pthread_exit(NULL);
    if (!strcmp(how, "pthread_exit_thread")) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, outlives_main, NULL) != 0)
            return 98;
        pthread_detach(thread);
        pthread_exit(NULL);
    }
    if (!strcmp(how, "sys_exit"))
        syscall(SYS_exit, 8);
    if (!strcmp(how, "raw_exit"))
        raw_exit(9);
    if (!strcmp(how, "exit_group"))
        syscall(SYS_exit_group, 10);
    if (!strcmp(how, "abort"))
        abort();
    if (!strcmp(how, "segv"))
        raise(SIGSEGV);
    if (!strcmp(how, "raise"))
        raise(SIGTERM);
    if (!strcmp(how, "kill_itself"))
        kill(getpid(), SIGHUP);
    if (!strcmp(how, "kill_group") && (getpgrp() == getpid() || setpgid(0, 0) == 0))
        kill(0, SIGINT);
    if (!strcmp(how, "handler")) {
        signal(SIGTERM, again);
        raise(SIGTERM);
    }
    if (!strcmp(how, "ignored")) {
        signal(SIGTERM, SIG_IGN);
        return raise(SIGTERM) == 0 ? 13 : 95;
    }
    if (!strcmp(how, "sigwait"))
        return waits_for_its_own_signal();
    if (!strcmp(how, "kill"))
        raise(SIGKILL);
    if (!strcmp(how, "exec"))
        execl("/bin/sh", "sh", "-c", "exit 11", (char *)NULL);
    return 97;
}
