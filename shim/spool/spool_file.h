/*
 * What a spool file looks like: the records of one process that are not delivered.
 *
 *   0            header: whose it is, how its times are read, where its journal stands
 *   IDENTITY_AT  what the process is called (identity.h), twice: one is in force
 *   RINGS_AT     the rings (ring.h), each as its thread writes it, and marks of open spans
 *                (open_mark.h) on its first page; a hole: never used
 *   JOURNAL_AT   records that were taken out of their rings and are not delivered yet
 *
 * It is written by the process it belongs to, through a shared mapping; after that process's
 * death by whoever holds its lock (flock). Every byte is hostile to a reader. Integers are in
 * host order: a spool never leaves the machine.
 *
 * The whole is as large as its last used part; what is used was allocated before, so that a
 * full file system is an error at a call and never a SIGBUS.
 */
#ifndef OTELSHIM_SPOOL_FILE_H
#define OTELSHIM_SPOOL_FILE_H

#include <stdatomic.h>
#include <stdint.h>

#include "diag.h"
#include "ring.h"
#include "sdk/semconv.h"

#define SPOOL_MAGIC "otelshim-spool\n"
#define SPOOL_FORMAT 2u /* raised when a reader of the other kind would be wrong */

#define SPOOL_HEADER_BYTES 32768u
#define SPOOL_IDENTITY_AT 4096u
#define SPOOL_IDENTITY_BYTES 14336u /* bound: of each of the two */
#define SPOOL_RING_BYTES (RING_HEADER_BYTES + RING_DATA_BYTES)
#define SPOOL_RINGS_AT SPOOL_HEADER_BYTES
#define SPOOL_JOURNAL_AT (SPOOL_RINGS_AT + RING_COUNT * SPOOL_RING_BYTES)
#define SPOOL_MAPPED_BYTES SPOOL_JOURNAL_AT        /* by its process, from the first record on */
#define SPOOL_JOURNAL_FIRST_BYTES (512u * 1024)    /* of it at first; doubled as needed */
#define SPOOL_JOURNAL_MAX_BYTES (8u * 1024 * 1024) /* bound */
#define SPOOL_MAX_BYTES (SPOOL_JOURNAL_AT + SPOOL_JOURNAL_MAX_BYTES)

#define SPOOL_SUFFIX ".spool"
/* Process, time of making, destination: files for elsewhere need not be opened. */
#define SPOOL_NAME "%d-%016llx-%016llx" SPOOL_SUFFIX
#define SPOOL_BOOT_ID_BYTES 36u

/* Which numbers records are written with: another build's are not to be read. */
#define SPOOL_NUMBERS ((uint32_t)ATTR_COUNT << 16 | (uint32_t)EVENT_COUNT)

struct spool_header {
    char magic[16];
    uint32_t format;  /* SPOOL_FORMAT */
    uint32_t numbers; /* SPOOL_NUMBERS */
    char version[32]; /* of otelshim */
    /* The process: as the kernel numbers it, since when its file is there (CLOCK_BOOTTIME). A
     * process of that number that started later is another one. */
    int32_t pid;
    _Atomic uint32_t placed; /* 1: the worker has written the two below */
    uint64_t created_boot_ns;
    char boot_id[40];
    uint64_t pid_namespace;
    uint64_t destination; /* where its spans go to (spool.h): only such processes send them */
    /* Kept by the worker, for the rings' records: added to their times it gives Unix time. */
    _Atomic int64_t real_minus_mono_ns;
    /* Which of the two identities holds, and their bytes. The worker, after it wrote. */
    _Atomic uint32_t identity;
    uint32_t identity_bytes[2];
    /* head << 32 | tail, offsets in the journal; equal: it is empty. One word, so that both
     * move at once. The worker. */
    _Atomic uint64_t journal;
    /* Records that were delivered out of a leftover: skipped by who goes on with it. */
    uint64_t recovered;
    /* A program without a worker, whose rings an exporter process reads (enum spool_reader). */
    _Atomic uint32_t reader;
    _Atomic uint32_t end;       /* enum spool_end; the program */
    uint64_t drops[DROP_COUNT]; /* the program's own counters, at its end */
    /* Of its spans, by the exporter process: delivered, refused for good. */
    uint64_t delivered, rejected;
    /* When the process was last known to live, as far as the worker knows (CLOCK_MONOTONIC). */
    _Atomic uint64_t seen_mono_ns;
    /* Of the process that reaped it: when, 0 = nobody says; and the signal that killed it. */
    uint64_t reaped_mono_ns;
    int32_t signal;
    /* 1: the process has told what was open, and ended or became another program: no crash. */
    _Atomic uint32_t ended;
    /* The process's own span, and the flags that say whether it is to be told (process_context.h).
     * Of no signal: set by any thread, each flag once. */
    struct open_mark process;
    _Atomic uint32_t process_flags;
    uint32_t process_may_end;
    uint32_t deferred; /* 1: a living process's, of which it is done (deferred.h) */
};

enum spool_reader { SPOOL_READ_BY_WORKER, SPOOL_READ_BY_PROCESS };
/* HANDED_ON: it was about to become another program, so what follows is known only when the
 * process is gone, or has another file. */
enum spool_end { SPOOL_GOES_ON, SPOOL_ENDED, SPOOL_HANDED_ON };

/* One record in the journal, `bytes` with this head, a multiple of RECORD_ALIGN. */
struct journal_entry {
    uint32_t bytes; /* JOURNAL_WRAPS: go on at 0 */
    uint32_t reserved;
    int64_t real_minus_mono_ns;
};
#define JOURNAL_WRAPS UINT32_MAX

_Static_assert(sizeof(struct spool_header) <= SPOOL_IDENTITY_AT, "it has a page of its own");
_Static_assert(SPOOL_IDENTITY_AT + 2 * SPOOL_IDENTITY_BYTES <= SPOOL_HEADER_BYTES, "both fit");
_Static_assert(SPOOL_RING_BYTES % 4096 == 0 && SPOOL_HEADER_BYTES % 4096 == 0, "mapped by page");

static inline uint64_t journal_word(uint32_t head, uint32_t tail)
{
    return (uint64_t)head << 32 | tail;
}

#endif
