/*
 * The spans in a leftover that its process had begun and could not end. Hostile bytes, as
 * all of a leftover.
 */
#ifndef OTELSHIM_SPOOL_CUT_OFF_H
#define OTELSHIM_SPOOL_CUT_OFF_H

#include "leftover.h"

/* A finished record of the file: its process lived until then. */
void cut_off_seen(struct leftover *l, const struct record *r);
/* The next open span, ended by the crash, as a record in l's own memory. NULL: the end. Behind
 * all finished ones. */
const struct record *cut_off_next(struct leftover *l);

#endif
