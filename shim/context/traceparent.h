/*
 * W3C Trace Context Level 2 and Baggage headers: text to values and back.
 * Pure functions, no allocation, any thread, async-signal-safe.
 */
#ifndef OTELSHIM_TRACEPARENT_H
#define OTELSHIM_TRACEPARENT_H

#include "sdk/span.h"

#define TRACEPARENT_LEN 55u /* without terminating zero */
#define TRACESTATE_MAX 512u /* bytes carried (choices.md) */
#define BAGGAGE_MAX 8192u   /* bytes carried (choices.md) */

/*
 * Reads `len` bytes of a traceparent value; surrounding blanks are allowed.
 * Fills trace_id, span_id, flags (sampled and random bits) and remote=true;
 * tracestate and baggage become NULL. False: malformed, *out untouched.
 */
bool traceparent_parse(const char *text, size_t len, struct span_context *out);
/* Writes version 00 text and a terminating zero. */
void traceparent_format(const struct span_context *context, char out[static TRACEPARENT_LEN + 1]);
/* Whether a tracestate list is well formed, has no duplicate key and at most 32 members. */
bool tracestate_is_valid(const char *text, size_t len);
/* Bytes of the longest prefix of whole members within `max` (members over 128
 * bytes are not skipped over). 0 = nothing to send. */
size_t tracestate_fit(const char *text, size_t len, size_t max);
/* Whether baggage is within the limits to be passed on (8192 bytes, 180 members). */
bool baggage_is_valid(const char *text, size_t len);

#endif
