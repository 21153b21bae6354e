/*
 * A transport: each batch is the body of one POST.
 */
#ifndef OTELSHIM_HTTP_POST_H
#define OTELSHIM_HTTP_POST_H

#include "gzip.h"
#include "http.h"
#include "transport.h"

struct http_post {
    const struct exporter_host *host;
    struct endpoint endpoint;
    bool compress;
    struct gzip gzip;
    char why[32];
    struct http http;
};

/* `post` is filled up to `compress`. */
struct transport http_post_transport(struct http_post *post);

/* User-Agent of our requests, kept by the caller. */
#define HTTP_AGENT_MAX 64u
void http_agent(char out[static HTTP_AGENT_MAX], const struct exporter_host *host);
/* Headers that are ours to set: Content-Type, Content-Length, Content-Encoding. */
bool http_header_is_ours(const char *name);

#endif
