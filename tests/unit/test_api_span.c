/* The public API's spans, and what a program says of these and of calls. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>

#include "otelshim.h" /* weak references: instr_manual below links them in */

#include "api_case.h"
#include "attach.h"
#include "config.h"
#include "context/process_context.h"
#include "diag.h"
#include "no_hooks.h"
#include "ring.h"
#include "sdk/sampler.h"
#include "span_view.h"
#include "worker.h"

static struct instrumentation unit = { .name = "unit", .index = 3, .bit = 8, .suppress_mask = 8 };
static struct span_view view;

static void setup(void)
{
    char *env[] = { (char[]){ "OTEL_TRACES_SAMPLER=always_on" },
                    (char[]){ "OTEL_SHIM_PROCESS_SPAN=never" }, NULL };
    config_load(env);
    become_program();
    context_init();
    worker_end_of_process(); /* it must not take the records away */
    instr_api.bit = instr_api.suppress_mask = 1;
    instr_manual.bit = instr_manual.suppress_mask = 2;
    instr_manual.index = 5;
    call_enabled_mask = 15;
}

static void sample(bool all)
{
    struct config *c = (struct config *)(uintptr_t)config;
    c->sampler_parent_based = true;
    c->sampler = all ? SAMPLER_ALWAYS_ON : SAMPLER_ALWAYS_OFF;
    sampler_prepare(c);
}

/* A call with a span, as a hook has it. In the caller's frame: the guard remembers it. */
static inline __attribute__((always_inline)) void begin(struct call *call, struct span *span)
{
    cr_assert(call_enter(call, &unit));
    span_start(span, &unit, SPAN_CLIENT, call);
    call_make_current(call, span);
}

TestSuite(api_span, .init = setup, .timeout = 60);

static bool is_text(struct text text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

/* The next span of this thread, consumed; its memory stays for now. */
static const struct record *next_span(void)
{
    const struct record *r = thread_state.ring != NULL ? ring_peek(thread_state.ring) : NULL;
    if (r != NULL)
        ring_consume(thread_state.ring, r);
    return r;
}

/* The next span, taken apart as exporters do. */
static bool told(const char *name)
{
    const struct record *r = next_span();
    return r != NULL && span_view_of(r, 0, &view) && (name == NULL || is_text(view.name, name));
}

static struct field_view value_of(const char *key)
{
    struct field_view value, none = { .type = 0 };
    for (unsigned i = 0; i < view.nr_attributes; i++)
        if (is_text(attribute_key(&view.attributes[i], &value).begin, key))
            return value;
    return none;
}

static bool has(const char *key, const char *text)
{
    struct field_view value = value_of(key);
    return value.type == FIELD_STRING && is_text((struct text){ value.data, value.len }, text);
}

static int64_t number(const char *key)
{
    struct field_view value = value_of(key);
    int64_t n = -1;
    if (value.type == FIELD_INT)
        memcpy(&n, value.data, sizeof n);
    return n;
}

static struct otelshim_span started(const char *name)
{
    struct otelshim_span span;
    cr_assert(otelshim_span_start(&span, name, OTELSHIM_INTERNAL));
    return span;
}

static const char *current(void)
{
    static char text[OTELSHIM_TRACEPARENT_SIZE];
    otelshim_current_traceparent(text);
    return text;
}

/* ---- spans ---- */

Test(api_span, has_a_name_a_kind_a_scope_and_what_was_said)
{
    struct otelshim_span span;
    cr_assert(otelshim_span_start(&span, "send", OTELSHIM_PRODUCER));
    errno = 77;
    cr_expect(otelshim_span_set(&span, otelshim_string("text", "value")));
    cr_expect(otelshim_span_set(&span, otelshim_int("number", -7)));
    cr_expect(otelshim_span_set(&span, otelshim_bool("truth", 9)));
    cr_expect(otelshim_span_set(&span, otelshim_double("share", 0.5)));
    cr_expect(otelshim_span_status(&span, OTELSHIM_ERROR, "it broke"));
    cr_expect(otelshim_span_end(&span));
    cr_expect_eq(errno, 77);
    cr_assert(told("send"));
    cr_expect_eq(span_view_kind(&view), SPAN_PRODUCER);
    cr_expect_eq(view.record->scope, 5);
    cr_expect_eq(span_view_status(&view), STATUS_ERROR);
    cr_expect(is_text(view.status_message, "it broke"));
    cr_expect_eq(view.nr_attributes, 4);
    cr_expect(has("text", "value"));
    cr_expect_eq(number("number"), -7);
    cr_expect_eq(value_of("truth").type, FIELD_BOOL);
    cr_expect_eq(value_of("truth").data[0], 1);
    double share;
    memcpy(&share, value_of("share").data, sizeof share);
    cr_expect_eq(share, 0.5);
    cr_expect_null(next_span());
}

Test(api_span, nests_and_is_the_parent_of_calls)
{
    struct otelshim_span outer = started("outer"), inner = started("inner");
    struct span call;
    uint8_t outer_id[8], inner_id[8];
    span_start(&call, &unit, SPAN_CLIENT, NULL);
    otelshim_span_end(&inner);
    cr_assert(told("inner"));
    memcpy(outer_id, view.record->parent_span_id, 8);
    memcpy(inner_id, view.record->span_id, 8);
    cr_expect_arr_eq(call.parent_span_id, inner_id, 8);
    span_start(&call, &unit, SPAN_CLIENT, NULL);
    otelshim_span_end(&outer);
    cr_assert(told("outer"));
    cr_expect_arr_eq(view.record->span_id, outer_id, 8);
    cr_expect_arr_eq(call.parent_span_id, outer_id, 8);
    cr_expect_not(view.record->flags & RECORD_HAS_PARENT);
    cr_expect_null(thread_state.current);
}

Test(api_span, one_inside_a_callback_of_one_outside_gives_it_back)
{
    struct otelshim_span outer = started("outer");
    char before[OTELSHIM_TRACEPARENT_SIZE];
    struct call call;
    struct span span;
    strcpy(before, current());
    begin(&call, &span);
    struct otelshim_span inner = started("inner");
    cr_expect_neq(thread_state.current, &span);
    otelshim_span_end(&inner);
    cr_expect_eq(thread_state.current, &span);
    call_leave(&call);
    cr_expect_str_eq(current(), before);
    otelshim_span_end(&outer);
    cr_expect_str_eq(current(), "");
    cr_assert(told("inner"));
    cr_expect_arr_eq(view.record->parent_span_id, span.context.span_id, 8);
}

Test(api_span, one_that_a_callback_leaves_open_does_not_bring_its_call_back)
{
    struct otelshim_context before;
    struct otelshim_span outer = started("outer"), inner;
    struct otelshim_context context;
    struct call call;
    struct span span;
    otelshim_span_context(&outer, &context);
    begin(&call, &span);
    inner = started("inner");
    call_leave(&call);
    otelshim_span_end(&inner);
    cr_expect_neq(thread_state.current, &span, "its frame is gone");
    cr_expect(otelshim_context_attach(&context, &before));
    otelshim_context_detach(&before);
    cr_expect_neq(thread_state.current, &span);
    otelshim_span_end(&outer);
    cr_expect_str_eq(current(), "");
}

Test(api_span, comes_back_when_a_call_below_it_is_left_without_a_return)
{
    struct otelshim_span outer = started("outer");
    char before[OTELSHIM_TRACEPARENT_SIZE];
    struct call call;
    struct span span;
    strcpy(before, current());
    begin(&call, &span);
    call_unwound_to((uintptr_t)__builtin_frame_address(0) + 64); /* as longjmp tells it */
    cr_expect_str_eq(current(), before);
    otelshim_span_end(&outer);
    cr_expect_str_eq(current(), "");
}

Test(api_span, ended_twice_foreign_or_none_it_does_nothing)
{
    struct otelshim_span span = started("once"), none = { { 0 } }, bad, other;
    struct otelshim_context context;
    cr_expect(otelshim_span_end(&span));
    cr_expect_not(otelshim_span_end(&span));
    other = started("other"); /* the same block */
    cr_expect_eq((uint32_t)other.opaque[0], (uint32_t)span.opaque[0]);
    cr_expect_not(otelshim_span_set(&span, otelshim_int("a", 1)));
    cr_expect_not(otelshim_span_end(&span));
    cr_expect_not(otelshim_span_context(&span, &context));
    for (unsigned i = 0; i < 2000; i++) {
        memset(&bad, (int)i, sizeof bad);
        if (i >= 256) { /* a right magic, made-up numbers */
            bad = other;
            bad.opaque[0] = i * 0x9e3779b97f4a7c15u;
        }
        cr_expect_not(otelshim_span_set(&bad, otelshim_int("a", 1)));
        cr_expect_not(otelshim_span_end(&bad));
        cr_expect_not(otelshim_span_end(&none));
    }
    cr_expect_not(otelshim_span_set(NULL, otelshim_int("a", 1)));
    otelshim_span_end(&other);
    cr_assert(told("once"));
    cr_assert(told("other"));
    cr_expect_eq(view.nr_attributes, 0);
    cr_expect_null(next_span());
}

Test(api_span, ended_too_early_the_inner_ones_lead_past_it)
{
    struct otelshim_span a = started("a"), b = started("b"), c = started("c"), d = started("d");
    char of_a[OTELSHIM_TRACEPARENT_SIZE];
    otelshim_span_end(&b);
    otelshim_span_end(&c);
    otelshim_span_end(&d);
    strcpy(of_a, current());
    struct otelshim_span child = started("child");
    otelshim_span_end(&child);
    otelshim_span_end(&a);
    cr_expect_str_eq(current(), "");
    for (unsigned i = 0; i < 3; i++)
        cr_assert(told(NULL));
    cr_assert(told("child"));
    uint8_t parent[8];
    memcpy(parent, view.record->parent_span_id, 8);
    cr_assert(told("a"));
    cr_expect_arr_eq(parent, view.record->span_id, 8);
}

Test(api_span, detached_it_is_nobodys_current_one_until_attached)
{
    struct otelshim_span span;
    struct otelshim_context context, before, none = { { 0 } };
    cr_assert(otelshim_span_start_detached(&span, "job", OTELSHIM_CONSUMER, NULL));
    cr_expect_str_eq(current(), "");
    cr_assert(otelshim_span_context(&span, &context));
    cr_assert(otelshim_context_attach(&context, &before));
    struct otelshim_span inner = started("inner");
    cr_expect(otelshim_span_end(&inner));
    cr_expect(otelshim_set(otelshim_string("said", "of the job")));
    cr_expect(otelshim_span_end(&span));
    cr_expect_not(otelshim_set(otelshim_string("said", "too late")));
    cr_expect_str_neq(current(), "", "attached until it is detached");
    otelshim_context_detach(&before);
    cr_expect_str_eq(current(), "");
    cr_assert(told("inner"));
    uint8_t parent[8];
    memcpy(parent, view.record->parent_span_id, 8);
    cr_assert(told("job"));
    cr_expect_arr_eq(parent, view.record->span_id, 8);
    cr_expect(has("said", "of the job"));

    struct otelshim_span outer = started("outer");
    cr_assert(otelshim_span_start_detached(&span, "root", OTELSHIM_INTERNAL, &none));
    otelshim_span_end(&span);
    cr_assert(told("root"));
    cr_expect_not(view.record->flags & RECORD_HAS_PARENT);
    otelshim_span_end(&outer);
}

Test(api_span, a_traceparent_is_a_parent_or_a_link)
{
    struct otelshim_span span;
    struct otelshim_context context, zero = { { 0 } };
    cr_expect_not(otelshim_context_from_traceparent("00-zz", &context));
    cr_expect_arr_eq(&context, &zero, sizeof zero);
    cr_expect_not(otelshim_context_from_traceparent(NULL, &context));
    cr_assert(otelshim_context_from_traceparent(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &context));
    cr_assert(otelshim_span_start_detached(&span, "work", OTELSHIM_CONSUMER, &context));
    cr_expect(otelshim_span_link(&span, &context));
    cr_expect_not(otelshim_span_link(&span, &zero));
    otelshim_span_end(&span);
    cr_assert(told("work"));
    cr_expect_eq(view.record->flags & (RECORD_HAS_PARENT | RECORD_PARENT_REMOTE),
                 RECORD_HAS_PARENT | RECORD_PARENT_REMOTE);
    cr_expect_arr_eq(view.record->parent_span_id, "\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8);
    cr_expect_eq(view.nr_links, 1);
    cr_expect_arr_eq(view.links[0].span_id, "\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8);
    cr_expect_eq(view.links[0].remote, 1);
}

Test(api_span, unsampled_it_says_nothing_and_nor_do_its_children)
{
    sample(false);
    struct otelshim_span span = started("unsampled");
    cr_expect_not(otelshim_span_is_recorded(&span));
    cr_expect_not(otelshim_is_recorded());
    cr_expect_not(otelshim_span_set(&span, otelshim_int("a", 1)));
    cr_expect_not(otelshim_event("e", NULL, 0));
    cr_expect_str_eq(current() + 53, "02", "random, not sampled");
    sample(true);
    struct otelshim_span child = started("its child");
    otelshim_span_end(&child);
    cr_expect(otelshim_span_end(&span));
    cr_expect_null(next_span());
}

Test(api_span, switched_off_there_is_no_span_but_the_context_stays)
{
    struct otelshim_span span;
    struct otelshim_context context, before;
    otelshim_context_from_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                      &context);
    call_enabled_mask = instr_api.bit;
    cr_expect_not(otelshim_span_start(&span, "off", OTELSHIM_INTERNAL));
    cr_expect_eq(span.opaque[0] | span.opaque[1], 0);
    cr_expect_not(otelshim_span_end(&span));
    cr_expect(otelshim_context_attach(&context, &before));
    cr_expect_not(otelshim_set(otelshim_int("a", 1)));
    cr_expect_str_neq(current(), "");
    otelshim_context_detach(&before);
    call_enabled_mask = 0;
    cr_expect_not(otelshim_context_attach(&context, &before));
}

Test(api_span, arguments_that_make_no_sense_are_refused)
{
    struct otelshim_span span;
    char long_key[NOTES_MAX_KEY + 2];
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = 0;
    cr_expect_not(otelshim_span_start(&span, "", OTELSHIM_INTERNAL));
    cr_expect_not(otelshim_span_start(&span, NULL, OTELSHIM_INTERNAL));
    cr_expect_not(otelshim_span_start(&span, "kind", (enum otelshim_kind)0));
    cr_expect_not(otelshim_span_start(&span, "kind", (enum otelshim_kind)6));
    span = started("sound");
    struct otelshim_attribute odd = { .key = "odd", .type = 9 };
    cr_expect_not(otelshim_span_set(&span, odd));
    cr_expect_not(otelshim_span_set(&span, otelshim_string(NULL, "v")));
    cr_expect_not(otelshim_span_set(&span, otelshim_string("", "v")));
    cr_expect_not(otelshim_span_set(&span, otelshim_string("k", NULL)));
    cr_expect_not(otelshim_span_set(&span, otelshim_string(long_key, "v")));
    cr_expect(otelshim_span_set(&span, otelshim_string(long_key + 1, "")));
    cr_expect_not(otelshim_span_set_all(&span, NULL, 1));
    cr_expect_not(otelshim_span_event(&span, NULL, NULL, 0));
    cr_expect_not(otelshim_span_event(&span, "e", NULL, 1));
    cr_expect_not(otelshim_span_event(&span, long_key, NULL, 0));
    cr_expect_not(otelshim_span_name(&span, NULL));
    cr_expect_not(otelshim_span_status(&span, (enum otelshim_status)0, "unset"));
    cr_expect_not(otelshim_span_link(&span, NULL));
    otelshim_span_end(&span);
    cr_assert(told("sound"));
    cr_expect_eq(view.nr_attributes, 1);
    cr_expect_eq(view.dropped_attributes, 5);
    cr_expect_eq(view.nr_events, 0);
}

/* ---- what is said ---- */

Test(api_span, of_one_key_the_last_value_holds)
{
    struct otelshim_span span = started("set again");
    otelshim_span_set(&span, otelshim_string("a", "first"));
    otelshim_span_set(&span, otelshim_int("b", 1));
    for (int i = 0; i < 10000; i++) { /* bounded: it would not fit otherwise */
        cr_assert(otelshim_span_set(&span, otelshim_int("b", i)));
        cr_assert(otelshim_span_set(&span, otelshim_string("a", i % 2 ? "longer" : "short")));
        cr_assert(otelshim_span_name(&span, i % 2 ? "renamed" : "again"));
    }
    otelshim_span_set(&span, otelshim_int("a", 5));
    otelshim_span_end(&span);
    cr_assert(told("renamed"));
    cr_expect_eq(view.nr_attributes, 2);
    cr_expect_eq(number("a"), 5);
    cr_expect_eq(number("b"), 9999);
    cr_expect_eq(view.dropped_attributes, 0);
}

Test(api_span, ok_is_final_and_an_error_is_not)
{
    struct otelshim_span span = started("status");
    cr_expect(otelshim_span_status(&span, OTELSHIM_ERROR, "one"));
    cr_expect(otelshim_span_status(&span, OTELSHIM_ERROR, "two"));
    cr_expect(otelshim_span_status(&span, OTELSHIM_OK, "not for ok"));
    cr_expect_not(otelshim_span_status(&span, OTELSHIM_ERROR, "three"));
    otelshim_span_end(&span);
    cr_assert(told("status"));
    cr_expect_eq(span_view_status(&view), STATUS_OK);
    cr_expect_eq(view.status_message.len, 0);
}

Test(api_span, events_have_attributes_of_their_own)
{
    struct otelshim_span span = started("events");
    const struct otelshim_attribute attributes[] = {
        otelshim_string("a", "one"),
        otelshim_int("b", 2),
        otelshim_string("a", "two"),
        otelshim_string("", "no key"),
    };
    cr_expect(otelshim_span_event(&span, "plain", NULL, 0));
    cr_expect_not(otelshim_span_event(&span, "full", attributes, 4), "one was left out");
    otelshim_span_end(&span);
    cr_assert(told("events"));
    cr_assert_eq(view.nr_events, 2);
    cr_expect(is_text(view.events[0].name, "plain"));
    cr_expect_eq(view.events[0].attributes.len, 0);
    cr_expect(is_text(view.events[1].name, "full"));
    cr_expect_geq(view.events[1].unix_ns, view.events[0].unix_ns);
    cr_expect_eq(view.events[1].dropped_attributes, 1);
    size_t pos = 0;
    struct field_view field, value;
    cr_assert(event_attribute_next(&view.events[1], &pos, &field));
    cr_expect(is_text(attribute_key(&field, &value).begin, "b"));
    cr_assert(event_attribute_next(&view.events[1], &pos, &field));
    cr_expect(is_text(attribute_key(&field, &value).begin, "a"));
    cr_expect(is_text((struct text){ value.data, value.len }, "two"));
    cr_expect_not(event_attribute_next(&view.events[1], &pos, &field));
}

Test(api_span, what_is_beyond_the_bounds_is_counted_on_the_span)
{
    struct otelshim_span span = started("full");
    struct otelshim_context context;
    char key[16], text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    memcpy(text + RECORD_MAX_VALUE - 1, "\xC3\xA4", 2); /* across the bound */
    otelshim_context_from_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                      &context);
    cr_expect(otelshim_span_set(&span, otelshim_string("long", text)));
    unsigned attributes = 1, events = 0, links = 0;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "key.%u", i);
        attributes += (unsigned)otelshim_span_set(&span, otelshim_int(key, i));
        events += (unsigned)otelshim_span_event(&span, "event", NULL, 0);
        links += (unsigned)otelshim_span_link(&span, &context);
    }
    cr_expect_eq(attributes, NOTES_MAX_ATTRIBUTES);
    cr_expect_eq(events, NOTES_MAX_EVENTS);
    cr_expect_eq(links, NOTES_MAX_LINKS);
    otelshim_span_end(&span);
    cr_assert(told("full"));
    cr_expect_eq(value_of("long").len, RECORD_MAX_VALUE - 1);
    cr_expect_eq(view.nr_attributes, NOTES_MAX_ATTRIBUTES);
    cr_expect_eq(view.dropped_attributes, 201 - NOTES_MAX_ATTRIBUTES);
    cr_expect_eq(view.dropped_events, 200 - NOTES_MAX_EVENTS);
    cr_expect_eq(view.dropped_links, 200 - NOTES_MAX_LINKS);
}

Test(api_span, more_than_a_record_holds_is_counted_on_the_span)
{
    struct otelshim_span span = started("large");
    char key[16], text[1001];
    unsigned taken = 0;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (unsigned i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "key.%u", i);
        taken += (unsigned)otelshim_span_set(&span, otelshim_string(key, text));
    }
    otelshim_span_end(&span);
    cr_assert(told("large"));
    cr_expect_eq(taken, 15);
    cr_expect_eq(view.nr_attributes, taken);
    cr_expect_eq(view.dropped_attributes, 40 - taken);
    /* Its memory is there again, many times. */
    for (unsigned round = 0; round < 2 * NOTES_LARGE_MAX; round++) {
        span = started("again");
        for (unsigned i = 0; i < 15; i++) {
            snprintf(key, sizeof key, "key.%u", i);
            cr_assert(otelshim_span_set(&span, otelshim_string(key, text)), "%u %u", round, i);
        }
        otelshim_span_end(&span);
        cr_assert(told("again"));
    }
}

Test(api_span, more_spans_than_there_are_blocks_are_counted)
{
    static struct otelshim_span spans[NOTES_MAX + 10];
    unsigned made = 0;
    for (unsigned i = 0; i < NOTES_MAX + 10; i++)
        made += (unsigned)otelshim_span_start_detached(&spans[i], "s", OTELSHIM_INTERNAL, NULL);
    cr_expect_eq(made, NOTES_MAX);
    cr_expect_eq(diag_dropped(DROP_TABLE_FULL), 10);
    for (unsigned i = 0; i < made; i++) {
        cr_assert(otelshim_span_end(&spans[i]));
        cr_assert(told("s"));
    }
    cr_expect(otelshim_span_start_detached(&spans[0], "s", OTELSHIM_INTERNAL, NULL));
}

/* ---- calls ---- */

Test(api_span, a_calls_own_attributes_give_way_to_the_programs)
{
    struct call call;
    struct span span;
    struct span_writer w;
    begin(&call, &span);
    cr_expect(otelshim_is_recorded());
    cr_expect(otelshim_set(otelshim_string("url.full", "mine")));
    cr_expect(otelshim_set(otelshim_string("more", "said")));
    cr_expect(otelshim_name("named"));
    cr_assert(span_end(&span, &w));
    span_name(&w, "GET", 3);
    span_string(&w, ATTR_URL_FULL, "theirs", 6, RECORD_MAX_URL);
    span_commit(&w);
    cr_expect_not(otelshim_set(otelshim_string("more", "too late")));
    call_leave(&call);
    cr_assert(told("named"));
    cr_expect_eq(view.nr_attributes, 2);
    cr_expect(has("url.full", "mine"));
    cr_expect(has("more", "said"));
}

Test(api_span, blocks_of_calls_come_back_however_they_end)
{
    for (unsigned i = 0; i < 3 * NOTES_MAX; i++) {
        struct call call;
        struct span span;
        struct span_writer w;
        begin(&call, &span);
        cr_assert(otelshim_set(otelshim_int("i", i)), "%u", i);
        if (i % 3 == 0)
            span_abandon(&span);
        else if (span_end(&span, &w))
            span_commit(&w); /* later ones find no room in the ring */
        call_leave(&call);
    }
}

Test(api_span, of_another_threads_call_nothing_is_taken)
{
    struct call call;
    struct span span;
    begin(&call, &span);
    hand_over();
    cr_expect_eq(taken_elsewhere[1], 0);
    cr_expect_eq(diag_details(DETAIL_OTHERS), 1);
    cr_expect_eq(span.notes, 0);
    call_leave(&call);
}

/* ---- several threads ---- */

static atomic_bool over;

static void *say_much(void *span)
{
    struct otelshim_span of = *(struct otelshim_span *)span;
    for (unsigned i = 0; !atomic_load(&over); i++)
        otelshim_span_set(&of, otelshim_int("count", i));
    return NULL;
}

Test(api_span, ends_once_while_others_speak_of_it)
{
    for (unsigned round = 0; round < 200; round++) {
        struct otelshim_span span;
        pthread_t threads[2];
        atomic_store(&over, false);
        cr_assert(otelshim_span_start_detached(&span, "shared", OTELSHIM_INTERNAL, NULL));
        for (unsigned i = 0; i < 2; i++)
            pthread_create(&threads[i], NULL, say_much, &span);
        while (!otelshim_span_set(&span, otelshim_string("mine", "said")))
            continue;
        cr_expect(otelshim_span_end(&span));
        cr_expect_not(otelshim_span_end(&span));
        atomic_store(&over, true);
        for (unsigned i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        cr_assert(otelshim_span_start_detached(&span, "next", OTELSHIM_INTERNAL, NULL));
        otelshim_span_end(&span);
    }
    unsigned shared = 0, next = 0;
    while (told(NULL)) {
        shared += is_text(view.name, "shared");
        next += is_text(view.name, "next") && view.nr_attributes == 0;
    }
    cr_expect_eq(next, 200);
    cr_expect_leq(shared, 200); /* one that a speaker had to end lies in that thread's ring */
    cr_expect_gt(shared, 100);
}

Test(api_span, held_by_a_thread_that_was_interrupted_it_is_ended_by_that_one)
{
    struct otelshim_span span = started("interrupted");
    struct notes *n = span_hold(span.opaque[0]);
    cr_assert_not_null(n);
    /* A signal handler comes here. */
    cr_expect_not(otelshim_span_set(&span, otelshim_int("a", 1)));
    cr_expect_eq(diag_details(DETAIL_CONTENDED), 1);
    cr_expect(otelshim_span_end(&span));
    cr_expect_not(otelshim_span_end(&span));
    cr_expect_null(next_span());
    cr_expect_str_eq(current(), "");
    notes_release(n);
    cr_assert(told("interrupted"));
    cr_expect_null(span_hold(span.opaque[0]));
}

Test(api_span, inside_of_another_of_these_functions_it_does_nothing)
{
    struct otelshim_span span = started("outside"), inner;
    struct call call;
    cr_assert(call_enter(&call, &instr_manual));
    cr_expect_not(otelshim_span_set(&span, otelshim_int("a", 1)));
    cr_expect_not(otelshim_span_start(&inner, "inside", OTELSHIM_INTERNAL));
    cr_expect_not(otelshim_span_end(&span));
    call_leave(&call);
    cr_expect(otelshim_span_end(&span));
}

/* ---- processes ---- */

Test(api_span, a_forked_child_has_none_of_its_parents_spans)
{
    struct otelshim_span span = started("parent's");
    otelshim_span_set(&span, otelshim_int("a", 1));
    pid_t pid = fork();
    if (pid == 0) {
        process_adopt();
        notes_fork_child(); /* the registry's part */
        int wrong = otelshim_span_set(&span, otelshim_int("a", 2)) || otelshim_span_end(&span) ||
                    current()[0] != 0;
        struct otelshim_span own;
        wrong |= !otelshim_span_start(&own, "child's", OTELSHIM_INTERNAL) ||
                 own.opaque[0] == span.opaque[0];
        wrong |= otelshim_span_end(&span) || !otelshim_span_end(&own) || current()[0] != 0;
        _exit(wrong);
    }
    int status = -1;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(status, 0);
    cr_expect(otelshim_span_end(&span));
    cr_assert(told("parent's"));
    cr_expect_eq(number("a"), 1);
}

Test(api_span, open_at_the_end_of_the_process_it_is_told_then)
{
    struct otelshim_span span = started("open");
    otelshim_span_set(&span, otelshim_int("a", 1));
    notes_end_all();
    cr_assert(told("open"));
    cr_expect_eq(number("a"), 1);
    cr_expect_not(otelshim_span_end(&span));
    notes_end_all();
    cr_expect_null(next_span());
}
