/*
 * Descriptors that go, are doubled, or are used where we cannot see it.
 */
#include "hooks/socket.h"

#include "hooks/process_server.h"

#include <linux/close_range.h>

/* Calls a function of conn.h about `fd`, where we may. */
static __attribute__((noinline)) void tell(void (*what)(int), int fd)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry != SOCKET_OFF)
        what(fd);
    socket_leave(&call, entry, saved_errno);
}

void socket_closing(int fd)
{
    if (conn_is_known(fd))
        tell(conn_closing, fd);
}

/* Before the real one: afterwards the number may be another thread's already. */
EXPORT int close(int fd)
{
    if (conn_is_known(fd))
        tell(conn_closing, fd);
    return LIBC(close)(fd);
}

EXPORT int __close(int fd)
{
    if (conn_is_known(fd))
        tell(conn_closing, fd);
    return LIBC(__close)(fd);
}

static __attribute__((noinline)) void note_range(unsigned first, unsigned last)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry != SOCKET_OFF)
        conn_closing_range(first, last);
    socket_leave(&call, entry, saved_errno);
}

EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    /* UNSHARE gives this thread a table of its own: the others keep theirs, and we have
     * one for both. Whoever does that is a sandbox on its way to exec. */
    if (conn_fd_limit != 0 && !((unsigned)flags & CLOSE_RANGE_CLOEXEC) && first <= last)
        note_range(first, last);
    return LIBC(close_range)(first, last, flags);
}

EXPORT void closefrom(int first)
{
    if (conn_fd_limit != 0)
        note_range(first < 0 ? 0 : (unsigned)first, UINT32_MAX);
    LIBC(closefrom)(first);
}

static __attribute__((noinline)) void note_duplicated(int from, int to)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry != SOCKET_OFF)
        conn_duplicated(from, to);
    socket_leave(&call, entry, saved_errno);
}

static inline int duplicated(int from, int to)
{
    if (to >= 0 && (conn_is_known(from) || conn_is_known(to)))
        note_duplicated(from, to);
    return to;
}

EXPORT int dup(int fd)
{
    return duplicated(fd, LIBC(dup)(fd));
}

EXPORT int dup2(int from, int to)
{
    return duplicated(from, LIBC(dup2)(from, to));
}

EXPORT int __dup2(int from, int to)
{
    return duplicated(from, LIBC(__dup2)(from, to));
}

EXPORT int dup3(int from, int to, int flags)
{
    return duplicated(from, LIBC(dup3)(from, to, flags));
}

/* One argument of any kind, or none: it lies in a register or is read from a save
 * area that is always there, and goes on as it is (x86-64, see curl.c). */
#ifndef __x86_64__
#error "forwarding of fcntl's argument is proven for x86-64 only"
#endif

static inline int fcntl_result(int fd, int command, int r)
{
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, r) : r;
}

#define FORWARD_FCNTL(name) \
    EXPORT int name(int fd, int command, ...) \
    { \
        va_list args; \
        va_start(args, command); \
        void *arg = va_arg(args, void *); \
        va_end(args); \
        return fcntl_result(fd, command, LIBC(name)(fd, command, arg)); \
    }
FORWARD_FCNTL(fcntl)
FORWARD_FCNTL(fcntl64)
FORWARD_FCNTL(__fcntl)
#undef FORWARD_FCNTL

EXPORT int shutdown(int fd, int how)
{
    if (unlikely(conn_is_known(fd))) {
        struct call call;
        int saved_errno = errno;
        enum socket_entry entry = socket_enter(&call);
        if (entry == SOCKET_ON)
            conn_shutting_down(fd, how);
        socket_leave(&call, entry, saved_errno);
    }
    return LIBC(shutdown)(fd, how);
}

/* ---- stdio on a socket reaches no hook of ours: nothing half-seen is parsed ---- */

EXPORT FILE *fdopen(int fd, const char *mode)
{
    FILE *file = LIBC(fdopen)(fd, mode);
    if (file != NULL && conn_is_watched(fd))
        tell(conn_ignore, fd);
    return file;
}

EXPORT int vdprintf(int fd, const char *restrict format, va_list args)
{
    if (conn_is_watched(fd))
        tell(conn_ignore, fd);
    return LIBC(vdprintf)(fd, format, args);
}

EXPORT int dprintf(int fd, const char *restrict format, ...)
{
    if (conn_is_watched(fd))
        tell(conn_ignore, fd);
    va_list args;
    va_start(args, format);
    int n = LIBC(vdprintf)(fd, format, args);
    va_end(args);
    return n;
}

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list args)
{
    if (conn_is_watched(fd))
        tell(conn_ignore, fd);
    return LIBC(__vdprintf_chk)(fd, flag, format, args);
}

EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...)
{
    if (conn_is_watched(fd))
        tell(conn_ignore, fd);
    va_list args;
    va_start(args, format);
    int n = LIBC(__vdprintf_chk)(fd, flag, format, args);
    va_end(args);
    return n;
}
