/*
 * The seed of a thread's ids: from the kernel; where it has none yet, mixed from clock and
 * thread. And trace ids that begin with the time.
 */
#include "sdk/id.h"
#include "layout.h"

#include <endian.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

AT_START void id_seed(struct thread_state *t)
{
    int saved_errno = errno;
    /* GRND_NONBLOCK: early at boot there may be no entropy yet; never wait for it. */
    if (syscall(SYS_getrandom, t->random, sizeof t->random, 1) != (long)sizeof t->random) {
        uint64_t mix =
            clock_mono_ns() ^ (uint64_t)(uintptr_t)t ^ (uint64_t)syscall(SYS_gettid) << 32;
        for (unsigned i = 0; i < COUNT(t->random); i++) {
            mix =
                (mix ^ (mix >> 30)) * 0xbf58476d1ce4e5b9ull + 0x9e3779b97f4a7c15ull; /* splitmix */
            t->random[i] = mix ^ (mix >> 31);
        }
    }
    t->random[0] |= t->random[0] == 0;
    errno = saved_errno;
}

void id_put_time(uint64_t ids[static 3])
{
    struct timespec now = { 0, 0 };
    clock_gettime(CLOCK_REALTIME, &now);
    uint32_t seconds = htobe32((uint32_t)now.tv_sec);
    memcpy(ids, &seconds, sizeof seconds);
}
