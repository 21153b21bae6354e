/*
 * Sampling against values worked out by hand (round(ratio * 2^64) with exact
 * integers, as OpenTelemetry Python does).
 */
#include <criterion/criterion.h>
#include <string.h>

#include "sdk/sampler.h"

static bool sampler_samples(const struct config *c, const struct span_context *parent,
                            const uint8_t id[static 16])
{
    return parent != NULL ? sampler_samples_child(c, parent) : sampler_samples_root(c, id);
}

static struct config ratio(double r)
{
    struct config c = { .sampler = SAMPLER_RATIO, .sampler_ratio = r };
    sampler_prepare(&c);
    return c;
}

/* A trace id whose low 8 bytes are `low`; the high ones must not matter. */
static bool takes(const struct config *c, uint64_t low)
{
    uint8_t id[16];
    memset(id, 0xff, 8);
    for (int i = 0; i < 8; i++)
        id[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    bool with_high = sampler_samples(c, NULL, id);
    memset(id, 0, 8);
    cr_assert_eq(sampler_samples(c, NULL, id), with_high);
    return with_high;
}

Test(sampler, ratio_bounds_are_those_of_python)
{
    static const struct {
        double ratio;
        uint64_t bound;
    } rows[] = {
        { 0.5, 0x8000000000000000 },
        { 0.25, 0x4000000000000000 },
        { 0.1, 1844674407370955264 }, /* 0x1.999999999999ap-4, a little over 1/10 */
        { 0.75, 0xc000000000000000 },
        { 0.0001, 1844674407370955 }, /* 1844674407370955.25 */
        { 0x1p-64, 1 },
        { 0x1p-65, 0 },   /* 0.5: half to even */
        { 0x1.8p-64, 2 }, /* 1.5: half to even */
        { 0x1.fffffffffffffp-1, 0xfffffffffffff800 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config c = ratio(rows[i].ratio);
        cr_assert_eq(c.sampler_bound, rows[i].bound, "row %zu: %lu", i,
                     (unsigned long)c.sampler_bound);
        if (rows[i].bound > 0)
            cr_assert(takes(&c, rows[i].bound - 1));
        cr_assert(!takes(&c, rows[i].bound));
    }
}

Test(sampler, ratio_0_takes_none_and_1_takes_all)
{
    struct config none = ratio(0), all = ratio(1);
    cr_assert(!takes(&none, 0));
    cr_assert(takes(&all, UINT64_MAX));
}

Test(sampler, always_on_and_off)
{
    struct config on = { .sampler = SAMPLER_ALWAYS_ON }, off = { .sampler = SAMPLER_ALWAYS_OFF };
    sampler_prepare(&on);
    sampler_prepare(&off);
    cr_assert(takes(&on, UINT64_MAX));
    cr_assert(!takes(&off, 0));
}

Test(sampler, below_each_kind_of_parent_what_was_chosen_for_it)
{
    for (unsigned chosen = 0; chosen < PARENT_KINDS; chosen++) {
        for (unsigned kind = 0; kind < PARENT_KINDS; kind++) {
            bool flag = kind & 1;
            struct span_context parent = {
                .trace_id = { 1 }, .span_id = { 1 }, .flags = flag, .remote = kind > 1
            };
            struct config c = { .sampler = SAMPLER_ALWAYS_ON, .sampler_parent_based = true };
            c.below[chosen] = (struct below_parent){ .chosen = true, .all = !(chosen & 1) };
            sampler_prepare(&c);
            cr_expect(c.span_start_is_special);
            cr_expect_eq(sampler_samples_below(&c, &parent), kind == chosen ? !flag : flag, "%u %u",
                         chosen, kind);
            c.below[chosen] = (struct below_parent){ .chosen = true, .bound = 1ull << 63 };
            memset(parent.trace_id + 8, 0x7f, 8);
            cr_expect_eq(sampler_samples_below(&c, &parent), kind == chosen || flag);
            memset(parent.trace_id + 8, 0x80, 8);
            cr_expect_eq(sampler_samples_below(&c, &parent), kind != chosen && flag);
            c.sampler_parent_based = false;
            sampler_prepare(&c);
            cr_expect_not(c.span_start_is_special);
            cr_expect(sampler_samples_child(&c, &parent));
        }
    }
}

Test(sampler, parent_decides_only_in_parent_based_forms_and_only_when_valid)
{
    struct span_context sampled = { .trace_id = { 1 }, .span_id = { 1 }, .flags = 1 };
    struct span_context not_sampled = { .trace_id = { 1 }, .span_id = { 1 }, .flags = 2 };
    struct span_context invalid = { .trace_id = { 1 }, .flags = 1 };
    static const uint8_t id[16] = { 1 };
    for (int remote = 0; remote < 2; remote++) {
        sampled.remote = not_sampled.remote = remote;
        struct config on = { .sampler = SAMPLER_ALWAYS_ON },
                      off = { .sampler = SAMPLER_ALWAYS_OFF };
        sampler_prepare(&on);
        sampler_prepare(&off);
        cr_assert(sampler_samples(&on, &not_sampled, id));
        cr_assert(!sampler_samples(&off, &sampled, id));
        on.sampler_parent_based = off.sampler_parent_based = true;
        cr_assert(!sampler_samples(&on, &not_sampled, id));
        cr_assert(sampler_samples(&off, &sampled, id));
        cr_assert(!sampler_samples(&off, &invalid, id));
        cr_assert(!sampler_samples(&off, NULL, id));
        cr_assert(sampler_samples(&on, NULL, id));
    }
}
