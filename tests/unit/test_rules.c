/* Sampling rules: reading, patterns, decisions. Times are made here. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "sdk/rate.h"
#include "sdk/rules.h"

static const uint8_t low_id[16] = { 1 }; /* low half 0: every share takes it */
static const uint8_t high_id[16] = {
    1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255
};

static struct rules *make(const char *text)
{
    struct rule_fault fault;
    struct rules *rules = rules_make(text, &fault);
    cr_assert_eq(fault.nr_bad, 0, "%s: %s", text, fault.what);
    return rules;
}

/* What becomes of a span of which the sampler has said `sampled`. */
static bool recorded(struct rules *rules, const struct span_known *known,
                     const uint8_t trace_id[static 16], bool inner, bool sampled)
{
    enum rules_verdict verdict = rules_decide(rules, known, trace_id, inner, sampled);
    return verdict == RULES_SILENT ? sampled : verdict == RULES_KEEP;
}

static struct span_known known_by(enum rule_attribute attribute, const char *text)
{
    struct span_known known = { 0 };
    span_known_set(&known, attribute, text, strlen(text));
    return known;
}

static bool keeps(struct rules *rules, enum rule_attribute attribute, const char *text)
{
    struct span_known known = known_by(attribute, text);
    return recorded(rules, &known, high_id, false, true);
}

Test(rules, globs)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        { "", "", true },
        { "", "a", false },
        { "*", "", true },
        { "**", "abc", true },
        { "a", "a", true },
        { "a", "A", false },
        { "?", "", false },
        { "?", "x", true },
        { "a?c", "abc", true },
        { "*.c", "a.c.c", true },
        { "*.c", "a.c.h", false },
        { "a*b*c", "a--b--c", true },
        { "a*b*c", "acb", false },
        { "*ab", "aab", true },
        { "*aab", "aaaab", true },
        { "a*", "a", true },
        { "/x/*", "/x", false },
        { "/x/*", "/x/", true },
        { "*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(glob_matches(rows[i].pattern, strlen(rows[i].pattern), rows[i].text,
                                  strlen(rows[i].text)),
                     rows[i].matches, "%s, %s", rows[i].pattern, rows[i].text);
}

Test(rules, each_attribute_is_looked_at_and_one_that_is_missing_never_matches)
{
    static const char *const words[] = {
        "instrumentation", "kind", "name", "method", "url", "host", "path", "route"
    };
    for (unsigned i = 0; i < RULE_ATTRIBUTE_COUNT; i++) {
        char text[64];
        sprintf(text, "%s=v* drop", words[i]);
        struct rules *rules = make(text);
        cr_expect(!keeps(rules, i, "value"), "%s", text);
        cr_expect(keeps(rules, i, "other"), "%s", text);
        cr_expect(keeps(rules, (i + 1) % RULE_ATTRIBUTE_COUNT, "value"), "%s", text);
    }
}

Test(rules, the_first_rule_that_matches_holds)
{
    struct rules *rules = make(" path=/a/b keep ;; path=/a/* drop; * 0");
    cr_assert(keeps(rules, RULE_PATH, "/a/b"));
    cr_assert(!keeps(rules, RULE_PATH, "/a/c"));
    cr_assert(!keeps(rules, RULE_PATH, "/c"));
}

Test(rules, all_conditions_must_hold)
{
    struct rules *rules = make("path=/a , method=GET drop");
    struct span_known known = known_by(RULE_PATH, "/a");
    cr_assert(recorded(rules, &known, low_id, false, true));
    span_known_set(&known, RULE_METHOD, "GET", 3);
    cr_assert(!recorded(rules, &known, low_id, false, true));
}

Test(rules, entries_may_be_kept_and_inner_spans_only_dropped)
{
    struct span_known none = { 0 };
    struct rules *keep = make("* keep"), *drop = make("* DROP"), *half = make("* 0.5");
    cr_assert(recorded(keep, &none, high_id, false, false));
    cr_assert(!recorded(keep, &none, high_id, true, false));
    cr_assert(recorded(keep, &none, high_id, true, true));
    cr_assert(!recorded(drop, &none, low_id, true, true));
    cr_assert(!recorded(drop, &none, low_id, false, true));
    cr_assert(recorded(half, &none, low_id, false, false));
    cr_assert(!recorded(half, &none, high_id, false, true));
    cr_assert(!recorded(half, &none, low_id, true, false));
    cr_assert(recorded(make("* 1"), &none, high_id, false, true));
    cr_assert(!recorded(make("* 0"), &none, low_id, false, true));
}

Test(rules, without_a_rule_that_matches_the_sampler_holds)
{
    struct span_known none = { 0 };
    struct rules *rules = make("path=/x drop");
    cr_assert(recorded(rules, &none, high_id, false, true));
    cr_assert(!recorded(rules, &none, low_id, false, false));
}

Test(rules, those_that_cannot_be_read_are_left_out)
{
    static const struct {
        const char *text;
        unsigned bad;
        bool any;
    } rows[] = {
        { "", 0, false },
        { " ; ;", 0, false },
        { "drop", 1, false },
        { "path drop", 1, false },
        { "path=/x", 1, false },
        { "path=/x maybe", 1, false },
        { "path=/x 1.5", 1, false },
        { "path=/x -1", 1, false },
        { "path=/x 0/s", 1, false },
        { "path=/x /s", 1, false },
        { "path=/x 10000000/s", 1, false },
        { "colour=red drop; path=/x drop", 1, true },
        { ", drop", 1, false },
        { "path=1,path=2,path=3,path=4,path=5 drop", 1, false },
        { "path=1,path=2,path=3,path=4 drop", 0, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rule_fault fault;
        struct rules *rules = rules_make(rows[i].text, &fault);
        cr_expect_eq(fault.nr_bad, rows[i].bad, "%s: %u", rows[i].text, fault.nr_bad);
        cr_expect_eq(rules != NULL, rows[i].any, "%s", rows[i].text);
    }
}

Test(rules, their_number_and_length_are_bounded)
{
    static char many[RULES_MAX * 16], longest[RULES_MAX_PATTERN + 32];
    struct rule_fault fault;
    for (unsigned i = 0; i < RULES_MAX + 3; i++)
        strcat(many, "path=/x drop;");
    cr_assert_not_null(rules_make(many, &fault));
    cr_assert_eq(fault.nr_bad, 3);
    strcpy(longest, "path=");
    memset(longest + 5, 'x', RULES_MAX_PATTERN + 1);
    strcat(longest, " drop");
    cr_assert_null(rules_make(longest, &fault));
    cr_assert_eq(fault.nr_bad, 1);
}

#define S UINT64_C(1000000000)

Test(rate, a_full_bucket_has_a_seconds_tokens_and_fills_evenly)
{
    struct rate rate;
    rate_init(&rate, 4);
    for (int i = 0; i < 4; i++)
        cr_assert(rate_take(&rate, 100 * S), "token %d", i);
    cr_assert(!rate_take(&rate, 100 * S));
    cr_assert(!rate_take(&rate, 100 * S + S / 4 - 1));
    cr_assert(rate_take(&rate, 100 * S + S / 4));
    cr_assert(!rate_take(&rate, 100 * S + S / 4));
    for (int i = 0; i < 4; i++) /* idle for long: no more than a second's */
        cr_assert(rate_take(&rate, 500 * S));
    cr_assert(!rate_take(&rate, 500 * S));
}

Test(rate, less_than_one_a_second)
{
    struct rate rate;
    rate_init(&rate, 0.5);
    cr_assert(rate_take(&rate, 10 * S));
    cr_assert(!rate_take(&rate, 12 * S - 1));
    cr_assert(rate_take(&rate, 12 * S));
}

static struct rate shared;
static atomic_uint taken;

static void *take_many(void *unused)
{
    for (int i = 0; i < 100000; i++)
        if (rate_take(&shared, 7 * S))
            atomic_fetch_add(&taken, 1);
    return unused;
}

Test(rate, threads_share_it_exactly)
{
    pthread_t threads[4];
    rate_init(&shared, 1000);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_many, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(taken, 1000);
}
