/*
 * One destination of spans. main.c composes those that OTEL_TRACES_EXPORTER
 * names, out of registry.c's list; each keeps the rules of exporter.h (background
 * thread, no blocking).
 */
#ifndef OTELSHIM_SINK_H
#define OTELSHIM_SINK_H

#include <poll.h>

#include "exporter.h"
#include "resource/resource.h"
#include "span_view.h"

#define SINK_MAX_FDS 32u /* bound: descriptors that all of them wait for, libcurl's excepted */

struct sink_ops {
    /* Whether there is room for one more span; then accept cannot fail. */
    bool (*ready)(void *self);
    void (*accept)(void *self, const struct span_view *view);
    /* The same, without a view, of a record of this process that is like one before it. False: it
     * is like none. NULL: the sink needs the view. */
    bool (*accept_alike)(void *self, const struct record *record, int64_t real_minus_mono_ns);
    uint64_t (*run)(void *self, uint64_t now_mono_ns, bool flush); /* when to be called again */
    uint64_t (*pending)(void *self);
    bool (*in_flight)(void *self);
    /* Whether the last attempt failed and none has succeeded since. NULL: attempts cannot. */
    bool (*failing)(void *self);
    /* Spans of SOURCE_RECOVERED that come from now on are of this resource; none of an earlier
     * one is left. It stays until the next call. False: no memory. NULL: the sink takes none. */
    bool (*adopt)(void *self, const struct resource *resource);
    /* Descriptors to wait for beside libcurl's own. */
    unsigned (*fds)(void *self, struct pollfd *fds, unsigned max);
};

/* A destination's account, opened before it is known whether anything can be sent there. NULL
 * after logging: there are too many, it is left out. */
struct exporter_account *sink_account(const char *name);
/* Adds the destination, which is usable from now on; `self` lives as long as the process. */
void sink_add(const struct sink_ops *ops, void *self, struct exporter_account *account);

/* Whether there is no other destination: then what is over for it is over. */
bool sink_is_alone(void);

/* What registry.c lists: one word of OTEL_TRACES_EXPORTER. */
struct sink_kind {
    uint32_t exporter; /* enum exporter_kind; 0: it looks itself whether it is wanted */
    /* Starts over (what a parent process left in memory is forgotten, not freed) and adds what
     * is wanted; logs why it does not. */
    void (*open)(const struct config *config, const struct exporter_host *host,
                 const struct resource *resource);
};

extern const struct sink_kind *const sink_kinds[];
extern const unsigned nr_sink_kinds;

#endif
