/*
 * Reads the little JSON that receivers answer with: whole texts of known size, by
 * looking for members. Pure, bounded depth, no allocation.
 */
#ifndef OTELSHIM_JSON_READ_H
#define OTELSHIM_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 32u /* bound: deeper is no JSON to us */

/* One value of a JSON text, or the whole of it. */
struct json_value {
    const char *at, *end;
};

/* Whether `data` is one JSON value, blanks around it allowed; *out is that value. */
bool json_read(const void *data, size_t len, struct json_value *out);
/* The member `key` of an object. False: it is no object, or has none. */
bool json_member(struct json_value object, const char *key, struct json_value *out);
/* An integer, plain or as text. False: it is none, or does not fit. */
bool json_integer(struct json_value value, int64_t *out);
/* A text without its escapes (those beyond ASCII become '?'), cut to `room`, terminated.
 * False: it is no text. */
bool json_text(struct json_value value, char *out, size_t room);

#endif
