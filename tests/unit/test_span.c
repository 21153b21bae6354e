/* Spans: what lies in the ring after start, end and commit. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "config.h"
#include "context/context.h"
#include "context/propagator.h"
#include "diag.h"
#include "no_hooks.h"
#include "ring.h"
#include "worker.h"

static struct instrumentation instr = { .name = "unit", .index = 3, .bit = 8 };

static void load(const char *sampler)
{
    static char line[64];
    snprintf(line, sizeof line, "OTEL_TRACES_SAMPLER=%s", sampler);
    char *env[] = { line, (char[]){ "OTEL_SHIM_PROCESS_SPAN=never" }, NULL };
    config_load(env);
    become_program();
    /* The worker must not take the records away: as in a process that is ending. */
    worker_end_of_process();
}

static void setup(void)
{
    load("always_on");
}

TestSuite(span, .init = setup, .timeout = 30);

static const struct record *only_record(void)
{
    cr_assert_not_null(thread_state.ring);
    const struct record *r = ring_peek(thread_state.ring);
    cr_assert_not_null(r);
    return r;
}

static struct field_view field(const struct record *r, unsigned index)
{
    struct field_view f = { 0 };
    size_t pos = 0;
    for (unsigned i = 0; i <= index; i++)
        cr_assert(record_next_field(r, &pos, &f), "field %u of %u", i, index);
    return f;
}

Test(span, carries_name_attributes_events_and_status)
{
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_context_is_valid(&span.context));
    cr_assert(span_end(&span, &w));
    span_name(&w, "GET", 3);
    span_string(&w, ATTR_URL_FULL, "http://a/", 9, RECORD_MAX_URL);
    span_int(&w, ATTR_SERVER_PORT, 80);
    span_double(&w, ATTR_OTELSHIM_DB_STEP_TIME, 0.5);
    span_string_array(&w, ATTR_DNS_ANSWERS, (const char *[]){ "::1", "127.0.0.1" }, 2);
    span_event(&w, EVENT_CURL_CONNECTED, 7);
    span_error(&w, "CURLE_OK");
    span_commit(&w);

    const struct record *r = only_record();
    cr_assert_eq(r->type, RECORD_SPAN);
    cr_assert_eq(r->scope, 3);
    cr_assert_eq(r->kind, SPAN_CLIENT);
    cr_assert_eq(r->flags, RECORD_SAMPLED | RECORD_RANDOM_TRACE_ID | RECORD_ERROR);
    cr_assert_geq(r->end_mono_ns, r->start_mono_ns);
    cr_assert_arr_eq(r->trace_id, span.context.trace_id, 16);
    cr_assert_arr_eq(r->span_id, span.context.span_id, 8);
    cr_assert_eq(r->size % RECORD_ALIGN, 0);
    cr_assert_eq(r->dropped_attributes, 0);
    cr_assert_eq(field(r, 0).type, FIELD_NAME);
    cr_assert_arr_eq(field(r, 0).data, "GET", 3);
    cr_assert_eq(field(r, 1).key, ATTR_URL_FULL);
    int64_t port;
    memcpy(&port, field(r, 2).data, 8);
    cr_assert_eq(port, 80);
    cr_assert_eq(field(r, 4).type, FIELD_STRING_ARRAY);
    cr_assert_eq(field(r, 4).len, 2 + 3 + 2 + 9);
    cr_assert_eq(field(r, 5).type, FIELD_EVENT);
    cr_assert_eq(field(r, 6).key, ATTR_ERROR_TYPE);
}

Test(span, a_list_that_finds_no_room_is_one_dropped_attribute)
{
    static const char text[RECORD_MAX_VALUE];
    struct span span;
    struct span_writer w;
    struct span_list list;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_end(&span, &w));
    for (unsigned lists = 0; lists < 2; lists++) {
        span_list_begin(&w, &list, FIELD_NAMED_ARRAY, ATTR_HTTP_REQUEST_HEADER);
        span_list_add(&w, &list, "x-id", 4, RECORD_MAX_VALUE);
        for (unsigned i = 0; i < 10; i++)
            span_list_add(&w, &list, text, sizeof text, RECORD_MAX_VALUE);
        span_list_end(&w, &list);
    }
    span_int(&w, ATTR_SERVER_PORT, 80);
    span_commit(&w);

    const struct record *r = only_record();
    cr_assert_eq(r->dropped_attributes, 1);
    cr_assert_eq(field(r, 0).type, FIELD_NAMED_ARRAY);
    cr_assert_eq(field(r, 0).key, ATTR_HTTP_REQUEST_HEADER);
    cr_assert_eq(field(r, 0).len, 2 + 4 + 10 * (2 + sizeof text));
    cr_assert_eq(field(r, 1).key, ATTR_SERVER_PORT);
}

Test(span, a_child_has_its_parents_trace_tracestate_and_decision)
{
    struct span_context parent = {
        .trace_id = { 1 }, .span_id = { 2 }, .flags = 1, .remote = true, .tracestate = "a=b"
    };
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, &parent);
    cr_assert(span_end(&span, &w));
    span_commit(&w);
    const struct record *r = only_record();
    cr_assert_eq(r->flags, RECORD_SAMPLED | RECORD_HAS_PARENT | RECORD_PARENT_REMOTE);
    cr_assert_arr_eq(r->trace_id, parent.trace_id, 16);
    cr_assert_arr_eq(r->parent_span_id, parent.span_id, 8);
    cr_assert_eq(field(r, 0).type, FIELD_TRACESTATE);
    cr_assert_not(span.context.remote);
}

Test(span, ends_once)
{
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_end(&span, &w));
    span_commit(&w);
    cr_assert_not(span_end(&span, &w));
}

Test(span, never_ends_before_it_starts)
{
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_end_at(&span, &w, 5));
    span_commit(&w);
    const struct record *r = only_record();
    cr_assert_eq(r->end_mono_ns, r->start_mono_ns);
}

Test(span, of_another_process_is_not_told_here)
{
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    process_adopt(); /* what a forked child does */
    cr_assert_not(span_end(&span, &w));
}

Test(span, sampled_out_has_a_context_but_no_record, .init = NULL)
{
    load("always_off");
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_context_is_valid(&span.context));
    cr_assert_not(span_context_is_sampled(&span.context));
    cr_assert_not(span_end(&span, &w));
    cr_assert_null(thread_state.ring);
}

Test(span, sampled_out_travels_marked_when_metrics_want_it, .init = NULL)
{
    load("always_off");
    span_record_unsampled = true;
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_end(&span, &w));
    span_commit(&w);
    cr_assert_not(only_record()->flags & RECORD_SAMPLED);
    cr_assert_gt(only_record()->start_mono_ns, 0);
}

Test(span, long_text_is_cut_between_characters)
{
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_end(&span, &w));
    span_string(&w, ATTR_URL_FULL, "ab\xe2\x82\xac", 5, 4);
    span_string(&w, ATTR_URL_FULL, "ab\xe2\x82\xac", 5, 5);
    span_string(&w, ATTR_URL_FULL, "\x80\x80\x80\x80\x80\x80", 6, 4);
    span_commit(&w);
    const struct record *r = only_record();
    cr_assert_eq(field(r, 0).len, 2);
    cr_assert_eq(field(r, 1).len, 5);
    cr_assert_leq(field(r, 2).len, 4);
}

Test(span, what_does_not_fit_is_counted_and_small_ones_still_do)
{
    static char big[8192];
    memset(big, 'x', sizeof big);
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_end(&span, &w));
    for (int i = 0; i < 4; i++)
        span_string(&w, ATTR_DB_QUERY_TEXT, big, sizeof big, RECORD_MAX_SQL * 2);
    for (int i = 0; i < 4; i++)
        span_int(&w, ATTR_SERVER_PORT, i);
    const char *many[200];
    for (int i = 0; i < 200; i++)
        many[i] = "0123456789";
    span_string_array(&w, ATTR_DNS_ANSWERS, many, 200);
    span_commit(&w);
    const struct record *r = only_record();
    cr_assert_leq(r->size, RECORD_MAX_BYTES);
    cr_assert_geq(r->dropped_attributes, 1);
    unsigned ints = 0, arrays = 0;
    struct field_view f;
    for (size_t pos = 0; record_next_field(r, &pos, &f);) {
        ints += f.type == FIELD_INT;
        arrays += f.type == FIELD_STRING_ARRAY;
    }
    cr_assert_eq(ints, 4);
    cr_assert_eq(arrays, 0, "all or nothing");
}

static __attribute__((noinline)) bool make_one(void)
{
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    if (!span_end(&span, &w))
        return false;
    span_commit(&w);
    return true;
}

Test(span, a_signal_handler_inside_a_record_in_the_making_is_refused)
{
    struct span span;
    struct span_writer w;
    span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
    cr_assert(span_end(&span, &w));
    span_name(&w, "outer", 5);
    cr_assert_not(make_one()); /* where a handler would run */
    cr_assert_eq(diag_dropped(DROP_REENTRANT), 1);
    span_commit(&w);
    cr_assert_arr_eq(field(only_record(), 0).data, "outer", 5);
    cr_assert(make_one());
}

Test(span, full_rings_drop_and_count)
{
    uint64_t made = 0, committed = 0;
    while (make_one())
        made++;
    cr_assert_gt(made, 1000 * (1 + RING_SPILL_COUNT));
    cr_assert_eq(diag_dropped(DROP_RING_FULL), 1);
    for (unsigned i = 0; i < RING_COUNT; i++)
        committed += ring_at(i) != NULL ? ring_at(i)->made : 0;
    cr_assert_eq(committed, made);
}

Test(span, ids_differ_between_spans_and_are_never_zero)
{
    uint64_t last = 0;
    for (int i = 0; i < 10000; i++) {
        struct span span;
        uint64_t id;
        span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
        memcpy(&id, span.context.span_id, 8);
        cr_assert_neq(id, 0);
        cr_assert_neq(id, last);
        last = id;
        span_abandon(&span);
    }
}

Test(span, xray_trace_ids_begin_with_the_time_and_are_random_behind)
{
    char *env[] = { (char[]){ "OTEL_SHIM_ID_GENERATOR=xray" }, NULL };
    struct span a, b;
    uint32_t seconds;
    struct timespec before, after;
    config_load(env);
    clock_gettime(CLOCK_REALTIME, &before);
    span_start_with_parent(&a, &instr, SPAN_CLIENT, NULL);
    clock_gettime(CLOCK_REALTIME, &after);
    span_start_with_parent(&b, &instr, SPAN_CLIENT, NULL);
    memcpy(&seconds, a.context.trace_id, sizeof seconds);
    seconds = ntohl(seconds);
    cr_assert(seconds >= before.tv_sec && seconds <= after.tv_sec);
    cr_assert_neq(memcmp(a.context.trace_id + 4, b.context.trace_id + 4, 12), 0);
    cr_assert_eq(a.context.flags, 3);
}

/* ---- rate_limited: one token for a trace ---- */

/* Two tokens, then none for a while. */
static void load_two(const char *sampler, const char *rules)
{
    char sampler_is[64], rules_are[128];
    snprintf(sampler_is, sizeof sampler_is, "OTEL_TRACES_SAMPLER=%s", sampler);
    snprintf(rules_are, sizeof rules_are, "OTEL_SHIM_SAMPLING_RULES=%s", rules);
    char *env[] = { sampler_is, rules_are, (char[]){ "OTEL_TRACES_SAMPLER_ARG=2" }, NULL };
    config_load(env);
}

static bool root_is_sampled(struct span *span)
{
    span_start_with_parent(span, &instr, SPAN_SERVER, NULL);
    return span_context_is_sampled(&span->context);
}

/* How many more traces are recorded; at most one token comes by itself meanwhile. */
static unsigned tokens_left(void)
{
    struct span span;
    unsigned n = 0;
    while (root_is_sampled(&span))
        n++;
    return n;
}

Test(span, rate_limited_takes_one_token_for_a_trace)
{
    static const char *const samplers[] = { "rate_limited", "parentbased_rate_limited" };
    for (int i = 0; i < 2; i++) {
        struct span root, child, grandchild;
        load_two(samplers[i], "");
        cr_assert(root_is_sampled(&root));
        for (int n = 0; n < 10; n++) {
            span_start_with_parent(&child, &instr, SPAN_CLIENT, &root.context);
            span_start_with_parent(&grandchild, &instr, SPAN_CLIENT, &child.context);
            cr_assert(span_context_is_sampled(&child.context));
            cr_assert(span_context_is_sampled(&grandchild.context));
        }
        cr_assert_eq(tokens_left(), 1, "%s", samplers[i]);
        cr_assert(!root_is_sampled(&root));
        span_start_with_parent(&child, &instr, SPAN_CLIENT, &root.context);
        cr_assert(!span_context_is_sampled(&child.context));
    }
}

Test(span, rate_limited_decides_anew_at_the_edge_of_a_process_unless_parent_based)
{
    struct span_context caller = {
        .trace_id = { 1 }, .span_id = { 1 }, .flags = 1, .remote = true
    };
    struct span span;
    load_two("rate_limited", "");
    for (int i = 0; i < 3; i++) {
        span_start_with_parent(&span, &instr, SPAN_SERVER, &caller);
        cr_assert_eq(span_context_is_sampled(&span.context), i < 2, "span %d", i);
    }
    load_two("parentbased_rate_limited", "");
    for (int i = 0; i < 3; i++) {
        span_start_with_parent(&span, &instr, SPAN_SERVER, &caller);
        cr_assert(span_context_is_sampled(&span.context));
    }
    cr_assert_eq(tokens_left(), 2);
}

Test(span, rate_limited_has_its_token_back_where_no_span_comes_of_it)
{
    struct span span;
    load_two("rate_limited", "");
    for (int i = 0; i < 10; i++) {
        cr_assert(root_is_sampled(&span), "start %d", i);
        span_abandon(&span);
        span_abandon(&span); /* once */
    }
    cr_assert_eq(tokens_left(), 2);
}

Test(span, rate_limited_keeps_its_tokens_for_what_no_rule_decides)
{
    struct span span;
    load_two("rate_limited", "kind=client drop; kind=internal keep");
    for (int i = 0; i < 10; i++) {
        span_start_with_parent(&span, &instr, SPAN_CLIENT, NULL);
        cr_assert(!span_context_is_sampled(&span.context));
        span_start_with_parent(&span, &instr, SPAN_INTERNAL, NULL);
        cr_assert(span_context_is_sampled(&span.context));
        span_abandon(&span);
    }
    cr_assert_eq(tokens_left(), 2);
}

/* B3 and X-Ray may say nothing of it; the context is read more than once for one request. */
Test(span, rate_limited_decides_once_for_a_caller_that_does_not)
{
    struct span_context caller = { .trace_id = { 1 }, .span_id = { 1 }, .remote = true };
    struct span span, child;
    load_two("parentbased_rate_limited", "");
    for (int i = 0; i < 3; i++)
        caller.flags = propagator_deferred_flags(caller.trace_id);
    for (int i = 0; i < 3; i++) {
        span_start_with_parent(&span, &instr, SPAN_SERVER, &caller);
        cr_assert_eq(span_context_is_sampled(&span.context), i < 2, "span %d", i);
        cr_assert_eq(span.context.flags & SPAN_FLAG_DEFERRED, 0);
        span_start_with_parent(&child, &instr, SPAN_CLIENT, &span.context);
        cr_assert_eq(span_context_is_sampled(&child.context), i < 2, "child %d", i);
    }
}
