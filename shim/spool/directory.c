/*
 * Where spool files lie, and whether they may: a directory that nobody else can write to,
 * or read. Raw system calls: hooks must not see them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spool.h"

bool spool_is_wanted(const struct config *c)
{
    bool to_terminal = (c->exporters & (EXPORTER_CONSOLE | EXPORTER_OTLP_STDOUT)) ||
                       ((c->exporters & EXPORTER_OTLP_FILE) && strcmp(c->file.path, "-") == 0);
    return c->exporters != 0 && !to_terminal &&
           (c->spool_dir == NULL || strcmp(c->spool_dir, "none") != 0);
}

/* FNV-1a, with the end of each text as a byte of its own. */
static void mix(uint64_t *hash, const char *text)
{
    for (text = text != NULL ? text : ""; *text != '\0'; text++)
        *hash = (*hash ^ (unsigned char)*text) * 1099511628211u;
    *hash *= 1099511628211u;
}

uint64_t spool_destination(const struct config *c)
{
    uint64_t hash = 14695981039346656037u ^ c->exporters ^ (uint64_t)c->otlp.protocol << 32;
    if (c->exporters & EXPORTER_OTLP) {
        mix(&hash, c->otlp.traces_url);
        mix(&hash, c->otlp.unix_path);
        for (unsigned i = 0; i < c->otlp.nr_headers; i++) {
            mix(&hash, c->otlp.headers[i].key);
            mix(&hash, c->otlp.headers[i].value);
        }
    }
    if (c->exporters & EXPORTER_OTLP_FILE)
        mix(&hash, c->file.path);
    if (c->exporters & EXPORTER_ZIPKIN)
        mix(&hash, c->zipkin.url);
    mix(&hash, c->exporter_plugins);
    return hash;
}

static int open_directory(const char *path)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
}

/* One candidate. Another user's of the same name, or one that others can write to, is none. */
static int try(const char *path, uid_t uid, const char **fault)
{
    struct stat is;
    int fd = open_directory(path);
    if (fd < 0 && errno == ENOENT) {
        /* Another thread or process may be faster. */
        if (syscall(SYS_mkdirat, AT_FDCWD, path, 0700) == 0 || errno == EEXIST)
            fd = open_directory(path);
    }
    *fault = "its directory cannot be opened";
    if (fd < 0)
        return -1;
    if (syscall(SYS_newfstatat, fd, "", &is, AT_EMPTY_PATH) == 0 && is.st_uid == uid &&
        (is.st_mode & 077) == 0)
        return fd;
    syscall(SYS_close, fd);
    *fault = "its directory is not ours alone";
    errno = EPERM;
    return -1;
}

int spool_open_directory(const struct config *c, char path[static SPOOL_DIR_MAX],
                         const char **fault)
{
    static const char *const places[] = { "/dev/shm", "/tmp" };
    uid_t uid = (uid_t)syscall(SYS_geteuid);
    int fd = -1;
    if (c->spool_dir != NULL) {
        size_t len = strnlen(c->spool_dir, SPOOL_DIR_MAX);
        *fault = "OTEL_SHIM_SPOOL_DIR is no absolute path of less than 200 bytes";
        errno = EINVAL;
        if (c->spool_dir[0] != '/' || len == SPOOL_DIR_MAX)
            return -1;
        memcpy(path, c->spool_dir, len + 1);
        return try(path, uid, fault);
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0] && fd < 0; i++) {
        snprintf(path, SPOOL_DIR_MAX, "%s/otelshim-%u", places[i], uid);
        fd = try(path, uid, fault);
    }
    return fd;
}
