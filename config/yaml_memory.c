/* See yaml_memory.h. Constructor only: one thread. */
#include "yaml_memory.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGN 16u

/* In front of each piece: its size, which realloc needs. */
struct piece {
    _Alignas(ALIGN) size_t size;
};

void *yaml_assertion[5];
static char *start, *at, *limit;

bool yaml_memory_begin(void)
{
    void *map = mmap(NULL, YAML_MEMORY_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return false;
    start = at = map;
    limit = start + YAML_MEMORY_BYTES;
    return true;
}

void yaml_memory_end(void)
{
    munmap(start, YAML_MEMORY_BYTES);
    start = at = limit = NULL;
}

void *otelshim_yaml_malloc(size_t size)
{
    size_t whole = (size + sizeof(struct piece) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size > YAML_MEMORY_BYTES || whole > (size_t)(limit - at))
        return NULL;
    struct piece *piece = (struct piece *)(void *)at;
    at += whole;
    piece->size = size;
    return piece + 1;
}

void *otelshim_yaml_realloc(void *old, size_t size)
{
    void *new = otelshim_yaml_malloc(size);
    if (new != NULL && old != NULL) {
        size_t before = ((struct piece *)old - 1)->size;
        memcpy(new, old, before < size ? before : size);
    }
    return new;
}

void otelshim_yaml_free(void *memory)
{
    (void)memory;
}

char *otelshim_yaml_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = otelshim_yaml_malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

/* The host must not be aborted by a mistake of ours. */
void otelshim_yaml_assert(const char *what, const char *file, unsigned line, const char *function)
{
    (void)what, (void)file, (void)line, (void)function;
    __builtin_longjmp(yaml_assertion, 1);
}
