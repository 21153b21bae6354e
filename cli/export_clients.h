/*
 * The programs that an exporter process works for: their spool files, while they live and until
 * all of an ended one is sent.
 */
#ifndef OTELSHIM_CLI_EXPORT_CLIENTS_H
#define OTELSHIM_CLI_EXPORT_CLIENTS_H

#include <stdbool.h>

#include "exporter_host.h"

/* Bounds: programs at one time (others wait in the directory); spans handed over at one time, which
 * is also what can come twice. */
#define CLIENTS_MAX 4096u
#define CLIENTS_CHUNK 512u

/* A line of our log as the process `pid` would write it. */
typedef void tell_function(int pid, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Who works for them; the same for every call. */
struct clients_host {
    int directory; /* the spool's */
    const struct exporter_ops *exporter;
    tell_function *tell;
    log_function *log;
};

struct round {
    bool sent;     /* something was delivered, or refused for good */
    bool failed;   /* something could not be sent: it stays where it is */
    bool deaths;   /* a file is a leftover now: its program was killed, or it was given up */
    bool more;     /* some programs have more than a batch */
    bool overflow; /* there are more files than CLIENTS_MAX */
};

/* Looks into the directory for files of programs that are not known yet. */
void clients_scan(const struct clients_host *host, struct round *round);
/*
 * Sends a batch of what waits in each program's rings; removes the files of those that have ended.
 * A file that cannot be worked on (it cannot be written to, the exporter refuses what it says of its
 * program) is given up, with one line: nothing of it is read any more, and when its program is gone
 * it is a leftover (spool/recovery.h).
 */
void clients_send(const struct clients_host *host, struct round *round);

#endif
