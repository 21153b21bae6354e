/*
 * Bytes that come in. The real call comes first; what it has brought is looked at
 * afterwards, so nothing of ours is open while a thread waits for bytes.
 */
#include "hooks/socket.h"

#include "context/request.h"

/* A socket that is no connection of ours has brought something: an inline dispatcher is at something else
 * now, which we do not know (nginx: a name server's answer, a FastCGI upstream's). read() is of files, too. */
static inline ssize_t unwatched(ssize_t n)
{
    if (unlikely(request_inline_dispatch) && n > 0)
        request_turn(&thread_state, 0);
    return n;
}

/* One read of the program, as it went. */
struct incoming {
    const struct iovec *iov;
    int nr_iov;
    int flags; /* of recv */
    ssize_t n;
    bool asked; /* for at least one byte: 0 then means the end */
};

static void tell_read(int fd, const struct incoming *in, int error)
{
    if (in->flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE))
        return;
    bool over = (in->n == 0 && in->asked) || (in->n < 0 && socket_error_is_fatal(error));
    if (in->n <= 0 && !over)
        return;
    if (over)
        conn_fd_read_ended(fd, in->n == 0 ? 0 : error);
    else if (in->flags & MSG_TRUNC)
        conn_fd_read_unseen(fd, (size_t)in->n);
    else
        conn_fd_readv(fd, in->iov, in->nr_iov, (size_t)in->n);
}

static __attribute__((noinline)) ssize_t after_read(int fd, const struct incoming *in)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry == SOCKET_ON)
        tell_read(fd, in, saved_errno);
    else if (entry == SOCKET_QUIET)
        conn_used_below(fd);
    socket_leave(&call, entry, saved_errno);
    return in->n;
}

static __attribute__((noinline)) ssize_t after_plain(int fd, void *buf, size_t len, int flags,
                                                     ssize_t n)
{
    struct iovec iov = { buf, len };
    return after_read(fd, &(struct incoming){ &iov, 1, flags, n, len > 0 });
}

EXPORT ssize_t read(int fd, void *buf, size_t len)
{
    ssize_t n = LIBC(read)(fd, buf, len);
    return conn_is_watched(fd) ? after_plain(fd, buf, len, 0, n) : n;
}

EXPORT ssize_t __read(int fd, void *buf, size_t len)
{
    ssize_t n = LIBC(__read)(fd, buf, len);
    return conn_is_watched(fd) ? after_plain(fd, buf, len, 0, n) : n;
}

EXPORT ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
    ssize_t n = LIBC(__read_chk)(fd, buf, len, room);
    return conn_is_watched(fd) ? after_plain(fd, buf, len, 0, n) : n;
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int nr_iov)
{
    ssize_t n = LIBC(readv)(fd, iov, nr_iov);
    if (!conn_is_watched(fd))
        return n;
    return after_read(fd, &(struct incoming){ iov, nr_iov, 0, n, nr_iov > 0 });
}

EXPORT ssize_t recv(int fd, void *buf, size_t len, int flags)
{
    ssize_t n = LIBC(recv)(fd, buf, len, flags);
    return conn_is_watched(fd) ? after_plain(fd, buf, len, flags, n) : unwatched(n);
}

EXPORT ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
    ssize_t n = LIBC(__recv_chk)(fd, buf, len, room, flags);
    return conn_is_watched(fd) ? after_plain(fd, buf, len, flags, n) : unwatched(n);
}

EXPORT ssize_t recvfrom(int fd, void *restrict buf, size_t len, int flags, __SOCKADDR_ARG address,
                        socklen_t *restrict address_len)
{
    ssize_t n = LIBC(recvfrom)(fd, buf, len, flags, address, address_len);
    return conn_is_watched(fd) ? after_plain(fd, buf, len, flags, n) : unwatched(n);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *restrict buf, size_t len, size_t room, int flags,
                              __SOCKADDR_ARG address, socklen_t *restrict address_len)
{
    ssize_t n = LIBC(__recvfrom_chk)(fd, buf, len, room, flags, address, address_len);
    return conn_is_watched(fd) ? after_plain(fd, buf, len, flags, n) : unwatched(n);
}

/* Descriptors that came along: nobody knows what they are. */
static __attribute__((noinline)) void note_passed(const struct msghdr *msg)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    struct msghdr *m = (struct msghdr *)(uintptr_t)msg; /* CMSG_NXTHDR only reads */
    for (struct cmsghdr *h = entry != SOCKET_OFF ? CMSG_FIRSTHDR(m) : NULL; h != NULL;
         h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS || h->cmsg_len < CMSG_LEN(0))
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            conn_appeared(fd);
        }
    }
    socket_leave(&call, entry, saved_errno);
}

static inline void look_for_passed(const struct msghdr *msg)
{
    if (unlikely(msg->msg_controllen > 0) && conn_fd_limit != 0)
        note_passed(msg);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    ssize_t n = LIBC(recvmsg)(fd, msg, flags);
    if (n >= 0)
        look_for_passed(msg);
    if (!conn_is_watched(fd))
        return unwatched(n);
    return after_read(fd, &(struct incoming){ n >= 0 ? msg->msg_iov : NULL,
                                              n >= 0 ? (int)msg->msg_iovlen : 0, flags, n,
                                              n >= 0 && msg->msg_iovlen > 0 });
}

static void tell_ignored(int fd)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry == SOCKET_QUIET || (entry == SOCKET_ON && conn_of_fd(fd) != NULL))
        conn_ignore(fd);
    socket_leave(&call, entry, saved_errno);
}

/* Several messages make no sense on a stream: such a connection is left alone. */
EXPORT int recvmmsg(int fd, struct mmsghdr *msgs, unsigned nr, int flags, struct timespec *timeout)
{
    if (conn_is_watched(fd))
        tell_ignored(fd);
    int n = LIBC(recvmmsg)(fd, msgs, nr, flags, timeout);
    for (int i = 0; i < n; i++)
        look_for_passed(&msgs[i].msg_hdr);
    return (int)unwatched(n);
}
