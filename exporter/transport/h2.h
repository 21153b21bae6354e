/*
 * HTTP/2 without TLS: one request at a time over a connection that is kept, by
 * nghttp2 over a bare connection of libcurl's (which knows proxies and sockets of
 * every kind). libcurl's own HTTP/2 serves https; without TLS Debian 12's (7.88.1)
 * cannot use a connection twice. Nothing blocks. Background thread only.
 */
#ifndef OTELSHIM_H2_H
#define OTELSHIM_H2_H

#include <nghttp2/nghttp2.h>

#include "http.h"

#define H2_OUT_BYTES ((size_t)64 * 1024) /* of one send */
#define H2_MAX_HEADERS (CONFIG_MAX_HEADERS + 16u)

enum h2_outcome {
    H2_ANSWERED,  /* the stream is closed, the headers were told */
    H2_RESET,     /* it was reset: error_code */
    H2_FAILED,    /* no connection, or it was lost: error */
    H2_TIMED_OUT, /* the deadline came first */
    H2_TOO_LARGE, /* the answer is larger than HTTP_RESPONSE_MAX_BYTES */
    H2_UNUSABLE,  /* a library cannot be had */
};

enum h2_state { H2_IDLE, H2_CONNECTING, H2_EXCHANGING };

struct h2 {
    struct http http; /* the connection; answers' bodies lie in its `kept` */
    /* Sees each header and trailer of the answer. */
    void (*on_header)(void *context, const char *name, size_t name_len, const char *value,
                      size_t len);
    void *context;

    enum h2_state state;
    nghttp2_session *session; /* NULL: not connected */
    int32_t stream;
    bool reused;   /* the connection has served before this request */
    bool heard;    /* something came since the request was begun */
    bool told_bye; /* GOAWAY: no more requests on this connection */
    bool lost;     /* the connection has ended */
    bool closed;   /* the stream has */
    uint64_t deadline_ns;
    nghttp2_nv headers[H2_MAX_HEADERS];
    size_t nr_headers;
    const unsigned char *body;
    size_t body_bytes, body_sent;
    size_t answer_bytes, answer_kept;
    enum h2_outcome outcome;
    uint32_t error_code;
    const char *error;
    size_t out_start, out_end;
    unsigned char out[H2_OUT_BYTES];
};

/* Starts over, as http_open does. */
bool h2_open(struct h2 *h2, const struct endpoint *endpoint, const struct exporter_host *host);
/* Adds a header to all requests; name and value stay where they are, the name in small letters. */
void h2_add_header(struct h2 *h2, const char *name, const char *value);
/* The same header's value in the next request. */
void h2_set_header(struct h2 *h2, const char *name, const char *value);

/* POSTs `body`, which must stay until the request is done. */
void h2_start(struct h2 *h2, const unsigned char *body, size_t bytes, uint64_t now_ns,
              uint64_t deadline_ns);
/* True: done, h2->outcome is set. */
bool h2_step(struct h2 *h2, uint64_t now_ns);
uint64_t h2_due_at(const struct h2 *h2, uint64_t now_ns);
unsigned h2_fds(const struct h2 *h2, struct pollfd *fds, unsigned max);

#endif
