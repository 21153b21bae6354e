/* OTEL_TRACES_EXPORTER=otlp_file and otlp/stdout: OTLP/JSON, a line for each batch. */
#include "delivery.h"
#include "file.h"

/* Background thread; a forked child starts over with open. */
static struct destination {
    struct file file;
    struct delivery delivery;
} to_file, to_stdout;

static void open_one(struct destination *to, const char *name, const char *path,
                     const struct config *c, const struct exporter_host *host,
                     const struct resource *resource)
{
    to->file.host = host;
    to->file.path = path;
    to->file.max_bytes = c->file.max_bytes;
    struct delivery_plan plan = {
        .name = name,
        .receiver = "the file",
        .format = &otlp_json,
        .transport = file_transport(&to->file),
    };
    delivery_open(&to->delivery, &plan, c, host, resource);
}

static void file_sink_open(const struct config *c, const struct exporter_host *host,
                           const struct resource *resource)
{
    bool dash = strcmp(c->file.path, "-") == 0;
    if (c->exporters & EXPORTER_OTLP_FILE)
        open_one(&to_file, "otlp_file", c->file.path, c, host, resource);
    if ((c->exporters & EXPORTER_OTLP_STDOUT) && !(dash && c->exporters & EXPORTER_OTLP_FILE))
        open_one(&to_stdout, "otlp/stdout", "-", c, host, resource);
}

const struct sink_kind otlp_file_sink = { EXPORTER_OTLP_FILE | EXPORTER_OTLP_STDOUT,
                                          file_sink_open };
