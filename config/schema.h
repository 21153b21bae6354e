/*
 * Every variable that is read, once: name, type, field of struct config, detail
 * of the type, default, effect. The parser, docs/CONFIGURATION.md and
 * `otelshim config --list` are made from this list.
 *
 * Rows are read in this order, and of two rows with one field the later one
 * wins where it is set and valid: that is how OTEL_EXPORTER_OTLP_TRACES_TIMEOUT
 * beats OTEL_EXPORTER_OTLP_TIMEOUT. Our own log comes first, so that mistakes
 * in the others go where it says.
 *
 * VAR(name, type, field, detail, default, effect)
 */
#ifndef OTELSHIM_SCHEMA_H
#define OTELSHIM_SCHEMA_H

/* TYPE(id, text of the documentation) */
#define CONFIG_TYPES(TYPE)                                 \
    TYPE(BOOL, "true or false")                            \
    TYPE(MS, "whole milliseconds")                         \
    TYPE(COUNT, "whole number over 0")                     \
    TYPE(TEXT, "text (UTF-8)")                             \
    TYPE(PATH, "path")                                     \
    TYPE(CHOICE, "one of")                                 \
    TYPE(FLAGS, "list of")                                 \
    TYPE(SAMPLER, "one of")                                \
    TYPE(RATIO, "number from 0 to 1")                      \
    TYPE(ENDPOINT, "http:// or https:// URL")              \
    TYPE(TRACES_ENDPOINT, "http:// or https:// URL")       \
    TYPE(HEADERS, "list of key=value")                     \
    TYPE(ATTRIBUTES, "list of key=value")                  \
    TYPE(NAMES, "list of names")                           \
    TYPE(PATTERNS, "list of regular expressions")          \
    TYPE(NOT_READ, "path")

#define CONFIG_VARIABLES(VAR)                                                                 \
    VAR("OTEL_LOG_LEVEL", CHOICE, log_level, log_levels, "info",                              \
        "How much otelshim says about itself; set, failures to export show on stderr, too")   \
    VAR("OTEL_SHIM_LOG_FILE", PATH, log_file, NULL, "",                                       \
        "File that otelshim's own log is appended to, instead of stderr")                     \
    VAR("OTEL_SDK_DISABLED", BOOL, disabled, NULL, "false",                                   \
        "No telemetry at all")                                                                \
    VAR("OTEL_CONFIG_FILE", NOT_READ, disabled, NULL, "",                                     \
        "Not read by this version: one line says so, the variables hold")                     \
    VAR("OTEL_SERVICE_NAME", TEXT, service_name, NULL, "the executable's name",               \
        "service.name of the resource")                                                       \
    VAR("OTEL_RESOURCE_ATTRIBUTES", ATTRIBUTES, resource, NULL, "",                           \
        "Attributes of the resource; `,` `=` `%` inside are percent-encoded")                 \
    VAR("OTEL_TRACES_EXPORTER", FLAGS, exporters, exporter_kinds, "otlp",                     \
        "Where spans go")                                                                     \
    VAR("OTEL_SHIM_CONSOLE_FORMAT", CHOICE, console_format, console_formats, "tree",          \
        "What the console exporter prints on stderr")                                         \
    VAR("OTEL_SHIM_CONSOLE_COLLECT", PATH, console_collect, NULL, "",                         \
        "File in which `otelshim run --console` collects the spans of all processes")         \
    VAR("OTEL_TRACES_SAMPLER", SAMPLER, sampler, samplers, "parentbased_always_on",           \
        "Which traces are recorded")                                                          \
    VAR("OTEL_TRACES_SAMPLER_ARG", RATIO, sampler_ratio, NULL, "1.0",                         \
        "Share of traces for the traceidratio samplers")                                      \
    VAR("OTEL_PROPAGATORS", FLAGS, propagators, propagators, "tracecontext,baggage",          \
        "Headers and variables that carry the context on")                                    \
    VAR("OTEL_BSP_SCHEDULE_DELAY", MS, bsp.schedule_delay_ms, NULL, "5000",                   \
        "Longest time that a span waits for its batch to fill")                               \
    VAR("OTEL_BSP_EXPORT_TIMEOUT", MS, bsp.export_timeout_ms, NULL, "30000",                  \
        "Time for one batch with all its attempts; 0 = no limit")                             \
    VAR("OTEL_BSP_MAX_QUEUE_SIZE", COUNT, bsp.max_queue_size, NULL, "2048",                   \
        "Spans that wait in the exporter at most; more are dropped and counted")              \
    VAR("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", COUNT, bsp.max_export_batch_size, NULL, "512",      \
        "Spans in one request, at most the queue size")                                       \
    VAR("OTEL_EXPORTER_OTLP_PROTOCOL", CHOICE, otlp.protocol, otlp_protocols,                 \
        "http/protobuf", "Wire format")                                                       \
    VAR("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", CHOICE, otlp.protocol, otlp_protocols,          \
        "the one above", "As above, for traces")                                              \
    VAR("OTEL_EXPORTER_OTLP_ENDPOINT", ENDPOINT, otlp.traces_url, NULL,                       \
        "http://localhost:4318", "Collector; /v1/traces is appended")                         \
    VAR("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", TRACES_ENDPOINT, otlp.traces_url, NULL,         \
        "the one above", "Collector for traces, used as it is given")                         \
    VAR("OTEL_EXPORTER_OTLP_HEADERS", HEADERS, otlp.headers, NULL, "",                        \
        "Headers of every request, such as authorization; never printed")                     \
    VAR("OTEL_EXPORTER_OTLP_TRACES_HEADERS", HEADERS, otlp.headers, NULL,                     \
        "the one above", "As above, for traces")                                              \
    VAR("OTEL_EXPORTER_OTLP_TIMEOUT", MS, otlp.timeout_ms, NULL, "10000",                     \
        "Time for one attempt; 0 = no limit")                                                 \
    VAR("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", MS, otlp.timeout_ms, NULL,                       \
        "the one above", "As above, for traces")                                              \
    VAR("OTEL_EXPORTER_OTLP_COMPRESSION", CHOICE, otlp.compression, otlp_compressions,        \
        "none", "Compression of requests")                                                    \
    VAR("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", CHOICE, otlp.compression,                    \
        otlp_compressions, "the one above", "As above, for traces")                           \
    VAR("OTEL_EXPORTER_OTLP_CERTIFICATE", PATH, otlp.certificate, NULL,                       \
        "the system's store", "PEM file of the authorities that the collector is checked by") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", PATH, otlp.certificate, NULL,                \
        "the one above", "As above, for traces")                                              \
    VAR("OTEL_EXPORTER_OTLP_CLIENT_KEY", PATH, otlp.client_key, NULL, "",                     \
        "PEM file of our private key (mutual TLS)")                                           \
    VAR("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", PATH, otlp.client_key, NULL,                  \
        "the one above", "As above, for traces")                                              \
    VAR("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", PATH, otlp.client_certificate, NULL, "",     \
        "PEM file of our certificate (mutual TLS)")                                           \
    VAR("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", PATH, otlp.client_certificate, NULL,  \
        "the one above", "As above, for traces")                                              \
    VAR("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", NAMES, disabled_instrumentations, NULL, "",  \
        "Read where OTEL_SHIM_DISABLED_INSTRUMENTATIONS is not set")                          \
    VAR("OTEL_SHIM_DISABLED_INSTRUMENTATIONS", NAMES, disabled_instrumentations, NULL,        \
        "the one above", "Instrumentations that are off; `*` = all")                          \
    VAR("OTEL_PYTHON_EXCLUDED_URLS", PATTERNS, disabled, NULL, "",                            \
        "The last one looked at, see OTEL_SHIM_EXCLUDED_URLS")                                \
    VAR("OTEL_SHIM_EXCLUDED_URLS", PATTERNS, disabled, NULL, "the one above",                 \
        "URLs that match get no span and no header. OTEL_SHIM_CURL_EXCLUDED_URLS (any "       \
        "instrumentation's name) beats it; then come OTEL_PYTHON_CURL_EXCLUDED_URLS and "     \
        "OTEL_PYTHON_EXCLUDED_URLS; the first one set holds")                                 \
    VAR("OTEL_SHIM_PROCESS_SPAN", CHOICE, process_span, process_span_modes, "auto",           \
        "Whether a program's own life is a span: auto = of a command that did something")     \
    VAR("OTEL_SHIM_FOLLOW_CHILDREN", BOOL, follow_children, NULL, "true",                     \
        "Children with a cleared environment get LD_PRELOAD and the OTEL_ variables again")   \
    VAR("OTEL_SHIM_KEEP_DEEPBIND", BOOL, keep_deepbind, NULL, "false",                        \
        "Leave RTLD_DEEPBIND in the program's dlopen calls (libraries opened so are not seen)") \
    VAR("OTEL_SHIM_EXIT_TIMEOUT", MS, exit_timeout_ms, NULL, "2000",                          \
        "Longest time that a program's end waits for the last export")                        \
    VAR("OTEL_SHIM_EXPORTER_PATH", PATH, exporter_path, NULL, "beside libotelshim.so",        \
        "The exporter object, libotelshim-exporter.so")

#endif
