/*
 * The worker's part of a spool file: records between their ring and their delivery.
 *
 * A record is copied into the journal before it leaves its ring; a kill in between leaves it
 * in both, as the journal's newest and the ring's oldest, and the reader takes one of them.
 * What is delivered leaves at the other end, in the order in which the exporter took it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "diag.h"
#include "place.h"
#include "spool_file.h"
#include "spool.h"

/* The worker's alone; zeroed in a forked child. */
static struct {
    struct spool_header *header; /* NULL: there is no journal */
    unsigned char *data;
    int fd; /* in the worker's own table, and locked; -1 */
    uint32_t capacity, head, tail, last;
    uint64_t count;
} journal = { .fd = -1 };

void journal_fork_child(void)
{
    memset(&journal, 0, sizeof journal);
    journal.fd = -1;
}

static void publish(void)
{
    /* After the bytes that it tells of: for a reader when we are dead. */
    atomic_store_explicit(&journal.header->journal, journal_word(journal.head, journal.tail),
                          memory_order_release);
}

static bool allocate(uint32_t capacity)
{
    spool_grow_begin(true);
    bool grown = place_allocate(journal.fd, SPOOL_JOURNAL_AT, capacity);
    spool_grow_end();
    if (grown)
        journal.capacity = capacity;
    return grown;
}

/* What an earlier worker of this process had given to its exporter is lost with that one's
 * connections: counted there. */
static void start_over(void)
{
    journal.head = journal.tail = journal.last = 0;
    journal.count = 0;
    publish();
}

void spool_begin(struct spool *spool, bool own_fds)
{
    if (journal.fd >= 0 && own_fds)
        journal.fd = -1; /* it went with the table of the worker before */
    if (spool == NULL || spool->header == NULL) {
        if (spool != NULL && spool->fault != NULL)
            diag_log(LOG_DEBUG, "no spool: %s (%s): a crash loses what is not sent", spool->fault,
                     strerrordesc_np(spool->error));
        return;
    }
    place_say(spool->header);
    journal.fd = open(spool->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (journal.fd < 0)
        return;
    bool fresh = journal.data == NULL;
    if (fresh) {
        journal.data = mmap(NULL, SPOOL_JOURNAL_MAX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                            journal.fd, SPOOL_JOURNAL_AT);
        if (journal.data == MAP_FAILED)
            journal.data = NULL;
    }
    if (journal.data != NULL && fresh) {
        madvise(journal.data, SPOOL_JOURNAL_MAX_BYTES, MADV_DONTFORK);
        journal.header = allocate(SPOOL_JOURNAL_FIRST_BYTES) ? spool->header : NULL;
    }
    if (journal.header != NULL)
        start_over();
    /* The lock says that we live, to those who cannot see our number. Not in the program's
     * table: there its closing would be the program's. */
    if (own_fds) {
        flock(journal.fd, LOCK_EX | LOCK_NB);
    } else {
        close(journal.fd);
        journal.fd = -1;
    }
}

void spool_seen(struct spool *spool, int64_t real_minus_mono_ns)
{
    if (spool == NULL || spool->header == NULL)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    atomic_store(&spool->header->real_minus_mono_ns, real_minus_mono_ns);
    atomic_store(&spool->header->seen_mono_ns,
                 (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

void spool_ended(struct spool *spool)
{
    if (spool != NULL && spool->header != NULL)
        atomic_store(&spool->header->ended, 1);
}

void spool_identify(struct spool *spool, size_t (*describe)(unsigned char *out, size_t max))
{
    struct spool_header *h = spool != NULL ? spool->header : NULL;
    if (h == NULL)
        return;
    unsigned char *out = (unsigned char *)h + SPOOL_IDENTITY_AT + SPOOL_IDENTITY_BYTES;
    h->identity_bytes[1] = (uint32_t)describe(out, SPOOL_IDENTITY_BYTES);
    atomic_store_explicit(&h->identity, 1, memory_order_release);
}

static struct journal_entry *entry_at(uint32_t at)
{
    return (struct journal_entry *)(void *)(journal.data + at);
}

/* Where `bytes` go, without the head catching up with the tail; UINT32_MAX: nowhere. Grows
 * rather than wraps while more than half is in use. */
static uint32_t find_room(uint32_t bytes)
{
    uint32_t mark = sizeof(uint64_t); /* room for the sign that it wraps */
    if (journal.head < journal.tail)
        return journal.tail - journal.head > bytes ? journal.head : UINT32_MAX;
    for (;;) {
        if (journal.capacity - journal.head >= bytes + mark)
            return journal.head;
        if (journal.tail > journal.capacity / 2 && journal.tail > bytes)
            break;
        if (journal.capacity >= SPOOL_JOURNAL_MAX_BYTES || journal.fd < 0 ||
            !allocate(journal.capacity * 2))
            break;
    }
    if (journal.tail <= bytes)
        return UINT32_MAX;
    entry_at(journal.head)->bytes = JOURNAL_WRAPS;
    return 0;
}

bool journal_append(const struct record *record, int64_t real_minus_mono_ns)
{
    if (journal.header == NULL)
        return true;
    uint32_t bytes = (uint32_t)sizeof(struct journal_entry) + record->size;
    uint32_t at = find_room(bytes);
    if (at == UINT32_MAX)
        return false;
    struct journal_entry *entry = entry_at(at);
    entry->bytes = bytes;
    entry->reserved = 0;
    entry->real_minus_mono_ns = real_minus_mono_ns;
    memcpy(entry + 1, record, record->size);
    journal.last = journal.head;
    journal.head = at + bytes;
    journal.count++;
    publish();
    return true;
}

void journal_take_back(void)
{
    if (journal.header == NULL)
        return;
    journal.head = journal.last;
    journal.count--;
    publish();
}

uint64_t journal_count(void)
{
    return journal.count;
}

/* The entry at *at, which moves behind it. NULL: a stray store of the program's was there. */
static struct journal_entry *next_entry(uint32_t *at)
{
    if (entry_at(*at)->bytes == JOURNAL_WRAPS)
        *at = 0;
    struct journal_entry *entry = entry_at(*at);
    if (entry->bytes > journal.capacity - *at - sizeof(uint64_t))
        return NULL;
    *at += entry->bytes;
    return entry;
}

bool journal_read(uint64_t count, bool (*keep)(const struct record *record, int64_t offset_ns))
{
    uint32_t at = journal.tail;
    if (journal.header == NULL || count > journal.count)
        return false;
    for (; count > 0; count--) {
        const struct journal_entry *entry = next_entry(&at);
        if (entry == NULL ||
            !keep((const struct record *)(const void *)(entry + 1), entry->real_minus_mono_ns))
            return false;
    }
    return true;
}

void journal_retire_to(uint64_t left)
{
    if (journal.header == NULL || journal.count <= left)
        return;
    for (; journal.count > left; journal.count--) {
        if (next_entry(&journal.tail) == NULL) {
            start_over();
            return;
        }
    }
    if (journal.count == 0)
        journal.head = journal.tail = 0;
    publish();
}
