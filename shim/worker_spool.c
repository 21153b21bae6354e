/*
 * The worker and this process's spool file: from its start to what is left at the end.
 */
#include "ring.h"
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
}

void worker_begin_spool(bool own_fds)
{
    struct spool *spool = ring_spool();
    spool_begin(spool, own_fds);
    if (spool != NULL)
        recovery_spare(spool->inode);
}

void worker_leave_spool(void)
{
    struct spool *spool = ring_spool();
    if (spool == NULL || spool->header == NULL)
        return;
    spooled = journal_count() > 0 || worker_records_wait();
    if (spooled)
        spool_ended(spool);
    else
        spool_remove(spool);
}

bool worker_has_spooled(void)
{
    return spooled;
}
