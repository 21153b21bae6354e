/*
 * Captured headers on spans: one attribute for all headers of a name, values in the head's
 * order, `[REDACTED]` for those that OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS
 * names. For HTTP on connections and for libcurl's transfers alike.
 */
#ifndef OTELSHIM_CONN_CAPTURED_H
#define OTELSHIM_CONN_CAPTURED_H

#include "proto/http1.h"
#include "sdk/span.h"

/* The rest of captured_write: there are some. */
void captured_write_all(const struct http1_store *head, enum attr_key prefix,
                        struct span_writer *w);

/* To be called last of all: what finds no room in the record then is a header, not an error.
 * `head` NULL: none; `prefix`: ATTR_HTTP_REQUEST_HEADER or ATTR_HTTP_RESPONSE_HEADER. */
static inline void captured_write(const struct http1_store *head, enum attr_key prefix,
                                  struct span_writer *w)
{
    if (head != NULL && head->nr_captured != 0)
        captured_write_all(head, prefix, w);
}

#endif
