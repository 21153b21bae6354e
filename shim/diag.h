/*
 * What the shim says about itself: counters of what was lost and why, and our
 * own log. Neither ever reaches the program's stdout.
 */
#ifndef OTELSHIM_DIAG_H
#define OTELSHIM_DIAG_H

#include <stdint.h>

/* DROP(id, text): every reason for which a span can be lost. */
#define DROP_REASONS(DROP)                                                       \
    DROP(RING_FULL, "ring_full")         /* the background thread did not keep up */ \
    DROP(NO_RING, "no_ring")             /* more threads than rings, or no memory */ \
    DROP(REENTRANT, "reentrant")         /* a signal handler hit a record in the making */ \
    DROP(CORRUPT, "corrupt")             /* a ring was overwritten by the program */ \
    DROP(TABLE_FULL, "table_full")       /* more handles than a handle table holds */ \
    DROP(CONTENDED, "contended")         /* two threads at one connection at one moment */ \
    DROP(QUEUE_FULL, "queue_full")       /* exporter queue (OTEL_BSP_MAX_QUEUE_SIZE) */ \
    DROP(NO_EXPORTER, "no_exporter")     /* the exporter object could not be loaded */ \
    DROP(NO_THREAD, "no_thread")         /* no background thread could be started */ \
    DROP(REJECTED, "rejected")           /* the collector refused it for good */ \
    DROP(RETRIES, "retries_exhausted")   /* the collector could not be reached in time */ \
    DROP(TOO_LARGE, "too_large")         /* larger than a request may be */ \
    DROP(SPOOLED, "spooled")             /* left in the spool: sent later, or by another process */ \
    DROP(EXIT, "exit_timeout")           /* the program ended first */

enum drop_reason {
#define X(id, text) DROP_##id,
    DROP_REASONS(X)
#undef X
    DROP_COUNT
};

/* DETAIL(id, text): why something that the program says of a span (otelshim.h) was not taken
 * where no span can count it. */
#define DETAIL_REASONS(DETAIL)                                                   \
    DETAIL(CONTENDED, "contended")       /* two threads at one span at one moment */ \
    DETAIL(OTHERS, "other_thread")       /* the span is of another thread's call */ \
    DETAIL(TABLE_FULL, "table_full")     /* more spans with notes than NOTES_MAX */

enum detail_reason {
#define X(id, text) DETAIL_##id,
    DETAIL_REASONS(X)
#undef X
    DETAIL_COUNT
};

/* Values of OTEL_LOG_LEVEL. */
enum log_level { LOG_NONE, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

/* Counts `n` lost spans. Any thread, any context. */
void diag_drop(enum drop_reason reason, uint64_t n);
uint64_t diag_dropped(enum drop_reason reason);
/* The reason's name in logs and docs. */
const char *diag_drop_name(enum drop_reason reason);
/* The same for details. */
void diag_detail(enum detail_reason reason);
uint64_t diag_details(enum detail_reason reason);
const char *diag_detail_name(enum detail_reason reason);
/* A forked child counts from zero. */
void diag_fork_child(void);

/*
 * One line to our log, "otelshim[PID]: level: text\n", at most 512 bytes, in a
 * single write(2). Goes to OTEL_SHIM_LOG_FILE, else to stderr when OTEL_LOG_LEVEL
 * is set (choices.md); otherwise nowhere. Not for the program's threads, except
 * in the constructor; keeps errno.
 */
void diag_log(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As diag_log(LOG_WARN), but stderr also when OTEL_LOG_LEVEL is unset: for
 * mistakes in the configuration, one line each, at start. */
void diag_config_mistake(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
