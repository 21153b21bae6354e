/*
 * A file's sampler, a tree, to three variables: root sampler, its argument, and what is done
 * below parents. What the tree says and they cannot is a fault: nobody wants other spans than those asked for.
 */
#include <stdio.h>
#include <string.h>

#include "file_keys.h"
#include "parse.h"

static bool unsupported(struct file *f, const yaml_node_t *at, const char *name)
{
    char shown[SHOWN_BYTES];
    text_shown(slice_of(name), shown);
    return file_fault(f, at, "the sampler `%s` is not supported by this version", shown);
}

/* The ratio of a sampler of shares. */
static bool is_share(struct file *f, const char *key, const yaml_node_t *value, struct scalar *out)
{
    double number;
    if (strcmp(key, "ratio") != 0)
        return file_fault(f, value, "this sampler has a `ratio` alone");
    if (!file_scalar(f, value, out))
        return false;
    if (out->kind == SCALAR_NULL)
        out->text = "1.0";
    return parse_ratio(slice_of(out->text), &number) ||
           file_fault(f, value, "`ratio` is not a number from 0 to 1");
}

static bool take_ratio(struct file *f, const char *key, const yaml_node_t *value)
{
    struct scalar ratio;
    if (!file_scalar(f, value, &ratio) || ratio.kind == SCALAR_NULL)
        return !f->failed;
    if (ratio.kind != SCALAR_FLOAT && ratio.kind != SCALAR_INT)
        return file_fault(f, value, "`%s` is not a number", key);
    return file_set(f, value, key, "OTEL_TRACES_SAMPLER_ARG", ratio.text);
}

static const struct file_key ratio_keys[] = {
    { "ratio", KEY_TAKE, NULL, NULL, take_ratio },
    { 0 },
};

/* A root sampler's word of OTEL_TRACES_SAMPLER, with or without `parentbased_`. */
static const char *root_word(struct file *f, const yaml_node_t *node, bool parent_based)
{
    const yaml_node_t *inside;
    const char *name;
    if (!file_single(f, node, &name, &inside))
        return NULL;
    if (strcmp(name, "always_on") == 0)
        return parent_based ? "parentbased_always_on" : "always_on";
    if (strcmp(name, "always_off") == 0)
        return parent_based ? "parentbased_always_off" : "always_off";
    if (strcmp(name, "trace_id_ratio_based") != 0) {
        unsupported(f, node, name);
        return NULL;
    }
    if (!file_map(f, inside, ratio_keys))
        return NULL;
    return parent_based ? "parentbased_traceidratio" : "traceidratio";
}

/* What is done below a kind of parents: one more item of a list that is kept until all are there. */
static bool take_delegate(struct file *f, const char *key, const yaml_node_t *value)
{
    const yaml_node_t *inside, *ratio;
    const char *name, *only;
    struct scalar share = { "1.0", SCALAR_FLOAT };
    char item[96];
    if (file_is_null(f, value))
        return true;
    if (!file_single(f, value, &name, &inside))
        return false;
    if (strcmp(name, "trace_id_ratio_based") == 0) {
        if (!file_is_null(f, inside) &&
            (!file_single(f, inside, &only, &ratio) || !is_share(f, only, ratio, &share)))
            return false;
        name = share.text;
    } else if (strcmp(name, "always_on") != 0 && strcmp(name, "always_off") != 0) {
        return unsupported(f, value, name);
    }
    snprintf(item, sizeof item, "%s=%s", key, name);
    return file_add_word(f, value, f->below_parents, item);
}

static bool take_root(struct file *f, const char *key, const yaml_node_t *value)
{
    const char *word = file_is_null(f, value) ? "parentbased_always_on" : root_word(f, value, true);
    return word != NULL && file_set(f, value, key, "OTEL_TRACES_SAMPLER", word);
}

static const struct file_key parent_keys[] = {
    { "root", KEY_TAKE, NULL, NULL, take_root },
    { "remote_parent_sampled", KEY_TAKE, NULL, NULL, take_delegate },
    { "remote_parent_not_sampled", KEY_TAKE, NULL, NULL, take_delegate },
    { "local_parent_sampled", KEY_TAKE, NULL, NULL, take_delegate },
    { "local_parent_not_sampled", KEY_TAKE, NULL, NULL, take_delegate },
    { 0 },
};

static bool take_parent_based(struct file *f, const char *key, const yaml_node_t *value)
{
    f->below_parents[0] = '\0';
    return file_map(f, value, parent_keys) &&
           file_set(f, value, key, "OTEL_SHIM_PARENT_SAMPLERS", f->below_parents);
}

bool file_take_sampler(struct file *f, const char *key, const yaml_node_t *value)
{
    const yaml_node_t *inside;
    const char *name;
    if (file_is_null(f, value))
        return true;
    if (!file_single(f, value, &name, &inside))
        return false;
    if (strcmp(name, "parent_based") == 0)
        return take_parent_based(f, key, inside);
    const char *word = root_word(f, value, false);
    return word != NULL && file_set(f, value, key, "OTEL_TRACES_SAMPLER", word);
}
