/*
 * What the background thread asks of the process around it: its descriptors, its threads.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "process_state.h"
#include "worker_thread.h"

#define FILL_LEAST_DESCRIPTORS 32 /* libcurl needs up to ten */

/* Whether the user sends spans to the program's stdout. */
static bool exports_to_stdout(void)
{
    return (config->exporters & EXPORTER_OTLP_STDOUT) ||
           ((config->exporters & EXPORTER_OTLP_FILE) && strcmp(config->file.path, "-") == 0);
}

/* What a library, or the program's malloc, says on this thread goes to descriptor 2, and must not go into
 * a file or a socket of ours, which would get the lowest numbers. Without /dev/null (a chroot), or where
 * descriptors are few, it is as it is. */
static void fill(unsigned free)
{
    if (sysconf(_SC_OPEN_MAX) < FILL_LEAST_DESCRIPTORS)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
    while (fd >= 0 && --free > 0)
        fd = (int)syscall(SYS_dup, fd);
}

/* ThreadSanitizer knows one table of descriptors for all threads, and would take ours for the program's
 * of the same number: with it (make tsan) ours begin above. */
static bool begin_above(unsigned free)
{
    fill(free);
#ifdef __SANITIZE_THREAD__
    int null = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
    for (int fd = 3; fd < 256; fd++)
        syscall(SYS_dup2, null, fd);
#endif
    return true;
}

/* What we need of the program's fds: stderr for the console and our log, stdout where
 * the user says so. False: the table is the program's still. */
bool worker_leave_fds(void)
{
    bool kept[3] = { false, exports_to_stdout(),
                     (config->exporters & EXPORTER_CONSOLE) ||
                         (config->log_level_set && config->log_file == NULL) };
    unsigned free = 3u - kept[1] - kept[2];
    if (free == 3 && syscall(SYS_close_range, 0u, ~0u, CLOSE_RANGE_UNSHARE) == 0)
        return begin_above(free);
    if (unshare(CLONE_FILES) != 0)
        return false; /* a sandbox: then our fds are the program's, as few as we can */
    for (int fd = 0; fd < 3; fd++)
        if (!kept[fd])
            syscall(SYS_close, fd);
    if (syscall(SYS_close_range, 3u, ~0u, 0) == 0)
        return begin_above(free);
    long max = sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < (max > 0 && max < 65536 ? (int)max : 65536); fd++)
        syscall(SYS_close, fd);
    return begin_above(free);
}

unsigned worker_count_threads(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/task");
    if (dir == NULL)
        return UINT_MAX; /* unknown: assume that the program lives */
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* What the ended main thread gave to the kernel, 0 if that is not to be had: field 52
 * of its stat. */
int worker_main_thread_exit_code(void)
{
    char text[1024], path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", process_state->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    const char *last = strrchr(text, ' '); /* it is the last field */
    return last != NULL ? (int)(strtoul(last + 1, NULL, 10) >> 8 & 0xff) : 0;
}
