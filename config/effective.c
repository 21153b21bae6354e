/* See effective.h. */
#include "effective.h"

#include <string.h>

#include "table.h"

bool config_effective(unsigned index, struct config_effective *out)
{
    if (index >= config_nr_rows)
        return false;
    const struct setting *s = &config_settings[index];
    const char *name = config_rows[index].name;
    *out = (struct config_effective){
        .name = name,
        .text = s->text,
        .source = s->source,
        .where = s->source == SOURCE_FILE ? s->where : NULL,
        .line = s->line,
        .secret = strstr(name, "_HEADERS") != NULL && strncmp(name, "OTEL_EXPORTER_", 14) == 0,
        .refused = s->refused,
    };
    return true;
}
