/* See file_node.h. */
#include "file_node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "file.h"
#include "layout.h"

#define MESSAGE_BYTES 384u

/* One value or list in the making. Constructor only; pages that no file needs are never touched. */
UNUSED_AT_START static char making[CONFIG_MAX_VALUE + 1], listing[CONFIG_MAX_VALUE + 1];

/* ---- messages ---- */

static void __attribute__((format(printf, 4, 0)))
tell(const struct file *f, const yaml_node_t *at, const char *end, const char *format, va_list args)
{
    char text[MESSAGE_BYTES];
    vsnprintf(text, sizeof text, format, args);
    if (at != NULL)
        diag_config_mistake("%s:%zu:%zu: %s; %s", f->path, at->start_mark.line + 1,
                            at->start_mark.column + 1, text, end);
    else
        diag_config_mistake("%s: %s; %s", f->path, text, end);
}

bool file_fault(struct file *f, const yaml_node_t *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!f->failed)
        tell(f, at, "telemetry is off", format, args);
    va_end(args);
    f->failed = true;
    return false;
}

void file_note(struct file *f, const yaml_node_t *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (f->nr_notes++ < FILE_MAX_NOTES)
        tell(f, at, "left out", format, args);
    va_end(args);
}

/* ---- substitution ---- */

static bool is_name_byte(char c, bool first)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? true
           : c == '_'                             ? true
                                                  : !first && c >= '0' && c <= '9';
}

/* Kept for the exporter process, which reads the same file. */
static void keep_reference(struct config *c, const char *entry)
{
    unsigned i = 0;
    while (i < c->nr_file_references && c->file_references[i] != entry)
        i++;
    if (i < CONFIG_MAX_FILE_REFERENCES && strncmp(entry, "OTEL_", 5) != 0) {
        c->file_references[i] = entry;
        c->nr_file_references += i == c->nr_file_references;
    }
}

static const char *variable_of(const struct file *f, struct slice name)
{
    char *const *envp = f->envp;
    for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
        if (strncmp(envp[i], name.at, name.len) == 0 && envp[i][name.len] == '=') {
            keep_reference(f->config, envp[i]);
            return envp[i] + name.len + 1;
        }
    return "";
}

/* What stands between `${` and `}`: [env:]NAME[:-default]. False: something else. */
static bool resolve(const struct file *f, struct slice reference, struct slice *out)
{
    size_t n = 0;
    if (reference.len > 4 && memcmp(reference.at, "env:", 4) == 0)
        reference = slice_from(reference, 4);
    while (n < reference.len && is_name_byte(reference.at[n], n == 0))
        n++;
    struct slice name = slice_until(reference, n), rest = slice_from(reference, n);
    bool has_default = rest.len >= 2 && memcmp(rest.at, ":-", 2) == 0;
    if (n == 0 || (rest.len > 0 && !has_default) || memchr(rest.at, '\n', rest.len) != NULL)
        return false;
    *out = slice_of(variable_of(f, name));
    if (out->len == 0 && has_default)
        *out = slice_from(rest, 2);
    return true;
}

static bool append(size_t *n, struct slice bytes)
{
    if (bytes.len > CONFIG_MAX_VALUE - *n)
        return false;
    memcpy(making + *n, bytes.at, bytes.len);
    *n += bytes.len;
    return true;
}

/* Into `making`, from left to right; what is put in is not looked at again. */
static bool substitute(struct file *f, const yaml_node_t *node, struct slice rest)
{
    size_t n = 0;
    bool fits = true;
    while (rest.len > 0 && fits) {
        size_t dollar = slice_find(rest, '$');
        fits = append(&n, slice_until(rest, dollar));
        rest = slice_from(rest, dollar);
        if (rest.len == 0 || !fits)
            break;
        struct slice value = { "$", 1 };
        size_t used = rest.len > 1 && rest.at[1] == '$' ? 2 : 1;
        if (rest.len > 1 && rest.at[1] == '{') {
            size_t end = slice_find(rest, '}');
            if (end == rest.len || !resolve(f, slice_from(slice_until(rest, end), 2), &value))
                return file_fault(f, node, "a reference is not ${NAME} or ${NAME:-default}");
            used = end + 1;
        }
        fits = append(&n, value);
        rest = slice_from(rest, used);
    }
    making[n] = '\0';
    return fits || file_fault(f, node, "a value is longer than %u bytes", CONFIG_MAX_VALUE);
}

/* ---- scalars ---- */

static bool is_one_of(const char *text, const char *const words[])
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* YAML 1.2's core schema. */
static enum scalar_kind kind_of(const char *text)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE", NULL };
    if (is_one_of(text, nulls))
        return SCALAR_NULL;
    if (is_one_of(text, bools))
        return SCALAR_BOOL;
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = digits(at), fraction = 0;
    if (whole > 0 && at[whole] == '\0')
        return SCALAR_INT;
    at += whole;
    if (*at == '.')
        at += 1 + (fraction = digits(at + 1));
    if (whole + fraction == 0)
        return SCALAR_TEXT;
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '-' || at[1] == '+');
        if (digits(at) == 0)
            return SCALAR_TEXT;
        at += digits(at);
    }
    return *at == '\0' ? SCALAR_FLOAT : SCALAR_TEXT;
}

const yaml_node_t *file_node(const struct file *f, int index)
{
    return yaml_document_get_node(f->document, index);
}

bool file_scalar(struct file *f, const yaml_node_t *node, struct scalar *out)
{
    *out = (struct scalar){ "", SCALAR_NULL };
    if (node == NULL || node->type != YAML_SCALAR_NODE)
        return file_fault(f, node, "a mapping or list stands where a value must");
    struct slice raw = { (const char *)node->data.scalar.value, node->data.scalar.length };
    if (memchr(raw.at, '\0', raw.len) != NULL)
        return file_fault(f, node, "a value holds a zero byte");
    if (!substitute(f, node, raw))
        return false;
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    out->kind = plain ? kind_of(making) : SCALAR_TEXT;
    /* `+5` is 5 for every row's parser. */
    const char *text = making + (out->kind == SCALAR_INT && making[0] == '+');
    out->text = arena_copy(text, strlen(text));
    return out->text != NULL || file_fault(f, node, "no memory");
}

const char *file_key_text(struct file *f, const yaml_node_t *node)
{
    if (node == NULL || node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0 ||
        strlen((const char *)node->data.scalar.value) != node->data.scalar.length) {
        file_fault(f, node, "a key is no text");
        return NULL;
    }
    return (const char *)node->data.scalar.value;
}

bool file_is_null(struct file *f, const yaml_node_t *node)
{
    struct scalar scalar;
    return node->type == YAML_SCALAR_NODE && file_scalar(f, node, &scalar) &&
           scalar.kind == SCALAR_NULL;
}

/* ---- mappings and lists ---- */

/* Aliases make a few bytes a large tree, or one without end. */
static bool may_enter(struct file *f, const yaml_node_t *node)
{
    if (f->depth >= FILE_MAX_DEPTH || ++f->nr_nodes > FILE_MAX_NODES)
        return file_fault(f, node, "it is nested too deeply or too large");
    return !f->failed;
}

static bool take_scalar(struct file *f, const struct file_key *key, const yaml_node_t *value)
{
    static const struct {
        enum scalar_kind kind, or_kind;
        const char *what;
    } wanted[] = {
        [KEY_TEXT] = { SCALAR_TEXT, SCALAR_TEXT, "text" },
        [KEY_INT] = { SCALAR_INT, SCALAR_INT, "a whole number" },
        [KEY_NUMBER] = { SCALAR_FLOAT, SCALAR_INT, "a number" },
        [KEY_BOOL] = { SCALAR_BOOL, SCALAR_BOOL, "true or false" },
    };
    struct scalar scalar;
    if (!file_scalar(f, value, &scalar))
        return false;
    if (scalar.kind == SCALAR_NULL)
        return true;
    if (scalar.kind != wanted[key->kind].kind && scalar.kind != wanted[key->kind].or_kind)
        return file_fault(f, value, "`%s` is not %s", key->name, wanted[key->kind].what);
    return key->variable == NULL || file_set(f, value, key->name, key->variable, scalar.text);
}

static bool take_value(struct file *f, const struct file_key *key, const yaml_node_t *at,
                       const yaml_node_t *value)
{
    switch (key->kind) {
    case KEY_MAP: return file_map(f, value, key->inside);
    case KEY_TAKE: return key->take(f, key->name, value);
    case KEY_ANY: return true;
    case KEY_UNBUILT:
        file_note(f, at, "`%s` is not supported by this version", key->name);
        return true;
    default: return take_scalar(f, key, value);
    }
}

static const struct file_key *key_find(const struct file_key *keys, const char *name)
{
    for (; keys->name != NULL; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}

static bool stands_before(const struct file *f, const yaml_node_t *map,
                          const yaml_node_pair_t *pair, const char *name)
{
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *key = file_node(f, p->key);
        if (key->type == YAML_SCALAR_NODE && strcmp((char *)key->data.scalar.value, name) == 0)
            return true;
    }
    return false;
}

static bool take_pair(struct file *f, const yaml_node_t *map, const yaml_node_pair_t *pair,
                      const struct file_key *keys)
{
    char shown[SHOWN_BYTES];
    const yaml_node_t *at = file_node(f, pair->key);
    const char *name = file_key_text(f, at);
    if (name == NULL)
        return false;
    text_shown(slice_of(name), shown);
    if (stands_before(f, map, pair, name))
        return file_fault(f, at, "`%s` stands twice in one mapping", shown);
    const struct file_key *key = key_find(keys, name);
    if (key == NULL)
        file_note(f, at, "the key `%s` is not known here", shown);
    return key == NULL || take_value(f, key, at, file_node(f, pair->value));
}

bool file_map(struct file *f, const yaml_node_t *node, const struct file_key *keys)
{
    if (!may_enter(f, node))
        return false;
    if (file_is_null(f, node))
        return true;
    if (node->type != YAML_MAPPING_NODE)
        return f->failed ? false : file_fault(f, node, "a mapping must stand here");
    f->depth++;
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++)
        if (!take_pair(f, node, pair, keys))
            break;
    f->depth--;
    return pair == node->data.mapping.pairs.top;
}

bool file_single(struct file *f, const yaml_node_t *node, const char **key,
                 const yaml_node_t **value)
{
    if (!may_enter(f, node))
        return false;
    if (node->type != YAML_MAPPING_NODE ||
        node->data.mapping.pairs.top - node->data.mapping.pairs.start != 1)
        return file_fault(f, node, "a mapping with one key must stand here");
    *key = file_key_text(f, file_node(f, node->data.mapping.pairs.start->key));
    *value = file_node(f, node->data.mapping.pairs.start->value);
    return *key != NULL;
}

bool file_list(struct file *f, const yaml_node_t *node, const char *key, unsigned *count)
{
    *count = 0;
    if (!may_enter(f, node))
        return false;
    if (file_is_null(f, node))
        return true;
    if (node->type != YAML_SEQUENCE_NODE)
        return f->failed ? false : file_fault(f, node, "`%s` is not a list", key);
    *count = (unsigned)(node->data.sequence.items.top - node->data.sequence.items.start);
    return true;
}

const yaml_node_t *file_item(const struct file *f, const yaml_node_t *node, unsigned index)
{
    return file_node(f, node->data.sequence.items.start[index]);
}

/* ---- what leaves ---- */

bool file_set(struct file *f, const yaml_node_t *at, const char *key, const char *variable,
              const char *text)
{
    const struct row *row = row_find(variable);
    struct setting *s = row_setting(row);
    char shown[SHOWN_BYTES], where[MESSAGE_BYTES];
    if (s->text != NULL || *text == '\0')
        return true;
    text_shown(slice_of(key), shown);
    snprintf(where, sizeof where, "%s:%zu:%zu: %s", f->path, at->start_mark.line + 1,
             at->start_mark.column + 1, shown);
    s->where = arena_copy(where, strlen(where));
    s->text = arena_copy(text, strlen(text));
    s->source = SOURCE_FILE;
    s->line = (unsigned)at->start_mark.line + 1;
    return (s->where != NULL && s->text != NULL) || file_fault(f, at, "no memory");
}

void file_text_begin(struct file_text *text)
{
    *text = (struct file_text){ 0, false };
}

static void put(struct file_text *text, const char *bytes, size_t len)
{
    if (len > CONFIG_MAX_VALUE - text->len) {
        text->full = true;
        return;
    }
    memcpy(listing + text->len, bytes, len);
    text->len += len;
}

void file_text_put(struct file_text *text, const char *bytes)
{
    put(text, bytes, strlen(bytes));
}

void file_text_put_encoded(struct file_text *text, const char *bytes)
{
    for (; *bytes != '\0'; bytes++) {
        char encoded[4];
        if (is_name_byte(*bytes, false) || strchr("-.~", *bytes) != NULL) {
            put(text, bytes, 1);
        } else {
            snprintf(encoded, sizeof encoded, "%%%02X", (unsigned)(unsigned char)*bytes);
            put(text, encoded, 3);
        }
    }
}

const char *file_text_end(struct file_text *text)
{
    listing[text->len] = '\0';
    return text->full ? NULL : listing;
}
