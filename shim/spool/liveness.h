/* Whether the process that a spool file belongs to is still there. */
#ifndef OTELSHIM_SPOOL_LIVENESS_H
#define OTELSHIM_SPOOL_LIVENESS_H

#include <stdbool.h>

#include "spool_file.h"

/*
 * `header` is a checked copy. A file with our own number that is not ours is dead: its program
 * became this one by exec. One of another pid namespace counts as dead here; its lock and its
 * age say more (recovery.h).
 */
bool owner_is_alive(const struct spool_header *header, int own_pid, bool *foreign);

#endif
