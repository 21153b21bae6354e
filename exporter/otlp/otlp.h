/*
 * Spans to OTLP protobuf (traces, version 1). Three steps, so that nothing is
 * encoded twice: a span when it arrives (span.c), resource and scopes once, a
 * request around a batch of encoded spans (protobuf.c).
 */
#ifndef OTELSHIM_OTLP_H
#define OTELSHIM_OTLP_H

#include "resource/resource.h"
#include "span_view.h"

/* Bound: scopes in one process (instrumentations are bits of a 32-bit mask), and
 * one more for an index that has no name. */
#define OTLP_MAX_SCOPES 33u

/*
 * Bound: one encoded span. Payloads are at most a repaired record; around each
 * attribute, event and link stand tags, lengths, and a name of at most
 * OTLP_MAX_KEY bytes; ids, times, flags and counts take the rest.
 */
#define OTLP_MAX_KEY 60u
#define OTLP_SPAN_MAX_BYTES \
    (UTF8_REPAIR_GROWTH * RECORD_MAX_BYTES + VIEW_MAX_ATTRIBUTES * (OTLP_MAX_KEY + 20u) + \
     VIEW_MAX_EVENTS * (OTLP_MAX_KEY + 20u) + VIEW_MAX_LINKS * 48u + 256u)

/* Encodes the Span message into `out`. Returns its bytes. */
size_t otlp_encode_span(const struct span_view *view,
                        unsigned char out[static OTLP_SPAN_MAX_BYTES]);

/* One encoded span of a batch. */
struct otlp_span {
    unsigned scope; /* below OTLP_MAX_SCOPES */
    const unsigned char *data;
    size_t len;
};

struct otlp_encoder; /* resource and scopes, encoded once; room for one batch */

/*
 * `scope_name` gives an instrumentation's name by index, or NULL; `version` is
 * ours. NULL when out of memory. Never freed: it lives as long as the process.
 */
struct otlp_encoder *otlp_encoder_new(const struct resource *resource, const char *version,
                                      const char *(*scope_name)(unsigned scope),
                                      unsigned max_spans);

/*
 * ExportTraceServiceRequest of `nr_spans` (at most max_spans), grouped by scope.
 * The bytes belong to the encoder and live until its next request. NULL when out
 * of memory.
 */
const unsigned char *otlp_encode_request(struct otlp_encoder *encoder,
                                         const struct otlp_span *spans, unsigned nr_spans,
                                         size_t *bytes);

struct otlp_response {
    int64_t rejected_spans;
    char message[256]; /* for our log: cut, control characters replaced; "" = none */
};

/* Reads an ExportTraceServiceResponse. False: it is none. */
bool otlp_decode_response(const unsigned char *data, size_t len, struct otlp_response *out);

#endif
