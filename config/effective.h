/*
 * Where the configuration in force came from, variable by variable: for whoever shows it
 * (`otelshim check`). After config_load(), any thread.
 */
#ifndef OTELSHIM_EFFECTIVE_H
#define OTELSHIM_EFFECTIVE_H

#include <stdbool.h>

enum config_source { SOURCE_DEFAULT, SOURCE_PROFILE, SOURCE_ENVIRONMENT, SOURCE_FILE };

struct config_effective {
    const char *name; /* the variable */
    const char *text; /* as it was given; NULL: the default, which schema.h tells in words */
    enum config_source source;
    const char *where; /* "FILE:LINE:COLUMN: key" of SOURCE_FILE, else NULL */
    unsigned line;
    bool secret;  /* not to be printed (headers) */
    bool refused; /* `text` could not be used: the default, or a more general variable, holds */
};

/* Variables in the order of schema.h; false past the last one. */
bool config_effective(unsigned index, struct config_effective *out);

#endif
