/*
 * The exporter object in a command of ours: it sends what is in other processes' spool files.
 */
#ifndef OTELSHIM_CLI_EXPORTER_HOST_H
#define OTELSHIM_CLI_EXPORTER_HOST_H

#include "exporter.h"
#include "spool/leftover.h"

typedef void log_function(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Loads and opens it, by `config`. NULL: said why not. */
const struct exporter_ops *exporter_host_open(log_function *log);
/* Sends all that it was handed: until it is delivered, or dropped after the last attempt. */
void exporter_host_wait(const struct exporter_ops *exporter);
/* Whose spans it is handed: those of `l`, NULL: of the leftover that recovery has in hand. */
void exporter_host_take_in_hand(const struct leftover *l);
uint64_t exporter_host_now_ns(void); /* CLOCK_MONOTONIC */

#endif
