/*
 * A gRPC call's outcome: headers and trailers become a status, a message, a
 * verdict. Bytes only: whose HTTP/2 they came by does not matter. Background thread.
 */
#ifndef OTELSHIM_GRPC_REPLY_H
#define OTELSHIM_GRPC_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "retry.h"

#define GRPC_FRAME_HEAD 5u                  /* compressed flag, length */
#define GRPC_MAX_DETAILS ((size_t)8 * 1024) /* bound: of grpc-status-details-bin that is read */

/* Status codes that we name ourselves. */
enum {
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
};

struct grpc_reply {
    long http_status;
    int status; /* of grpc-status; -1: none came */
    char message[256];
    int64_t retry_after_ms; /* of RetryInfo, RETRY_AFTER_NONE */
};

void grpc_reply_begin(struct grpc_reply *reply);
/* One header or trailer; names in any letter case. */
void grpc_reply_header(struct grpc_reply *reply, const char *name, size_t name_len,
                       const char *value, size_t len);
/* The status, by HTTP's when the server sent none. */
int grpc_reply_status(const struct grpc_reply *reply);
enum verdict grpc_reply_verdict(const struct grpc_reply *reply);
const char *grpc_status_name(int status);
/* The status of a stream that was reset with an HTTP/2 error code. */
int grpc_status_of_reset(unsigned long error_code);

/* A frame's head for a message of `bytes`. */
void grpc_frame_head(unsigned char head[static GRPC_FRAME_HEAD], bool compressed, size_t bytes);
/* The one uncompressed message in `data`. False: it is something else. */
bool grpc_unframe(const unsigned char *data, size_t len, const unsigned char **message,
                  size_t *bytes);

#endif
