/*
 * How spans become the bytes of a request: OTLP's protobuf and JSON, Zipkin's
 * JSON. A span is encoded when it arrives and waits so (batch.h); a request is put
 * around a batch of encoded ones. Background thread only.
 */
#ifndef OTELSHIM_FORMAT_H
#define OTELSHIM_FORMAT_H

#include "exporter.h"
#include "resource/resource.h"
#include "span_view.h"
#include "transport/transport.h"

/* Bound: scopes in one process (instrumentations are bits of a 32-bit mask), and
 * one more for an index that has no name. */
#define FORMAT_MAX_SCOPES 33u
#define SCOPE_PREFIX "otelshim."
#define SCOPE_NAME_MAX 64u /* bound: bytes of a scope's name */

/* One encoded span of a batch. */
struct encoded_span {
    unsigned scope;  /* below FORMAT_MAX_SCOPES */
    unsigned source; /* enum span_source */
    const unsigned char *data;
    size_t len;
};

/* What the receiver said of a batch that it took. */
struct response {
    int64_t rejected_spans;
    char message[256]; /* for our log: cut, control characters replaced; "" = none */
};

struct format {
    size_t span_max_bytes; /* of one encoded span */
    /* Its state, with room for `max_spans` in a request. It lives as long as the process,
     * or until close. NULL: no memory. */
    void *(*open)(const struct resource *resource, const struct exporter_host *host,
                  unsigned max_spans);
    void (*close)(void *self);
    /* Encodes a span into `out`, which has room for span_max_bytes. Returns its bytes. */
    size_t (*span)(void *self, const struct span_view *view, unsigned char *out);
    /* The same of a record that is like one before it, without a view. 0: it is like none. NULL:
     * never. */
    size_t (*alike)(void *self, const struct record *record, int64_t real_minus_mono_ns,
                    unsigned char *out);
    /* A request of `nr_spans`; its bytes live until the next one. False: no memory. */
    bool (*request)(void *self, const struct encoded_span *spans, unsigned nr_spans,
                    struct body *out);
    /* Reads the receiver's answer. False: it is none of this format. NULL: there are none. */
    bool (*response)(const unsigned char *data, size_t len, struct response *out);
};

extern const struct format otlp_protobuf, otlp_json, zipkin_json;

/* The name of a scope: the instrumentation's behind our prefix; "otelshim" without one. */
void format_scope_name(const struct exporter_host *host, unsigned scope,
                       char out[static SCOPE_NAME_MAX]);

/* One request's memory, with TRANSPORT_HEADROOM before it; grows, is kept between requests.
 * NULL: no memory. */
struct request_buffer {
    unsigned char *memory;
    size_t capacity;
};
unsigned char *request_reserve(struct request_buffer *buffer, size_t bytes);

/* Where each scope's spans begin in a batch that is sorted by scope, in order of arrival
 * within one. Returns the spans so, in `sorted`. */
struct scope_groups {
    unsigned first[FORMAT_MAX_SCOPES + 1];
};
void format_group(const struct encoded_span *spans, unsigned nr_spans, struct encoded_span *sorted,
                  struct scope_groups *groups);

/* Copies a text of the receiver's for our log. */
void response_message(struct response *response, const char *text, size_t len);

#endif
