/*
 * What lies between the worker (in libotelshim.so) and the exporter object
 * (libotelshim-exporter.so), which the worker opens when there is something
 * to send. One function is exported: otelshim_exporter().
 *
 * Everything here is called on the background thread only. All but `wait` are
 * called with the exporter lock held (forks wait for it): they are bursts of
 * CPU and never block on the network; `wait` is called without it and does
 * nothing but wait.
 */
#ifndef OTELSHIM_EXPORTER_H
#define OTELSHIM_EXPORTER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config.h"
#include "diag.h"
#include "sdk/record.h"

#define EXPORTER_ABI 6u
#define EXPORTER_MAX_ACCOUNTS 8u /* bound: destinations at one time, plugins included */

/*
 * What became of the spans at one destination: all that were made are delivered there,
 * dropped there, dropped before they came to any (host->drop), or still pending. Written
 * on the background thread, read by whoever reports at the end: relaxed, plain counts.
 */
struct exporter_account {
    const char *name; /* as OTEL_TRACES_EXPORTER has it; a plugin's path */
    bool usable;      /* false: nothing can ever be sent there */
    _Atomic uint64_t delivered, drops[DROP_COUNT];
};

/* Taken by the collector, or written to the console. */
static inline void account_delivered(struct exporter_account *account, uint64_t spans)
{
    atomic_fetch_add_explicit(&account->delivered, spans, memory_order_relaxed);
}

static inline void account_drop(struct exporter_account *account, enum drop_reason reason,
                                uint64_t spans)
{
    atomic_fetch_add_explicit(&account->drops[reason], spans, memory_order_relaxed);
}

/* What the exporter may ask of its host. */
struct exporter_host {
    void (*log)(enum log_level level, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
    /* Spans lost before they came to any destination. */
    void (*drop)(enum drop_reason reason, uint64_t n);
    /* The account of one more destination; `name` lives as long as the process. An exporter
     * that is opened anew goes on with those it had, in their order. NULL: there are
     * EXPORTER_MAX_ACCOUNTS. */
    struct exporter_account *(*account)(const char *name);
    /* Something moved (bytes sent, connection made, batch taken): an exit that
     * waits for us goes on waiting. */
    void (*progress)(void);
    /* The oldest `spans` that are pending were tried as often as they may be, or are all that there
     * are as the exporter is closed: keeps them for later. False: it cannot. Only where there is one destination. NULL: this host never can. */
    bool (*defer)(uint64_t spans);
    /* Where spans that come out of another process's spool file are counted, of whatever
     * destination. */
    struct exporter_account *recovery;
    /* Names of instrumentations by record.scope; NULL past the end. */
    const char *(*scope_name)(unsigned scope);
    const char *version;         /* of otelshim */
    const char *executable_name; /* basename of the program */
    int pid;
    int console_fd; /* where the console writes; -1 = nowhere */
    int stdout_fd;  /* the program's; open only where the user sends spans there; -1 = none */
    /* Whether OTEL_SHIM_ALLOWED_EXPORTERS names a plugin, by its path. */
    bool (*plugin_is_allowed)(const char *path);
    /* Opens a library for the worker without the program's hooks seeing it. */
    void *(*dlopen)(const char *name, int flags);
    void *(*dlsym)(void *handle, const char *name);
};

struct exporter_ops {
    uint32_t abi; /* EXPORTER_ABI */

    /* Sets up encoders and transports. 0, or -1 after logging why not. Once, or after close. */
    int (*open)(const struct config *config, const struct exporter_host *host);

    /*
     * Takes one finished span: copies or encodes it, `record` is not kept.
     * `real_minus_mono_ns` turns its times into Unix time. False: the queue is
     * full; the record is left where it is and offered again later.
     */
    bool (*accept)(const struct record *record, int64_t real_minus_mono_ns);

    /* What the resource of this process is, for its spool (spool/identity.h). Returns its bytes. */
    size_t (*describe)(unsigned char *out, size_t max);

    /*
     * Begins with another process's spans: what it is called, out of its spool file. None of
     * an earlier one may be pending. False: no memory, or no exporter for them.
     */
    bool (*adopt)(const unsigned char *identity, size_t bytes);
    /* As accept, for one of these. */
    bool (*accept_adopted)(const struct record *record, int64_t real_minus_mono_ns);

    /*
     * Does what is due at `now_mono_ns`: encodes and starts full batches, moves
     * transfers on, ends them, retries. `flush`: partial batches are due, too,
     * and waits between retries are over. Returns when it wants to be called
     * again (CLOCK_MONOTONIC ns), UINT64_MAX if only new records can bring work.
     */
    uint64_t (*run)(uint64_t now_mono_ns, bool flush);

    /* Spans accepted and not yet delivered or dropped. */
    uint64_t (*pending)(void);

    /* Whether there is one destination, and its receiver does not take anything: the last
     * attempt there failed in a way that may pass. */
    bool (*failing)(void);

    /* Whether a transfer is under way: then the worker waits with `wait`. */
    bool (*in_flight)(void);

    /* Waits for the network, at most `max_ns`. Called WITHOUT the lock. */
    void (*wait)(uint64_t max_ns);

    /* The end, though the process goes on: what is pending is kept for later, or dropped. */
    void (*close)(void);
};

/* The one exported symbol. */
#define EXPORTER_ENTRY "otelshim_exporter"
const struct exporter_ops *otelshim_exporter(void);

#endif
