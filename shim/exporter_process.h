/*
 * OTEL_SHIM_EXPORTER=process, as the program has it: no thread, no library, no socket. Its
 * records stay in its spool file, where an exporter process reads them; that one is woken by a
 * bell (spool/bell.h) and started when there is none.
 *
 * Raw system calls, on the program's threads; errno is the caller's business.
 */
#ifndef OTELSHIM_EXPORTER_PROCESS_H
#define OTELSHIM_EXPORTER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Constructor: keeps what an exporter process needs of the environment. Nothing to do where
 * the exporter is a thread. */
void remote_init(char *const *environment);

/* The first record is there: finds or starts the exporter process. False: the worker thread does
 * the work (no spool, a destination that is this process's own, no command …). */
bool remote_begin(void);
/* A record was committed, behind a full fence. */
void remote_notify(bool urgent);
/* The program ends, becomes another one, or may not make system calls any more: what waits
 * shall be sent soon. */
void remote_hurry(void);
/* `for_good`: no record will come; else this program becomes another one, or tries to. True:
 * all is delivered, the file is not needed any more. */
bool remote_end(bool for_good);
/* What the exporter process has delivered and refused of this process's spans. */
void remote_account(uint64_t *delivered, uint64_t *rejected);
void remote_fork_child(void);

/* exporter_start.c: runs `path` with no ties to this process: not its child, not in its session,
 * with none of its descriptors. 0 or an errno. */
int exporter_start(const char *path, const char *bell_name, const char *const *environment);

#endif
