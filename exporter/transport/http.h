/*
 * One HTTP request after another to one endpoint, over one connection that is
 * kept; names are resolved first. Nothing blocks: http_start, then http_step until
 * it says "done". Background thread only.
 */
#ifndef OTELSHIM_HTTP_H
#define OTELSHIM_HTTP_H

#include <poll.h>

#include "curl.h"
#include "endpoint.h"
#include "names.h"

#define HTTP_RESPONSE_MAX_BYTES ((size_t)4 * 1024 * 1024) /* bound: more ends the request */
#define HTTP_RESPONSE_KEPT_BYTES ((size_t)64 * 1024)      /* bound: of a body, for a look at it */

enum http_outcome {
    HTTP_ANSWERED,  /* a whole response; see status */
    HTTP_FAILED,    /* no (whole) response: refused, reset, timeout, TLS */
    HTTP_TOO_LARGE, /* the response is larger than HTTP_RESPONSE_MAX_BYTES */
    HTTP_UNUSABLE,  /* libcurl cannot be had, or not for this endpoint */
};

struct http_result {
    enum http_outcome outcome;
    long status;
    int64_t retry_after_ms;    /* RETRY_AFTER_NONE */
    const unsigned char *body; /* first HTTP_RESPONSE_KEPT_BYTES; until the next http_start */
    size_t body_bytes;
    size_t body_total;
    const char *error; /* text for our log, with HTTP_FAILED and HTTP_UNUSABLE */
};

enum http_state { HTTP_IDLE, HTTP_RESOLVING, HTTP_SENDING, HTTP_OVER };

struct http {
    const struct exporter_host *host;
    const struct endpoint *endpoint;
    /* Sees each header line, trailers included; or NULL. A status line begins a new head. */
    void (*on_header)(void *context, const char *line, size_t bytes);
    void *context;

    const struct curl_api *curl; /* NULL before libcurl is loaded */
    CURL *easy;
    struct curl_job job;
    struct names names;
    bool may_look; /* at the collector's port before libcurl is loaded; no proxy */
    bool unusable;
    bool connected; /* connect_only: the job holds the connection */

    enum http_state state;
    const unsigned char *body;
    size_t bytes;
    uint64_t deadline_ns;
    uint64_t movement; /* of the last look, see report_progress */
    struct http_result result;
    char error[CURL_ERROR_SIZE];
    unsigned char kept[HTTP_RESPONSE_KEPT_BYTES];
};

/* Starts over; `endpoint` stays where it is. Loads libcurl, unless nobody listens there just
 * now (loopback.h). False after logging why nothing can be sent. */
bool http_open(struct http *http, const struct endpoint *endpoint,
               const struct exporter_host *host);

/* Sends `body`, which must stay until the request is done. With connect_only it only makes
 * the connection: then `http->easy` is for curl_easy_send and _recv until http_disconnect. */
void http_start(struct http *http, const unsigned char *body, size_t bytes, uint64_t deadline_ns);
/* True: done, http->result is filled. */
bool http_step(struct http *http, uint64_t now_ns);
/* Gives up what is under way; with connect_only, closes the connection. */
void http_cancel(struct http *http);
/* When http_step is to be called at the latest. */
uint64_t http_due_at(const struct http *http, uint64_t now_ns);
/* Sockets to wait for, libcurl's excepted. */
unsigned http_fds(const struct http *http, struct pollfd *fds, unsigned max);

/* Sets the easy handle up by the endpoint (http_setup.c). False after logging why not. */
bool http_setup(struct http *http);
/* Whether the environment names a proxy, for any URL. */
bool http_proxy_is_set(void);

#endif
