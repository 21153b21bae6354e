/*
 * The section of ours: `instrumentation/development: otelshim:`. Its keys are the
 * OTEL_SHIM_ variables in lower case without that prefix; lists may be lists.
 */
#include <string.h>

#include "arena.h"
#include "file_keys.h"

#define PREFIX "OTEL_SHIM_"
#define NAME_BYTES 96u

/* "excluded_urls" to OTEL_SHIM_EXCLUDED_URLS. False: it can be none. */
static bool variable_name(const char *key, char out[static NAME_BYTES])
{
    size_t n = sizeof PREFIX - 1, len = strlen(key);
    memcpy(out, PREFIX, n);
    if (n + len >= NAME_BYTES)
        return false;
    for (size_t i = 0; i <= len; i++) {
        if (key[i] >= 'A' && key[i] <= 'Z')
            return false;
        out[n + i] = key[i] >= 'a' && key[i] <= 'z' ? (char)(key[i] - 32) : key[i];
    }
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len > n && strcmp(text + len - n, end) == 0;
}

/* A scalar, or the items of a list with `between` between them. */
static const char *value_text(struct file *f, const char *key, const yaml_node_t *value,
                              const char *between)
{
    struct scalar item;
    struct file_text text;
    unsigned count;
    if (value->type == YAML_SCALAR_NODE) {
        if (!file_scalar(f, value, &item))
            return NULL;
        return item.kind != SCALAR_NULL ? item.text : "";
    }
    if (!file_list(f, value, key, &count))
        return NULL;
    file_text_begin(&text);
    for (unsigned i = 0; i < count; i++) {
        if (!file_scalar(f, file_item(f, value, i), &item))
            return NULL;
        file_text_put(&text, i > 0 ? between : "");
        file_text_put(&text, item.text);
    }
    const char *all = file_text_end(&text);
    if (all == NULL)
        file_fault(f, value, "`%s` is too long", key);
    return all;
}

/* A variable with an instrumentation's name in it has no row. */
static bool set_by_name(struct file *f, const yaml_node_t *at, const char *name, const char *text)
{
    struct config *c = f->config;
    size_t len = strlen(name), size = len + strlen(text) + 2;
    if (*text == '\0')
        return true;
    char *entry = c->nr_file_vars < CONFIG_MAX_FILE_VARS ? arena_alloc(size) : NULL;
    if (entry == NULL) {
        file_note(f, at, "more than %u variables of this kind", CONFIG_MAX_FILE_VARS);
        return true;
    }
    memcpy(entry, name, len);
    entry[len] = '=';
    memcpy(entry + len + 1, text, size - len - 1);
    c->file_vars[c->nr_file_vars++] = entry;
    return true;
}

static bool take_one(struct file *f, const yaml_node_t *at, const yaml_node_t *value)
{
    char name[NAME_BYTES], shown[SHOWN_BYTES];
    const char *key = file_key_text(f, at);
    if (key == NULL)
        return false;
    bool named = variable_name(key, name), has_row = named && row_find(name) != NULL;
    text_shown(slice_of(key), shown);
    if (!has_row && !(named && ends_with(key, "_excluded_urls"))) {
        file_note(f, at, "the key `%s` is not known here", shown);
        return true;
    }
    const char *text = value_text(f, shown, value, strcmp(key, "sampling_rules") ? "," : ";");
    if (text == NULL)
        return false;
    return has_row ? file_set(f, value, key, name, text) : set_by_name(f, at, name, text);
}

bool file_take_shim(struct file *f, const char *key, const yaml_node_t *value)
{
    if (file_is_null(f, value))
        return true;
    if (value->type != YAML_MAPPING_NODE)
        return file_fault(f, value, "`%s` is a mapping", key);
    for (const yaml_node_pair_t *p = value->data.mapping.pairs.start;
         p < value->data.mapping.pairs.top; p++)
        if (!take_one(f, file_node(f, p->key), file_node(f, p->value)))
            return false;
    return true;
}
