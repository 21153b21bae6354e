/*
 * See pool.h. The free list is a stack of numbers; its links lie before the blocks,
 * so that a free block's contents stay as they were (readers check generations).
 */
#include "conn/pool.h"

#include <sys/mman.h>

#include "hook.h"

#define NUMBER_MASK 0xffffffffull

static _Atomic uint32_t *link_of(const struct pool *pool, uint32_t number)
{
    uint32_t index = number - 1;
    unsigned char *chunk =
        atomic_load_explicit(&pool->chunks[index >> pool->chunk_shift], memory_order_acquire);
    return (_Atomic uint32_t *)(void *)chunk + (index & pool->chunk_mask);
}

static size_t chunk_bytes(const struct pool *pool)
{
    return pool_chunk_links(pool) + ((size_t)pool->chunk_mask + 1) * pool->block_bytes;
}

static bool have_chunk(struct pool *pool, uint32_t chunk)
{
    if (atomic_load_explicit(&pool->chunks[chunk], memory_order_acquire) != NULL)
        return true;
    unsigned char *made = mmap(NULL, chunk_bytes(pool), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
        return false;
    madvise(made, chunk_bytes(pool), MADV_NOHUGEPAGE); /* a touched page must not cost 2 MB */
    unsigned char *none = NULL;
    if (!atomic_compare_exchange_strong(&pool->chunks[chunk], &none, made))
        munmap(made, chunk_bytes(pool));
    return true;
}

static uint32_t take_free(struct pool *pool)
{
    uint64_t head = atomic_load_explicit(&pool->free, memory_order_acquire);
    while ((head & NUMBER_MASK) != 0) {
        uint32_t number = (uint32_t)head;
        uint64_t next = atomic_load_explicit(link_of(pool, number), memory_order_relaxed);
        if (atomic_compare_exchange_weak(&pool->free, &head, (((head >> 32) + 1) << 32) | next))
            return number;
    }
    return POOL_NONE;
}

uint32_t pool_take(struct pool *pool)
{
    uint32_t number = take_free(pool);
    if (likely(number != POOL_NONE))
        return number;
    uint32_t used = atomic_load_explicit(&pool->used, memory_order_relaxed);
    do {
        if (used >= pool->max || !have_chunk(pool, used >> pool->chunk_shift))
            return POOL_NONE;
    } while (!atomic_compare_exchange_weak(&pool->used, &used, used + 1));
    return used + 1;
}

bool pool_reach_slow(struct pool *pool, uint32_t number)
{
    uint32_t used = atomic_load_explicit(&pool->used, memory_order_relaxed);
    for (uint32_t chunk = used >> pool->chunk_shift; chunk <= (number - 1) >> pool->chunk_shift;
         chunk++)
        if (!have_chunk(pool, chunk)) /* searches go over all numbers below */
            return false;
    while (used < number && !atomic_compare_exchange_weak(&pool->used, &used, number))
        ;
    return true;
}

void pool_give(struct pool *pool, uint32_t number)
{
    uint64_t head = atomic_load_explicit(&pool->free, memory_order_relaxed), next;
    do {
        atomic_store_explicit(link_of(pool, number), (uint32_t)head, memory_order_relaxed);
        next = (((head >> 32) + 1) << 32) | number;
        /* Release: what the last owner wrote is seen by the next one. */
    } while (!atomic_compare_exchange_weak_explicit(&pool->free, &head, next, memory_order_release,
                                                    memory_order_relaxed));
}

void pool_forget(struct pool *pool)
{
    atomic_store_explicit(&pool->free, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->used, 0, memory_order_relaxed);
}
