/*
 * Spool files of processes that are gone: found, claimed, read, sent, removed.
 *
 * A leftover is claimed by its lock (flock), which goes with the claimer's life: one that is
 * killed leaves it to the next. It is read as hostile input. On our thread, or in the
 * command `otelshim recover`; uses malloc and does I/O, never for the program's threads.
 */
#ifndef OTELSHIM_SPOOL_RECOVERY_H
#define OTELSHIM_SPOOL_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "exporter.h"

/* Bounds: files in the directory that are looked at; spans handed over at one time. */
#define RECOVERY_MAX_FILES 4096u
#define RECOVERY_CHUNK 512u
/* A file of another pid namespace, whose owner cannot be seen, is a leftover if nobody has
 * locked it and it is that old. */
#define RECOVERY_FOREIGN_AGE_S 60

struct recovery_totals {
    uint64_t files;   /* that were sent and removed */
    uint64_t corrupt; /* files that did not hold together: what made sense was sent */
    uint64_t expired; /* files that were too old, or too many: removed unsent */
};
extern struct recovery_totals recovery_totals;
/* For the exporter's host: what became of the records that it was handed. */
extern struct exporter_account recovery_account;

/* Leftovers for elsewhere are looked at, whether they are too old or too many, by one short process in
 * so many (by its number), and by those that look more than once. */
#define RECOVERY_SWEEP_EVERY 32u

/*
 * Looks through the directory: removes what is empty, expired (OTEL_SHIM_SPOOL_MAX_AGE) or
 * beyond OTEL_SHIM_SPOOL_MAX_BYTES, the oldest first. Returns how many leftovers wait
 * that may be sent to `destination` (0: to anywhere).
 */
unsigned recovery_look(const struct config *c, uint64_t destination);

/*
 * Hands over the next records, at most RECOVERY_CHUNK, of the leftover in hand, or of the next one
 * that can be claimed. None of an earlier call may be pending in the exporter: with this
 * call they are settled. Returns how many the exporter has taken; 0: nothing is left to do.
 */
unsigned recovery_feed(const struct config *c, uint64_t destination,
                       const struct exporter_ops *exporter);
/*
 * A child of ours was killed by `signal` and reaped at `mono_ns`: says so in the spool files that it
 * has left, for its open spans. Returns how many of them may be sent to `destination`.
 */
unsigned recovery_reaped(const struct config *c, uint64_t destination, int pid, int signal,
                         uint64_t mono_ns);
/* Gives the leftover in hand back; what is pending was not delivered. */
void recovery_stop(void);

/* For a host without instrumentations of its own: the names that the file in hand has for
 * them. NULL: none for this number. Lives until the next call. */
const char *recovery_scope_name(unsigned scope);
/* This process's own file is none (0: there is none yet), nor is any that has its number and was made
 * since the program began (CLOCK_BOOTTIME). */
void recovery_spare(ino_t own, uint64_t since_boot_ns);
void recovery_fork_child(void);

#endif
