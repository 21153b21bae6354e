/*
 * Drop counters and our own log.
 */
#include "diag.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

/* Bounds, rows in docs/LIMITS.md: one line of our log, with its newline; lines about mistakes in
 * the configuration (a list of 64 KB can hold 32,768 of them). */
#define LOG_LINE_MAX 512
#define DIAG_MAX_MISTAKES 32u

/* Told so far. Constructor only; the command `otelshim` has one thread. */
static unsigned mistakes;

/* Added to by any thread, read by the worker and at exit; relaxed: plain counts.
 * A forked child starts from zero (diag_fork_child). */
static _Atomic uint64_t drops[DROP_COUNT];

static const char *const reason_names[DROP_COUNT] = {
#define X(id, text) text,
    DROP_REASONS(X)
#undef X
};

void diag_drop(enum drop_reason reason, uint64_t n)
{
    atomic_fetch_add_explicit(&drops[reason], n, memory_order_relaxed);
}

uint64_t diag_dropped(enum drop_reason reason)
{
    return atomic_load_explicit(&drops[reason], memory_order_relaxed);
}

const char *diag_drop_name(enum drop_reason reason)
{
    return reason_names[reason];
}

/* As above. */
static _Atomic uint64_t details[DETAIL_COUNT];

static const char *const detail_names[DETAIL_COUNT] = {
#define X(id, text) text,
    DETAIL_REASONS(X)
#undef X
};

void diag_detail(enum detail_reason reason)
{
    atomic_fetch_add_explicit(&details[reason], 1, memory_order_relaxed);
}

uint64_t diag_details(enum detail_reason reason)
{
    return atomic_load_explicit(&details[reason], memory_order_relaxed);
}

const char *diag_detail_name(enum detail_reason reason)
{
    return detail_names[reason];
}

void diag_fork_child(void)
{
    for (int i = 0; i < DETAIL_COUNT; i++)
        atomic_store_explicit(&details[i], 0, memory_order_relaxed);
    for (int i = 0; i < DROP_COUNT; i++)
        atomic_store_explicit(&drops[i], 0, memory_order_relaxed);
}

/*
 * write(2) to a stranger's stderr or disk, without the signals it can raise: a
 * reader that left (SIGPIPE), a file over RLIMIT_FSIZE (SIGXFSZ). Raw system
 * calls: the program may have replaced everything else.
 */
static void write_quietly(int fd, const char *line, size_t len)
{
    uint64_t quiet = (1ull << (SIGPIPE - 1)) | (1ull << (SIGXFSZ - 1)), before;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &quiet, &before, sizeof before);
    if (syscall(SYS_write, fd, line, len) < 0 && (errno == EPIPE || errno == EFBIG)) {
        uint64_t ours = quiet & ~before; /* a signal that was blocked before may stay pending */
        static const struct timespec now = { 0, 0 };
        while (ours != 0 && syscall(SYS_rt_sigtimedwait, &ours, NULL, &now, sizeof ours) > 0)
            continue;
    }
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static void write_line(const char *line, size_t len, const char *file)
{
    int fd = 2;
    if (file != NULL) {
        fd = (int)syscall(SYS_openat, AT_FDCWD, file,
                          O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
            return;
    }
    write_quietly(fd, line, len);
    if (file != NULL)
        syscall(SYS_close, fd);
}

static void __attribute__((format(printf, 3, 0)))
log_line(const char *level, const char *file, const char *format, va_list args)
{
    char line[LOG_LINE_MAX];
    int saved_errno = errno;
    int n = snprintf(line, sizeof line, "otelshim[%d]: %s: ", (int)syscall(SYS_getpid), level);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    size_t len = strnlen(line, sizeof line - 2);
    if (n > 0 && m >= 0) {
        line[len++] = '\n';
        write_line(line, len, file);
    }
    errno = saved_errno;
}

void diag_log(enum log_level level, const char *format, ...)
{
    static const char *const names[] = { "", "error", "warn", "info", "debug", "trace" };
    if (config == NULL || level > config->log_level ||
        (config->log_file == NULL && !config->log_level_set))
        return;
    va_list args;
    va_start(args, format);
    log_line(names[level], config->log_file, format, args);
    va_end(args);
}

static void __attribute__((format(printf, 1, 2))) log_mistake(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line("config", config != NULL ? config->log_file : NULL, format, args);
    va_end(args);
}

void diag_config_mistake(const char *format, ...)
{
    if (mistakes++ >= DIAG_MAX_MISTAKES) {
        if (mistakes == DIAG_MAX_MISTAKES + 1)
            log_mistake("more mistakes than %u; the others are not told", DIAG_MAX_MISTAKES);
        return;
    }
    va_list args;
    va_start(args, format);
    log_line("config", config != NULL ? config->log_file : NULL, format, args);
    va_end(args);
}
