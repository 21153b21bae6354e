/*
 * Marks for step.c: MARK() before and after what is counted. Only a program that
 * runs under `step` may execute them (BENCH_STEP is set then).
 */
#ifndef OTELSHIM_BENCH_MARK_H
#define OTELSHIM_BENCH_MARK_H

#include <stdint.h>
#include <time.h>

#define MARK() __asm__ volatile("int3" ::: "memory")

static inline uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
