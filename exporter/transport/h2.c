/*
 * The requests of h2.h.
 *
 *   IDLE ─► CONNECTING ─► EXCHANGING ─► IDLE     connected for the first time
 *     └──────────────────►┘   └─► CONNECTING     an old connection was found dead: once more
 *
 * A server may end a connection that idles; that is seen at the next request, which
 * then goes over a new one, once, within the same attempt.
 */
#include "h2.h"

#include <stdlib.h>

#include "nghttp2_api.h"

#define IN_BYTES ((size_t)16 * 1024)
#define FRAME_MAX_BYTES ((size_t)17 * 1024) /* of what nghttp2 hands over at a time */

/* ---- nghttp2's callbacks ---- */

static int take_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                       size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *self)
{
    struct h2 *h2 = self;
    (void)session, (void)flags;
    if (frame->hd.stream_id == h2->stream)
        h2->on_header(h2->context, (const char *)name, name_len, (const char *)value, len);
    return 0;
}

static int take_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                     size_t len, void *self)
{
    struct h2 *h2 = self;
    size_t room = sizeof h2->http.kept - h2->answer_kept;
    (void)session, (void)flags;
    if (stream != h2->stream)
        return 0;
    h2->answer_bytes += len;
    memcpy(h2->http.kept + h2->answer_kept, data, len < room ? len : room);
    h2->answer_kept += len < room ? len : room;
    return 0;
}

static int take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
    struct h2 *h2 = self;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        h2->told_bye = true;
    return 0;
}

/* Also of streams that a GOAWAY says were not looked at: as refused. */
static int take_close(nghttp2_session *session, int32_t stream, uint32_t error_code, void *self)
{
    struct h2 *h2 = self;
    (void)session;
    if (stream == h2->stream) {
        h2->closed = true;
        h2->error_code = error_code;
    }
    return 0;
}

static ssize_t give_body(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *self)
{
    struct h2 *h2 = self;
    size_t left = h2->body_bytes - h2->body_sent, n = left < room ? left : room;
    (void)session, (void)stream, (void)source;
    memcpy(out, h2->body + h2->body_sent, n);
    h2->body_sent += n;
    if (n == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* ---- the connection ---- */

static const struct nghttp2_api *api(const struct h2 *h2)
{
    return nghttp2_open(h2->http.host);
}

static void disconnect(struct h2 *h2)
{
    if (h2->session)
        api(h2)->session_del(h2->session);
    h2->session = NULL;
    http_cancel(&h2->http);
}

static bool new_session(struct h2 *h2)
{
    /* Made once and kept: nghttp2 copies them, but they are cheap to keep. */
    static nghttp2_session_callbacks *callbacks;
    const nghttp2_settings_entry no_push = { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
    const struct nghttp2_api *ng = api(h2);
    if (!callbacks && ng->session_callbacks_new(&callbacks) != 0)
        return false;
    ng->session_callbacks_set_on_header_callback(callbacks, take_header);
    ng->session_callbacks_set_on_data_chunk_recv_callback(callbacks, take_data);
    ng->session_callbacks_set_on_frame_recv_callback(callbacks, take_frame);
    ng->session_callbacks_set_on_stream_close_callback(callbacks, take_close);
    if (ng->session_client_new(&h2->session, callbacks, h2) != 0)
        return false;
    h2->reused = h2->told_bye = h2->lost = false;
    h2->out_start = h2->out_end = 0;
    return ng->submit_settings(h2->session, NGHTTP2_FLAG_NONE, &no_push, 1) == 0;
}

static void lose(struct h2 *h2, const char *why)
{
    if (!h2->lost)
        h2->error = why;
    h2->lost = true;
}

static void read_some(struct h2 *h2)
{
    unsigned char in[IN_BYTES];
    size_t n = 0;
    while (!h2->lost) {
        CURLcode code = h2->http.curl->easy_recv(h2->http.easy, in, sizeof in, &n);
        if (code == CURLE_AGAIN)
            return;
        if (code != CURLE_OK || n == 0) {
            lose(h2, "the connection was closed");
            return;
        }
        h2->heard = true;
        h2->http.host->progress();
        ssize_t taken = api(h2)->session_mem_recv(h2->session, in, n);
        if (taken < 0)
            lose(h2, api(h2)->strerror((int)taken));
        if (h2->answer_bytes > HTTP_RESPONSE_MAX_BYTES)
            return;
    }
}

/* Fills the buffer with whole frames. */
static void refill(struct h2 *h2)
{
    const uint8_t *frame;
    h2->out_start = h2->out_end = 0;
    while (sizeof h2->out - h2->out_end > FRAME_MAX_BYTES) {
        ssize_t n = api(h2)->session_mem_send(h2->session, &frame);
        if (n <= 0 || (size_t)n > sizeof h2->out - h2->out_end) {
            if (n != 0)
                lose(h2, n < 0 ? api(h2)->strerror((int)n) : "a frame is too large");
            return;
        }
        memcpy(h2->out + h2->out_end, frame, (size_t)n);
        h2->out_end += (size_t)n;
    }
}

static void write_some(struct h2 *h2)
{
    size_t n;
    while (!h2->lost) {
        if (h2->out_start == h2->out_end)
            refill(h2);
        if (h2->out_start == h2->out_end)
            return;
        CURLcode code = h2->http.curl->easy_send(h2->http.easy, h2->out + h2->out_start,
                                                 h2->out_end - h2->out_start, &n);
        if (code == CURLE_AGAIN)
            return;
        if (code != CURLE_OK) {
            read_some(h2); /* what the server said before it hung up */
            lose(h2, "the connection was closed");
            return;
        }
        h2->out_start += n;
        h2->http.host->progress();
    }
}

/* ---- a request ---- */

static void finish(struct h2 *h2, enum h2_outcome outcome)
{
    h2->outcome = outcome;
    h2->state = H2_IDLE;
    h2->reused = true;
    if (h2->lost || h2->told_bye || outcome != H2_ANSWERED)
        disconnect(h2);
}

static void begin_connect(struct h2 *h2)
{
    disconnect(h2);
    h2->state = H2_CONNECTING;
    http_start(&h2->http, NULL, 0, h2->deadline_ns);
}

static void begin_exchange(struct h2 *h2)
{
    const nghttp2_data_provider provider = { .read_callback = give_body };
    h2->state = H2_EXCHANGING;
    h2->closed = h2->heard = false;
    h2->body_sent = h2->answer_bytes = h2->answer_kept = 0;
    h2->stream =
        api(h2)->submit_request(h2->session, NULL, h2->headers, h2->nr_headers, &provider, NULL);
    if (h2->stream < 0) /* ids are used up, after a billion requests, or there is no memory */
        lose(h2, api(h2)->strerror(h2->stream));
}

void h2_start(struct h2 *h2, const unsigned char *body, size_t bytes, uint64_t now_ns,
              uint64_t deadline_ns)
{
    (void)now_ns;
    h2->body = body;
    h2->body_bytes = bytes;
    h2->deadline_ns = deadline_ns;
    h2->error = "";
    h2->stream = 0;
    if (h2->session)
        read_some(h2); /* a farewell that came meanwhile */
    if (h2->session && !h2->lost && !h2->told_bye)
        begin_exchange(h2);
    else
        begin_connect(h2);
}

static void step_connecting(struct h2 *h2, uint64_t now_ns)
{
    if (!http_step(&h2->http, now_ns))
        return;
    h2->error = h2->http.result.error;
    if (h2->http.result.outcome == HTTP_UNUSABLE || !api(h2)) {
        finish(h2, H2_UNUSABLE);
    } else if (h2->http.result.outcome != HTTP_ANSWERED) {
        finish(h2, H2_FAILED);
    } else if (!new_session(h2)) {
        h2->error = "no memory for HTTP/2";
        finish(h2, H2_FAILED);
    } else {
        begin_exchange(h2);
    }
}

static void step_exchanging(struct h2 *h2, uint64_t now_ns)
{
    bool old = h2->reused;
    write_some(h2);
    read_some(h2);
    write_some(h2); /* acknowledgements, and what a larger window lets through */
    if (!h2->closed && !api(h2)->session_want_read(h2->session) &&
        !api(h2)->session_want_write(h2->session))
        lose(h2, "the server broke the rules of HTTP/2");
    if (h2->answer_bytes > HTTP_RESPONSE_MAX_BYTES)
        finish(h2, H2_TOO_LARGE);
    else if (h2->closed)
        finish(h2, h2->error_code == NGHTTP2_NO_ERROR ? H2_ANSWERED : H2_RESET);
    else if (h2->lost && old && !h2->heard)
        begin_connect(h2);
    else if (h2->lost)
        finish(h2, H2_FAILED);
    else if (now_ns >= h2->deadline_ns)
        finish(h2, H2_TIMED_OUT);
}

bool h2_step(struct h2 *h2, uint64_t now_ns)
{
    if (h2->state == H2_CONNECTING)
        step_connecting(h2, now_ns);
    if (h2->state == H2_EXCHANGING)
        step_exchanging(h2, now_ns);
    return h2->state == H2_IDLE;
}

uint64_t h2_due_at(const struct h2 *h2, uint64_t now_ns)
{
    if (h2->state == H2_CONNECTING)
        return http_due_at(&h2->http, now_ns);
    return h2->deadline_ns;
}

unsigned h2_fds(const struct h2 *h2, struct pollfd *fds, unsigned max)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (h2->state != H2_EXCHANGING)
        return http_fds(&h2->http, fds, max);
    h2->http.curl->easy_getinfo(h2->http.easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD || max == 0)
        return 0;
    short out = h2->out_start < h2->out_end ? POLLOUT : 0;
    fds[0] = (struct pollfd){ .fd = fd, .events = (short)(POLLIN | out) };
    return 1;
}

/* ---- setting up ---- */

bool h2_open(struct h2 *h2, const struct endpoint *endpoint, const struct exporter_host *host)
{
    memset((char *)h2 + sizeof h2->http, 0, offsetof(struct h2, out) - sizeof h2->http);
    return http_open(&h2->http, endpoint, host);
}

void h2_add_header(struct h2 *h2, const char *name, const char *value)
{
    if (h2->nr_headers == H2_MAX_HEADERS)
        return;
    h2->headers[h2->nr_headers++] =
        (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name, .namelen = strlen(name) };
    h2_set_header(h2, name, value);
}

void h2_set_header(struct h2 *h2, const char *name, const char *value)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < h2->nr_headers; i++) {
        nghttp2_nv *header = &h2->headers[i];
        if (header->namelen != len || memcmp(header->name, name, len) != 0)
            continue;
        header->value = (uint8_t *)(uintptr_t)value;
        header->valuelen = strlen(value);
    }
}
