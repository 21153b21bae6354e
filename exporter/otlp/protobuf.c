/*
 * The rest of OTLP through protobuf-c: resource and scopes (once), the request
 * around a batch, and the collector's answer.
 *
 * A request is put together from messages that are bytes already (see
 * envelope.proto): packing it costs two visits and one copy per span. Arrays
 * and the request's buffer are kept from batch to batch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.pb-c.h"
#include "otlp.h"
#include "otlp.pb-c.h"

/* protobuf-c's strings are char *, not const; it does not write to them. */
#define TEXT(s) ((char *)(uintptr_t)(s))
#define SCOPE_PREFIX "otelshim."
#define SCOPE_NAME_MAX 64u
/* A longer answer is not looked into. protobuf-c allocates what it decodes. */
#define RESPONSE_MAX_BYTES ((size_t)64 * 1024)

struct otlp_encoder {
    ProtobufCBinaryData resource;
    ProtobufCBinaryData scopes[OTLP_MAX_SCOPES]; /* packed at first use, data NULL before */
    const char *version;
    const char *(*scope_name)(unsigned scope);
    unsigned max_spans;
    Envelope__ScopeSpans groups[OTLP_MAX_SCOPES];
    Envelope__ScopeSpans *group_list[OTLP_MAX_SCOPES];
    unsigned char *request;
    size_t request_capacity;
    ProtobufCBinaryData spans[]; /* max_spans, sorted by scope */
};

static bool pack(const ProtobufCMessage *message, ProtobufCBinaryData *out)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *data = malloc(len ? len : 1);
    if (!data)
        return false;
    protobuf_c_message_pack(message, data);
    *out = (ProtobufCBinaryData){ len, data };
    return true;
}

/* Too much for the background thread's stack. */
struct resource_message {
    Otlp__AnyValue values[RESOURCE_MAX_ATTRIBUTES];
    Otlp__KeyValue pairs[RESOURCE_MAX_ATTRIBUTES];
    Otlp__KeyValue *list[RESOURCE_MAX_ATTRIBUTES];
};

static void fill_attribute(Otlp__KeyValue *pair, Otlp__AnyValue *value,
                           const struct resource_attribute *attribute)
{
    otlp__any_value__init(value);
    if (attribute->text) {
        value->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        value->string_value = TEXT(attribute->text);
    } else {
        value->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        value->int_value = attribute->number;
    }
    otlp__key_value__init(pair);
    pair->key = TEXT(attribute->key);
    pair->value = value;
}

static bool pack_resource(const struct resource *resource, ProtobufCBinaryData *out)
{
    struct resource_message *m = malloc(sizeof *m);
    if (!m)
        return false;
    for (unsigned i = 0; i < resource->nr; i++) {
        fill_attribute(&m->pairs[i], &m->values[i], &resource->attributes[i]);
        m->list[i] = &m->pairs[i];
    }
    Otlp__Resource message;
    otlp__resource__init(&message);
    message.n_attributes = resource->nr;
    message.attributes = m->list;
    bool packed = pack(&message.base, out);
    free(m);
    return packed;
}

static bool pack_scope(const struct otlp_encoder *encoder, unsigned scope, ProtobufCBinaryData *out)
{
    char name[SCOPE_NAME_MAX] = "otelshim";
    const char *instrumentation = encoder->scope_name(scope);
    if (scope < OTLP_MAX_SCOPES - 1 && instrumentation) {
        snprintf(name, sizeof name, SCOPE_PREFIX "%s", instrumentation);
    }
    Otlp__InstrumentationScope message;
    otlp__instrumentation_scope__init(&message);
    message.name = name;
    message.version = TEXT(encoder->version);
    return pack(&message.base, out);
}

struct otlp_encoder *otlp_encoder_new(const struct resource *resource, const char *version,
                                      const char *(*scope_name)(unsigned scope), unsigned max_spans)
{
    struct otlp_encoder *encoder =
        calloc(1, sizeof *encoder + max_spans * sizeof encoder->spans[0]);
    if (!encoder)
        return NULL;
    encoder->version = version;
    encoder->scope_name = scope_name;
    encoder->max_spans = max_spans;
    if (!pack_resource(resource, &encoder->resource)) {
        free(encoder);
        return NULL;
    }
    return encoder;
}

/* Sorts the batch by scope, in order of arrival within one. Returns the number
 * of groups, 0 when out of memory. */
static unsigned group_by_scope(struct otlp_encoder *encoder, const struct otlp_span *spans,
                               unsigned nr_spans)
{
    unsigned ends[OTLP_MAX_SCOPES] = { 0 }, counts[OTLP_MAX_SCOPES] = { 0 }, nr_groups = 0;
    for (unsigned i = 0; i < nr_spans; i++)
        counts[spans[i].scope]++;
    for (unsigned scope = 0, first = 0; scope < OTLP_MAX_SCOPES; scope++) {
        ends[scope] = first;
        if (counts[scope] == 0)
            continue;
        ProtobufCBinaryData *packed = &encoder->scopes[scope];
        if (!packed->data && !pack_scope(encoder, scope, packed))
            return 0;
        Envelope__ScopeSpans *group = &encoder->groups[nr_groups];
        envelope__scope_spans__init(group);
        group->scope = *packed;
        group->n_spans = counts[scope];
        group->spans = &encoder->spans[first];
        group->schema_url = TEXT(SEMCONV_SCHEMA_URL);
        encoder->group_list[nr_groups++] = group;
        first += counts[scope];
    }
    for (unsigned i = 0; i < nr_spans; i++)
        encoder->spans[ends[spans[i].scope]++] =
            (ProtobufCBinaryData){ spans[i].len, (uint8_t *)(uintptr_t)spans[i].data };
    return nr_groups;
}

static bool reserve_request(struct otlp_encoder *encoder, size_t bytes)
{
    if (bytes <= encoder->request_capacity)
        return true;
    size_t capacity = bytes + bytes / 4; /* batches of one program are alike: grow rarely */
    free(encoder->request);
    encoder->request = malloc(capacity);
    encoder->request_capacity = encoder->request ? capacity : 0;
    return encoder->request != NULL;
}

const unsigned char *otlp_encode_request(struct otlp_encoder *encoder,
                                         const struct otlp_span *spans, unsigned nr_spans,
                                         size_t *bytes)
{
    Envelope__ResourceSpans resource_spans;
    Envelope__ExportTraceServiceRequest request;
    envelope__resource_spans__init(&resource_spans);
    envelope__export_trace_service_request__init(&request);
    resource_spans.resource = encoder->resource;
    resource_spans.schema_url = TEXT(SEMCONV_SCHEMA_URL);
    resource_spans.n_scope_spans = group_by_scope(encoder, spans, nr_spans);
    resource_spans.scope_spans = encoder->group_list;
    request.resource_spans = &resource_spans;
    if (resource_spans.n_scope_spans == 0)
        return NULL;

    *bytes = envelope__export_trace_service_request__get_packed_size(&request);
    if (!reserve_request(encoder, *bytes))
        return NULL;
    envelope__export_trace_service_request__pack(&request, encoder->request);
    return encoder->request;
}

static void copy_for_log(char *out, size_t room, const char *text)
{
    size_t n = 0;
    for (; n < room - 1 && text[n]; n++)
        out[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7F ? ' ' : text[n];
    out[n] = '\0';
}

bool otlp_decode_response(const unsigned char *data, size_t len, struct otlp_response *out)
{
    *out = (struct otlp_response){ 0 };
    if (len == 0)
        return true;
    if (len > RESPONSE_MAX_BYTES)
        return false;
    Otlp__ExportTraceServiceResponse *response =
        otlp__export_trace_service_response__unpack(NULL, len, data);
    if (!response)
        return false;
    if (response->partial_success) {
        out->rejected_spans = response->partial_success->rejected_spans;
        copy_for_log(out->message, sizeof out->message, response->partial_success->error_message);
    }
    otlp__export_trace_service_response__free_unpacked(response, NULL);
    return true;
}
