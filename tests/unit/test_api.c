/* The public API: what is attached is the parent, until it is detached, whatever lies around it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define OTELSHIM_API extern /* a weak one would not be linked in */
#define OTELSHIM_IMPLEMENTATION
#include "attach.h"
#include "config.h"
#include "context/process_context.h"
#include "no_hooks.h"
#include "otelshim.h"
#include "worker.h"

#define CAME_IN "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define OTHER "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

static struct instrumentation instr = { .name = "unit", .bit = 4, .suppress_mask = 4 };

static void begin(const char *parent)
{
    static char variable[128];
    snprintf(variable, sizeof variable, "TRACEPARENT=%s", parent);
    char *env[] = { (char[]){ "OTEL_SHIM_PROCESS_SPAN=never" }, variable, NULL };
    config_load(env);
    become_program();
    context_init();
    instr_api.bit = instr_api.suppress_mask = 1;
    call_enabled_mask = 5;
}

TestSuite(api, .timeout = 30);

static const char *current(void)
{
    static char text[OTELSHIM_TRACEPARENT_SIZE];
    cr_assert_eq(otelshim_current_traceparent_v1(text), text[0] != 0);
    return text;
}

static struct otelshim_context captured(void)
{
    struct otelshim_context c;
    cr_assert(otelshim_context_capture_v1(&c));
    return c;
}

/* As if the context of `parent` had been captured elsewhere. */
static struct otelshim_context context_of(const char *parent)
{
    begin(parent);
    return captured();
}

Test(api, without_a_context_there_is_nothing)
{
    struct otelshim_context c, before, none = { 0 };
    begin("");
    cr_expect_str_eq(current(), "");
    cr_expect(!otelshim_context_capture_v1(&c));
    cr_expect_arr_eq(&c, &none, sizeof c);
    cr_expect(!otelshim_context_attach_v1(&c, &before));
    otelshim_context_detach_v1(&before);
    cr_expect_null(thread_state.current);
}

Test(api, switched_off_it_says_nothing)
{
    struct otelshim_context c = context_of(CAME_IN), before;
    call_enabled_mask = 0;
    cr_expect_str_eq(current(), "");
    cr_expect(!otelshim_context_attach_v1(&c, &before));
    cr_expect(!otelshim_context_capture_v1(&c));
}

Test(api, what_came_in_is_current)
{
    begin(CAME_IN);
    errno = 77;
    cr_expect_str_eq(current(), CAME_IN);
    cr_expect_eq(errno, 77);
}

Test(api, what_is_attached_is_the_parent_until_it_is_detached)
{
    struct otelshim_context other = context_of(OTHER), before;
    begin(CAME_IN);
    cr_assert(otelshim_context_attach_v1(&other, &before));
    cr_expect_str_eq(current(), OTHER);
    struct span span;
    span_start(&span, &instr, SPAN_CLIENT, NULL);
    cr_expect_eq(span.head.flags & (RECORD_SAMPLED | RECORD_HAS_PARENT), RECORD_HAS_PARENT);
    cr_expect_arr_eq(span.parent_span_id, "\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8);
    otelshim_context_detach_v1(&before);
    cr_expect_str_eq(current(), CAME_IN);
    cr_expect_null(thread_state.current);
}

Test(api, attached_contexts_nest)
{
    struct otelshim_context one = context_of(CAME_IN), two = context_of(OTHER), before[3];
    begin("");
    otelshim_context_attach_v1(&one, &before[0]);
    otelshim_context_attach_v1(&two, &before[1]);
    otelshim_context_attach_v1(&one, &before[2]);
    cr_expect_str_eq(current(), CAME_IN);
    otelshim_context_detach_v1(&before[2]);
    cr_expect_str_eq(current(), OTHER);
    otelshim_context_detach_v1(&before[1]);
    cr_expect_str_eq(current(), CAME_IN);
    otelshim_context_detach_v1(&before[0]);
    cr_expect_str_eq(current(), "");
    otelshim_context_detach_v1(&before[0]); /* once more: nothing */
    cr_expect_null(thread_state.current);
}

Test(api, a_calls_span_comes_back_and_goes_with_its_call)
{
    struct otelshim_context other = context_of(OTHER), before;
    struct call call;
    struct span span;
    begin(CAME_IN);
    cr_assert(call_enter(&call, &instr));
    span_start(&span, &instr, SPAN_CLIENT, &call);
    call_make_current(&call, &span);
    cr_assert(otelshim_context_attach_v1(&other, &before));
    cr_expect_str_eq(current(), OTHER);
    otelshim_context_detach_v1(&before);
    cr_expect_eq(thread_state.current, &span);
    /* Attached in a callback, detached behind the call. */
    cr_assert(otelshim_context_attach_v1(&other, &before));
    call_leave(&call);
    otelshim_context_detach_v1(&before);
    cr_expect_null(thread_state.current);
}

Test(api, a_call_inside_is_a_child_and_leaves_it_attached)
{
    struct otelshim_context other = context_of(OTHER), before;
    struct call call;
    begin(CAME_IN);
    otelshim_context_attach_v1(&other, &before);
    cr_assert(call_enter(&call, &instr));
    struct span span;
    span_start(&span, &instr, SPAN_CLIENT, &call);
    call_make_current(&call, &span);
    call_leave(&call);
    cr_expect_str_eq(current(), OTHER);
    otelshim_context_detach_v1(&before);
    cr_expect_str_eq(current(), CAME_IN);
}

Test(api, what_is_no_token_attaches_and_detaches_nothing)
{
    struct otelshim_context bad, before, other = context_of(OTHER);
    begin(CAME_IN);
    memset(&bad, 0xff, sizeof bad);
    cr_expect(!otelshim_context_attach_v1(&bad, &before));
    otelshim_context_detach_v1(&bad);
    otelshim_context_attach_v1(&other, &before);
    otelshim_context_detach_v1(&bad);
    otelshim_context_detach_v1(&other); /* a context, but not of attach */
    cr_expect_str_eq(current(), OTHER);
}

Test(api, a_thread_made_inside_gives_its_slot_back)
{
    struct otelshim_context other = context_of(OTHER), before;
    struct span_context c;
    begin(CAME_IN);
    for (unsigned i = 0; i < 1000; i++) { /* more than there are slots */
        otelshim_context_attach_v1(&other, &before);
        uint32_t handle = context_publish(thread_state.current);
        cr_assert_neq(handle, 0);
        otelshim_context_detach_v1(&before);
        cr_assert(!context_published(handle, &c));
    }
}
