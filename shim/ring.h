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

struct ring {
    /* Owner's cache line. */
    _Atomic uint32_t head;   /* bytes ever written, modulo 2^32 */
    uint32_t cached_tail;    /* owner's last view of tail: saves a shared read per record */
    uint32_t reserved_at;    /* where the record in the making begins */
    uint32_t unkicked;       /* records since the worker was last woken */
    uint64_t made;           /* spans ever committed; the worker reads it for its report */
    uint32_t owner_tid;
    uint32_t slot;
    unsigned char pad1[32];
    /* Worker's cache line. */
    _Atomic uint32_t tail;
    unsigned char pad2[60];
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
/* Ring `index` of RING_COUNT, NULL if nobody has used it yet. Worker. */
struct ring *ring_at(unsigned index);
/* Bytes waiting; the owner's or the worker's view. */
uint32_t ring_used(struct ring *ring);
/* Frees the rings of threads that ended unseen (cancelled, raw exit), if a thread
 * is in want of one. Worker. */
void ring_reap(void);
/* Forked child, first use: the parent's rings are not mapped here. */
void ring_fork_child(void);

#endif
