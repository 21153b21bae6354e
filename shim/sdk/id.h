/*
 * Trace and span ids: 64 random bits at a time from the thread's own generator.
 */
#ifndef OTELSHIM_SDK_ID_H
#define OTELSHIM_SDK_ID_H

#include "call.h"

/* Seeds the thread's generator from the kernel; called by id_random when needed. */
void id_seed(struct thread_state *t);

/* xoshiro256** (Blackman, Vigna): 256 bits of state, passes BigCrush, 5 ns. Not
 * for secrets: ids are public. Never 0. */
static inline uint64_t id_random(struct thread_state *t)
{
    uint64_t *s = t->random;
    if (unlikely((s[0] | s[1] | s[2] | s[3]) == 0))
        id_seed(t);
    for (;;) {
        uint64_t x = s[1] * 5;
        uint64_t result = ((x << 7) | (x >> 57)) * 9;
        uint64_t shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = (s[3] << 45) | (s[3] >> 19);
        if (likely(result != 0))
            return result;
    }
}

#endif
