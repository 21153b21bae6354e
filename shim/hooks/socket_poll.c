/*
 * A turn of an event loop: what was read in the last turn is no evidence in this one where a
 * program dispatches inline, and a thread that waits for many descriptors is one among whose tasks
 * there may be others' (context/request.h).
 */
#include "hooks/socket.h"

#include "context/request.h"

static inline int turned(int n, int timeout_ms)
{
    request_new_turn(&thread_state, timeout_ms);
    return n;
}

/* `nr`: how many descriptors it waits for. What waits inside a call that we know (libcurl's) is no loop
 * of the program's. */
static inline void waits_for(uint64_t nr)
{
    if (nr > 1 && call_enabled_mask != 0 && thread_has_tls() && thread_state.suppressed == 0)
        thread_state.is_loop = 1;
}

static inline void waits_for_many(void)
{
    if (call_enabled_mask != 0 && thread_has_tls())
        thread_state.is_loop = 1;
}

/* What a wait returns. It is the last thing done wherever a program does not dispatch inline: then
 * it costs nothing to come back from. */
#define TURN(noted, timeout_ms, wait) \
    do { \
        if (unlikely(request_inline_dispatch)) \
            return turned((wait), timeout_ms); \
        noted; \
        return (wait); \
    } while (0)
#define TIMEOUT_UNKNOWN 0 /* a struct that has not been looked at: it may be none of our memory */

EXPORT int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    TURN(waits_for_many(), timeout_ms, LIBC(epoll_wait)(fd, events, max, timeout_ms));
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout_ms,
                       const sigset_t *mask)
{
    TURN(waits_for_many(), timeout_ms, LIBC(epoll_pwait)(fd, events, max, timeout_ms, mask));
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
                        const sigset_t *mask)
{
    TURN(waits_for_many(), TIMEOUT_UNKNOWN, LIBC(epoll_pwait2)(fd, events, max, timeout, mask));
}

EXPORT int poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
    TURN(waits_for(nr), timeout_ms, LIBC(poll)(fds, nr, timeout_ms));
}

EXPORT int __poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
    TURN(waits_for(nr), timeout_ms, LIBC(__poll)(fds, nr, timeout_ms));
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t nr, int timeout_ms, size_t room)
{
    TURN(waits_for(nr), timeout_ms, LIBC(__poll_chk)(fds, nr, timeout_ms, room));
}

EXPORT int ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
                 const sigset_t *mask)
{
    TURN(waits_for(nr), TIMEOUT_UNKNOWN, LIBC(ppoll)(fds, nr, timeout, mask));
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
                       const sigset_t *mask, size_t room)
{
    TURN(waits_for(nr), TIMEOUT_UNKNOWN, LIBC(__ppoll_chk)(fds, nr, timeout, mask, room));
}

EXPORT int select(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                  struct timeval *restrict timeout)
{
    TURN(waits_for_many(), TIMEOUT_UNKNOWN, LIBC(select)(nr, in, out, except, timeout));
}

EXPORT int __select(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                    struct timeval *restrict timeout)
{
    TURN(waits_for_many(), TIMEOUT_UNKNOWN, LIBC(__select)(nr, in, out, except, timeout));
}

EXPORT int pselect(int nr, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                   const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    TURN(waits_for_many(), TIMEOUT_UNKNOWN, LIBC(pselect)(nr, in, out, except, timeout, mask));
}
