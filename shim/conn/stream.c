/*
 * Bytes to exchanges: both directions of a connection go through a parser each, a
 * request joins a queue when it begins, and leaves it when its answer is complete.
 *
 * A stream exists while anything is under way; an idle keep-alive connection has
 * none. What the parsers cannot make sense of gives the connection up for good.
 */
#include "conn/conn_internal.h"

#include "context/request.h"
#include "diag.h"

/* Any thread; a forked child gives back what its copy holds. */
REQUEST_POOL(stream_pool, STREAM_BYTES + EXCHANGE_BYTES, STREAM_CHUNK, STREAM_MAX);

/* Out of line: once in a request. */
static __attribute__((noinline)) struct stream *stream_new(struct conn *c)
{
    uint32_t number = pool_take(&stream_pool);
    if (number == POOL_NONE) {
        diag_drop(DROP_TABLE_FULL, 1);
        return NULL;
    }
    struct stream *s = stream_at(number);
    http1_reset(&s->requests, PROTO_REQUESTS);
    http1_reset(&s->responses, PROTO_RESPONSES);
    memset(&s->first_byte_mono_ns, 0, sizeof *s - offsetof(struct stream, first_byte_mono_ns));
    c->stream = number;
    return s;
}

static inline struct stream *get(struct conn *c)
{
    struct stream *s = stream_of(c);
    return s != NULL ? s : stream_new(c);
}

struct stream *stream_get(struct conn *c)
{
    return get(c);
}

static void give_stream(struct conn *c)
{
    pool_give(&stream_pool, c->stream);
    c->stream = 0;
}

void stream_settle(struct conn *c)
{
    struct stream *s = stream_of(c);
    if (s != NULL && s->oldest == 0 && s->prepared == 0 && s->edit.kind == EDIT_NONE &&
        !s->in_proxy && s->prefix_len == 0 && http1_at_message_start(&s->requests) &&
        http1_at_message_start(&s->responses))
        give_stream(c);
}

/* ---- the queue ---- */

static void push(struct stream *s, struct exchange *e)
{
    e->next = 0;
    if (s->newest != 0)
        exchange_of(s, s->newest)->next = e->number;
    else
        s->oldest = e->number;
    s->newest = e->number;
    s->nr_exchanges++;
}

static struct exchange *pop(struct stream *s)
{
    struct exchange *e = exchange_of(s, s->oldest);
    if (s->newest == e->number) {
        s->newest = 0;
        s->requests.store = NULL; /* its body may still be coming */
    }
    s->responses.store = NULL;
    s->oldest = e->next;
    s->nr_exchanges--;
    return e;
}

void stream_end_edit(struct stream *s)
{
    if (s->edit.is_answered)
        exchange_give(s, exchange_of(s, s->edit.exchange));
    s->edit.is_answered = false;
    s->edit.kind = EDIT_NONE;
}

/*
 * One that is over goes back. It can be over before its head is out: one thread reads the answer
 * while the one that wrote is still on its way back from the kernel, and a server may answer to half
 * a head. Then bytes that the kernel has, or will get, are this exchange's, and it stays for them.
 */
static void give(struct conn *c, struct stream *s, struct exchange *e)
{
    if (unlikely(s->edit.kind != EDIT_NONE) && s->edit.exchange == e->number) {
        if ((c->flags & CONN_WRITING) || s->edit.done > 0) {
            s->edit.is_answered = true;
            return;
        }
        s->edit.kind = EDIT_NONE;
    }
    exchange_give(s, e);
}

static void pop_newest(struct stream *s)
{
    uint32_t before = 0;
    for (uint32_t n = s->oldest; n != s->newest; n = exchange_of(s, n)->next)
        before = n;
    if (before != 0)
        exchange_of(s, before)->next = 0;
    else
        s->oldest = 0;
    s->newest = before;
    s->nr_exchanges--;
}

/* The oldest exchange is over; the next one is the thread's business now. */
static void complete(struct conn *c, struct stream *s, const char *error)
{
    struct exchange *e = pop(s);
    exchange_end(c, e, error);
    give(c, s, e);
    if (s->oldest != 0)
        exchange_becomes_parent(c, exchange_of(s, s->oldest));
}

void stream_drop(struct conn *c)
{
    struct stream *s = stream_of(c);
    if (s == NULL)
        return;
    while (s->oldest != 0) {
        struct exchange *e = pop(s);
        /* One that has begun may be the parent of spans that are told. Without an answer it
         * has no status; what is wrong with its body is between the program and its peer. */
        if (e->flags & EXCHANGE_STARTED)
            exchange_end(c, e, NULL);
        else
            exchange_abandon(e);
        exchange_give(s, e);
    }
    if (s->prepared != 0) {
        exchange_abandon(exchange_of(s, s->prepared));
        exchange_give(s, exchange_of(s, s->prepared));
    }
    stream_end_edit(s);
    give_stream(c);
}

static void end_all(struct conn *c, struct stream *s, const char *error)
{
    while (s->oldest != 0)
        complete(c, s, error);
}

/* ---- events ---- */

static bool request_begins(struct conn *c, struct stream *s)
{
    struct exchange *e = exchange_of(s, s->prepared);
    if (e == NULL && s->nr_exchanges < CONN_MAX_PIPELINED)
        e = exchange_take(s, c->stream, c->role == CONN_SERVER);
    if (e == NULL)
        return false;
    s->prepared = 0;
    push(s, e);
    s->first_byte_mono_ns = 0;
    exchange_lend(e, &s->requests);
    return true;
}

static bool request_head(struct conn *c, struct stream *s)
{
    struct exchange *e = exchange_of(s, s->newest);
    if (e->flags & EXCHANGE_STARTED)
        return true;
    exchange_start(c, e, &s->requests);
    if (s->first_byte_mono_ns != 0)
        span_set_start(&e->span, s->first_byte_mono_ns);
    if (s->oldest == e->number)
        exchange_becomes_parent(c, e);
    else if (e->flags & EXCHANGE_SERVER)
        request_unopened();
    return true;
}

static inline bool request_ended(struct stream *s)
{
    struct exchange *e = exchange_of(s, s->newest);
    if (e != NULL && !(e->flags & EXCHANGE_REQUEST_DONE)) {
        e->flags |= EXCHANGE_REQUEST_DONE;
        e->request_body_bytes = s->requests.body_bytes;
    }
    s->requests.store = NULL;
    return true;
}

/* An answer that nobody asked for: the oldest exchange is NULL, here and below. */
static inline bool response_begins(struct stream *s)
{
    struct exchange *e = exchange_of(s, s->oldest);
    if (e == NULL)
        return false;
    http1_answers(&s->responses, e->method);
    exchange_lend_answer(e, &s->responses);
    return e->flags & EXCHANGE_STARTED;
}

static inline bool response_head(struct stream *s)
{
    struct exchange *e = exchange_of(s, s->oldest);
    if (e == NULL)
        return false;
    e->flags |= EXCHANGE_ANSWERED;
    e->status = s->responses.status;
    e->response_minor = s->responses.minor;
    return true;
}

static bool response_ended(struct conn *c, struct stream *s, bool tunnel)
{
    struct exchange *e = exchange_of(s, s->oldest);
    if (e == NULL)
        return false;
    if (!(e->flags & EXCHANGE_REQUEST_DONE))
        e->request_body_bytes = s->requests.body_bytes;
    e->response_body_bytes = s->responses.body_bytes;
    e->status = s->responses.status;
    if (e->method == HTTP_CONNECT && !tunnel)
        http1_tunnel_refused(&s->requests);
    complete(c, s, NULL);
    return !tunnel;
}

/* All events of a parser. `side` is a constant wherever bytes come in: each direction has its
 * own code then. */
static inline __attribute__((always_inline)) bool
happened(struct conn *c, struct stream *s, enum proto_side side, enum proto_event event)
{
    bool request = side == PROTO_REQUESTS;
    if (event == PROTO_HEAD)
        return request ? request_head(c, s) : response_head(s);
    if (event == PROTO_END)
        return request ? request_ended(s) : response_ended(c, s, false);
    if (event == PROTO_BEGIN)
        return request ? request_begins(c, s) : response_begins(s);
    if (request)
        return false;
    return event == PROTO_TUNNEL ? response_ended(c, s, true)
                                 : event == PROTO_INTERIM && s->oldest != 0;
}

/* Bytes that nobody has seen. */
static bool unseen(struct conn *c, struct stream *s, enum proto_side side, size_t len)
{
    enum proto_event event =
        http1_feed_unseen(side == PROTO_REQUESTS ? &s->requests : &s->responses, len);
    return event == PROTO_MORE || happened(c, s, side, event);
}

/* Inside a head, of which the time of its first byte is wanted. */
static bool wants_first_byte(const struct stream *s)
{
    const struct exchange *e = exchange_of(s, s->newest);
    return e != NULL && !(e->flags & EXCHANGE_STARTED) && (e->wants & WANT_RECORD);
}

/* Bytes that are here. False: they cannot be understood. */
static inline __attribute__((always_inline)) bool
feed_seen(struct conn *c, struct stream *s, enum proto_side side, const char *bytes, size_t len)
{
    struct http1 *p = side == PROTO_REQUESTS ? &s->requests : &s->responses;
    for (;;) {
        enum proto_event event;
        size_t n;
        if (http1_at_message_start(p)) {
            if (len == 0)
                return true; /* nothing is under way */
            if (http1_begin(p, *bytes) && !happened(c, s, side, PROTO_BEGIN))
                return false;
        }
        if (http1_take_end(p, len, &n))
            event = PROTO_END;
        else if (len == 0 && http1_awaits_body(p))
            return true;
        else
            n = http1_feed(p, bytes, len, &event);
        if (event == PROTO_MORE)
            return true;
        bytes += n;
        len -= n;
        if (!happened(c, s, side, event))
            return false;
    }
}

static bool feed_requests(struct conn *c, struct stream *s, const char *bytes, size_t len)
{
    if (!feed_seen(c, s, PROTO_REQUESTS, bytes, len))
        return false;
    /* The rest of the head comes later: now was its first byte. */
    if (s->first_byte_mono_ns == 0 && wants_first_byte(s))
        s->first_byte_mono_ns = clock_mono_ns();
    return true;
}

static bool feed_responses(struct conn *c, struct stream *s, const char *bytes, size_t len)
{
    return feed_seen(c, s, PROTO_RESPONSES, bytes, len);
}

void stream_feed_http1(struct conn *c, enum proto_side side, const char *bytes, size_t len)
{
    struct stream *s = get(c);
    bool ok = s != NULL && (bytes == NULL            ? unseen(c, s, side, len)
                            : side == PROTO_REQUESTS ? feed_requests(c, s, bytes, len)
                                                     : feed_responses(c, s, bytes, len));
    if (!ok)
        conn_give_up(c);
}

static inline __attribute__((always_inline)) void feed(struct conn *c, enum proto_side side,
                                                       const char *bytes, size_t len)
{
    if (unlikely(atomic_load_explicit(&c->doomed, memory_order_relaxed)))
        return;
    if (side == PROTO_REQUESTS && unlikely(!(c->flags & CONN_SPOKEN))) {
        /* Only these two can begin a PROXY header: "PROXY" or the binary signature. */
        bool may_begin = bytes != NULL && len > 0 && (*bytes == 'P' || *bytes == '\r');
        const struct stream *s = stream_of(c);
        bool goes_on = s != NULL && (s->in_proxy || s->prefix_len > 0);
        if ((may_begin || goes_on) && !proxy_ahead_feed(c, &bytes, &len))
            return;
    }
    c->flags |= CONN_SPOKEN;
    stream_feed_http1(c, side, bytes, len);
}

void stream_feed(struct conn *c, enum proto_side side, const char *bytes, size_t len)
{
    feed(c, side, bytes, len);
}

void stream_feed_pieces(struct conn *c, enum proto_side side, const struct iovec *iov, int nr_iov,
                        size_t n)
{
    for (; n > 0 && nr_iov > 0 && !(c->flags & CONN_GIVEN_UP); iov++, nr_iov--) {
        size_t len = iov->iov_len < n ? iov->iov_len : n;
        n -= len;
        if (len > 0)
            feed(c, side, iov->iov_base, len);
    }
}

/* ---- ends ---- */

void stream_finish(struct conn *c, enum proto_side side, int error)
{
    struct stream *s = stream_of(c);
    if (s == NULL)
        return;
    bool is_server = c->role == CONN_SERVER;
    if (error != 0) {
        end_all(c, s, exchange_errno_text(error));
        conn_give_up(c);
        return;
    }
    if (side == PROTO_REQUESTS)
        return; /* a server may answer still, a client will read */
    if (s->oldest != 0 && http1_finish(&s->responses) == PROTO_END)
        response_ended(c, s, false);
    if (!is_server)
        end_all(c, s, EXCHANGE_NO_ANSWER);
    stream_settle(c);
}

void stream_end(struct conn *c, int error)
{
    struct stream *s = stream_of(c);
    if (s == NULL)
        return;
    if (c->role == CONN_SERVER) {
        stream_finish(c, PROTO_RESPONSES, error);
        s = stream_of(c);
        if (s != NULL && !(exchange_of(s, s->oldest) != NULL &&
                           exchange_of(s, s->oldest)->forks != exchange_forks()))
            end_all(c, s, EXCHANGE_ABORTED);
    }
    /* Of a client: given up by its caller, which is no error. */
    s = stream_of(c);
    if (s != NULL) {
        end_all(c, s, NULL);
        stream_drop(c);
    }
}

/* As stream_end with error 0 would tell them. */
void stream_tell_open(struct conn *c)
{
    const struct stream *s = stream_of(c);
    struct http1 answer; /* a copy: the parser goes on */
    uint16_t forks = exchange_forks();
    if (s == NULL || s->oldest == 0)
        return;
    answer = s->responses;
    bool ends_with_close = http1_finish(&answer) == PROTO_END;
    for (struct exchange *e = exchange_of(s, s->oldest); e != NULL; e = exchange_of(s, e->next)) {
        bool oldest = e->number == s->oldest;
        bool aborted = c->role == CONN_SERVER && e->forks == forks && !(oldest && ends_with_close);
        if (oldest)
            e->response_body_bytes = s->responses.body_bytes;
        if (e->number == s->newest && !(e->flags & EXCHANGE_REQUEST_DONE))
            e->request_body_bytes = s->requests.body_bytes;
        exchange_tell(c, e, aborted ? EXCHANGE_ABORTED : NULL);
    }
}

/* ---- a head before its write ---- */

size_t stream_feed_head(struct conn *c, const char *bytes, size_t len, bool *complete_head)
{
    struct stream *s = stream_of(c);
    size_t taken = 0;
    *complete_head = false;
    for (;;) {
        enum proto_event event;
        size_t n = http1_feed(&s->requests, bytes + taken, len - taken, &event);
        taken += n;
        if (event == PROTO_MORE)
            return taken;
        if (!happened(c, s, PROTO_REQUESTS, event)) {
            conn_give_up(c);
            return taken;
        }
        if (event == PROTO_HEAD) {
            *complete_head = true;
            return taken;
        }
    }
}

void stream_unread_head(struct conn *c, bool keep)
{
    struct stream *s = stream_of(c);
    uint32_t number = s->newest;
    struct exchange *e = exchange_of(s, number);
    if (e != NULL) {
        pop_newest(s);
        if (keep) {
            s->prepared = number;
        } else {
            exchange_abandon(e);
            exchange_give(s, e);
        }
    }
    http1_reset(&s->requests, PROTO_REQUESTS);
}

/* ---- what hooks tell of bytes that came in ---- */

/* What the thread is at while it handles what it has just read (inline dispatch). */
static void turn_to(const struct conn *c, uint32_t owner)
{
    const struct stream *s = stream_of(c);
    if (c->role == CONN_SERVER)
        owner = s != NULL && s->oldest != 0 ? exchange_of(s, s->oldest)->request : 0;
    request_turn(&thread_state, owner);
}

/* What a connection is whose first bytes come in: a server's, or nothing for us. */
static __attribute__((noinline)) bool learn_role(struct conn *c, const struct iovec *iov,
                                                 int nr_iov, size_t n)
{
    for (; nr_iov > 0 && iov->iov_len == 0; nr_iov--)
        iov++;
    if (nr_iov <= 0)
        return true; /* no bytes yet */
    const char *bytes = iov->iov_base;
    if (iov->iov_len < n)
        n = iov->iov_len;
    enum proto_guess guess = bytes != NULL ? http1_detect(bytes, n) : PROTO_UNLIKE;
    if (guess == PROTO_UNLIKE && bytes != NULL && proxy_detect(bytes, n) != PROXY_NO)
        guess = PROTO_LIKELY_REQUEST;
    if (guess != PROTO_LIKELY_REQUEST && guess != PROTO_UNSURE)
        return false;
    c->role = CONN_SERVER;
    return true;
}

static void read_some(struct conn *c, const struct iovec *iov, int nr_iov, size_t n)
{
    const struct stream *s = stream_of(c);
    uint32_t owner = s != NULL && s->oldest != 0 ? exchange_of(s, s->oldest)->request : 0;
    enum proto_side side = c->role == CONN_SERVER ? PROTO_REQUESTS : PROTO_RESPONSES;
    bool skipped = stream_skip_body(c, side, n);
    if (unlikely(c->role == CONN_ROLE_UNKNOWN) && !learn_role(c, iov, nr_iov, n))
        conn_give_up(c);
    if (!skipped)
        stream_feed_pieces(c, c->role == CONN_SERVER ? PROTO_REQUESTS : PROTO_RESPONSES, iov,
                           nr_iov, n);
    if (request_inline_dispatch)
        turn_to(c, owner);
    if (!skipped && !(c->flags & CONN_GIVEN_UP))
        stream_settle(c);
}

void conn_read(struct conn *c, const void *bytes, size_t n)
{
    struct iovec iov = { .iov_len = n };
    memcpy(&iov.iov_base, &bytes, sizeof bytes);
    if (!conn_hold(c))
        return;
    read_some(c, &iov, 1, n);
    conn_let_go(c);
}

void conn_fd_readv(int fd, const struct iovec *iov, int nr_iov, size_t n)
{
    struct conn *c = conn_hold_fd(fd);
    if (c == NULL)
        return;
    read_some(c, iov, nr_iov, n);
    conn_let_go(c);
}

void conn_fd_read_unseen(int fd, size_t n)
{
    conn_fd_readv(fd, &(struct iovec){ NULL, n }, 1, n);
}

static void ended(struct conn *c, int error)
{
    if (c->role == CONN_SERVER)
        stream_finish(c, PROTO_REQUESTS, error);
    else if (c->role == CONN_CLIENT)
        stream_finish(c, PROTO_RESPONSES, error);
    conn_let_go(c);
}

void conn_read_ended(struct conn *c, int error)
{
    if (conn_hold(c))
        ended(c, error);
}

void conn_fd_read_ended(int fd, int error)
{
    struct conn *c = conn_hold_fd(fd);
    if (c != NULL)
        ended(c, error);
}
