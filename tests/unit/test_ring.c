/* The ring: one producer, one consumer, nothing lost in silence. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "diag.h"
#include "no_hooks.h"
#include "ring.h"
#include "spool/spool.h"

TestSuite(ring, .init = become_program, .timeout = 30);

static bool push(struct ring *ring, uint32_t payload, uint32_t max)
{
    struct record *r = ring_reserve(ring, max);
    if (r == NULL)
        return false;
    *r = (struct record){ .size = (uint32_t)sizeof *r, .type = RECORD_SPAN };
    r->dropped_attributes = payload;
    ring_commit(ring, r->size);
    return true;
}

Test(ring, gives_records_back_in_order)
{
    struct ring *ring = ring_of_thread();
    cr_assert_not_null(ring);
    for (uint32_t i = 0; i < 100; i++)
        cr_assert(push(ring, i, 1024));
    for (uint32_t i = 0; i < 100; i++) {
        const struct record *r = ring_peek(ring);
        cr_assert_not_null(r);
        cr_assert_eq(r->dropped_attributes, i);
        ring_consume(ring, r);
    }
    cr_assert_null(ring_peek(ring));
    cr_assert_eq(ring_used(ring), 0);
}

Test(ring, a_reservation_not_committed_is_not_seen)
{
    struct ring *ring = ring_of_thread();
    cr_assert_not_null(ring_reserve(ring, 512));
    cr_assert_null(ring_peek(ring));
}

Test(ring, refuses_when_full_and_goes_on_when_drained)
{
    struct ring *ring = ring_of_thread();
    uint32_t n = 0;
    while (push(ring, n, RECORD_MAX_BYTES))
        n++;
    cr_assert_gt(n, 1000, "a ring holds more than %u records", n);
    uint32_t seen = 0;
    for (const struct record *r; (r = ring_peek(ring)) != NULL; seen++) {
        cr_assert_eq(r->dropped_attributes, seen);
        ring_consume(ring, r);
    }
    cr_assert_eq(seen, n);
    cr_assert(push(ring, 7, RECORD_MAX_BYTES));
}

Test(ring, wraps_with_records_whole)
{
    struct ring *ring = ring_of_thread();
    uint32_t pushed = 0, seen = 0;
    for (int round = 0; round < 20000; round++) {
        cr_assert(push(ring, pushed++, RECORD_MAX_BYTES));
        if (round % 3 != 0)
            continue;
        for (const struct record *r; (r = ring_peek(ring)) != NULL;) {
            cr_assert_eq(r->dropped_attributes, seen++);
            ring_consume(ring, r);
        }
    }
}

static void *produce(void *arg)
{
    struct ring *ring = ring_of_thread();
    atomic_store((_Atomic(struct ring *) *)arg, ring);
    for (uint32_t i = 0; i < 300000;)
        i += push(ring, i, 256);
    return NULL;
}

Test(ring, loses_nothing_between_two_threads)
{
    _Atomic(struct ring *) ring = NULL;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, produce, &ring), 0);
    while (ring == NULL)
        continue;
    for (uint32_t i = 0; i < 300000;) {
        const struct record *r = ring_peek(ring);
        if (r == NULL)
            continue;
        cr_assert_eq(r->dropped_attributes, i);
        ring_consume(ring, r);
        i++;
    }
    pthread_join(thread, NULL);
}

Test(ring, a_stray_store_of_the_program_is_contained)
{
    struct ring *ring = ring_of_thread();
    push(ring, 1, 256);
    struct record *r = (struct record *)(uintptr_t)ring_peek(ring);
    r->size = 0x7ffffff0;
    cr_assert_null(ring_peek(ring));
    cr_assert_eq(diag_dropped(DROP_CORRUPT), 1);
    cr_assert(push(ring, 2, 256));
    cr_assert_eq(ring_peek(ring)->dropped_attributes, 2);
}

static void *hold(void *arg)
{
    *(struct ring **)arg = ring_of_thread();
    return NULL;
}

Test(ring, rings_of_ended_threads_are_reused_once_drained)
{
    struct ring *first = NULL, *second = NULL;
    pthread_t thread;
    pthread_create(&thread, NULL, hold, &first);
    pthread_join(thread, NULL);
    push(first, 1, 256);
    ring_release(first);
    pthread_create(&thread, NULL, hold, &second);
    pthread_join(thread, NULL);
    cr_assert_neq(first, second, "not drained yet");
    ring_consume(first, ring_peek(first));
    struct ring *third = NULL;
    pthread_create(&thread, NULL, hold, &third);
    pthread_join(thread, NULL);
    cr_assert_eq(first, third);
}

Test(ring, more_threads_than_rings_get_none_until_the_dead_are_found)
{
    struct ring *ring = NULL;
    pthread_t thread;
    for (unsigned i = 0; i < RING_THREAD_COUNT; i++) {
        pthread_create(&thread, NULL, hold, &ring);
        pthread_join(thread, NULL);
        cr_assert_not_null(ring);
    }
    cr_assert_null(ring_of_thread());
    ring_reap();
    cr_assert_not_null(ring_of_thread());
}

Test(ring, threads_beyond_the_rings_borrow_one_that_nobody_holds)
{
    struct ring *ring = NULL, *held[RING_COMMON_COUNT];
    pthread_t thread;
    for (unsigned i = 0; i < RING_THREAD_COUNT; i++) {
        pthread_create(&thread, NULL, hold, &ring);
        pthread_join(thread, NULL);
    }
    cr_assert_null(ring_of_thread());
    for (unsigned i = 0; i < RING_COMMON_COUNT; i++) {
        held[i] = ring_borrow();
        cr_assert_not_null(held[i]);
        cr_assert(push(held[i], i, 256));
        for (unsigned k = 0; k < i; k++)
            cr_assert_neq(held[i], held[k], "one holder at a time");
    }
    cr_assert_null(ring_borrow(), "nobody waits");
    ring_return(held[3]);
    cr_assert_eq(ring_borrow(), held[3], "with what waits in it");
    cr_assert(push(held[3], 33, 256));
    const struct record *r = ring_peek(held[3]);
    cr_assert_eq(r->dropped_attributes, 3);
    ring_consume(held[3], r);
    cr_assert_eq(ring_peek(held[3])->dropped_attributes, 33);
}

static void *borrow_and_push(void *pushed)
{
    for (uint32_t i = 0; i < 20000;) {
        struct ring *ring = ring_borrow();
        if (ring != NULL && push(ring, 1, 256))
            i++;
        if (ring != NULL)
            ring_return(ring);
    }
    atomic_fetch_add((atomic_uint *)pushed, 20000);
    return NULL;
}

Test(ring, borrowed_rings_lose_nothing_among_many_threads)
{
    pthread_t thread, threads[6];
    struct ring *ring = NULL;
    for (unsigned i = 0; i < RING_THREAD_COUNT; i++) {
        pthread_create(&thread, NULL, hold, &ring);
        pthread_join(thread, NULL);
    }
    atomic_uint pushed = 0;
    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, borrow_and_push, &pushed);
    unsigned seen = 0;
    while (seen < 6 * 20000) {
        for (unsigned i = RING_THREAD_COUNT; i < RING_COUNT; i++) {
            struct ring *common = ring_at(i);
            for (const struct record *r; common != NULL && (r = ring_peek(common)) != NULL;) {
                seen += r->dropped_attributes;
                ring_consume(common, r);
            }
        }
    }
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(seen, atomic_load(&pushed));
    cr_assert_eq(diag_dropped(DROP_CORRUPT), 0);
}

/* Fills `ring`, then what it spills into; returns how many records went there. */
static uint32_t fill_and_spill(struct ring *ring)
{
    uint32_t n = 0;
    while (push(ring, 0, RECORD_MAX_BYTES))
        ;
    for (struct ring *spill = ring; ring_reserve_spill(&spill, RECORD_MAX_BYTES) != NULL;
         spill = ring, n++) {
        cr_assert_neq(spill, ring);
        cr_assert(push(spill, n, RECORD_MAX_BYTES));
    }
    return n;
}

static uint32_t drain_all(void)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < RING_COUNT; i++) {
        struct ring *ring = ring_at(i);
        for (const struct record *r; ring != NULL && (r = ring_peek(ring)) != NULL; n++)
            ring_consume(ring, r);
    }
    return n;
}

Test(ring, a_full_one_spills_into_others_and_leaves_most_of_them_alone)
{
    struct ring *ring = ring_of_thread();
    uint32_t spilled = fill_and_spill(ring);
    unsigned in_use = 0;
    for (unsigned i = 0; i < RING_COUNT; i++)
        in_use += ring_at(i) != NULL;
    cr_assert_eq(in_use, 1 + RING_SPILL_COUNT);
    uint32_t all = drain_all();
    cr_assert_gt(spilled, (RING_SPILL_COUNT - 1) * (all / (RING_SPILL_COUNT + 1)));
    cr_assert_eq(ring_used(ring), 0);
}

static struct ring *spill_of(struct ring *ring)
{
    struct ring *spill = ring;
    return ring_reserve_spill(&spill, 256) != NULL ? spill : NULL;
}

/* The kernel would let it wait until the other one has its memory. */
Test(ring, a_full_one_does_not_wait_for_another_in_the_making)
{
    struct ring *ring = ring_of_thread(), *made = NULL;
    pthread_t thread;
    spool_grow_begin(true);
    cr_assert_null(spill_of(ring));
    cr_assert_not(spool_grow_begin(false), "one at a time");
    pthread_create(&thread, NULL, hold, &made);
    pthread_join(thread, NULL);
    cr_assert_not_null(made, "a thread's own is made all the same");
    spool_grow_end();
    cr_assert_not_null(spill_of(ring));
    cr_assert_not(spool_is_growing());
    cr_assert(push(ring, 0, 256));
    cr_assert_null(ring->spill, "given back");
    spool_grow_begin(true);
    cr_assert_not_null(spill_of(ring), "one that is there is taken");
    spool_grow_end();
}

/* So that another one in the making when it is full is no loss. */
Test(ring, one_that_is_nearly_full_has_another_one_ready)
{
    struct ring *ring = ring_of_thread();
    while (ring_used(ring) <= RING_DATA_BYTES / 4 * 3) {
        ring_look_ahead(ring);
        cr_assert_null(ring->spare);
        cr_assert(push(ring, 0, 256));
    }
    spool_grow_begin(true);
    ring_look_ahead(ring);
    cr_assert_null(ring->spare, "it waits for nobody");
    spool_grow_end();
    ring_look_ahead(ring);
    struct ring *spare = ring->spare;
    cr_assert_not_null(spare);
    while (push(ring, 0, 256))
        ring_look_ahead(ring);
    cr_assert_eq(ring->spare, spare, "one is enough");
    spool_grow_begin(true);
    cr_assert_not_null(spill_of(ring));
    spool_grow_end();
    cr_assert_eq(ring->spill, spare);
    cr_assert_null(ring->spare);
    drain_all();
    cr_assert(push(ring, 0, 256));
    cr_assert_null(ring->spill, "given back");
}

Test(ring, one_ready_is_given_back_unused)
{
    struct ring *ring = ring_of_thread();
    while (push(ring, 0, 256))
        ring_look_ahead(ring);
    unsigned slot = ring->spare->slot;
    drain_all();
    cr_assert(push(ring, 0, 256));
    cr_assert_null(ring->spare);
    cr_assert_not_null(spill_of(ring));
    cr_assert_eq(ring->spill->slot, slot, "anybody may have it");
}

Test(ring, one_that_cannot_be_made_is_tried_again_now_and_then)
{
    struct ring *ring = ring_of_thread();
    struct rlimit unlimited, none;
    getrlimit(RLIMIT_DATA, &unlimited);
    none = (struct rlimit){ 4096, unlimited.rlim_max };
    setrlimit(RLIMIT_DATA, &none);
    struct ring *in_vain = spill_of(ring);
    setrlimit(RLIMIT_DATA, &unlimited);
    cr_assert_null(in_vain);
    unsigned looks = 0;
    while (spill_of(ring) == NULL)
        looks++;
    cr_assert_gt(looks, 100, "not for each record");
    cr_assert_lt(looks, 4096);
}

Test(ring, what_was_spilled_into_is_free_again_once_drained)
{
    struct ring *ring = ring_of_thread();
    uint32_t spilled = fill_and_spill(ring);
    cr_assert_gt(drain_all(), spilled);
    cr_assert(push(ring, 0, RECORD_MAX_BYTES), "the thread's own ring is used first");
    cr_assert_null(ring->spill);
    cr_assert_gt(fill_and_spill(ring), spilled / 10 * 9, "they begin elsewhere, no more");
}

Test(ring, a_thread_that_ends_gives_back_what_it_spilled_into)
{
    struct ring *ring = ring_of_thread(), *spill = ring;
    cr_assert_not_null(ring_reserve_spill(&spill, 256));
    ring_release(ring);
    cr_assert_null(ring->spill);
    thread_state.ring = NULL;
    for (unsigned i = 0; i < RING_THREAD_COUNT; i++) {
        struct ring *next = NULL;
        pthread_t thread;
        pthread_create(&thread, NULL, hold, &next);
        pthread_join(thread, NULL);
        cr_assert_not_null(next);
    }
}

Test(ring, a_forked_child_has_rings_of_its_own)
{
    struct ring *ring = ring_of_thread();
    push(ring, 1, 256);
    pid_t pid = fork();
    if (pid == 0) {
        process_adopt();
        bool empty = ring_at(0) == NULL;
        struct ring *own = ring_of_thread();
        _exit(empty && own != NULL && push(own, 2, 256) ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    cr_assert_eq(status, 0);
    cr_assert_eq(ring_peek(ring)->dropped_attributes, 1);
}
