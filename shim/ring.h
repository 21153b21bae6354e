/*
 * Rings: how finished spans leave the program's threads.
 *
 * Each thread owns one single-producer, single-consumer ring; the background
 * thread drains all of them. All memory comes from ring_memory_reserve(), one
 * mapping per process (made at the first record), so that it can become a file.
 *
 *   head   written by the owner (release), read by the worker (acquire)
 *   tail   written by the worker (release), read by the owner (acquire)
 *
 * A full ring drops the new record and counts it. The ring of a thread that
 * ended is drained and given to the next thread.
 */
#ifndef OTELSHIM_RING_H
#define OTELSHIM_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sdk/record.h"

#define RING_DATA_BYTES (256u * 1024)   /* records of one thread; a power of two */
#define RING_SCRATCH_BYTES (48u * 1024) /* the thread's scratch (exec, URLs) */
#define RING_COUNT 52u                  /* 52 x (256 + 48 + 4) KB < 16 MB a process */

enum ring_state { RING_FREE, RING_OWNED, RING_ORPHANED };

struct ring {
    /* Owner's cache line. */
    _Atomic uint32_t head;   /* bytes ever written, modulo 2^32 */
    uint32_t cached_tail;    /* owner's last view of tail: saves a shared read per record */
    uint32_t unkicked;       /* records since the worker was last woken */
    uint32_t owner_tid;
    uint64_t made;           /* spans ever committed; read by the worker for the record */
    unsigned char pad1[40];
    /* Worker's cache line. */
    _Atomic uint32_t tail;
    _Atomic uint32_t state;  /* enum ring_state; owner sets ORPHANED at its end */
    unsigned char pad2[56];
};

/* Bytes to write a record of at most `max` bytes into, contiguous; NULL when full. */
void *ring_reserve(struct ring *ring, uint32_t max);
/* Makes `bytes` of the reservation visible to the worker. */
void ring_commit(struct ring *ring, uint32_t bytes);

/* The next unread record, NULL when empty. Worker only. */
const struct record *ring_peek(struct ring *ring);
void ring_consume(struct ring *ring, const struct record *record);

/* The calling thread's ring, made or reused at first use; NULL when there is none
 * to be had. No malloc; one mmap per process, one mprotect per ring. */
struct ring *ring_of_thread(void);
/* RING_SCRATCH_BYTES of memory of this thread, NULL if it has no ring. */
void *ring_scratch(struct ring *ring);
/* The thread ends: its ring goes back once it is drained. */
void ring_release(struct ring *ring);
/* Every ring ever used, for the worker: index 0 .. ring_count()-1. */
unsigned ring_count(void);
struct ring *ring_at(unsigned index);
/* Forked child, first use: the parent's rings are not mapped here. */
void ring_fork_child(void);

#endif
