/*
 * Lists of a configuration file in the form that rows read: comma lists of names, and of
 * name=value with everything special percent-encoded.
 */
#include <stdio.h>
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

/* One `name=value` of a comma list, encoded; a value that is null is left out. */
static bool put_pair(struct file *f, const yaml_node_t *item, struct file_text *text)
{
    struct attribute a;
    struct scalar name, value;
    if (!attribute_part(f, item, &a) || a.value == NULL || !file_scalar(f, a.name, &name))
        return false;
    if (a.value->type != YAML_SCALAR_NODE) {
        file_note(f, a.value, "a list as value is not supported by this version");
        return true;
    }
    if (!file_scalar(f, a.value, &value))
        return false;
    if (value.kind == SCALAR_NULL)
        return true;
    file_text_put(text, text->len > 0 ? "," : "");
    file_text_put_encoded(text, name.text);
    file_text_put(text, "=");
    file_text_put_encoded(text, value.text);
    return true;
}

/* A list as variables have it, then a list of name and value, which wins: one row. */
bool file_set_pairs(struct file *f, const yaml_node_t *list, const yaml_node_t *pairs,
                    const char *key, const char *variable)
{
    struct file_text text;
    struct scalar before;
    unsigned count = 0;
    if (list == NULL && pairs == NULL)
        return true;
    file_text_begin(&text);
    if (list != NULL) {
        if (!file_scalar(f, list, &before))
            return false;
        file_text_put(&text, before.kind != SCALAR_NULL ? before.text : "");
    }
    if (pairs != NULL && !file_list(f, pairs, key, &count))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!put_pair(f, file_item(f, pairs, i), &text))
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
