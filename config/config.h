/*
 * The effective configuration: read once from the environment, then immutable.
 *
 * Rules for values are the OpenTelemetry specification's (an empty value is an
 * unset one; a bad value is reported in one line, and the default holds). All
 * texts are copied into the configuration's own memory: a program may overwrite
 * its environment (setproctitle, clearenv). Memory comes from our .bss and from
 * mmap, never from the program's malloc, and stays for the life of the process.
 */
#ifndef OTELSHIM_CONFIG_H
#define OTELSHIM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "context/context_fields.h"
#include "diag.h"

/* Bounds, each a row in docs/LIMITS.md. */
#define CONFIG_MAX_RUN_ID 256u  /* bytes of OTEL_SHIM_RUN_ID */
#define CONFIG_MAX_VALUE 65536u /* bytes of one variable; longer ones are refused */
#define CONFIG_MAX_HEADERS 64u
#define CONFIG_MAX_RESOURCE_ATTRIBUTES 128u
#define CONFIG_MAX_PATTERNS 128u       /* regular expressions in one excluded-URLs list */
#define CONFIG_MAX_PROPAGATORS 8u      /* different words of OTEL_PROPAGATORS */
#define CONFIG_MAX_FILE_REFERENCES 32u /* variables of the environment that a file refers to */
#define CONFIG_MAX_FOLLOW_VARS 128u    /* OTEL_* variables handed to children again */

enum exporter_kind {
    EXPORTER_OTLP = 1 << 0,
    EXPORTER_CONSOLE = 1 << 1,
    EXPORTER_ZIPKIN = 1 << 2,
    EXPORTER_OTLP_FILE = 1 << 3,
    EXPORTER_OTLP_STDOUT = 1 << 4,
    EXPORTER_PLUGINS = 1 << 5, /* of OTEL_SHIM_EXPORTER_PLUGINS: no word chooses it */
};
/* X(id, variable, attribute): names that Kubernetes' downward API gives a container. */
#define CONFIG_K8S_VARIABLES(X) \
    X(POD_NAME, "K8S_POD_NAME", "k8s.pod.name") \
    X(NODE_NAME, "K8S_NODE_NAME", "k8s.node.name") \
    X(NAMESPACE_NAME, "K8S_NAMESPACE_NAME", "k8s.namespace.name") \
    X(CONTAINER_NAME, "K8S_CONTAINER_NAME", "k8s.container.name") \
    X(DEPLOYMENT_NAME, "K8S_DEPLOYMENT_NAME", "k8s.deployment.name") \
    X(CLUSTER_NAME, "K8S_CLUSTER_NAME", "k8s.cluster.name")
enum k8s_variable {
#define X(id, variable, key) K8S_##id,
    CONFIG_K8S_VARIABLES(X)
#undef X
        K8S_VARIABLE_COUNT
};
enum resource_detector {
    DETECT_PROCESS = 1 << 0,
    DETECT_OS = 1 << 1,
    DETECT_HOST = 1 << 2,
    DETECT_CONTAINER = 1 << 3,
    DETECT_K8S = 1 << 4,
    DETECT_SERVICE = 1 << 5, /* service.instance.id */
    DETECT_ALL = (1 << 6) - 1,
};
enum console_format { CONSOLE_TREE, CONSOLE_JSON };
enum sampler_kind { SAMPLER_ALWAYS_ON, SAMPLER_ALWAYS_OFF, SAMPLER_RATIO, SAMPLER_RATE };

/* What is done below a parent by samplers that ask it, in the order of its kinds. */
enum parent_kind {
    PARENT_LOCAL_NOT_SAMPLED,
    PARENT_LOCAL_SAMPLED,
    PARENT_REMOTE_NOT_SAMPLED,
    PARENT_REMOTE_SAMPLED,
    PARENT_KINDS
};
struct below_parent {
    bool chosen;    /* clear: as the parent is */
    bool all;       /* every trace */
    uint64_t bound; /* of trace ids that are taken, sdk/sampler.h */
};
enum id_generator { ID_RANDOM, ID_XRAY };
enum propagator_flag {
    PROPAGATE_TRACECONTEXT = 1 << 0,
    PROPAGATE_BAGGAGE = 1 << 1,
    PROPAGATE_B3 = 1 << 2,
    PROPAGATE_B3MULTI = 1 << 3,
    PROPAGATE_JAEGER = 1 << 4,
    PROPAGATE_XRAY = 1 << 5,
};
enum otlp_protocol { OTLP_HTTP_PROTOBUF, OTLP_HTTP_JSON, OTLP_GRPC };
enum otlp_compression { OTLP_COMPRESSION_NONE, OTLP_COMPRESSION_GZIP };
enum inline_dispatch { INLINE_AUTO, INLINE_TRUE, INLINE_FALSE };
enum exporter_runs { EXPORTER_IS_THREAD, EXPORTER_IS_PROCESS };
enum config_profile { PROFILE_NONE, PROFILE_DEV, PROFILE_CI, PROFILE_PROD };
enum process_span_mode { PROCESS_SPAN_AUTO, PROCESS_SPAN_ALWAYS, PROCESS_SPAN_NEVER };

#define CONFIG_MAX_FILE_VARS 32u /* excluded URLs of single instrumentations in a file */
#define CONFIG_RUN_ID "OTEL_SHIM_RUN_ID"

struct config_pair {
    const char *key;
    const char *value;
};

/*
 * What the value of a resource attribute is. Variables say texts only, a configuration file
 * may say more. A number stands as YAML has it, a truth as `true` or `false`; a list as its
 * items, percent-encoded, `;` behind each.
 */
enum attribute_kind {
    ATTRIBUTE_TEXT = 0,
    ATTRIBUTE_BOOL = 'b',
    ATTRIBUTE_INT = 'i',
    ATTRIBUTE_DOUBLE = 'd',
    ATTRIBUTE_TEXT_LIST = 'S',
    ATTRIBUTE_BOOL_LIST = 'B',
    ATTRIBUTE_INT_LIST = 'I',
    ATTRIBUTE_DOUBLE_LIST = 'D',
};
/* The kind that a configuration file calls `type`; -1: there is none. */
int config_attribute_kind(const char *type);
/* And the other way; "string" for what is none. */
const char *config_attribute_type(unsigned kind);

struct rules;         /* sampling rules, sdk/rules.h */
struct url_filter;    /* compiled excluded-URLs list; NULL excludes nothing */
struct header_filter; /* list of headers' names; NULL has none */

struct config {
    bool disabled; /* OTEL_SDK_DISABLED, or policy or file forbid it */
    bool inert;    /* this executable is not traced: variables are handed on, nothing else */
    enum config_profile profile;
    const char *config_file;                     /* OTEL_CONFIG_FILE, or NULL */
    const char *file_vars[CONFIG_MAX_FILE_VARS]; /* "NAME=value" of it that have no row */
    unsigned nr_file_vars;
    /* "NAME=value" that it refers to (${NAME}), where they stood at start; OTEL_* are follow_vars. */
    const char *file_references[CONFIG_MAX_FILE_REFERENCES];
    unsigned nr_file_references;
    const char *include_executables, *exclude_executables; /* lists of globs, or NULL */
    bool require_service_name, require_environment;
    const char *deployment_environment;  /* DEPLOYMENT_ENVIRONMENT, or NULL */
    const char *hostname;                /* HOSTNAME, or NULL */
    const char *k8s[K8S_VARIABLE_COUNT]; /* CONFIG_K8S_VARIABLES, or NULL */
    uint32_t exporters;                  /* enum exporter_kind, 0 = none */
    enum console_format console_format;  /* OTEL_SHIM_CONSOLE_FORMAT tree|json */
    const char *console_collect;   /* OTEL_SHIM_CONSOLE_COLLECT: `otelshim run --console`'s file */
    const char *exporter_plugins;  /* list of paths, or NULL */
    const char *allowed_exporters; /* list of names, or NULL: config_exporter_is_allowed() */
    struct {
        const char *path; /* OTEL_SHIM_FILE_PATH; "-" = stdout */
        uint32_t max_bytes;
    } file;
    struct {
        const char *url; /* NULL: nothing can be sent there, already reported */
        uint32_t timeout_ms;
    } zipkin;

    enum log_level log_level; /* OTEL_LOG_LEVEL, default LOG_INFO */
    bool log_level_set;
    const char *log_file; /* OTEL_SHIM_LOG_FILE or NULL */

    enum sampler_kind sampler; /* root sampler */
    bool sampler_parent_based;
    bool span_start_is_special; /* inert, rules, rate_limited, below or an id generator */
    double sampler_ratio;       /* 0..1 */
    double sampler_rate;        /* root spans a second, of SAMPLER_RATE */
    struct rules *rules;        /* OTEL_SHIM_SAMPLING_RULES (sdk/rules.h), or NULL */
    uint64_t sampler_bound;     /* of trace ids that the root sampler takes, sdk/sampler.h */
    bool sampler_all;           /* the root sampler takes every trace */
    struct below_parent below[PARENT_KINDS];
    bool sampler_asks_below; /* any of them is chosen */
    uint8_t propagator_order
        [CONFIG_MAX_PROPAGATORS]; /* enum propagator_flag, as they were named; 0: none */
    enum id_generator id_generator;

    struct {
        uint32_t value_length; /* characters of an attribute's value; UINT32_MAX = no limit */
        uint32_t attributes, events, links, event_attributes, link_attributes;
    } limits; /* of one span */

    struct {
        uint32_t schedule_delay_ms, export_timeout_ms; /* timeout 0 = no limit */
        uint32_t max_queue_size, max_export_batch_size;
    } bsp;

    struct {
        enum otlp_protocol protocol;
        enum otlp_compression compression;
        const char *traces_url; /* full URL, /v1/traces or gRPC's path already appended where due */
        const char *unix_path;  /* of a socket to be connected to instead of its host; or NULL */
        bool url_valid;         /* false: nothing can be sent there, already reported */
        bool url_given;         /* not the default */
        bool url_has_no_scheme; /* gRPC's host:port: https, or http with `insecure` */
        uint32_t timeout_ms;    /* per attempt, 0 = no limit */
        bool insecure;          /* gRPC to an endpoint without a scheme: no TLS */
        const char *certificate, *client_key, *client_certificate; /* paths or NULL */
        const char *aws_sigv4; /* "region:service" that requests are signed for, or NULL */
        struct config_pair headers[CONFIG_MAX_HEADERS];
        unsigned nr_headers;
    } otlp;

    const char *run_id;       /* on every span; NULL: none */
    const char *run_entry;    /* "OTEL_SHIM_RUN_ID=…" for children; NULL: none */
    const char *service_name; /* OTEL_SERVICE_NAME or NULL */
    struct config_pair resource[CONFIG_MAX_RESOURCE_ATTRIBUTES]; /* OTEL_RESOURCE_ATTRIBUTES */
    uint8_t resource_kind[CONFIG_MAX_RESOURCE_ATTRIBUTES];       /* enum attribute_kind, of each */
    unsigned nr_resource;
    uint32_t detectors;           /* enum resource_detector */
    const char *unknown_detector; /* the first one that was asked for, or NULL */

    const char *http_routes;        /* OTEL_SHIM_HTTP_ROUTES: proto/routes.h, or NULL */
    const char *http_known_methods; /* the list that replaces the conventions', or NULL */
    bool http_trust_forwarded;      /* OTEL_SHIM_TRUST_FORWARDED */

    const char *disabled_instrumentations; /* the list, as given, or NULL */
    enum process_span_mode process_span;
    enum inline_dispatch inline_dispatch;
    bool follow_children;
    uint32_t exit_timeout_ms;
    const char *spool_dir; /* OTEL_SHIM_SPOOL_DIR, or NULL; "none": no spool */
    uint32_t spool_max_bytes, spool_max_age_s;
    bool keep_deepbind;               /* OTEL_SHIM_KEEP_DEEPBIND: the program's dlopen flags stay */
    const char *exporter_path;        /* OTEL_SHIM_EXPORTER_PATH: the exporter object, or NULL */
    enum exporter_runs exporter_runs; /* OTEL_SHIM_EXPORTER */
    const char *exporter_command;     /* OTEL_SHIM_EXPORTER_COMMAND, or NULL */
    uint32_t exporter_idle_ms;        /* OTEL_SHIM_EXPORTER_IDLE_TIMEOUT */

    const char *came_in[CONTEXT_FIELD_COUNT]; /* the context, by environment, or NULL */

    const char *ld_preload;                          /* as it stood at start, or NULL */
    const char *follow_vars[CONFIG_MAX_FOLLOW_VARS]; /* "NAME=value" of every OTEL_* at start */
    unsigned nr_follow_vars;
};

/*
 * Reads `envp`. Always yields a usable configuration; mistakes are reported
 * through diag_config_mistake. Never NULL; without memory, defaults.
 * Constructor only (one thread), uses no malloc.
 */
const struct config *config_load(char *const envp[]);

/* The configuration in force; NULL before config_load, which sets it at its start so
 * that the log file holds for mistakes, too. */
extern const struct config *config __attribute__((visibility("hidden")));

/* Whether OTEL_SHIM_DISABLED_INSTRUMENTATIONS (or its OTEL_PYTHON_ fallback) leaves it on. */
bool config_instrumentation_enabled(const struct config *c, const char *name);

/*
 * Whether OTEL_SHIM_ALLOWED_EXPORTERS has it: `name` as the user wrote it in
 * OTEL_TRACES_EXPORTER or, for a plugin, its path (its file's name without `.so` is looked
 * for, too). Without the variable every built-in exporter is allowed and no plugin is.
 */
bool config_exporter_is_allowed(const struct config *c, const char *name, bool is_plugin);

/*
 * The filter of OTEL_SHIM_<NAME>_EXCLUDED_URLS with its fallbacks for an
 * instrumentation, name in registry form ("curl"). Constructor only. NULL:
 * nothing is excluded, and no regular expression engine was started.
 */
const struct url_filter *config_url_filter(const struct config *c, const char *name);
/*
 * Whether the absolute, unredacted URL is excluded (unanchored search, case
 * sensitive). Bounded time and stack (match limits), no malloc, no lock; any
 * thread. A match that hits a limit counts as "not excluded".
 */
bool url_filter_excludes(const struct url_filter *filter, const char *url, size_t len);

/* Headers by name; see OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_*. */
enum header_list {
    HEADERS_SERVER_REQUEST,
    HEADERS_SERVER_RESPONSE,
    HEADERS_CLIENT_REQUEST,
    HEADERS_CLIENT_RESPONSE,
    HEADERS_SANITIZED,
    HEADER_LIST_COUNT
};
/*
 * The names of one list; NULL: none. Constructor only. A list of plain names starts no
 * regular expression engine.
 */
const struct header_filter *config_header_filter(const struct config *c, enum header_list list);
/*
 * Whether a header's name is in the list, letter case ignored: as a whole, in the list of
 * sanitized ones anywhere. Bounded as url_filter_excludes; a match that hits a limit
 * counts as "not captured", but as "sanitized".
 */
bool header_filter_matches(const struct header_filter *filter, const char *name, size_t len);

#endif
