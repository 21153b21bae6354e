/*
 * Sessions and their writes, see tls_session.h. One private mapping, made at the first
 * session, holds the table; pages of records that were never used are never touched.
 */
#include "conn/tls_session.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "diag.h"
#include "mem/handle_table.h"

struct sessions {
    atomic_uintptr_t keys[TLS_MAX_SESSIONS]; /* see handle_table.h */
    struct tls_session at[TLS_MAX_SESSIONS];
};

/* Made by whichever thread has the first session; private memory, a child has its copy. */
static _Atomic(struct sessions *) sessions;

/* A write under way: the edit, and the bytes that the library gets. The writer's alone. */
struct copy {
    struct conn_write write;
    uint32_t len;     /* of bytes */
    uint32_t taken;   /* by the library */
    uint32_t covered; /* bytes of the program's write that are in it */
    unsigned char bytes[TLS_COPY_BYTES];
};

/* Any thread. What other threads held at a fork stays taken in the child. */
STATIC_POOL(copies, sizeof(struct copy), 8, TLS_MAX_COPIES);

static struct sessions *sessions_get(void)
{
    return atomic_load_explicit(&sessions, memory_order_acquire);
}

static struct sessions *sessions_make(void)
{
    struct sessions *made = sessions_get(), *other = NULL;
    if (likely(made != NULL))
        return made;
    made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
        return NULL;
    madvise(made, sizeof *made, MADV_NOHUGEPAGE); /* one session must not cost 2 MB */
    if (!atomic_compare_exchange_strong(&sessions, &other, made)) {
        munmap(made, sizeof *made);
        return other;
    }
    return made;
}

struct tls_session *tls_session_find(const void *handle)
{
    struct sessions *t = sessions_get();
    if (t == NULL || handle == NULL)
        return NULL;
    int i = handle_find(t->keys, TLS_MAX_SESSIONS, (uintptr_t)handle);
    return i >= 0 ? &t->at[i] : NULL;
}

struct tls_session *tls_session_add(const void *handle)
{
    struct tls_session *s = tls_session_find(handle);
    struct sessions *t = s == NULL && handle != NULL ? sessions_make() : NULL;
    if (t == NULL)
        return s;
    int i = handle_claim(t->keys, TLS_MAX_SESSIONS, (uintptr_t)handle);
    if (i < 0) {
        diag_drop(DROP_TABLE_FULL, 1);
        return NULL;
    }
    s = &t->at[i];
    memset(s, 0, sizeof *s);
    s->fd = -1;
    return s;
}

/* The edited write ends: all of it is out (sent > 0), or it failed (-1). */
static void end_copy(struct tls_session *s, ssize_t sent, int error)
{
    struct copy *copy = pool_at(&copies, s->copy);
    struct conn_write *w = &copy->write;
    /* The program's bytes as they stand in the copy: its buffer may be gone or moved. What
     * gave way is told by the end of what was put in: the same but for span ids. */
    size_t more = w->put - w->skip;
    struct iovec iov[2] = { { copy->bytes, w->at },
                            { copy->bytes + w->at + more, copy->covered - w->at } };
    w->iov = iov;
    w->nr_iov = 2;
    conn_write_end(w, sent, &error);
    uint32_t number = s->copy;
    s->copy = POOL_NONE;
    pool_give(&copies, number);
}

void tls_session_forget(const void *handle)
{
    struct tls_session *s = tls_session_find(handle);
    if (s == NULL)
        return;
    if (s->copy != POOL_NONE)
        end_copy(s, -1, ECONNABORTED);
    if (s->conn != NULL && s->fd < 0)
        conn_detached_free(s->conn);
    s->conn = NULL;
    handle_free(sessions_get()->keys, (unsigned)(s - sessions_get()->at));
}

static void ignore(struct tls_session *s)
{
    struct conn *c = s->conn;
    s->conn = NULL;
    if (c != NULL && s->fd < 0)
        conn_detached_free(c);
    else if (c != NULL && conn_still(c, s->generation) != NULL)
        conn_ignore(s->fd);
    atomic_store_explicit(&s->state, TLS_IGNORED, memory_order_release);
}

static void take_over(struct tls_session *s, const struct tls_facts *facts)
{
    s->fd = facts->fd;
    s->is_told = false;
    s->conn =
        facts->fd >= 0 ? conn_begin_tls(facts->fd, facts->role) : conn_detached_new(facts->role);
    if (s->conn != NULL)
        s->generation = conn_generation(s->conn);
    atomic_store_explicit(&s->state, s->conn != NULL ? TLS_TRACED : TLS_IGNORED,
                          memory_order_release);
}

void tls_session_begin(struct tls_session *s, const struct tls_facts *facts)
{
    enum tls_state state = tls_session_state(s);
    if (state == TLS_IGNORED)
        return;
    if (state == TLS_GONE && (facts->fd < 0 || facts->fd == s->fd)) {
        ignore(s);
        return;
    }
    if (state != TLS_TRACED)
        take_over(s, facts);
    if (!facts->is_complete || s->is_told || s->conn == NULL)
        return;
    s->is_told = true;
    if (facts->is_other_protocol)
        ignore(s);
    else
        conn_set_tls(s->conn, facts->version, facts->next_protocol);
}

struct conn *tls_session_conn(struct tls_session *s)
{
    if (tls_session_state(s) != TLS_TRACED)
        return NULL;
    struct conn *c = conn_still(s->conn, s->generation);
    if (likely(c != NULL && !conn_is_given_up(c)))
        return c;
    /* `conn` of a session by itself stays until it is forgotten: another thread may be at it. */
    atomic_store_explicit(&s->state, c == NULL ? TLS_GONE : TLS_IGNORED, memory_order_release);
    return NULL;
}

/* ---- writing ---- */

/* Our header does not go in: the library gets the program's own bytes. */
static long write_plain(struct tls_session *s, struct tls_writer *w, struct conn_write *write,
                        const void *bytes, size_t len)
{
    long n = w->send(w, bytes, len);
    int error = n == TLS_AGAIN ? EAGAIN : EPIPE;
    s->is_repeating = n == TLS_AGAIN;
    if (write != NULL)
        conn_write_end(write, n > 0 ? n : -1, &error);
    return n;
}

/* Of a server: nothing of ours goes in, it is looked at afterwards. */
static long write_answer(struct tls_session *s, struct tls_writer *w,
                         const struct conn_answer *answer, const void *bytes, size_t len)
{
    long n = w->send(w, bytes, len);
    struct iovec iov = { (void *)(uintptr_t)bytes, len };
    s->is_repeating = n == TLS_AGAIN;
    conn_answered(answer, &iov, 1, n > 0 ? n : -1, n == TLS_AGAIN ? EAGAIN : EPIPE);
    return n;
}

/* Hands the rest of the copy over. More than 0: the library has all of it. */
static long send_copy(struct tls_writer *w, struct copy *copy)
{
    long n = 1;
    while (copy->taken < copy->len && n > 0) {
        n = w->send(w, copy->bytes + copy->taken, copy->len - copy->taken);
        if (n > 0)
            copy->taken += (uint32_t)n;
    }
    return n;
}

/* What lies behind the copy, in the program's buffer. */
static __attribute__((noinline)) long write_rest(struct tls_session *s, struct tls_writer *w,
                                                 const void *bytes, size_t len)
{
    struct conn_write write;
    size_t done = s->done;
    struct iovec rest = { (void *)((uintptr_t)bytes + done), len - done };
    struct conn *c = tls_session_conn(s);
    bool is_told = c != NULL && conn_write_begin(&write, c, &rest, 1, false);
    long n = write_plain(s, w, is_told ? &write : NULL, rest.iov_base, rest.iov_len);
    if (n != TLS_AGAIN)
        s->done = 0;
    return n > 0 ? (long)done + n : n;
}

static long write_copy(struct tls_session *s, struct tls_writer *w, const void *bytes, size_t len)
{
    struct copy *copy = pool_at(&copies, s->copy);
    size_t covered = copy->covered;
    long n = send_copy(w, copy);
    if (n == TLS_AGAIN)
        return n;
    if (n <= 0) {
        end_copy(s, -1, EPIPE);
        return n;
    }
    end_copy(s, (ssize_t)copy->len, 0);
    if (covered >= len || w->short_writes(w))
        return (long)covered;
    s->done = covered;
    return write_rest(s, w, bytes, len);
}

/* The first bytes of the write, as they shall be sent. False: it does not fit in. */
static bool fill_copy(struct copy *copy, const struct conn_write *write)
{
    struct iovec out[1 + CONN_EDIT_PIECES + 1];
    if (write->at + write->put >= sizeof copy->bytes || write->put < write->skip)
        return false;
    int nr = conn_write_pieces(write, out, COUNT(out));
    copy->len = copy->taken = 0;
    for (int i = 0; i < nr; i++) {
        size_t room = sizeof copy->bytes - copy->len;
        size_t n = out[i].iov_len < room ? out[i].iov_len : room;
        memcpy(copy->bytes + copy->len, out[i].iov_base, n);
        copy->len += (uint32_t)n;
    }
    copy->covered = copy->len - (uint32_t)(write->put - write->skip);
    copy->write = *write;
    return true;
}

static __attribute__((noinline)) bool begin_copy(struct tls_session *s,
                                                 const struct conn_write *write)
{
    uint32_t number = pool_take(&copies);
    if (number == POOL_NONE)
        return false;
    if (!fill_copy(pool_at(&copies, number), write)) {
        pool_give(&copies, number);
        return false;
    }
    s->copy = number;
    return true;
}

long tls_write(struct tls_session *s, struct tls_writer *w, const void *bytes, size_t len)
{
    if (unlikely(s->copy != POOL_NONE)) {
        const struct copy *copy = pool_at(&copies, s->copy);
        /* A repetition with fewer bytes: the library says what it thinks of that. */
        if (len != 0 && len < copy->covered)
            return w->send(w, bytes, len);
        return write_copy(s, w, bytes, len != 0 ? len : copy->covered);
    }
    if (unlikely(s->done != 0 && s->done < len))
        return write_rest(s, w, bytes, len);
    s->done = 0;

    struct conn_answer answer;
    struct conn_write write;
    struct iovec iov = { (void *)(uintptr_t)bytes, len };
    struct conn *c = tls_session_conn(s);
    if (likely(c != NULL && len > 0) && conn_answers_on(&answer, c))
        return write_answer(s, w, &answer, bytes, len);
    if (c == NULL || !conn_write_begin(&write, c, &iov, 1, !s->is_repeating))
        return write_plain(s, w, NULL, bytes, len);
    if (likely(!write.edited))
        return write_plain(s, w, &write, bytes, len);
    if (begin_copy(s, &write))
        return write_copy(s, w, bytes, len);

    int error = EAGAIN; /* nothing was sent: the same write once more, as it is */
    conn_write_end(&write, -1, &error);
    bool is_told = conn_write_begin(&write, c, &iov, 1, false);
    return write_plain(s, w, is_told ? &write : NULL, bytes, len);
}
