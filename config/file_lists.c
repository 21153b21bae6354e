/*
 * Lists of a configuration file in the form that rows read: comma lists of names, and of
 * name=value with everything special percent-encoded. A resource attribute that is no text is
 * name=TYPE;value, a list name=TYPE; with `;` behind each item.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file_keys.h"

bool file_add_word(struct file *f, const yaml_node_t *at, char list[static 256], const char *word)
{
    size_t len = strlen(list);
    if (len + strlen(word) + 2 > 256)
        return file_fault(f, at, "the list is too long");
    snprintf(list + len, 256 - len, "%s%s", len > 0 ? "," : "", word);
    return true;
}

bool file_take_names(struct file *f, const char *key, const yaml_node_t *value,
                     const char *variable)
{
    struct file_text text;
    unsigned count;
    if (!file_list(f, value, key, &count))
        return false;
    file_text_begin(&text);
    for (unsigned i = 0; i < count; i++) {
        struct scalar item;
        if (!file_scalar(f, file_item(f, value, i), &item))
            return false;
        file_text_put(&text, i > 0 ? "," : "");
        file_text_put(&text, item.text);
    }
    const char *list = file_text_end(&text);
    return list != NULL ? file_set(f, value, key, variable, list)
                        : file_fault(f, value, "`%s` is too long", key);
}

struct attribute {
    const yaml_node_t *name, *value, *type;
};

static void note_unknown(struct file *f, const yaml_node_t *at, const char *key)
{
    char shown[SHOWN_BYTES];
    text_shown(slice_of(key), shown);
    file_note(f, at, "the key `%s` is not known here", shown);
}

static bool attribute_part(struct file *f, const yaml_node_t *item, struct attribute *out)
{
    *out = (struct attribute){ NULL, NULL, NULL };
    if (item->type != YAML_MAPPING_NODE)
        return file_fault(f, item, "an attribute is a mapping with `name` and `value`");
    for (const yaml_node_pair_t *p = item->data.mapping.pairs.start;
         p < item->data.mapping.pairs.top; p++) {
        const char *key = file_key_text(f, file_node(f, p->key));
        const yaml_node_t *value = file_node(f, p->value);
        if (key == NULL)
            return false;
        if (strcmp(key, "name") == 0)
            out->name = value;
        else if (strcmp(key, "value") == 0)
            out->value = value;
        else if (strcmp(key, "type") == 0)
            out->type = value;
        else
            note_unknown(f, file_node(f, p->key), key);
    }
    return (out->name != NULL && out->value != NULL) ||
           file_fault(f, item, "an attribute or header has `name` and `value`");
}

/* What a value must be to be one of `kind`, put in the form that all readers know. NULL: it is not. */
static const char *value_as(int kind, const struct scalar *value)
{
    bool is_int = value->kind == SCALAR_INT;
    switch (kind) {
    case ATTRIBUTE_BOOL:
        return value->kind != SCALAR_BOOL ? NULL : (*value->text | 0x20) == 't' ? "true" : "false";
    case ATTRIBUTE_INT:
        errno = 0;
        return is_int && (strtoll(value->text, NULL, 10), errno == 0) ? value->text : NULL;
    case ATTRIBUTE_DOUBLE: return is_int || value->kind == SCALAR_FLOAT ? value->text : NULL;
    default: return value->kind != SCALAR_NULL ? value->text : NULL;
    }
}

/* The kind of an attribute's `type`, a text without one. -1: it is none, told of. */
static int kind_of_type(struct file *f, const struct attribute *a)
{
    struct scalar type = { "", SCALAR_NULL };
    if (a->type != NULL && !file_scalar(f, a->type, &type))
        return -1;
    int kind = type.kind != SCALAR_NULL ? config_attribute_kind(type.text) : ATTRIBUTE_TEXT;
    char shown[SHOWN_BYTES];
    text_shown(slice_of(type.text), shown);
    if (kind < 0)
        file_note(f, a->type, "an attribute of type \"%s\"", shown);
    return kind;
}

/* `;` behind each item. False: one of them is of another type, or no scalar. */
static bool put_items(struct file *f, const yaml_node_t *list, int kind, struct file_text *text)
{
    unsigned count;
    if (!file_list(f, list, "value", &count))
        return false;
    for (unsigned i = 0; i < count; i++) {
        const yaml_node_t *node = file_item(f, list, i);
        struct scalar item;
        if (node->type != YAML_SCALAR_NODE || !file_scalar(f, node, &item))
            return false;
        const char *as = value_as(kind, &item);
        if (as == NULL || !utf8_is_valid(as, strlen(as)))
            return false;
        file_text_put_encoded(text, as);
        file_text_put(text, ";");
    }
    return true;
}

/* What stands behind `name=`. False: the value is none of that kind. */
static bool put_value(struct file *f, const struct attribute *a, int kind, struct file_text *text)
{
    bool is_list = kind >= 'A' && kind <= 'Z';
    struct scalar value;
    if (is_list != (a->value->type == YAML_SEQUENCE_NODE) ||
        (!is_list && a->value->type != YAML_SCALAR_NODE))
        return false;
    if (kind != ATTRIBUTE_TEXT) {
        file_text_put(text, config_attribute_type((unsigned)kind));
        file_text_put(text, ";");
    }
    if (is_list)
        return put_items(f, a->value, kind == ATTRIBUTE_TEXT_LIST ? ATTRIBUTE_TEXT : kind | 0x20,
                         text);
    const char *as = file_scalar(f, a->value, &value) ? value_as(kind, &value) : NULL;
    if (as != NULL)
        file_text_put_encoded(text, as);
    return as != NULL;
}

/* One `name=value` of a comma list, encoded; a value that is null is left out. */
static bool put_pair(struct file *f, const yaml_node_t *item, bool typed, struct file_text *text)
{
    struct attribute a;
    struct scalar name;
    struct file_text before = *text;
    if (!attribute_part(f, item, &a) || a.value == NULL || !file_scalar(f, a.name, &name))
        return false;
    /* The service's name is a text, whatever somebody calls it. */
    typed = typed && strcmp(name.text, "service.name") != 0;
    int kind = typed ? kind_of_type(f, &a) : ATTRIBUTE_TEXT;
    if (f->failed || kind < 0 || file_is_null(f, a.value))
        return !f->failed;
    file_text_put(text, text->len > 0 ? "," : "");
    file_text_put_encoded(text, name.text);
    file_text_put(text, "=");
    if (!put_value(f, &a, kind, text)) {
        *text = before;
        if (!f->failed)
            file_note(f, a.value, "a value that is not of type %s",
                      config_attribute_type((unsigned)kind));
    }
    return !f->failed;
}

/* As variables have it; its `;` are no marks of ours. */
static void put_variable(struct file_text *text, const char *bytes)
{
    for (; *bytes != '\0'; bytes++)
        file_text_put(text, *bytes == ';' ? "%3B" : (char[2]){ *bytes, '\0' });
}

/* A list as variables have it, then a list of name and value, which wins: one row. */
bool file_set_pairs(struct file *f, const yaml_node_t *list, const yaml_node_t *pairs,
                    const char *key, const char *variable)
{
    bool typed = strcmp(key, "attributes") == 0; /* headers are texts */
    struct file_text text;
    struct scalar before;
    unsigned count = 0;
    if (list == NULL && pairs == NULL)
        return true;
    file_text_begin(&text);
    if (list != NULL) {
        if (!file_scalar(f, list, &before))
            return false;
        if (before.kind != SCALAR_NULL && typed)
            put_variable(&text, before.text);
        else if (before.kind != SCALAR_NULL)
            file_text_put(&text, before.text);
    }
    if (pairs != NULL && !file_list(f, pairs, key, &count))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!put_pair(f, file_item(f, pairs, i), typed, &text))
            return false;
    const char *all = file_text_end(&text);
    const yaml_node_t *at = pairs != NULL ? pairs : list;
    return all != NULL ? file_set(f, at, key, variable, all)
                       : file_fault(f, at, "`%s` is too long", key);
}

bool file_take_pairs(struct file *f, const char *key, const yaml_node_t *value)
{
    (void)key;
    f->attributes = value;
    return true;
}

bool file_take_pairs_list(struct file *f, const char *key, const yaml_node_t *value)
{
    (void)key;
    f->attributes_list = value;
    return true;
}
