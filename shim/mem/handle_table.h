/*
 * A hash table whose keys are handles of the program (CURL *, SSL *).
 *
 * Keys alone, apart from the records they stand for, so that a search touches one or
 * two cache lines and never the page of a record that is not used. A key lives in
 * one of HANDLE_WINDOW cells from its hash on. Cells are freed in any order, so a
 * search looks at the whole window, and no tombstones are needed.
 *
 * Any thread; no lock. A cell is claimed by compare-and-swap; who claims and frees a
 * handle is one thread at a time, as the library demands of its user.
 */
#ifndef OTELSHIM_MEM_HANDLE_TABLE_H
#define OTELSHIM_MEM_HANDLE_TABLE_H

#include <stdatomic.h>
#include <stdint.h>

/* Cells. The larger the table, the earlier a full window is met: at 60 to 75 %. */
#define HANDLE_WINDOW 64u

/* Handles lie at even distances in the heap: a plain multiplication would map them
 * to even distances again, and fill some windows while others stay empty. */
static inline unsigned handle_hash(uintptr_t key)
{
    uint64_t h = key;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return (unsigned)(h >> 33);
}

/* Index of a key, or -1. Acquire: pairs with the claim, of a thread that passed the handle on. */
static inline int handle_find(const atomic_uintptr_t *keys, unsigned nr_keys, uintptr_t key)
{
    unsigned h = handle_hash(key);
    for (unsigned i = 0; i < HANDLE_WINDOW; i++) {
        unsigned cell = (h + i) % nr_keys;
        if (atomic_load_explicit(&keys[cell], memory_order_acquire) == key)
            return (int)cell;
    }
    return -1;
}

/* A cell for a key that is not in the table; -1: its window is full. */
static inline int handle_claim(atomic_uintptr_t *keys, unsigned nr_keys, uintptr_t key)
{
    unsigned h = handle_hash(key);
    for (unsigned i = 0; i < HANDLE_WINDOW; i++) {
        unsigned cell = (h + i) % nr_keys;
        uintptr_t free_cell = 0;
        if (atomic_load_explicit(&keys[cell], memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&keys[cell], &free_cell, key))
            return (int)cell;
    }
    return -1;
}

static inline void handle_free(atomic_uintptr_t *keys, unsigned cell)
{
    atomic_store_explicit(&keys[cell], 0, memory_order_release);
}

#endif
