/*
 * Programs' rings, read from outside; see export_clients.h.
 *
 * We are their single consumer, as the worker is in a program of its own, but by pread and
 * pwrite: a mapping would be a SIGBUS when a file is cut. A record stays in its ring until it is
 * delivered, and only then the ring's tail moves: whoever goes on after us, should we be killed, begins
 * where it stands. Nothing of a file is believed but what is checked here.
 */
#include "export_clients.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export_client_identity.h"
#include "sdk/clocks.h"
#include "spool/liveness.h"
#include "spool/recovery.h"
#include "spool/spool.h"

struct client {
    int fd; /* holds the file's lock */
    ino_t inode;
    char name[64];
    struct spool_header header; /* as it was when the file was found */
    uint64_t corrupt;           /* pieces of rings that made no sense */
    bool superseded;            /* its process has another file since */
    bool given_up;              /* not read any more */
    bool left;                  /* and its process is gone: its lock is free, for recovery */
    bool done;                  /* to be taken out of the table */
};

static struct client *clients[CLIENTS_MAX];
static unsigned nr_clients;

/* What is read of a ring, and where it ends. */
static unsigned char data[RING_DATA_BYTES];
static uint32_t tails[RING_COUNT];
static bool moved[RING_COUNT];

/* ---- files ---- */

static bool is_known(ino_t inode)
{
    for (unsigned i = 0; i < nr_clients; i++)
        if (clients[i]->inode == inode)
            return true;
    return false;
}

/* An exec hands a process on to another program, which has a file of its own. */
static void supersede(struct client *c)
{
    for (unsigned i = 0; i < nr_clients; i++) {
        struct client *other = clients[i];
        if (other->header.pid != c->header.pid)
            continue;
        bool older = other->header.created_boot_ns < c->header.created_boot_ns;
        (older ? other : c)->superseded = true;
    }
}

static uint32_t end_of(int fd)
{
    uint32_t end = SPOOL_GOES_ON;
    if (pread(fd, &end, sizeof end, offsetof(struct spool_header, end)) != sizeof end)
        return SPOOL_GOES_ON;
    return end;
}

static bool is_ours(const struct leftover *l)
{
    return l->header.reader == SPOOL_READ_BY_PROCESS &&
           l->header.destination == spool_destination(config);
}

/* Said once: what would be met at every look is not looked at again. The file's lock stays ours while
 * its process lives; its rings fill up, and what finds no room is counted there. */
static void __attribute__((format(printf, 3, 4)))
give_up(struct client *c, const struct clients_host *host, const char *format, ...)
{
    char why[128];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    c->given_up = true;
    host->log(LOG_WARN, "the spool file of process %d %s: its spans stay there until it has ended",
              c->header.pid, why);
}

/* Takes the file into the table; false: it is none of ours, or somebody else's. */
static bool take(struct leftover *l, const char *name, ino_t inode, const struct clients_host *host,
                 struct round *round)
{
    bool foreign;
    if (!leftover_open(l, l->fd) || !is_ours(l) || flock(l->fd, LOCK_EX | LOCK_NB) != 0)
        return false;
    bool lives = owner_is_alive(&l->header, getpid(), &foreign);
    if (foreign)
        return false;
    errno = 0;
    int error = client_complete_identity(l, host->exporter) ? 0 : errno != 0 ? errno : EIO;
    /* The word is read after the look at the process: it may have ended in between. */
    if (!lives && end_of(l->fd) == SPOOL_GOES_ON) {
        round->deaths = true;
        return false;
    }
    struct client *c = malloc(sizeof *c);
    if (c == NULL)
        return false;
    *c = (struct client){ .fd = l->fd, .inode = inode, .header = l->header };
    strcpy(c->name, name);
    supersede(c);
    clients[nr_clients++] = c;
    if (error != 0)
        give_up(c, host, "cannot be written to (%s)", strerrordesc_np(error));
    return true;
}

/* There may be files that are not seen: they are looked for again. Said once. */
static void miss_some(const struct clients_host *host, struct round *round)
{
    static bool told;
    round->overflow = true;
    if (!told)
        host->log(LOG_WARN, "no more than %u programs at one time: spans of others wait",
                  nr_clients);
    told = true;
}

void clients_scan(const struct clients_host *host, struct round *round)
{
    static struct leftover l;
    int directory = dup(host->directory);
    DIR *dir = directory >= 0 ? fdopendir(directory) : NULL;
    if (dir == NULL) {
        miss_some(host, round);
        if (directory >= 0)
            close(directory);
        return;
    }
    rewinddir(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct stat is;
        size_t len = strlen(e->d_name), suffix = strlen(SPOOL_SUFFIX);
        if (len <= suffix || len >= sizeof((struct client *)0)->name ||
            strcmp(e->d_name + len - suffix, SPOOL_SUFFIX) != 0 || is_known(e->d_ino))
            continue;
        if (nr_clients == CLIENTS_MAX) {
            miss_some(host, round);
            break;
        }
        errno = 0;
        int fd = leftover_open_file(directory, e->d_name, &is);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            miss_some(host, round);
            break;
        }
        if (fd < 0)
            continue;
        memset(&l, 0, sizeof l);
        l.fd = fd;
        if (!take(&l, e->d_name, is.st_ino, host, round))
            close(fd);
    }
    closedir(dir);
}

static void forget(struct client *c)
{
    close(c->fd);
    c->done = true;
}

static void remove_done(void)
{
    unsigned left = 0;
    for (unsigned i = 0; i < nr_clients; i++) {
        if (clients[i]->done)
            free(clients[i]);
        else
            clients[left++] = clients[i];
    }
    nr_clients = left;
}

/* ---- rings ---- */

static bool read_ring(const struct client *c, unsigned index, struct ring *ring)
{
    off_t at = (off_t)(SPOOL_RINGS_AT + (uint64_t)index * SPOOL_RING_BYTES);
    return pread(c->fd, ring, sizeof *ring, at) == sizeof *ring;
}

/* The bytes from `tail` on. False: the file was cut. */
static bool read_data(const struct client *c, unsigned index, uint32_t tail, uint32_t bytes)
{
    off_t at = (off_t)(SPOOL_RINGS_AT + (uint64_t)index * SPOOL_RING_BYTES + RING_HEADER_BYTES);
    uint32_t from = tail & RING_MASK, first = RING_DATA_BYTES - from;
    first = bytes < first ? bytes : first;
    return pread(c->fd, data, first, at + from) == (ssize_t)first &&
           pread(c->fd, data + first, bytes - first, at) == (ssize_t)(bytes - first);
}

/* Hands over records of one ring, `room` at most. False: the exporter takes no more. */
static bool feed_ring(struct client *c, unsigned index, const struct exporter_ops *exporter,
                      int64_t real_minus_mono_ns, unsigned *room)
{
    struct ring ring;
    if (!read_ring(c, index, &ring))
        return true; /* the file ends before */
    uint32_t head = ring.head, tail = ring.tail, used = head - tail, at = 0, next = 0;
    if (used == 0)
        return true;
    const struct record *r = NULL;
    bool full = false, sound = used <= RING_DATA_BYTES && (head | tail) % RECORD_ALIGN == 0 &&
                               read_data(c, index, tail, used);
    while (sound && *room > 0 && (r = leftover_record(data, used, &next)) != NULL) {
        bool sampled = r->type == RECORD_SPAN && (r->flags & RECORD_SAMPLED);
        full = sampled && !exporter->accept_adopted(r, real_minus_mono_ns);
        if (full)
            break;
        *room -= sampled;
        at = next;
    }
    bool nonsense = !sound || (r == NULL && *room > 0 && next != used);
    c->corrupt += nonsense;
    tails[index] = nonsense || (r == NULL && *room > 0) ? head : tail + at;
    moved[index] = tails[index] != tail;
    return !full;
}

/* True: something was taken out of rings; *more: not all. */
static bool feed(struct client *c, const struct exporter_ops *exporter, unsigned *handed,
                 bool *more)
{
    bool any = false, full = false;
    unsigned room = config->bsp.max_export_batch_size < CLIENTS_CHUNK
                        ? config->bsp.max_export_batch_size
                        : CLIENTS_CHUNK;
    unsigned most = room;
    int64_t offset_ns = clock_real_minus_mono_ns();
    memset(moved, 0, sizeof moved);
    for (unsigned i = 0; i < RING_COUNT && room > 0 && !full; i++)
        full = !feed_ring(c, i, exporter, offset_ns, &room);
    for (unsigned i = 0; i < RING_COUNT; i++)
        any |= moved[i];
    *handed = most - room;
    *more = room == 0 || full;
    return any;
}

/* What feed() took is done with: the rings have room again. 0, or an errno: of some it cannot be said,
 * and they would be sent again and again. */
static int acknowledge(const struct client *c)
{
    int error = 0;
    for (unsigned i = 0; i < RING_COUNT; i++) {
        off_t at = (off_t)(SPOOL_RINGS_AT + (uint64_t)i * SPOOL_RING_BYTES);
        errno = 0;
        if (moved[i] && pwrite(c->fd, &tails[i], sizeof tails[i],
                               at + (off_t)offsetof(struct ring, tail)) != sizeof tails[i])
            error = errno != 0 ? errno : EIO;
    }
    return error;
}

static bool has_records(const struct client *c)
{
    struct ring ring;
    for (unsigned i = 0; i < RING_COUNT; i++)
        if (read_ring(c, i, &ring) && ring.head != ring.tail)
            return true;
    return false;
}

/* ---- accounts ---- */

struct sums {
    uint64_t delivered, rejected, failed;
};

static struct sums sums_now(void)
{
    struct sums s = { .delivered = recovery_account.delivered };
    for (int i = 0; i < DROP_COUNT; i++)
        *(i == DROP_REJECTED || i == DROP_TOO_LARGE ? &s.rejected : &s.failed) +=
            recovery_account.drops[i];
    return s;
}

static void count(const struct client *c, const struct sums *before, const struct sums *after)
{
    uint64_t words[2];
    off_t at = offsetof(struct spool_header, delivered);
    if (pread(c->fd, words, sizeof words, at) != sizeof words)
        return;
    words[0] += after->delivered - before->delivered;
    words[1] += after->rejected - before->rejected;
    if (pwrite(c->fd, words, sizeof words, at) < 0)
        return;
}

/* Puts them into h->drops: the program's own reasons and ours. */
static uint64_t settle(const struct client *c, struct spool_header *h)
{
    struct ring ring;
    uint64_t made = 0, done = h->delivered + h->rejected;
    for (unsigned i = 0; i < RING_COUNT; i++)
        made += read_ring(c, i, &ring) ? ring.made : 0;
    uint64_t rest = made > done ? made - done : 0;
    if (c->given_up)
        h->drops[DROP_SPOOLED] += rest;
    else if (c->corrupt > 0)
        h->drops[DROP_CORRUPT] += rest > 0 ? rest : c->corrupt;
    else
        h->delivered += rest; /* by one that was killed before it had counted them */
    made += h->drops[DROP_RING_FULL] + h->drops[DROP_NO_RING] + h->drops[DROP_REENTRANT] +
            h->drops[DROP_TABLE_FULL];
    h->drops[DROP_REJECTED] += h->rejected;
    return made;
}

/* The line that a program with a worker of its own writes itself (shim/worker_report.c). */
static void tell(const struct client *c, tell_function *say)
{
    static const char *const names[] = {
#define X(id, text) [DROP_##id] = text,
        DROP_REASONS(X)
#undef X
    };
    struct spool_header h;
    uint64_t dropped = 0;
    char reasons[256] = "";
    size_t len = 0;
    if (pread(c->fd, &h, sizeof h, 0) != sizeof h)
        return;
    uint64_t made = settle(c, &h);
    for (int i = 0; i < DROP_COUNT; i++) {
        dropped += h.drops[i];
        if (h.drops[i] != 0 && len < sizeof reasons)
            len += (size_t)snprintf(reasons + len, sizeof reasons - len, " %s=%" PRIu64, names[i],
                                    h.drops[i]);
    }
    if (made != 0)
        say(h.pid, "spans made=%" PRIu64 " delivered=%" PRIu64 " dropped=%" PRIu64 "%s", made,
            h.delivered, dropped, reasons);
}

/* ---- a round ---- */

/* Whether this program makes no more records; read before its rings are. A killed one is left
 * to recovery, which knows what it was about. */
static bool has_ended(struct client *c, struct round *round)
{
    bool foreign;
    uint32_t end = end_of(c->fd);
    if (end == SPOOL_ENDED || c->superseded)
        return true;
    if (owner_is_alive(&c->header, getpid(), &foreign))
        return false;
    if (end_of(c->fd) != SPOOL_GOES_ON)
        return true;
    round->deaths = true;
    forget(c);
    return false;
}

/* One batch of one program. True: there is more that shall not wait for more. */
static bool send_some(struct client *c, bool ended, const struct clients_host *host,
                      struct round *round)
{
    static struct leftover l;
    const struct exporter_ops *exporter = host->exporter;
    struct sums before = sums_now();
    unsigned handed = 0;
    bool more = false;
    if (!leftover_open(&l, c->fd)) {
        give_up(c, host, "was overwritten");
        return false;
    }
    if (!exporter->adopt(l.identity, l.identity_bytes)) {
        give_up(c, host, "is refused by the exporter");
        return false;
    }
    exporter_host_take_in_hand(&l);
    bool any = feed(c, exporter, &handed, &more);
    if (any && handed > 0)
        exporter_host_wait(exporter);
    exporter_host_take_in_hand(NULL);
    struct sums after = sums_now();
    bool failed = after.failed != before.failed;
    if (any && !failed) {
        int error = acknowledge(c);
        count(c, &before, &after);
        if (error != 0)
            give_up(c, host, "cannot be written to (%s)", strerrordesc_np(error));
    }
    round->failed |= failed;
    round->sent |= any && !failed;
    return any && !failed && (more || ended);
}

static void finish(struct client *c, const struct clients_host *host)
{
    tell(c, host->tell);
    unlinkat(host->directory, c->name, 0);
    forget(c);
}

/* One that was given up: a leftover when its process is gone. Its place is kept until the file is gone,
 * too, so that it is not taken for a new one. */
static void leave(struct client *c, const struct clients_host *host, struct round *round)
{
    bool foreign;
    struct stat is;
    if (!c->left && !owner_is_alive(&c->header, getpid(), &foreign)) {
        if (end_of(c->fd) != SPOOL_GOES_ON)
            tell(c, host->tell);
        c->left = flock(c->fd, LOCK_UN) == 0;
        round->deaths = true;
    }
    if (c->left && (fstat(c->fd, &is) != 0 || is.st_nlink == 0))
        forget(c);
}

static bool send_client(struct client *c, const struct clients_host *host, struct round *round)
{
    if (c->given_up) {
        leave(c, host, round);
        return false;
    }
    bool ended = has_ended(c, round);
    bool more = !c->done && has_records(c) && send_some(c, ended, host, round);
    if (ended && !c->done && !c->given_up && !has_records(c))
        finish(c, host);
    return more && !c->done && !c->given_up;
}

void clients_send(const struct clients_host *host, struct round *round)
{
    for (unsigned i = 0; i < nr_clients && !round->failed; i++)
        if (!clients[i]->done)
            round->more |= send_client(clients[i], host, round);
    remove_done();
}
