/*
 * What the files of the instrumentation `socket` share: its table of functions, and
 * how a hook gets from a call of the program to the connection behind the fd.
 *
 *   socket.c        the instrumentation; descriptors that appear
 *   socket_fd.c     descriptors that go, are doubled, or leave our sight (stdio)
 *   socket_read.c   bytes that come in
 *   socket_write.c  bytes that go out, ours among them
 *   socket_poll.c   a turn of an event loop
 *
 * Every hook looks first whether the fd is one to be watched: an ignored one costs
 * two loads and two branches. What is done, is done before or after the real call,
 * never around it: a thread may be blocked in it for hours, be cancelled, or leave it
 * by longjmp.
 */
#ifndef OTELSHIM_HOOKS_SOCKET_H
#define OTELSHIM_HOOKS_SOCKET_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.h"
#include "conn/conn.h"

/* clang-format off */
#define SOCKET_HOOKS(X)                                                              \
    X(socket) X(socketpair) X(listen) X(accept) X(accept4) X(connect) X(__connect)   \
    X(shutdown) X(close) X(__close) X(close_range) X(closefrom)                      \
    X(dup) X(dup2) X(__dup2) X(dup3) X(fcntl) X(fcntl64) X(__fcntl)                  \
    X(fdopen) X(dprintf) X(vdprintf) X(__dprintf_chk) X(__vdprintf_chk)              \
    X(read) X(__read) X(__read_chk) X(readv) X(recv) X(__recv_chk) X(recvfrom)       \
    X(__recvfrom_chk) X(recvmsg) X(recvmmsg)                                         \
    X(write) X(__write) X(writev) X(send) X(__send) X(sendto) X(sendmsg) X(sendmmsg) \
    X(sendfile) X(sendfile64) X(splice)                                              \
    X(epoll_wait) X(epoll_pwait) X(epoll_pwait2) X(poll) X(__poll) X(__poll_chk)     \
    X(ppoll) X(__ppoll_chk) X(select) X(__select) X(pselect)
/* clang-format on */

/* Not in the headers. */
int __connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len);
int __close(int fd);
int __dup2(int from, int to);
int __fcntl(int fd, int command, ...);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, va_list args);
ssize_t __read(int fd, void *buf, size_t len);
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *restrict buf, size_t len, size_t room, int flags,
                       __SOCKADDR_ARG address, socklen_t *restrict address_len);
ssize_t __write(int fd, const void *buf, size_t len);
ssize_t __send(int fd, const void *buf, size_t len, int flags);
int __poll(struct pollfd *fds, nfds_t nr, int timeout_ms);
int __poll_chk(struct pollfd *fds, nfds_t nr, int timeout_ms, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t nr, const struct timespec *timeout, const sigset_t *mask,
                size_t room);
int __select(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
             struct timeval *restrict timeout);

enum { SOCKET_HOOKS(HOOK_INDEX_) };
extern struct hook socket_hooks[] __attribute__((visibility("hidden")));
#define HOOK_TABLE socket_hooks
extern struct instrumentation instr_socket __attribute__((visibility("hidden")));
extern struct instrumentation instr_http __attribute__((visibility("hidden")));

/* As REAL, for libc's functions alone: what was found once holds for ever. */
static inline void *real_libc(struct hook *hook)
{
    void *fn = atomic_load_explicit(&hook->real, memory_order_relaxed);
    return likely(fn != NULL) ? fn : real_resolve(hook, NULL);
}
#define LIBC(fn) ((__typeof__(&fn))real_libc(&HOOK_TABLE[HOOK_##fn]))

/* How a hook may act now. */
enum socket_entry {
    SOCKET_OFF,   /* not at all: our own thread, a vforked child, telemetry off */
    SOCKET_QUIET, /* inside a call of another library that tells for itself (libcurl):
                   * keep the books of descriptors, and ignore those that are used */
    SOCKET_ON,    /* call_leave() must follow */
};

/* After call_enter() has said no. Keeps errno. */
enum socket_entry socket_entry_slow(void);

static inline enum socket_entry socket_enter(struct call *call)
{
    if (likely(call_enter(call, &instr_socket)))
        return SOCKET_ON;
    return conn_fd_limit != 0 && socket_entry_slow() == SOCKET_QUIET ? SOCKET_QUIET : SOCKET_OFF;
}

/* The end of both. `saved_errno` is what the program shall see. */
static inline void socket_leave(struct call *call, enum socket_entry entry, int saved_errno)
{
    if (entry == SOCKET_ON)
        call_leave(call);
    errno = saved_errno;
}

/* Errors that end a connection, as read and write report them. */
bool socket_error_is_fatal(int error);

#endif
