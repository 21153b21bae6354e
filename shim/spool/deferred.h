/*
 * What the collector has not taken in all attempts, kept for later. The worker's; I/O and
 * system calls on its thread alone.
 */
#ifndef OTELSHIM_SPOOL_DEFERRED_H
#define OTELSHIM_SPOOL_DEFERRED_H

#include "spool.h"

#define DEFERRED_FILE_BYTES (1024u * 1024) /* bound: records of one file */

/* Adds a record to the file that is being filled. False: it cannot be kept (no spool, no room). */
bool deferred_put(const struct config *c, const struct spool *spool, const struct record *record,
                  int64_t real_minus_mono_ns);
/* The file that is being filled is complete, and may be recovered. */
void deferred_finish(void);
/* Whether files were made since deferred_none(). */
bool deferred_any(void);
void deferred_none(void);
void deferred_fork_child(void);

#endif
