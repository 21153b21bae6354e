/*
 * Where an exporter's requests go, and what every one of them carries: what is
 * the same for all of them, read from the configuration once.
 */
#ifndef OTELSHIM_ENDPOINT_H
#define OTELSHIM_ENDPOINT_H

#include "exporter.h"

#define ENDPOINT_MAX_OWN 4u /* Content-Type and kin */

struct endpoint {
    const char *url;       /* http:// or https:// */
    const char *unix_path; /* of a socket that is connected to instead of the URL's host; or NULL */
    const char *agent;     /* User-Agent */
    struct config_pair own[ENDPOINT_MAX_OWN]; /* headers that the protocol asks for */
    unsigned nr_own;
    const struct config_pair *headers; /* the user's */
    unsigned nr_headers;
    /* Whether a header is ours to set, so that the user's is not sent: reported once. */
    bool (*is_reserved)(const char *header);
    const char *certificate, *client_key, *client_certificate; /* PEM files or NULL */
    const char *aws_sigv4; /* "region:service": requests are signed; or NULL */
    bool http2;            /* https: HTTP/2 or nothing */
    bool connect_only;     /* http: a bare connection, see http_connect */
};

static inline void endpoint_own(struct endpoint *endpoint, const char *name, const char *value)
{
    endpoint->own[endpoint->nr_own++] = (struct config_pair){ name, value };
}

/* Whether the user's header may go out: no way to smuggle in another one, and not one of
 * those that are ours to set. Logs why not. */
bool endpoint_may_send(const struct endpoint *endpoint, const struct config_pair *header,
                       const struct exporter_host *host);

#endif
