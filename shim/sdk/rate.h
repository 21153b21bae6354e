/*
 * At most so many a second: a token bucket in one word, for any thread, without a lock.
 *
 * The word is the time at which the bucket will be full again; a token moves it on by one
 * interval. It may be a second ahead of now (that is how many tokens a full bucket has), and
 * at least one interval. A forked child goes on with a copy: the bound is per process.
 */
#ifndef OTELSHIM_SDK_RATE_H
#define OTELSHIM_SDK_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define RATE_NS_PER_S 1000000000u
/* Bounds of what can be asked for: once in 1,000 s, a million a second. */
#define RATE_MIN 0.001
#define RATE_MAX 1e6

static inline uint64_t rate_now_ns(void)
{
    struct timespec now = { 0, 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * RATE_NS_PER_S + (uint64_t)now.tv_nsec;
}

struct rate {
    _Atomic uint64_t full_ns; /* CLOCK_MONOTONIC; any thread, relaxed: it guards nothing else */
    uint64_t interval_ns;     /* between two tokens; written by the constructor only */
    uint64_t ahead_ns;
};

static inline void rate_init(struct rate *rate, double per_second)
{
    atomic_store_explicit(&rate->full_ns, 0, memory_order_relaxed);
    rate->interval_ns = (uint64_t)(RATE_NS_PER_S / per_second);
    rate->ahead_ns = rate->interval_ns > RATE_NS_PER_S ? rate->interval_ns : RATE_NS_PER_S;
}

/* Whether there is a token left; it is taken. */
static inline bool rate_take(struct rate *rate, uint64_t now_ns)
{
    uint64_t full = atomic_load_explicit(&rate->full_ns, memory_order_relaxed), next;
    do {
        next = (full > now_ns ? full : now_ns) + rate->interval_ns;
        if (next - now_ns > rate->ahead_ns)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&rate->full_ns, &full, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* The token of rate_take() was not needed after all. */
static inline void rate_give_back(struct rate *rate)
{
    atomic_fetch_sub_explicit(&rate->full_ns, rate->interval_ns, memory_order_relaxed);
}

#endif
