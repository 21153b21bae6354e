/*
 * The processor's own counter, for intervals that are too many to ask the clock
 * for: 10 ns a read instead of 25. Only differences taken on the way of one
 * operation mean anything; ticks_to_ns() compares them with the clock's pace
 * since the process's first use. May be read wherever clock_mono_ns() may.
 */
#ifndef OTELSHIM_SDK_TICKS_H
#define OTELSHIM_SDK_TICKS_H

#include <stdatomic.h>
#include <stdint.h>

#include "sdk/span.h"

static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return clock_mono_ns();
#endif
}

/* Where the counter and the clock stood at the first use. */
struct ticks_base {
    _Atomic uint64_t ticks; /* 0: not taken yet; any thread, the first one wins */
    _Atomic uint64_t mono_ns;
};

/* Takes the base if there is none; the sooner, the better the pace is known. */
static inline void ticks_begin(struct ticks_base *base)
{
    uint64_t none = 0;
    if (atomic_load_explicit(&base->mono_ns, memory_order_relaxed) == 0 &&
        atomic_compare_exchange_strong(&base->ticks, &none, ticks_now()))
        atomic_store_explicit(&base->mono_ns, clock_mono_ns(), memory_order_release);
}

/* An interval in ns. `mono_ns` is now. 0 when the pace is not known. */
static inline uint64_t ticks_to_ns(struct ticks_base *base, uint64_t ticks, uint64_t mono_ns)
{
    uint64_t base_ns = atomic_load_explicit(&base->mono_ns, memory_order_acquire);
    uint64_t elapsed = ticks_now() - atomic_load_explicit(&base->ticks, memory_order_relaxed);
    if (base_ns == 0 || mono_ns <= base_ns || (int64_t)elapsed <= 0)
        return 0;
    return (uint64_t)((double)ticks * ((double)(mono_ns - base_ns) / (double)elapsed));
}

#endif
