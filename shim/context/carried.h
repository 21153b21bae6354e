/*
 * Texts that go with a request, for as long as it is open: tracestate and baggage that it
 * came in with, headers of other formats that it goes out with.
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

#define CARRIED_SHORT 4096u /* texts of at most CARRIED_SHORT_BYTES at one time */
#define CARRIED_SHORT_BYTES 512u
#define CARRIED_LONG 256u /* longer ones */
#define CARRIED_LONG_BYTES 8192u

/* A number for the text, 0 when there is no room for it (it is not passed on). */
uint32_t carried_keep(const char *text, size_t len);
/* Room for one, with a zero behind it, for the caller to write to at once. */
uint32_t carried_take(size_t len, char **room);
/* NULL for 0. */
const char *carried_text(uint32_t number);
/* Gives it back; *number becomes 0. */
void carried_give(uint32_t *number);

#endif
