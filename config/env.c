/*
 * config_load(): the environment becomes one struct config.
 *
 * One pass copies what is ours (every OTEL_ variable, the context, LD_PRELOAD);
 * then the rows of schema.h are read in order (values.c). A process without any of our
 * variables pays for one look at the first bytes of each of its variables.
 *
 * Constructor only: one thread, no malloc, no stdio. A forked child keeps it all.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "file.h"
#include "layout.h"
#include "load.h"
#include "table.h"

/* Constructor only. The struct lies in .bss: no memory to ask for, none to fail. */
PER_REQUEST_TABLE static struct config loaded;
PER_REQUEST_ZERO const struct config *config;
struct setting config_settings[CONFIG_MAX_ROWS];

static void set_defaults(struct config *c)
{
    memset(c, 0, sizeof *c);
    c->exporters = EXPORTER_OTLP;
    c->file.path = "otelshim-traces.jsonl";
    c->file.max_bytes = 64u << 20;
    c->zipkin.url = "http://localhost:9411/api/v2/spans";
    c->zipkin.timeout_ms = 10000;
    c->detectors = DETECT_ALL;
    c->log_level = LOG_INFO;
    c->sampler_parent_based = true;
    c->sampler_ratio = 1;
    c->sampler_rate = 100;
    c->propagator_order[0] = PROPAGATE_TRACECONTEXT;
    c->propagator_order[1] = PROPAGATE_BAGGAGE;
    c->limits.value_length = UINT32_MAX;
    c->limits.attributes = c->limits.events = c->limits.links = 128;
    c->limits.event_attributes = c->limits.link_attributes = 128;
    c->bsp.schedule_delay_ms = 5000;
    c->bsp.export_timeout_ms = 30000;
    c->bsp.max_queue_size = 2048;
    c->bsp.max_export_batch_size = 512;
    c->otlp.traces_url = "http://localhost:4318/v1/traces";
    c->otlp.url_valid = true;
    c->otlp.timeout_ms = 10000;
    c->follow_children = true;
    c->exit_timeout_ms = 2000;
    c->spool_max_bytes = 64u << 20;
    c->spool_max_age_s = 86400;
    c->exporter_idle_ms = 30000;
}

/* What one pass over the environment could not keep. */
struct found {
    unsigned too_many, too_long;
};

/* The value if `entry` is "NAME=value", else NULL. */
static const char *value_of(const char *entry, const char *name)
{
    size_t len = strlen(name);
    return strncmp(entry, name, len) == 0 && entry[len] == '=' ? entry + len + 1 : NULL;
}

static bool is_ours(const char *entry)
{
    return strncmp(entry, "OTEL_", 5) == 0;
}

/* Bytes of the value of "NAME=value", 0 without one. */
static size_t value_bytes(const char *entry)
{
    const char *equals = strchr(entry, '=');
    return equals != NULL ? strlen(equals + 1) : 0;
}

static void keep_variable(struct config *c, struct found *found, const char *entry)
{
    size_t len = value_bytes(entry);
    if (len == 0)
        return; /* an empty value is an unset one */
    if (len > CONFIG_MAX_VALUE) {
        found->too_long++;
        return;
    }
    if (c->nr_follow_vars == CONFIG_MAX_FOLLOW_VARS) {
        found->too_many++;
        return;
    }
    const char *copy = arena_copy(entry, strlen(entry));
    if (copy == NULL)
        return;
    c->follow_vars[c->nr_follow_vars++] = copy;
    for (unsigned i = 0; i < config_nr_rows; i++) {
        const char *value = value_of(copy, config_rows[i].name);
        struct setting *s = &config_settings[i];
        if (value != NULL && s->text == NULL) /* as getenv: the first one holds */
            *s = (struct setting){ value, config_rows[i].name, SOURCE_ENVIRONMENT, 0, false };
    }
}

/* A variable that is not OTEL_*: the context, and what loaded us. */
static void keep_other(const char **field, const char *entry, const char *name)
{
    const char *value = value_of(entry, name);
    if (value == NULL || *value == '\0' || *field != NULL)
        return;
    size_t len = strlen(value);
    if (len <= CONFIG_MAX_VALUE)
        *field = arena_copy(value, len);
}

static void keep_context(struct config *c, const char *entry)
{
    static const char *const names[CONTEXT_FIELD_COUNT] = {
#define X(id, header, bytes, many, over) #id,
        CONTEXT_FIELDS(X)
#undef X
    };
    for (unsigned i = 0; i < CONTEXT_FIELD_COUNT; i++)
        keep_other(&c->came_in[i], entry, names[i]);
}

static void keep_entry(struct config *c, struct found *found, const char *entry)
{
    switch (entry[0]) { /* most entries of a stranger's environment end here */
    case 'O':
        if (is_ours(entry))
            keep_variable(c, found, entry);
        break;
    case 'T':
    case 'B':
    case 'U':
    case 'X': keep_context(c, entry); break;
    case 'D': keep_other(&c->deployment_environment, entry, "DEPLOYMENT_ENVIRONMENT"); break;
    case 'H': keep_other(&c->hostname, entry, "HOSTNAME"); break;
    case 'K':
#define X(id, variable, key) keep_other(&c->k8s[K8S_##id], entry, variable);
        CONFIG_K8S_VARIABLES(X)
#undef X
        break;
    case 'L': keep_other(&c->ld_preload, entry, "LD_PRELOAD"); break;
    }
}

/* The name of an entry, for a message: those that we read whole, any other as a value. */
static const char *shown_name(const char *entry, char shown[static SHOWN_BYTES])
{
    for (unsigned i = 0; i < config_nr_rows; i++)
        if (value_of(entry, config_rows[i].name) != NULL)
            return config_rows[i].name;
    text_shown(slice_until(slice_of(entry), (size_t)(strchr(entry, '=') - entry)), shown);
    return shown;
}

/* Names only: what does not fit is not looked at. */
static void report_unread(char *const envp[], const struct found *found)
{
    for (size_t i = 0; found->too_long > 0 && envp[i] != NULL; i++) {
        size_t len = is_ours(envp[i]) ? value_bytes(envp[i]) : 0;
        char shown[SHOWN_BYTES];
        if (len <= CONFIG_MAX_VALUE)
            continue;
        diag_config_mistake("%s: %zu bytes are more than the %u that are read; ignored",
                            shown_name(envp[i], shown), len, CONFIG_MAX_VALUE);
    }
    if (found->too_many > 0)
        diag_config_mistake("more than %u OTEL_ variables; %u are ignored", CONFIG_MAX_FOLLOW_VARS,
                            found->too_many);
}

/* Text to fields, in the table's order. A bad value of a file ends it: telemetry is off. */
static void read_rows(struct config *c)
{
    for (unsigned i = 0; i < config_nr_rows; i++) {
        struct setting *s = &config_settings[i];
        if (s->text == NULL)
            continue;
        s->refused = !row_load(c, &config_rows[i], s);
        if (s->refused && s->source == SOURCE_FILE) {
            c->disabled = true;
            return;
        }
    }
}

static const char *text_of(const char *variable)
{
    return row_setting(row_find(variable))->text;
}

/* Where there is a file, the standard variables are for its references alone. */
static void forget_standard_variables(void)
{
    for (unsigned i = 0; i < config_nr_rows; i++) {
        const char *name = config_rows[i].name;
        bool ours = strncmp(name, "OTEL_SHIM_", 10) == 0;
        if (!ours && strstr(name, "_CONFIG_FILE") == NULL)
            config_settings[i] = (struct setting){ 0 };
    }
}

static bool read_file(struct config *c, char *const envp[])
{
    const char *path = text_of("OTEL_CONFIG_FILE");
    if (path == NULL)
        path = text_of("OTEL_EXPERIMENTAL_CONFIG_FILE");
    if (path == NULL)
        return true;
    c->config_file = path;
    c->log_file = text_of("OTEL_SHIM_LOG_FILE"); /* what is wrong is told there */
    forget_standard_variables();
    return file_read(c, path, envp);
}

const struct config *config_load(char *const envp[])
{
    struct config *c = &loaded;
    struct found found = { .too_many = 0 };
    set_defaults(c);
    memset(config_settings, 0, sizeof config_settings);
    config = c; /* from here on mistakes go where OTEL_SHIM_LOG_FILE says */
    for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
        keep_entry(c, &found, envp[i]);
    if (!read_file(c, envp)) {
        c->disabled = true;
        return c;
    }
    policy_profile();
    read_rows(c);
    report_unread(envp, &found);
    settle(c);
    return c;
}

bool config_instrumentation_enabled(const struct config *c, const char *name)
{
    if (c->inert) /* of processes: their variables are handed on */
        return strcmp(name, "process") == 0;
    if (c->disabled_instrumentations == NULL)
        return true;
    struct slice rest = slice_of(c->disabled_instrumentations), item;
    while (parse_list_next(&rest, &item))
        if (slice_is(item, "*") || slice_is(item, name))
            return false;
    return true;
}
