/*
 * The keys of the specification's schema, mapping by mapping: each is one line. What other
 * signals, languages and instrumentations say is theirs (KEY_ANY).
 */
#include "file_keys.h"

#include <string.h>

static bool take_format(struct file *f, const char *key, const yaml_node_t *value)
{
    struct scalar format;
    char shown[SHOWN_BYTES];
    if (!file_scalar(f, value, &format))
        return false;
    f->has_format = true;
    if (strncmp(format.text, "1.", 2) == 0)
        return true;
    text_shown(slice_of(format.text), shown);
    return file_fault(f, value, "`%s` is \"%s\", and 1.0 or 1.1 are read", key, shown);
}

/* Severities (trace2, fatal) to our words. */
static bool take_log_level(struct file *f, const char *key, const yaml_node_t *value)
{
    struct scalar level;
    char word[8] = "";
    if (!file_scalar(f, value, &level))
        return false;
    size_t letters = strcspn(level.text, "1234"), rest = strlen(level.text) - letters;
    if (level.kind == SCALAR_NULL)
        return true;
    if (letters < sizeof word && rest <= 1)
        memcpy(word, level.text, letters);
    if (strcmp(word, "fatal") == 0)
        memcpy(word, "error", sizeof "error");
    /* A word that is none is the row's to tell of. */
    return file_set(f, value, key, "OTEL_LOG_LEVEL", *word != '\0' ? word : level.text);
}

/* ---- resource ---- */

static bool take_detectors(struct file *f, const char *key, const yaml_node_t *value)
{
    char words[256] = "";
    unsigned count;
    if (!file_list(f, value, key, &count))
        return false;
    for (unsigned i = 0; i < count; i++) {
        const yaml_node_t *inside;
        const char *name;
        if (!file_single(f, file_item(f, value, i), &name, &inside) ||
            !file_add_word(f, value, words, name))
            return false;
    }
    return file_set(f, value, key, "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", words);
}

static const struct file_key detection_keys[] = {
    { "attributes", KEY_UNBUILT, NULL, NULL, NULL },
    { "detectors", KEY_TAKE, NULL, NULL, take_detectors },
    { 0 },
};

static const struct file_key resource_keys[] = {
    { "attributes", KEY_TAKE, NULL, NULL, file_take_pairs },
    { "attributes_list", KEY_TAKE, NULL, NULL, file_take_pairs_list },
    { "schema_url", KEY_UNBUILT, NULL, NULL, NULL },
    { "detection/development", KEY_MAP, NULL, detection_keys, NULL },
    { 0 },
};

static bool take_resource(struct file *f, const char *key, const yaml_node_t *value)
{
    (void)key;
    f->attributes = f->attributes_list = NULL;
    return file_map(f, value, resource_keys) &&
           file_set_pairs(f, f->attributes_list, f->attributes, "attributes",
                          "OTEL_RESOURCE_ATTRIBUTES");
}

/* ---- propagators ---- */

static bool take_composite(struct file *f, const char *key, const yaml_node_t *value)
{
    unsigned count;
    if (!file_list(f, value, key, &count))
        return false;
    for (unsigned i = 0; i < count; i++) {
        const yaml_node_t *inside;
        const char *name;
        if (!file_single(f, file_item(f, value, i), &name, &inside) ||
            !file_add_word(f, value, f->propagators, name))
            return false;
    }
    return true;
}

static bool take_composite_list(struct file *f, const char *key, const yaml_node_t *value)
{
    struct scalar list;
    (void)key;
    if (!file_scalar(f, value, &list))
        return false;
    return list.kind == SCALAR_NULL || file_add_word(f, value, f->propagators, list.text);
}

static const struct file_key propagator_keys[] = {
    { "composite", KEY_TAKE, NULL, NULL, take_composite },
    { "composite_list", KEY_TAKE, NULL, NULL, take_composite_list },
    { 0 },
};

static bool take_propagator(struct file *f, const char *key, const yaml_node_t *value)
{
    (void)key;
    f->propagator = value;
    return file_map(f, value, propagator_keys);
}

/* ---- traces ---- */

static const struct file_key attribute_limit_keys[] = {
    { "attribute_value_length_limit", KEY_INT, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", NULL, NULL },
    { "attribute_count_limit", KEY_INT, "OTEL_ATTRIBUTE_COUNT_LIMIT", NULL, NULL },
    { "attribute_value_depth_limit", KEY_INT, NULL, NULL, NULL }, /* no value of ours is nested */
    { 0 },
};

static const struct file_key span_limit_keys[] = {
    { "attribute_value_length_limit", KEY_INT, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", NULL,
      NULL },
    { "attribute_count_limit", KEY_INT, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", NULL, NULL },
    { "attribute_value_depth_limit", KEY_INT, NULL, NULL, NULL },
    { "event_count_limit", KEY_INT, "OTEL_SPAN_EVENT_COUNT_LIMIT", NULL, NULL },
    { "link_count_limit", KEY_INT, "OTEL_SPAN_LINK_COUNT_LIMIT", NULL, NULL },
    { "event_attribute_count_limit", KEY_INT, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL, NULL },
    { "link_attribute_count_limit", KEY_INT, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL, NULL },
    { 0 },
};

static bool take_id_generator(struct file *f, const char *key, const yaml_node_t *value)
{
    const yaml_node_t *inside;
    const char *name;
    return file_single(f, value, &name, &inside) &&
           file_set(f, value, key, "OTEL_SHIM_ID_GENERATOR", name);
}

static const struct file_key provider_keys[] = {
    { "processors", KEY_TAKE, NULL, NULL, file_take_processors },
    { "limits", KEY_MAP, NULL, span_limit_keys, NULL },
    { "sampler", KEY_TAKE, NULL, NULL, file_take_sampler },
    { "id_generator", KEY_TAKE, NULL, NULL, take_id_generator },
    { "tracer_configurator/development", KEY_UNBUILT, NULL, NULL, NULL },
    { 0 },
};

static bool take_provider(struct file *f, const char *key, const yaml_node_t *value)
{
    f->provider = value;
    if (!file_map(f, value, provider_keys))
        return false;
    return *f->exporters != '\0' || f->has_otlp ||
           file_fault(f, value, "`%s` has no `processors`", key);
}

/* ---- instrumentation ---- */

#define TAKE_NAMES(function, variable) \
    static bool function(struct file *f, const char *key, const yaml_node_t *value) \
    { \
        return file_take_names(f, key, value, variable); \
    }
#define CAPTURE "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
TAKE_NAMES(take_client_requests, CAPTURE "CLIENT_REQUEST")
TAKE_NAMES(take_client_responses, CAPTURE "CLIENT_RESPONSE")
TAKE_NAMES(take_server_requests, CAPTURE "SERVER_REQUEST")
TAKE_NAMES(take_server_responses, CAPTURE "SERVER_RESPONSE")
TAKE_NAMES(take_known_methods, "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS")
#undef CAPTURE
#undef TAKE_NAMES

static const struct file_key http_client_keys[] = {
    { "request_captured_headers", KEY_TAKE, NULL, NULL, take_client_requests },
    { "response_captured_headers", KEY_TAKE, NULL, NULL, take_client_responses },
    { "known_methods", KEY_TAKE, NULL, NULL, take_known_methods },
    { 0 },
};
static const struct file_key http_server_keys[] = {
    { "request_captured_headers", KEY_TAKE, NULL, NULL, take_server_requests },
    { "response_captured_headers", KEY_TAKE, NULL, NULL, take_server_responses },
    { "known_methods", KEY_TAKE, NULL, NULL, take_known_methods },
    { 0 },
};
static const struct file_key http_keys[] = {
    { "client", KEY_MAP, NULL, http_client_keys, NULL },
    { "server", KEY_MAP, NULL, http_server_keys, NULL },
    { "semconv", KEY_ANY, NULL, NULL, NULL },
    { 0 },
};

#define OTHERS(name) \
    { \
        name, KEY_ANY, NULL, NULL, NULL \
    }
static const struct file_key general_keys[] = {
    { "http", KEY_MAP, NULL, http_keys, NULL },
    OTHERS("code"),
    OTHERS("db"),
    OTHERS("gen_ai"),
    OTHERS("messaging"),
    OTHERS("rpc"),
    OTHERS("peer"),
    OTHERS("stability_opt_in_list"),
    { "sanitization", KEY_UNBUILT, NULL, NULL, NULL },
    { 0 },
};
static const struct file_key instrumentation_keys[] = {
    { "general", KEY_MAP, NULL, general_keys, NULL },
    { "otelshim", KEY_TAKE, NULL, NULL, file_take_shim },
    OTHERS("cpp"),
    OTHERS("dotnet"),
    OTHERS("erlang"),
    OTHERS("go"),
    OTHERS("java"),
    OTHERS("js"),
    OTHERS("php"),
    OTHERS("python"),
    OTHERS("ruby"),
    OTHERS("rust"),
    OTHERS("swift"),
    { 0 },
};

const struct file_key file_top_keys[] = {
    { "file_format", KEY_TAKE, NULL, NULL, take_format },
    { "disabled", KEY_BOOL, "OTEL_SDK_DISABLED", NULL, NULL },
    { "log_level", KEY_TAKE, NULL, NULL, take_log_level },
    { "resource", KEY_TAKE, NULL, NULL, take_resource },
    { "attribute_limits", KEY_MAP, NULL, attribute_limit_keys, NULL },
    { "propagator", KEY_TAKE, NULL, NULL, take_propagator },
    { "tracer_provider", KEY_TAKE, NULL, NULL, take_provider },
    { "instrumentation/development", KEY_MAP, NULL, instrumentation_keys, NULL },
    OTHERS("meter_provider"),
    OTHERS("logger_provider"),
    OTHERS("distribution"),
    { 0 },
};
#undef OTHERS
