/* The keys of a configuration file and which rows they are for (file_keys.c). */
#ifndef OTELSHIM_FILE_KEYS_H
#define OTELSHIM_FILE_KEYS_H

#include "file_node.h"

extern const struct file_key file_top_keys[];
/* file_exporters.c: `processors` of a tracer provider. */
bool file_take_processors(struct file *f, const char *key, const yaml_node_t *value);
/* file_sampler.c */
bool file_take_sampler(struct file *f, const char *key, const yaml_node_t *value);
/* file_shim.c: the section of ours. */
bool file_take_shim(struct file *f, const char *key, const yaml_node_t *value);
/* A list of texts becomes a comma list for `variable`. */
bool file_take_names(struct file *f, const char *key, const yaml_node_t *value,
                     const char *variable);
/* `headers` or `attributes`, and `headers_list` or `attributes_list`: kept in the file's state
 * until both were seen. */
bool file_take_pairs(struct file *f, const char *key, const yaml_node_t *value);
bool file_take_pairs_list(struct file *f, const char *key, const yaml_node_t *value);
/* Both as one row's text: the list as variables have it, then name and value, which wins. */
bool file_set_pairs(struct file *f, const yaml_node_t *list, const yaml_node_t *pairs,
                    const char *key, const char *variable);
/* Adds a word to a comma list in `list`. */
bool file_add_word(struct file *f, const yaml_node_t *at, char list[static 256], const char *word);

#endif
