/*
 * OTEL_SHIM_RUN_ID: what all processes of one run have in common. The first process that has
 * none makes one; children get it by environment (context/env.c). Constructor only.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "load.h"

#define RANDOM_BYTES 16u
#define NAME_BYTES (sizeof CONFIG_RUN_ID - 1)

/* From the kernel; where it has none yet (early at boot), from clock and pid: an id that
 * differs from those of other runs, no secret. */
static void fill_random(unsigned char bytes[static RANDOM_BYTES])
{
    int saved_errno = errno;
    if (syscall(SYS_getrandom, bytes, RANDOM_BYTES, 1 /* GRND_NONBLOCK */) != RANDOM_BYTES) {
        struct timespec now = { 0, 0 };
        int pid = (int)syscall(SYS_getpid);
        clock_gettime(CLOCK_REALTIME, &now);
        memcpy(bytes, &now.tv_sec, 8);
        memcpy(bytes + 8, &now.tv_nsec, 4);
        memcpy(bytes + 12, &pid, 4);
    }
    errno = saved_errno;
}

static void put_random(char *to)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[RANDOM_BYTES];
    fill_random(bytes);
    for (unsigned i = 0; i < RANDOM_BYTES; i++) {
        to[2 * i] = hex[bytes[i] >> 4];
        to[2 * i + 1] = hex[bytes[i] & 15];
    }
}

void run_id_settle(struct config *c)
{
    bool random = c->run_id == NULL, none = !random && strcmp(c->run_id, "none") == 0;
    if (random && c->exporters == 0)
        return;
    size_t len = random ? (size_t)2 * RANDOM_BYTES : strlen(c->run_id);
    char *entry = arena_alloc(NAME_BYTES + 1 + len + 1);
    if (entry == NULL)
        return;
    memcpy(entry, CONFIG_RUN_ID "=", NAME_BYTES + 1);
    if (random)
        put_random(entry + NAME_BYTES + 1);
    else
        memcpy(entry + NAME_BYTES + 1, c->run_id, len);
    c->run_entry = entry;
    c->run_id = none ? NULL : entry + NAME_BYTES + 1;
}
