/*
 * Memory of the configuration: handed out once, never given back, never from
 * the program's malloc (the constructor runs in a stranger's process, maybe
 * before its allocator is ready). The first bytes come from our own .bss, so
 * that a process without any OTEL_ variable costs no system call; more comes
 * from mmap. Constructor only: one thread, no locks. A forked child keeps it.
 */
#ifndef OTELSHIM_ARENA_H
#define OTELSHIM_ARENA_H

#include <stddef.h>

/* Bound: all memory of the configuration, compiled patterns included. */
#define ARENA_MAX_BYTES ((size_t)16 << 20)

/* `size` zeroed bytes aligned for any type, NULL when there is none to be had. */
void *arena_alloc(size_t size);
/* A copy of `len` bytes and a terminating zero; NULL when there is no memory. */
char *arena_copy(const char *text, size_t len);
/* Takes the latest allocation back; any other pointer is left where it is. */
void arena_free_last(void *pointer);

#endif
