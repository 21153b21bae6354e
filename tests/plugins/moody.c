/*
 * A plugin that does what PLUGIN_MOODS says, a word for each batch (the last one stays):
 * ok, retry, drop, later (pending for two steps, over a pipe), never (pending for ever).
 * Writes each batch that it takes as a line of JSON to the file PLUGIN_FILE.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otelshim_exporter.h"

static struct {
    const struct otelshim_plugin_host *host;
    const char *moods;
    struct otelshim_batch kept;
    int steps, pipe[2], out;
} plugin;

static void *start(const struct otelshim_plugin_host *host)
{
    char line[128];
    plugin.host = host;
    plugin.moods = getenv("PLUGIN_MOODS");
    if (plugin.moods == NULL || pipe(plugin.pipe) != 0)
        return NULL;
    plugin.out = open(getenv("PLUGIN_FILE"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    snprintf(line, sizeof line, "plugin of %s, service %s", host->executable_name,
             host->service_name);
    host->log(OTELSHIM_INFO, line);
    return &plugin;
}

static enum otelshim_result write_line(const struct otelshim_batch *batch)
{
    dprintf(plugin.out, "%.*s\n", (int)batch->bytes, (const char *)batch->data);
    return OTELSHIM_DELIVERED;
}

static enum otelshim_result take(void *self, const struct otelshim_batch *batch)
{
    char mood = plugin.moods[0];
    const char *next = strchr(plugin.moods, ' ');
    if (next != NULL)
        plugin.moods = next + 1;
    plugin.kept = *batch;
    plugin.steps = 0;
    switch (mood) {
    case 'o': return write_line(batch);
    case 'r': return OTELSHIM_RETRY;
    case 'd': return OTELSHIM_REJECTED;
    case 'l': return write(plugin.pipe[1], "x", 1) == 1 ? OTELSHIM_PENDING : OTELSHIM_REJECTED;
    default: plugin.steps = -1; return OTELSHIM_PENDING;
    }
}

static enum otelshim_result step(void *self)
{
    char c;
    if (plugin.steps < 0 || ++plugin.steps < 2)
        return OTELSHIM_PENDING;
    return read(plugin.pipe[0], &c, 1) == 1 ? write_line(&plugin.kept) : OTELSHIM_REJECTED;
}

static int wait_fd(void *self, short *events)
{
    return plugin.steps < 0 ? -1 : plugin.pipe[0];
}

static void cancel(void *self)
{
    plugin.host->log(OTELSHIM_WARN, "canceled");
}

static const char *error(void *self)
{
    return "a bad mood";
}

const struct otelshim_plugin *otelshim_exporter_plugin(void)
{
    static const struct otelshim_plugin ops = {
        sizeof ops, OTELSHIM_PLUGIN_ABI,
        "moody",    OTELSHIM_OTLP_JSON,
        start,      take,
        step,       wait_fd,
        cancel,     error,
    };
    return &ops;
}
