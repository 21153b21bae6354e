/*
 * /proc/PID/stat. The name of the program, in brackets, may hold anything: fields are counted
 * behind it.
 */
#ifndef OTELSHIM_PROC_STAT_H
#define OTELSHIM_PROC_STAT_H

#include <stddef.h>
#include <string.h>

/* Numbers of fields, as proc(5) has them. */
#define STAT_STATE 3
#define STAT_THREADS 20
#define STAT_STARTED 22 /* in clock ticks since boot */

/* Where a field of `text` begins, from the third on; NULL: it has none of that number. */
static inline const char *proc_stat_field(const char *text, int field)
{
    const char *at = strrchr(text, ')');
    for (int before = STAT_STATE - 1; at != NULL && before < field; before++)
        at = strchr(at + 1, ' ');
    return at != NULL ? at + 1 : NULL;
}

#endif
