/*
 * Lists of regular expressions that the program's threads match against: bounded
 * in time and memory, no malloc, no lock (PCRE2 beneath).
 */
#ifndef OTELSHIM_PATTERNS_H
#define OTELSHIM_PATTERNS_H

#include "parse.h"

enum pattern_how {
    PATTERN_WHOLE = 1 << 0,   /* the whole text, else: anywhere in it */
    PATTERN_NO_CASE = 1 << 1, /* ASCII letters compare alike in either case */
};

struct patterns {
    const void **codes; /* CONFIG_MAX_PATTERNS of them find room */
    unsigned nr;
};

/* An empty list. False: no memory. Constructor only. */
bool patterns_init(struct patterns *patterns);
/* One more; a bad one is reported and left out. The caller sees to CONFIG_MAX_PATTERNS.
 * Constructor only. */
void patterns_add(struct patterns *patterns, const char *variable, struct slice text, unsigned how);

enum pattern_result {
    PATTERN_DIFFERS,
    PATTERN_MATCHES,
    PATTERN_UNKNOWN, /* a bound was hit */
};
/* Whether one of them matches. `cut`: the text goes on behind `len`. Any thread. */
enum pattern_result patterns_match(const struct patterns *patterns, const char *text, size_t len,
                                   bool cut);

#endif
