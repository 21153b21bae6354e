/*
 * Rings and the memory they lie in; see ring.h for who writes what.
 */
#include "ring.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"
#include "config.h"
#include "diag.h"
#include "fork_lock.h"
#include "layout.h"
#include "process_state.h"
#include "spool/spool_file.h"
#include "spool/spool.h"
#include "worker.h"

/*
 * The region: a page of our own (struct spool); the spool file's header and the rings, each a
 * header page and data, all of which lie in the file; and the rings' scratch, which does not:
 * it holds what has not been redacted yet.
 */
#define CONTROL_BYTES 4096u
#define FILE_AT CONTROL_BYTES
#define RINGS_AT (FILE_AT + SPOOL_RINGS_AT)
#define RINGS_BYTES (SPOOL_MAPPED_BYTES - SPOOL_RINGS_AT)
#define SCRATCH_AT (RINGS_AT + RINGS_BYTES)
#define SCRATCH_BYTES (RING_COUNT * RING_SCRATCH_BYTES)
#define REGION_BYTES (SCRATCH_AT + SCRATCH_BYTES)

_Static_assert((RING_DATA_BYTES & RING_MASK) == 0, "a power of two");
_Static_assert(sizeof(struct spool) <= CONTROL_BYTES, "it fits its page");
_Static_assert(REGION_BYTES <= 16u << 20, "the bound of docs/LIMITS.md");
_Static_assert(sizeof(struct ring) <= RING_HEADER_BYTES, "header fits its page");
_Static_assert(RECORD_MAX_BYTES * 4 <= RING_DATA_BYTES, "a ring holds several records");

/* The region: made by the first thread that records, read by all. A forked child
 * does not have it mapped and makes its own (ring_fork_child). */
PER_REQUEST_ZERO static _Atomic(unsigned char *) region;

/* Who has which slot of the region: moved by CAS, by threads and by the worker.
 * CLAIMED: its memory is not accessible yet. Zeroed in a forked child. */
enum slot_state { SLOT_FREE, SLOT_CLAIMED, SLOT_OWNED, SLOT_ORPHANED };
PER_REQUEST_ZERO static _Atomic uint32_t slots[RING_COUNT];
/* A thread found no slot: the worker shall look for threads that ended unseen. */
static atomic_bool ring_wanted;
/* A slot could not be made: so many more looks at one until that is tried again, each of which
 * would take six system calls. */
#define LOOKS_UNTIL_TRIED_AGAIN 4096u
static _Atomic uint32_t looks_left;

#define REGION_FAILED ((unsigned char *)1)

static bool scratch_map(void *memory)
{
    int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    void *made = mmap(memory, SCRATCH_BYTES, PROT_NONE, flags, -1, 0);
    return made != MAP_FAILED && mprotect(made, SCRATCH_BYTES, PROT_READ | PROT_WRITE) == 0;
}

/*
 * The one place that ring memory comes from, all of it at once: a later mapping would wait for
 * whoever changes the address space just then, and while the worker loads libcurl that is always
 * somebody. Shared, and mapped without access at first, so that neither overcommit nor
 * mlockall(MCL_FUTURE) charges for what is never used.
 */
static unsigned char *ring_memory_reserve(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    unsigned char *p = mmap(NULL, REGION_BYTES, PROT_NONE, flags, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    bool usable =
        scratch_map(p + SCRATCH_AT) && mprotect(p, CONTROL_BYTES, PROT_READ | PROT_WRITE) == 0;
    madvise(p, REGION_BYTES, MADV_DONTFORK);
    madvise(p, REGION_BYTES, MADV_NOHUGEPAGE); /* a touched page must not cost 2 MB */
    if (!usable) {
        munmap(p, REGION_BYTES);
        return NULL;
    }
    spool_create((struct spool *)(void *)p, config, p + FILE_AT);
    return p;
}

static void ring_memory_give_back(unsigned char *memory)
{
    spool_remove((struct spool *)(void *)memory);
    munmap(memory, REGION_BYTES);
}

struct spool *ring_spool(void)
{
    unsigned char *r = atomic_load_explicit(&region, memory_order_seq_cst);
    return r == NULL || r == REGION_FAILED ? NULL : (struct spool *)(void *)r;
}

static unsigned char *region_get(void)
{
    unsigned char *r = atomic_load_explicit(&region, memory_order_acquire);
    if (r == NULL) {
        int saved_errno = errno;
        uint64_t signals = fork_lock_hold_signals(); /* a jump out of a handler would lose it */
        unsigned char *made = ring_memory_reserve();
        unsigned char *wanted = made != NULL ? made : REGION_FAILED;
        if (atomic_compare_exchange_strong(&region, &r, wanted)) {
            r = wanted;
            spool_process_flags(ring_spool()); /* who sets one from now on sees the file */
        } else if (made != NULL) {
            ring_memory_give_back(made);
        }
        fork_lock_release_signals(signals);
        errno = saved_errno;
    }
    return r == REGION_FAILED ? NULL : r;
}

static struct ring *ring_of_slot(unsigned char *base, unsigned index)
{
    return (struct ring *)(void *)(base + RINGS_AT + (size_t)index * SPOOL_RING_BYTES);
}

void *ring_scratch(struct ring *ring)
{
    /* Ring 0's lies behind all rings; each next one is nearer to its ring. */
    return (unsigned char *)ring + RINGS_BYTES -
           (size_t)ring->slot * (SPOOL_RING_BYTES - RING_SCRATCH_BYTES);
}

AT_START struct ring *ring_at(unsigned index)
{
    uint32_t state = atomic_load_explicit(&slots[index], memory_order_acquire);
    if (state != SLOT_OWNED && state != SLOT_ORPHANED)
        return NULL;
    return ring_of_slot(atomic_load_explicit(&region, memory_order_acquire), index);
}

static bool is_drained(struct ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_acquire) ==
           atomic_load_explicit(&ring->head, memory_order_relaxed);
}

/* Gives a ring memory: the file's, if there is one; the first one has it since the file was made. */
static bool slot_make(unsigned char *base, unsigned index)
{
    const struct spool *spool = (const struct spool *)(const void *)base;
    struct ring *ring = ring_of_slot(base, index);
    if (spool->header == NULL)
        return mprotect(ring, SPOOL_RING_BYTES, PROT_READ | PROT_WRITE) == 0;
    if (index == 0 || spool_grow_ring(spool, index))
        return true;
    /* An exporter process reads only what lies in the file. */
    return !worker_is_remote() && spool_leave_ring(ring);
}

/* Makes a slot that was never used. False: it was, or it cannot be made, or (unless `waits`)
 * another is in the making. No handler of the program's may leave it half made by siglongjmp. */
static bool slot_begin(unsigned char *base, unsigned index, enum slot_state then, bool waits)
{
    uint32_t state = SLOT_FREE;
    int saved_errno = errno;
    uint64_t signals = fork_lock_hold_signals();
    bool usable = false;
    if (spool_grow_begin(waits)) {
        if (atomic_compare_exchange_strong(&slots[index], &state, SLOT_CLAIMED)) {
            usable = slot_make(base, index);
            if (!usable)
                atomic_store(&looks_left, LOOKS_UNTIL_TRIED_AGAIN);
            atomic_store_explicit(&slots[index], usable ? then : SLOT_FREE, memory_order_release);
        }
        spool_grow_end();
    }
    fork_lock_release_signals(signals);
    errno = saved_errno;
    return usable;
}

/* Whether a slot may be made now. Threads that count down at once may lose a look: no matter. */
static bool may_begin(bool waits)
{
    uint32_t looks = atomic_load_explicit(&looks_left, memory_order_relaxed);
    if (looks > 0)
        atomic_store_explicit(&looks_left, looks - 1, memory_order_relaxed);
    return looks == 0 && (waits || !spool_is_growing());
}

/* Takes slot `index` if it was never used, or its thread ended and it is drained. */
static struct ring *claim_slot(unsigned char *base, unsigned index, bool waits)
{
    uint32_t state = atomic_load_explicit(&slots[index], memory_order_acquire);
    struct ring *ring = ring_of_slot(base, index);
    if (state == SLOT_FREE)
        return may_begin(waits) && slot_begin(base, index, SLOT_OWNED, waits) ? ring : NULL;
    if (state == SLOT_ORPHANED && is_drained(ring) &&
        atomic_compare_exchange_strong(&slots[index], &state, SLOT_OWNED))
        return ring;
    return NULL;
}

/*
 * Takes any slot whose thread ended. Its records stay, ours come behind them: a server
 * with a thread for each request ends more of them between two drains than there are rings.
 */
static struct ring *inherit_slot(unsigned char *base, unsigned *index)
{
    for (unsigned i = 0; i < RING_THREAD_COUNT; i++) {
        uint32_t state = SLOT_ORPHANED;
        if (atomic_compare_exchange_strong(&slots[i], &state, SLOT_OWNED)) {
            *index = i;
            return ring_of_slot(base, i);
        }
    }
    return NULL;
}

static void own(struct ring *ring, unsigned slot, uint32_t tid)
{
    ring->owner_tid = tid;
    ring->slot = slot;
    ring->unkicked = 0;
    ring->spill = ring->spare = NULL;
    ring->cached_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
}

/*
 * Common ring `n`, before somebody needs it: whoever meets one in the making has no ring, and
 * a crowd of threads that start together would meet all of them so.
 */
static void make_common(unsigned char *base, unsigned n)
{
    unsigned index = RING_THREAD_COUNT + n;
    if (atomic_load_explicit(&slots[index], memory_order_relaxed) == SLOT_FREE)
        slot_begin(base, index, SLOT_ORPHANED, true);
}

struct ring *ring_of_thread_slow(void)
{
    struct thread_state *t = &thread_state;
    unsigned char *base = region_get();
    for (unsigned i = 0; base != NULL && i < RING_THREAD_COUNT; i++) {
        struct ring *ring = claim_slot(base, i, true);
        if (ring == NULL)
            continue;
        own(ring, i, (uint32_t)syscall(SYS_gettid));
        t->ring = ring;
        if (i >= RING_THREAD_COUNT - RING_COMMON_COUNT) /* one of the last */
            make_common(base, RING_THREAD_COUNT - 1 - i);
        return ring;
    }
    unsigned index = 0;
    struct ring *ring = base != NULL ? inherit_slot(base, &index) : NULL;
    if (ring != NULL) {
        uint32_t unkicked = ring->unkicked;
        own(ring, index, (uint32_t)syscall(SYS_gettid));
        ring->unkicked = unkicked;
        t->ring = ring;
        return ring;
    }
    atomic_store_explicit(&ring_wanted, true, memory_order_relaxed);
    return NULL;
}

static void orphan(struct ring *ring)
{
    atomic_store_explicit(&slots[ring->slot], SLOT_ORPHANED, memory_order_release);
}

static void give_back(struct ring **ring)
{
    if (*ring != NULL)
        orphan(*ring);
    *ring = NULL;
}

void ring_release(struct ring *ring)
{
    give_back(&ring->spill);
    give_back(&ring->spare);
    orphan(ring);
}

/* A common ring that nobody holds, with whatever records wait in it. */
static struct ring *take_common(unsigned char *base, unsigned index)
{
    uint32_t state = SLOT_ORPHANED;
    if (atomic_compare_exchange_strong(&slots[index], &state, SLOT_OWNED))
        return ring_of_slot(base, index);
    return state == SLOT_FREE ? claim_slot(base, index, true) : NULL;
}

struct ring *ring_borrow(void)
{
    struct ring *ring = ring_of_thread();
    if (likely(ring != NULL))
        return ring;
    unsigned char *base = region_get();
    /* Each thread begins at another one: its state's address tells threads apart. */
    unsigned first = (unsigned)((uintptr_t)&thread_state / 4096);
    for (unsigned i = 0; base != NULL && i < RING_COMMON_COUNT; i++) {
        unsigned index = RING_THREAD_COUNT + (first + i) % RING_COMMON_COUNT;
        ring = take_common(base, index);
        if (ring == NULL)
            continue;
        ring->slot = index;
        ring->borrowed = true;
        ring->cached_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        return ring;
    }
    return NULL;
}

void ring_return_slow(struct ring *ring)
{
    ring->borrowed = false;
    orphan(ring);
}

void ring_reap(void)
{
    if (!atomic_exchange_explicit(&ring_wanted, false, memory_order_relaxed))
        return;
    for (unsigned i = 0; i < RING_THREAD_COUNT; i++) {
        struct ring *ring = ring_at(i);
        if (ring != NULL && syscall(SYS_tgkill, process_state->pid, ring->owner_tid, 0) != 0 &&
            errno == ESRCH)
            orphan(ring); /* alone: one that it spilled into has its own entry */
    }
}

void ring_fork_child(void)
{
    atomic_store(&region, NULL);
    atomic_store(&ring_wanted, false);
    atomic_store(&looks_left, 0);
    spool_fork_child();
    for (unsigned i = 0; i < RING_COUNT; i++)
        atomic_store_explicit(&slots[i], SLOT_FREE, memory_order_relaxed);
}

void *ring_reserve(struct ring *ring, uint32_t max)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t to_end = RING_DATA_BYTES - (head & RING_MASK);
    uint32_t pad = to_end < max ? to_end : 0;
    if (head + pad + max - ring->cached_tail > RING_DATA_BYTES) {
        ring->cached_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head + pad + max - ring->cached_tail > RING_DATA_BYTES)
            return NULL;
    }
    if (pad != 0) {
        /* Not visible before the record behind it is committed. */
        struct record *r = (struct record *)(void *)(ring_data(ring) + (head & RING_MASK));
        r->size = pad;
        r->type = RECORD_PAD;
    }
    give_back(&ring->spill); /* others may need it */
    if (head - ring->cached_tail <= RING_DATA_BYTES / 2)
        give_back(&ring->spare);
    ring->reserved_at = head + pad;
    return ring_data(ring) + (ring->reserved_at & RING_MASK);
}

const struct record *ring_peek(struct ring *ring)
{
    for (;;) {
        uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        uint32_t used = head - tail;
        if (used == 0)
            return NULL;
        const struct record *r =
            (const struct record *)(void *)(ring_data(ring) + (tail & RING_MASK));
        uint32_t to_end = RING_DATA_BYTES - (tail & RING_MASK);
        if (r->size == 0 || r->size % RECORD_ALIGN != 0 || r->size > used || r->size > to_end) {
            /* Cannot happen by our own writing: a stray store of the program. */
            atomic_store_explicit(&ring->tail, head, memory_order_release);
            diag_drop(DROP_CORRUPT, 1);
            return NULL;
        }
        if (r->type != RECORD_PAD)
            return r;
        atomic_store_explicit(&ring->tail, tail + r->size, memory_order_release);
    }
}

void ring_consume(struct ring *ring, const struct record *record)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    /* Pairs with ring_reserve's acquire: we are done reading before the owner writes. */
    atomic_store_explicit(&ring->tail, tail + record->size, memory_order_release);
}

/* One that is free, for `home` to spill into. */
static struct ring *claim_spill(const struct ring *home)
{
    unsigned char *base = region_get();
    for (unsigned i = RING_THREAD_COUNT - RING_SPILL_COUNT; base != NULL && i < RING_THREAD_COUNT;
         i++) {
        struct ring *ring = claim_slot(base, i, false);
        if (ring != NULL) {
            own(ring, i, home->owner_tid);
            return ring;
        }
    }
    return NULL;
}

void ring_look_ahead(struct ring *ring)
{
    struct ring *home = thread_state.ring;
    if (ring->borrowed || home->spare != NULL ||
        ring->head - ring->cached_tail <= RING_DATA_BYTES / 4 * 3)
        return;
    home->spare = claim_spill(home);
}

void *ring_reserve_spill(struct ring **ring, uint32_t max)
{
    struct ring *home = *ring;
    void *room = home->spill != NULL ? ring_reserve(home->spill, max) : NULL;
    if (room == NULL) {
        give_back(&home->spill);
        home->spill = home->spare != NULL ? home->spare : claim_spill(home);
        home->spare = NULL;
        room = home->spill != NULL ? ring_reserve(home->spill, max) : NULL;
    }
    if (room != NULL)
        *ring = home->spill;
    return room;
}
