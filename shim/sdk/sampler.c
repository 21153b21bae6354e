/* What the samplers decide by, worked out once. */
#include "sdk/sampler.h"

#include "layout.h"
#include "sdk/rate.h"

/* Of rate_limited. Written by the constructor, but for its word. A forked child keeps it. */
static struct rate rate;

/* round(ratio * 2^64), halves to even as Python rounds; ratio in [0, 1). The
 * product with a power of two is exact, so is its fraction. */
uint64_t sampler_bound_of(double ratio)
{
    double scaled = ratio * 0x1p64;
    uint64_t bound = (uint64_t)scaled;
    double fraction = scaled - (double)bound; /* 0 where bound has over 53 bits */
    if (fraction > 0.5 || (fraction == 0.5 && (bound & 1)))
        bound++;
    return bound;
}

AT_START void sampler_prepare(struct config *c)
{
    c->sampler_asks_below = false;
    for (unsigned kind = 0; kind < PARENT_KINDS; kind++)
        c->sampler_asks_below |= c->sampler_parent_based && c->below[kind].chosen;
    c->span_start_is_special = c->inert || c->rules != NULL || c->id_generator != ID_RANDOM ||
                               c->sampler == SAMPLER_RATE || c->sampler_asks_below;
    c->sampler_all =
        c->sampler == SAMPLER_ALWAYS_ON || (c->sampler == SAMPLER_RATIO && c->sampler_ratio >= 1);
    if (c->sampler == SAMPLER_RATE)
        rate_init(&rate, c->sampler_rate);
    c->sampler_bound =
        c->sampler == SAMPLER_RATIO && !c->sampler_all ? sampler_bound_of(c->sampler_ratio) : 0;
}

bool sampler_rate_samples(const struct config *c, const struct span_context *parent,
                          bool *has_token)
{
    bool follows = parent != NULL && span_context_is_valid(parent) &&
                   !(parent->flags & SPAN_FLAG_DEFERRED) &&
                   (c->sampler_parent_based || !parent->remote);
    if (follows)
        return span_context_is_sampled(parent);
    *has_token = rate_take(&rate, rate_now_ns());
    return *has_token;
}

void sampler_rate_gives_back(void)
{
    rate_give_back(&rate);
}
