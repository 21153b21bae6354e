/*
 * Leftovers: the directory, the claim, the account.
 */
#include "recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "identity.h"
#include "leftover.h"
#include "liveness.h"
#include "spool.h"

struct recovery_totals recovery_totals;
struct exporter_account recovery_account;

/* The worker's, or the command's only thread's; a forked child forgets it. */
static struct {
    struct leftover file; /* in hand, with `open` */
    bool open;
    char name[SPOOL_PATH_MAX];
    int directory;    /* while a file is in hand */
    uint64_t handed;  /* of it to the exporter, with what an earlier claimer had delivered */
    uint64_t to_skip; /* of what that one had */
    uint64_t failed;  /* what had failed before the records under way were handed over */
    const struct record *held; /* that the exporter had no room for, with what reads its times */
    bool has_looked;
    ino_t own;
    uint64_t own_since_boot_ns; /* 0: none of this process's number is its own */
} now = { .directory = -1 };

/* Files that are sent and still there: they could not be removed. The newest of them. */
#define SENT_MAX 64u
static struct {
    ino_t inodes[SENT_MAX];
    unsigned nr;
} sent;

void recovery_fork_child(void)
{
    memset(&sent, 0, sizeof sent);
    memset(&now, 0, sizeof now);
    now.directory = -1;
    memset(&recovery_totals, 0, sizeof recovery_totals);
    memset(&recovery_account, 0, sizeof recovery_account);
}

/* ---- one candidate ---- */

/* All of it is sent, but its name cannot be taken away: never again by us. */
static void remember_sent(int fd)
{
    struct stat is;
    if (fstat(fd, &is) == 0)
        sent.inodes[sent.nr++ % SENT_MAX] = is.st_ino;
}

static bool was_sent(ino_t inode)
{
    for (unsigned i = 0; i < sent.nr && i < SENT_MAX; i++)
        if (sent.inodes[i] == inode)
            return true;
    return false;
}

/* What a look at a file says. */
enum look {
    LOOK_NONE,   /* none of ours, or its process lives, or another has claimed it */
    LOOK_OTHERS, /* a leftover that we do not send: of another build, for elsewhere, or nonsense */
    LOOK_LEFTOVER,
};

/* Its maker has not written anything yet, or was killed before: only the name says whose it
 * is. */
static bool is_unborn(struct leftover *l, const char *name)
{
    static const char nothing[sizeof(struct spool_header)];
    int pid;
    unsigned long long boot_ns;
    if (memcmp((const char *)&l->header, nothing, sizeof nothing) != 0 ||
        sscanf(name, "%d-%16llx" SPOOL_SUFFIX, &pid, &boot_ns) != 2)
        return false;
    l->header.pid = pid;
    l->header.created_boot_ns = boot_ns;
    return true;
}

/* Claims `name` and fills `l`. Its descriptor stays open, and so the claim, unless the answer
 * is LOOK_NONE. */
static enum look look_at(int directory, const char *name, uint64_t destination, struct leftover *l,
                         struct stat *is)
{
    bool foreign = false;
    int fd = leftover_open_file(directory, name, is);
    if (fd < 0)
        return LOOK_NONE;
    if (is->st_ino == now.own || was_sent(is->st_ino)) {
        close(fd);
        return LOOK_NONE;
    }
    enum look found = LOOK_NONE;
    bool sound = leftover_open(l, fd);
    bool unborn = !sound && is_unborn(l, name);
    /* Our own, of which the worker does not know yet; by exec, another program's is older. */
    if ((sound || unborn) && now.own_since_boot_ns != 0 && !l->header.deferred &&
        l->header.pid == getpid() && l->header.created_boot_ns >= now.own_since_boot_ns)
        goto out;
    bool old = time(NULL) - is->st_mtime > RECOVERY_FOREIGN_AGE_S;
    if (!sound && !unborn && !old)
        goto out;
    /* Its exporter process knows better what it is called, but may be gone; the command takes it. */
    if (sound && l->header.reader == SPOOL_READ_BY_PROCESS && l->header.identity == 0 &&
        destination != 0 && !old)
        goto out;
    if ((sound || unborn) && (owner_is_alive(&l->header, getpid(), &foreign) || (foreign && !old)))
        goto out;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        goto out;
    /* Who had claimed it before may have removed it by now. */
    struct stat again;
    if (fstat(fd, &again) != 0 || again.st_nlink != 1)
        goto out;
    /* It may have lived when its header was read. */
    leftover_close(l);
    sound = leftover_open(l, fd);
    unborn = !sound && is_unborn(l, name);
    bool elsewhere = destination != 0 && l->header.destination != destination;
    found = unborn || (sound && !elsewhere) ? LOOK_LEFTOVER : LOOK_OTHERS;
out:
    if (found == LOOK_NONE) {
        leftover_close(l);
        close(fd);
    }
    return found;
}

static bool is_empty(struct leftover *l)
{
    uint64_t skip = l->header.recovered;
    const struct record *r;
    while ((r = leftover_next(l)) != NULL && skip > 0)
        skip--;
    return r == NULL;
}

/* ---- the directory ---- */

/* What ended processes have left there, oldest first. */
struct entry {
    char name[64];
    time_t modified;
    uint64_t bytes;
    bool ours; /* may be sent by us */
};

static int by_age(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->modified < y->modified ? -1 : x->modified > y->modified;
}

static bool is_spool_name(const char *name)
{
    size_t len = strlen(name), suffix = strlen(SPOOL_SUFFIX);
    return len > suffix && len < sizeof((struct entry *)0)->name &&
           strcmp(name + len - suffix, SPOOL_SUFFIX) == 0;
}

/* By its name alone: a header is believed only when the file was opened. */
static bool is_for_elsewhere(const char *name, uint64_t destination)
{
    int pid;
    unsigned long long boot_ns, where;
    return destination != 0 && sscanf(name, SPOOL_NAME, &pid, &boot_ns, &where) == 3 &&
           where != destination;
}

/* `all`: those for elsewhere, too. */
static void list(DIR *dir, struct entry *entries, unsigned *nr, uint64_t destination, bool all)
{
    static struct leftover l;
    int directory = dirfd(dir);
    for (struct dirent *e; *nr < RECOVERY_MAX_FILES && (e = readdir(dir)) != NULL;) {
        struct stat is;
        if (!is_spool_name(e->d_name) || (!all && is_for_elsewhere(e->d_name, destination)))
            continue;
        enum look found = look_at(directory, e->d_name, destination, &l, &is);
        if (found == LOOK_NONE)
            continue;
        struct entry *entry = &entries[*nr];
        strcpy(entry->name, e->d_name);
        entry->modified = is.st_mtime;
        entry->bytes = (uint64_t)is.st_blocks * 512;
        entry->ours = found == LOOK_LEFTOVER;
        if (found == LOOK_LEFTOVER && is_empty(&l)) {
            recovery_totals.corrupt += l.corrupt > 0;
            unlinkat(directory, e->d_name, 0);
        } else {
            ++*nr;
        }
        leftover_close(&l);
        close(l.fd); /* gives the claim back */
    }
}

/* Removes a leftover that nobody shall send any more, unless it was claimed meanwhile. */
static void expire(int directory, const struct entry *entry)
{
    static struct leftover l;
    struct stat is;
    if (look_at(directory, entry->name, 0, &l, &is) == LOOK_NONE)
        return;
    if (unlinkat(directory, entry->name, 0) == 0)
        recovery_totals.expired++;
    leftover_close(&l);
    close(l.fd);
}

unsigned recovery_look(const struct config *c, uint64_t destination)
{
    char path[SPOOL_DIR_MAX];
    const char *fault;
    unsigned nr = 0, waiting = 0;
    int fd = spool_is_wanted(c) ? spool_open_directory(c, path, &fault) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct entry *entries = dir != NULL ? malloc(RECOVERY_MAX_FILES * sizeof *entries) : NULL;
    if (entries == NULL) {
        if (dir != NULL)
            closedir(dir);
        else if (fd >= 0)
            close(fd);
        return 0;
    }
    bool all = now.has_looked || (unsigned)getpid() % RECOVERY_SWEEP_EVERY == 0;
    now.has_looked = true;
    list(dir, entries, &nr, destination, all);
    qsort(entries, nr, sizeof *entries, by_age);
    uint64_t bytes = 0;
    for (unsigned i = nr; i-- > 0;) {
        bytes += entries[i].bytes;
        if (bytes > c->spool_max_bytes ||
            time(NULL) - entries[i].modified > (time_t)c->spool_max_age_s)
            expire(dirfd(dir), &entries[i]);
        else
            waiting += entries[i].ours;
    }
    free(entries);
    closedir(dir);
    return waiting;
}

/* ---- a child that was reaped ---- */

/* In one write: both or nothing. */
static bool write_death(int fd, int signal, uint64_t mono_ns)
{
    unsigned char bytes[sizeof(uint64_t) + sizeof(int32_t)];
    int32_t number = signal;
    _Static_assert(offsetof(struct spool_header, signal) ==
                       offsetof(struct spool_header, reaped_mono_ns) + sizeof(uint64_t),
                   "they lie together");
    memcpy(bytes, &mono_ns, sizeof mono_ns);
    memcpy(bytes + sizeof mono_ns, &number, sizeof number);
    return pwrite(fd, bytes, sizeof bytes, offsetof(struct spool_header, reaped_mono_ns)) ==
           sizeof bytes;
}

unsigned recovery_reaped(const struct config *c, uint64_t destination, int pid, int signal,
                         uint64_t mono_ns)
{
    static struct leftover l;
    char path[SPOOL_DIR_MAX], prefix[16];
    const char *fault;
    unsigned found = 0;
    int fd = spool_is_wanted(c) ? spool_open_directory(c, path, &fault) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    size_t len = (size_t)snprintf(prefix, sizeof prefix, "%d-", pid);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        struct stat is;
        if (!is_spool_name(e->d_name) || strncmp(e->d_name, prefix, len) != 0)
            continue;
        enum look look = look_at(fd, e->d_name, destination, &l, &is);
        if (look == LOOK_NONE)
            continue;
        /* One that had been there before, by a process of the same number, has its own end. */
        if (l.header.pid == pid && l.header.reaped_mono_ns == 0 &&
            write_death(l.fd, signal, mono_ns))
            found += look == LOOK_LEFTOVER;
        leftover_close(&l);
        close(l.fd);
    }
    if (dir != NULL)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return found;
}

/* ---- one after another ---- */

/* Records that could not be sent, and may be later. */
static uint64_t has_failed(void)
{
    uint64_t failed = 0;
    for (int i = 0; i < DROP_COUNT; i++)
        if (i != DROP_REJECTED && i != DROP_TOO_LARGE)
            failed += atomic_load_explicit(&recovery_account.drops[i], memory_order_relaxed);
    return failed;
}

static void close_file(bool remove)
{
    if (!now.open)
        return;
    if (remove && unlinkat(now.directory, now.name, 0) != 0 && errno != ENOENT)
        remember_sent(now.file.fd);
    leftover_close(&now.file);
    close(now.file.fd);
    close(now.directory);
    now.open = false;
    now.directory = -1;
}

/* Claims the next file that may be sent to `destination`. */
static bool claim(const struct config *c, uint64_t destination)
{
    char path[SPOOL_DIR_MAX];
    const char *fault;
    int fd = spool_is_wanted(c) ? spool_open_directory(c, path, &fault) : -1;
    DIR *dir = fd >= 0 ? fdopendir(dup(fd)) : NULL;
    for (struct dirent *e; dir != NULL && !now.open && (e = readdir(dir)) != NULL;) {
        struct stat is;
        if (!is_spool_name(e->d_name) || is_for_elsewhere(e->d_name, destination))
            continue;
        enum look found = look_at(fd, e->d_name, destination, &now.file, &is);
        if (found == LOOK_LEFTOVER) {
            strcpy(now.name, e->d_name);
            now.directory = fd;
            now.open = true;
            now.handed = now.file.header.recovered;
            now.to_skip = now.file.header.recovered;
            now.failed = has_failed();
            now.held = NULL;
        } else if (found != LOOK_NONE) {
            leftover_close(&now.file);
            close(now.file.fd);
        }
    }
    if (dir != NULL)
        closedir(dir);
    if (!now.open && fd >= 0)
        close(fd);
    return now.open;
}

void recovery_stop(void)
{
    close_file(false);
}

void recovery_spare(ino_t own, uint64_t since_boot_ns)
{
    now.own = own;
    now.own_since_boot_ns = since_boot_ns;
}

/* What was handed over is delivered or refused: it is not to be sent again by anybody. Where that cannot
 * be kept (a full or read-only file system, RLIMIT_FSIZE) we go on by what we know ourselves: who ended
 * here would be followed by one that sends all of it again, and ends here. False: it was not. */
static bool settle(void)
{
    if (!now.open || has_failed() > now.failed)
        return !now.open;
    if (now.handed == now.file.header.recovered)
        return true;
    now.file.header.recovered = now.handed;
    ssize_t kept = pwrite(now.file.fd, &now.handed, sizeof now.handed,
                          offsetof(struct spool_header, recovered));
    (void)kept;
    return true;
}

/* The next record that was not sent yet. */
static const struct record *next_record(void)
{
    const struct record *r = now.held;
    now.held = NULL;
    if (r != NULL)
        return r;
    while ((r = leftover_next(&now.file)) != NULL && now.to_skip > 0)
        now.to_skip--;
    return r;
}

static unsigned feed_file(const struct exporter_ops *exporter)
{
    const struct record *r;
    unsigned n = 0;
    while (n < RECOVERY_CHUNK && (r = next_record()) != NULL) {
        if (!exporter->accept_adopted(r, now.file.real_minus_mono_ns)) {
            now.held = r;
            break;
        }
        now.handed++;
        n++;
    }
    return n;
}

unsigned recovery_feed(const struct config *c, uint64_t destination,
                       const struct exporter_ops *exporter)
{
    bool go_on = settle();
    while (go_on) {
        bool fresh = !now.open;
        if (fresh && (!claim(c, destination) ||
                      !exporter->adopt(now.file.identity, now.file.identity_bytes)))
            break;
        unsigned n = feed_file(exporter);
        if (n > 0)
            return n;
        if (now.held != NULL)
            break; /* no room though nothing is pending: another time */
        recovery_totals.files++;
        recovery_totals.corrupt += now.file.corrupt > 0;
        close_file(true);
    }
    close_file(false);
    return 0;
}

const char *recovery_scope_name(unsigned scope)
{
    return leftover_scope_name(&now.file, scope);
}
