/*
 * A turn of an event loop. Only programs that dispatch inline need it told: what was
 * read in the last turn is no evidence in this one (context/request.h).
 */
#include "hooks/socket.h"

#include "context/request.h"

static inline int turned(int n, int timeout_ms)
{
    if (unlikely(request_inline_dispatch))
        request_new_turn(&thread_state, timeout_ms);
    return n;
}
#define TIMEOUT_UNKNOWN 0 /* a struct that has not been looked at: it may be none of our memory */

EXPORT int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    return turned(LIBC(epoll_wait)(fd, events, max, timeout_ms), timeout_ms);
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout_ms,
                       const sigset_t *mask)
{
    return turned(LIBC(epoll_pwait)(fd, events, max, timeout_ms, mask), timeout_ms);
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
                        const sigset_t *mask)
{
    return turned(LIBC(epoll_pwait2)(fd, events, max, timeout, mask), TIMEOUT_UNKNOWN);
}

EXPORT int poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
    return turned(LIBC(poll)(fds, nr, timeout_ms), timeout_ms);
}

EXPORT int __poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
    return turned(LIBC(__poll)(fds, nr, timeout_ms), timeout_ms);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t nr, int timeout_ms, size_t room)
{
    return turned(LIBC(__poll_chk)(fds, nr, timeout_ms, room), timeout_ms);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
                 const sigset_t *mask)
{
    return turned(LIBC(ppoll)(fds, nr, timeout, mask), TIMEOUT_UNKNOWN);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
                       const sigset_t *mask, size_t room)
{
    return turned(LIBC(__ppoll_chk)(fds, nr, timeout, mask, room), TIMEOUT_UNKNOWN);
}

EXPORT int select(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                  struct timeval *restrict timeout)
{
    return turned(LIBC(select)(nr, in, out, except, timeout), TIMEOUT_UNKNOWN);
}

EXPORT int __select(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                    struct timeval *restrict timeout)
{
    return turned(LIBC(__select)(nr, in, out, except, timeout), TIMEOUT_UNKNOWN);
}

EXPORT int pselect(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                   const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    return turned(LIBC(pselect)(nr, in, out, except, timeout, mask), TIMEOUT_UNKNOWN);
}
