/*
 * The gRPC side of sink.c, by nghttp2: a session for each connection that begins
 * with HTTP/2's preface. A call's message is handed over when it is whole.
 */
#include <nghttp2/nghttp2.h>

#define H2_WINDOW (16 << 20)

struct h2_session {
    nghttp2_session *session;
    unsigned char *message; /* MAX_REQUEST */
    size_t used;
};

static void h2_call(struct h2_session *h2); /* counts what the message holds */

static ssize_t h2_empty_message(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room,
                                uint32_t *flags, nghttp2_data_source *source, void *self)
{
    const nghttp2_nv trailer = { (uint8_t *)"grpc-status", (uint8_t *)"0", 11, 1, 0 };
    (void)source, (void)self, (void)room;
    memset(out, 0, 5);
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(session, stream, &trailer, 1);
    return 5;
}

static int h2_take_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                        const uint8_t *data, size_t len, void *self)
{
    struct h2_session *h2 = self;
    (void)session, (void)flags, (void)stream;
    if (len > MAX_REQUEST - h2->used)
        exit(1);
    memcpy(h2->message + h2->used, data, len);
    h2->used += len;
    return 0;
}

static int h2_take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
    const nghttp2_nv headers[] = {
        { (uint8_t *)":status", (uint8_t *)"200", 7, 3, 0 },
        { (uint8_t *)"content-type", (uint8_t *)"application/grpc", 12, 16, 0 },
    };
    const nghttp2_data_provider body = { .read_callback = h2_empty_message };
    struct h2_session *h2 = self;
    if (frame->hd.type != NGHTTP2_DATA || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    h2_call(h2);
    h2->used = 0;
    return nghttp2_submit_response(session, frame->hd.stream_id, headers, 2, &body);
}

static struct h2_session *h2_new(void)
{
    const nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW };
    struct h2_session *h2 = calloc(1, sizeof *h2);
    nghttp2_session_callbacks *callbacks;
    if (h2 == NULL || (h2->message = malloc(MAX_REQUEST)) == NULL ||
        nghttp2_session_callbacks_new(&callbacks) != 0)
        exit(1);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_take_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_take_frame);
    nghttp2_session_server_new(&h2->session, callbacks, h2);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, &window, 1);
    nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, H2_WINDOW);
    return h2;
}

static void h2_free(struct h2_session *h2)
{
    nghttp2_session_del(h2->session);
    free(h2->message);
    free(h2);
}

/* Bytes that came, and what is to be said to them. False: the connection is over. */
static bool h2_serve(struct h2_session *h2, int fd, const unsigned char *data, size_t len)
{
    const uint8_t *out;
    ssize_t n;
    if (nghttp2_session_mem_recv(h2->session, data, len) != (ssize_t)len)
        return false;
    while ((n = nghttp2_session_mem_send(h2->session, &out)) > 0)
        if (send(fd, out, (size_t)n, MSG_NOSIGNAL) != n)
            return false;
    return n == 0;
}
