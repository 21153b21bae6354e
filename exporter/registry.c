/* The exporters there are: one file and one line each. */
#include "sink.h"

extern const struct sink_kind otlp_sink, otlp_file_sink, zipkin_sink, console_sink, plugin_sink;

const struct sink_kind *const sink_kinds[] = {
    &otlp_sink, &otlp_file_sink, &zipkin_sink, &console_sink, &plugin_sink,
};
const unsigned nr_sink_kinds = sizeof sink_kinds / sizeof sink_kinds[0];
