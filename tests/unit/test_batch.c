/* The queue of encoded spans and when a batch is due. */
#include <criterion/criterion.h>

#include "batch.h"
#include "otlp/otlp.h"

#define SPAN_MAX_BYTES OTLP_SPAN_MAX_BYTES
#define MS UINT64_C(1000000)

static struct batch_queue queue;

static void start(uint32_t max_queue, uint32_t max_batch)
{
    batch_queue_init(&queue, (struct batch_limits){ max_queue, max_batch, 5000 }, SPAN_MAX_BYTES);
}

/* A span whose bytes are all `content`. */
static bool add(unsigned char content, size_t bytes, uint64_t end_ns)
{
    unsigned char *at = batch_reserve(&queue);
    if (!at)
        return false;
    memset(at, content, bytes);
    batch_commit(&queue, content % 3, 0, bytes, end_ns);
    return true;
}

TestSuite(batch, .timeout = 30);

Test(batch, is_due_when_it_is_full_old_or_flushed)
{
    start(2048, 4);
    cr_assert_not(batch_is_due(&queue, 0, true), "an empty batch is never due");
    cr_assert_eq(batch_due_at(&queue), UINT64_MAX);
    add(1, 10, 1000 * MS);
    cr_assert_not(batch_is_due(&queue, 1000 * MS, false));
    cr_assert(batch_is_due(&queue, 1000 * MS, true));
    cr_assert_eq(batch_due_at(&queue), 6000 * MS);
    cr_assert_not(batch_is_due(&queue, 6000 * MS - 1, false));
    cr_assert(batch_is_due(&queue, 6000 * MS, false));
    for (int i = 0; i < 3; i++)
        add(1, 10, 1000 * MS);
    cr_assert(batch_is_due(&queue, 1000 * MS, false));
}

Test(batch, age_is_that_of_the_oldest_span_left)
{
    start(2048, 2);
    add(1, 10, 1000 * MS);
    add(2, 10, 2000 * MS);
    add(3, 10, 3000 * MS);
    batch_remove(&queue, 2);
    cr_assert_eq(batch_due_at(&queue), 8000 * MS);
}

Test(batch, refuses_beyond_the_queue_size_and_takes_again_later)
{
    struct encoded_span spans[4];
    start(3, 2);
    for (int i = 0; i < 3; i++)
        cr_assert(add(1, 10, MS));
    cr_assert_not(add(1, 10, MS));
    batch_remove(&queue, batch_peek(&queue, spans));
    cr_assert(add(1, 10, MS));
    cr_assert(add(1, 10, MS));
    cr_assert_not(add(1, 10, MS));
}

Test(batch, gives_spans_back_in_order_with_their_bytes_over_many_rounds)
{
    struct encoded_span spans[512];
    unsigned next_in = 0, next_out = 0;
    start(2048, 512);
    for (unsigned round = 0; round < 2000; round++) {
        unsigned n = round * 7 % 600;
        while (n-- && add((unsigned char)next_in, 100 + next_in % 900, MS))
            next_in++;
        unsigned got = batch_peek(&queue, spans);
        for (unsigned i = 0; i < got; i++, next_out++) {
            cr_assert_eq(spans[i].len, 100 + next_out % 900);
            cr_assert_eq(spans[i].scope, (next_out & 255) % 3);
            cr_assert_eq(spans[i].data[0], (unsigned char)next_out);
            cr_assert_eq(spans[i].data[spans[i].len - 1], (unsigned char)next_out);
        }
        batch_remove(&queue, got);
    }
    cr_assert_gt(next_out, 100000);
}

Test(batch, memory_is_bounded_whatever_the_sizes)
{
    start(1000000, 512);
    unsigned n = 0;
    while (add((unsigned char)n, OTLP_SPAN_MAX_BYTES, MS))
        n++;
    cr_assert_leq(queue.capacity, QUEUE_MAX_BYTES);
    cr_assert_gt(n, 40);
    struct encoded_span spans[512];
    unsigned taken = batch_peek(&queue, spans);
    size_t bytes = 0;
    for (unsigned i = 0; i < taken; i++)
        bytes += spans[i].len;
    cr_assert_leq(bytes, BATCH_MAX_BYTES + OTLP_SPAN_MAX_BYTES);
    batch_remove(&queue, taken);
    cr_assert(add(1, OTLP_SPAN_MAX_BYTES, MS), "room again");
}

Test(batch, never_asks_for_more_than_the_largest_batch)
{
    start(1000000, 1000000);
    cr_assert_eq(queue.limits.max_batch_size, BATCH_MAX_SPANS);
    start(10, 512);
    cr_assert_eq(queue.limits.max_batch_size, 10);
}
