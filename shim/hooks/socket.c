/*
 * Sockets: what appears, and as what. Bytes are in socket_read.c and socket_write.c,
 * what becomes of them in shim/conn.
 */
#include "hooks/socket.h"
#include "layout.h"
#include "mem/readable.h"

#include "config.h"
#include "context/request.h"
#include "hooks/process_server.h"
#include "process_state.h"

PER_REQUEST struct hook socket_hooks[] = { SOCKET_HOOKS(HOOK_ENTRY_) };

/* Programs that handle a request in the call chain that has read it (choices.md). */
static const char *const inline_dispatchers[] = { "nginx", "openresty", "tengine", "angie" };

static bool dispatches_inline(void)
{
    if (config->inline_dispatch != INLINE_AUTO)
        return config->inline_dispatch == INLINE_TRUE;
    for (unsigned i = 0; i < COUNT(inline_dispatchers); i++)
        if (strcmp(program_invocation_short_name, inline_dispatchers[i]) == 0)
            return true;
    return false;
}

AT_START static void socket_init(void)
{
    if (dispatches_inline())
        request_dispatch_inline();
    if (config_instrumentation_enabled(config, instr_http.name))
        conn_init(&instr_http);
}

PER_REQUEST struct instrumentation instr_socket = {
    .name = "socket",
    .hooks = socket_hooks,
    .nr_hooks = COUNT(socket_hooks),
    .init = socket_init,
    .fork_child = conn_fork_child,
    .process_ends = conn_tell_open,
};

/* The spans of what is on the sockets; it has no functions of its own. */
PER_REQUEST struct instrumentation instr_http = { .name = "http", .knows_more = true };

enum socket_entry socket_entry_slow(void)
{
    struct thread_state *t = &thread_state;
    if (!thread_has_tls() || t->suppressed == THREAD_IS_OURS)
        return SOCKET_OFF;
    int saved_errno = errno;
    bool ready = process_enter();
    errno = saved_errno;
    return ready && (t->suppressed & instr_socket.bit) ? SOCKET_QUIET : SOCKET_OFF;
}

bool socket_error_is_fatal(int error)
{
    switch (error) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case ECONNABORTED:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETRESET:
    case ENETDOWN:
    case EIO: return true;
    default: return false;
    }
}

static __attribute__((noinline)) void note_made(int fd, int domain, int type)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry == SOCKET_ON)
        conn_socket_made(fd, domain, type);
    else if (entry == SOCKET_QUIET)
        conn_ignore(fd);
    socket_leave(&call, entry, saved_errno);
}

EXPORT int socket(int domain, int type, int protocol)
{
    int fd = LIBC(socket)(domain, type, protocol);
    if (fd >= 0 && conn_fd_limit != 0)
        note_made(fd, domain, type);
    return fd;
}

EXPORT int socketpair(int domain, int type, int protocol, int fds[2])
{
    int r = LIBC(socketpair)(domain, type, protocol, fds);
    if (r == 0 && conn_fd_limit != 0) {
        note_made(fds[0], domain, type);
        note_made(fds[1], domain, type);
    }
    return r;
}

EXPORT int listen(int fd, int backlog)
{
    process_note_listen(fd);
    int r = LIBC(listen)(fd, backlog);
    if (r == 0 && conn_is_watched(fd)) {
        struct call call;
        int saved_errno = errno;
        enum socket_entry entry = socket_enter(&call);
        if (entry != SOCKET_OFF)
            conn_listening(fd);
        socket_leave(&call, entry, saved_errno);
    }
    return r;
}

static __attribute__((noinline)) void note_accepted(int fd, const struct sockaddr *address,
                                                    const socklen_t *len)
{
    struct call call;
    int saved_errno = errno;
    enum socket_entry entry = socket_enter(&call);
    if (entry == SOCKET_ON)
        conn_accepted(fd, address, address != NULL && len != NULL ? *len : 0);
    else if (entry == SOCKET_QUIET)
        conn_ignore(fd);
    socket_leave(&call, entry, saved_errno);
}

/* Bytes of the address that the program has room for; 0 without one, and where the
 * real call will say EFAULT. */
static socklen_t room_for_address(const struct sockaddr *address, const socklen_t *len)
{
    int saved_errno = errno;
    socklen_t room = address != NULL && mem_is_readable(len, sizeof *len) ? *len : 0;
    errno = saved_errno;
    return room;
}

EXPORT int accept(int listener, __SOCKADDR_ARG address, socklen_t *restrict len)
{
    process_note_accept();
    socklen_t room = room_for_address(address.__sockaddr__, len);
    int fd = LIBC(accept)(listener, address, len);
    if (fd >= 0 && conn_fd_limit != 0) {
        if (room != 0 && *len < room)
            room = *len;
        note_accepted(fd, address.__sockaddr__, &room);
    }
    return fd;
}

EXPORT int accept4(int listener, __SOCKADDR_ARG address, socklen_t *restrict len, int flags)
{
    process_note_accept();
    socklen_t room = room_for_address(address.__sockaddr__, len);
    int fd = LIBC(accept4)(listener, address, len, flags);
    if (fd >= 0 && conn_fd_limit != 0) {
        if (room != 0 && *len < room)
            room = *len;
        note_accepted(fd, address.__sockaddr__, &room);
    }
    return fd;
}

/* A connection is begun, or will be: under way (EINPROGRESS), or interrupted. */
static __attribute__((noinline)) void note_connecting(int fd, const struct sockaddr *address,
                                                      socklen_t len, int r)
{
    struct call call;
    int saved_errno = errno;
    if (r != 0 && saved_errno != EINPROGRESS && saved_errno != EINTR)
        return;
    enum socket_entry entry = socket_enter(&call);
    if (entry == SOCKET_ON)
        conn_connecting(fd, address, len);
    else if (entry == SOCKET_QUIET)
        conn_ignore(fd);
    socket_leave(&call, entry, saved_errno);
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
    int r = LIBC(connect)(fd, address, len);
    if (conn_is_watched(fd))
        note_connecting(fd, address.__sockaddr__, len, r);
    return r;
}

EXPORT int __connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
    int r = LIBC(__connect)(fd, address, len);
    if (conn_is_watched(fd))
        note_connecting(fd, address.__sockaddr__, len, r);
    return r;
}
