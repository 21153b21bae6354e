/*
 * A number alone says little: numbers are used again, and mean something else after a boot
 * and in another pid namespace. So: the same boot, the same namespace, a process of that
 * number, and one that had started when the file was made.
 */
#include "liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STARTTIME_FIELD 22 /* of /proc/PID/stat, in clock ticks since boot */
#define STATE_FIELD 3
#define THREADS_FIELD 20

static ssize_t read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

/* The name of the program, in brackets, may hold anything: fields are counted behind it.
 * False: that process is not to be seen. */
static bool started_at(int pid, uint64_t *boot_ns, bool *ended)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_text(path, text, sizeof text) <= 0)
        return false;
    const char *at = strrchr(text, ')');
    long ticks = sysconf(_SC_CLK_TCK);
    if (at == NULL || ticks <= 0 || at[1] != ' ')
        return false;
    *ended = at[2] == 'Z' || at[2] == 'X';
    for (int field = STATE_FIELD - 1; at != NULL && field < STARTTIME_FIELD; field++) {
        if (field == THREADS_FIELD && strtoul(at, NULL, 10) > 1)
            *ended = false; /* its main thread has, others live on */
        at = strchr(at + 1, ' ');
    }
    if (at == NULL)
        return false;
    *boot_ns = strtoull(at, NULL, 10) * (1000000000ull / (unsigned long)ticks);
    return true;
}

bool owner_is_alive(const struct spool_header *h, int own_pid, bool *foreign)
{
    char boot_id[SPOOL_BOOT_ID_BYTES + 1];
    struct stat is;
    uint64_t boot_ns = 0;
    bool ended = false;
    *foreign = false;
    if (h->placed) {
        if (read_text("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id) > 0 &&
            strcmp(boot_id, h->boot_id) != 0)
            return false;
        *foreign = stat("/proc/self/ns/pid", &is) == 0 && is.st_ino != h->pid_namespace;
        if (*foreign)
            return false;
    }
    if (h->pid <= 0 || h->pid == own_pid)
        return false;
    if (started_at(h->pid, &boot_ns, &ended))
        return !ended && boot_ns <= h->created_boot_ns;
    return syscall(SYS_kill, h->pid, 0) == 0 || errno != ESRCH;
}
