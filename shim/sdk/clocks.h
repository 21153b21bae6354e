/*
 * How the machine's clocks stand to each other. Callable wherever clock_gettime is.
 */
#ifndef OTELSHIM_SDK_CLOCKS_H
#define OTELSHIM_SDK_CLOCKS_H

#include <stdint.h>
#include <time.h>

/* Two clocks are of one moment when they are read within so many ns; tries to get there. */
#define CLOCK_NEAR_NS 1000
#define CLOCK_TRIES 8u

static inline int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/*
 * What turns our times (CLOCK_MONOTONIC) into Unix time. Whoever loses the processor between
 * two clocks has times that are off by as long, and parents in one process that start after
 * their children in another: one clock is read on both sides of the other, and again if that
 * took too long.
 */
static inline int64_t clock_real_minus_mono_ns(void)
{
    int64_t best_ns = 0, best_took_ns = INT64_MAX;
    for (unsigned i = 0; i < CLOCK_TRIES && best_took_ns > CLOCK_NEAR_NS; i++) {
        int64_t before = clock_ns(CLOCK_MONOTONIC), real = clock_ns(CLOCK_REALTIME);
        int64_t took_ns = clock_ns(CLOCK_MONOTONIC) - before;
        if (took_ns < best_took_ns) {
            best_took_ns = took_ns;
            best_ns = real - before - took_ns / 2;
        }
    }
    return best_ns;
}

#endif
