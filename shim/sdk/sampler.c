/* The bound of sampler_samples(), worked out once. */
#include "sdk/sampler.h"

/* round(ratio * 2^64), halves to even as Python rounds; ratio in [0, 1). The
 * product with a power of two is exact, so is its fraction. */
static uint64_t ratio_bound(double ratio)
{
    double scaled = ratio * 0x1p64;
    uint64_t bound = (uint64_t)scaled;
    double fraction = scaled - (double)bound; /* 0 where bound has over 53 bits */
    if (fraction > 0.5 || (fraction == 0.5 && (bound & 1)))
        bound++;
    return bound;
}

void sampler_prepare(struct config *c)
{
    c->sampler_all =
        c->sampler == SAMPLER_ALWAYS_ON || (c->sampler == SAMPLER_RATIO && c->sampler_ratio >= 1);
    c->sampler_bound =
        c->sampler == SAMPLER_RATIO && !c->sampler_all ? ratio_bound(c->sampler_ratio) : 0;
}
