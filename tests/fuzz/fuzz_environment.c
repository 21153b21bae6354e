/*
 * libFuzzer entry for config/: an environment, one entry a line.
 *
 * Holds: it ends, within its memory; a mistake is one line of plain text of
 * bounded length; whatever was said, the configuration is one that the rest can
 * use. The arena is this target's own, so that each input begins with an empty
 * one.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "config.h"

#define MAX_ENTRIES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[16 << 20];
static size_t used;

static void require(int condition)
{
    if (!condition)
        abort();
}

void *arena_alloc(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size > sizeof memory - used)
        return NULL;
    memset(memory + used, 0, size);
    used += size;
    return memory + used - size;
}

char *arena_copy(const char *text, size_t len)
{
    char *copy = arena_alloc(len + 1);
    return copy != NULL ? memcpy(copy, text, len) : NULL;
}

void arena_free_last(void *pointer)
{
    (void)pointer;
}

void diag_config_mistake(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    require(vsnprintf(line, sizeof line, format, args) < (int)sizeof line);
    va_end(args);
    for (const char *c = line; *c != 0; c++)
        require((unsigned char)*c >= ' ' && *c != 0x7f);
}

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
    used = 0;
    unsigned n = split(data, size, entries);
    use(config_load(entries));
    for (unsigned i = 0; i < n; i++)
        free(entries[i]);
    return 0;
}
