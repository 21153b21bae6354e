/* See arena.h: a bump allocator whose first chunk is ours from the start. */
#include "arena.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_ALIGN 16u
#define ARENA_FIRST_BYTES 4096u               /* .bss: LD_PRELOAD and a handful of variables */
#define ARENA_CHUNK_BYTES ((size_t)64 * 1024) /* of one mmap */

/* All of these: constructor only; a forked child keeps what its parent had. */
static _Alignas(ARENA_ALIGN) char first_chunk[ARENA_FIRST_BYTES];
static char *arena_at = first_chunk;
static char *arena_limit = first_chunk + ARENA_FIRST_BYTES;
static size_t arena_mapped;
static void *arena_last;

void *arena_alloc(size_t size)
{
    if (size > ARENA_MAX_BYTES)
        return NULL;
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (size > (size_t)(arena_limit - arena_at)) {
        size_t chunk = size > ARENA_CHUNK_BYTES ? size : ARENA_CHUNK_BYTES;
        if (chunk > ARENA_MAX_BYTES - arena_mapped)
            return NULL;
        void *map = mmap(NULL, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED)
            return NULL;
        arena_mapped += chunk;
        arena_at = map;
        arena_limit = arena_at + chunk;
    }
    arena_last = arena_at;
    arena_at += size;
    return arena_last;
}

char *arena_copy(const char *text, size_t len)
{
    char *copy = arena_alloc(len + 1);
    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

void arena_free_last(void *pointer)
{
    if (pointer == NULL || pointer != arena_last)
        return;
    memset(pointer, 0, (size_t)(arena_at - (char *)pointer));
    arena_at = pointer;
    arena_last = NULL;
}
