/*
 * Where an exporter's requests go, and what every one of them carries: what is
 * the same for all of them, read from the configuration once.
 */
#ifndef OTELSHIM_ENDPOINT_H
#define OTELSHIM_ENDPOINT_H

#include "exporter.h"

struct endpoint {
    const char *url;       /* http:// or https:// */
    const char *unix_path; /* of a socket that is connected to instead of the URL's host; or NULL */
    const char *content_type, *content_encoding; /* of the requests; encoding NULL: none */
    const char *agent;                           /* User-Agent */
    const struct config_pair *headers;           /* the user's */
    unsigned nr_headers;
    /* Whether a header is ours to set, so that the user's is not sent. */
    bool (*is_reserved)(const char *header);
    const char *certificate, *client_key, *client_certificate; /* PEM files or NULL */
    const char *aws_sigv4; /* "region:service": requests are signed; or NULL */
    bool http2;            /* https: HTTP/2 or nothing */
    bool connect_only;     /* http: a bare connection, see http_connect */
};

#endif
