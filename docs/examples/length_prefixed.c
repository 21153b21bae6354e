/*
 * An exporter plugin: appends each batch to a file as protobuf, its length before
 * it as four bytes, big end first. The shortest that does something useful.
 *
 *     cc -shared -fPIC -Iexporter -o length_prefixed.so docs/examples/length_prefixed.c
 *     SPANS_FILE=/tmp/spans OTEL_TRACES_EXPORTER=none \
 *         OTEL_SHIM_EXPORTER_PLUGINS=$PWD/length_prefixed.so \
 *         OTEL_SHIM_ALLOWED_EXPORTERS=none,length_prefixed otelshim run ./program
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "otelshim_exporter.h"

static struct state {
    int fd;
    const char *error;
} state;

static void *open_file(const struct otelshim_plugin_host *host)
{
    const char *path = getenv("SPANS_FILE");
    state.fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (state.fd >= 0)
        return &state;
    host->log(OTELSHIM_ERROR, "SPANS_FILE names no file that can be written");
    return NULL;
}

static enum otelshim_result take(void *self, const struct otelshim_batch *batch)
{
    struct state *s = self;
    unsigned char head[4];
    for (int i = 0; i < 4; i++)
        head[i] = (unsigned char)(batch->bytes >> (24 - 8 * i));
    struct iovec parts[2] = { { head, sizeof head }, { (void *)batch->data, batch->bytes } };
    if (writev(s->fd, parts, 2) == (ssize_t)(sizeof head + batch->bytes))
        return OTELSHIM_DELIVERED;
    s->error = strerror(errno);
    return OTELSHIM_REJECTED; /* a part of it may be there: not to be written twice */
}

static const char *error(void *self)
{
    return ((struct state *)self)->error;
}

static const struct otelshim_plugin plugin = {
    .size = sizeof plugin,
    .abi = OTELSHIM_PLUGIN_ABI,
    .name = "length_prefixed",
    .format = OTELSHIM_OTLP_PROTOBUF,
    .open = open_file,
    .take = take,
    .error = error,
};

const struct otelshim_plugin *otelshim_exporter_plugin(void)
{
    return &plugin;
}
