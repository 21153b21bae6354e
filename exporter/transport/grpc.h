/*
 * A transport: each batch is the one message of a unary gRPC call, over TLS by
 * libcurl's HTTP/2, without it by h2.h.
 */
#ifndef OTELSHIM_GRPC_H
#define OTELSHIM_GRPC_H

#include "grpc_reply.h"
#include "gzip.h"
#include "h2.h"
#include "transport.h"

struct grpc {
    const struct exporter_host *host;
    struct endpoint endpoint; /* its url has the method's path */
    bool compress;
    uint32_t timeout_ms; /* of an attempt, for TLS's constant grpc-timeout; 0: none */

    bool tls;
    struct gzip gzip;
    struct grpc_reply reply;
    char authority[256], timeout[16];
    char why[400];
    struct h2 h2;
};

/* `grpc` is filled up to `timeout_ms`. */
struct transport grpc_transport(struct grpc *grpc);

#endif
