/*
 * The reader of spool files. It reads by pread: a mapping would be a SIGBUS when the file
 * is cut while we look. Nothing of the file is believed but what is checked here; what a
 * record says inside is checked by the exporter (record_next_field).
 */
#include "leftover.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cut_off.h"
#include "identity.h"

#define JOURNAL_PART 0u

/* Whole, or not at all. */
static bool read_at(int fd, void *to, size_t bytes, uint64_t at)
{
    for (size_t have = 0; have < bytes;) {
        ssize_t n = pread(fd, (char *)to + have, bytes - have, (off_t)(at + have));
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

/* Ours alone, a file, and nowhere else linked: fifos, links and other users' files are left
 * where they are. */
int leftover_open_file(int directory, const char *name, struct stat *is)
{
    int fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    if (fstat(fd, is) == 0 && S_ISREG(is->st_mode) && is->st_uid == geteuid() &&
        is->st_nlink == 1 && (is->st_mode & 077) == 0 && is->st_size <= (off_t)SPOOL_MAX_BYTES)
        return fd;
    close(fd);
    return -1;
}

bool leftover_open(struct leftover *l, int fd)
{
    memset(l, 0, sizeof *l);
    l->fd = fd;
    struct spool_header *h = &l->header;
    if (!read_at(fd, h, sizeof *h, 0) || memcmp(h->magic, SPOOL_MAGIC, sizeof SPOOL_MAGIC) != 0 ||
        h->format != SPOOL_FORMAT || h->numbers != SPOOL_NUMBERS ||
        strncmp(h->version, OTELSHIM_VERSION, sizeof h->version) != 0)
        return false;
    uint32_t which = h->identity & 1;
    l->identity_bytes =
        h->identity_bytes[which] <= SPOOL_IDENTITY_BYTES ? h->identity_bytes[which] : 0;
    h->boot_id[sizeof h->boot_id - 1] = '\0';
    return read_at(fd, l->identity, l->identity_bytes,
                   SPOOL_IDENTITY_AT + (uint64_t)which * SPOOL_IDENTITY_BYTES);
}

void leftover_close(struct leftover *l)
{
    free(l->data);
    l->data = NULL;
}

/* What two pieces of a ring hold, as one. */
static void join(struct leftover *l, uint64_t base, uint32_t capacity, uint32_t from,
                 uint32_t bytes)
{
    uint32_t first = bytes < capacity - from ? bytes : capacity - from;
    l->data = bytes > 0 ? malloc(bytes) : NULL;
    l->bytes = l->at = 0;
    if (l->data == NULL)
        return;
    if (read_at(l->fd, l->data, first, base + from) &&
        read_at(l->fd, l->data + first, bytes - first, base))
        l->bytes = bytes;
    else
        l->corrupt++;
}

/* From the tail to the head; a journal that wraps has its end, up to the sign, before. */
static void load_journal(struct leftover *l)
{
    uint32_t head = (uint32_t)(l->header.journal >> 32), tail = (uint32_t)l->header.journal;
    if (head > SPOOL_JOURNAL_MAX_BYTES || tail > SPOOL_JOURNAL_MAX_BYTES ||
        (head | tail) % RECORD_ALIGN != 0) {
        l->corrupt++;
        return;
    }
    if (head >= tail) {
        join(l, SPOOL_JOURNAL_AT, SPOOL_JOURNAL_MAX_BYTES, tail, head - tail);
        return;
    }
    /* How far the end reaches is known by the file's own end. */
    off_t end = lseek(l->fd, 0, SEEK_END);
    if (end <= (off_t)(SPOOL_JOURNAL_AT + tail) || end > (off_t)SPOOL_MAX_BYTES ||
        end % RECORD_ALIGN != 0) { /* cut: what stands behind the sign would be out of step */
        l->corrupt++;
        return;
    }
    uint32_t capacity = (uint32_t)(end - (off_t)SPOOL_JOURNAL_AT);
    join(l, SPOOL_JOURNAL_AT, capacity, tail, capacity - tail + head);
}

static void load_ring(struct leftover *l, unsigned index)
{
    struct ring ring;
    uint64_t at = SPOOL_RINGS_AT + (uint64_t)index * SPOOL_RING_BYTES;
    if (!read_at(l->fd, &ring, sizeof ring, at))
        return; /* the file ends before: never used */
    uint32_t used = ring.head - ring.tail;
    if (used > RING_DATA_BYTES || (ring.head | ring.tail) % RECORD_ALIGN != 0) {
        l->corrupt++;
        return;
    }
    join(l, at + RING_HEADER_BYTES, RING_DATA_BYTES, ring.tail & RING_MASK, used);
}

/* The next part that holds anything. False: there is none. */
static bool load_part(struct leftover *l)
{
    while (l->part <= RING_COUNT) {
        leftover_close(l);
        l->bytes = l->at = 0;
        if (l->part == JOURNAL_PART)
            load_journal(l);
        else
            load_ring(l, l->part - 1);
        l->part++;
        if (l->bytes > 0)
            return true;
    }
    leftover_close(l);
    l->bytes = l->at = 0;
    return false;
}

static bool is_sound(const struct record *r, uint32_t room)
{
    return room >= sizeof *r && r->size >= sizeof *r && r->size <= RECORD_MAX_BYTES &&
           r->size <= room && r->size % RECORD_ALIGN == 0;
}

/* NULL: this part ends here, by its end or because no more sense can be made of it. */
static const struct record *next_of_journal(struct leftover *l)
{
    while (l->bytes - l->at >= sizeof(struct journal_entry)) {
        struct journal_entry entry;
        memcpy(&entry, l->data + l->at, sizeof entry);
        if (entry.bytes == JOURNAL_WRAPS) {
            uint32_t head = (uint32_t)(l->header.journal >> 32);
            if (l->bytes < head || l->at >= l->bytes - head)
                break;
            l->at = l->bytes - head;
            continue;
        }
        const struct record *r = (const struct record *)(void *)(l->data + l->at + sizeof entry);
        uint32_t room = l->bytes - l->at - (uint32_t)sizeof entry;
        if (!is_sound(r, room) || entry.bytes != sizeof entry + r->size)
            break;
        l->at += entry.bytes;
        l->real_minus_mono_ns = entry.real_minus_mono_ns;
        return r;
    }
    l->corrupt += l->at != l->bytes;
    l->at = l->bytes;
    return NULL;
}

const struct record *leftover_record(const unsigned char *data, uint32_t bytes, uint32_t *at)
{
    while (bytes - *at >= sizeof(uint64_t)) {
        const struct record *r = (const struct record *)(const void *)(data + *at);
        uint32_t room = bytes - *at;
        if (r->type == RECORD_PAD && r->size >= RECORD_ALIGN && r->size <= room &&
            r->size % RECORD_ALIGN == 0) {
            *at += r->size;
            continue;
        }
        if (!is_sound(r, room))
            break;
        *at += r->size;
        return r;
    }
    return NULL;
}

static const struct record *next_of_ring(struct leftover *l)
{
    l->real_minus_mono_ns = l->header.real_minus_mono_ns;
    const struct record *r = leftover_record(l->data, l->bytes, &l->at);
    if (r != NULL)
        return r;
    l->corrupt += l->at != l->bytes;
    l->at = l->bytes;
    return NULL;
}

static bool is_newest_of_journal(const struct leftover *l, const struct record *r)
{
    return memcmp(l->newest, r->span_id, 8) == 0 && memcmp(l->newest + 8, r->trace_id, 16) == 0;
}

const struct record *leftover_next(struct leftover *l)
{
    for (;;) {
        if (l->at >= l->bytes && !load_part(l))
            break;
        bool journal = l->part == JOURNAL_PART + 1;
        const struct record *r = journal ? next_of_journal(l) : next_of_ring(l);
        if (r == NULL || r->type != RECORD_SPAN || !(r->flags & RECORD_SAMPLED))
            continue;
        if (journal) {
            memcpy(l->newest, r->span_id, 8);
            memcpy(l->newest + 8, r->trace_id, 16);
        } else if (is_newest_of_journal(l, r)) {
            continue;
        }
        cut_off_seen(l, r);
        return r;
    }
    l->real_minus_mono_ns = l->header.real_minus_mono_ns;
    return cut_off_next(l);
}

const char *leftover_scope_name(const struct leftover *l, unsigned scope)
{
    static char name[64];
    struct identity_pair pair = { 0 };
    for (size_t pos = 0; identity_next(l->identity, l->identity_bytes, &pos, &pair);)
        if (pair.key_len == strlen(IDENTITY_SCOPES) &&
            memcmp(pair.key, IDENTITY_SCOPES, pair.key_len) == 0)
            break;
    if (pair.key_len != strlen(IDENTITY_SCOPES) ||
        memcmp(pair.key, IDENTITY_SCOPES, pair.key_len) != 0)
        return NULL;
    const char *at = pair.value, *end = pair.value + pair.value_len;
    for (; scope > 0 && at < end; at++)
        scope -= *at == ',';
    const char *comma = memchr(at, ',', (size_t)(end - at));
    size_t len = (size_t)((comma != NULL ? comma : end) - at);
    if (scope > 0 || len == 0 || len >= sizeof name)
        return NULL;
    memcpy(name, at, len);
    name[len] = '\0';
    return name;
}
