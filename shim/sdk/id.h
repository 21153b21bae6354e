/*
 * Trace and span ids: 64 random bits at a time from the thread's own generator.
 */
#ifndef OTELSHIM_SDK_ID_H
#define OTELSHIM_SDK_ID_H

#include "call.h"

/* Seeds the thread's generator from the kernel; called by id_random when needed. */
void id_seed(struct thread_state *t);

/* xoroshiro128++ (Blackman, Vigna): passes BigCrush. Not for secrets: ids are
 * public. The state must not be all zero, and never becomes so. */
static inline uint64_t id_next(uint64_t s[static 2])
{
    uint64_t s0 = s[0], s1 = s[1] ^ s[0], sum = s[0] + s[1];
    s[0] = ((s0 << 49) | (s0 >> 15)) ^ s1 ^ (s1 << 21);
    s[1] = (s1 << 28) | (s1 >> 36);
    return ((sum << 17) | (sum >> 47)) + s0;
}

/* Looks at one word: should it ever be 0 by chance, another seed does no harm. */
static inline void id_be_seeded(struct thread_state *t)
{
    if (unlikely(t->random[0] == 0))
        id_seed(t);
}

/* A span id: never 0. */
static inline uint64_t id_random(struct thread_state *t)
{
    uint64_t id;
    id_be_seeded(t);
    do
        id = id_next(t->random);
    while (unlikely(id == 0));
    return id;
}

/* Puts the time of day in front of a new trace id, as AWS X-Ray wants it; the rest of it
 * is random all the same, which is what the W3C's random flag asks for. */
void id_put_time(uint64_t ids[static 3]);

/* A trace id (never 0 in its second half, which samplers look at) and a span id
 * (never 0) of a new root; the state stays in registers. */
static inline void id_random_root(struct thread_state *t, uint64_t ids[static 3])
{
    uint64_t s[2];
    id_be_seeded(t);
    memcpy(s, t->random, sizeof s);
    do {
        ids[0] = id_next(s);
        ids[1] = id_next(s);
        ids[2] = id_next(s);
    } while (unlikely(ids[1] == 0 || ids[2] == 0));
    memcpy(t->random, s, sizeof s);
}

#endif
