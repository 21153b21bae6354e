/* Which span is the parent (shim/context/context.c). */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "config.h"
#include "context/process_context.h"
#include "context/traceparent.h"
#include "no_hooks.h"

#define CAME_IN "00-11111111111111111111111111111111-2222222222222222-01"

static struct instrumentation instr = { .name = "unit", .bit = 1, .index = 0 };

/* A process that was started with these settings. */
static void begin(enum process_span_mode mode, const char *traceparent)
{
    static struct config c;
    c = (struct config){
        .propagator_order = { PROPAGATE_TRACECONTEXT, PROPAGATE_BAGGAGE },
        .sampler_parent_based = true,
        .process_span = mode,
        .came_in = { [CONTEXT_TRACEPARENT] = traceparent,
                     [CONTEXT_TRACESTATE] = "vendor=1",
                     [CONTEXT_BAGGAGE] = "k=v" },
    };
    config = &c;
    context_init();
    if (mode != PROCESS_SPAN_NEVER)
        process_context_begin(&instr, process_context.start_mono_ns);
}

static bool parent_of_call(struct span_context *parent, struct record_link *link)
{
    bool has_link;
    memset(parent, 0, sizeof *parent);
    bool has_parent = context_parent(NULL, parent, link, &has_link);
    cr_assert(!has_parent || !has_link);
    if (!has_link)
        memset(link, 0, sizeof *link);
    return has_parent;
}

static bool is(const struct span_context *a, const struct span_context *b)
{
    return memcmp(a->trace_id, b->trace_id, 16) == 0 && memcmp(a->span_id, b->span_id, 8) == 0;
}

Test(context, the_process_span_is_the_parent_of_a_call)
{
    struct span_context parent;
    struct record_link link;
    begin(PROCESS_SPAN_AUTO, NULL);
    cr_assert(parent_of_call(&parent, &link));
    cr_assert(is(&parent, &process_context.span.context));
    cr_assert(!(process_context.span.head.flags & RECORD_HAS_PARENT));
    cr_assert(process_context.flags & PROCESS_USED);
}

Test(context, what_came_in_is_the_process_spans_parent)
{
    struct span_context parent, came_in;
    struct record_link link;
    begin(PROCESS_SPAN_AUTO, CAME_IN);
    cr_assert(traceparent_parse(CAME_IN, strlen(CAME_IN), &came_in));
    cr_assert(parent_of_call(&parent, &link));
    cr_assert(memcmp(parent.trace_id, came_in.trace_id, 16) == 0);
    cr_assert(memcmp(process_context.span.parent_span_id, came_in.span_id, 8) == 0);
    cr_assert(process_context.span.head.flags & RECORD_PARENT_REMOTE);
    cr_assert_str_eq(parent.tracestate, "vendor=1");
    cr_assert_str_eq(parent.baggage, "k=v");
}

Test(context, never_makes_what_came_in_the_parent)
{
    struct span_context parent, came_in;
    struct record_link link;
    begin(PROCESS_SPAN_NEVER, CAME_IN);
    cr_assert(traceparent_parse(CAME_IN, strlen(CAME_IN), &came_in));
    cr_assert(parent_of_call(&parent, &link));
    cr_assert(is(&parent, &came_in));
    begin(PROCESS_SPAN_NEVER, NULL);
    cr_assert(!parent_of_call(&parent, &link));
}

Test(context, a_malformed_traceparent_is_none)
{
    struct span_context parent;
    begin(PROCESS_SPAN_NEVER, "00-zz");
    cr_assert(!context_process_parent(&parent));
}

Test(context, the_innermost_open_call_comes_first)
{
    struct span_context parent;
    struct record_link link;
    struct span span = { .open = true };
    begin(PROCESS_SPAN_AUTO, NULL);
    memset(span.context.trace_id, 7, 16);
    memset(span.context.span_id, 8, 8);
    thread_state.current = &span;
    cr_assert(parent_of_call(&parent, &link));
    cr_assert(is(&parent, &span.context));
    cr_assert(context_for_child(&parent) && is(&parent, &span.context));
    span.open = false;
    cr_assert(parent_of_call(&parent, &link));
    cr_assert(is(&parent, &process_context.span.context));
    thread_state.current = NULL;
}

Test(context, a_thread_has_its_creators_span_while_that_is_open)
{
    struct span_context parent;
    struct record_link link;
    struct span creator = { .open = true };
    begin(PROCESS_SPAN_AUTO, NULL);
    memset(creator.context.trace_id, 7, 16);
    memset(creator.context.span_id, 8, 8);
    thread_state.inherited = context_publish(&creator);
    cr_assert_neq(thread_state.inherited, 0);
    cr_assert(parent_of_call(&parent, &link));
    cr_assert(is(&parent, &creator.context));
    context_unpublish(creator.published);
    cr_assert(parent_of_call(&parent, &link));
    cr_assert(is(&parent, &process_context.span.context));
    thread_state.inherited = 0;
}

Test(context, a_handle_never_matches_again)
{
    struct span spans[256], one = { .open = true };
    struct span_context seen;
    uint32_t first = context_publish(&one);
    context_unpublish(first);
    memset(spans, 0, sizeof spans);
    for (unsigned i = 0; i < 256; i++) {
        spans[i].context.flags = (uint8_t)i;
        cr_assert_neq(context_publish(&spans[i]), 0);
    }
    cr_assert(!context_published(first, &seen));
    cr_assert_eq(context_publish(&one), 0, "a 257th place");
    context_unpublish(first); /* of no effect: the place is another's */
    for (unsigned i = 0; i < 256; i++) {
        cr_assert(context_published(spans[i].published, &seen));
        cr_assert_eq(seen.flags, i);
        context_unpublish(spans[i].published);
        cr_assert(!context_published(spans[i].published, &seen));
    }
    cr_assert(!context_published(0, &seen));
}

/* Readers racing with a writer must see a whole context or none. */
static atomic_uint shared_handle;
static atomic_bool done;

static void *read_contexts(void *torn)
{
    struct span_context c;
    while (!atomic_load(&done)) {
        if (!context_published(atomic_load(&shared_handle), &c))
            continue;
        for (unsigned i = 1; i < 16; i++)
            *(unsigned *)torn += c.trace_id[i] != c.trace_id[0];
        *(unsigned *)torn += c.span_id[7] != c.trace_id[0];
    }
    return NULL;
}

Test(context, readers_see_whole_contexts, .timeout = 20)
{
    unsigned torn[2] = { 0, 0 };
    pthread_t readers[2];
    static struct span held[255]; /* leaves one slot, used again and again */
    for (unsigned i = 0; i < 255; i++)
        cr_assert_neq(context_publish(&held[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, read_contexts, &torn[i]);
    for (unsigned i = 0; i < 300000; i++) {
        struct span span = { .open = true };
        memset(span.context.trace_id, (int)(i & 0xff), 16);
        memset(span.context.span_id, (int)(i & 0xff), 8);
        atomic_store(&shared_handle, context_publish(&span));
        context_unpublish(span.published);
    }
    atomic_store(&done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    cr_assert_eq(torn[0] + torn[1], 0);
}

static unsigned told;
static void count_told(void)
{
    told++;
    process_context.flags |= PROCESS_TOLD;
}

Test(context, a_servers_calls_are_roots)
{
    struct span_context parent;
    struct record_link link, no_link = { 0 };
    begin(PROCESS_SPAN_AUTO, NULL);
    process_context.tell = count_told;
    context_process_is_server();
    cr_assert_eq(told, 0, "a span that was nobody's parent");
    cr_assert(!parent_of_call(&parent, &link));
    cr_assert_eq(memcmp(&link, &no_link, sizeof link), 0, "a link to what is never told");
    cr_assert(!context_for_child(&parent));
}

Test(context, a_server_that_had_done_something_is_told_and_linked)
{
    struct span_context parent;
    struct record_link link;
    begin(PROCESS_SPAN_AUTO, NULL);
    process_context.tell = count_told;
    cr_assert(parent_of_call(&parent, &link));
    context_process_is_server();
    context_process_is_server();
    cr_assert_eq(told, 1);
    cr_assert(!parent_of_call(&parent, &link));
    cr_assert_eq(memcmp(link.span_id, process_context.span.context.span_id, 8), 0);
    cr_assert_eq(memcmp(link.trace_id, process_context.span.context.trace_id, 16), 0);
}

Test(context, always_keeps_a_server_one_trace)
{
    struct span_context parent;
    struct record_link link;
    begin(PROCESS_SPAN_ALWAYS, NULL);
    context_process_is_server();
    for (unsigned i = 0; i < PROCESS_MAX_CALLS + 1; i++)
        cr_assert(parent_of_call(&parent, &link));
}

Test(context, the_thousandth_call_is_a_root_with_a_link)
{
    struct span_context parent;
    struct record_link link;
    begin(PROCESS_SPAN_AUTO, NULL);
    process_context.tell = count_told;
    for (unsigned i = 1; i < 1000; i++)
        cr_assert(parent_of_call(&parent, &link), "call %u", i);
    cr_assert(!parent_of_call(&parent, &link));
    cr_assert_eq(told, 1);
    cr_assert_eq(memcmp(link.span_id, process_context.span.context.span_id, 8), 0);
}

Test(context, children_do_not_count_as_calls)
{
    struct span_context parent;
    begin(PROCESS_SPAN_AUTO, NULL);
    for (unsigned i = 0; i < 2000; i++)
        cr_assert(context_for_child(&parent));
}

Test(context, a_process_idle_for_a_minute_is_long_lived)
{
    struct span_context parent;
    struct record_link link;
    begin(PROCESS_SPAN_AUTO, NULL);
    process_context.start_mono_ns = clock_mono_ns() - PROCESS_MAX_IDLE_NS - 1;
    cr_assert(!parent_of_call(&parent, &link));
    /* One that was used before is not. */
    begin(PROCESS_SPAN_AUTO, NULL);
    cr_assert(parent_of_call(&parent, &link));
    process_context.start_mono_ns = clock_mono_ns() - PROCESS_MAX_IDLE_NS - 1;
    cr_assert(parent_of_call(&parent, &link));
}

Test(context, an_exec_of_a_process_that_did_nothing_hands_on_what_came_in)
{
    struct span_context out, came_in;
    bool tell;
    begin(PROCESS_SPAN_AUTO, CAME_IN);
    cr_assert(context_for_exec(&out, &tell) && !tell);
    cr_assert(context_process_parent(&came_in) && is(&out, &came_in));
    process_context_mark_used();
    cr_assert(context_for_exec(&out, &tell) && tell);
    cr_assert(is(&out, &process_context.span.context));
    begin(PROCESS_SPAN_AUTO, NULL);
    cr_assert(!context_for_exec(&out, &tell) && !tell);
}

Test(context, a_forked_child_begins_under_what_was_current_there)
{
    struct span_context at_fork, parent;
    struct record_link link;
    struct span held = { .open = true };
    bool tell;
    begin(PROCESS_SPAN_AUTO, CAME_IN);
    uint32_t handle = context_publish(&held);
    cr_assert(context_peek_for_child(&at_fork));
    cr_assert(is(&at_fork, &process_context.span.context));
    cr_assert(!(process_context.flags & PROCESS_USED), "the fork may yet fail");

    context_fork_child(&at_fork);
    process_context_begin(&instr, process_context.start_mono_ns);
    cr_assert(!context_published(handle, &parent), "the parent's open spans are not ours");
    cr_assert(!context_process_parent(&parent));
    cr_assert(context_for_exec(&parent, &tell) && !tell && is(&parent, &at_fork));
    cr_assert(parent_of_call(&parent, &link));
    cr_assert(!is(&parent, &at_fork));
    cr_assert_eq(memcmp(parent.trace_id, at_fork.trace_id, 16), 0);
    cr_assert_eq(memcmp(process_context.span.parent_span_id, at_fork.span_id, 8), 0);
}

Test(context, a_servers_forked_child_begins_a_trace_of_its_own)
{
    struct span_context at_fork, parent;
    struct record_link link;
    begin(PROCESS_SPAN_AUTO, NULL);
    cr_assert(parent_of_call(&parent, &link));
    context_process_is_server();
    cr_assert(!context_peek_for_child(&at_fork));
    context_fork_child(NULL);
    process_context_begin(&instr, process_context.start_mono_ns);
    cr_assert(parent_of_call(&at_fork, &link));
    cr_assert_neq(memcmp(parent.trace_id, at_fork.trace_id, 16), 0);
}

Test(context, what_a_listening_process_forks_outside_of_requests_is_a_part_of_it)
{
    struct span_context parent, at_fork = { .trace_id = { 1 }, .span_id = { 2 } };
    struct record_link link;
    bool tell;
    begin(PROCESS_SPAN_AUTO, NULL);
    context_process_listens();
    context_fork_child(NULL);
    context_fork_child(NULL); /* adoption, then the fork hook */
    cr_assert_eq(process_context.flags, PROCESS_FORKED | PROCESS_LISTENS | PROCESS_SERVER);
    cr_assert(!parent_of_call(&parent, &link));
    cr_assert(!context_for_exec(&parent, &tell));
    context_fork_child(NULL); /* a daemon forks twice */
    cr_assert(process_context.flags & PROCESS_LISTENS);

    context_fork_child(&at_fork); /* inside a request: a program of its own, below it */
    cr_assert_eq(process_context.flags, PROCESS_FORKED | PROCESS_PARENT);
    process_context_begin(&instr, process_context.start_mono_ns);
    cr_assert(parent_of_call(&parent, &link));
    cr_assert_eq(memcmp(parent.trace_id, at_fork.trace_id, 16), 0);

    begin(PROCESS_SPAN_ALWAYS, NULL);
    context_process_listens();
    context_fork_child(NULL);
    cr_assert_eq(process_context.flags, PROCESS_FORKED);
}
