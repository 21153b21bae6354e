/*
 * Every variable that is read, once: name, type, field of struct config, the
 * words it may have as value, default, effect. The parser, docs/CONFIGURATION.md and
 * `otelshim config --list` are made from this list.
 *
 * Rows are read in this order, and of two rows with one field the later one
 * wins where it is set and valid: that is how OTEL_EXPORTER_OTLP_TRACES_TIMEOUT
 * beats OTEL_EXPORTER_OTLP_TIMEOUT. Our own log comes first, so that mistakes
 * in the others go where it says.
 *
 * VAR(name, type, field, words, default, effect)
 */
#ifndef OTELSHIM_SCHEMA_H
#define OTELSHIM_SCHEMA_H

/* TYPE(id, text of the documentation) */
#define CONFIG_TYPES(TYPE) \
    TYPE(BOOL, "true or false") \
    TYPE(MS, "whole milliseconds") \
    TYPE(COUNT, "whole number over 0") \
    TYPE(BYTES, "whole number of bytes, over 0") \
    TYPE(LIMIT, "whole number") \
    TYPE(TEXT, "text (UTF-8)") \
    TYPE(PATH, "path") \
    TYPE(RUN_ID, "text (UTF-8) of at most 256 bytes") \
    TYPE(CHOICE, "word") \
    TYPE(FLAGS, "list of words") \
    TYPE(PROPAGATORS, "list of words") \
    TYPE(SAMPLER, "word") \
    TYPE(RATIO, "number") \
    TYPE(RULES, "rules between `;`") \
    TYPE(BELOW_PARENTS, "list of name=sampler") \
    TYPE(URL, "http:// or https:// URL") \
    TYPE(ENDPOINT, "http:// or https:// URL, unix:/path; gRPC: also host:port") \
    TYPE(TRACES_ENDPOINT, "as above") \
    TYPE(HEADERS, "list of key=value") \
    TYPE(ATTRIBUTES, "list of key=value") \
    TYPE(NAMES, "list of names") \
    TYPE(PATTERNS, "list of regular expressions")

/* SET(id): a set of words that a variable may have. */
#define CONFIG_WORD_SETS(SET) \
    SET(NONE) \
    SET(LOG_LEVEL) \
    SET(EXPORTER) \
    SET(DETECTOR) \
    SET(PROFILE) \
    SET(CONSOLE_FORMAT) \
    SET(SAMPLER) \
    SET(ID_GENERATOR) \
    SET(PROPAGATOR) \
    SET(PROTOCOL) \
    SET(COMPRESSION) \
    SET(PROCESS_SPAN) \
    SET(INLINE_DISPATCH) \
    SET(EXPORTER_RUNS)

#define SAMPLER_PARENT_BASED (1u << 8) /* beside an enum sampler_kind */

/* WORD(set, word, value, BUILT or UNBUILT): the specification also knows words for what
 * this version does not do; one line says so. What does it flips its word to BUILT. Letter
 * case does not matter. */
#define CONFIG_WORDS(WORD) \
    WORD(LOG_LEVEL, "none", LOG_NONE, BUILT) \
    WORD(LOG_LEVEL, "off", LOG_NONE, BUILT) \
    WORD(LOG_LEVEL, "error", LOG_ERROR, BUILT) \
    WORD(LOG_LEVEL, "warn", LOG_WARN, BUILT) \
    WORD(LOG_LEVEL, "warning", LOG_WARN, BUILT) \
    WORD(LOG_LEVEL, "info", LOG_INFO, BUILT) \
    WORD(LOG_LEVEL, "debug", LOG_DEBUG, BUILT) \
    WORD(LOG_LEVEL, "trace", LOG_TRACE, BUILT) \
    WORD(EXPORTER, "otlp", EXPORTER_OTLP, BUILT) \
    WORD(EXPORTER, "console", EXPORTER_CONSOLE, BUILT) \
    WORD(EXPORTER, "none", 0, BUILT) \
    WORD(EXPORTER, "zipkin", EXPORTER_ZIPKIN, BUILT) \
    WORD(EXPORTER, "otlp_file", EXPORTER_OTLP_FILE, BUILT) \
    WORD(EXPORTER, "otlp_file/development", EXPORTER_OTLP_FILE, BUILT) \
    WORD(EXPORTER, "otlp/stdout", EXPORTER_OTLP_STDOUT, BUILT) \
    WORD(DETECTOR, "process", DETECT_PROCESS, BUILT) \
    WORD(DETECTOR, "os", DETECT_OS, BUILT) \
    WORD(DETECTOR, "host", DETECT_HOST, BUILT) \
    WORD(DETECTOR, "container", DETECT_CONTAINER, BUILT) \
    WORD(DETECTOR, "containerid", DETECT_CONTAINER, BUILT) \
    WORD(DETECTOR, "k8s", DETECT_K8S, BUILT) \
    WORD(DETECTOR, "service", DETECT_SERVICE, BUILT) \
    WORD(DETECTOR, "service_instance", DETECT_SERVICE, BUILT) \
    WORD(DETECTOR, "otel", 0, BUILT) \
    WORD(DETECTOR, "*", DETECT_ALL, BUILT) \
    WORD(DETECTOR, "all", DETECT_ALL, BUILT) \
    WORD(DETECTOR, "none", 0, BUILT) \
    WORD(PROFILE, "dev", PROFILE_DEV, BUILT) \
    WORD(PROFILE, "ci", PROFILE_CI, BUILT) \
    WORD(PROFILE, "prod", PROFILE_PROD, BUILT) \
    WORD(PROFILE, "none", PROFILE_NONE, BUILT) \
    WORD(CONSOLE_FORMAT, "tree", CONSOLE_TREE, BUILT) \
    WORD(CONSOLE_FORMAT, "json", CONSOLE_JSON, BUILT) \
    WORD(SAMPLER, "parentbased_always_on", SAMPLER_ALWAYS_ON | SAMPLER_PARENT_BASED, BUILT) \
    WORD(SAMPLER, "parentbased_always_off", SAMPLER_ALWAYS_OFF | SAMPLER_PARENT_BASED, BUILT) \
    WORD(SAMPLER, "parentbased_traceidratio", SAMPLER_RATIO | SAMPLER_PARENT_BASED, BUILT) \
    WORD(SAMPLER, "always_on", SAMPLER_ALWAYS_ON, BUILT) \
    WORD(SAMPLER, "always_off", SAMPLER_ALWAYS_OFF, BUILT) \
    WORD(SAMPLER, "traceidratio", SAMPLER_RATIO, BUILT) \
    WORD(SAMPLER, "parentbased_rate_limited", SAMPLER_RATE | SAMPLER_PARENT_BASED, BUILT) \
    WORD(SAMPLER, "rate_limited", SAMPLER_RATE, BUILT) \
    WORD(SAMPLER, "parentbased_jaeger_remote", 0, UNBUILT) \
    WORD(SAMPLER, "jaeger_remote", 0, UNBUILT) \
    WORD(SAMPLER, "xray", 0, UNBUILT) \
    WORD(ID_GENERATOR, "random", ID_RANDOM, BUILT) \
    WORD(ID_GENERATOR, "xray", ID_XRAY, BUILT) \
    WORD(PROPAGATOR, "tracecontext", PROPAGATE_TRACECONTEXT, BUILT) \
    WORD(PROPAGATOR, "baggage", PROPAGATE_BAGGAGE, BUILT) \
    WORD(PROPAGATOR, "none", 0, BUILT) \
    WORD(PROPAGATOR, "b3", PROPAGATE_B3, BUILT) \
    WORD(PROPAGATOR, "b3multi", PROPAGATE_B3MULTI, BUILT) \
    WORD(PROPAGATOR, "jaeger", PROPAGATE_JAEGER, BUILT) \
    WORD(PROPAGATOR, "xray", PROPAGATE_XRAY, BUILT) \
    WORD(PROPAGATOR, "ottrace", 0, UNBUILT) \
    WORD(PROTOCOL, "http/protobuf", OTLP_HTTP_PROTOBUF, BUILT) \
    WORD(PROTOCOL, "grpc", OTLP_GRPC, BUILT) \
    WORD(PROTOCOL, "http/json", OTLP_HTTP_JSON, BUILT) \
    WORD(COMPRESSION, "none", OTLP_COMPRESSION_NONE, BUILT) \
    WORD(COMPRESSION, "gzip", OTLP_COMPRESSION_GZIP, BUILT) \
    WORD(PROCESS_SPAN, "auto", PROCESS_SPAN_AUTO, BUILT) \
    WORD(PROCESS_SPAN, "always", PROCESS_SPAN_ALWAYS, BUILT) \
    WORD(PROCESS_SPAN, "never", PROCESS_SPAN_NEVER, BUILT) \
    WORD(INLINE_DISPATCH, "auto", INLINE_AUTO, BUILT) \
    WORD(INLINE_DISPATCH, "true", INLINE_TRUE, BUILT) \
    WORD(INLINE_DISPATCH, "false", INLINE_FALSE, BUILT) \
    WORD(EXPORTER_RUNS, "thread", EXPORTER_IS_THREAD, BUILT) \
    WORD(EXPORTER_RUNS, "process", EXPORTER_IS_PROCESS, BUILT)

/* DEFAULT(profile, variable, value, only with the profile's value of this variable or NULL):
 * what OTEL_SHIM_PROFILE sets where nothing else does. */
#define CONFIG_PROFILE_DEFAULTS(DEFAULT) \
    DEFAULT("dev", "OTEL_LOG_LEVEL", "warn", NULL) \
    DEFAULT("dev", "OTEL_BSP_SCHEDULE_DELAY", "500", NULL) \
    DEFAULT("ci", "OTEL_SHIM_PROCESS_SPAN", "always", NULL) \
    DEFAULT("ci", "OTEL_BSP_SCHEDULE_DELAY", "1000", NULL) \
    DEFAULT("ci", "OTEL_SHIM_EXIT_TIMEOUT", "10000", NULL) \
    DEFAULT("prod", "OTEL_TRACES_SAMPLER", "parentbased_traceidratio", NULL) \
    DEFAULT("prod", "OTEL_TRACES_SAMPLER_ARG", "0.1", "OTEL_TRACES_SAMPLER") \
    DEFAULT("prod", "OTEL_SHIM_EXIT_TIMEOUT", "500", NULL)

/* NAME(name): rows of the table below that stand there before what they mean does. One
 * line says that the variable is not read; who builds it takes the name out of here. */
#define CONFIG_UNBUILT_VARIABLES(NAME)

#define CONFIG_VARIABLES(VAR) \
    VAR("OTEL_SHIM_LOG_FILE", PATH, log_file, NONE, "", \
        "File that otelshim's own log is appended to, instead of stderr") \
    VAR("OTEL_LOG_LEVEL", CHOICE, log_level, LOG_LEVEL, "info", \
        "How much otelshim says about itself; set, a collector that takes no spans is told of on stderr, too") \
    VAR("OTEL_SDK_DISABLED", BOOL, disabled, NONE, "false", "No telemetry at all") \
    VAR("OTEL_EXPERIMENTAL_CONFIG_FILE", PATH, config_file, NONE, "", \
        "Read where OTEL_CONFIG_FILE is not set") \
    VAR("OTEL_CONFIG_FILE", PATH, config_file, NONE, "the one above", \
        "Declarative configuration (YAML), see below: of the variables only those that begin " \
        "with OTEL_SHIM_ hold beside it, and they beat it") \
    VAR("OTEL_SHIM_PROFILE", CHOICE, profile, PROFILE, "none", \
        "Other defaults for what is not set, see below") \
    VAR("OTEL_SHIM_INCLUDE_EXECUTABLES", NAMES, include_executables, NONE, "", \
        "Programs that are traced, where not all are: globs (`?`, `*`) of file names or, with a " \
        "`/`, of absolute paths. In any other one otelshim only hands its variables on") \
    VAR("OTEL_SHIM_EXCLUDE_EXECUTABLES", NAMES, exclude_executables, NONE, "", \
        "Programs that are not traced, likewise; beats OTEL_SHIM_INCLUDE_EXECUTABLES") \
    VAR("OTEL_SHIM_REQUIRE_SERVICE_NAME", BOOL, require_service_name, NONE, "false", \
        "No telemetry without OTEL_SERVICE_NAME or service.name in OTEL_RESOURCE_ATTRIBUTES") \
    VAR("OTEL_SHIM_REQUIRE_ENVIRONMENT", BOOL, require_environment, NONE, "false", \
        "No telemetry without DEPLOYMENT_ENVIRONMENT or deployment.environment.name in " \
        "OTEL_RESOURCE_ATTRIBUTES") \
    VAR("OTEL_SERVICE_NAME", TEXT, service_name, NONE, "the executable's name", \
        "service.name of the resource") \
    VAR("OTEL_RESOURCE_ATTRIBUTES", ATTRIBUTES, resource, NONE, "", \
        "Attributes of the resource; `,` `=` `%` inside are percent-encoded") \
    VAR("OTEL_SHIM_RUN_ID", RUN_ID, run_id, NONE, "a random one", \
        "Attribute otelshim.run_id of every span. The random one is made by the first traced " \
        "process and handed to all that it starts; `none` = no attribute") \
    VAR("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", FLAGS, detectors, DETECTOR, "*", \
        "What the resource says beside the variables; a detector that finds nothing, or is not known here, adds nothing") \
    VAR("OTEL_TRACES_EXPORTER", FLAGS, exporters, EXPORTER, "otlp", "Where spans go") \
    VAR("OTEL_SHIM_CONSOLE_FORMAT", CHOICE, console_format, CONSOLE_FORMAT, "tree", \
        "What the console exporter prints on stderr") \
    VAR("OTEL_SHIM_CONSOLE_COLLECT", PATH, console_collect, NONE, "", \
        "File in which `otelshim run --console` collects the spans of all processes") \
    VAR("OTEL_SHIM_EXPORTER_PLUGINS", NAMES, exporter_plugins, NONE, "", \
        "Paths of shared objects that get the spans, too (otelshim_exporter.h); each must be " \
        "named by OTEL_SHIM_ALLOWED_EXPORTERS") \
    VAR("OTEL_SHIM_ALLOWED_EXPORTERS", NAMES, allowed_exporters, NONE, "every built-in one", \
        "Exporters that may be used: words of OTEL_TRACES_EXPORTER, and plugins by their path " \
        "or their file's name without `.so`; others stay off") \
    VAR("OTEL_SHIM_FILE_PATH", PATH, file.path, NONE, "otelshim-traces.jsonl", \
        "Where the otlp_file exporter writes: OTLP JSON, a request a line; `-` = stdout") \
    VAR("OTEL_SHIM_FILE_MAX_BYTES", BYTES, file.max_bytes, NONE, "67108864", \
        "Size at which that file is rotated") \
    VAR("OTEL_EXPORTER_ZIPKIN_ENDPOINT", URL, zipkin.url, NONE, \
        "http://localhost:9411/api/v2/spans", "Where the zipkin exporter sends to") \
    VAR("OTEL_EXPORTER_ZIPKIN_TIMEOUT", MS, zipkin.timeout_ms, NONE, "10000", \
        "Time for one attempt of the zipkin exporter; 0 = no limit") \
    VAR("OTEL_TRACES_SAMPLER", SAMPLER, sampler, SAMPLER, "parentbased_always_on", \
        "Which traces are recorded") \
    VAR("OTEL_TRACES_SAMPLER_ARG", RATIO, sampler_ratio, NONE, "1.0", \
        "For traceidratio samplers the share of traces, 0 to 1; for rate_limited ones the root " \
        "spans a second and process, 0.001 to 1000000 (100 without it)") \
    VAR("OTEL_SHIM_PARENT_SAMPLERS", BELOW_PARENTS, below, NONE, "as the parent is", \
        "For parentbased samplers what is done below a parent: `remote_parent_sampled`, " \
        "`remote_parent_not_sampled`, `local_parent_sampled`, `local_parent_not_sampled`, each " \
        "`=always_on`, `=always_off` or `=` a share of traces, 0 to 1: " \
        "`remote_parent_not_sampled=0.01`") \
    VAR("OTEL_SHIM_SAMPLING_RULES", RULES, rules, NONE, "", \
        "Spans that are dropped or kept by what is known at their start, see below: " \
        "`path=/healthz drop; route=/pay/* keep; instrumentation=dns 0.1`") \
    VAR("OTEL_PYTHON_ID_GENERATOR", CHOICE, id_generator, ID_GENERATOR, "random", \
        "Read where OTEL_SHIM_ID_GENERATOR is not set") \
    VAR("OTEL_SHIM_ID_GENERATOR", CHOICE, id_generator, ID_GENERATOR, "the one above", \
        "How trace ids are made: xray = the first 32 bits are the time in seconds, as AWS X-Ray " \
        "wants them") \
    VAR("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", LIMIT, limits.value_length, NONE, "no limit", \
        "Characters of an attribute's value that are kept (the bounds of docs/LIMITS.md hold " \
        "all the same)") \
    VAR("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", LIMIT, limits.value_length, NONE, \
        "the one above", "As above, for spans") \
    VAR("OTEL_ATTRIBUTE_COUNT_LIMIT", LIMIT, limits.attributes, NONE, "128", \
        "Attributes of a span that are kept, at most 128; others are counted as dropped") \
    VAR("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", LIMIT, limits.attributes, NONE, "the one above", \
        "As above, for spans") \
    VAR("OTEL_SPAN_EVENT_COUNT_LIMIT", LIMIT, limits.events, NONE, "128", \
        "Events of a span that are kept, at most 128; others are counted as dropped") \
    VAR("OTEL_SPAN_LINK_COUNT_LIMIT", LIMIT, limits.links, NONE, "128", \
        "Links of a span that are kept, at most 128; others are counted as dropped") \
    VAR("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", LIMIT, limits.event_attributes, NONE, "128", \
        "Attributes of an event that are kept, at most 128") \
    VAR("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", LIMIT, limits.link_attributes, NONE, "128", \
        "Attributes of a link that are kept (links of this version have none)") \
    VAR("OTEL_PROPAGATORS", PROPAGATORS, propagator_order, PROPAGATOR, "tracecontext,baggage", \
        "Headers and variables that carry the context on: all of them are sent; of those that come " \
        "in, the last one named here that holds a context counts") \
    VAR("OTEL_BSP_SCHEDULE_DELAY", MS, bsp.schedule_delay_ms, NONE, "5000", \
        "Longest time that a span waits for its batch to fill") \
    VAR("OTEL_BSP_EXPORT_TIMEOUT", MS, bsp.export_timeout_ms, NONE, "30000", \
        "Time for one batch with all its attempts; 0 = no limit") \
    VAR("OTEL_BSP_MAX_QUEUE_SIZE", COUNT, bsp.max_queue_size, NONE, "2048", \
        "Spans that wait in the exporter at most; more are dropped and counted") \
    VAR("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", COUNT, bsp.max_export_batch_size, NONE, "512", \
        "Spans in one request, at most the queue size") \
    VAR("OTEL_EXPORTER_OTLP_PROTOCOL", CHOICE, otlp.protocol, PROTOCOL, "http/protobuf", \
        "Wire format") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", CHOICE, otlp.protocol, PROTOCOL, "the one above", \
        "As above, for traces") \
    VAR("OTEL_EXPORTER_OTLP_ENDPOINT", ENDPOINT, otlp.traces_url, NONE, "http://localhost:4318", \
        "Collector; /v1/traces is appended (gRPC: http://localhost:4317, its path does not count)") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", TRACES_ENDPOINT, otlp.traces_url, NONE, \
        "the one above", "Collector for traces, used as it is given") \
    VAR("OTEL_EXPORTER_OTLP_HEADERS", HEADERS, otlp.headers, NONE, "", \
        "Headers of every request, such as authorization; never printed") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_HEADERS", HEADERS, otlp.headers, NONE, "the one above", \
        "As above, for traces") \
    VAR("OTEL_EXPORTER_OTLP_TIMEOUT", MS, otlp.timeout_ms, NONE, "10000", \
        "Time for one attempt; 0 = no limit") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", MS, otlp.timeout_ms, NONE, "the one above", \
        "As above, for traces") \
    VAR("OTEL_EXPORTER_OTLP_COMPRESSION", CHOICE, otlp.compression, COMPRESSION, "none", \
        "Compression of requests") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", CHOICE, otlp.compression, COMPRESSION, \
        "the one above", "As above, for traces") \
    VAR("OTEL_SHIM_OTLP_AWS_SIGV4", TEXT, otlp.aws_sigv4, NONE, "", \
        "REGION:SERVICE (`eu-west-1:xray`): OTLP/HTTP requests are signed for AWS, by " \
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if set, AWS_SESSION_TOKEN") \
    VAR("OTEL_EXPORTER_OTLP_INSECURE", BOOL, otlp.insecure, NONE, "false", \
        "Whether a gRPC endpoint without a scheme is spoken to without TLS") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_INSECURE", BOOL, otlp.insecure, NONE, "the one above", \
        "As above, for traces") \
    VAR("OTEL_EXPORTER_OTLP_CERTIFICATE", PATH, otlp.certificate, NONE, "the system's store", \
        "PEM file of the authorities that the collector is checked by") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", PATH, otlp.certificate, NONE, "the one above", \
        "As above, for traces") \
    VAR("OTEL_EXPORTER_OTLP_CLIENT_KEY", PATH, otlp.client_key, NONE, "", \
        "PEM file of our private key (mutual TLS)") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", PATH, otlp.client_key, NONE, "the one above", \
        "As above, for traces") \
    VAR("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", PATH, otlp.client_certificate, NONE, "", \
        "PEM file of our certificate (mutual TLS)") \
    VAR("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", PATH, otlp.client_certificate, NONE, \
        "the one above", "As above, for traces") \
    VAR("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", NAMES, disabled_instrumentations, NONE, "", \
        "Read where OTEL_SHIM_DISABLED_INSTRUMENTATIONS is not set") \
    VAR("OTEL_SHIM_DISABLED_INSTRUMENTATIONS", NAMES, disabled_instrumentations, NONE, \
        "the one above", "Instrumentations that are off; `*` = all") \
    VAR("OTEL_PYTHON_EXCLUDED_URLS", PATTERNS, disabled, NONE, "", \
        "The last one looked at, see OTEL_SHIM_EXCLUDED_URLS") \
    VAR("OTEL_SHIM_EXCLUDED_URLS", PATTERNS, disabled, NONE, "the one above", \
        "URLs that match get no span and no header. OTEL_SHIM_CURL_EXCLUDED_URLS (any " \
        "instrumentation's name) beats it; then come OTEL_PYTHON_CURL_EXCLUDED_URLS and " \
        "OTEL_PYTHON_EXCLUDED_URLS; the first one set holds") \
    VAR("OTEL_SHIM_HTTP_ROUTES", TEXT, http_routes, NONE, "", \
        "Routes of servers, a list: `/user/{id}`, `/static/*`; the first that matches names the " \
        "span. `auto` in it makes routes of other paths: at most 10 values per segment, the rest " \
        "and identifiers are `*`") \
    VAR("OTEL_SHIM_TRUST_FORWARDED", BOOL, http_trust_forwarded, NONE, "false", \
        "Take client, scheme and host of a server's span from Forwarded, X-Forwarded-* and " \
        "X-Real-IP headers") \
    VAR("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", NAMES, http_known_methods, NONE, \
        "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,TRACE,QUERY", \
        "Methods that spans are named by (letter case matters); all others are `_OTHER`") \
    VAR("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", PATTERNS, disabled, NONE, "", \
        "Headers of requests to a server that its spans show. A pattern must match the whole " \
        "name, letter case does not matter") \
    VAR("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE", PATTERNS, disabled, NONE, "", \
        "As above, of a server's answers") \
    VAR("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", PATTERNS, disabled, NONE, "", \
        "As above, of requests that the program sends") \
    VAR("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE", PATTERNS, disabled, NONE, "", \
        "As above, of the answers it gets") \
    VAR("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS", PATTERNS, disabled, NONE, \
        "authorization,cookie,token,secret,password,api-key,apikey", \
        "Captured headers whose value is shown as `[REDACTED]`. A pattern may match anywhere in " \
        "the name; the list replaces the default one") \
    VAR("OTEL_SHIM_PROCESS_SPAN", CHOICE, process_span, PROCESS_SPAN, "auto", \
        "Whether a program's own life is a span: auto = of a command that did something") \
    VAR("OTEL_SHIM_INLINE_DISPATCH", CHOICE, inline_dispatch, INLINE_DISPATCH, "auto", \
        "Whether the program handles a request in the call chain that has read it: auto = by " \
        "its name (nginx, openresty, tengine, angie)") \
    VAR("OTEL_SHIM_FOLLOW_CHILDREN", BOOL, follow_children, NONE, "true", \
        "Children with a cleared environment get LD_PRELOAD and the OTEL_ variables again") \
    VAR("OTEL_SHIM_KEEP_DEEPBIND", BOOL, keep_deepbind, NONE, "false", \
        "Leave RTLD_DEEPBIND in the program's dlopen calls (libraries opened so are unseen)") \
    VAR("OTEL_SHIM_EXIT_TIMEOUT", MS, exit_timeout_ms, NONE, "2000", \
        "Longest time that a program's end waits for the last export") \
    VAR("OTEL_SHIM_SPOOL_DIR", PATH, spool_dir, NONE, \
        "/dev/shm/otelshim-UID, else /tmp/otelshim-UID", \
        "Absolute path of the directory (mode 0700, ours) in which records lie until they are " \
        "delivered, so that a crash loses none; `none` = in memory only") \
    VAR("OTEL_SHIM_SPOOL_MAX_BYTES", BYTES, spool_max_bytes, NONE, "67108864", \
        "What ended processes may leave there; the oldest are dropped first") \
    VAR("OTEL_SHIM_SPOOL_MAX_AGE", COUNT, spool_max_age_s, NONE, "86400", \
        "Seconds after which it is dropped") \
    VAR("OTEL_SHIM_EXPORTER_PATH", PATH, exporter_path, NONE, "beside libotelshim.so", \
        "The exporter object, libotelshim-exporter.so") \
    VAR("OTEL_SHIM_EXPORTER", CHOICE, exporter_runs, EXPORTER_RUNS, "thread", \
        "Who sends: a thread of each program, or one process for all of a user's programs that " \
        "send to the same place; it is started when it is needed (docs/ARCHITECTURE.md)") \
    VAR("OTEL_SHIM_EXPORTER_COMMAND", PATH, exporter_command, NONE, \
        "beside libotelshim.so, or ../../bin", "That process's program: the command `otelshim`") \
    VAR("OTEL_SHIM_EXPORTER_IDLE_TIMEOUT", MS, exporter_idle_ms, NONE, "30000", \
        "That process ends when it had nothing to send, or could send nothing, for so long")

#endif
