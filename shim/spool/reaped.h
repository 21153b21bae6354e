/*
 * Children that this process has reaped and that a signal had killed: told by the wait
 * functions, on the program's threads, to the worker, which looks for their spool files.
 */
#ifndef OTELSHIM_SPOOL_REAPED_H
#define OTELSHIM_SPOOL_REAPED_H

#include <stdbool.h>
#include <stdint.h>

#define REAPED_MAX 16u /* bound: that the worker has not seen yet; the oldest gives way */

struct reaped {
    int pid, signal;
    uint64_t mono_ns; /* when */
};

/* Any thread, async-signal-safe; no system call but for the clock. */
void reaped_note(int pid, int signal);
bool reaped_waits(void);
/* The worker. False: there is none. */
bool reaped_take(struct reaped *out);
void reaped_fork_child(void);

#endif
