/*
 * Spans to OTLP (traces, version 1), as protobuf and as JSON. Three steps, so that
 * nothing is encoded twice: a span when it arrives, resource and scopes once, a
 * request around a batch of encoded spans.
 */
#ifndef OTELSHIM_OTLP_H
#define OTELSHIM_OTLP_H

#include "format.h"

/*
 * Bound: one encoded span. Payloads are at most a repaired record; around each
 * attribute, event and link stand tags, lengths, and a name of at most
 * OTLP_MAX_KEY bytes that is no part of the record; ids, times, flags and counts take the rest.
 * A key is written with up to OTLP_SLACK bytes behind it that the next ones are written over.
 */
#define OTLP_MAX_KEY 60u
#define OTLP_SLACK 32u
#define OTLP_SPAN_MAX_BYTES \
    (UTF8_REPAIR_GROWTH * RECORD_MAX_BYTES + CONFIG_MAX_RUN_ID + \
     (VIEW_MAX_ATTRIBUTES + 1) * (OTLP_MAX_KEY + 20u) + VIEW_MAX_EVENTS * (OTLP_MAX_KEY + 26u) + \
     VIEW_MAX_EVENT_ATTRIBUTES * 20u + VIEW_MAX_LINKS * 48u + 256u + OTLP_SLACK)

/* Encodes the Span message into `out`. Returns its bytes. */
size_t otlp_encode_span(const struct span_view *view,
                        unsigned char out[static OTLP_SPAN_MAX_BYTES]);

/*
 * Spans that are like one before them (shape.c), of one process and its limits. Zeroed to
 * begin with. Bound: one more than OTLP_SHAPES pieces of 2 KB, each allocated once.
 */
#define OTLP_SHAPE_BITS 4u
#define OTLP_SHAPES (1u << OTLP_SHAPE_BITS)
struct shape;
struct otlp_shapes {
    struct shape *places[OTLP_SHAPES], *spare;
};
/* Encodes a record without a view of it. Returns its bytes; 0: it is like none, or no span. */
size_t otlp_encode_alike(struct otlp_shapes *shapes, const struct record *record,
                         int64_t real_minus_mono_ns, unsigned char out[static OTLP_SPAN_MAX_BYTES]);
/* What otlp_encode_span has made of a view: the next ones may be like it. */
void otlp_learn_shape(struct otlp_shapes *shapes, const struct span_view *view,
                      const unsigned char *span, size_t span_bytes);
void otlp_forget_shapes(struct otlp_shapes *shapes);

/*
 * Bound: one span as JSON. What grows most is a list of empty texts: two bytes of
 * a record become `{"stringValue":""},`; around each attribute, event and link stand
 * its members' names.
 */
#define OTLP_JSON_GROWTH 10u
#define OTLP_JSON_SPAN_MAX_BYTES \
    (OTLP_JSON_GROWTH * RECORD_MAX_BYTES + \
     (VIEW_MAX_ATTRIBUTES + VIEW_MAX_EVENTS + VIEW_MAX_LINKS) * (OTLP_MAX_KEY + 140u) + \
     VIEW_MAX_EVENT_ATTRIBUTES * 80u + 1024u)

/* The Span message as an object. Returns its bytes. */
size_t otlp_json_span(const struct span_view *view,
                      unsigned char out[static OTLP_JSON_SPAN_MAX_BYTES]);
/* The Resource and InstrumentationScope messages, appended at `at`: the bytes that a
 * resource can take, and the new ends. A scope takes at most OTLP_JSON_SCOPE_MAX_BYTES. */
#define OTLP_JSON_SCOPE_MAX_BYTES 256u
size_t otlp_json_resource_max(const struct resource *resource);
unsigned char *otlp_json_resource(unsigned char *at, const struct resource *resource);
unsigned char *otlp_json_scope(unsigned char *at, unsigned scope, const struct exporter_host *host);

/* Reads an ExportTraceServiceResponse. False: it is none. */
bool otlp_decode_response(const unsigned char *data, size_t len, struct response *out);
bool otlp_json_response(const unsigned char *data, size_t len, struct response *out);

#endif
