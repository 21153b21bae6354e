/*
 * libFuzzer entry for config/file*.c: a configuration file's bytes.
 *
 * Holds: it ends, within its memory and a bounded number of lines; a file that cannot be used
 * says so; whatever it said, the configuration is one that the rest can use. The arena is
 * this target's own, so that each input begins with an empty one.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "config.h"
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[16 << 20];
static size_t used;
static unsigned nr_lines;

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
        require(*c >= 0x20 && *c < 0x7f); /* nothing that a terminal obeys */
    nr_lines++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char a[] = "A=one", n[] = "N=7", text[] = "LONG=01234567890123456789012345678901234567";
    char *const envp[] = { a, n, text, NULL };
    used = nr_lines = 0;
    struct config *c = (struct config *)(uintptr_t)config_load(NULL);
    require(nr_lines == 0);
    if (size > FILE_MAX_BYTES)
        return 0;
    bool good = file_parse(c, "f.yaml", (const char *)data, size, envp);
    require(nr_lines <= FILE_MAX_NOTES + 1);
    require(good || nr_lines > 0);
    require(c->nr_file_vars <= CONFIG_MAX_FILE_VARS);
    return 0;
}
