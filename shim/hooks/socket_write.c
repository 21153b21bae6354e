/*
 * Bytes that go out. A write on a watched connection is looked at before and after, a
 * server's answer only after; where our header goes in, the bytes leave in one sendmsg
 * or writev all the same.
 */
#include "hooks/socket.h"

#include <limits.h>

#include "mem/readable.h"

/* One buffer with an edit in it. */
#define ONE_EDITED (1 + CONN_EDIT_PIECES + 1)
#define MANY_EDITED (CONN_MAX_IOV + CONN_EDIT_PIECES + 1)

static __attribute__((noinline)) bool before_write(struct conn_write *w, int fd,
                                                   const struct iovec *iov, int nr_iov, int flags)
{
    struct call call;
    int saved_errno = errno;
    bool told = false;
    enum socket_entry entry = socket_enter(&call);
    if (entry == SOCKET_QUIET) {
        conn_used_below(fd);
    } else if (entry == SOCKET_ON) {
        bool may_inject = nr_iov <= (int)CONN_MAX_IOV && !(flags & MSG_ZEROCOPY);
        if (!(flags & MSG_OOB))
            told = conn_fd_write_begin(w, fd, iov, nr_iov, may_inject);
        else if (conn_of_fd(fd) != NULL)
            conn_ignore(fd);
    }
    socket_leave(&call, entry, saved_errno);
    return told;
}

static __attribute__((noinline)) ssize_t after_write(struct conn_write *w, ssize_t n)
{
    struct call call;
    int saved_errno = errno, error = saved_errno;
    enum socket_entry entry = socket_enter(&call);
    n = conn_write_end(w, n, &error);
    socket_leave(&call, entry, n < 0 ? error : saved_errno);
    return n;
}

/* A server's answer goes out as it is; what it is, is asked afterwards. */
static inline bool is_answer(struct conn_answer *a, int fd, int flags)
{
    return !(flags & MSG_OOB) && conn_answers(a, fd);
}

static __attribute__((noinline)) ssize_t
after_answer(const struct conn_answer *a, int fd, const struct iovec *iov, int nr_iov, ssize_t n)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry == SOCKET_ON)
        conn_answered(a, iov, nr_iov, n, saved_errno);
    else if (entry == SOCKET_QUIET)
        conn_used_below(fd);
    socket_leave(&call, entry, saved_errno);
    return n;
}

static ssize_t write_edited(const struct conn_write *w, int fd)
{
    struct iovec out[ONE_EDITED];
    return LIBC(writev)(fd, out, conn_write_pieces(w, out, ONE_EDITED));
}

static ssize_t send_edited(const struct conn_write *w, int fd, int flags,
                           const struct sockaddr *address, socklen_t len)
{
    struct iovec out[ONE_EDITED];
    struct msghdr msg = { .msg_namelen = len, .msg_iov = out };
    memcpy(&msg.msg_name, &address, sizeof address);
    msg.msg_iovlen = (size_t)conn_write_pieces(w, out, ONE_EDITED);
    return LIBC(sendmsg)(fd, &msg, flags);
}

static struct iovec iovec_of(const void *buf, size_t len)
{
    struct iovec iov = { .iov_len = len };
    memcpy(&iov.iov_base, &buf, sizeof buf);
    return iov;
}

static __attribute__((noinline)) ssize_t watched_write(int fd, const void *buf, size_t len)
{
    struct iovec iov = iovec_of(buf, len);
    struct conn_answer a;
    if (is_answer(&a, fd, 0))
        return after_answer(&a, fd, &iov, 1, LIBC(write)(fd, buf, len));
    struct conn_write w;
    if (!before_write(&w, fd, &iov, 1, 0))
        return LIBC(write)(fd, buf, len);
    return after_write(&w, w.edited ? write_edited(&w, fd) : LIBC(write)(fd, buf, len));
}

EXPORT ssize_t write(int fd, const void *buf, size_t len)
{
    return conn_is_watched(fd) ? watched_write(fd, buf, len) : LIBC(write)(fd, buf, len);
}

EXPORT ssize_t __write(int fd, const void *buf, size_t len)
{
    return conn_is_watched(fd) ? watched_write(fd, buf, len) : LIBC(__write)(fd, buf, len);
}

/* errno stays the program's: the real call has not been made. */
static bool table_is_readable(const struct iovec *iov, long nr_iov)
{
    int saved_errno = errno;
    bool readable =
        nr_iov > 0 && nr_iov <= IOV_MAX && mem_is_readable(iov, (size_t)nr_iov * sizeof *iov);
    errno = saved_errno;
    return readable;
}

static __attribute__((noinline)) ssize_t watched_writev(int fd, const struct iovec *iov, int nr_iov)
{
    struct conn_answer a;
    if (is_answer(&a, fd, 0))
        return after_answer(&a, fd, iov, nr_iov, LIBC(writev)(fd, iov, nr_iov));
    struct conn_write w;
    if (!table_is_readable(iov, nr_iov) || !before_write(&w, fd, iov, nr_iov, 0))
        return LIBC(writev)(fd, iov, nr_iov);
    if (!w.edited)
        return after_write(&w, LIBC(writev)(fd, iov, nr_iov));
    struct iovec out[MANY_EDITED];
    return after_write(&w, LIBC(writev)(fd, out, conn_write_pieces(&w, out, MANY_EDITED)));
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int nr_iov)
{
    return conn_is_watched(fd) ? watched_writev(fd, iov, nr_iov) : LIBC(writev)(fd, iov, nr_iov);
}

static __attribute__((noinline)) ssize_t watched_send(int fd, const void *buf, size_t len,
                                                      int flags)
{
    struct iovec iov = iovec_of(buf, len);
    struct conn_answer a;
    if (is_answer(&a, fd, flags))
        return after_answer(&a, fd, &iov, 1, LIBC(send)(fd, buf, len, flags));
    struct conn_write w;
    if (!before_write(&w, fd, &iov, 1, flags))
        return LIBC(send)(fd, buf, len, flags);
    return after_write(&w, w.edited ? send_edited(&w, fd, flags, NULL, 0)
                                    : LIBC(send)(fd, buf, len, flags));
}

EXPORT ssize_t send(int fd, const void *buf, size_t len, int flags)
{
    return conn_is_watched(fd) ? watched_send(fd, buf, len, flags)
                               : LIBC(send)(fd, buf, len, flags);
}

EXPORT ssize_t __send(int fd, const void *buf, size_t len, int flags)
{
    return conn_is_watched(fd) ? watched_send(fd, buf, len, flags)
                               : LIBC(__send)(fd, buf, len, flags);
}

static __attribute__((noinline)) ssize_t watched_sendto(int fd, const void *buf, size_t len,
                                                        int flags, __CONST_SOCKADDR_ARG address,
                                                        socklen_t address_len)
{
    struct iovec iov = iovec_of(buf, len);
    struct conn_answer a;
    if (is_answer(&a, fd, flags))
        return after_answer(&a, fd, &iov, 1,
                            LIBC(sendto)(fd, buf, len, flags, address, address_len));
    struct conn_write w;
    /* sendto refuses too long an address, sendmsg cuts it. */
    if ((address.__sockaddr__ != NULL && address_len > sizeof(struct sockaddr_storage)) ||
        !before_write(&w, fd, &iov, 1, flags))
        return LIBC(sendto)(fd, buf, len, flags, address, address_len);
    return after_write(&w, w.edited ? send_edited(&w, fd, flags, address.__sockaddr__, address_len)
                                    : LIBC(sendto)(fd, buf, len, flags, address, address_len));
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG address,
                      socklen_t address_len)
{
    return conn_is_watched(fd) ? watched_sendto(fd, buf, len, flags, address, address_len)
                               : LIBC(sendto)(fd, buf, len, flags, address, address_len);
}

static __attribute__((noinline)) ssize_t watched_sendmsg(int fd, const struct msghdr *msg,
                                                         int flags)
{
    struct conn_answer a;
    if (is_answer(&a, fd, flags)) {
        ssize_t n = LIBC(sendmsg)(fd, msg, flags);
        return after_answer(&a, fd, n >= 0 ? msg->msg_iov : NULL, n >= 0 ? (int)msg->msg_iovlen : 0,
                            n);
    }
    struct conn_write w;
    int saved_errno = errno;
    bool readable = mem_is_readable(msg, sizeof *msg);
    errno = saved_errno;
    if (!readable || !table_is_readable(msg->msg_iov, (long)msg->msg_iovlen) ||
        !before_write(&w, fd, msg->msg_iov, (int)msg->msg_iovlen, flags))
        return LIBC(sendmsg)(fd, msg, flags);
    if (!w.edited)
        return after_write(&w, LIBC(sendmsg)(fd, msg, flags));
    struct iovec out[MANY_EDITED];
    struct msghdr edited = *msg;
    edited.msg_iov = out;
    edited.msg_iovlen = (size_t)conn_write_pieces(&w, out, MANY_EDITED);
    return after_write(&w, LIBC(sendmsg)(fd, &edited, flags));
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return conn_is_watched(fd) ? watched_sendmsg(fd, msg, flags) : LIBC(sendmsg)(fd, msg, flags);
}

/* Bytes that nobody has seen, or several messages on a stream. */
static __attribute__((noinline)) void note_unseen(int fd, ssize_t n, bool written)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry == SOCKET_QUIET)
        conn_ignore(fd);
    else if (entry == SOCKET_ON && written)
        conn_fd_written_unseen(fd, (size_t)n);
    else if (entry == SOCKET_ON)
        conn_fd_read_unseen(fd, (size_t)n);
    socket_leave(&call, entry, saved_errno);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned nr, int flags)
{
    if (conn_is_watched(fd)) {
        struct call call;
        int saved_errno = errno;
        enum socket_entry entry = socket_enter(&call);
        if (entry == SOCKET_QUIET || (entry == SOCKET_ON && conn_of_fd(fd) != NULL))
            conn_ignore(fd);
        socket_leave(&call, entry, saved_errno);
    }
    return LIBC(sendmmsg)(fd, msgs, nr, flags);
}

EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t count)
{
    ssize_t n = LIBC(sendfile)(out, in, offset, count);
    if (n > 0 && conn_is_watched(out))
        note_unseen(out, n, true);
    return n;
}

EXPORT ssize_t sendfile64(int out, int in, off64_t *offset, size_t count)
{
    ssize_t n = LIBC(sendfile64)(out, in, offset, count);
    if (n > 0 && conn_is_watched(out))
        note_unseen(out, n, true);
    return n;
}

EXPORT ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t len,
                      unsigned flags)
{
    ssize_t n = LIBC(splice)(in, in_offset, out, out_offset, len, flags);
    if (n > 0 && conn_is_watched(in))
        note_unseen(in, n, false);
    if (n > 0 && conn_is_watched(out))
        note_unseen(out, n, true);
    return n;
}
