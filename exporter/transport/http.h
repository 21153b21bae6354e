/*
 * One HTTP request after another to one URL, over one connection that is kept.
 * Nothing blocks: http_start, then http_step until it says "done", waiting in
 * between with http_wait. Background thread only.
 */
#ifndef OTELSHIM_HTTP_H
#define OTELSHIM_HTTP_H

#include <curl/curl.h>

#include "exporter.h"

#define HTTP_RESPONSE_MAX_BYTES ((size_t)4 * 1024 * 1024) /* bound: more ends the request */
#define HTTP_RESPONSE_KEPT_BYTES ((size_t)64 * 1024)      /* bound: of a body, for a look at it */

enum http_outcome {
    HTTP_ANSWERED,  /* a whole response; see status */
    HTTP_FAILED,    /* no (whole) response: refused, reset, timeout, TLS */
    HTTP_TOO_LARGE, /* the response is larger than HTTP_RESPONSE_MAX_BYTES */
};

struct http_result {
    enum http_outcome outcome;
    long status;
    int64_t retry_after_ms;    /* RETRY_AFTER_NONE */
    const unsigned char *body; /* first HTTP_RESPONSE_KEPT_BYTES; until the next http_start */
    size_t body_bytes;
    size_t body_total;
    const char *error; /* text for our log, with HTTP_FAILED */
};

/* Starts over: what a parent process left in memory is forgotten. */
void http_init(void);
/* Loads libcurl and sets the request up, all but its body. False after logging. */
bool http_open(const struct config *config, const struct exporter_host *host);
bool http_is_open(void);
/* Whether the environment names a proxy, for any URL. */
bool http_proxy_is_set(void);

/* Sends `body`, which must stay until the request is done or cancelled. `resolve`
 * is for CURLOPT_RESOLVE. `timeout_ms` 0: none. False: libcurl has no memory. */
bool http_start(const unsigned char *body, size_t bytes, uint64_t timeout_ms,
                struct curl_slist *resolve);
/* True: done, *result is filled. */
bool http_step(struct http_result *result);
void http_cancel(void);
/* When libcurl wants to be called at the latest. */
uint64_t http_due_at(uint64_t now_mono_ns);

/* Waits for the request's sockets and `extra`, at most `timeout_ms`. */
void http_wait(struct curl_waitfd *extra, unsigned nr_extra, int timeout_ms);

#endif
