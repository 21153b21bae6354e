/* The variables that are read, for showing: config.c makes them from config/schema.h. */
#ifndef OTELSHIM_CLI_VARIABLES_H
#define OTELSHIM_CLI_VARIABLES_H

#include <stddef.h>

struct variable {
    const char *name;
    int type;
    int words; /* the set that its value is of */
    const char *default_text, *effect;
};
extern const struct variable variables[];
extern const size_t nr_variables;

/* What stands before the effect of a row that this version does not read. */
const char *variable_not_read(const struct variable *v);
/* `config --list`, `check --list`. Exit status. */
int variables_list(void);

#endif
