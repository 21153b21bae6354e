/*
 * Descriptors and the connections behind them; see conn.h.
 *
 * A connection lies in a pool, its fds point to it: dup makes two of one. What the
 * program does with an fd that we do not see (a close inside libc) leaves a stale
 * entry; the hooks that make a new socket on the number clear it, and nothing is
 * ever modified before the kernel has said that it is the same socket still.
 */
#include "conn/conn_internal.h"

#include <sched.h>
#include <stddef.h>
#include <unistd.h>

#include "context/request.h"
#include "diag.h"
#include "layout.h"

/* See conn.h. A forked child keeps its copy of all of these: it has the same fds. */
UNUSED_AT_START unsigned char conn_kinds[CONN_MAX_FDS];
PER_REQUEST_ZERO unsigned conn_fd_limit;
PER_REQUEST_ZERO const struct instrumentation *conn_http;
/* Number of the connection behind each fd, 0 = none; any thread. */
UNUSED_AT_START static _Atomic uint32_t conn_numbers[CONN_MAX_FDS];
#define CONN_CHUNK 1024u /* blocks mapped at a time */
REQUEST_POOL(conn_pool, sizeof(struct conn), CONN_CHUNK, CONN_MAX);
/* One past the highest fd that ever had one: the bound of close_range. Any thread. */
static _Atomic unsigned conn_top;

AT_START void conn_init(const struct instrumentation *http)
{
    conn_http = http;
    exchange_init();
    conn_fd_limit = CONN_MAX_FDS;
}

static inline struct conn *conn_at(uint32_t number)
{
    return number != 0 ? pool_block(&conn_pool, number, CONN_CHUNK, sizeof(struct conn)) : NULL;
}

static bool is_in_table(int fd)
{
    return (unsigned)fd < conn_fd_limit;
}

static inline __attribute__((always_inline)) struct conn *conn_behind(int fd)
{
    return conn_at(atomic_load_explicit(&conn_numbers[fd], memory_order_acquire));
}

struct conn *conn_known(int fd)
{
    return is_in_table(fd) ? conn_behind(fd) : NULL;
}

static struct conn *classify(int fd);

/* ---- one thread at a time ---- */

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

enum hold { HELD, GIVEN_UP, BUSY };

static inline enum hold try_hold(struct conn *c)
{
    for (unsigned i = 0; i < CONN_HOLD_TRIES; i++) {
        unsigned char nobody = 0;
        if (atomic_compare_exchange_strong_explicit(&c->held, &nobody, 1, memory_order_acquire,
                                                    memory_order_relaxed)) {
            if (likely(!(c->flags & CONN_GIVEN_UP)))
                return HELD;
            atomic_store_explicit(&c->held, 0, memory_order_release);
            return GIVEN_UP;
        }
        relax();
    }
    return BUSY;
}

/* A thread that lost its processor while it was at the connection gets it back meanwhile. This one may
 * be it, in a signal handler: then there is nothing to wait for, but the bound. */
static __attribute__((noinline)) enum hold hold_late(struct conn *c)
{
    enum hold hold = BUSY;
    for (unsigned i = 0; i < CONN_HOLD_YIELDS && hold == BUSY; i++) {
        sched_yield();
        hold = try_hold(c);
    }
    return hold;
}

bool conn_hold_for_write(struct conn *c)
{
    enum hold hold = try_hold(c);
    if (likely(hold == HELD))
        return true;
    if (hold == BUSY)
        hold = hold_late(c);
    if (hold != BUSY)
        return hold == HELD;
    atomic_store(&c->doomed, 1);
    diag_drop(DROP_CONTENDED, 1);
    return false;
}

bool conn_hold_again(struct conn *c, uint32_t generation)
{
    while (conn_generation(c) == generation) {
        enum hold hold = try_hold(c);
        if (hold == HELD && conn_generation(c) == generation)
            return true;
        if (hold == HELD)
            conn_let_go(c);
        if (hold != BUSY)
            return false;
        sched_yield();
    }
    return false;
}

static bool is_doomed(struct conn *c)
{
    return unlikely(atomic_load_explicit(&c->doomed, memory_order_relaxed));
}

bool conn_hold(struct conn *c)
{
    if (!conn_hold_for_write(c))
        return false;
    if (likely(!is_doomed(c)))
        return true;
    conn_let_go(c);
    return false;
}

/* The block is nobody's: what still points to it sees another generation, and cannot hold
 * it, for a free block is held. */
static void give_block(struct conn *c)
{
    atomic_store_explicit(&c->held, 1, memory_order_relaxed);
    peer_forget(&c->peer);
    atomic_fetch_add_explicit(&c->generation, 1, memory_order_release);
    pool_give(&conn_pool, c->number);
}

/*
 * The holder of a connection that was given up takes its descriptor away from it, and
 * gives the block back: what is ignored needs none. Not of a TLS session, whose library's
 * hook has it; not while a dup has it, too. False: it stays until it is closed.
 */
static bool conn_leave(struct conn *c)
{
    uint32_t number = c->number;
    if ((c->flags & (CONN_DETACHED | CONN_TLS_ABOVE | CONN_BELOW)) || !is_in_table(c->fd) ||
        atomic_load_explicit(&c->refs, memory_order_relaxed) != 1 ||
        !atomic_compare_exchange_strong(&conn_numbers[c->fd], &number, 0))
        return false;
    give_block(c); /* who doubles a descriptor holds the connection: refs is 1 still */
    return true;
}

void conn_let_go(struct conn *c)
{
    if (is_doomed(c) && !(c->flags & CONN_GIVEN_UP))
        conn_give_up(c);
    if (unlikely(c->flags & CONN_GIVEN_UP) && conn_leave(c))
        return;
    atomic_store_explicit(&c->held, 0, memory_order_release);
}

static inline struct conn *still_behind(int fd, struct conn *held)
{
    if (likely(conn_behind(fd) == held))
        return held;
    conn_let_go(held); /* another thread has closed it, or given it up */
    return NULL;
}

/* As conn_of_fd, of what is watched. */
static inline struct conn *of_watched(int fd)
{
    struct conn *c = conn_behind(fd);
    return likely(c != NULL) ? c : classify(fd);
}

struct conn *conn_hold_fd(int fd)
{
    struct conn *c = conn_is_watched(fd) ? of_watched(fd) : NULL;
    return c != NULL && conn_hold(c) ? still_behind(fd, c) : NULL;
}

struct conn *conn_hold_fd_for_write(int fd)
{
    struct conn *c = conn_of_fd(fd);
    if (c == NULL || !conn_hold_for_write(c))
        return NULL;
    if (unlikely(c->fd < 0))
        c->fd = fd; /* the number it was known by is closed; this one is as good */
    return still_behind(fd, c);
}

static bool owes_bytes(const struct conn *c)
{
    const struct stream *s = stream_of(c);
    return (c->flags & CONN_WRITING) ||
           (s != NULL && s->edit.kind != EDIT_NONE && s->edit.done > 0);
}

void conn_give_up(struct conn *c)
{
    if (owes_bytes(c)) {
        atomic_store_explicit(&c->doomed, 1, memory_order_relaxed);
        return;
    }
    stream_drop(c);
    c->flags |= CONN_GIVEN_UP;
    if (!(c->flags & CONN_DETACHED) && is_in_table(c->fd) && conn_behind(c->fd) == c)
        conn_kinds[c->fd] = CONN_IGNORED;
}

/* ---- making and forgetting ---- */

static struct conn *conn_new(int fd, enum conn_role role)
{
    uint32_t number = pool_take(&conn_pool);
    if (number == POOL_NONE) {
        diag_drop(DROP_TABLE_FULL, 1);
        return NULL;
    }
    struct conn *c = pool_at(&conn_pool, number);
    uint32_t generation = atomic_load_explicit(&c->generation, memory_order_relaxed);
    *c = (struct conn){ .held = 1,
                        .generation = generation,
                        .role = (uint8_t)role,
                        .refs = 1,
                        .fd = fd,
                        .number = number };
    atomic_store_explicit(&c->held, 0, memory_order_release);
    return c;
}

/* The last reference is gone. A block that another thread is at is lost: it is given
 * up there, but nobody would know when to free it. */
static void conn_free(struct conn *c)
{
    if (conn_hold_for_write(c)) {
        c->flags &= (uint8_t)~CONN_WRITING;
        stream_end(c, 0);
        c->flags |= CONN_GIVEN_UP;
        atomic_store_explicit(&c->held, 0, memory_order_release);
    } else if (!(c->flags & CONN_GIVEN_UP)) {
        return;
    }
    give_block(c);
}

/* The fd points to nothing any more. */
static void detach(int fd)
{
    struct conn *c = conn_at(atomic_exchange(&conn_numbers[fd], 0));
    if (c != NULL && atomic_fetch_sub(&c->refs, 1) == 1)
        conn_free(c);
}

static void point_to(int fd, uint32_t number)
{
    atomic_store_explicit(&conn_numbers[fd], number, memory_order_release);
    unsigned top = atomic_load_explicit(&conn_top, memory_order_relaxed);
    while (top <= (unsigned)fd && !atomic_compare_exchange_weak(&conn_top, &top, (unsigned)fd + 1))
        ;
}

struct conn *conn_attach(int fd, enum conn_role role)
{
    detach(fd);
    struct conn *c = conn_new(fd, role);
    if (c == NULL) {
        conn_kinds[fd] = CONN_IGNORED;
        return NULL;
    }
    point_to(fd, c->number);
    conn_kinds[fd] = CONN_TRACKED;
    return c;
}

/* ---- what the kernel says ---- */

int conn_socket_option(int fd, int option)
{
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

static uint64_t socket_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

bool conn_is_same_socket(struct conn *c)
{
    return c->cookie != 0 && socket_cookie(c->fd) == c->cookie;
}

static bool is_stream_family(int domain)
{
    return domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX;
}

/* ---- what hooks tell ---- */

void conn_socket_made(int fd, int domain, int type)
{
    if (!is_in_table(fd))
        return;
    detach(fd);
    type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    conn_kinds[fd] = is_stream_family(domain) && type == SOCK_STREAM ? CONN_UNKNOWN : CONN_IGNORED;
}

void conn_accepted(int fd, const struct sockaddr *address, socklen_t len)
{
    struct conn *c = is_in_table(fd) ? conn_attach(fd, CONN_SERVER) : NULL;
    if (c != NULL)
        peer_set(&c->peer, address, len);
}

void conn_connecting(int fd, const struct sockaddr *address, socklen_t len)
{
    if (!conn_is_watched(fd) || address == NULL || len < sizeof address->sa_family ||
        !is_stream_family(address->sa_family))
        return;
    struct conn *c = conn_behind(fd);
    if (c == NULL) {
        if (conn_socket_option(fd, SO_TYPE) != SOCK_STREAM) {
            conn_kinds[fd] = CONN_IGNORED;
            return;
        }
        c = conn_attach(fd, CONN_CLIENT);
    }
    if (c == NULL || !conn_hold(c))
        return;
    if (!(c->flags & CONN_SPOKEN)) { /* a second connect() only asks for the first one's end */
        c->role = CONN_CLIENT;
        peer_set(&c->peer, address, len);
        c->cookie = socket_cookie(fd);
        c->begun_for = request_current(&thread_state);
    }
    conn_let_go(c);
}

void conn_ignore(int fd)
{
    if (!is_in_table(fd))
        return;
    conn_kinds[fd] = CONN_IGNORED;
    struct conn *c = conn_behind(fd);
    if (c != NULL && conn_hold(c)) {
        conn_give_up(c);
        conn_let_go(c);
    }
    detach(fd);
}

void conn_used_below(int fd)
{
    if (!is_in_table(fd))
        return;
    if (thread_state.used_below == 0)
        thread_state.used_below = (uint32_t)fd + 1;
    conn_kinds[fd] = CONN_IGNORED;
    struct conn *c = conn_behind(fd);
    if (c != NULL && conn_hold(c)) {
        c->flags |= CONN_BELOW;
        conn_give_up(c);
        conn_let_go(c);
    }
}

void conn_listening(int fd)
{
    conn_ignore(fd);
}

void conn_appeared(int fd)
{
    if (!is_in_table(fd))
        return;
    detach(fd);
    conn_kinds[fd] = CONN_UNKNOWN;
}

void conn_duplicated(int from, int to)
{
    if (!is_in_table(to) || from == to)
        return;
    detach(to);
    if (!is_in_table(from)) {
        conn_kinds[to] = CONN_IGNORED;
        return;
    }
    struct conn *c = conn_behind(from);
    bool both = c == NULL;
    if (c != NULL && conn_hold(c)) {
        both = conn_behind(from) == c;
        if (both) {
            atomic_fetch_add(&c->refs, 1);
            point_to(to, c->number);
        }
        conn_let_go(c);
    }
    conn_kinds[to] = both ? conn_kinds[from] : CONN_IGNORED;
}

void conn_closing(int fd)
{
    if (!is_in_table(fd))
        return;
    conn_kinds[fd] = CONN_IGNORED;
    struct conn *c = conn_behind(fd);
    if (c != NULL && c->fd == fd && atomic_load(&c->refs) > 1)
        c->fd = -1; /* not to be asked any more; the next write gives it another */
    detach(fd);
}

void conn_closing_range(unsigned first, unsigned last)
{
    unsigned top = atomic_load_explicit(&conn_top, memory_order_relaxed);
    for (unsigned fd = first; fd < top && fd <= last; fd++)
        if (atomic_load_explicit(&conn_numbers[fd], memory_order_relaxed) != 0)
            conn_closing((int)fd);
}

void conn_shutting_down(int fd, int how)
{
    struct conn *c = is_in_table(fd) ? conn_behind(fd) : NULL;
    if (c == NULL || how == SHUT_RD || (c->flags & CONN_TLS_ABOVE) || !conn_hold(c))
        return;
    if (c->role != CONN_ROLE_UNKNOWN)
        stream_finish(c, c->role == CONN_SERVER ? PROTO_RESPONSES : PROTO_REQUESTS, 0);
    conn_let_go(c);
}

/*
 * Another number under which the same socket is known; -1: none. A program may be started
 * with one socket under several: inetd's reads from 0 and writes to 1. These are low ones,
 * and only they are compared: a server is sent thousands of sockets, each under one.
 */
static int twin_of(int fd, uint64_t cookie)
{
    for (int other = 0; cookie != 0 && other < CONN_TWIN_FDS; other++) {
        const struct conn *c = conn_behind(other);
        if (c != NULL && other != fd && c->cookie == cookie)
            return other;
    }
    return -1;
}

/* An fd that came from somewhere else is looked at for the first time. */
static __attribute__((noinline)) struct conn *classify(int fd)
{
    int type = conn_socket_option(fd, SO_TYPE);
    if (type != SOCK_STREAM || !is_stream_family(conn_socket_option(fd, SO_DOMAIN)) ||
        conn_socket_option(fd, SO_ACCEPTCONN) != 0) {
        conn_kinds[fd] = CONN_IGNORED;
        return NULL;
    }
    uint64_t cookie = socket_cookie(fd);
    int twin = twin_of(fd, cookie);
    if (twin >= 0) {
        conn_duplicated(twin, fd);
        return conn_is_watched(fd) ? conn_behind(fd) : NULL;
    }
    struct conn *c = conn_attach(fd, CONN_ROLE_UNKNOWN);
    if (c != NULL)
        c->cookie = cookie;
    return c;
}

struct conn *conn_of_fd(int fd)
{
    return conn_is_watched(fd) ? of_watched(fd) : NULL;
}

bool conn_answers_on(struct conn_answer *a, struct conn *c)
{
    if (c->role != CONN_SERVER)
        return false;
    a->conn = c;
    a->generation = conn_generation(c);
    return true;
}

bool conn_answers(struct conn_answer *a, int fd)
{
    struct conn *c = conn_behind(fd);
    return c != NULL && conn_answers_on(a, c);
}

/* ---- sessions without a descriptor, marks ---- */

struct conn *conn_detached_new(enum conn_role role)
{
    struct conn *c = conn_fd_limit != 0 ? conn_new(-1, role) : NULL;
    if (c != NULL)
        c->flags = CONN_DETACHED | CONN_TLS_ABOVE;
    return c;
}

void conn_detached_free(struct conn *c)
{
    conn_free(c);
}

uint32_t conn_generation(const struct conn *c)
{
    return atomic_load_explicit(&c->generation, memory_order_acquire);
}

bool conn_is_given_up(const struct conn *c)
{
    return (c->flags & CONN_GIVEN_UP) != 0;
}

struct conn *conn_still(struct conn *c, uint32_t generation)
{
    return c != NULL && conn_generation(c) == generation ? c : NULL;
}

/* Another thread may be at it, or this one, under the signal handler that ends the process. */
static void tell_open(struct conn *c)
{
    enum hold hold = try_hold(c);
    if (hold == BUSY)
        hold = hold_late(c);
    if (hold == BUSY)
        diag_drop(DROP_CONTENDED, 1);
    if (hold != HELD)
        return;
    stream_tell_open(c);
    conn_let_go(c);
}

AT_START void conn_tell_open(void)
{
    if (conn_fd_limit == 0)
        return;
    for (uint32_t number = 1; number < pool_end(&conn_pool); number++) {
        struct conn *c = conn_at(number);
        if (c->stream != 0 && !(c->flags & CONN_GIVEN_UP))
            tell_open(c);
    }
}

void conn_fork_child(void)
{
    request_fork_child();
    for (uint32_t number = 1; number < pool_end(&conn_pool); number++) {
        struct conn *c = conn_at(number);
        if (c->held != 0)
            atomic_store_explicit(&c->held, 0, memory_order_relaxed);
        if (c->begun_for != 0)
            c->begun_for = 0;
        if (c->stream != 0 && !(c->flags & CONN_GIVEN_UP))
            conn_give_up(c);
    }
}
