/*
 * Processors and exporters of a configuration file. This version has one batch of each kind
 * of exporter: what a second one says is left out.
 */
#include <string.h>

#include "file_keys.h"

static const struct file_key tls_keys[] = {
    { "ca_file", KEY_TEXT, "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", NULL, NULL },
    { "key_file", KEY_TEXT, "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", NULL, NULL },
    { "cert_file", KEY_TEXT, "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", NULL, NULL },
    { "insecure", KEY_BOOL, "OTEL_EXPORTER_OTLP_TRACES_INSECURE", NULL, NULL },
    { 0 },
};

static bool take_encoding(struct file *f, const char *key, const yaml_node_t *value)
{
    struct scalar encoding;
    if (!file_scalar(f, value, &encoding) || encoding.kind == SCALAR_NULL)
        return !f->failed;
    bool json = strcmp(encoding.text, "json") == 0;
    if (!json && strcmp(encoding.text, "protobuf") != 0)
        return file_fault(f, value, "`%s` is neither protobuf nor json", key);
    return file_set(f, value, key, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
                    json ? "http/json" : "http/protobuf");
}

#define OTLP_KEYS \
    { "endpoint", KEY_TEXT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", NULL, NULL }, \
        { "tls", KEY_MAP, NULL, tls_keys, NULL }, \
        { "headers", KEY_TAKE, NULL, NULL, file_take_pairs }, \
        { "headers_list", KEY_TAKE, NULL, NULL, file_take_pairs_list }, \
        { "compression", KEY_TEXT, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", NULL, NULL }, \
        { "timeout", KEY_INT, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", NULL, NULL }, \
        { "max_request_size", KEY_UNBUILT, NULL, NULL, NULL }, \
    { \
        "max_response_size", KEY_UNBUILT, NULL, NULL, NULL \
    }

static const struct file_key otlp_http_keys[] = {
    OTLP_KEYS,
    { "encoding", KEY_TAKE, NULL, NULL, take_encoding },
    { 0 },
};
static const struct file_key otlp_grpc_keys[] = { OTLP_KEYS, { 0 } };
#undef OTLP_KEYS

static bool take_otlp(struct file *f, const yaml_node_t *at, const yaml_node_t *value,
                      const struct file_key *keys, const char *protocol)
{
    if (f->has_otlp) {
        file_note(f, at, "a second OTLP exporter is not supported by this version");
        return true;
    }
    f->has_otlp = true;
    f->attributes = f->attributes_list = NULL;
    return file_map(f, value, keys) &&
           file_set_pairs(f, f->attributes_list, f->attributes, "headers",
                          "OTEL_EXPORTER_OTLP_TRACES_HEADERS") &&
           file_set(f, at, "exporter", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol) &&
           file_add_word(f, at, f->exporters, "otlp");
}

/* stdout, or file:///absolute/path. */
static bool take_output_stream(struct file *f, const char *key, const yaml_node_t *value)
{
    struct scalar stream;
    if (!file_scalar(f, value, &stream) || stream.kind == SCALAR_NULL)
        return !f->failed;
    if (strcmp(stream.text, "stdout") == 0)
        return file_set(f, value, key, "OTEL_SHIM_FILE_PATH", "-");
    if (strncmp(stream.text, "file:///", 8) != 0)
        return file_fault(f, value, "`%s` is neither stdout nor file:///PATH", key);
    return file_set(f, value, key, "OTEL_SHIM_FILE_PATH", stream.text + 7);
}

static const struct file_key otlp_file_keys[] = {
    { "output_stream", KEY_TAKE, NULL, NULL, take_output_stream },
    { 0 },
};
static const struct file_key zipkin_keys[] = {
    { "endpoint", KEY_TEXT, "OTEL_EXPORTER_ZIPKIN_ENDPOINT", NULL, NULL },
    { "timeout", KEY_INT, "OTEL_EXPORTER_ZIPKIN_TIMEOUT", NULL, NULL },
    { 0 },
};
static const struct file_key no_keys[] = { { 0 } };

static bool take_exporter(struct file *f, const char *key, const yaml_node_t *value)
{
    static const struct {
        const char *name;
        const struct file_key *keys;
        const char *protocol; /* of OTLP */
        const char *word;
    } kinds[] = {
        { "otlp_http", otlp_http_keys, "http/protobuf", NULL },
        { "otlp_grpc", otlp_grpc_keys, "grpc", NULL },
        { "otlp_file/development", otlp_file_keys, NULL, "otlp_file" },
        { "console", no_keys, NULL, "console" },
        { "zipkin", zipkin_keys, NULL, "zipkin" },
    };
    const yaml_node_t *inside;
    const char *name;
    char shown[SHOWN_BYTES];
    if (!file_single(f, value, &name, &inside))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(name, kinds[i].name) != 0)
            continue;
        if (kinds[i].protocol != NULL)
            return take_otlp(f, value, inside, kinds[i].keys, kinds[i].protocol);
        return file_map(f, inside, kinds[i].keys) &&
               file_add_word(f, value, f->exporters, kinds[i].word);
    }
    text_shown(slice_of(name), shown);
    return file_fault(f, value, "`%s` is no %s that is known", shown, key);
}

/* ---- processors ---- */

static const struct file_key batch_keys[] = {
    { "schedule_delay", KEY_INT, "OTEL_BSP_SCHEDULE_DELAY", NULL, NULL },
    { "export_timeout", KEY_INT, "OTEL_BSP_EXPORT_TIMEOUT", NULL, NULL },
    { "max_queue_size", KEY_INT, "OTEL_BSP_MAX_QUEUE_SIZE", NULL, NULL },
    { "max_export_batch_size", KEY_INT, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", NULL, NULL },
    { "exporter", KEY_TAKE, NULL, NULL, take_exporter },
    { 0 },
};
static const struct file_key simple_keys[] = {
    { "exporter", KEY_TAKE, NULL, NULL, take_exporter },
    { 0 },
};

static bool take_processor(struct file *f, const yaml_node_t *item)
{
    const yaml_node_t *inside;
    const char *name;
    char shown[SHOWN_BYTES];
    size_t before = strlen(f->exporters);
    bool had_otlp = f->has_otlp;
    if (!file_single(f, item, &name, &inside))
        return false;
    bool batch = strcmp(name, "batch") == 0;
    text_shown(slice_of(name), shown);
    if (!batch && strcmp(name, "simple") != 0)
        return file_fault(f, item, "`%s` is no processor that is known", shown);
    f->has_batch |= batch;
    if (!file_map(f, inside, batch ? batch_keys : simple_keys))
        return false;
    return strlen(f->exporters) > before || had_otlp ||
           file_fault(f, item, "`%s` has no exporter", shown);
}

bool file_take_processors(struct file *f, const char *key, const yaml_node_t *value)
{
    unsigned count;
    if (!file_list(f, value, key, &count))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!take_processor(f, file_item(f, value, i)))
            return false;
    if (count == 0)
        return file_fault(f, value, "`%s` is empty", key);
    /* A simple processor exports each span at once; ours does so from its thread. */
    return f->has_batch || file_set(f, value, "simple", "OTEL_BSP_SCHEDULE_DELAY", "0");
}
