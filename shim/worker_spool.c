/*
 * The worker and this process's spool file: from its start to what is left at the end.
 */
#include <time.h>

#include "context/process_context.h"
#include "ring.h"
#include "spool/deferred.h"
#include "spool/reaped.h"
#include "spool/recovery.h"
#include "spool/spool.h"
#include "worker_thread.h"

/* This process has left its file to others. Whoever ends it, under the lock; false in a
 * forked child. */
static bool spooled;

void worker_spool_fork_child(void)
{
    spooled = false;
    journal_fork_child();
    recovery_fork_child();
    reaped_fork_child();
    deferred_fork_child();
}

static uint64_t ns_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Since when there is this program, or this forked child, in the process. */
static uint64_t program_since_boot_ns(void)
{
    return ns_of(CLOCK_BOOTTIME) - (ns_of(CLOCK_MONOTONIC) - process_context.start_mono_ns);
}

bool worker_begin_spool(bool own_fds)
{
    struct spool *spool = ring_spool();
    recovery_spare(spool != NULL ? spool->inode : 0, program_since_boot_ns());
    if (spool != NULL)
        spool_begin(spool, own_fds);
    return spool != NULL;
}

void worker_leave_spool(void)
{
    struct spool *spool = ring_spool();
    if (spool == NULL || spool->header == NULL)
        return;
    spooled = journal_count() > 0 || worker_records_wait();
    spool_ended(spool); /* behind a chroot it may be out of reach, and stay */
    if (!spooled)
        spool_remove(spool);
}

bool worker_has_spooled(void)
{
    return spooled;
}
