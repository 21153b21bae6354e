/*
 * OTEL_SHIM_SAMPLING_RULES: which spans are recorded, by what is known when they start.
 *
 *     path=/healthz drop; method=POST,route=/pay/{id} keep; instrumentation=dns 0.1;
 *     host=*.example.com 10/s; * 0.5
 *
 * Rules stand between `;`, the first one that matches holds; without one the sampler
 * decides. A rule is conditions, all of which must hold, and what is done:
 *
 *     drop      not recorded, nor is what is below it
 *     keep      recorded, also where a caller's trace is not
 *     0.25      this share of traces, by trace id as traceidratio
 *     10/s      so many spans a second and process
 *
 * A condition is `attribute=pattern`: `?` stands for any byte, `*` for any bytes, the rest is
 * itself. A span that does not have the attribute does not match. `*` alone always matches.
 * Below a span of the same process a rule can only take away: a span whose parent is not
 * recorded is not.
 *
 * Deciding: no allocation, no lock, any thread, async-signal-safe, time bounded by the
 * number of rules and the lengths of patterns and values.
 */
#ifndef OTELSHIM_SDK_RULES_H
#define OTELSHIM_SDK_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds, each a row in docs/LIMITS.md. */
#define RULES_MAX 64u
#define RULES_MAX_CONDITIONS 4u
#define RULES_MAX_PATTERN 256u /* bytes */

/* RULE_ATTRIBUTE(id, word) */
#define RULE_ATTRIBUTES(ATTRIBUTE) \
    ATTRIBUTE(INSTRUMENTATION, "instrumentation") \
    ATTRIBUTE(KIND, "kind") \
    ATTRIBUTE(NAME, "name") \
    ATTRIBUTE(METHOD, "method") \
    ATTRIBUTE(URL, "url") \
    ATTRIBUTE(HOST, "host") \
    ATTRIBUTE(PATH, "path") \
    ATTRIBUTE(ROUTE, "route")

enum rule_attribute {
#define ATTRIBUTE(id, word) RULE_##id,
    RULE_ATTRIBUTES(ATTRIBUTE)
#undef ATTRIBUTE
        RULE_ATTRIBUTE_COUNT
};

/* What is known of a span when it starts. Borrowed texts; at == NULL: it has none. */
struct span_known {
    struct {
        const char *at;
        size_t len;
    } text[RULE_ATTRIBUTE_COUNT];
};

static inline void span_known_set(struct span_known *known, enum rule_attribute attribute,
                                  const char *at, size_t len)
{
    known->text[attribute].at = at;
    known->text[attribute].len = len;
}

struct rules;

/*
 * The rules of a text, which must stay. Those that cannot be read are left out; what is
 * wrong with the first of them goes to *fault, their number to *nr_bad. NULL: there is none
 * (or no memory). Constructor only.
 */
struct rule_fault {
    const char *at; /* the rule */
    size_t len;
    const char *what;
    unsigned nr_bad;
};
struct rules *rules_make(const char *text, struct rule_fault *fault);

/*
 * Whether the span is recorded; RULES_SILENT: no rule matches, it is as the sampler said.
 * `sampled`: what that was; `inner`: its parent is a span of this process.
 */
enum rules_verdict { RULES_SILENT, RULES_DROP, RULES_KEEP };
enum rules_verdict rules_decide(struct rules *rules, const struct span_known *known,
                                const uint8_t trace_id[static 16], bool inner, bool sampled);

/* Whether a pattern with `?` and `*` is the whole text. Also for names of executables. */
bool glob_matches(const char *pattern, size_t pattern_len, const char *text, size_t len);

#endif
