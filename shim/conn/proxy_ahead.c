/*
 * A PROXY header ahead of a connection's first request.
 *
 * Bytes that came in, or went out, are fed as they pass and may end anywhere. What a
 * client is about to write is looked at before: our header's place is in the HTTP head
 * behind the PROXY header, and both may leave in one write. The look changes nothing, so
 * a write that is refused or cut short needs no undoing.
 */
#include "conn/conn_internal.h"
#include "mem/readable.h"

/* Which protocol the connection's first bytes, kept or new, begin. */
static enum proxy_guess guess_of(const struct stream *s, const char *bytes, size_t len,
                                 char start[static PROXY_DETECT_MAX], size_t *nr_start)
{
    size_t kept = s != NULL ? s->prefix_len : 0;
    size_t more = len < PROXY_DETECT_MAX - kept ? len : PROXY_DETECT_MAX - kept;
    if (kept > 0)
        memcpy(start, s->prefix, kept);
    memcpy(start + kept, bytes, more);
    *nr_start = kept + more;
    return proxy_detect(start, *nr_start);
}

/* It is no PROXY header: what was kept of it is the request's. */
static bool is_request(struct conn *c, const char *start, size_t kept)
{
    c->flags |= CONN_SPOKEN;
    if (kept > 0)
        stream_feed_http1(c, PROTO_REQUESTS, start, kept);
    return !(c->flags & CONN_GIVEN_UP);
}

static void header_ended(struct conn *c, struct stream *s)
{
    s->in_proxy = false;
    if (c->role == CONN_SERVER) {
        peer_ask(&c->peer, c->fd); /* both are told: the socket's peer and the client */
        peer_proxied(&c->peer, &s->proxy);
    }
    http1_reset(&s->responses, PROTO_RESPONSES); /* lies where the header's parser was */
}

bool proxy_ahead_feed(struct conn *c, const char **bytes, size_t *len)
{
    struct stream *s = stream_get(c);
    if (s == NULL || *bytes == NULL) {
        conn_give_up(c);
        return false;
    }
    size_t taken = 0;
    if (!s->in_proxy) {
        char start[PROXY_DETECT_MAX];
        size_t nr_start, kept = s->prefix_len;
        enum proxy_guess guess = guess_of(s, *bytes, *len, start, &nr_start);
        if (guess == PROXY_UNSURE) {
            memcpy(s->prefix, start, nr_start);
            s->prefix_len = (uint8_t)nr_start;
            return false;
        }
        s->prefix_len = 0;
        if (guess == PROXY_NO)
            return is_request(c, start, kept);
        memset(&s->proxy, 0, sizeof s->proxy);
        s->in_proxy = true;
        if (kept > 0)
            proxy_feed(&s->proxy, start, kept, &taken); /* the signature: no end, no error */
    }
    enum proxy_result result = proxy_feed(&s->proxy, *bytes, *len, &taken);
    *bytes += taken;
    *len -= taken;
    if (result == PROXY_MORE)
        return false;
    if (result == PROXY_BAD) {
        conn_give_up(c);
        return false;
    }
    header_ended(c, s);
    c->flags |= CONN_SPOKEN;
    return *len > 0;
}

void proxy_ahead_passed(struct conn *c)
{
    struct stream *s = stream_of(c);
    c->flags |= CONN_SPOKEN;
    if (s->in_proxy)
        header_ended(c, s);
    s->prefix_len = 0;
}

/* The first bytes of a write, as many as decide. */
static size_t first_bytes(const struct iovec *iov, int nr, char out[static PROXY_DETECT_MAX])
{
    size_t n = 0;
    for (int i = 0; i < nr && n < PROXY_DETECT_MAX; i++) {
        size_t len = iov[i].iov_len < PROXY_DETECT_MAX - n ? iov[i].iov_len : PROXY_DETECT_MAX - n;
        if (len == 0)
            continue; /* its address may be anything */
        if (!mem_is_readable(iov[i].iov_base, len))
            break;
        memcpy(out + n, iov[i].iov_base, len);
        n += len;
    }
    return n;
}

/* The parser as it stands before the write. NO: no header begins or goes on here. */
static enum proxy_guess parser_before(const struct conn *c, const struct iovec *iov, int nr,
                                      struct proxy *p)
{
    const struct stream *s = stream_of(c);
    char new[PROXY_DETECT_MAX], start[PROXY_DETECT_MAX];
    size_t nr_start, taken;
    if (s != NULL && s->in_proxy) {
        *p = s->proxy;
        return PROXY_YES;
    }
    size_t nr_new = first_bytes(iov, nr, new);
    enum proxy_guess guess = guess_of(s, new, nr_new, start, &nr_start);
    memset(p, 0, sizeof *p);
    if (guess == PROXY_YES && s != NULL && s->prefix_len > 0)
        proxy_feed(p, start, s->prefix_len, &taken);
    return guess;
}

enum proxy_result proxy_ahead_look(const struct conn *c, const struct iovec *iov, int nr,
                                   size_t *len)
{
    struct proxy p;
    *len = 0;
    if (c->flags & CONN_SPOKEN)
        return PROXY_DONE;
    enum proxy_guess guess = parser_before(c, iov, nr, &p);
    if (guess != PROXY_YES)
        return guess == PROXY_NO ? PROXY_DONE : PROXY_MORE;
    for (int i = 0; i < nr; i++) {
        size_t taken, len_read = iov[i].iov_len < PROXY_MAX_TEXT ? iov[i].iov_len : PROXY_MAX_TEXT;
        if (!mem_is_readable(iov[i].iov_base, len_read)) /* the rest is skipped by length */
            return PROXY_BAD;
        enum proxy_result result = proxy_feed(&p, iov[i].iov_base, iov[i].iov_len, &taken);
        *len += taken;
        if (result != PROXY_MORE)
            return result;
    }
    return PROXY_MORE;
}
