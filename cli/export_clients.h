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

/* A line of our log about the process `pid`. */
typedef void tell_function(int pid, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct round {
    bool sent;     /* something was delivered, or refused for good */
    bool failed;   /* something could not be sent: it stays where it is */
    bool deaths;   /* a program was killed: its file is a leftover now */
    bool more;     /* some programs have more than a batch */
    bool overflow; /* there are more files than CLIENTS_MAX */
};

/* Looks into the directory for files of programs that are not known yet. */
void clients_scan(int directory, const struct exporter_ops *exporter, struct round *round);
/* Sends a batch of what waits in each program's rings; removes the files of those that have ended. */
void clients_send(int directory, const struct exporter_ops *exporter, tell_function *say,
                  struct round *round);

#endif
