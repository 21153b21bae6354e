/*
 * A span as one line of JSON in OTLP/JSON's form: the members of the Span
 * message, and beside them `scope` and `resource`, so that a line stands alone.
 */
#ifndef OTELSHIM_CONSOLE_JSON_H
#define OTELSHIM_CONSOLE_JSON_H

#include "exporter.h"
#include "resource/resource.h"
#include "span_view.h"
#include "text_buffer.h"

void console_json_put(struct text_buffer *out, const struct span_view *view,
                      const struct resource *resource, const struct exporter_host *host);

#endif
