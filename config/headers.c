/*
 * Headers by name: which ones a span shows, and of which ones only that they
 * were there.
 *
 * OpenTelemetry Python's rules: a comma list of regular expressions, letter case
 * ignored; a captured name is matched as a whole, a sanitized one anywhere. Most
 * lists are plain names: those are compared, which costs a hundredth of a match
 * and needs no engine.
 */
#include <string.h>

#include "arena.h"
#include "config.h"
#include "layout.h"
#include "load.h"
#include "patterns.h"

#define PREFIX "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
/* Captured headers are shown because somebody asked; these by their name are secrets. */
#define SANITIZED_DEFAULT "authorization,cookie,token,secret,password,api-key,apikey"

struct header_filter {
    bool whole, has_patterns;
    unsigned nr_names;
    struct slice names[CONFIG_MAX_PATTERNS];
    struct patterns patterns; /* those that are no plain names */
};

static const char *const variables[HEADER_LIST_COUNT] = {
    [HEADERS_SERVER_REQUEST] = PREFIX "SERVER_REQUEST",
    [HEADERS_SERVER_RESPONSE] = PREFIX "SERVER_RESPONSE",
    [HEADERS_CLIENT_REQUEST] = PREFIX "CLIENT_REQUEST",
    [HEADERS_CLIENT_RESPONSE] = PREFIX "CLIENT_RESPONSE",
    [HEADERS_SANITIZED] = PREFIX "SANITIZE_FIELDS",
};

static bool is_plain(struct slice item)
{
    for (size_t i = 0; i < item.len; i++) {
        char c = item.at[i];
        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
            c != '_')
            return false;
    }
    return true;
}

static void item_add(struct header_filter *filter, const char *variable, struct slice item)
{
    if (is_plain(item)) {
        filter->names[filter->nr_names++] = item;
    } else if (filter->has_patterns || patterns_init(&filter->patterns)) {
        filter->has_patterns = true;
        patterns_add(&filter->patterns, variable, item,
                     PATTERN_NO_CASE | (filter->whole ? (unsigned)PATTERN_WHOLE : 0u));
    } else {
        diag_config_mistake("%s: no memory for it; patterns are left out", variable);
    }
}

AT_START const struct header_filter *config_header_filter(const struct config *c,
                                                          enum header_list list)
{
    const char *variable = variables[list], *value = config_variable(c, variable);
    struct slice rest, item;
    unsigned over = 0;
    if (list == HEADERS_SANITIZED && (value == NULL || slice_trim(slice_of(value)).len == 0))
        value = SANITIZED_DEFAULT;
    struct header_filter *filter = value != NULL ? arena_alloc(sizeof *filter) : NULL;
    if (filter == NULL)
        return NULL;
    filter->whole = list != HEADERS_SANITIZED;
    rest = slice_of(value);
    while (parse_list_next(&rest, &item)) {
        if (filter->nr_names + filter->patterns.nr == CONFIG_MAX_PATTERNS)
            over++;
        else
            item_add(filter, variable, item);
    }
    if (over > 0)
        diag_config_mistake("%s: more than %u patterns; %u are left out", variable,
                            CONFIG_MAX_PATTERNS, over);
    if (filter->nr_names + filter->patterns.nr > 0)
        return filter;
    arena_free_last(filter);
    return NULL;
}

static bool same_letters(const char *text, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char a = text[i], b = name[i];
        if (a != b && !((a ^ b) == 0x20 && (a | 0x20) >= 'a' && (a | 0x20) <= 'z'))
            return false;
    }
    return true;
}

static bool is_name(struct slice name, bool whole, const char *text, size_t len)
{
    if (whole)
        return len == name.len && same_letters(text, name.at, len);
    for (size_t i = 0; i + name.len <= len; i++) {
        if (same_letters(text + i, name.at, name.len))
            return true;
    }
    return false;
}

bool header_filter_matches(const struct header_filter *filter, const char *name, size_t len)
{
    if (filter == NULL)
        return false;
    for (unsigned i = 0; i < filter->nr_names; i++) {
        if (is_name(filter->names[i], filter->whole, name, len))
            return true;
    }
    if (filter->patterns.nr == 0)
        return false;
    enum pattern_result result = patterns_match(&filter->patterns, name, len, false);
    return result == PATTERN_MATCHES || (result == PATTERN_UNKNOWN && !filter->whole);
}
