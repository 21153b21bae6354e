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

#define STATE_BYTES (TRACESTATE_MAX + 8u)
#define BAGGAGE_BYTES (BAGGAGE_MAX + 8u)
#define BLOCKS (CARRIED_TRACESTATES + CARRIED_BAGGAGES)
#define MEMORY_BYTES \
    ((size_t)CARRIED_TRACESTATES * STATE_BYTES + (size_t)CARRIED_BAGGAGES * BAGGAGE_BYTES)
#define LOOKS 64u /* blocks looked at for a free one */

/* Made by who needs it first; any thread. A forked child has a copy. */
static _Atomic(char *) memory;
static atomic_uchar in_use[BLOCKS];          /* claimed by any thread, freed by any */
static atomic_uint next_state, next_baggage; /* only spread the search */

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
    if (index < CARRIED_TRACESTATES)
        return m + (size_t)index * STATE_BYTES;
    return m + (size_t)CARRIED_TRACESTATES * STATE_BYTES +
           (size_t)(index - CARRIED_TRACESTATES) * BAGGAGE_BYTES;
}

static uint32_t keep(const char *text, size_t len, uint32_t first, uint32_t count,
                     atomic_uint *next)
{
    if (len == 0 || memory_get() == NULL)
        return 0;
    for (unsigned i = 0; i < LOOKS; i++) {
        uint32_t index = first + atomic_fetch_add_explicit(next, 1, memory_order_relaxed) % count;
        unsigned char unused = 0;
        if (!atomic_compare_exchange_strong(&in_use[index], &unused, 1))
            continue;
        char *block = block_at(index);
        memcpy(block, text, len);
        block[len] = 0;
        return index + 1;
    }
    return 0;
}

uint32_t carried_keep_tracestate(const char *text, size_t len)
{
    return len <= TRACESTATE_MAX ? keep(text, len, 0, CARRIED_TRACESTATES, &next_state) : 0;
}

uint32_t carried_keep_baggage(const char *text, size_t len)
{
    return len <= BAGGAGE_MAX
               ? keep(text, len, CARRIED_TRACESTATES, CARRIED_BAGGAGES, &next_baggage)
               : 0;
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
