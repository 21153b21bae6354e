/*
 * Children that share memory and have a thread pointer of their own, to a page of zeros, as
 * Chromium's sandbox makes one: each calls one function and ends.
 *
 *     own_tls plain | all
 *
 * A line for each: its name, its result, and how the child ended. "plain" leaves out what libc
 * itself cannot do there in a process of several threads: calls that end a cancelled thread.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lookup.h"

#define STACK_BYTES (128 * 1024)
#define TLS_BYTES (64 * 1024)

static int pair[2], epoll;
static char byte, *none[] = { NULL }, *program[] = { "true", NULL };
static struct iovec iov = { &byte, 1 };
static struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
static struct sockaddr_in nowhere = { .sin_family = AF_INET };
static struct epoll_event event;
static long result;

/* CALL(name, value): what is no cancellation point. */
#define PLAIN_CALLS(CALL) \
    CALL(syscall_getppid, syscall(SYS_getppid) > 0) \
    CALL(syscall_chroot, syscall(SYS_chroot, "/nowhere")) \
    CALL(chroot, chroot("/nowhere")) \
    CALL(chdir, chdir("/")) \
    CALL(unshare, unshare(CLONE_FS)) \
    CALL(setns, setns(-1, 0)) \
    CALL(prctl, prctl(PR_GET_DUMPABLE)) \
    CALL(dup, dup(pair[0]) > 2) \
    CALL(dup2, dup2(pair[0], 77)) \
    CALL(dup3, dup3(pair[0], 78, 0)) \
    CALL(fcntl, fcntl(pair[0], F_DUPFD, 80) > 2) \
    CALL(socket, socket(AF_INET, SOCK_STREAM, 0) > 2) \
    CALL(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0 })) \
    CALL(listen, listen(pair[0], 1)) \
    CALL(shutdown, shutdown(-1, SHUT_RD)) \
    CALL(close_range, close_range(77, 90, 0)) \
    CALL(getenv, getenv("PATH") != NULL) \
    CALL(execve_nothing, execve("/nowhere/at/all", program, none)) \
    CALL(execve, execve("/bin/true", program, none)) \
    CALL(_Exit, (_Exit(6), 0)) \
    CALL(_exit, (_exit(7), 0))
#define OTHER_CALLS(CALL) \
    CALL(write, write(pair[0], "a", 1)) \
    CALL(writev, writev(pair[0], &iov, 1)) \
    CALL(send, send(pair[0], "a", 1, 0)) \
    CALL(sendto, sendto(pair[0], "a", 1, 0, NULL, 0)) \
    CALL(sendmsg, sendmsg(pair[0], &message, 0)) \
    CALL(read, read(pair[1], &byte, 1)) \
    CALL(readv, readv(pair[1], &iov, 1)) \
    CALL(recv, recv(pair[1], &byte, 1, MSG_DONTWAIT)) \
    CALL(recvfrom, recvfrom(pair[1], &byte, 1, MSG_DONTWAIT, NULL, NULL)) \
    CALL(recvmsg, recvmsg(pair[1], &message, MSG_DONTWAIT)) \
    CALL(connect, connect(pair[0], (struct sockaddr *)&nowhere, sizeof nowhere)) \
    CALL(accept, accept(pair[0], NULL, NULL)) \
    CALL(accept4, accept4(-1, NULL, NULL, 0)) \
    CALL(poll, poll(NULL, 0, 0)) \
    CALL(epoll_wait, epoll_wait(epoll, &event, 1, 0)) \
    CALL(open, open("/dev/null", O_RDONLY) > 2) \
    CALL(close, close(pair[1])) \
    CALL(waitpid, waitpid(-1, NULL, WNOHANG))

/* As in the shell: 5 says that the child came back from the call. */
#define FUNCTION(name, value) \
    static int call_##name(void *no) \
    { \
        (void)no; \
        result = (long)(value); \
        syscall(SYS_exit_group, 5); \
        return 0; \
    }
PLAIN_CALLS(FUNCTION)
OTHER_CALLS(FUNCTION)

static const struct call {
    const char *name;
    int (*in_child)(void *);
} calls[] = {
#define ROW(name, value) { #name, call_##name },
    PLAIN_CALLS(ROW){ NULL, NULL },
    OTHER_CALLS(ROW){ NULL, NULL },
};

static void call(const struct call *c)
{
    static _Alignas(64) char stack[STACK_BYTES], tls[TLS_BYTES];
    int status = 0, flags = CLONE_VM | CLONE_VFORK | CLONE_SETTLS | SIGCHLD;
    memset(tls, 0, sizeof tls);
    result = -9;
    pid_t child =
        clone(c->in_child, stack + sizeof stack, flags, NULL, NULL, tls + TLS_BYTES / 2, NULL);
    if (child < 0 || waitpid(child, &status, 0) != child)
        exit(1);
    printf("%s %ld status %#x\n", c->name, result, (unsigned)status);
}

int main(int argc, char **argv)
{
    if (argc != 2 || lookup() != 0)
        return 2;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[0], "some bytes", 10) != 10)
        return 1;
    epoll = epoll_create1(0);
    const struct call *c = calls;
    for (int group = strcmp(argv[1], "all") == 0 ? 2 : 1; group > 0; group--, c++)
        for (; c->name != NULL; c++)
            call(c);
    puts("end");
    return 0;
}
