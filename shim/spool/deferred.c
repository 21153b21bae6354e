/*
 * Spans that ran out of attempts while their process lives: moved out of the journal into
 * files of their own in the spool, which look like those of an ended process. This process
 * recovers them when the collector is back, or whoever comes after it.
 */
#include "deferred.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"
#include "recovery.h"
#include "sdk/clocks.h"
#include "spool_file.h"

/* The worker's alone; zeroed in a forked child. */
static struct {
    struct spool_header *header; /* of the file that is being filled, NULL: there is none */
    unsigned char *data;         /* its journal */
    int fd;                      /* locked: others keep off; -1 */
    uint32_t head;
    uint64_t files; /* made so far */
} deferred = { .fd = -1 };

void deferred_fork_child(void)
{
    memset(&deferred, 0, sizeof deferred);
    deferred.fd = -1;
}

static bool map(int fd)
{
    int rights = PROT_READ | PROT_WRITE;
    void *header = mmap(NULL, SPOOL_HEADER_BYTES, rights, MAP_SHARED, fd, 0);
    void *data = mmap(NULL, DEFERRED_FILE_BYTES, rights, MAP_SHARED, fd, SPOOL_JOURNAL_AT);
    if (header != MAP_FAILED && data != MAP_FAILED) {
        madvise(header, SPOOL_HEADER_BYTES, MADV_DONTFORK);
        madvise(data, DEFERRED_FILE_BYTES, MADV_DONTFORK);
        deferred.header = header;
        deferred.data = data;
        return true;
    }
    if (header != MAP_FAILED)
        munmap(header, SPOOL_HEADER_BYTES);
    if (data != MAP_FAILED)
        munmap(data, DEFERRED_FILE_BYTES);
    return false;
}

/* Whose it is and where its spans go, as in the process's own file. */
static void fill(const struct spool_header *own, uint64_t boot_ns)
{
    struct spool_header *h = deferred.header;
    memcpy((char *)h + SPOOL_IDENTITY_AT, (const char *)own + SPOOL_IDENTITY_AT,
           SPOOL_HEADER_BYTES - SPOOL_IDENTITY_AT);
    memcpy(h, own, sizeof *h);
    h->created_boot_ns = boot_ns;
    h->journal = h->recovered = 0;
    h->ended = h->deferred = 1;
}

static bool begin(const struct config *c, const struct spool_header *own)
{
    char path[SPOOL_PATH_MAX];
    const char *fault;
    int directory = spool_open_directory(c, path, &fault);
    if (directory < 0)
        return false;
    uint64_t boot_ns = (uint64_t)clock_ns(CLOCK_BOOTTIME);
    snprintf(path, sizeof path, SPOOL_NAME, own->pid, (unsigned long long)boot_ns,
             (unsigned long long)own->destination);
    int fd = openat(directory, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool made = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                place_allocate(fd, 0, SPOOL_HEADER_BYTES) &&
                place_allocate(fd, SPOOL_JOURNAL_AT, DEFERRED_FILE_BYTES) && map(fd);
    if (made) {
        fill(own, boot_ns);
        deferred.fd = fd;
        deferred.head = 0;
        deferred.files++;
    } else if (fd >= 0) {
        unlinkat(directory, path, 0);
        close(fd);
    }
    close(directory);
    return made;
}

void deferred_finish(void)
{
    if (deferred.header == NULL)
        return;
    munmap(deferred.header, SPOOL_HEADER_BYTES);
    munmap(deferred.data, DEFERRED_FILE_BYTES);
    deferred.header = NULL;
    if (ftruncate(deferred.fd, SPOOL_JOURNAL_AT + (off_t)deferred.head) != 0)
        deferred.head = 0; /* what is left behind its end does no harm */
    close(deferred.fd);
    deferred.fd = -1;
}

bool deferred_put(const struct config *c, const struct spool *spool, const struct record *record,
                  int64_t real_minus_mono_ns)
{
    uint32_t bytes = (uint32_t)sizeof(struct journal_entry) + record->size;
    if (spool == NULL || spool->header == NULL)
        return false;
    if (deferred.header != NULL && DEFERRED_FILE_BYTES - deferred.head < bytes) {
        deferred_finish();
        recovery_look(c, 0); /* the bound of the whole: the oldest go */
    }
    if (deferred.header == NULL && !begin(c, spool->header))
        return false;
    struct journal_entry entry = { .bytes = bytes, .real_minus_mono_ns = real_minus_mono_ns };
    memcpy(deferred.data + deferred.head, &entry, sizeof entry);
    memcpy(deferred.data + deferred.head + sizeof entry, record, record->size);
    deferred.head += bytes;
    /* After the bytes that it tells of: for a reader when we are dead. */
    atomic_store_explicit(&deferred.header->journal, journal_word(deferred.head, 0),
                          memory_order_release);
    return true;
}

bool deferred_any(void)
{
    return deferred.files > 0;
}

void deferred_none(void)
{
    deferred.files = 0;
}
