/*
 * Connections: from a descriptor (or a TLS session) to the messages on it.
 *
 * Hooks tell this room what a connection is, what came in and what goes out; it
 * feeds the protocol's parsers, starts and ends spans, and says what must be
 * written in place of the program's bytes (our header). Hooks know system calls
 * and library types; nothing here makes a call on the program's behalf but
 * getsockopt and getsockname/getpeername at a connection's first use.
 *
 *     ssize_t n = REAL(read)(fd, buf, len);         // a tracked or unknown fd
 *     if (n > 0) conn_fd_readv(fd, iov, nr, n);
 *
 *     struct conn_write w;
 *     if (conn_answers(&a, fd)) -> write as usual, then conn_answered(&a, iov, nr, n, errno)
 *     if (!conn_fd_write_begin(&w, fd, iov, nr, may_inject)) -> write as usual, tell nothing
 *     if (w.edited) n = writev(fd, out, conn_write_pieces(&w, iov, nr, out, max));
 *     else          n = the program's own call
 *     n = conn_write_end(&w, n, errno);             // what the program shall see
 *
 * What every function here holds to: no malloc, no blocking, no lock waited for,
 * any thread, also in a signal handler. errno may change: hooks keep it.
 *
 * Descriptors. Every fd has one byte, conn_kinds[fd]. UNKNOWN (0) is what a
 * process starts with: inherited ones are looked at (getsockopt) when they are
 * first used. After close() an fd is IGNORED: whatever gets the number next
 * without passing one of our hooks (a file, a pipe) is no socket, and costs
 * nothing. socket, accept, dup, recvmsg(SCM_RIGHTS) and the like say otherwise.
 *
 * Threads. One fd may be used by several threads. A connection's state is held
 * by one at a time for some hundred instructions, never across a system call of
 * the program; who finds it held looks again CONN_HOLD_TRIES times, gives way
 * CONN_HOLD_YIELDS times to a holder that has lost its processor, then the
 * connection is given up (its spans end, it is ignored from then on), counted.
 *
 * Forks. A child has a copy of everything. Requests that were open at the fork
 * are the parent's: the child gives such connections up; idle ones go on.
 */
#ifndef OTELSHIM_CONN_H
#define OTELSHIM_CONN_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "call.h"

/* Bounds, each a row in docs/LIMITS.md. */
#define CONN_MAX_FDS (1u << 18) /* fds beyond it are ignored */
#define CONN_MAX_DETACHED 4096u /* TLS sessions over memory buffers */
#define CONN_HOLD_TRIES 128u    /* looks at a connection that another thread holds */
#define CONN_TWIN_FDS 16        /* fds that may be one socket since before the program began */
#define CONN_HOLD_YIELDS 16u    /* then times that it is let run, with as many looks */
#define CONN_MAX_PIPELINED 16u  /* requests of one connection that wait for answers */
#define CONN_MAX_IOV 24u        /* entries of a writev that our header can join */
#define CONN_EDIT_PIECES 6u     /* texts that one edit puts in */
#define CONN_EDIT_TEXT 96u

enum conn_kind {
    CONN_UNKNOWN = 0, /* not looked at yet */
    CONN_TRACKED = 1, /* a stream socket whose bytes are parsed */
    CONN_IGNORED = 2, /* no stream socket, or nothing we understand */
    CONN_TLS = 3,     /* its bytes are ciphertext; the TLS library's hooks feed plaintext */
};

enum conn_role { CONN_ROLE_UNKNOWN, CONN_SERVER, CONN_CLIENT };

/* One byte per descriptor; any thread. Plain bytes: a stale look costs a span, no more. */
extern unsigned char conn_kinds[CONN_MAX_FDS] __attribute__((visibility("hidden")));
/* CONN_MAX_FDS when the instrumentation `socket` is on, else 0. Constructor only. */
extern unsigned conn_fd_limit __attribute__((visibility("hidden")));

/* The whole cost of an ignored fd: two loads, two branches. */
static inline bool conn_is_watched(int fd)
{
    return unlikely((unsigned)fd < conn_fd_limit && conn_kinds[fd] <= CONN_TRACKED);
}

/* Whether there is anything to forget when the fd is closed or replaced. */
static inline bool conn_is_known(int fd)
{
    return unlikely((unsigned)fd < conn_fd_limit && conn_kinds[fd] != CONN_IGNORED);
}

struct conn; /* opaque; 64 bytes while idle, none once it is ignored */

/* Constructor: `socket` is on. `http`: whose spans messages become. */
void conn_init(const struct instrumentation *http);
/* Forked child, first use; its parent: a child may answer in its place. */
void conn_fork_child(void);
void conn_forked(void);

/*
 * The process ends, in order: requests that are open are told with what is known, as if
 * their connections were closed now. These go on as they are: other threads may still be at
 * them, until the kernel ends them. May be called again, for what was begun since.
 */
void conn_tell_open(void);

/* ---- what a descriptor is ---- */

/* A new socket, before it is connected or listening; `type` may hold SOCK_NONBLOCK. */
void conn_socket_made(int fd, int domain, int type);
/* accept returned `fd`; address and len as the program got them, or NULL. */
void conn_accepted(int fd, const struct sockaddr *address, socklen_t len);
/* connect was called: 0 or -1 with EINPROGRESS/EINTR. A failed one is told, too: no
 * request was sent, so there is no span. */
void conn_connecting(int fd, const struct sockaddr *address, socklen_t len);
/* The fd listens: never parsed itself. */
void conn_listening(int fd);
/* Look at it again at its next use (SCM_RIGHTS, pidfd_getfd). */
void conn_appeared(int fd);
/* Nothing on it can be understood from here on (stdio on a socket, SOCK_DGRAM). */
void conn_ignore(int fd);
/* A library that tells for itself (TLS, libcurl) has read or written there. As
 * conn_ignore, but what is known of the peer stays for conn_begin_tls, and the thread
 * remembers which one it was (thread_state.used_below). */
void conn_used_below(int fd);
/* Another number for the same connection. Both point at one state from now on. */
void conn_duplicated(int from, int to);
/* Before the real close: ends what is open on it when it was the last number. */
void conn_closing(int fd);
/* The same for all of first to last. */
void conn_closing_range(unsigned first, unsigned last);
/* Before shutdown(fd, how). */
void conn_shutting_down(int fd, int how);

/* The connection behind an fd, classified if it was unknown. NULL: ignored from now
 * on (or for now: the fd is not connected yet). */
struct conn *conn_of_fd(int fd);

/*
 * What follows takes a connection that its caller keeps (a TLS session; conn_still), or, as
 * conn_fd_…, whatever is behind an fd now: nothing happens when that is ignored. A
 * connection that is given up is nobody's from then on, its memory another one's: hooks
 * of sockets, which any thread may be in, name the fd and keep no pointer.
 */

/* ---- bytes that came in ---- */

/* The program has got these bytes (n > 0; not MSG_PEEK). */
void conn_read(struct conn *c, const void *bytes, size_t n);
void conn_fd_readv(int fd, const struct iovec *iov, int nr_iov, size_t n);
/* The same in which the bytes were thrown away or moved by the kernel (splice, MSG_TRUNC):
 * only a body of known length can go on. */
void conn_fd_read_unseen(int fd, size_t n);
/* A read returned 0 (error 0) or failed for good (ECONNRESET, ETIMEDOUT …; never
 * EAGAIN or EINTR). */
void conn_read_ended(struct conn *c, int error);
void conn_fd_read_ended(int fd, int error);

/* ---- bytes that go out ---- */

/*
 * One write of the program, from before to after. The edit: `skip` bytes at `at`
 * (0 for an insertion) give way to the pieces. All offsets count from the first
 * byte of this write. Lives on the hook's stack: 304 bytes.
 */
struct conn_write {
    struct conn *conn;
    uint32_t generation; /* of the connection */
    uint8_t told;        /* as the connection's: another number, and this write's end is told */
    bool edited;         /* send conn_write_pieces() instead of the program's bytes */
    uint8_t nr_pieces;
    uint8_t text_from; /* where pieces[0] lies in text; CONN_EDIT_TEXT: elsewhere */
    int nr_iov;
    const struct iovec *iov; /* the program's; read again by conn_write_end */
    size_t total;            /* bytes of the program in this write */
    size_t fed;              /* of these the parser has seen before the write: a head */
    size_t at, skip;
    size_t put;                            /* bytes of all pieces */
    struct iovec pieces[CONN_EDIT_PIECES]; /* point into `text` and to the exchange's context */
    char text[CONN_EDIT_TEXT];             /* "traceparent: …" and what follows, or a span id */
};

/*
 * Before a write of nr_iov entries. False: nothing is to be told of this write.
 * True: conn_write_end must follow. `may_inject` false: MSG_OOB, MSG_ZEROCOPY, an
 * iovec too long: then only parsing. Where a remainder of our header
 * is owed from an earlier short write, w->edited is set with at = 0, skip = 0: it
 * goes first.
 */
bool conn_write_begin(struct conn_write *w, struct conn *c, const struct iovec *iov, int nr_iov,
                      bool may_inject);
bool conn_fd_write_begin(struct conn_write *w, int fd, const struct iovec *iov, int nr_iov,
                         bool may_inject);
/*
 * The same for answers of a server, into which nothing of ours goes: nothing is looked at
 * before the call, so that the kernel is the first to read the program's memory.
 * conn_answers() keeps the connection for afterwards; false: as above. It reads, no more:
 * may be called in any process, with no guard. conn_answered() gets what the call returned.
 */
struct conn_answer {
    struct conn *conn;
    uint32_t generation;
};
bool conn_answers(struct conn_answer *a, int fd);
bool conn_answers_on(struct conn_answer *a, struct conn *c);
void conn_answered(const struct conn_answer *a, const struct iovec *iov, int nr_iov, ssize_t n,
                   int error);
/* The edited bytes as an iovec of at most `max` entries; their number. `max` must be at
 * least nr_iov + CONN_EDIT_PIECES + 1. */
int conn_write_pieces(const struct conn_write *w, struct iovec *out, int max);
/*
 * After the write: `sent` bytes of what was to be sent, edited or not; -1 with `error`.
 * Returns what the program shall see, by the short-write rule; -1: errno must become
 * *error (EAGAIN when only our remainder went out).
 */
ssize_t conn_write_end(struct conn_write *w, ssize_t sent, int *error);
/* The kernel sent bytes that we have not seen (sendfile, splice, SSL_sendfile): only a
 * body of known length, or one up to the close, can go on. */
void conn_written_unseen(struct conn *c, size_t n);
void conn_fd_written_unseen(int fd, size_t n);

/* ---- TLS: plaintext above, ciphertext below ---- */

/*
 * A TLS library has taken the fd over: from now on bytes on the socket are
 * ciphertext and not parsed, and the plaintext comes by conn_read and
 * conn_write_begin/_end on the connection returned. The same again for a session
 * that is known. NULL: not traced. Plaintext that went over the fd before
 * (STARTTLS, a CONNECT request) has ended its spans.
 */
struct conn *conn_begin_tls(int fd, enum conn_role role);
/* A session without a descriptor (memory BIOs). NULL: more than CONN_MAX_DETACHED. */
struct conn *conn_detached_new(enum conn_role role);
void conn_detached_free(struct conn *c);
/* What is known after the handshake; texts are constants of the TLS library's hook. */
void conn_set_tls(struct conn *c, const char *protocol_version, const char *next_protocol);
/* A TLS session outlives its fd's reuse: ask with the generation that was current when the
 * connection was taken. NULL: gone. */
uint32_t conn_generation(const struct conn *c);
struct conn *conn_still(struct conn *c, uint32_t generation);
/* Nothing is parsed on it any more. */
bool conn_is_given_up(const struct conn *c);

/*
 * A write that must be repeated with the very same bytes (SSL_write after WANT_WRITE):
 * conn_write_begin is called once, for the first try; the hook keeps its edited copy,
 * and calls conn_write_end once, when the library has taken it or the session fails.
 * Between the two conn_write_begin says false for the same connection. The struct may be
 * copied elsewhere; `iov` must point to the program's bytes when conn_write_end is called.
 */

#endif
