/*
 * The rest of OTLP: resource and scopes (once) and the collector's answer through
 * protobuf-c, and the request around a batch.
 *
 * A request is put together from messages that are bytes already, by hand: two looks at
 * a span's length and one copy of it. Its buffer is kept from batch to batch.
 *
 *   ExportTraceServiceRequest { 1: ResourceSpans }
 *   ResourceSpans { 1: Resource, 2: ScopeSpans, repeated, 3: schema_url }
 *   ScopeSpans { 1: InstrumentationScope, 2: Span, repeated, 3: schema_url }
 */
#include <stdlib.h>
#include <string.h>

#include "otlp.h"
#include "otlp.pb-c.h"
#include "wire.h"

/* protobuf-c's strings are char *, not const; it does not write to them. */
#define TEXT(s) ((char *)(uintptr_t)(s))
/* A longer answer is not looked into. protobuf-c allocates what it decodes. */
#define RESPONSE_MAX_BYTES ((size_t)64 * 1024)

struct protobuf_encoder {
    const struct exporter_host *host;
    ProtobufCBinaryData resource;
    ProtobufCBinaryData scopes[FORMAT_MAX_SCOPES]; /* packed at first use, data NULL before */
    struct scope_groups groups;                    /* of the batch in `sorted` */
    struct request_buffer buffer;
    struct otlp_shapes shapes;
    struct encoded_span sorted[]; /* max_spans, by scope */
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
    Otlp__ArrayValue arrays[RESOURCE_MAX_ATTRIBUTES];
    Otlp__KeyValue pairs[RESOURCE_MAX_ATTRIBUTES];
    Otlp__KeyValue *list[RESOURCE_MAX_ATTRIBUTES];
    unsigned nr_items; /* in use */
    Otlp__AnyValue **item_list;
    Otlp__AnyValue *items; /* of all lists */
};

static void fill_value(Otlp__AnyValue *to, const struct resource_value *value)
{
    otlp__any_value__init(to);
    switch (value->kind) {
    case ATTRIBUTE_INT:
        to->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        to->int_value = value->number;
        break;
    case ATTRIBUTE_BOOL:
        to->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
        to->bool_value = value->truth;
        break;
    case ATTRIBUTE_DOUBLE:
        to->value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
        to->double_value = value->real;
        break;
    default:
        to->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        to->string_value = TEXT(value->text);
    }
}

static void fill_list(struct resource_message *m, Otlp__AnyValue *to, Otlp__ArrayValue *array,
                      const struct resource_attribute *attribute)
{
    struct resource_value value;
    otlp__array_value__init(array);
    array->values = m->item_list + m->nr_items;
    for (const char *at = NULL; resource_item_next(attribute, &at, &value); m->nr_items++) {
        fill_value(&m->items[m->nr_items], &value);
        m->item_list[m->nr_items] = &m->items[m->nr_items];
        array->n_values++;
    }
    otlp__any_value__init(to);
    to->value_case = OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
    to->array_value = array;
}

static void fill_attribute(struct resource_message *m, unsigned i,
                           const struct resource_attribute *attribute)
{
    struct resource_value value = resource_value_of(attribute);
    if (resource_is_list(attribute))
        fill_list(m, &m->values[i], &m->arrays[i], attribute);
    else
        fill_value(&m->values[i], &value);
    otlp__key_value__init(&m->pairs[i]);
    m->pairs[i].key = TEXT(attribute->key);
    m->pairs[i].value = &m->values[i];
    m->list[i] = &m->pairs[i];
}

/* With room for the items of all lists; to be freed in one. */
static struct resource_message *resource_message_new(const struct resource *resource)
{
    struct resource_value value;
    size_t items = 0;
    for (unsigned i = 0; i < resource->nr; i++)
        for (const char *at = NULL; resource_is_list(&resource->attributes[i]) &&
                                    resource_item_next(&resource->attributes[i], &at, &value);)
            items++;
    struct resource_message *m =
        malloc(sizeof *m + items * (sizeof m->items[0] + sizeof m->item_list[0]));
    if (m != NULL) {
        m->nr_items = 0;
        m->items = (Otlp__AnyValue *)(m + 1);
        m->item_list = (Otlp__AnyValue **)(m->items + items);
    }
    return m;
}

static bool pack_resource(const struct resource *resource, ProtobufCBinaryData *out)
{
    struct resource_message *m = resource_message_new(resource);
    if (!m)
        return false;
    for (unsigned i = 0; i < resource->nr; i++)
        fill_attribute(m, i, &resource->attributes[i]);
    Otlp__Resource message;
    otlp__resource__init(&message);
    message.n_attributes = resource->nr;
    message.attributes = m->list;
    bool packed = pack(&message.base, out);
    free(m);
    return packed;
}

static bool pack_scope(const struct exporter_host *host, unsigned scope, ProtobufCBinaryData *out)
{
    char name[SCOPE_NAME_MAX];
    format_scope_name(host, scope, name);
    Otlp__InstrumentationScope message;
    otlp__instrumentation_scope__init(&message);
    message.name = name;
    message.version = TEXT(host->version);
    return pack(&message.base, out);
}

static void *protobuf_open(const struct resource *resource, const struct exporter_host *host,
                           unsigned max_spans)
{
    struct protobuf_encoder *encoder =
        calloc(1, sizeof *encoder + max_spans * sizeof encoder->sorted[0]);
    if (!encoder)
        return NULL;
    encoder->host = host;
    if (pack_resource(resource, &encoder->resource))
        return encoder;
    free(encoder);
    return NULL;
}

static void protobuf_close(void *self)
{
    struct protobuf_encoder *encoder = self;
    for (unsigned i = 0; i < FORMAT_MAX_SCOPES; i++)
        free(encoder->scopes[i].data);
    free(encoder->resource.data);
    free(encoder->buffer.memory);
    otlp_forget_shapes(&encoder->shapes);
    free(encoder);
}

static size_t protobuf_span(void *self, const struct span_view *view, unsigned char *out)
{
    struct protobuf_encoder *encoder = self;
    size_t bytes = otlp_encode_span(view, out);
    if (view->source == SOURCE_OWN)
        otlp_learn_shape(&encoder->shapes, view, out, bytes);
    return bytes;
}

static size_t protobuf_alike(void *self, const struct record *record, int64_t real_minus_mono_ns,
                             unsigned char *out)
{
    struct protobuf_encoder *encoder = self;
    return otlp_encode_alike(&encoder->shapes, record, real_minus_mono_ns, out);
}

/* ---- a request ---- */

static const char schema_url[] = SEMCONV_SCHEMA_URL;
#define SCHEMA_URL_BYTES (sizeof schema_url - 1)

static unsigned count_of(const struct protobuf_encoder *encoder, unsigned scope)
{
    return encoder->groups.first[scope + 1] - encoder->groups.first[scope];
}

/* Bytes inside of one scope's ScopeSpans. */
static size_t scope_spans_bytes(const struct protobuf_encoder *encoder, unsigned scope)
{
    const struct encoded_span *span = &encoder->sorted[encoder->groups.first[scope]];
    size_t bytes = delimited(encoder->scopes[scope].len) + delimited(SCHEMA_URL_BYTES);
    for (unsigned n = count_of(encoder, scope); n > 0; n--, span++)
        bytes += delimited(span->len);
    return bytes;
}

static unsigned char *put_scope_spans(unsigned char *at, const struct protobuf_encoder *encoder,
                                      unsigned scope, size_t bytes)
{
    const struct encoded_span *span = &encoder->sorted[encoder->groups.first[scope]];
    const ProtobufCBinaryData *packed = &encoder->scopes[scope];
    at = put_length(at, TAG(2, LENGTH), bytes);
    at = put_bytes(at, TAG(1, LENGTH), packed->data, packed->len);
    for (unsigned n = count_of(encoder, scope); n > 0; n--, span++)
        at = put_bytes(at, TAG(2, LENGTH), span->data, span->len);
    return put_bytes(at, TAG(3, LENGTH), schema_url, SCHEMA_URL_BYTES);
}

/* Bytes of each scope's ScopeSpans in `each`, and of all inside of ResourceSpans; 0: no memory. */
static size_t resource_spans_bytes(struct protobuf_encoder *encoder,
                                   size_t each[static FORMAT_MAX_SCOPES])
{
    size_t bytes = delimited(encoder->resource.len) + delimited(SCHEMA_URL_BYTES);
    for (unsigned scope = 0; scope < FORMAT_MAX_SCOPES; scope++) {
        ProtobufCBinaryData *packed = &encoder->scopes[scope];
        if (count_of(encoder, scope) == 0)
            continue;
        if (!packed->data && !pack_scope(encoder->host, scope, packed))
            return 0;
        each[scope] = scope_spans_bytes(encoder, scope);
        bytes += delimited(each[scope]);
    }
    return bytes;
}

static bool protobuf_request(void *self, const struct encoded_span *spans, unsigned nr_spans,
                             struct body *out)
{
    struct protobuf_encoder *encoder = self;
    size_t each[FORMAT_MAX_SCOPES];
    format_group(spans, nr_spans, encoder->sorted, &encoder->groups);
    size_t inside = resource_spans_bytes(encoder, each);
    unsigned char *data = inside ? request_reserve(&encoder->buffer, delimited(inside)) : NULL;
    if (!data)
        return false;
    unsigned char *at = put_length(data, TAG(1, LENGTH), inside);
    at = put_bytes(at, TAG(1, LENGTH), encoder->resource.data, encoder->resource.len);
    for (unsigned scope = 0; scope < FORMAT_MAX_SCOPES; scope++)
        if (count_of(encoder, scope) > 0)
            at = put_scope_spans(at, encoder, scope, each[scope]);
    at = put_bytes(at, TAG(3, LENGTH), schema_url, SCHEMA_URL_BYTES);
    *out = (struct body){ data, (size_t)(at - data), nr_spans };
    return true;
}

bool otlp_decode_response(const unsigned char *data, size_t len, struct response *out)
{
    *out = (struct response){ 0 };
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
        response_message(out, response->partial_success->error_message,
                         strlen(response->partial_success->error_message));
    }
    otlp__export_trace_service_response__free_unpacked(response, NULL);
    return true;
}

const struct format otlp_protobuf = {
    .span_max_bytes = OTLP_SPAN_MAX_BYTES,
    .open = protobuf_open,
    .close = protobuf_close,
    .span = protobuf_span,
    .alike = protobuf_alike,
    .request = protobuf_request,
    .response = otlp_decode_response,
};
