/*
 * A turn of an event loop: what was read in the last turn is no evidence in this one where a
 * program dispatches inline, and a thread that waits for many descriptors is one among whose tasks
 * there may be others' (context/request.h).
 */
#include "hooks/socket.h"

#include "context/request.h"

/* `nr`: how many descriptors it has waited for, where that is known. What waits inside a call that we
 * know (libcurl's) is no loop of the program's. */
static inline int turned(int n, uint64_t nr, int timeout_ms)
{
    if (nr > 1 && thread_has_tls() && thread_state.suppressed == 0)
        thread_state.is_loop = 1;
    if (unlikely(request_inline_dispatch))
        request_new_turn(&thread_state, timeout_ms);
    return n;
}
#define MANY 2u
#define TIMEOUT_UNKNOWN 0 /* a struct that has not been looked at: it may be none of our memory */

EXPORT int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    return turned(LIBC(epoll_wait)(fd, events, max, timeout_ms), MANY, timeout_ms);
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout_ms,
                       const sigset_t *mask)
{
    return turned(LIBC(epoll_pwait)(fd, events, max, timeout_ms, mask), MANY, timeout_ms);
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
                        const sigset_t *mask)
{
    return turned(LIBC(epoll_pwait2)(fd, events, max, timeout, mask), MANY, TIMEOUT_UNKNOWN);
}

EXPORT int poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
    return turned(LIBC(poll)(fds, nr, timeout_ms), nr, timeout_ms);
}

EXPORT int __poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
    return turned(LIBC(__poll)(fds, nr, timeout_ms), nr, timeout_ms);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t nr, int timeout_ms, size_t room)
{
    return turned(LIBC(__poll_chk)(fds, nr, timeout_ms, room), nr, timeout_ms);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
                 const sigset_t *mask)
{
    return turned(LIBC(ppoll)(fds, nr, timeout, mask), nr, TIMEOUT_UNKNOWN);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
                       const sigset_t *mask, size_t room)
{
    return turned(LIBC(__ppoll_chk)(fds, nr, timeout, mask, room), nr, TIMEOUT_UNKNOWN);
}

EXPORT int select(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                  struct timeval *restrict timeout)
{
    return turned(LIBC(select)(nr, in, out, except, timeout), MANY, TIMEOUT_UNKNOWN);
}

EXPORT int __select(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                    struct timeval *restrict timeout)
{
    return turned(LIBC(__select)(nr, in, out, except, timeout), MANY, TIMEOUT_UNKNOWN);
}

EXPORT int pselect(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                   const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    return turned(LIBC(pselect)(nr, in, out, except, timeout, mask), MANY, TIMEOUT_UNKNOWN);
}
