/*
 * libFuzzer entry for config/: an environment, one entry a line.
 *
 * Holds: it ends, within its memory; a mistake is one line of plain text of
 * bounded length; whatever was said, the configuration is one that the rest can
 * use. The arena is this target's own, so that each input begins with an empty
 * one.
 */
#include "config_arena.h"

#define MAX_ENTRIES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Makes one entry of each line, in memory of its own size. */
static unsigned split(const uint8_t *data, size_t size, char *entries[])
{
    unsigned n = 0;
    for (size_t at = 0; at < size && n < MAX_ENTRIES; n++) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end != NULL ? (size_t)(end - (data + at)) : size - at;
        entries[n] = malloc(len + 1);
        memcpy(entries[n], data + at, len);
        entries[n][len] = 0;
        at += len + 1;
    }
    entries[n] = NULL;
    return n;
}

static void use(const struct config *c)
{
    require(c != NULL);
    config_instrumentation_enabled(c, "curl");
    config_exporter_is_allowed(c, "otlp", false);
    config_exporter_is_allowed(c, "/lib/plugin.so", true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *entries[MAX_ENTRIES + 1];
    config_begin();
    unsigned n = split(data, size, entries);
    use(config_load(entries));
    for (unsigned i = 0; i < n; i++)
        free(entries[i]);
    return 0;
}
