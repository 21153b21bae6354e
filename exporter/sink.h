/*
 * One destination of spans. main.c composes those that OTEL_TRACES_EXPORTER
 * names; each keeps the rules of exporter.h (background thread, no blocking).
 */
#ifndef OTELSHIM_SINK_H
#define OTELSHIM_SINK_H

#include <poll.h>

#include "exporter.h"
#include "resource/resource.h"
#include "span_view.h"

#define SINK_MAX_FDS 17u /* names_fds, and the console */

struct sink {
    /* Starts over: what a parent process left in memory is forgotten, not freed. */
    int (*open)(const struct config *config, const struct exporter_host *host,
                const struct resource *resource);
    /* Whether there is room for one more span; then accept cannot fail. */
    bool (*ready)(void);
    void (*accept)(const struct span_view *view);
    uint64_t (*run)(uint64_t now_mono_ns, bool flush); /* returns when to be called again */
    uint64_t (*pending)(void);
    bool (*in_flight)(void);
    /* Sockets to wait for beside libcurl's own. */
    unsigned (*fds)(struct pollfd *fds, unsigned max);
};

extern const struct sink otlp_sink, console_sink;

#endif
