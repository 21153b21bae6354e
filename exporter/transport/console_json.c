/*
 * Writes the JSON of console_json.h. OTLP/JSON: ids in hex, 64-bit numbers as
 * decimal strings, enums as numbers, members at their default left out.
 */
#include "console_json.h"

#include <inttypes.h>
#include <math.h>

#define STATUS_CODE_ERROR 2

/* `data` is UTF-8. What JSON must not hold raw is escaped. */
static void put_escaped(struct text_buffer *out, const unsigned char *data, size_t len)
{
    size_t plain = 0; /* bytes before i that wait to be copied */
    for (size_t i = 0; i <= len; i++) {
        bool end = i == len;
        if (!end && data[i] >= 0x20 && data[i] != '"' && data[i] != '\\' && data[i] != 0x7F)
            continue;
        text_put(out, data + plain, i - plain);
        plain = i + 1;
        if (end)
            break;
        if (data[i] == '"' || data[i] == '\\')
            text_printf(out, "\\%c", data[i]);
        else
            text_printf(out, "\\u%04x", data[i]);
    }
}

static void put_json_text(struct text_buffer *out, const unsigned char *data, size_t len)
{
    text_puts(out, "\"");
    put_escaped(out, data, len);
    text_puts(out, "\"");
}

static void put_json_string(struct text_buffer *out, const char *text)
{
    put_json_text(out, (const unsigned char *)text, strlen(text));
}

static void put_double(struct text_buffer *out, double v)
{
    if (isnan(v))
        text_puts(out, "\"NaN\"");
    else if (isinf(v))
        text_puts(out, v < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    else
        text_printf(out, "%.17g", v);
}

static void put_array(struct text_buffer *out, const struct field_view *field, size_t pos)
{
    struct text text;
    text_puts(out, "{\"arrayValue\":{\"values\":[");
    for (bool first = true; string_array_next(field, &pos, &text); first = false) {
        text_puts(out, first ? "{\"stringValue\":" : ",{\"stringValue\":");
        put_json_text(out, text.data, text.len);
        text_puts(out, "}");
    }
    text_puts(out, "]}}");
}

/* `pos`: where an array's values begin. */
static void put_value(struct text_buffer *out, const struct field_view *field, size_t pos)
{
    int64_t number;
    double real;
    switch (field->type) {
    case FIELD_INT:
        memcpy(&number, field->data, sizeof number);
        text_printf(out, "{\"intValue\":\"%" PRId64 "\"}", number);
        break;
    case FIELD_DOUBLE:
        memcpy(&real, field->data, sizeof real);
        text_puts(out, "{\"doubleValue\":");
        put_double(out, real);
        text_puts(out, "}");
        break;
    case FIELD_BOOL:
        text_printf(out, "{\"boolValue\":%s}", field->data[0] ? "true" : "false");
        break;
    case FIELD_STRING_ARRAY:
    case FIELD_NAMED_ARRAY: put_array(out, field, pos); break;
    default:
        text_puts(out, "{\"stringValue\":");
        put_json_text(out, field->data, field->len);
        text_puts(out, "}");
    }
}

static void put_attributes(struct text_buffer *out, const struct span_view *view)
{
    if (view->nr_attributes == 0)
        return;
    text_puts(out, ",\"attributes\":[");
    for (unsigned i = 0; i < view->nr_attributes; i++) {
        size_t pos;
        struct attribute_key key = attribute_key(&view->attributes[i], &pos);
        text_puts(out, i ? ",{\"key\":\"" : "{\"key\":\"");
        put_escaped(out, key.begin.data, key.begin.len);
        put_escaped(out, key.end.data, key.end.len);
        text_puts(out, "\",\"value\":");
        put_value(out, &view->attributes[i], pos);
        text_puts(out, "}");
    }
    text_puts(out, "]");
}

static void put_events(struct text_buffer *out, const struct span_view *view)
{
    for (unsigned i = 0; i < view->nr_events; i++) {
        struct text name = event_name_text(view->events[i].name);
        text_printf(out, "%s{\"timeUnixNano\":\"%" PRIu64 "\",\"name\":\"%.*s\"}",
                    i ? "," : ",\"events\":[", view->events[i].unix_ns, (int)name.len, name.data);
    }
    text_puts(out, view->nr_events ? "]" : "");
}

static void put_links(struct text_buffer *out, const struct span_view *view)
{
    for (unsigned i = 0; i < view->nr_links; i++) {
        const struct record_link *link = &view->links[i];
        text_puts(out, i ? ",{\"traceId\":\"" : ",\"links\":[{\"traceId\":\"");
        text_put_hex(out, link->trace_id, sizeof link->trace_id);
        text_puts(out, "\",\"spanId\":\"");
        text_put_hex(out, link->span_id, sizeof link->span_id);
        text_printf(out, "\",\"flags\":%" PRIu32 "}", link_flags(link));
    }
    text_puts(out, view->nr_links ? "]" : "");
}

static void put_count(struct text_buffer *out, const char *key, uint32_t count)
{
    if (count)
        text_printf(out, ",\"%s\":%" PRIu32, key, count);
}

static void put_ids(struct text_buffer *out, const struct span_view *view)
{
    const struct record *record = view->record;
    text_puts(out, "{\"traceId\":\"");
    text_put_hex(out, record->trace_id, sizeof record->trace_id);
    text_puts(out, "\",\"spanId\":\"");
    text_put_hex(out, record->span_id, sizeof record->span_id);
    if (view->tracestate.len) {
        text_puts(out, "\",\"traceState\":");
        put_json_text(out, view->tracestate.data, view->tracestate.len);
    } else {
        text_puts(out, "\"");
    }
    if (record->flags & RECORD_HAS_PARENT) {
        text_puts(out, ",\"parentSpanId\":\"");
        text_put_hex(out, record->parent_span_id, sizeof record->parent_span_id);
        text_puts(out, "\"");
    }
}

static void put_status(struct text_buffer *out, const struct span_view *view)
{
    if (!(view->record->flags & RECORD_ERROR))
        return;
    text_printf(out, ",\"status\":{\"code\":%d", STATUS_CODE_ERROR);
    if (view->status_message.len) {
        text_puts(out, ",\"message\":");
        put_json_text(out, view->status_message.data, view->status_message.len);
    }
    text_puts(out, "}");
}

static void put_scope(struct text_buffer *out, unsigned scope, const struct exporter_host *host)
{
    const char *name = host->scope_name(scope);
    text_printf(out, ",\"scope\":{\"name\":\"otelshim%s%s\",\"version\":\"%s\"}", name ? "." : "",
                name ? name : "", host->version);
}

static void put_resource(struct text_buffer *out, const struct resource *resource)
{
    text_puts(out, ",\"resource\":{\"attributes\":[");
    for (unsigned i = 0; i < resource->nr; i++) {
        const struct resource_attribute *attribute = &resource->attributes[i];
        text_puts(out, i ? ",{\"key\":" : "{\"key\":");
        put_json_string(out, attribute->key);
        if (attribute->text) {
            text_puts(out, ",\"value\":{\"stringValue\":");
            put_json_string(out, attribute->text);
            text_puts(out, "}}");
        } else {
            text_printf(out, ",\"value\":{\"intValue\":\"%" PRId64 "\"}}", attribute->number);
        }
    }
    text_puts(out, "]}");
}

void console_json_put(struct text_buffer *out, const struct span_view *view,
                      const struct resource *resource, const struct exporter_host *host)
{
    put_ids(out, view);
    text_printf(out, ",\"flags\":%" PRIu32 ",\"name\":", span_view_flags(view));
    put_json_text(out, view->name.data, view->name.len);
    text_printf(out,
                ",\"kind\":%u,\"startTimeUnixNano\":\"%" PRIu64 "\",\"endTimeUnixNano\":\"%" PRIu64
                "\"",
                span_view_kind(view), view->start_unix_ns, view->end_unix_ns);
    put_attributes(out, view);
    put_count(out, "droppedAttributesCount", view->dropped_attributes);
    put_events(out, view);
    put_count(out, "droppedEventsCount", view->dropped_events);
    put_links(out, view);
    put_count(out, "droppedLinksCount", view->dropped_links);
    put_status(out, view);
    put_scope(out, view->record->scope, host);
    put_resource(out, resource);
    text_puts(out, "}\n");
}
