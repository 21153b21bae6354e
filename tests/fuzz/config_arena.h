/*
 * What configuration is read into in a fuzz target: an arena that each input begins with empty
 * (config_begin), and mistakes, each one line of plain text of bounded length.
 */
#ifndef FUZZ_CONFIG_ARENA_H
#define FUZZ_CONFIG_ARENA_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "config.h"

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

static inline void config_begin(void)
{
    used = nr_lines = 0;
}

#endif
