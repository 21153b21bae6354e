/*
 * Marks of spans that are open, as the process's spool file keeps them: a crash leaves them
 * there, and whoever recovers the file tells these spans as ended by it.
 *
 * They lie in the header page of the ring of the thread that starts the span, behind struct
 * ring. That thread alone takes a mark; whoever ends the span gives it back by one store. A thread
 * whose next marks are taken goes without: the span is told at its end, but not by a crash.
 * For spans that may be open for long (requests, transfers, children, lookups, the
 * program's own), not for SQL statements, which are over before they had paid for it.
 */
#ifndef OTELSHIM_OPEN_MARK_H
#define OTELSHIM_OPEN_MARK_H

#include <stdatomic.h>
#include <stdint.h>

#include "sdk/record.h"

#define OPEN_MARK_NAME_MAX 19u /* bound: bytes of the name that are kept */
#define OPEN_MARK_TRIES 4u     /* bound: marks that are looked at for a free one */

/* One cache line. */
struct open_mark {
    /* 0: free. Written last, by the ring's owner; zeroed by whoever ends the span. Pairs with
     * nothing: its reader comes when all of them are dead. */
    _Atomic uint64_t start_mono_ns;
    uint8_t trace_id[16], span_id[8], parent_span_id[8];
    struct record_head head;
    uint8_t name_bytes;
    char name[OPEN_MARK_NAME_MAX];
};
_Static_assert(sizeof(struct open_mark) == 64, "a cache line");

struct span;

/* Marks a span that was started; nothing where no record is to be made of it. The process's
 * generation is the thread's. */
void span_mark_open(struct span *span, const char *name, size_t len);
/* For span.c: the span ends. */
void open_mark_clear(const struct span *span);
/* The same bytes at `mark`, which the caller has taken. */
void open_mark_write(struct open_mark *mark, const struct span *span, const char *name, size_t len);

#endif
