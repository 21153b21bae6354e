/*
 * Exporters as plugins: a shared object that OTEL_SHIM_EXPORTER_PLUGINS names gets
 * every batch of spans, in OTLP's form. docs/examples/length_prefixed.c is one.
 *
 *     OTEL_SHIM_EXPORTER_PLUGINS=/opt/mine.so OTEL_SHIM_ALLOWED_EXPORTERS=otlp,mine
 *
 * Where it runs. Inside a stranger's process, on otelshim's background thread, which has
 * all signals blocked, a stack of 256 KB and a table of descriptors of its own: the
 * program neither sees nor inherits what the plugin opens. While any of its functions runs a
 * fork of the program waits. So nothing may block: what cannot be done at once is
 * begun, answered with OTELSHIM_PENDING, and moved on by step(). A plugin starts no
 * threads, changes no signals, locale, directory or environment, and writes to no descriptor
 * that it did not open. A library that the program may have as well is opened by
 * dlopen and called by dlsym.
 *
 * Life. The object is opened once, when the first span is to be sent, and never closed. After
 * a fork the child calls open() anew: memory is as it was copied, what the parent had under
 * way is forgotten. At the program's end the last batches are handed over and step() is
 * called until OTEL_SHIM_EXIT_TIMEOUT; then the process is gone without another word: what is
 * answered with OTELSHIM_DELIVERED must be safe by then.
 *
 * Rules of this interface. Structures begin with their size: members are only ever added at
 * their ends, and a member beyond the size is not there. All texts are UTF-8 and
 * terminated. What a function is given lives until it returns, unless it says otherwise.
 */
#ifndef OTELSHIM_EXPORTER_PLUGIN_H
#define OTELSHIM_EXPORTER_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OTELSHIM_PLUGIN_ABI 1u /* raised when an old plugin could not work any more */

enum otelshim_format {
    OTELSHIM_OTLP_PROTOBUF = 1, /* an ExportTraceServiceRequest, as bytes */
    OTELSHIM_OTLP_JSON = 2,     /* the same as one line of JSON, without a newline */
};

/* What became of a batch. */
enum otelshim_result {
    OTELSHIM_DELIVERED = 0,
    OTELSHIM_RETRY = 1,    /* not taken now: handed over again later, at most five times */
    OTELSHIM_REJECTED = 2, /* never: the spans are dropped and counted */
    OTELSHIM_PENDING = 3,  /* under way: ask step() */
};

enum otelshim_log_level {
    OTELSHIM_ERROR = 1,
    OTELSHIM_WARN = 2,
    OTELSHIM_INFO = 3,
    OTELSHIM_DEBUG = 4
};

/* What the plugin may use; lives as long as the process. */
struct otelshim_plugin_host {
    uint32_t size;
    uint32_t abi;                /* OTELSHIM_PLUGIN_ABI of otelshim */
    const char *version;         /* of otelshim */
    const char *service_name;    /* of the resource */
    const char *executable_name; /* of the program */
    int32_t pid;
    /* One line of otelshim's log; cut at 400 bytes. */
    void (*log)(enum otelshim_log_level level, const char *text);
};

struct otelshim_batch {
    uint32_t size;
    uint32_t nr_spans;
    const unsigned char *data; /* stays until the batch is answered, step() included */
    size_t bytes;
};

/* What a plugin is. It lives as long as the process. */
struct otelshim_plugin {
    uint32_t size; /* sizeof(struct otelshim_plugin) */
    uint32_t abi;  /* OTELSHIM_PLUGIN_ABI */
    const char *name;
    enum otelshim_format format;

    /* Sets up; `self` of the other calls is what it returns. NULL: it cannot be used. */
    void *(*open)(const struct otelshim_plugin_host *host);

    /* Takes a batch. There is one at a time. */
    enum otelshim_result (*take)(void *self, const struct otelshim_batch *batch);

    /* After OTELSHIM_PENDING: moves it on and says where it stands. Called when the descriptor of
     * wait_fd() is ready, at the latest after 100 ms. NULL in plugins that are never pending. */
    enum otelshim_result (*step)(void *self);
    /* The descriptor to wait for while a batch is pending, and poll(2)'s events. -1: none.
     * May be NULL. */
    int (*wait_fd)(void *self, short *events);
    /* The time of the attempt is over (OTEL_BSP_EXPORT_TIMEOUT): the batch, pending, is given
     * up. May be NULL. */
    void (*cancel)(void *self);
    /* Why the last batch was not taken, for the log. May be NULL, and may return NULL. */
    const char *(*error)(void *self);
};

/* The one symbol that a plugin exports. */
#define OTELSHIM_PLUGIN_ENTRY "otelshim_exporter_plugin"
const struct otelshim_plugin *otelshim_exporter_plugin(void);

#ifdef __cplusplus
}
#endif

#endif
