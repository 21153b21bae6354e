/*
 * The reader of `otelshim run --console`: chunks of all processes to one tree.
 * Runs in the command, where blocking and malloc hurt nobody.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console_tree.h"

#define COLLECT_MAX_SPANS 1000000u /* bound: shown of one run */

struct collected {
    const unsigned char *data;
    size_t bytes;
    struct tree_span *spans;
    struct tree_process *processes; /* one per chunk */
    unsigned nr_spans, nr_processes;
};

static size_t padded(size_t bytes)
{
    return (bytes + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
}

/* The chunk at `at`; NULL: the end, or what stands there is no whole chunk. */
static const struct collect_header *chunk_at(const struct collected *c, size_t at)
{
    const struct collect_header *header = (const void *)(c->data + at);
    if (at + sizeof *header > c->bytes || header->magic != COLLECT_MAGIC ||
        header->executable_bytes > COLLECT_MAX_NAME || header->service_bytes > COLLECT_MAX_NAME)
        return NULL;
    size_t texts = padded((size_t)header->executable_bytes + header->service_bytes);
    size_t room = c->bytes - at - sizeof *header;
    return texts <= room && header->record_bytes <= room - texts ? header : NULL;
}

static const unsigned char *records_of(const struct collect_header *header)
{
    return (const unsigned char *)(header + 1) +
           padded((size_t)header->executable_bytes + header->service_bytes);
}

static size_t chunk_bytes(const struct collect_header *header)
{
    size_t before = (size_t)(records_of(header) - (const unsigned char *)header);
    return before + padded(header->record_bytes);
}

/* The record at `at` of the chunk; NULL: no more. */
static const struct record *record_at(const struct collect_header *header, size_t at)
{
    const struct record *record = (const void *)(records_of(header) + at);
    size_t room = header->record_bytes - at;
    bool sound = room >= sizeof *record && record->size >= sizeof *record &&
                 record->size % RECORD_ALIGN == 0 && record->size <= room;
    return sound ? record : NULL;
}

static bool count(struct collected *c)
{
    const struct collect_header *header;
    const struct record *record;
    for (size_t at = 0; (header = chunk_at(c, at)) != NULL; at += chunk_bytes(header)) {
        c->nr_processes++;
        for (size_t pos = 0; (record = record_at(header, pos)) != NULL; pos += record->size)
            c->nr_spans++;
    }
    if (c->nr_spans > COLLECT_MAX_SPANS)
        c->nr_spans = COLLECT_MAX_SPANS;
    c->spans = calloc(c->nr_spans + 1, sizeof c->spans[0]);
    c->processes = calloc(c->nr_processes + 1, sizeof c->processes[0]);
    return c->spans && c->processes;
}

static bool fill(struct collected *c)
{
    const struct collect_header *header;
    const struct record *record;
    unsigned nr_spans = 0, nr_processes = 0;
    for (size_t at = 0; (header = chunk_at(c, at)) != NULL; at += chunk_bytes(header)) {
        const char *text = (const char *)(header + 1);
        struct tree_process *process = &c->processes[nr_processes++];
        process->pid = header->pid;
        process->executable = strndup(text, header->executable_bytes);
        process->service = strndup(text + header->executable_bytes, header->service_bytes);
        if (!process->executable || !process->service)
            return false;
        for (size_t pos = 0; (record = record_at(header, pos)) != NULL && nr_spans < c->nr_spans;
             pos += record->size)
            c->spans[nr_spans++] = (struct tree_span){ record, process };
    }
    return true;
}

static void release(struct collected *c)
{
    for (unsigned i = 0; c->processes && i < c->nr_processes; i++) {
        free((void *)(uintptr_t)c->processes[i].executable);
        free((void *)(uintptr_t)c->processes[i].service);
    }
    free(c->processes);
    free(c->spans);
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return true;
}

int console_render_collected(int fd_in, int fd_out)
{
    struct stat info;
    struct text_buffer out = { 0 };
    struct collected c = { 0 };
    if (fstat(fd_in, &info) != 0)
        return -1;
    if (info.st_size == 0)
        return 0;
    c.bytes = (size_t)info.st_size;
    void *data = mmap(NULL, c.bytes, PROT_READ, MAP_PRIVATE, fd_in, 0);
    if (data == MAP_FAILED)
        return -1;
    c.data = data;
    bool ok = count(&c) && fill(&c) &&
              console_tree_render(c.spans, c.nr_spans, console_tree_style(fd_out), &out) &&
              write_all(fd_out, out.data, out.len);
    release(&c);
    free(out.data);
    munmap(data, c.bytes);
    return ok ? 0 : -1;
}
