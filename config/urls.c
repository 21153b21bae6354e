/*
 * Excluded URLs: lists of regular expressions, decided on the program's thread
 * before a header goes out, so bounded in every way.
 *
 * OpenTelemetry Python's rules: unanchored search, letter case told apart, one
 * alternative is enough. Patterns are compiled and tried one by one: a bad one
 * is left out alone, and each keeps its own groups and inline flags. Unlike
 * there, an empty item is no pattern: a trailing comma does not exclude all.
 */
#include <string.h>

#include "arena.h"
#include "config.h"
#include "load.h"
#include "patterns.h"
#include "table.h"

#define URL_MAX_BYTES 2048u /* of a URL that are looked at, as RECORD_MAX_URL */

struct url_filter {
    struct url_filter *next;
    const char *value; /* the variable's value it was made from */
    struct patterns patterns;
};

/* Constructor only. A forked child keeps it. */
static struct url_filter *filters; /* one per value: instrumentations share it */

static void filter_compile(struct url_filter *filter, const char *variable, struct slice list)
{
    struct slice item;
    unsigned over = 0;
    while (parse_list_next(&list, &item)) {
        if (filter->patterns.nr == CONFIG_MAX_PATTERNS)
            over++;
        else
            patterns_add(&filter->patterns, variable, item, 0);
    }
    if (over > 0)
        diag_config_mistake("%s: more than %u patterns; %u are left out", variable,
                            CONFIG_MAX_PATTERNS, over);
}

/* "curl" in OTEL_SHIM_CURL_EXCLUDED_URLS. Bytes written, 0: too long. */
static size_t put_upper(char *to, size_t room, const char *name)
{
    size_t len = strlen(name);
    if (len >= room)
        return 0;
    for (size_t i = 0; i < len; i++)
        to[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32)
                : name[i] == '-'                 ? '_'
                                                 : name[i];
    return len;
}

static const char *value_in(const char *const entries[], unsigned nr, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < nr; i++)
        if (strncmp(entries[i], name, len) == 0 && entries[i][len] == '=')
            return entries[i] + len + 1;
    return NULL;
}

const char *config_variable(const struct config *c, const char *name)
{
    const struct row *row = row_find(name);
    if (row != NULL)
        return row_setting(row)->text;
    bool ours = strncmp(name, "OTEL_SHIM_", 10) == 0;
    const char *value =
        ours || c->config_file == NULL ? value_in(c->follow_vars, c->nr_follow_vars, name) : NULL;
    return value != NULL ? value : value_in(c->file_vars, c->nr_file_vars, name);
}

/* The first variable of the lookup order that is set; its name goes to `variable`. */
static const char *list_find(const struct config *c, const char *name, char variable[static 128])
{
    static const char *const prefixes[] = { "OTEL_SHIM_", "OTEL_PYTHON_" };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        for (int general = 0; general < 2; general++) {
            size_t n = strlen(prefixes[i]);
            memcpy(variable, prefixes[i], n);
            if (!general) {
                size_t added = put_upper(variable + n, 64, name);
                if (added == 0)
                    continue;
                n += added;
                variable[n++] = '_';
            }
            memcpy(variable + n, "EXCLUDED_URLS", sizeof "EXCLUDED_URLS");
            const char *value = config_variable(c, variable);
            if (value != NULL)
                return value;
        }
    }
    return NULL;
}

const struct url_filter *config_url_filter(const struct config *c, const char *name)
{
    char variable[128];
    const char *value = list_find(c, name, variable);
    struct url_filter *filter = filters;
    if (value == NULL)
        return NULL;
    while (filter != NULL && filter->value != value)
        filter = filter->next;
    if (filter == NULL) {
        struct patterns patterns;
        if (!patterns_init(&patterns) || (filter = arena_alloc(sizeof *filter)) == NULL) {
            diag_config_mistake("%s: no memory for it; nothing is excluded", variable);
            return NULL;
        }
        *filter = (struct url_filter){ filters, value, patterns };
        filters = filter;
        filter_compile(filter, variable, slice_of(value));
    }
    return filter->patterns.nr > 0 ? filter : NULL;
}

bool url_filter_excludes(const struct url_filter *filter, const char *url, size_t len)
{
    bool cut = len > URL_MAX_BYTES;
    return filter != NULL && patterns_match(&filter->patterns, url, cut ? URL_MAX_BYTES : len,
                                            cut) == PATTERN_MATCHES;
}
