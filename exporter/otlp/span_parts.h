/*
 * Parts of a Span message that both ways of encoding one write: span.c, out of a record that was
 * taken apart, and shape.c, out of one that is like another. Nobody checks for room here.
 */
#ifndef OTELSHIM_OTLP_SPAN_PARTS_H
#define OTELSHIM_OTLP_SPAN_PARTS_H

#include <endian.h>
#include <string.h>

#include "span_view.h"
#include "wire.h"

#define SPAN_IDS_BYTES (2u + 16u + 2u + 8u) /* of the trace and the span */
#define SPAN_PARENT_BYTES (2u + 8u)
#define SPAN_TIMES_BYTES (2u * (1u + 8u))

#define NO_TEXT ((struct text){ NULL, 0 })

/* An id: `len` is known to the compiler. */
static inline unsigned char *put_id(unsigned char *at, unsigned char tag, const void *id,
                                    unsigned char len)
{
    at[0] = tag;
    at[1] = len;
    memcpy(at + 2, id, len);
    return at + 2 + len;
}

static inline unsigned char *put_text(unsigned char *at, unsigned char tag, struct text text)
{
    return text.len ? put_bytes(at, tag, text.data, text.len) : at;
}

static inline unsigned char *put_fixed64(unsigned char *at, unsigned char tag, uint64_t v)
{
    *at++ = tag;
    v = htole64(v);
    memcpy(at, &v, sizeof v);
    return at + sizeof v;
}

/* What a Span begins with: trace_id, span_id, trace_state, parent_span_id. */
static inline unsigned char *put_ids(unsigned char *at, const struct record *record,
                                     struct text tracestate)
{
    at = put_id(at, TAG(1, LENGTH), record->trace_id, 16);
    at = put_id(at, TAG(2, LENGTH), record->span_id, 8);
    at = put_text(at, TAG(3, LENGTH), tracestate);
    if (record->flags & RECORD_HAS_PARENT)
        at = put_id(at, TAG(4, LENGTH), record->parent_span_id, 8);
    return at;
}

/* Then come name and kind: so many bytes. */
static inline size_t name_and_kind_bytes(struct text name)
{
    return (name.len > 0 ? delimited(name.len) : 0) + 2;
}

static inline unsigned char *put_times(unsigned char *at, struct span_times times)
{
    at = put_fixed64(at, TAG(7, FIXED64), times.start_unix_ns);
    return put_fixed64(at, TAG(8, FIXED64), times.end_unix_ns);
}

/* An attribute of a Span, of any kind and size. */
unsigned char *otlp_put_attribute(unsigned char *at, const struct field_view *field);

#endif
