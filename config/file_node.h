/*
 * Nodes of a configuration file: where they stand, what scalars mean after substitution,
 * mappings with known keys. For file.c and file_keys.c.
 */
#ifndef OTELSHIM_FILE_NODE_H
#define OTELSHIM_FILE_NODE_H

#include <yaml.h>

#include "table.h"

struct file {
    struct config *config;
    const char *path;
    char *const *envp;
    yaml_document_t *document;
    bool failed; /* it cannot be used; told of */
    unsigned nr_notes, nr_nodes, depth;

    /* What several places of the file say together. */
    bool has_format, has_provider, has_batch, has_otlp;
    const yaml_node_t *provider, *propagator;
    char exporters[256], propagators[256]; /* comma lists */
    char below_parents[256];               /* of OTEL_SHIM_PARENT_SAMPLERS */
    const yaml_node_t *attributes, *attributes_list;
};

/* The file cannot be used: one line, the first time. Always false. */
bool file_fault(struct file *f, const yaml_node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Something of it is left out: one line, FILE_MAX_NOTES of them. */
void file_note(struct file *f, const yaml_node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum scalar_kind { SCALAR_NULL, SCALAR_BOOL, SCALAR_INT, SCALAR_FLOAT, SCALAR_TEXT };

struct scalar {
    const char *text; /* after substitution; lives as long as the configuration */
    enum scalar_kind kind;
};

const yaml_node_t *file_node(const struct file *f, int index);
/* False: it is no scalar, or its references are malformed. */
bool file_scalar(struct file *f, const yaml_node_t *node, struct scalar *out);
/* The key's text, or NULL after a fault. */
const char *file_key_text(struct file *f, const yaml_node_t *node);
/* A value that is absent: `key:` alone, or null. */
bool file_is_null(struct file *f, const yaml_node_t *node);

/* What a key's value must be. */
enum key_kind { KEY_TEXT, KEY_INT, KEY_NUMBER, KEY_BOOL, KEY_MAP, KEY_TAKE, KEY_ANY, KEY_UNBUILT };

struct file_key {
    const char *name;
    enum key_kind kind;
    const char *variable;          /* row that a scalar's text is for; NULL: it is only checked */
    const struct file_key *inside; /* of KEY_MAP */
    bool (*take)(struct file *f, const char *key, const yaml_node_t *value); /* of KEY_TAKE */
};

/* Each key of a mapping to what its entry says; the list ends with a NULL name. False: fault. */
bool file_map(struct file *f, const yaml_node_t *node, const struct file_key *keys);
/* The only key of a mapping and its value. */
bool file_single(struct file *f, const yaml_node_t *node, const char **key,
                 const yaml_node_t **value);
/* A sequence; null counts as an empty one. */
bool file_list(struct file *f, const yaml_node_t *node, const char *key, unsigned *count);
const yaml_node_t *file_item(const struct file *f, const yaml_node_t *node, unsigned index);

/* Gives a row its text, unless the environment or an earlier place has. False: no memory. */
bool file_set(struct file *f, const yaml_node_t *at, const char *key, const char *variable,
              const char *text);

/* Text that is put together; one at a time, bounded by CONFIG_MAX_VALUE. */
struct file_text {
    size_t len;
    bool full;
};
void file_text_begin(struct file_text *text);
void file_text_put(struct file_text *text, const char *bytes);
/* All but letters, digits and `-._~` as %XX. */
void file_text_put_encoded(struct file_text *text, const char *bytes);
const char *file_text_end(struct file_text *text);

#endif
