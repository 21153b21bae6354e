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
 * A full ring spills: its thread goes on in another one of a few kept for that,
 * so that neither the time it takes to load the exporter nor a scheduler's time
 * slice on a busy machine costs spans. When those are full, too, new records are
 * dropped and counted. The ring of a thread that ended is given to the next thread.
 * Threads beyond that borrow one of a few common rings for one record: taken by
 * compare-and-swap and never waited for, the next one is tried.
 */
#ifndef OTELSHIM_RING_H
#define OTELSHIM_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "call.h"
#include "open_mark.h"
#include "sdk/record.h"

#define RING_DATA_BYTES (256u * 1024)   /* records of one thread; a power of two */
#define RING_HEADER_BYTES 4096u         /* struct ring, on a page of its own */
#define RING_SCRATCH_BYTES (48u * 1024) /* the thread's scratch (exec, URLs) */
#define RING_MASK (RING_DATA_BYTES - 1)
#define RING_COUNT 52u /* 52 x (256 + 48 + 4) KB < 16 MB a process */

#define RING_COMMON_COUNT 8u /* of these, for threads that find none: one record at a time */
#define RING_THREAD_COUNT (RING_COUNT - RING_COMMON_COUNT) /* with an owner for its life */
#define RING_SPILL_COUNT 12u /* of those, that full rings may have at once */

struct ring {
    /* Owner's cache line. */
    _Atomic uint32_t head; /* bytes ever written, modulo 2^32 */
    uint32_t cached_tail;  /* owner's last view of tail: saves a shared read per record */
    uint32_t reserved_at;  /* where the record in the making begins */
    uint32_t unkicked;     /* records since the worker was last woken */
    uint64_t made;         /* spans ever committed; the worker reads it for its report */
    uint32_t owner_tid;
    uint32_t slot;
    struct ring *spill; /* where the owner writes while this one is full, or NULL */
    struct ring *spare; /* where it will, when that one is full, too, or NULL */
    bool borrowed;      /* a common ring, in somebody's hands */
    uint8_t next_mark;  /* where the owner looks for a free mark first */
    unsigned char pad1[14];
    /* Worker's cache line. */
    _Atomic uint32_t tail;
    unsigned char pad2[60];
};

/* Of open spans (open_mark.h): on the header's page, behind it. */
#define RING_MARKS_AT 128u
#define RING_MARKS ((unsigned)((RING_HEADER_BYTES - RING_MARKS_AT) / sizeof(struct open_mark)))
_Static_assert(sizeof(struct ring) <= RING_MARKS_AT, "the marks lie behind it");
_Static_assert(RING_MARKS <= UINT8_MAX && RING_COUNT * RING_MARKS < UINT16_MAX, "numbers fit");

static inline struct open_mark *ring_marks(struct ring *ring)
{
    return (struct open_mark *)(void *)((unsigned char *)ring + RING_MARKS_AT);
}

static inline unsigned char *ring_data(struct ring *ring)
{
    return (unsigned char *)ring + RING_HEADER_BYTES;
}

/* Bytes to write a record of at most `max` bytes into, contiguous; NULL when full. */
void *ring_reserve(struct ring *ring, uint32_t max);
/* When *ring, the thread's own, is full: the same in a ring that it spills into, which
 * *ring becomes; NULL when there is none. */
void *ring_reserve_spill(struct ring **ring, uint32_t max);
/* After a record in `ring`, where the worker is behind: sees to it that the thread has one to spill
 * into. Takes memory at most now and then, waits for nobody. */
void ring_look_ahead(struct ring *ring);
/* The same as ring_reserve without a look at the worker's side; NULL also when only that would tell,
 * or at the ring's end. */
static inline void *ring_reserve_here(struct ring *ring, uint32_t max)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t at = head & RING_MASK;
    if (unlikely(at > RING_DATA_BYTES - max || head - ring->cached_tail > RING_DATA_BYTES - max))
        return NULL;
    ring->reserved_at = head;
    return ring_data(ring) + at;
}

/* Makes `bytes` of the reservation visible to the worker. */
static inline void ring_commit(struct ring *ring, uint32_t bytes)
{
    /* Pairs with ring_peek's acquire: the record's bytes are there before its head. */
    atomic_store_explicit(&ring->head, ring->reserved_at + bytes, memory_order_release);
}

/* The next unread record, NULL when empty. Worker only. */
const struct record *ring_peek(struct ring *ring);
void ring_consume(struct ring *ring, const struct record *record);

/* The calling thread's ring, made or reused at first use; NULL when there is none
 * to be had. No malloc; one mmap per process, one mprotect per ring. */
struct ring *ring_of_thread_slow(void);
static inline struct ring *ring_of_thread(void)
{
    struct ring *ring = thread_state.ring;
    return likely(ring != NULL) ? ring : ring_of_thread_slow();
}

/* The thread's ring, or a common one until ring_return: for its scratch memory, or one
 * record. NULL when all are in use. */
struct ring *ring_borrow(void);
void ring_return_slow(struct ring *ring);
static inline void ring_return(struct ring *ring)
{
    if (unlikely(ring->borrowed))
        ring_return_slow(ring);
}

/* RING_SCRATCH_BYTES of memory beside a ring that the thread holds. */
void *ring_scratch(struct ring *ring);
/* The thread ends: its ring goes back once it is drained. */
void ring_release(struct ring *ring);
/* Ring `index` of RING_COUNT, NULL if nobody has used it yet. Worker. */
struct ring *ring_at(unsigned index);
/* The file under the rings (spool/spool.h), which may be none; NULL: there are no rings yet. */
struct spool *ring_spool(void);
/* Bytes waiting; the owner's or the worker's view. */
static inline uint32_t ring_used(struct ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_relaxed) -
           atomic_load_explicit(&ring->tail, memory_order_acquire);
}

/* For the owner: looks at the worker's cache line only when it seems to be. */
static inline bool ring_is_half_full(struct ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (likely(head - ring->cached_tail <= RING_DATA_BYTES / 2))
        return false;
    ring->cached_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return head - ring->cached_tail > RING_DATA_BYTES / 2;
}

/* Frees the rings of threads that ended unseen (cancelled, raw exit), if a thread
 * is in want of one. Worker. */
void ring_reap(void);
/* Forked child, first use: the parent's rings are not mapped here. */
void ring_fork_child(void);

#endif
