/*
 * The table of schema.h at work: what every row was given, and from where. The
 * environment, the profile and the file fill in settings; config_load() then reads the
 * rows in their order, whatever they came from. Constructor only; settings stay, for
 * whoever shows them (effective.h).
 */
#ifndef OTELSHIM_TABLE_H
#define OTELSHIM_TABLE_H

#include "config.h"
#include "effective.h"
#include "parse.h"
#include "schema.h"

#define CONFIG_MAX_ROWS 128u

enum word_set {
#define SET(id) WORDS_##id,
    CONFIG_WORD_SETS(SET)
#undef SET
};

/* A word that a variable may have as value. The last one has no text. */
struct word {
    enum word_set set;
    const char *text;
    uint32_t value;
    bool built;
};
extern const struct word config_words[];

/* What a row was given. */
struct setting {
    const char *text;  /* NULL: nothing, the default holds */
    const char *where; /* how messages name it: the variable, or "FILE:LINE:COLUMN: key" */
    enum config_source source;
    unsigned line; /* of the file */
    bool refused;  /* could not be read */
};

struct row {
    const char *name;
    /* False: a bad value, reported. */
    bool (*load)(struct config *c, const struct row *row, const struct setting *s);
    size_t field; /* offset in struct config */
    enum word_set words;
};
extern const struct row config_rows[];
extern const unsigned config_nr_rows;
extern struct setting config_settings[CONFIG_MAX_ROWS]; /* of the row with the same index */

/* Text to field, or a message; false: refused. */
bool row_load(struct config *c, const struct row *row, const struct setting *s);
/* NULL: there is no such variable. */
const struct row *row_find(const char *name);
static inline struct setting *row_setting(const struct row *row)
{
    return &config_settings[row - config_rows];
}

#endif
