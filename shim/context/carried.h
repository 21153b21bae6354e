/*
 * tracestate and baggage that came in with a request, for as long as it is open.
 *
 * A span's context points to them and is copied around (children, published slots),
 * so a text may be looked at a little after it was given back: blocks are reused in
 * turn, so that this is long after, and always end with a zero: a late reader sees
 * another request's text at worst. Any thread, no lock, no malloc.
 */
#ifndef OTELSHIM_CONTEXT_CARRIED_H
#define OTELSHIM_CONTEXT_CARRIED_H

#include <stddef.h>
#include <stdint.h>

#define CARRIED_TRACESTATES 4096u /* of 512 bytes; texts at one time */
#define CARRIED_BAGGAGES 256u     /* of 8,192 bytes */

/* A number for the text, 0 when there is no room for it (it is not passed on). */
uint32_t carried_keep_tracestate(const char *text, size_t len);
uint32_t carried_keep_baggage(const char *text, size_t len);
/* NULL for 0. */
const char *carried_text(uint32_t number);
/* Gives it back; *number becomes 0. */
void carried_give(uint32_t *number);

#endif
