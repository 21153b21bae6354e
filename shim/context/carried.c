/*
 * See carried.h. Two arrays of blocks in one mapping, made when the first text comes;
 * who wants a block looks from where the last one was taken.
 */
#include "context/carried.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "context/traceparent.h"
#include "hook.h"
#include "layout.h"

_Static_assert(CARRIED_SHORT_BYTES >= TRACESTATE_MAX, "a tracestate is a short text");
_Static_assert(CARRIED_LONG_BYTES >= BAGGAGE_MAX, "baggage is at most a long one");

#define SHORT_BYTES (CARRIED_SHORT_BYTES + 8u)
#define LONG_BYTES (CARRIED_LONG_BYTES + 8u)
#define BLOCKS (CARRIED_SHORT + CARRIED_LONG)
#define MEMORY_BYTES ((size_t)CARRIED_SHORT * SHORT_BYTES + (size_t)CARRIED_LONG * LONG_BYTES)
#define LOOKS 64u /* blocks looked at for a free one */

/* Made by who needs it first; any thread. A forked child has a copy. */
static _Atomic(char *) memory;
UNUSED_AT_START static atomic_uchar in_use[BLOCKS]; /* claimed by any thread, freed by any */
static atomic_uint next_short, next_long;           /* only spread the search */

static char *memory_get(void)
{
    char *m = atomic_load_explicit(&memory, memory_order_acquire);
    if (likely(m != NULL))
        return m;
    char *made = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
        return NULL;
    madvise(made, MEMORY_BYTES, MADV_NOHUGEPAGE);
    if (atomic_compare_exchange_strong(&memory, &m, made))
        return made;
    munmap(made, MEMORY_BYTES);
    return m;
}

static char *block_at(uint32_t index)
{
    char *m = atomic_load_explicit(&memory, memory_order_acquire);
    if (index < CARRIED_SHORT)
        return m + (size_t)index * SHORT_BYTES;
    return m + (size_t)CARRIED_SHORT * SHORT_BYTES + (size_t)(index - CARRIED_SHORT) * LONG_BYTES;
}

static uint32_t take(uint32_t first, uint32_t count, atomic_uint *next)
{
    for (unsigned i = 0; i < LOOKS; i++) {
        uint32_t index = first + atomic_fetch_add_explicit(next, 1, memory_order_relaxed) % count;
        unsigned char unused = 0;
        if (atomic_compare_exchange_strong(&in_use[index], &unused, 1))
            return index + 1;
    }
    return 0;
}

uint32_t carried_take(size_t len, char **room)
{
    uint32_t number = 0;
    if (len == 0 || len > CARRIED_LONG_BYTES || memory_get() == NULL)
        return 0;
    if (len <= CARRIED_SHORT_BYTES)
        number = take(0, CARRIED_SHORT, &next_short);
    else
        number = take(CARRIED_SHORT, CARRIED_LONG, &next_long);
    if (number == 0)
        return 0;
    *room = block_at(number - 1);
    (*room)[len] = 0;
    return number;
}

uint32_t carried_keep(const char *text, size_t len)
{
    char *room;
    uint32_t number = carried_take(len, &room);
    if (number != 0)
        memcpy(room, text, len);
    return number;
}

const char *carried_text(uint32_t number)
{
    return number != 0 ? block_at(number - 1) : NULL;
}

void carried_give(uint32_t *number)
{
    if (*number != 0)
        atomic_store_explicit(&in_use[*number - 1], 0, memory_order_release);
    *number = 0;
}
