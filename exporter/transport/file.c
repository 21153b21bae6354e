/*
 * The transport of file.h. A regular file takes a line in one write. A pipe, socket or
 * terminal may be slow, and nobody may wait for it under the lock: it gets as much at a
 * time as it can take at once.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_MODE 0600 /* spans are for their user's eyes */

static bool is_stdout(const struct file *file)
{
    return strcmp(file->path, "-") == 0;
}

/* The absolute path, and the one of the file before. False: too long. */
static bool find_paths(struct file *file)
{
    char directory[PATH_MAX] = "";
    size_t room = sizeof file->absolute;
    if (file->path[0] != '/' && !getcwd(directory, sizeof directory))
        return false;
    int len =
        snprintf(file->absolute, room, "%s%s%s", directory, *directory ? "/" : "", file->path);
    if (len < 0 || (size_t)len >= room)
        return false;
    snprintf(file->rotated, sizeof file->rotated, "%s.1", file->absolute);
    return true;
}

static bool set_fd(struct file *file, int fd)
{
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        return false;
    file->fd = fd;
    file->is_regular = S_ISREG(info.st_mode);
    return true;
}

/* Not blocking: a FIFO without a reader is an error, not a wait. */
static bool open_file(struct file *file)
{
    return set_fd(file, open(file->absolute,
                             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                             FILE_MODE));
}

static bool file_open(void *self)
{
    struct file *file = self;
    file->fd = -1;
    file->written = 0;
    file->cut = false;
    bool good =
        is_stdout(file) ? set_fd(file, file->host->stdout_fd) : find_paths(file) && open_file(file);
    if (!good)
        file->host->log(LOG_ERROR, "%.256s cannot be written: spans are not exported",
                        is_stdout(file) ? "stdout" : file->path);
    return good;
}

/* A new batch: nothing of it is written yet. Of the one before a part may be, if it was given up. */
static bool file_pack(void *self, struct body *body)
{
    struct file *file = self;
    (void)body;
    file->written = 0;
    return true;
}

static void file_start(void *self, const struct body *body, uint64_t now_ns, uint64_t deadline_ns)
{
    struct file *file = self;
    (void)now_ns, (void)deadline_ns;
    file->body = body;
}

/* ---- rotation ---- */

/* Whether the path is our file still: another process may have rotated it. */
static bool path_is_ours(const struct file *file, struct stat *ours)
{
    struct stat named;
    return fstat(file->fd, ours) == 0 && stat(file->absolute, &named) == 0 &&
           named.st_dev == ours->st_dev && named.st_ino == ours->st_ino;
}

/* One process moves the file away: the one that holds its lock and sees that it is there
 * still. A holder may be stopped: the others go on writing, and from twice the size on do not
 * ask for the lock any more. */
static void move_away(struct file *file)
{
    struct stat ours;
    bool locked = flock(file->fd, LOCK_EX | LOCK_NB) == 0;
    if (!path_is_ours(file, &ours) || (!locked && (uint64_t)ours.st_size / 2 < file->max_bytes))
        return;
    if (rename(file->absolute, file->rotated) != 0 && errno != ENOENT)
        file->host->log(LOG_WARN, "%.256s cannot be rotated: it grows on", file->absolute);
}

/* Before the first byte of a line: makes the file one that the line fits in. */
static bool prepare(struct file *file)
{
    struct stat ours;
    if (!file->is_regular || is_stdout(file) || file->written > 0)
        return true;
    bool named = path_is_ours(file, &ours);
    uint64_t after = (uint64_t)ours.st_size + file->body->bytes + 1;
    if (named && (ours.st_size == 0 || after <= file->max_bytes))
        return true;
    if (named)
        move_away(file);
    int old = file->fd;
    if (!open_file(file)) {
        file->fd = old;
        return false;
    }
    close(old);
    file->cut = false;
    return true;
}

/* ---- writing ---- */

static bool has_room(const struct file *file)
{
    struct pollfd fd = { .fd = file->fd, .events = POLLOUT };
    return file->is_regular || poll(&fd, 1, 0) > 0;
}

/* The rest of the line, or what a pipe takes at once. */
static ssize_t write_some(const struct file *file)
{
    static char newline[] = "\n";
    const struct body *body = file->body;
    size_t done = file->written < body->bytes ? file->written : body->bytes;
    struct iovec parts[2] = { { body->data + done, body->bytes - done }, { newline, 1 } };
    if (file->is_regular)
        return writev(file->fd, parts, 2);
    if (parts[0].iov_len == 0)
        return write(file->fd, newline, 1);
    return write(file->fd, parts[0].iov_base,
                 parts[0].iov_len < PIPE_BUF ? parts[0].iov_len : PIPE_BUF);
}

/* After a line that was given up in its middle: the next one is to stand by itself. */
static ssize_t end_cut_line(struct file *file)
{
    ssize_t n = write(file->fd, "\n", 1);
    if (n == 1)
        file->cut = false;
    return n;
}

/* A disk that is full has taken a part of the line: away with it, unless another process has
 * written behind it. Not on stdout, which is the program's. */
static void take_back(struct file *file)
{
    struct stat now;
    if (!file->cut || !file->is_regular || is_stdout(file))
        return;
    off_t end = lseek(file->fd, 0, SEEK_CUR), part = (off_t)file->written;
    if (end >= part && fstat(file->fd, &now) == 0 && now.st_size == end)
        file->cut = ftruncate(file->fd, end - part) != 0;
    file->written = 0;
}

static bool fail(struct file *file, struct answer *answer)
{
    answer->verdict = VERDICT_RETRY;
    answer->why = file->why;
    snprintf(file->why, sizeof file->why, "%s cannot be written (error %d)",
             is_stdout(file) ? "stdout" : "the file", errno);
    take_back(file);
    return true;
}

static bool file_step(void *self, uint64_t now_ns, struct answer *answer)
{
    struct file *file = self;
    (void)now_ns;
    if (!prepare(file))
        return fail(file, answer);
    while (file->written <= file->body->bytes) {
        if (!has_room(file))
            return false;
        bool ends_another = file->cut && file->written == 0;
        ssize_t n = ends_another ? end_cut_line(file) : write_some(file);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (n < 0)
            return fail(file, answer);
        file->host->progress();
        if (ends_another)
            continue;
        file->written += (size_t)n;
        file->cut = file->written <= file->body->bytes;
    }
    answer->verdict = VERDICT_DELIVERED;
    return true;
}

static uint64_t file_due_at(void *self, uint64_t now_ns)
{
    (void)self, (void)now_ns;
    return UINT64_MAX;
}

static unsigned file_fds(void *self, struct pollfd *fds, unsigned max)
{
    const struct file *file = self;
    if (max == 0)
        return 0;
    fds[0] = (struct pollfd){ .fd = file->fd, .events = POLLOUT };
    return 1;
}

struct transport file_transport(struct file *file)
{
    static const struct transport_ops ops = {
        .open = file_open,
        .pack = file_pack,
        .start = file_start,
        .step = file_step,
        .due_at = file_due_at,
        .fds = file_fds,
    };
    return (struct transport){ &ops, file };
}
