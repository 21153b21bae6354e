/*
 * Spans in Zipkin's form (JSON, version 2), by OpenTelemetry's mapping: attributes are
 * tags (all texts), events annotations (those with attributes as JSON); INTERNAL has no kind;
 * links have no place.
 * A request is the list of them.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "format.h"
#include "json.h"

#define NS_PER_US UINT64_C(1000)

/* Bound: one span. What grows most is a control character in a list, escaped twice: `\\\\u0001`. */
#define ZIPKIN_GROWTH 7u
#define ZIPKIN_SPAN_MAX_BYTES \
    (ZIPKIN_GROWTH * RECORD_MAX_BYTES + (VIEW_MAX_ATTRIBUTES + VIEW_MAX_EVENTS) * 160u + \
     VIEW_MAX_EVENT_ATTRIBUTES * 48u + 2048u)

struct zipkin_encoder {
    const struct exporter_host *host;
    unsigned char *local; /* what ends every span: "localEndpoint" and the last brace */
    size_t local_bytes;
    struct request_buffer buffer;
};

/* ---- tags ---- */

/* A JSON text inside of a text: its quotes and backslashes are escaped again. */
static unsigned char *put_inner_text(unsigned char *at, struct text text)
{
    at = json_put(at, "\\\"");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char once[JSON_ESCAPE_GROWTH];
        const struct text c = { text.data + i, 1 };
        size_t len = (size_t)(json_put_escaped(once, c) - once);
        at = json_put_escaped(at, (struct text){ once, len });
    }
    return json_put(at, "\\\"");
}

/* A JSON list of texts, as the text of a tag. */
static unsigned char *put_list(unsigned char *at, const struct field_view *field)
{
    size_t pos = 0;
    struct text text;
    *at++ = '[';
    for (bool first = true; string_array_next(field, &pos, &text); first = false)
        at = put_inner_text(json_put(at, first ? "" : ","), text);
    *at++ = ']';
    return at;
}

/* The value as a text, without quotes. */
static unsigned char *put_value(unsigned char *at, const struct field_view *field)
{
    int64_t number;
    double real;
    switch (field->type) {
    case FIELD_INT: memcpy(&number, field->data, sizeof number); return json_put_i64(at, number);
    case FIELD_DOUBLE:
        memcpy(&real, field->data, sizeof real);
        return real == real && real - real == 0 ? json_put_double(at, real)
                                                : json_put(at, real != real ? "NaN"
                                                               : real > 0   ? "Infinity"
                                                                            : "-Infinity");
    case FIELD_BOOL: return json_put(at, field->data[0] ? "true" : "false");
    case FIELD_STRING_ARRAY: return put_list(at, field);
    default: return json_put_escaped(at, (struct text){ field->data, field->len });
    }
}

static unsigned char *put_count(unsigned char *at, const char *key, uint32_t count)
{
    if (count == 0)
        return at;
    at = json_put(json_put(json_put(at, ",\""), key), "\":\"");
    return json_put(json_put_u64(at, count), "\"");
}

static unsigned char *put_status(unsigned char *at, const struct span_view *view)
{
    switch (span_view_status(view)) {
    case STATUS_UNSET: return at;
    case STATUS_OK: return json_put(at, ",\"otel.status_code\":\"OK\"");
    case STATUS_ERROR: break;
    }
    at = json_put(at, ",\"otel.status_code\":\"ERROR\",\"error\":");
    return json_put_text(at, view->status_message);
}

static unsigned char *put_tags(unsigned char *at, const struct zipkin_encoder *encoder,
                               const struct span_view *view)
{
    char scope[SCOPE_NAME_MAX];
    format_scope_name(encoder->host, view->record->scope, scope);
    at = json_put_string(json_put(at, ",\"tags\":{\"otel.scope.name\":"), scope);
    at = json_put_string(json_put(at, ",\"otel.scope.version\":"), encoder->host->version);
    for (unsigned i = 0; i < view->nr_attributes; i++) {
        struct field_view value;
        struct attribute_key key = attribute_key(&view->attributes[i], &value);
        at = json_put_escaped(json_put(at, ",\""), key.begin);
        at = json_put(json_put_escaped(at, key.end), "\":\"");
        at = json_put(put_value(at, &value), "\"");
    }
    at = put_status(at, view);
    at = put_count(at, "otel.dropped_attributes_count", view->dropped_attributes);
    at = put_count(at, "otel.dropped_events_count", view->dropped_events);
    at = put_count(at, "otel.dropped_links_count", view->dropped_links);
    *at++ = '}';
    return at;
}

/* ---- a span ---- */

/* A number or truth value inside of a JSON text; what is no number there is a text. */
static unsigned char *put_inner_value(unsigned char *at, const struct field_view *value)
{
    unsigned char text[JSON_NUMBER_MAX], *end = put_value(text, value);
    if (value->type == FIELD_DOUBLE && (end[-1] == 'N' || end[-1] == 'y'))
        return put_inner_text(at, (struct text){ text, (size_t)(end - text) });
    memcpy(at, text, (size_t)(end - text));
    return at + (end - text);
}

/* `{"name":{"key":value,…}}` as a text. */
static unsigned char *put_event_json(unsigned char *at, const struct event_view *event)
{
    struct field_view attribute, value;
    size_t pos = 0;
    at = json_put(put_inner_text(json_put(at, "\"{"), event->name), ":{");
    for (bool first = true; event_attribute_next(event, &pos, &attribute); first = false) {
        struct attribute_key key = attribute_key(&attribute, &value);
        at = put_inner_text(json_put(at, first ? "" : ","), key.begin);
        *at++ = ':';
        if (value.type == FIELD_STRING)
            at = put_inner_text(at, (struct text){ value.data, value.len });
        else
            at = put_inner_value(at, &value);
    }
    return json_put(at, "}}\"");
}

static unsigned char *put_annotations(unsigned char *at, const struct span_view *view)
{
    for (unsigned i = 0; i < view->nr_events; i++) {
        at = json_put(at, i ? ",{\"timestamp\":" : ",\"annotations\":[{\"timestamp\":");
        at = json_put_u64(at, view->events[i].unix_ns / NS_PER_US);
        at = json_put(at, ",\"value\":");
        at = view->events[i].attributes.len ? put_event_json(at, &view->events[i])
                                            : json_put_text(at, view->events[i].name);
        *at++ = '}';
    }
    return json_put(at, view->nr_events ? "]" : "");
}

/* Which member of an endpoint a peer's address is. */
static const char *address_member(const struct field_view *field)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char address[sizeof(struct in6_addr)];
    memcpy(text, field->data, field->len < sizeof text ? field->len : 0);
    if (inet_pton(AF_INET, text, address) == 1)
        return "ipv4";
    return inet_pton(AF_INET6, text, address) == 1 ? "ipv6" : "serviceName";
}

/* Whom a client called: the server's name, else the peer's address. */
static unsigned char *put_remote(unsigned char *at, const struct span_view *view)
{
    const struct field_view *server = span_view_find(view, ATTR_SERVER_ADDRESS);
    const struct field_view *peer = span_view_find(view, ATTR_NETWORK_PEER_ADDRESS);
    const struct field_view *field = server ? server : peer;
    uint8_t kind = span_view_kind(view);
    if ((kind != SPAN_CLIENT && kind != SPAN_PRODUCER) || !field || field->type != FIELD_STRING ||
        field->len == 0)
        return at;
    at = json_put(at, ",\"remoteEndpoint\":{\"");
    at = json_put(json_put(at, server ? "serviceName" : address_member(peer)), "\":");
    at = json_put_text(at, (struct text){ field->data, field->len });
    *at++ = '}';
    return at;
}

static unsigned char *put_ids(unsigned char *at, const struct record *record)
{
    at = json_put_hex(json_put(at, "{\"traceId\":\""), record->trace_id, 16);
    at = json_put_hex(json_put(at, "\",\"id\":\""), record->span_id, 8);
    if (record->flags & RECORD_HAS_PARENT)
        at = json_put_hex(json_put(at, "\",\"parentId\":\""), record->parent_span_id, 8);
    return json_put(at, "\"");
}

static size_t zipkin_span(void *self, const struct span_view *view, unsigned char *out)
{
    static const char *const kinds[] = {
        [SPAN_INTERNAL] = "",
        [SPAN_SERVER] = ",\"kind\":\"SERVER\"",
        [SPAN_CLIENT] = ",\"kind\":\"CLIENT\"",
        [SPAN_PRODUCER] = ",\"kind\":\"PRODUCER\"",
        [SPAN_CONSUMER] = ",\"kind\":\"CONSUMER\"",
    };
    const struct zipkin_encoder *encoder = self;
    uint8_t kind = span_view_kind(view);
    uint64_t us = (view->end_unix_ns - view->start_unix_ns + NS_PER_US / 2) / NS_PER_US;
    unsigned char *at = put_ids(out, view->record);
    at = json_put_text(json_put(at, ",\"name\":"), view->name);
    at = json_put(at, kinds[kind]);
    at = json_put_u64(json_put(at, ",\"timestamp\":"), view->start_unix_ns / NS_PER_US);
    at = json_put_u64(json_put(at, ",\"duration\":"), us ? us : 1); /* 0 is no duration there */
    at = put_remote(at, view);
    at = put_annotations(at, view);
    at = put_tags(at, encoder, view);
    return (size_t)(at - out); /* the request ends it */
}

/* ---- a request ---- */

static void *zipkin_open(const struct resource *resource, const struct exporter_host *host,
                         unsigned max_spans)
{
    struct zipkin_encoder *encoder = calloc(1, sizeof *encoder);
    const char *service = resource_service_name(resource);
    (void)max_spans;
    if (!encoder)
        return NULL;
    encoder->host = host;
    encoder->local = malloc(64 + JSON_ESCAPE_GROWTH * strlen(service));
    if (!encoder->local) {
        free(encoder);
        return NULL;
    }
    unsigned char *at = json_put(encoder->local, ",\"localEndpoint\":{\"serviceName\":");
    at = json_put(json_put_string(at, service), "}}");
    encoder->local_bytes = (size_t)(at - encoder->local);
    return encoder;
}

static void zipkin_close(void *self)
{
    struct zipkin_encoder *encoder = self;
    free(encoder->local);
    free(encoder->buffer.memory);
    free(encoder);
}

static bool zipkin_request(void *self, const struct encoded_span *spans, unsigned nr_spans,
                           struct body *out)
{
    struct zipkin_encoder *encoder = self;
    size_t bytes = 2;
    for (unsigned i = 0; i < nr_spans; i++)
        bytes += spans[i].len + encoder->local_bytes + 1;
    unsigned char *start = request_reserve(&encoder->buffer, bytes), *at = start;
    if (!start)
        return false;
    for (unsigned i = 0; i < nr_spans; i++) {
        *at++ = i ? ',' : '[';
        memcpy(at, spans[i].data, spans[i].len);
        memcpy(at + spans[i].len, encoder->local, encoder->local_bytes);
        at += spans[i].len + encoder->local_bytes;
    }
    *at++ = ']';
    *out = (struct body){ start, (size_t)(at - start), nr_spans };
    return true;
}

const struct format zipkin_json = {
    .span_max_bytes = ZIPKIN_SPAN_MAX_BYTES,
    .open = zipkin_open,
    .close = zipkin_close,
    .span = zipkin_span,
    .request = zipkin_request,
};
