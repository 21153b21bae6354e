/* The process: ids, executable, when it began. Its arguments are nobody's business. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "detector.h"
#include "proc_stat.h"

#define SECONDS_PER_DAY 86400

/* gmtime without glibc's lock: the Gregorian date of a day since 1970-01-01. */
static void put_date(int64_t day, int *year, int *month, int *day_of_month)
{
    int64_t z = day + 719468, era = z / 146097, of_era = z % 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    *day_of_month = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

static void put_time(const struct detection *d, int64_t unix_ms)
{
    char text[64];
    int year, month, day;
    int64_t seconds = unix_ms / 1000, of_day = seconds % SECONDS_PER_DAY;
    put_date(seconds / SECONDS_PER_DAY, &year, &month, &day);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
             (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60),
             (int)(unix_ms % 1000));
    detected_string(d, "process.creation.time", text);
}

static int64_t ms_of(struct timespec now)
{
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * When the machine was booted. Asked of the kernel: libfaketime answers for both clocks with one time
 * of day. What it says of the time of day alone stays in force, spans have it as well.
 */
static int64_t boot_unix_ms(void)
{
    struct timespec now = { 0 }, since_boot = { 0 };
    clock_gettime(CLOCK_REALTIME, &now);
    syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &since_boot);
    return ms_of(now) - ms_of(since_boot);
}

static void find_creation_time(const struct detection *d)
{
    size_t len;
    long ticks = sysconf(_SC_CLK_TCK);
    char *stat = detection_read(d, "/proc/self/stat", &len);
    const char *at = stat ? proc_stat_field(stat, STAT_STARTED) : NULL;
    if (at && ticks > 0) {
        int64_t since_boot_ms = strtoll(at, NULL, 10) * 1000 / ticks;
        put_time(d, boot_unix_ms() + since_boot_ms);
    }
    free(stat);
}

static void find_executable(const struct detection *d)
{
    char path[PATH_MAX], link[PATH_MAX];
    if (snprintf(link, sizeof link, "%s/proc/self/exe", d->root) >= PATH_MAX)
        return;
    ssize_t n = readlink(link, path, sizeof path);
    if (n > 0 && (size_t)n < sizeof path)
        detected_text(d, "process.executable.path", path, (size_t)n);
}

static void detect(const struct detection *d)
{
    detected_number(d, "process.pid", d->host->pid);
    detected_number(d, "process.parent_pid", getppid());
    if (d->host->executable_name)
        detected_string(d, "process.executable.name", d->host->executable_name);
    find_executable(d);
    find_creation_time(d);
}

const struct detector detect_process = { "process", DETECT_PROCESS, detect };
