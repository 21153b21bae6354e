/*
 * Writes JSON (RFC 8259) into memory that the caller has made large enough: each
 * function appends at `at` and returns the new end.
 */
#ifndef OTELSHIM_JSON_H
#define OTELSHIM_JSON_H

#include <stdint.h>

#include "span_view.h"

/* Bound: bytes that one byte of a text becomes, "\u0001". */
#define JSON_ESCAPE_GROWTH 6u
/* Bound: bytes of a number with its quotes. */
#define JSON_NUMBER_MAX 32u

/* `text` as it stands: punctuation and keys. */
unsigned char *json_put(unsigned char *at, const char *text);
/* UTF-8 text, escaped, without quotes; with them. */
unsigned char *json_put_escaped(unsigned char *at, struct text text);
unsigned char *json_put_text(unsigned char *at, struct text text);
unsigned char *json_put_string(unsigned char *at, const char *text);
unsigned char *json_put_u64(unsigned char *at, uint64_t v);
unsigned char *json_put_i64(unsigned char *at, int64_t v);
/* Not a number and the infinities are texts, as protobuf's JSON has them. */
unsigned char *json_put_double(unsigned char *at, double v);
unsigned char *json_put_hex(unsigned char *at, const unsigned char *data, size_t len);

#endif
