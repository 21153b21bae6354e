/*
 * Which new traces are recorded. Pure; decided from numbers that config_load()
 * worked out once, so that it costs a handful of instructions per span.
 *
 * traceidratio is OpenTelemetry Python's: the low 8 bytes of the trace id, read
 * big-endian, under round(ratio * 2^64). Ratio 0 takes none, 1 takes all.
 */
#ifndef OTELSHIM_SDK_SAMPLER_H
#define OTELSHIM_SDK_SAMPLER_H

#include "config.h"
#include "sdk/span.h"

/* Fills sampler_bound and sampler_all. Constructor only. */
void sampler_prepare(struct config *c);

/* Whether a root span of this trace is recorded. */
static inline bool sampler_samples_root(const struct config *c, const uint8_t trace_id[static 16])
{
    if (c->sampler_all)
        return true;
    uint64_t low;
    memcpy(&low, trace_id + 8, sizeof low);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    low = __builtin_bswap64(low);
#endif
    return low < c->sampler_bound;
}

/* Whether a child is. Parent-based forms follow the parent's flag, local or remote
 * alike; an invalid parent counts as none. */
static inline bool sampler_samples_child(const struct config *c, const struct span_context *parent)
{
    if (c->sampler_parent_based && span_context_is_valid(parent))
        return span_context_is_sampled(parent);
    return sampler_samples_root(c, parent->trace_id);
}

/* Either of both; `parent` may be NULL. */
static inline bool sampler_samples(const struct config *c, const struct span_context *parent,
                                   const uint8_t trace_id[static 16])
{
    if (c->sampler_parent_based && parent != NULL && span_context_is_valid(parent))
        return span_context_is_sampled(parent);
    return sampler_samples_root(c, trace_id);
}

#endif
