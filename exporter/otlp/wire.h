/*
 * Protobuf's wire form, as far as we write it by hand: tags, varints, length-delimited fields.
 * Nobody checks for room here: callers have it.
 */
#ifndef OTELSHIM_OTLP_WIRE_H
#define OTELSHIM_OTLP_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "mem/copy_text.h"

/* A field's tag: number and wire type. All numbers are below 16, but for `flags` of a Span. */
enum wire_type { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
#define TAG(number, type) ((unsigned char)((number) << 3 | (type)))

static inline size_t varint_bytes(uint64_t v)
{
    return (size_t)(63 - __builtin_clzll(v | 1)) / 7 + 1;
}

/* Bytes of a length-delimited field with `len` bytes inside. */
static inline size_t delimited(size_t len)
{
    return 1 + varint_bytes(len) + len;
}

static inline unsigned char *put_varint(unsigned char *at, uint64_t v)
{
    while (v >= 0x80) {
        *at++ = (unsigned char)(v | 0x80);
        v >>= 7;
    }
    *at++ = (unsigned char)v;
    return at;
}

/* Behind it go `len` bytes. */
static inline unsigned char *put_length(unsigned char *at, unsigned char tag, size_t len)
{
    *at++ = tag;
    return put_varint(at, len);
}

static inline unsigned char *put_bytes(unsigned char *at, unsigned char tag, const void *data,
                                       size_t len)
{
    at = put_length(at, tag, len);
    copy_text(at, data, len);
    return at + len;
}

#endif
