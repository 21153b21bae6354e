/*
 * The bell: a page in the spool's directory by which programs wake the exporter process, and
 * by which they see whether there is one.
 *
 *   exporter-KEY.bell    one for each user, pid namespace and configuration of an exporter
 *
 * A program commits its record, says in `asked` what has come, then looks at `owner` and
 * `state`; the exporter process says in `state` how deep it sleeps, then looks at `asked`: with
 * a full fence between on both sides one of the two sees the other. What is asked already is
 * not asked again, so a record costs no write here and no system call, but one wake per sleep.
 *
 * `owner` is a robust futex of the exporter's: however that one ends, the kernel takes its
 * number out of the word. The file's lock (F_OFD_SETLK, byte 0) says the same of a file that
 * outlived a boot; who has it is the one exporter.
 */
#ifndef OTELSHIM_SPOOL_BELL_H
#define OTELSHIM_SPOOL_BELL_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BELL_BYTES 4096u
#define BELL_MAGIC 0x316c6c65626d6873u /* another layout has another one */
#define BELL_NAME_MAX 48u
#define BELL_NAME "exporter-%016llx.bell"
/* A start that was begun so long ago and came to nothing may be begun again. */
#define BELL_START_AGAIN_S 3u

/* How deep the exporter sleeps; what wakes it stands behind. */
enum bell_state {
    BELL_IDLE,  /* nothing is left to send: any record */
    BELL_ARMED, /* until a batch is due: a program's end, and what wakes from SOON */
    BELL_SOON,  /* for a moment: a ring is half full, or a batch complete */
    BELL_AWAKE, /* nothing: it will look before it sleeps */
};

/* Bits of `asked`. */
enum bell_ask {
    ASK_RECORDS = 1, /* there are some */
    ASK_SOON = 2,    /* a program that has some ends */
    ASK_NOW = 4,     /* a ring is half full, or a batch complete */
    ASK_JOINED = 8,  /* there is a new file in the directory */
};

struct bell {
    uint64_t magic;
    _Atomic uint32_t state; /* enum bell_state, and futex */
    _Atomic uint32_t asked; /* enum bell_ask: set by programs, cleared by the exporter */
    _Atomic uint32_t owner; /* the exporter's thread id; none in FUTEX_TID_MASK: there is none */
    _Atomic uint32_t starting_s; /* CLOCK_BOOTTIME when one was last started, 0: it is there */
};

_Static_assert(sizeof(struct bell) <= BELL_BYTES, "it is one page");

static inline bool bell_has_owner(struct bell *bell)
{
    return (atomic_load(&bell->owner) & FUTEX_TID_MASK) != 0;
}

#endif
