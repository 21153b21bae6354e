/*
 * A number alone says little: numbers are used again, and mean something else after a boot
 * and in another pid namespace. So: the same boot, the same namespace, a process of that
 * number, and one that had started when the file was made.
 */
#include "liveness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "place.h"
#include "proc_stat.h"

/* False: that process is not to be seen. */
static bool started_at(int pid, uint64_t *boot_ns, bool *ended)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (place_read_text(path, text, sizeof text) <= 0)
        return false;
    const char *state = proc_stat_field(text, STAT_STATE);
    const char *threads = proc_stat_field(text, STAT_THREADS);
    const char *started = proc_stat_field(text, STAT_STARTED);
    long ticks = sysconf(_SC_CLK_TCK);
    if (started == NULL || ticks <= 0)
        return false;
    /* Its main thread may have ended while others live on. */
    *ended = (*state == 'Z' || *state == 'X') && strtoul(threads, NULL, 10) <= 1;
    *boot_ns = strtoull(started, NULL, 10) * (1000000000ull / (unsigned long)ticks);
    return true;
}

bool owner_is_alive(const struct spool_header *h, int own_pid, bool *foreign)
{
    char boot_id[SPOOL_BOOT_ID_BYTES + 1];
    uint64_t boot_ns = 0;
    bool ended = false;
    *foreign = false;
    if (h->placed) {
        if (place_read_boot_id(boot_id) && strcmp(boot_id, h->boot_id) != 0)
            return false;
        ino_t pids = place_pid_namespace();
        *foreign = pids != 0 && pids != h->pid_namespace;
        if (*foreign)
            return false;
    }
    if (h->pid <= 0 || h->pid == own_pid)
        return false;
    if (started_at(h->pid, &boot_ns, &ended))
        return !ended && boot_ns <= h->created_boot_ns;
    return syscall(SYS_kill, h->pid, 0) == 0 || errno != ESRCH;
}
