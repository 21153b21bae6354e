/*
 * Writes the JSON of console_json.h: OTLP's span, with two members more before its
 * last brace.
 */
#include "console_json.h"

#include "json.h"
#include "otlp/otlp.h"

void console_json_put(struct text_buffer *out, const struct span_view *view,
                      const struct resource *resource, const struct exporter_host *host)
{
    size_t room =
        OTLP_JSON_SPAN_MAX_BYTES + OTLP_JSON_SCOPE_MAX_BYTES + otlp_json_resource_max(resource);
    unsigned char *start = (unsigned char *)text_reserve(out, room), *at = start;
    if (!start)
        return;
    at += otlp_json_span(view, at) - 1;
    at = otlp_json_scope(json_put(at, ",\"scope\":"), view->record->scope, host);
    at = otlp_json_resource(json_put(at, ",\"resource\":"), resource);
    at = json_put(at, "}\n");
    out->len += (size_t)(at - start);
}
