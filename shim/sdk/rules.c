/* See rules.h. */
#include "sdk/rules.h"

#include <string.h>

#include "arena.h"
#include "parse.h"
#include "sdk/rate.h"
#include "sdk/sampler.h"

enum action { ACTION_DROP, ACTION_KEEP, ACTION_SHARE, ACTION_RATE };

struct condition {
    enum rule_attribute attribute;
    struct slice pattern;
};

struct rule {
    enum action action;
    unsigned nr_conditions;
    struct condition conditions[RULES_MAX_CONDITIONS];
    uint64_t bound; /* of ACTION_SHARE: sampler_bound_of() */
    struct rate rate;
};

/* Written by the constructor, but for the rates' words. A forked child keeps it. */
struct rules {
    unsigned nr;
    struct rule rule[];
};

/* One `*` is remembered: where it stood, and how much of the text it has taken so far. */
bool glob_matches(const char *pattern, size_t pattern_len, const char *text, size_t len)
{
    size_t p = 0, t = 0, star = SIZE_MAX, taken = 0;
    while (t < len) {
        if (p < pattern_len && pattern[p] == '*') {
            star = p++;
            taken = t;
        } else if (p < pattern_len && (pattern[p] == '?' || pattern[p] == text[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern_len && pattern[p] == '*')
        p++;
    return p == pattern_len;
}

/* ---- reading ---- */

static bool read_action(struct slice word, struct rule *rule)
{
    double number;
    if (slice_is_nocase(word, "drop")) {
        rule->action = ACTION_DROP;
        return true;
    }
    if (slice_is_nocase(word, "keep")) {
        rule->action = ACTION_KEEP;
        return true;
    }
    if (word.len > 2 && memcmp(word.at + word.len - 2, "/s", 2) == 0) {
        if (!parse_number(slice_until(word, word.len - 2), RATE_MIN, RATE_MAX, &number))
            return false;
        rule->action = ACTION_RATE;
        rate_init(&rule->rate, number);
        return true;
    }
    if (!parse_ratio(word, &number))
        return false;
    rule->action = number >= 1 ? ACTION_KEEP : ACTION_SHARE;
    rule->bound = number >= 1 ? 0 : sampler_bound_of(number);
    return true;
}

/* NULL, or what is wrong. */
static const char *read_condition(struct slice item, struct condition *out)
{
    static const char *const words[] = {
#define ATTRIBUTE(id, word) word,
        RULE_ATTRIBUTES(ATTRIBUTE)
#undef ATTRIBUTE
    };
    size_t equals = slice_find(item, '=');
    struct slice name = slice_trim(slice_until(item, equals));
    if (equals == item.len)
        return "has a condition without `=`";
    out->pattern = slice_trim(slice_from(item, equals + 1));
    if (out->pattern.len > RULES_MAX_PATTERN)
        return "has a pattern that is too long";
    for (unsigned i = 0; i < RULE_ATTRIBUTE_COUNT; i++) {
        if (slice_is(name, words[i])) {
            out->attribute = i;
            return NULL;
        }
    }
    return "names an attribute that is not known at a span's start";
}

static size_t last_blank(struct slice s)
{
    size_t i = s.len;
    while (i > 0 && s.at[i - 1] != ' ' && s.at[i - 1] != '\t')
        i--;
    return i;
}

/* NULL, or what is wrong. */
static const char *read_rule(struct slice text, struct rule *rule)
{
    struct slice item, conditions = slice_trim(slice_until(text, last_blank(text)));
    memset(rule, 0, sizeof *rule);
    if (conditions.len == 0)
        return "is not conditions, a blank and what is done";
    if (!read_action(slice_from(text, last_blank(text)), rule))
        return "does not end with drop, keep, a share from 0 to 1 or a number and `/s`";
    if (slice_is(conditions, "*"))
        return NULL;
    while (parse_list_next(&conditions, &item)) {
        if (rule->nr_conditions == RULES_MAX_CONDITIONS)
            return "has too many conditions";
        const char *fault = read_condition(item, &rule->conditions[rule->nr_conditions++]);
        if (fault != NULL)
            return fault;
    }
    return rule->nr_conditions > 0 ? NULL : "has no conditions";
}

/* The next rule between `;`, trimmed, empty ones skipped. */
static bool next_rule(struct slice *rest, struct slice *out)
{
    while (rest->len > 0) {
        size_t end = slice_find(*rest, ';');
        *out = slice_trim(slice_until(*rest, end));
        *rest = slice_from(*rest, end + 1);
        if (out->len > 0)
            return true;
    }
    return false;
}

struct rules *rules_make(const char *text, struct rule_fault *fault)
{
    struct slice rest = slice_of(text), item;
    unsigned nr = 0;
    *fault = (struct rule_fault){ .nr_bad = 0 };
    while (next_rule(&rest, &item))
        nr++;
    if (nr > RULES_MAX)
        nr = RULES_MAX;
    struct rules *rules = arena_alloc(sizeof *rules + nr * sizeof rules->rule[0]);
    if (rules == NULL)
        return NULL;
    rules->nr = 0;
    rest = slice_of(text);
    while (next_rule(&rest, &item)) {
        const char *what = "is one too many";
        if (rules->nr < nr && (what = read_rule(item, &rules->rule[rules->nr])) == NULL)
            rules->nr++;
        else if (fault->nr_bad++ == 0)
            *fault = (struct rule_fault){ item.at, item.len, what, 1 };
    }
    return rules->nr > 0 ? rules : NULL;
}

/* ---- deciding ---- */

static bool holds(const struct condition *c, const struct span_known *known)
{
    const char *at = known->text[c->attribute].at;
    return at != NULL &&
           glob_matches(c->pattern.at, c->pattern.len, at, known->text[c->attribute].len);
}

static bool matches(const struct rule *rule, const struct span_known *known)
{
    for (unsigned i = 0; i < rule->nr_conditions; i++)
        if (!holds(&rule->conditions[i], known))
            return false;
    return true;
}

/* Whether a rule that matches keeps the span. */
static bool keeps(struct rule *rule, const uint8_t trace_id[static 16])
{
    switch (rule->action) {
    case ACTION_DROP: return false;
    case ACTION_KEEP: return true;
    case ACTION_SHARE: return sampler_number_of(trace_id) < rule->bound;
    case ACTION_RATE: return rate_take(&rule->rate, rate_now_ns());
    }
    return false;
}

enum rules_verdict rules_decide(struct rules *rules, const struct span_known *known,
                                const uint8_t trace_id[static 16], bool inner, bool sampled)
{
    for (unsigned i = 0; i < rules->nr; i++) {
        if (!matches(&rules->rule[i], known))
            continue;
        bool hopeless = inner && !sampled;
        return !hopeless && keeps(&rules->rule[i], trace_id) ? RULES_KEEP : RULES_DROP;
    }
    return RULES_SILENT;
}
