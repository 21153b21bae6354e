/* The environment of a child (shim/context/env.c). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "context/env.h"
#include "context/propagator.h"

#define CAME_IN "00-11111111111111111111111111111111-2222222222222222-01"
#define PASSED_ON "00-33333333333333333333333333333333-4444444444444444-01"
#define OF_THE_PROGRAM "00-55555555555555555555555555555555-6666666666666666-01"
#define OURS "/opt/otelshim/libotelshim.so"

static struct config settings(void)
{
    struct config c = {
        .propagator_order = { PROPAGATE_TRACECONTEXT, PROPAGATE_BAGGAGE },
        .follow_children = true,
        .came_in = { [CONTEXT_TRACEPARENT] = CAME_IN, [CONTEXT_BAGGAGE] = "came=in" },
        .follow_vars = { "OTEL_SERVICE_NAME=shop", "OTEL_TRACES_SAMPLER=always_on" },
        .nr_follow_vars = 2,
    };
    return c;
}

static struct span_context context(void)
{
    struct span_context c = { .flags = 1 };
    memset(c.trace_id, 0x33, sizeof c.trace_id);
    memset(c.span_id, 0x44, sizeof c.span_id);
    return c;
}

static _Alignas(8) char memory[48 * 1024];

static char **build(char *const envp[], const struct config *c, const struct span_context *context)
{
    struct env_inputs in = { context, c, OURS, false };
    propagation_init(c);
    memset(memory, 0x5a, sizeof memory);
    return env_for_child(envp, &in, memory, sizeof memory);
}

/* Its entries joined by '|', in the order in which they stand. */
static const char *text(char **env)
{
    static char joined[4096];
    cr_assert_not_null(env);
    joined[0] = 0;
    for (; *env != NULL; env++) {
        strcat(joined, *env);
        strcat(joined, env[1] != NULL ? "|" : "");
    }
    return joined;
}

#define ENV(...) ((char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

Test(child_env, passes_the_context_on_beside_what_is_there)
{
    struct config c = settings();
    struct span_context s = context();
    char **env = build(ENV("A=1", "LD_PRELOAD=" OURS, "B=2"), &c, &s);
    cr_assert_str_eq(text(env), "A=1|LD_PRELOAD=" OURS "|B=2|TRACEPARENT=" PASSED_ON);
}

Test(child_env, replaces_what_the_program_was_started_with)
{
    struct config c = settings();
    struct span_context s = context();
    s.tracestate = "vendor=new";
    s.baggage = "new=1";
    char **env = build(
        ENV("TRACESTATE=vendor=old", "TRACEPARENT=" CAME_IN, "BAGGAGE=came=in", "LD_PRELOAD=" OURS),
        &c, &s);
    cr_assert_str_eq(text(env), "LD_PRELOAD=" OURS "|TRACEPARENT=" PASSED_ON
                                "|TRACESTATE=vendor=new|BAGGAGE=new=1");
}

Test(child_env, leaves_a_stale_tracestate_out)
{
    struct config c = settings();
    struct span_context s = context();
    char **env = build(ENV("TRACEPARENT=" CAME_IN, "TRACESTATE=old=1", "LD_PRELOAD=" OURS), &c, &s);
    cr_assert_str_eq(text(env), "LD_PRELOAD=" OURS "|TRACEPARENT=" PASSED_ON);
}

Test(child_env, a_parent_that_the_program_chose_stays)
{
    struct config c = settings();
    struct span_context s = context();
    s.baggage = "new=1";
    cr_assert_null(build(
        ENV("TRACEPARENT=" OF_THE_PROGRAM, "TRACESTATE=own=1", "BAGGAGE=own=1", "LD_PRELOAD=" OURS),
        &c, &s));
}

Test(child_env, names_that_only_begin_alike_are_no_ones_business)
{
    struct config c = settings();
    struct span_context s = context();
    char **env =
        build(ENV("TRACEPARENTS=x", "TRACEPARENT", "BAGGAGE_2=y", "LD_PRELOAD=" OURS), &c, &s);
    cr_assert_str_eq(text(env), "TRACEPARENTS=x|TRACEPARENT|BAGGAGE_2=y|LD_PRELOAD=" OURS
                                "|TRACEPARENT=" PASSED_ON);
}

Test(child_env, a_cleared_environment_gets_us_and_our_variables_again)
{
    struct config c = settings();
    struct span_context s = context();
    cr_assert_str_eq(text(build(ENV(), &c, &s)),
                     "TRACEPARENT=" PASSED_ON "|LD_PRELOAD=" OURS
                     "|OTEL_SERVICE_NAME=shop|OTEL_TRACES_SAMPLER=always_on");
    cr_assert_str_eq(text(build(NULL, &c, &s)),
                     "TRACEPARENT=" PASSED_ON "|LD_PRELOAD=" OURS
                     "|OTEL_SERVICE_NAME=shop|OTEL_TRACES_SAMPLER=always_on");
}

Test(child_env, a_variable_that_the_program_set_keeps_its_value)
{
    struct config c = settings();
    cr_assert_str_eq(text(build(ENV("OTEL_SERVICE_NAME=other"), &c, NULL)),
                     "OTEL_SERVICE_NAME=other|LD_PRELOAD=" OURS "|OTEL_TRACES_SAMPLER=always_on");
}

Test(child_env, a_variable_removed_beside_our_preload_stays_removed)
{
    struct config c = settings();
    cr_assert_null(build(ENV("LD_PRELOAD=" OURS), &c, NULL));
}

Test(child_env, comes_after_the_programs_own_preloads)
{
    struct config c = settings();
    cr_assert_str_eq(text(build(ENV("LD_PRELOAD=liba.so:/b/libb.so", "OTEL_SERVICE_NAME=s",
                                    "OTEL_TRACES_SAMPLER=x"),
                                &c, NULL)),
                     "OTEL_SERVICE_NAME=s|OTEL_TRACES_SAMPLER=x|"
                     "LD_PRELOAD=liba.so:/b/libb.so:" OURS);
    cr_assert_str_eq(
        text(build(ENV("LD_PRELOAD=", "OTEL_SERVICE_NAME=s", "OTEL_TRACES_SAMPLER=x"), &c, NULL)),
        "OTEL_SERVICE_NAME=s|OTEL_TRACES_SAMPLER=x|LD_PRELOAD=" OURS);
}

Test(child_env, a_relative_path_of_ours_becomes_absolute)
{
    struct config c = settings();
    cr_assert_str_eq(text(build(ENV("LD_PRELOAD=liba.so build/libotelshim.so"), &c, NULL)),
                     "LD_PRELOAD=liba.so:" OURS);
}

Test(child_env, another_copy_of_us_counts_as_us)
{
    struct config c = settings();
    cr_assert_null(build(ENV("LD_PRELOAD=liba.so /usr/lib/libotelshim.so"), &c, NULL));
    cr_assert(env_preloads_us(" :libotelshim.so"));
    cr_assert(!env_preloads_us("/x/notlibotelshim.so:/x/libotelshim.so.1"));
    cr_assert(!env_preloads_us(NULL));
}

Test(child_env, is_taken_out_for_a_program_that_cannot_load_it)
{
    struct config c = settings();
    struct env_inputs in = { NULL, &c, OURS, true };
    char **env =
        env_for_child(ENV("LD_PRELOAD=a.so:" OURS ":b.so", "A=1"), &in, memory, sizeof memory);
    cr_assert_str_eq(text(env), "A=1|LD_PRELOAD=a.so:b.so");
    env = env_for_child(ENV("LD_PRELOAD=" OURS, "A=1"), &in, memory, sizeof memory);
    cr_assert_str_eq(text(env), "A=1");
    cr_assert_null(env_for_child(ENV("A=1"), &in, memory, sizeof memory));
}

Test(child_env, follows_no_children_when_told_so)
{
    struct config c = settings();
    struct span_context s = context();
    c.follow_children = false;
    cr_assert_str_eq(text(build(ENV("A=1"), &c, &s)), "A=1|TRACEPARENT=" PASSED_ON);
    cr_assert_null(build(ENV("A=1"), &c, NULL));
}

static void only(struct config *c, uint8_t propagator)
{
    memset(c->propagator_order, 0, sizeof c->propagator_order);
    c->propagator_order[0] = propagator;
}

Test(child_env, passes_on_only_what_a_propagator_is_there_for)
{
    struct config c = settings();
    struct span_context s = context();
    s.baggage = "new=1";
    only(&c, PROPAGATE_BAGGAGE);
    cr_assert_str_eq(text(build(ENV("LD_PRELOAD=" OURS), &c, &s)),
                     "LD_PRELOAD=" OURS "|BAGGAGE=new=1");
    only(&c, PROPAGATE_TRACECONTEXT);
    cr_assert_str_eq(text(build(ENV("LD_PRELOAD=" OURS), &c, &s)),
                     "LD_PRELOAD=" OURS "|TRACEPARENT=" PASSED_ON);
    only(&c, 0);
    cr_assert_null(build(ENV("LD_PRELOAD=" OURS), &c, &s));
}

Test(child_env, what_does_not_fit_is_left_alone_at_every_size)
{
    struct config c = settings();
    struct span_context s = context();
    s.baggage = "new=1";
    struct env_inputs in = { &s, &c, OURS, false };
    char *const *envp = ENV("A=1", "B=2");
    propagation_init(&c);
    size_t needed = 0;
    for (size_t size = 0; size < 1024; size++) {
        /* From malloc, so that a byte too far is seen under ASan. */
        char *exact = malloc(size + 1);
        char **env = env_for_child(envp, &in, exact + 1, size);
        if (env == NULL) {
            cr_assert_eq(needed, 0, "built with %zu bytes, not with %zu", needed, size);
        } else {
            cr_assert_str_eq(text(env),
                             "A=1|B=2|TRACEPARENT=" PASSED_ON "|BAGGAGE=new=1|LD_PRELOAD=" OURS
                             "|OTEL_SERVICE_NAME=shop|OTEL_TRACES_SAMPLER=always_on");
            needed = needed ? needed : size;
        }
        free(exact);
    }
    cr_assert_gt(needed, 0);
}

Test(child_env, hands_the_runs_id_on_where_it_is_missing)
{
    struct config c = settings();
    c.run_entry = "OTEL_SHIM_RUN_ID=r1";
    cr_assert_str_eq(text(build(ENV("A=1", "LD_PRELOAD=" OURS), &c, NULL)),
                     "A=1|LD_PRELOAD=" OURS "|OTEL_SHIM_RUN_ID=r1");
    cr_assert_null(build(ENV("OTEL_SHIM_RUN_ID=r1", "LD_PRELOAD=" OURS), &c, NULL));
    cr_assert_null(build(ENV("OTEL_SHIM_RUN_ID=its own", "LD_PRELOAD=" OURS), &c, NULL));
    /* Once, also where the variables that came in are given again. */
    c.follow_vars[0] = "OTEL_SHIM_RUN_ID=r1";
    cr_assert_str_eq(text(build(ENV("A=1"), &c, NULL)),
                     "A=1|LD_PRELOAD=" OURS "|OTEL_SHIM_RUN_ID=r1|OTEL_TRACES_SAMPLER=always_on");
}

#define IDS "33333333333333333333333333333333-4444444444444444"

Test(child_env, passes_every_format_on_in_variables_of_its_own)
{
    struct config c = settings();
    struct span_context s = context();
    only(&c, PROPAGATE_B3);
    c.came_in[CONTEXT_B3] = "old";
    c.came_in[CONTEXT_X_B3_SAMPLED] = "0";
    cr_assert_str_eq(
        text(build(ENV("B3=old", "X_B3_SAMPLED=0", "TRACEPARENT=stays", "LD_PRELOAD=" OURS), &c,
                   &s)),
        "TRACEPARENT=stays|LD_PRELOAD=" OURS "|B3=" IDS "-1");
    only(&c, PROPAGATE_B3MULTI);
    cr_assert_str_eq(text(build(ENV("X_B3_FLAGS_=x", "LD_PRELOAD=" OURS), &c, &s)),
                     "X_B3_FLAGS_=x|LD_PRELOAD=" OURS "|X_B3_SPANID=4444444444444444|"
                     "X_B3_TRACEID=33333333333333333333333333333333|X_B3_SAMPLED=1");
    c.propagator_order[0] = PROPAGATE_JAEGER;
    c.propagator_order[1] = PROPAGATE_XRAY;
    cr_assert_str_eq(text(build(ENV("LD_PRELOAD=" OURS), &c, &s)),
                     "LD_PRELOAD=" OURS
                     "|UBER_TRACE_ID=33333333333333333333333333333333:4444444444444444:0:1|"
                     "X_AMZN_TRACE_ID=Root=1-33333333-333333333333333333333333;"
                     "Parent=4444444444444444;Sampled=1");
}

Test(child_env, a_parent_in_any_format_that_the_program_chose_stays)
{
    struct config c = settings();
    struct span_context s = context();
    c.propagator_order[1] = PROPAGATE_B3;
    cr_assert_null(build(ENV("B3=" IDS "-0", "LD_PRELOAD=" OURS), &c, &s));
    cr_assert_null(build(ENV("X_B3_SPANID=4444444444444444", "LD_PRELOAD=" OURS), &c, &s));
}
