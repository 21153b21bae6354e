/*
 * Bodies in gzip's form (RFC 1952), by zlib. Background thread only; memory is
 * taken at the first body and kept.
 */
#ifndef OTELSHIM_GZIP_H
#define OTELSHIM_GZIP_H

#include "transport.h"

struct gzip {
    void *stream;
    unsigned char *out;
    size_t capacity;
};

/* Puts the compressed body in place of `body`, TRANSPORT_HEADROOM before it. False: no memory. */
bool gzip_pack(struct gzip *gzip, struct body *body);

#endif
