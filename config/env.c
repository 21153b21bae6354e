/*
 * config_load(): the environment becomes one struct config.
 *
 * One pass copies what is ours (every OTEL_ variable, the context, LD_PRELOAD);
 * then the rows of schema.h are read in order, each by the function of its type.
 * A value that a type cannot read leaves the field as it stood: at its default,
 * or at what a more general variable said. A process without any of our
 * variables pays for one look at the first bytes of each of its variables.
 *
 * Constructor only: one thread, no malloc, no stdio. A forked child keeps it all.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "load.h"
#include "parse.h"
#include "schema.h"
#include "sdk/sampler.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum word_set {
#define SET(id) WORDS_##id,
    CONFIG_WORD_SETS(SET)
#undef SET
};

/* A word that a variable may have as value. */
struct word {
    enum word_set set;
    const char *text;
    uint32_t value;
    bool built;
};

static const struct word words[] = {
#define BUILT true
#define UNBUILT false
#define WORD(set, text, value, built) { WORDS_##set, text, value, built },
    CONFIG_WORDS(WORD)
#undef WORD
#undef UNBUILT
#undef BUILT
};

struct variable {
    const char *name;
    bool (*load)(struct config *c, const struct variable *v, struct slice value);
    size_t field; /* offset in struct config */
    enum word_set words;
};

/* Where the rules say "as unset": says so and leaves the field alone. Always false. */
static bool mistake(const struct variable *v, struct slice value, const char *fault,
                    const char *used)
{
    char shown[SHOWN_BYTES];
    text_shown(value, shown);
    diag_config_mistake("%s=\"%s\" %s; using %s", v->name, shown, fault, used);
    return false;
}

static void *field_of(struct config *c, const struct variable *v)
{
    return (char *)c + v->field;
}

static bool load_BOOL(struct config *c, const struct variable *v, struct slice value)
{
    bool on;
    if (!parse_bool(value, &on))
        mistake(v, value, "is neither true nor false", "false");
    memcpy(field_of(c, v), &on, sizeof on);
    return true;
}

static bool load_number(struct config *c, const struct variable *v, struct slice value,
                        uint32_t min)
{
    uint32_t number;
    memcpy(&number, field_of(c, v), sizeof number);
    if (!parse_uint(value, min, PARSE_UINT_MAX, &number)) {
        char shown[SHOWN_BYTES];
        text_shown(value, shown);
        diag_config_mistake("%s=\"%s\" is not a whole number from %u to %u; using %u", v->name,
                            shown, min, PARSE_UINT_MAX, number);
        return false;
    }
    memcpy(field_of(c, v), &number, sizeof number);
    return true;
}

static bool load_MS(struct config *c, const struct variable *v, struct slice value)
{
    return load_number(c, v, value, 0);
}

static bool load_BYTES(struct config *c, const struct variable *v, struct slice value)
{
    return load_number(c, v, value, 1);
}

static bool load_COUNT(struct config *c, const struct variable *v, struct slice value)
{
    return load_number(c, v, value, 1);
}

/* Values are our own copies already: the field may point into them. */
static bool load_PATH(struct config *c, const struct variable *v, struct slice value)
{
    memcpy(field_of(c, v), &value.at, sizeof value.at);
    return true;
}

static bool load_NAMES(struct config *c, const struct variable *v, struct slice value)
{
    return load_PATH(c, v, value);
}

static bool load_TEXT(struct config *c, const struct variable *v, struct slice value)
{
    if (!utf8_is_valid(value.at, value.len))
        return mistake(v, value, "is not UTF-8", "the default");
    return load_PATH(c, v, value);
}

static const struct word *word_find(enum word_set set, struct slice text)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (words[i].set == set && slice_is_nocase(text, words[i].text))
            return &words[i];
    return NULL;
}

static const char *word_of(enum word_set set, uint32_t value)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (words[i].set == set && words[i].built && words[i].value == value)
            return words[i].text;
    return "the default";
}

/* *chosen is what holds otherwise. */
static bool choose(const struct variable *v, struct slice value, uint32_t *chosen)
{
    const struct word *word = word_find(v->words, slice_trim(value));
    if (word == NULL)
        return mistake(v, value, "is not known", word_of(v->words, *chosen));
    if (!word->built)
        return mistake(v, value, "is not supported by this version", word_of(v->words, *chosen));
    *chosen = word->value;
    return true;
}

static bool load_CHOICE(struct config *c, const struct variable *v, struct slice value)
{
    uint32_t chosen;
    memcpy(&chosen, field_of(c, v), sizeof chosen);
    if (!choose(v, value, &chosen))
        return false;
    memcpy(field_of(c, v), &chosen, sizeof chosen);
    return true;
}

static bool load_SAMPLER(struct config *c, const struct variable *v, struct slice value)
{
    uint32_t chosen = c->sampler | (c->sampler_parent_based ? SAMPLER_PARENT_BASED : 0);
    if (!choose(v, value, &chosen))
        return false;
    c->sampler = (enum sampler_kind)(chosen & ~SAMPLER_PARENT_BASED);
    c->sampler_parent_based = chosen & SAMPLER_PARENT_BASED;
    return true;
}

/* Means something to the ratio samplers only, which no default names. */
static bool load_RATIO(struct config *c, const struct variable *v, struct slice value)
{
    if (c->sampler != SAMPLER_RATIO)
        return true;
    if (!parse_ratio(value, &c->sampler_ratio))
        return mistake(v, value, "is not a number from 0 to 1", "1.0");
    return true;
}

/*
 * A list of words. `none` empties it; words not understood are left out; a list
 * in which nothing was understood counts as unset. A word that the specification
 * knows and we do not is understood: who asks for b3 alone does not get W3C.
 */
static bool load_FLAGS(struct config *c, const struct variable *v, struct slice value)
{
    struct slice item, first_bad = { "", 0 }, rest = value;
    uint32_t flags = 0;
    unsigned bad = 0, understood = 0;
    bool none = false;
    while (parse_list_next(&rest, &item)) {
        const struct word *word = word_find(v->words, item);
        if ((word == NULL || !word->built) && bad++ == 0)
            first_bad = item;
        if (word == NULL)
            continue;
        understood++;
        flags |= word->built ? word->value : 0;
        none |= strcmp(word->text, "none") == 0;
    }
    if (bad > 0) {
        char shown[SHOWN_BYTES];
        text_shown(first_bad, shown);
        diag_config_mistake("%s: \"%s\" is not supported by this version%s; %s", v->name, shown,
                            bad > 1 ? ", nor are others of the list" : "",
                            understood ? "left out" : "the default holds");
    }
    if (understood == 0)
        return false;
    if (none)
        flags = 0;
    memcpy(field_of(c, v), &flags, sizeof flags);
    return true;
}

static bool load_URL(struct config *c, const struct variable *v, struct slice value)
{
    const char *url = url_checked(v->name, value);
    memcpy(field_of(c, v), &url, sizeof url);
    return true;
}

static bool load_ENDPOINT(struct config *c, const struct variable *v, struct slice value)
{
    load_endpoint(c, v->name, value, true);
    return true;
}

static bool load_TRACES_ENDPOINT(struct config *c, const struct variable *v, struct slice value)
{
    load_endpoint(c, v->name, value, false);
    return true;
}

static bool load_HEADERS(struct config *c, const struct variable *v, struct slice value)
{
    load_headers(c, v->name, value);
    return true;
}

static bool load_ATTRIBUTES(struct config *c, const struct variable *v, struct slice value)
{
    load_attributes(c, v->name, value);
    return true;
}

/* Looked up by config_url_filter(), with names that depend on the instrumentation. */
static bool load_PATTERNS(struct config *c, const struct variable *v, struct slice value)
{
    (void)c, (void)v, (void)value;
    return true;
}

static bool load_NOT_READ(struct config *c, const struct variable *v, struct slice value)
{
    (void)c;
    return mistake(v, value, "is not read by this version", "the default");
}

/* Rows that stand in the table before what they mean does. */
static bool is_unbuilt(const struct variable *v)
{
    static const char *const names[] = {
#define NAME(name) name,
        CONFIG_UNBUILT_VARIABLES(NAME)
#undef NAME
            NULL
    };
    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], v->name) == 0)
            return true;
    return false;
}

static const struct variable variables[] = {
#define VAR(name, type, field, set, default_text, effect) \
    { name, load_##type, offsetof(struct config, field), WORDS_##set },
    CONFIG_VARIABLES(VAR)
#undef VAR
};

/* Constructor only. The struct lies in .bss: no memory to ask for, none to fail. */
static struct config loaded;
const struct config *config;

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
    c->propagators = PROPAGATE_TRACECONTEXT | PROPAGATE_BAGGAGE;
    c->bsp.schedule_delay_ms = 5000;
    c->bsp.export_timeout_ms = 30000;
    c->bsp.max_queue_size = 2048;
    c->bsp.max_export_batch_size = 512;
    c->otlp.traces_url = "http://localhost:4318/v1/traces";
    c->otlp.url_valid = true;
    c->otlp.timeout_ms = 10000;
    c->follow_children = true;
    c->exit_timeout_ms = 2000;
}

/* What one pass over the environment found. Values are our copies. */
struct found {
    const char *values[COUNT(variables)];
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
    for (size_t i = 0; i < COUNT(variables); i++) {
        const char *value = value_of(copy, variables[i].name);
        if (value != NULL && found->values[i] == NULL) /* as getenv: the first one holds */
            found->values[i] = value;
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

static void keep_entry(struct config *c, struct found *found, const char *entry)
{
    switch (entry[0]) { /* most entries of a stranger's environment end here */
    case 'O':
        if (is_ours(entry))
            keep_variable(c, found, entry);
        break;
    case 'T':
        keep_other(&c->traceparent, entry, "TRACEPARENT");
        keep_other(&c->tracestate, entry, "TRACESTATE");
        break;
    case 'B': keep_other(&c->baggage, entry, "BAGGAGE"); break;
    case 'L': keep_other(&c->ld_preload, entry, "LD_PRELOAD"); break;
    }
}

/* The name of an entry, for a message: those that we read whole, any other as a value. */
static const char *shown_name(const char *entry, char shown[static SHOWN_BYTES])
{
    for (size_t i = 0; i < COUNT(variables); i++)
        if (value_of(entry, variables[i].name) != NULL)
            return variables[i].name;
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

/* A plugin's path, or its file's name without `.so`. */
static bool is_plugin_name(struct slice item, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct slice file = slice_of(slash != NULL ? slash + 1 : path);
    if (slice_is(item, path))
        return true;
    if (file.len > 3 && memcmp(file.at + file.len - 3, ".so", 3) == 0)
        file.len -= 3;
    return item.len == file.len && memcmp(item.at, file.at, file.len) == 0;
}

bool config_exporter_is_allowed(const struct config *c, const char *name, bool is_plugin)
{
    struct slice item, rest;
    if (c->allowed_exporters == NULL)
        return !is_plugin;
    rest = slice_of(c->allowed_exporters);
    while (parse_list_next(&rest, &item))
        if (is_plugin ? is_plugin_name(item, name) : slice_is_nocase(item, name))
            return true;
    return false;
}

/* Takes those away that OTEL_SHIM_ALLOWED_EXPORTERS does not name by any of their words. */
static void allow_exporters(struct config *c)
{
    uint32_t allowed = 0;
    const char *refused = NULL;
    for (size_t i = 0; i < COUNT(words); i++)
        if (words[i].set == WORDS_EXPORTER && config_exporter_is_allowed(c, words[i].text, false))
            allowed |= words[i].value;
    for (size_t i = 0; i < COUNT(words) && refused == NULL; i++)
        if (words[i].set == WORDS_EXPORTER && (words[i].value & c->exporters & ~allowed) != 0)
            refused = words[i].text;
    if (refused != NULL)
        diag_config_mistake("OTEL_SHIM_ALLOWED_EXPORTERS does not name %s; it is not used",
                            refused);
    c->exporters &= allowed;
    if (c->exporter_plugins != NULL)
        c->exporters |= EXPORTER_PLUGINS;
}

/* What two variables say together. `batch_set`: the batch size was asked for. */
static void settle(struct config *c, bool batch_set)
{
    if (c->bsp.max_export_batch_size > c->bsp.max_queue_size) {
        if (batch_set)
            diag_config_mistake("OTEL_BSP_MAX_EXPORT_BATCH_SIZE=%u is more than "
                                "OTEL_BSP_MAX_QUEUE_SIZE; using %u",
                                c->bsp.max_export_batch_size, c->bsp.max_queue_size);
        c->bsp.max_export_batch_size = c->bsp.max_queue_size;
    }
    allow_exporters(c);
    sampler_prepare(c);
}

static bool load_value(struct config *c, const struct variable *v, struct slice value)
{
    return is_unbuilt(v) ? load_NOT_READ(c, v, value) : v->load(c, v, value);
}

const struct config *config_load(char *const envp[])
{
    struct config *c = &loaded;
    struct found found = { .too_many = 0 };
    bool batch_set = false;
    set_defaults(c);
    config = c; /* from here on mistakes go where OTEL_SHIM_LOG_FILE says */
    for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
        keep_entry(c, &found, envp[i]);
    for (size_t i = 0; i < COUNT(variables); i++) {
        const struct variable *v = &variables[i];
        if (found.values[i] == NULL)
            continue;
        bool good = load_value(c, v, slice_of(found.values[i]));
        if (v->field == offsetof(struct config, log_level) && v->load == load_CHOICE)
            c->log_level_set = good;
        if (v->field == offsetof(struct config, bsp.max_export_batch_size))
            batch_set = good;
    }
    report_unread(envp, &found);
    settle(c, batch_set);
    return c;
}

bool config_instrumentation_enabled(const struct config *c, const char *name)
{
    if (c->disabled_instrumentations == NULL)
        return true;
    struct slice rest = slice_of(c->disabled_instrumentations), item;
    while (parse_list_next(&rest, &item))
        if (slice_is(item, "*") || slice_is(item, name))
            return false;
    return true;
}
