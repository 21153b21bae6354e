/*
 * What goes out: a write of the program from before to after, and our bytes in it.
 *
 * A client's request head is parsed before its write, because the header must be in
 * the very same system call; everything else after it, when it is known how much the
 * kernel took. Answers of servers are not looked at before at all. A short write leaves a remainder of two kinds: program bytes before
 * our place (edit.at), or bytes of ours (edit.done); the next write goes on with it.
 */
#include "conn/conn_internal.h"
#include "diag.h"
#include "mem/readable.h"

#include <fcntl.h>
#include <sched.h>

/* What can be edited. The kernel cuts a write at 2 GB, or refuses it, each call in its own
 * way; less the longest edit. */
#define WRITE_MAX_EDITED ((size_t)0x7ffe0000)

/* SIZE_MAX: more than there can be. */
static size_t bytes_of(const struct iovec *iov, int nr)
{
    size_t total = 0;
    for (int i = 0; i < nr; i++) {
        if (__builtin_add_overflow(total, iov[i].iov_len, &total))
            return SIZE_MAX;
    }
    return total;
}

static enum proto_side side_out(const struct conn *c)
{
    return c->role == CONN_SERVER ? PROTO_RESPONSES : PROTO_REQUESTS;
}

/* Feeds program bytes [from, to) of a write. */
static void feed_pieces(struct conn *c, const struct iovec *iov, int nr_iov, size_t from, size_t to)
{
    size_t at = 0;
    for (int i = 0; i < nr_iov && at < to; i++) {
        size_t len = iov[i].iov_len;
        size_t first = from > at ? from - at : 0, last = to - at < len ? to - at : len;
        if (first < last && !(c->flags & CONN_GIVEN_UP))
            stream_feed(c, side_out(c), (const char *)iov[i].iov_base + first, last - first);
        at += len;
    }
}

static void feed_range(struct conn *c, const struct iovec *iov, int nr_iov, size_t from, size_t to)
{
    if (!stream_skip_body(c, side_out(c), to - from))
        feed_pieces(c, iov, nr_iov, from, to);
}

/* The first `len` bytes of the pieces. */
static void shorten(struct conn_write *w, size_t len)
{
    unsigned n = 0;
    for (; n < w->nr_pieces && len > 0; n++) {
        if (w->pieces[n].iov_len > len)
            w->pieces[n].iov_len = len;
        len -= w->pieces[n].iov_len;
    }
    w->nr_pieces = (uint8_t)n;
}

/* The edit as this write has to make it. */
static void take_edit(struct conn_write *w, struct stream *s)
{
    if (s->edit.kind == EDIT_NONE || s->edit.at >= w->total)
        return;
    w->nr_pieces = (uint8_t)exchange_edit_pieces(exchange_of(s, s->edit.exchange), &s->edit,
                                                 w->pieces, w->text);
    w->at = s->edit.at;
    w->skip = s->edit.skip < w->total - w->at ? s->edit.skip : w->total - w->at;
    if (w->skip < s->edit.skip)
        shorten(w, w->skip); /* the head ends in a later write: the rest goes in there */
    w->put = bytes_of(w->pieces, w->nr_pieces);
    const char *first = w->pieces[0].iov_base;
    w->text_from = first >= w->text && first < w->text + sizeof w->text ? (uint8_t)(first - w->text)
                                                                        : CONN_EDIT_TEXT;
    w->edited = true;
}

/* Feeds the head that begins `ahead` bytes into the write. True: it is complete. */
static bool feed_head(struct conn_write *w, struct conn *c, size_t ahead)
{
    bool complete = false;
    w->fed = ahead;
    for (int i = 0; i < w->nr_iov && !complete && !(c->flags & CONN_GIVEN_UP); i++) {
        size_t len = w->iov[i].iov_len, before = ahead < len ? ahead : len;
        const char *bytes = (const char *)w->iov[i].iov_base + before;
        ahead -= before;
        len -= before;
        if (!mem_is_readable(bytes, len < HTTP1_MAX_HEAD ? len : HTTP1_MAX_HEAD))
            conn_give_up(c); /* the real call will say EFAULT, or write what is before */
        else if (len > 0)
            w->fed += stream_feed_head(c, bytes, len, &complete);
    }
    return complete && !(c->flags & CONN_GIVEN_UP);
}

/* A client is about to write what should be a request's head, or a PROXY header and one. */
static void prepare_head(struct conn_write *w, struct conn *c, bool may_inject)
{
    struct stream *s = stream_get(c);
    if (s == NULL || (c->flags & CONN_GIVEN_UP) || s->edit.kind != EDIT_NONE ||
        !http1_at_message_start(&s->requests))
        return;
    size_t ahead;
    enum proxy_result proxied = proxy_ahead_look(c, w->iov, w->nr_iov, &ahead);
    if (proxied == PROXY_MORE)
        return; /* its bytes are fed when they are out */
    if (proxied == PROXY_BAD) {
        conn_give_up(c);
        return;
    }
    if (!feed_head(w, c, ahead) || !may_inject ||
        !((c->flags & CONN_TLS_ABOVE) || conn_is_same_socket(c)))
        return;
    /* A PROXY header and empty lines may stand before it. */
    exchange_plan_edit(exchange_of(s, s->newest), w->iov, w->nr_iov,
                       w->fed - s->requests.head_bytes, &s->edit);
}

/* Whether the first bytes of an unknown connection are ours to follow. */
static bool learn_role(struct conn *c, const struct iovec *iov)
{
    if (c->role != CONN_ROLE_UNKNOWN)
        return true;
    size_t looked_at = iov->iov_len < HTTP1_DETECT_MAX ? iov->iov_len : HTTP1_DETECT_MAX;
    if (!mem_is_readable(iov->iov_base, looked_at))
        return false;
    enum proto_guess guess = http1_detect(iov->iov_base, iov->iov_len);
    if (guess == PROTO_UNLIKE && proxy_detect(iov->iov_base, iov->iov_len) != PROXY_NO)
        guess = PROTO_LIKELY_REQUEST;
    if (guess != PROTO_LIKELY_REQUEST && guess != PROTO_UNSURE)
        return false;
    c->role = CONN_CLIENT;
    return true;
}

static const struct iovec *first_with_bytes(const struct iovec *iov)
{
    while (iov->iov_len == 0)
        iov++;
    return iov;
}

/*
 * `c` is held, and a write has not ended. If that was a head, which is answered, it is out, and its thread
 * on the way back from the kernel, perhaps for long: it wrote, another thread read, and a third one writes.
 * Its end is told now. Else two threads write at once, or one was left in the middle: false.
 */
static bool tell_end_of_other(struct conn *c)
{
    struct stream *s = stream_of(c);
    if (s == NULL || s->oldest != 0 || !http1_at_message_end(&s->requests))
        return false;
    c->told++;
    c->flags &= (uint8_t)~CONN_WRITING;
    stream_end_edit(s);
    stream_feed(c, PROTO_REQUESTS, "", 0);
    return true;
}

/* `c` is held; let go afterwards. */
static bool begin(struct conn_write *w, struct conn *c, const struct iovec *iov, int nr_iov,
                  size_t total, bool may_inject)
{
    if (unlikely(c->flags & CONN_WRITING) && !tell_end_of_other(c)) {
        atomic_store(&c->doomed, 1);
        diag_drop(DROP_CONTENDED, 1);
        conn_let_go(c);
        return false;
    }
    const struct stream *s = stream_of(c);
    bool owes = s != NULL && s->edit.kind != EDIT_NONE && s->edit.done > 0;
    if (!owes && (atomic_load(&c->doomed) || !learn_role(c, first_with_bytes(iov)))) {
        conn_give_up(c);
        conn_let_go(c);
        return false;
    }
    w->conn = c;
    w->generation = conn_generation(c);
    w->told = c->told;
    w->edited = false;
    w->nr_pieces = 0;
    w->iov = iov;
    w->nr_iov = nr_iov;
    w->total = total;
    w->fed = w->at = w->skip = w->put = 0;
    if (c->role == CONN_CLIENT) {
        prepare_head(w, c, may_inject && total <= WRITE_MAX_EDITED);
        if (c->flags & CONN_GIVEN_UP) {
            conn_let_go(c);
            return false;
        }
        if (c->stream != 0)
            take_edit(w, stream_of(c));
    }
    c->flags |= CONN_WRITING;
    atomic_store_explicit(&c->held, 0, memory_order_release);
    return true;
}

bool conn_write_begin(struct conn_write *w, struct conn *c, const struct iovec *iov, int nr_iov,
                      bool may_inject)
{
    size_t total = bytes_of(iov, nr_iov);
    return total > 0 && conn_hold_for_write(c) && begin(w, c, iov, nr_iov, total, may_inject);
}

bool conn_fd_write_begin(struct conn_write *w, int fd, const struct iovec *iov, int nr_iov,
                         bool may_inject)
{
    size_t total = bytes_of(iov, nr_iov);
    struct conn *c = total > 0 ? conn_hold_fd_for_write(fd) : NULL;
    return c != NULL && begin(w, c, iov, nr_iov, total, may_inject);
}

int conn_write_pieces(const struct conn_write *w, struct iovec *out, int max)
{
    int n = 0;
    size_t at = 0, behind = w->at + w->skip;
    bool put = false;
    for (int i = 0; i < w->nr_iov && n < max; i++) {
        char *base = w->iov[i].iov_base;
        size_t len = w->iov[i].iov_len;
        size_t before = w->at <= at ? 0 : w->at - at < len ? w->at - at : len;
        if (before > 0)
            out[n++] = (struct iovec){ base, before };
        if (!put && w->at < at + len) {
            put = true;
            for (unsigned p = 0; p < w->nr_pieces && n < max; p++) {
                out[n] = w->pieces[p];
                if (p == 0 && w->text_from < CONN_EDIT_TEXT) { /* we may have been moved */
                    const char *text = w->text + w->text_from;
                    memcpy(&out[n].iov_base, &text, sizeof text);
                }
                n++;
            }
        }
        size_t from = behind <= at ? 0 : behind - at < len ? behind - at : len;
        if (from < before)
            from = before;
        if (from < len && n < max)
            out[n++] = (struct iovec){ base + from, len - from };
        at += len;
    }
    return n;
}

/* What of `sent` bytes was the program's; the rest of the edit in *left. */
static size_t program_bytes(const struct conn_write *w, size_t sent, struct edit *left)
{
    if (sent <= w->at) {
        left->at = (uint32_t)(w->at - sent);
        return sent;
    }
    size_t put = sent - w->at < w->put ? sent - w->at : w->put;
    size_t skipped = put < w->skip ? put : w->skip;
    left->at = 0;
    left->done = (uint16_t)(left->done + put);
    left->skip = (uint16_t)(left->skip - skipped);
    if (put == w->put && left->skip == 0)
        left->kind = EDIT_NONE;
    return w->at + skipped + (sent - w->at - put);
}

/* The program's bytes [0, taken) are out. */
static void wrote(struct conn *c, const struct conn_write *w, size_t taken)
{
    if (w->fed > 0 && taken >= w->fed && !(c->flags & CONN_SPOKEN))
        proxy_ahead_passed(c);
    if (taken < w->fed && stream_of(c)->newest == 0) {
        conn_give_up(c); /* answered before its head was out: what is whose is unknown now */
    } else if (taken < w->fed) {
        stream_unread_head(c, true);
        feed_range(c, w->iov, w->nr_iov, 0, taken);
    } else if (taken > w->fed) {
        feed_range(c, w->iov, w->nr_iov, w->fed, taken);
    } else {
        stream_feed(c, side_out(c), "", 0); /* the head was all: its end is not told yet */
    }
}

/* The program will try again, or find its own mistake. */
static bool is_for_now(int error)
{
    return error == EAGAIN || error == EINTR || error == ENOBUFS || error == EFAULT;
}

static void failed(struct conn *c, const struct conn_write *w, int error)
{
    if (is_for_now(error)) {
        if (w->fed > 0) {
            stream_end_edit(stream_of(c));
            stream_unread_head(c, false); /* it comes again, or never */
        }
        return;
    }
    struct stream *s = stream_of(c);
    if (s != NULL)
        stream_end_edit(s);
    stream_finish(c, side_out(c), error);
}

/* Nobody is told of the write any more, and nobody is owed anything. */
static ssize_t passed(const struct conn_write *w, ssize_t sent)
{
    struct edit left = { 0 };
    return sent > 0 && w->edited ? (ssize_t)program_bytes(w, (size_t)sent, &left) : sent;
}

/* A non-blocking descriptor is told to come again, a blocking one was interrupted. */
static int error_of_owed(const struct conn *c)
{
    int flags = c->fd >= 0 ? fcntl(c->fd, F_GETFL) : O_NONBLOCK;
    return flags >= 0 && !(flags & O_NONBLOCK) ? EINTR : EAGAIN;
}

ssize_t conn_write_end(struct conn_write *w, ssize_t sent, int *error)
{
    struct conn *c = w->conn;
    struct edit left = { 0 };
    /* However long another thread is at it: that is some hundred instructions, and only this one can free it. */
    if (!conn_hold_again(c, w->generation))
        return passed(w, sent); /* closed meanwhile */
    if (unlikely(w->told != c->told)) {
        conn_let_go(c);
        return passed(w, sent);
    }
    c->flags &= (uint8_t)~CONN_WRITING;
    struct stream *s = stream_of(c);
    if (sent < 0) {
        failed(c, w, *error);
    } else {
        size_t taken = (size_t)sent;
        if (s != NULL && s->edit.kind != EDIT_NONE) {
            left = s->edit;
            if (w->edited)
                taken = program_bytes(w, taken, &left);
            else
                left.at -= (uint32_t)taken;
            s->edit = left;
            if (left.kind == EDIT_NONE || (left.is_answered && left.done == 0))
                stream_end_edit(s);
        }
        if (taken > 0)
            wrote(c, w, taken);
        if (taken == 0 && sent > 0) {
            *error = error_of_owed(c);
            sent = -1;
        } else {
            sent = (ssize_t)taken;
        }
    }
    stream_settle(c);
    conn_let_go(c);
    return sent;
}

void conn_answered(const struct conn_answer *a, const struct iovec *iov, int nr_iov, ssize_t n,
                   int error)
{
    struct conn *c = a->conn;
    if (n == 0 || (n < 0 && is_for_now(error)) || !conn_hold(c))
        return;
    if (conn_generation(c) == a->generation &&
        !(n > 0 && stream_skip_body(c, PROTO_RESPONSES, (size_t)n))) {
        if (n > 0)
            stream_feed_pieces(c, PROTO_RESPONSES, iov, nr_iov, (size_t)n);
        else
            stream_finish(c, PROTO_RESPONSES, error);
        stream_settle(c);
    }
    conn_let_go(c);
}

static void unseen(struct conn *c, size_t n)
{
    if (c->role == CONN_ROLE_UNKNOWN)
        conn_give_up(c);
    else
        stream_feed(c, side_out(c), NULL, n);
    if (!(c->flags & CONN_GIVEN_UP))
        stream_settle(c);
    conn_let_go(c);
}

void conn_written_unseen(struct conn *c, size_t n)
{
    if (conn_hold(c))
        unseen(c, n);
}

void conn_fd_written_unseen(int fd, size_t n)
{
    struct conn *c = conn_hold_fd(fd);
    if (c != NULL)
        unseen(c, n);
}
