/*
 * Blocks of one size, taken and given back by any thread without a lock, also in
 * signal handlers. Memory is mapped a chunk at a time when it is first needed and
 * stays mapped: who kept a block's number too long reads another block, never a
 * hole. Contents are not cleared. A forked child has a copy of all of it.
 */
#ifndef OTELSHIM_CONN_POOL_H
#define OTELSHIM_CONN_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#define POOL_NONE 0u /* no block: numbers begin at 1 */

struct pool {
    uint32_t block_bytes;
    uint32_t chunk_mask;   /* blocks of a chunk, less one: they are a power of two ... */
    uint32_t chunk_shift;  /* ... and its logarithm: a division takes longer than all the rest */
    uint32_t max;          /* blocks at most */
    _Atomic uint32_t used; /* blocks ever taken; any thread */
    _Atomic uint64_t free; /* newest free block | count of changes << 32, against ABA; any thread */
    /* Mapped by who needs it first (CAS); each: a link per block, then the blocks. Not within the
     * struct: it has a start value, and the file would hold the table too. */
    _Atomic(unsigned char *) *chunks;
};

/* Defines a pool of `most` blocks of `bytes`, `chunk` of them mapped at a time. */
#define POOL(name, bytes, chunk, most) POOL_OF(, UNUSED_AT_START, name, bytes, chunk, most)
#define STATIC_POOL(name, bytes, chunk, most) \
    POOL_OF(static, UNUSED_AT_START, name, bytes, chunk, most)
/* One that each request needs (shim/layout.h). */
#define REQUEST_POOL(name, bytes, chunk, most) \
    POOL_OF(PER_REQUEST, PER_REQUEST_TABLE, name, bytes, chunk, most)
#define POOL_OF(linkage, chunks_place, name, bytes, chunk, most) \
    chunks_place static _Atomic(unsigned char *) name##_chunks[((most) + (chunk)-1) / (chunk)]; \
    linkage struct pool name = { .block_bytes = (bytes), \
                                 .chunk_mask = (chunk)-1, \
                                 .chunk_shift = __builtin_ctz(chunk), \
                                 .max = (most), \
                                 .chunks = name##_chunks }; \
    _Static_assert(((chunk) & ((chunk)-1)) == 0, "a power of two")

/* A block's number, POOL_NONE when all are in use or there is no memory. */
uint32_t pool_take(struct pool *pool);
void pool_give(struct pool *pool, uint32_t number);
/* Forked child: nobody has a block any more. Contents stay as they are. */
void pool_forget(struct pool *pool);

/* For a pool whose numbers its user gives out (1 to max): whether the block is there. */
bool pool_reach_slow(struct pool *pool, uint32_t number);
static inline bool pool_reach(struct pool *pool, uint32_t number)
{
    return number <= atomic_load_explicit(&pool->used, memory_order_acquire) ||
           pool_reach_slow(pool, number);
}

/* Bytes of a chunk before its first block. */
static inline size_t pool_chunk_links(const struct pool *pool)
{
    return ((size_t)pool->chunk_mask + 1) * sizeof(uint32_t);
}

/* The block of a number that was given out once. */
static inline void *pool_at(const struct pool *pool, uint32_t number)
{
    uint32_t index = number - 1;
    unsigned char *chunk =
        atomic_load_explicit(&pool->chunks[index >> pool->chunk_shift], memory_order_acquire);
    return chunk + pool_chunk_links(pool) + (size_t)(index & pool->chunk_mask) * pool->block_bytes;
}

/* The same where the compiler knows the pool's sizes, `chunk` and `bytes` of its POOL(): half of
 * the instructions, and a request asks some thirty times. */
static inline __attribute__((always_inline)) void *
pool_block(const struct pool *pool, uint32_t number, uint32_t chunk, size_t bytes)
{
    uint32_t index = number - 1;
    unsigned char *memory =
        atomic_load_explicit(&pool->chunks[index / chunk], memory_order_acquire);
    return memory + chunk * sizeof(uint32_t) + (size_t)(index % chunk) * bytes;
}

/* One past the highest number ever given out: the bound of a search. */
static inline uint32_t pool_end(const struct pool *pool)
{
    return atomic_load_explicit(&pool->used, memory_order_acquire) + 1;
}

#endif
