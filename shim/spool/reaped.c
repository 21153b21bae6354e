/*
 * A few words between the wait hooks and the worker: pid in the upper half, signal in the
 * lower, 0 = free.
 */
#include "reaped.h"

#include <stdatomic.h>

#include "sdk/span.h"

/* Any thread writes, the worker takes; zeroed in a forked child. */
static struct {
    _Atomic uint64_t word, mono_ns;
} entries[REAPED_MAX];
static atomic_uint next;

void reaped_note(int pid, int signal)
{
    unsigned at = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % REAPED_MAX;
    atomic_store_explicit(&entries[at].mono_ns, clock_mono_ns(), memory_order_relaxed);
    /* Pairs with reaped_take's acquire: the time is there before. */
    atomic_store_explicit(&entries[at].word, (uint64_t)(uint32_t)pid << 32 | (uint32_t)signal,
                          memory_order_release);
}

bool reaped_waits(void)
{
    for (unsigned i = 0; i < REAPED_MAX; i++)
        if (atomic_load_explicit(&entries[i].word, memory_order_relaxed) != 0)
            return true;
    return false;
}

bool reaped_take(struct reaped *out)
{
    for (unsigned i = 0; i < REAPED_MAX; i++) {
        uint64_t word = atomic_exchange_explicit(&entries[i].word, 0, memory_order_acquire);
        if (word == 0)
            continue;
        *out = (struct reaped){ .pid = (int)(word >> 32),
                                .signal = (int)(uint32_t)word,
                                .mono_ns = atomic_load_explicit(&entries[i].mono_ns,
                                                                memory_order_relaxed) };
        return true;
    }
    return false;
}

void reaped_fork_child(void)
{
    for (unsigned i = 0; i < REAPED_MAX; i++)
        atomic_store_explicit(&entries[i].word, 0, memory_order_relaxed);
}
