/*
 * Which new traces are recorded. Decided from numbers that config_load()
 * worked out once, so that it costs a handful of instructions per span.
 *
 * traceidratio is OpenTelemetry Python's: the low 8 bytes of the trace id, read
 * big-endian, under round(ratio * 2^64). Ratio 0 takes none, 1 takes all. rate_limited
 * takes so many a second (rate.h), each where its trace begins in this process: what is below
 * follows, also where the sampler is not parent-based. Rules (rules.h) come after: span_decide().
 */
#ifndef OTELSHIM_SDK_SAMPLER_H
#define OTELSHIM_SDK_SAMPLER_H

#include "config.h"
#include "sdk/span.h"

/* Fills sampler_bound, sampler_all and span_start_is_special. Constructor only. */
void sampler_prepare(struct config *c);
/* round(ratio * 2^64); ratio in [0, 1). */
uint64_t sampler_bound_of(double ratio);
/* rate_limited: whether a span below `parent` (NULL: a root) is recorded. *has_token is set
 * if that has used up one of the second's. Any thread. */
bool sampler_rate_samples(const struct config *c, const struct span_context *parent,
                          bool *has_token);
/* That span has come to nothing, or something else has decided. Any thread. */
void sampler_rate_gives_back(void);

/* What is compared with a bound. */
static inline uint64_t sampler_number_of(const uint8_t trace_id[static 16])
{
    uint64_t low;
    memcpy(&low, trace_id + 8, sizeof low);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    low = __builtin_bswap64(low);
#endif
    return low;
}

/* Whether a root span of this trace is recorded; not of rate_limited. */
static inline bool sampler_samples_root(const struct config *c, const uint8_t trace_id[static 16])
{
    return c->sampler_all || sampler_number_of(trace_id) < c->sampler_bound;
}

/* Whether a child is. Parent-based forms follow the parent's flag, local or remote
 * alike; an invalid parent counts as none. */
static inline bool sampler_samples_child(const struct config *c, const struct span_context *parent)
{
    if (c->sampler_parent_based && span_context_is_valid(parent))
        return span_context_is_sampled(parent);
    return sampler_samples_root(c, parent->trace_id);
}

/* The same below a valid parent where sampler_asks_below: what was chosen for such ones. */
static inline bool sampler_samples_below(const struct config *c, const struct span_context *parent)
{
    bool sampled = span_context_is_sampled(parent);
    const struct below_parent *below = &c->below[(unsigned)parent->remote << 1 | sampled];
    if (!below->chosen)
        return sampled;
    return below->all || sampler_number_of(parent->trace_id) < below->bound;
}

/* Whether any span of this process can ever be recorded, by the configuration alone. */
static inline bool sampler_may_sample(const struct config *c)
{
    return c->sampler_all || c->sampler_bound != 0 || c->sampler == SAMPLER_RATE ||
           c->sampler_parent_based || c->rules != NULL;
}

#endif
