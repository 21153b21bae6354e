/*
 * The headers that carry a context, once: everything that reads or writes them (the HTTP
 * parser's fields, libcurl's list, the environment) takes its names from here. The id is
 * the variable's name in an environment: a header in capitals, `-` as `_`.
 */
#ifndef OTELSHIM_CONTEXT_FIELDS_H
#define OTELSHIM_CONTEXT_FIELDS_H

#include <stdint.h>

/* FIELD(id, header, bytes kept of one that came in, rules of http1.h) */
#define CONTEXT_FIELDS(FIELD) \
    FIELD(TRACEPARENT, "traceparent", 256, SINGLE, WHOLE) \
    FIELD(B3, "b3", 128, SINGLE, WHOLE) \
    FIELD(X_B3_SPANID, "x-b3-spanid", 64, SINGLE, WHOLE) \
    FIELD(UBER_TRACE_ID, "uber-trace-id", 128, SINGLE, WHOLE) \
    FIELD(X_AMZN_TRACE_ID, "x-amzn-trace-id", 512, SINGLE, WHOLE) \
    FIELD(X_B3_TRACEID, "x-b3-traceid", 64, SINGLE, WHOLE) \
    FIELD(X_B3_SAMPLED, "x-b3-sampled", 16, SINGLE, WHOLE) \
    FIELD(X_B3_FLAGS, "x-b3-flags", 16, SINGLE, WHOLE) \
    FIELD(TRACESTATE, "tracestate", 1024, LIST, CUT) \
    FIELD(BAGGAGE, "baggage", 8192, LIST, WHOLE)

enum context_field {
#define X(id, header, bytes, many, over) CONTEXT_##id,
    CONTEXT_FIELDS(X)
#undef X
        CONTEXT_FIELD_COUNT
};

#define CONTEXT_BIT(field) (1u << (field))
/* Fields that hold a span's id stand first. */
#define CONTEXT_SPAN_FIELDS ((unsigned)CONTEXT_X_AMZN_TRACE_ID + 1u)

#endif
