/*
 * Raw system calls, for the program's threads and the worker alike; errno is the caller's.
 */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t place_read_text(const char *path, char *text, size_t size)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    ssize_t n = fd >= 0 ? syscall(SYS_read, fd, text, size - 1) : -1;
    if (fd >= 0)
        syscall(SYS_close, fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

bool place_read_boot_id(char out[static SPOOL_BOOT_ID_BYTES + 1])
{
    return place_read_text("/proc/sys/kernel/random/boot_id", out, SPOOL_BOOT_ID_BYTES + 1) ==
           SPOOL_BOOT_ID_BYTES;
}

ino_t place_pid_namespace(void)
{
    struct stat is;
    return syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &is, 0) == 0 ? is.st_ino : 0;
}

void place_say(struct spool_header *h)
{
    char boot_id[SPOOL_BOOT_ID_BYTES + 1];
    ino_t pids = place_pid_namespace();
    if (pids == 0 || !place_read_boot_id(boot_id))
        return;
    memcpy(h->boot_id, boot_id, sizeof boot_id);
    h->pid_namespace = pids;
    atomic_store_explicit(&h->placed, 1, memory_order_release);
}

bool place_allocate(int fd, uint64_t at, uint64_t bytes)
{
    struct rlimit limit;
    if (syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) != 0 || limit.rlim_cur < at + bytes) {
        errno = EFBIG;
        return false;
    }
    return syscall(SYS_fallocate, fd, 0, at, bytes) == 0;
}
