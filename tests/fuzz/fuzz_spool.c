/*
 * Spool files of others: a file as it comes (first byte 0), or a sound header before hostile
 * contents: 8 bytes of journal word, 8 of a ring's head and tail, then bytes that fill the journal,
 * the ring's data and its marks of open spans. The reader ends, and every record it gives lies in its own memory.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "no_hooks.h"
#include "resource/identity.h"
#include "spool/leftover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(int fd, const void *data, size_t bytes, uint64_t at)
{
    if (pwrite(fd, data, bytes, (off_t)at) != (ssize_t)bytes)
        abort();
}

static void make(int fd, const uint8_t *data, size_t size)
{
    struct spool_header h = { .format = SPOOL_FORMAT, .numbers = SPOOL_NUMBERS };
    struct ring ring = { 0 };
    uint32_t words[4];
    memcpy(h.magic, SPOOL_MAGIC, sizeof SPOOL_MAGIC);
    memcpy(h.version, OTELSHIM_VERSION, sizeof OTELSHIM_VERSION);
    memcpy(words, data, sizeof words);
    data += sizeof words;
    size -= sizeof words;
    h.journal = journal_word(words[0], words[1]);
    h.process_flags = words[0];
    h.signal = (int32_t)words[3];
    h.identity_bytes[0] = (uint32_t)(size < SPOOL_IDENTITY_BYTES ? size : SPOOL_IDENTITY_BYTES);
    ring.head = words[2];
    ring.tail = words[3];
    put(fd, &h, sizeof h, 0);
    put(fd, data, h.identity_bytes[0], SPOOL_IDENTITY_AT);
    put(fd, &ring, sizeof ring, SPOOL_RINGS_AT);
    put(fd, data, size,
        SPOOL_RINGS_AT + RING_HEADER_BYTES + (words[3] & RING_MASK & ~7u) % (RING_DATA_BYTES / 2));
    size_t room = RING_MARKS * sizeof(struct open_mark);
    put(fd, data, size < room ? size : room, SPOOL_RINGS_AT + RING_MARKS_AT);
    put(fd, data, size, SPOOL_JOURNAL_AT + words[1] % (SPOOL_JOURNAL_FIRST_BYTES / 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct leftover l;
    static struct adopted adopted;
    if (size < 32 || size > 65536)
        return 0;
    int fd = memfd_create("spool", 0);
    if (fd < 0)
        return 0;
    if (data[0] == 0)
        put(fd, data + 1, size - 1, 0);
    else
        make(fd, data + 1, size - 1);
    if (leftover_open(&l, fd)) {
        uint64_t sum = 0;
        struct field_view field;
        identity_read(&adopted, l.identity, l.identity_bytes);
        if (resource_service_name(&adopted.resource) == NULL)
            abort();
        for (const struct record *r; (r = leftover_next(&l)) != NULL;)
            for (size_t pos = 0; record_next_field(r, &pos, &field);)
                for (size_t i = 0; i < field.len; i++)
                    sum += field.data[i];
        if (sum == UINT64_MAX)
            abort();
    }
    leftover_close(&l);
    close(fd);
    return 0;
}
