/*
 * The rest of OTLP through protobuf-c: resource and scopes (once), the request
 * around a batch, and the collector's answer.
 *
 * A request is put together from messages that are bytes already (see
 * envelope.proto): packing it costs two visits and one copy per span. Arrays
 * and the request's buffer are kept from batch to batch.
 */
#include <stdlib.h>
#include <string.h>

#include "envelope.pb-c.h"
#include "otlp.h"
#include "otlp.pb-c.h"

/* protobuf-c's strings are char *, not const; it does not write to them. */
#define TEXT(s) ((char *)(uintptr_t)(s))
/* A longer answer is not looked into. protobuf-c allocates what it decodes. */
#define RESPONSE_MAX_BYTES ((size_t)64 * 1024)

struct protobuf_encoder {
    const struct exporter_host *host;
    ProtobufCBinaryData resource;
    ProtobufCBinaryData scopes[FORMAT_MAX_SCOPES]; /* packed at first use, data NULL before */
    Envelope__ScopeSpans groups[FORMAT_MAX_SCOPES];
    Envelope__ScopeSpans *group_list[FORMAT_MAX_SCOPES];
    struct request_buffer buffer;
    ProtobufCBinaryData *spans;   /* max_spans, sorted by scope */
    struct encoded_span sorted[]; /* the same */
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
    encoder->spans = malloc(max_spans * sizeof encoder->spans[0]);
    if (encoder->spans && pack_resource(resource, &encoder->resource))
        return encoder;
    free(encoder->spans);
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
    free(encoder->spans);
    free(encoder);
}

static size_t protobuf_span(void *self, const struct span_view *view, unsigned char *out)
{
    (void)self;
    return otlp_encode_span(view, out);
}

/* Sorts the batch by scope. Returns the number of groups, 0 when out of memory. */
static unsigned group_by_scope(struct protobuf_encoder *encoder, const struct encoded_span *spans,
                               unsigned nr_spans)
{
    struct scope_groups groups;
    unsigned nr_groups = 0;
    format_group(spans, nr_spans, encoder->sorted, &groups);
    for (unsigned i = 0; i < nr_spans; i++)
        encoder->spans[i] = (ProtobufCBinaryData){ encoder->sorted[i].len,
                                                   (uint8_t *)(uintptr_t)encoder->sorted[i].data };
    for (unsigned scope = 0; scope < FORMAT_MAX_SCOPES; scope++) {
        unsigned first = groups.first[scope], count = groups.first[scope + 1] - first;
        ProtobufCBinaryData *packed = &encoder->scopes[scope];
        if (count == 0)
            continue;
        if (!packed->data && !pack_scope(encoder->host, scope, packed))
            return 0;
        Envelope__ScopeSpans *group = &encoder->groups[nr_groups];
        envelope__scope_spans__init(group);
        group->scope = *packed;
        group->n_spans = count;
        group->spans = &encoder->spans[first];
        group->schema_url = TEXT(SEMCONV_SCHEMA_URL);
        encoder->group_list[nr_groups++] = group;
    }
    return nr_groups;
}

static bool protobuf_request(void *self, const struct encoded_span *spans, unsigned nr_spans,
                             struct body *out)
{
    struct protobuf_encoder *encoder = self;
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
        return false;

    size_t bytes = envelope__export_trace_service_request__get_packed_size(&request);
    unsigned char *data = request_reserve(&encoder->buffer, bytes);
    if (!data)
        return false;
    envelope__export_trace_service_request__pack(&request, data);
    *out = (struct body){ data, bytes, nr_spans };
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
    .request = protobuf_request,
    .response = otlp_decode_response,
};
