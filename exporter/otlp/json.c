/*
 * OTLP/JSON: ids in hex, 64-bit numbers as decimal strings, enums as numbers,
 * members at their default left out. The same three steps as in protobuf: spans when they
 * arrive, resource and scopes once, a request around a batch.
 */
#include <stdlib.h>

#include "json.h"
#include "json_read.h"
#include "otlp.h"

/* ---- a span ---- */

static unsigned char *put_array(unsigned char *at, const struct field_view *field)
{
    size_t pos = 0;
    struct text text;
    at = json_put(at, "{\"arrayValue\":{\"values\":[");
    for (bool first = true; string_array_next(field, &pos, &text); first = false) {
        at = json_put(at, first ? "{\"stringValue\":" : ",{\"stringValue\":");
        at = json_put_text(at, text);
        *at++ = '}';
    }
    return json_put(at, "]}}");
}

static unsigned char *put_int_value(unsigned char *at, int64_t v)
{
    at = json_put_i64(json_put(at, "{\"intValue\":\""), v);
    return json_put(at, "\"}");
}

static unsigned char *put_value(unsigned char *at, const struct field_view *field)
{
    int64_t number;
    double real;
    switch (field->type) {
    case FIELD_INT: memcpy(&number, field->data, sizeof number); return put_int_value(at, number);
    case FIELD_DOUBLE:
        memcpy(&real, field->data, sizeof real);
        at = json_put_double(json_put(at, "{\"doubleValue\":"), real);
        break;
    case FIELD_BOOL:
        return json_put(at, field->data[0] ? "{\"boolValue\":true}" : "{\"boolValue\":false}");
    case FIELD_STRING_ARRAY: return put_array(at, field);
    default:
        at = json_put_text(json_put(at, "{\"stringValue\":"),
                           (struct text){ field->data, field->len });
    }
    *at++ = '}';
    return at;
}

static unsigned char *put_attribute(unsigned char *at, const struct field_view *field, bool first)
{
    struct field_view value;
    struct attribute_key key = attribute_key(field, &value);
    at = json_put(at, first ? ",\"attributes\":[{\"key\":\"" : ",{\"key\":\"");
    at = json_put_escaped(json_put_escaped(at, key.begin), key.end);
    at = put_value(json_put(at, "\",\"value\":"), &value);
    *at++ = '}';
    return at;
}

static unsigned char *put_attributes(unsigned char *at, const struct span_view *view)
{
    for (unsigned i = 0; i < view->nr_attributes; i++)
        at = put_attribute(at, &view->attributes[i], i == 0);
    return json_put(at, view->nr_attributes ? "]" : "");
}

static unsigned char *put_count(unsigned char *at, const char *key, uint32_t count)
{
    return count ? json_put_u64(json_put(at, key), count) : at;
}

static unsigned char *put_event(unsigned char *at, const struct event_view *event)
{
    struct field_view attribute;
    size_t pos = 0;
    at = json_put(json_put_u64(json_put(at, "{\"timeUnixNano\":\""), event->unix_ns), "\"");
    at = json_put_text(json_put(at, ",\"name\":"), event->name);
    for (bool first = true; event_attribute_next(event, &pos, &attribute); first = false)
        at = put_attribute(at, &attribute, first);
    at = json_put(at, pos ? "]" : "");
    at = put_count(at, ",\"droppedAttributesCount\":", event->dropped_attributes);
    *at++ = '}';
    return at;
}

static unsigned char *put_events(unsigned char *at, const struct span_view *view)
{
    for (unsigned i = 0; i < view->nr_events; i++) {
        at = json_put(at, i ? "," : ",\"events\":[");
        at = put_event(at, &view->events[i]);
    }
    return json_put(at, view->nr_events ? "]" : "");
}

static unsigned char *put_links(unsigned char *at, const struct span_view *view)
{
    for (unsigned i = 0; i < view->nr_links; i++) {
        const struct record_link *link = &view->links[i];
        at = json_put(at, i ? ",{\"traceId\":\"" : ",\"links\":[{\"traceId\":\"");
        at = json_put_hex(at, link->trace_id, sizeof link->trace_id);
        at = json_put(at, "\",\"spanId\":\"");
        at = json_put_hex(at, link->span_id, sizeof link->span_id);
        at = json_put_u64(json_put(at, "\",\"flags\":"), link_flags(link));
        *at++ = '}';
    }
    return json_put(at, view->nr_links ? "]" : "");
}

static unsigned char *put_ids(unsigned char *at, const struct span_view *view)
{
    const struct record *record = view->record;
    at = json_put(at, "{\"traceId\":\"");
    at = json_put_hex(at, record->trace_id, sizeof record->trace_id);
    at = json_put(at, "\",\"spanId\":\"");
    at = json_put_hex(at, record->span_id, sizeof record->span_id);
    *at++ = '"';
    if (view->tracestate.len)
        at = json_put_text(json_put(at, ",\"traceState\":"), view->tracestate);
    if (record->flags & RECORD_HAS_PARENT) {
        at = json_put(at, ",\"parentSpanId\":\"");
        at = json_put_hex(at, record->parent_span_id, sizeof record->parent_span_id);
        *at++ = '"';
    }
    return at;
}

static unsigned char *put_status(unsigned char *at, const struct span_view *view)
{
    enum status_code code = span_view_status(view);
    if (code == STATUS_UNSET)
        return at;
    at = json_put_u64(json_put(at, ",\"status\":{\"code\":"), code);
    if (code == STATUS_ERROR && view->status_message.len)
        at = json_put_text(json_put(at, ",\"message\":"), view->status_message);
    *at++ = '}';
    return at;
}

size_t otlp_json_span(const struct span_view *view,
                      unsigned char out[static OTLP_JSON_SPAN_MAX_BYTES])
{
    unsigned char *at = put_ids(out, view);
    at = json_put_u64(json_put(at, ",\"flags\":"), span_view_flags(view));
    at = json_put_text(json_put(at, ",\"name\":"), view->name);
    at = json_put_u64(json_put(at, ",\"kind\":"), span_view_kind(view));
    at = json_put_u64(json_put(at, ",\"startTimeUnixNano\":\""), view->start_unix_ns);
    at = json_put_u64(json_put(at, "\",\"endTimeUnixNano\":\""), view->end_unix_ns);
    *at++ = '"';
    at = put_attributes(at, view);
    at = put_count(at, ",\"droppedAttributesCount\":", view->dropped_attributes);
    at = put_events(at, view);
    at = put_count(at, ",\"droppedEventsCount\":", view->dropped_events);
    at = put_links(at, view);
    at = put_count(at, ",\"droppedLinksCount\":", view->dropped_links);
    at = put_status(at, view);
    *at++ = '}';
    return (size_t)(at - out);
}

/* ---- resource and scope ---- */

/* Bound: what stands around one value, a number of it included. */
#define RESOURCE_VALUE_BYTES (32u + JSON_NUMBER_MAX)

static size_t resource_attribute_max(const struct resource_attribute *a)
{
    struct resource_value value;
    size_t bytes = 64 + RESOURCE_VALUE_BYTES + JSON_ESCAPE_GROWTH * strlen(a->key);
    if (!resource_is_list(a))
        return bytes + JSON_ESCAPE_GROWTH * (a->text ? strlen(a->text) : 0);
    for (const char *at = NULL; resource_item_next(a, &at, &value);)
        bytes += RESOURCE_VALUE_BYTES + JSON_ESCAPE_GROWTH * strlen(value.text);
    return bytes;
}

size_t otlp_json_resource_max(const struct resource *resource)
{
    size_t bytes = 64;
    for (unsigned i = 0; i < resource->nr; i++)
        bytes += resource_attribute_max(&resource->attributes[i]);
    return bytes;
}

static unsigned char *put_resource_value(unsigned char *at, const struct resource_value *value)
{
    switch (value->kind) {
    case ATTRIBUTE_INT: return put_int_value(at, value->number);
    case ATTRIBUTE_BOOL:
        return json_put(at, value->truth ? "{\"boolValue\":true}" : "{\"boolValue\":false}");
    case ATTRIBUTE_DOUBLE:
        at = json_put_double(json_put(at, "{\"doubleValue\":"), value->real);
        break;
    default: at = json_put_string(json_put(at, "{\"stringValue\":"), value->text);
    }
    *at++ = '}';
    return at;
}

static unsigned char *put_resource_attribute(unsigned char *at, const struct resource_attribute *a)
{
    struct resource_value value = resource_value_of(a);
    if (!resource_is_list(a))
        return put_resource_value(at, &value);
    unsigned char *first = at = json_put(at, "{\"arrayValue\":{\"values\":[");
    for (const char *item = NULL; resource_item_next(a, &item, &value);)
        at = put_resource_value(at > first ? json_put(at, ",") : at, &value);
    return json_put(at, "]}}");
}

unsigned char *otlp_json_resource(unsigned char *at, const struct resource *resource)
{
    at = json_put(at, "{\"attributes\":[");
    for (unsigned i = 0; i < resource->nr; i++) {
        const struct resource_attribute *attribute = &resource->attributes[i];
        at = json_put_string(json_put(at, i ? ",{\"key\":" : "{\"key\":"), attribute->key);
        at = json_put(at, ",\"value\":");
        at = put_resource_attribute(at, attribute);
        *at++ = '}';
    }
    return json_put(at, "]}");
}

unsigned char *otlp_json_scope(unsigned char *at, unsigned scope, const struct exporter_host *host)
{
    char name[SCOPE_NAME_MAX];
    format_scope_name(host, scope, name);
    at = json_put_string(json_put(at, "{\"name\":"), name);
    at = json_put_string(json_put(at, ",\"version\":"), host->version);
    *at++ = '}';
    return at;
}

/* ---- a request ---- */

#define BEFORE_RESOURCE "{\"resourceSpans\":[{\"resource\":"
#define BEFORE_SCOPES ",\"scopeSpans\":["
#define SCHEMA ",\"schemaUrl\":\"" SEMCONV_SCHEMA_URL "\"}"
#define AFTER_SCOPES "]" SCHEMA "]}"
#define AROUND_MAX_BYTES 512u /* of the above and one scope's */

struct json_encoder {
    const struct exporter_host *host;
    unsigned char *resource;
    size_t resource_bytes;
    struct request_buffer buffer;
    struct encoded_span sorted[];
};

static void *json_open(const struct resource *resource, const struct exporter_host *host,
                       unsigned max_spans)
{
    struct json_encoder *encoder =
        calloc(1, sizeof *encoder + max_spans * sizeof encoder->sorted[0]);
    if (!encoder)
        return NULL;
    encoder->host = host;
    encoder->resource = malloc(otlp_json_resource_max(resource));
    if (!encoder->resource) {
        free(encoder);
        return NULL;
    }
    encoder->resource_bytes =
        (size_t)(otlp_json_resource(encoder->resource, resource) - encoder->resource);
    return encoder;
}

static void json_close(void *self)
{
    struct json_encoder *encoder = self;
    free(encoder->resource);
    free(encoder->buffer.memory);
    free(encoder);
}

static size_t json_span(void *self, const struct span_view *view, unsigned char *out)
{
    (void)self;
    return otlp_json_span(view, out);
}

static unsigned char *put_spans(unsigned char *at, const struct encoded_span *spans,
                                unsigned nr_spans)
{
    for (unsigned i = 0; i < nr_spans; i++) {
        if (i)
            *at++ = ',';
        memcpy(at, spans[i].data, spans[i].len);
        at += spans[i].len;
    }
    return at;
}

static bool json_request(void *self, const struct encoded_span *spans, unsigned nr_spans,
                         struct body *out)
{
    struct json_encoder *encoder = self;
    struct scope_groups groups;
    size_t bytes = encoder->resource_bytes + (FORMAT_MAX_SCOPES + 1) * AROUND_MAX_BYTES;
    format_group(spans, nr_spans, encoder->sorted, &groups);
    for (unsigned i = 0; i < nr_spans; i++)
        bytes += spans[i].len + 1;
    unsigned char *start = request_reserve(&encoder->buffer, bytes), *at = start;
    if (!start)
        return false;
    at = json_put(at, BEFORE_RESOURCE);
    memcpy(at, encoder->resource, encoder->resource_bytes);
    at = json_put(at + encoder->resource_bytes, BEFORE_SCOPES);
    for (unsigned scope = 0, n = 0; scope < FORMAT_MAX_SCOPES; scope++) {
        unsigned first = groups.first[scope], count = groups.first[scope + 1] - first;
        if (count == 0)
            continue;
        at = otlp_json_scope(json_put(at, n++ ? ",{\"scope\":" : "{\"scope\":"), scope,
                             encoder->host);
        at = put_spans(json_put(at, ",\"spans\":["), encoder->sorted + first, count);
        at = json_put(at, "]" SCHEMA);
    }
    at = json_put(at, AFTER_SCOPES);
    *out = (struct body){ start, (size_t)(at - start), nr_spans };
    return true;
}

bool otlp_json_response(const unsigned char *data, size_t len, struct response *out)
{
    struct json_value answer, partial, member;
    char message[sizeof out->message];
    *out = (struct response){ 0 };
    if (len == 0)
        return true;
    if (!json_read(data, len, &answer) || *answer.at != '{')
        return false;
    if (!json_member(answer, "partialSuccess", &partial))
        return true;
    if (json_member(partial, "rejectedSpans", &member))
        json_integer(member, &out->rejected_spans);
    if (json_member(partial, "errorMessage", &member) && json_text(member, message, sizeof message))
        response_message(out, message, strlen(message));
    return true;
}

const struct format otlp_json = {
    .span_max_bytes = OTLP_JSON_SPAN_MAX_BYTES,
    .open = json_open,
    .close = json_close,
    .span = json_span,
    .request = json_request,
    .response = otlp_json_response,
};
