/*
 * The types of the OpenTelemetry specification's variables, text to value, each
 * in one place. Pure, no allocation, no locale: a program's setlocale() must not
 * change what a ratio means. Blanks around a value never matter.
 */
#ifndef OTELSHIM_PARSE_H
#define OTELSHIM_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed text, not terminated. */
struct slice {
    const char *at;
    size_t len;
};

#define PARSE_UINT_MAX 2147483647u
#define SHOWN_BYTES 256u /* a value in a message, cut and made printable */

struct slice slice_of(const char *text);
struct slice slice_trim(struct slice s);
bool slice_is(struct slice s, const char *text);
/* ASCII letters compare alike in either case. */
bool slice_is_nocase(struct slice s, const char *text);
/* Position of `c`, or s.len. */
size_t slice_find(struct slice s, char c);
struct slice slice_from(struct slice s, size_t start);
struct slice slice_until(struct slice s, size_t end);

/* `true` in any letter case is true; everything else is false, and unless it is
 * `false` the result says that it was a mistake (false). */
bool parse_bool(struct slice s, bool *out);
/* Decimal digits, min..max; false otherwise, *out untouched. */
bool parse_uint(struct slice s, uint32_t min, uint32_t max, uint32_t *out);
/* A number in 0..1 (`0.25`, `1`, `.5`, `1e-3`); false otherwise, *out untouched. */
bool parse_ratio(struct slice s, double *out);

/* A number of that notation in min..max (at most 1e15); false otherwise, *out untouched. */
bool parse_number(struct slice s, double min, double max, double *out);

/* The next item of a comma list, trimmed, empty items skipped; false at the end.
 * *rest is what has not been looked at yet. */
bool parse_list_next(struct slice *rest, struct slice *item);

/* Undoes %XX into out (at least s.len bytes). Bytes written, or -1 for a
 * malformed escape or one that stands for a zero byte. */
long percent_decode(struct slice s, char *out);

bool utf8_is_valid(const char *text, size_t len);

/* `s` for a message: control and non-ASCII bytes as \xNN, the password part of
 * a URL hidden, long values cut with their length told. */
void text_shown(struct slice s, char out[static SHOWN_BYTES]);

#endif
