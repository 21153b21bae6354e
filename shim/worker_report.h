/*
 * What became of this process's spans: an account for each destination of the
 * exporter, and the lines of our log that tell them.
 */
#ifndef OTELSHIM_WORKER_REPORT_H
#define OTELSHIM_WORKER_REPORT_H

#include <stdint.h>

struct exporter_account;

/* The exporter is about to be opened, and asks for its accounts. The worker. */
void worker_accounts_begin(void);
/* exporter_host.account. The worker. */
struct exporter_account *worker_account(const char *name);

/* Spans of this process that were delivered anywhere. The worker. */
uint64_t worker_delivered(void);

/* A line for each destination about what came since the last one: at the end of the process, and
 * before an exec. OTEL_LOG_LEVEL=debug. One thread at a time. */
void worker_report(void);
void worker_report_fork_child(void);

#endif
