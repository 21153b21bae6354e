/* Which open request a thread works for (shim/context/request.c). */
#include <criterion/criterion.h>
#include <string.h>

#include "context/request.h"
#include "no_hooks.h"

static uint32_t opened(uint8_t mark)
{
    struct span_context c;
    memset(&c, 0, sizeof c);
    memset(c.trace_id, mark, sizeof c.trace_id);
    memset(c.span_id, mark, sizeof c.span_id);
    return request_open(mark, &c, NULL, mark);
}

/* The thread that one with this claim becomes. */
static struct thread_state made(struct request_claim claim)
{
    return (struct thread_state){ .inherited_request = claim.request,
                                  .inherited_opens = claim.opens,
                                  .made_inside = claim.inside };
}

Test(request, a_thread_made_inside_the_only_request_works_for_it)
{
    uint32_t a = opened(1);
    struct thread_state t = made(request_claim(&thread_state));
    cr_assert(t.made_inside);
    cr_assert_eq(request_inherited(&t), a);
    struct thread_state second = made(request_claim(&thread_state));
    cr_assert_eq(request_inherited(&second), a);
    struct thread_state of_first = made(request_claim(&t));
    cr_assert_eq(request_inherited(&of_first), a, "a helper's helper");
    request_close(a, true);
    cr_assert_eq(request_inherited(&t), 0);
}

Test(request, another_request_ends_what_a_thread_was_made_for)
{
    uint32_t a = opened(1);
    struct thread_state t = made(request_claim(&thread_state));
    uint32_t b = opened(2);
    cr_assert_eq(request_inherited(&t), 0);
    request_close(b, true);
    cr_assert_eq(request_inherited(&t), 0, "it may have left a task behind");
    cr_assert(request_is_open(a));
}

Test(request, a_head_behind_another_one_counts_as_a_request)
{
    opened(1);
    struct thread_state t = made(request_claim(&thread_state));
    request_unopened();
    cr_assert_eq(request_inherited(&t), 0);
}

Test(request, a_thread_made_while_two_are_open_works_for_neither)
{
    opened(1);
    opened(2);
    struct thread_state t = made(request_claim(&thread_state));
    cr_assert(t.made_inside, "but it is of a pool, perhaps");
    cr_assert_eq(request_inherited(&t), 0);
}

Test(request, threads_of_an_earlier_request_must_have_ended)
{
    uint32_t a = opened(1);
    made(request_claim(&thread_state));
    request_close(a, true);
    uint32_t b = opened(2);
    struct thread_state early = made(request_claim(&thread_state));
    cr_assert_eq(request_inherited(&early), 0, "a thread of the first one lives");
    request_thread_ended();
    request_thread_ended();
    struct thread_state late = made(request_claim(&thread_state));
    cr_assert_eq(request_inherited(&late), b);
}

Test(request, a_thread_made_outside_of_requests_does_not_count)
{
    struct request_claim outside = request_claim(&thread_state);
    cr_assert(!outside.inside);
    cr_assert_eq(outside.request, 0);
    uint32_t a = opened(1);
    struct thread_state t = made(request_claim(&thread_state));
    cr_assert_eq(request_inherited(&t), a);
}

Test(request, candidates_are_the_newest_of_the_process_for_a_thread_that_reads_none)
{
    struct record_link links[REQUEST_MAX_LINKS];
    struct thread_state pool_thread = { 0 };
    cr_assert_eq(request_candidates(&pool_thread, links, REQUEST_MAX_LINKS), 0);
    for (uint8_t i = 1; i <= 20; i++)
        opened(i);
    cr_assert_eq(request_candidates(&pool_thread, links, REQUEST_MAX_LINKS), REQUEST_MAX_LINKS);
    for (unsigned i = 0; i < REQUEST_MAX_LINKS; i++)
        cr_assert_eq(links[i].span_id[0], 20 - i);
    cr_assert_eq(request_candidates(&pool_thread, links, 3), 3);
    struct thread_state other_reader = { .id = 77 };
    cr_assert_eq(request_candidates(&other_reader, links, REQUEST_MAX_LINKS), 0);
}

Test(request, a_slot_that_is_used_again_gives_another_handle)
{
    uint32_t first = opened(9), second;
    request_close(first, true);
    second = opened(9);
    cr_assert_neq(first, second);
    cr_assert(!request_is_open(first));
    request_close(first, true);
    cr_assert(request_is_open(second), "closed is closed");
    uint32_t last = request_open(REQUEST_MAX_OPEN, &(struct span_context){ 0 }, NULL, 0);
    cr_assert(request_is_open(last));
    cr_assert_eq(request_at(last), (struct request *)pool_at(&request_pool, REQUEST_MAX_OPEN));
}

Test(request, an_excluded_one_is_at_work_but_nobodys_parent)
{
    struct span_context nobody = { 0 }, out;
    struct record_link links[REQUEST_MAX_LINKS];
    uint32_t excluded = request_open(21, &nobody, NULL, 0);
    cr_assert_eq(request_current(&thread_state), excluded);
    cr_assert(!request_context(excluded, &out));
    cr_assert_eq(request_candidates(&thread_state, links, REQUEST_MAX_LINKS), 0);
    opened(1);
    cr_assert_eq(request_current(&thread_state), 0);
}
