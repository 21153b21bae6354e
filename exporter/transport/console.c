/*
 * OTEL_TRACES_EXPORTER=console: spans for people (tree), for other programs (a
 * JSON line each), or into the file that `otelshim run --console` reads.
 *
 * Records are kept as they are until their trace is complete (the span that this
 * process began it with has come), and printed once they are a schedule delay
 * old; at a flush, and when CONSOLE_MAX_SPANS are kept, all of them are printed.
 *
 * The terminal or pipe may be slow, and nobody may wait for it under the lock:
 * output goes through a buffer, as much at a time as can be taken at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console_json.h"
#include "console_tree.h"
#include "sink.h"

#define NS_PER_MS UINT64_C(1000000)
#define CONSOLE_MAX_SPANS 10000u                    /* bound: kept for a tree */
#define CONSOLE_MAX_BYTES ((size_t)4 * 1024 * 1024) /* bound: of kept records */
#define CONSOLE_MAX_OUTPUT ((size_t)1024 * 1024) /* bound: with more unwritten no span is taken */
#define COLLECT_CHUNK_BYTES ((size_t)64 * 1024)  /* collected records are written from here on */
#define RECORDS_FIRST_BYTES ((size_t)64 * 1024)

enum mode { TREE, JSON_LINES, COLLECT };

/* Background thread; a forked child starts over with open. */
static struct {
    const struct exporter_host *host;
    struct exporter_account *account;
    const struct resource *resource;
    enum mode mode;
    int fd;
    bool waits_for_room; /* fd is a pipe, socket or terminal: never write blindly */
    bool blocked;        /* fd takes nothing just now */
    struct tree_style style;
    uint64_t delay_ns, look_at_ns; /* when kept records are old enough, UINT64_MAX: none */

    unsigned char *records; /* kept, one after another */
    size_t records_bytes, records_capacity;
    uint32_t nr_records;
    int64_t real_minus_mono_ns;

    struct text_buffer output;
    size_t output_start;   /* written already */
    uint32_t output_spans; /* told in the output */
} console;

/* ---- output ---- */

static void finish_output(bool ok)
{
    if (ok)
        account_delivered(console.account, console.output_spans);
    else
        account_drop(console.account, DROP_REJECTED, console.output_spans);
    console.output_spans = 0;
    console.output.len = console.output_start = 0;
    console.output.failed = false;
    console.blocked = false;
    console.host->progress();
}

/* What goes out in one write: a line of JSON or a chunk whole, else whole lines up
 * to what a writable pipe takes without blocking. */
static size_t next_write(const char *data, size_t len)
{
    if (console.mode == JSON_LINES)
        return (size_t)((const char *)memchr(data, '\n', len) + 1 - data);
    if (!console.waits_for_room || len <= PIPE_BUF)
        return len;
    const char *end = memrchr(data, '\n', PIPE_BUF);
    return end ? (size_t)(end + 1 - data) : PIPE_BUF;
}

static bool fd_has_room(void)
{
    struct pollfd fd = { .fd = console.fd, .events = POLLOUT };
    return !console.waits_for_room || poll(&fd, 1, 0) > 0;
}

static void write_output(void)
{
    console.blocked = false;
    while (console.output_start < console.output.len) {
        const char *data = console.output.data + console.output_start;
        size_t len = console.output.len - console.output_start;
        if (!fd_has_room()) {
            console.blocked = true;
            return;
        }
        ssize_t n = write(console.fd, data, next_write(data, len));
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            console.blocked = true;
            return;
        }
        if (n < 0) {
            console.host->log(LOG_WARN, "the console cannot be written: %u spans lost",
                              console.output_spans);
            finish_output(false);
            return;
        }
        console.output_start += (size_t)n;
        console.host->progress();
    }
    if (console.output_spans)
        finish_output(true);
}

/* ---- kept records ---- */

static bool keep_room(size_t bytes)
{
    size_t capacity = console.records_capacity ? console.records_capacity : RECORDS_FIRST_BYTES;
    if (console.nr_records >= CONSOLE_MAX_SPANS ||
        console.records_bytes + bytes > CONSOLE_MAX_BYTES)
        return false;
    while (capacity < console.records_bytes + bytes)
        capacity *= 2;
    if (capacity == console.records_capacity)
        return true;
    unsigned char *records = realloc(console.records, capacity);
    if (!records)
        return false;
    console.records = records;
    console.records_capacity = capacity;
    return true;
}

static const struct record *kept_at(size_t offset)
{
    return (const void *)(console.records + offset);
}

static int compare_trace_ids(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

/* Whether a trace of this process begins with this span. */
static bool begins_here(const struct record *record)
{
    return !(record->flags & RECORD_HAS_PARENT) || (record->flags & RECORD_PARENT_REMOTE);
}

/* The trace ids that are complete, sorted. Returns how many. */
static size_t complete_traces(uint8_t (*ids)[16])
{
    size_t n = 0;
    for (size_t at = 0; at < console.records_bytes; at += kept_at(at)->size)
        if (begins_here(kept_at(at)))
            memcpy(ids[n++], kept_at(at)->trace_id, 16);
    qsort(ids, n, sizeof ids[0], compare_trace_ids);
    return n;
}

/* Renders `spans`; without memory they are lost. */
static void render(const struct tree_span *spans, unsigned nr_spans)
{
    bool first = console.output.len == 0;
    if (nr_spans == 0)
        return;
    if (!first)
        text_puts(&console.output, "\n");
    if (console_tree_render(spans, nr_spans, console.style, &console.output))
        console.output_spans += nr_spans;
    else
        account_drop(console.account, DROP_QUEUE_FULL, nr_spans);
}

/* Takes the rendered records out: those not complete stay, moved together. */
static void forget_rendered(uint8_t (*ids)[16], size_t nr_ids)
{
    size_t kept = 0, size;
    uint32_t nr_kept = 0;
    for (size_t at = 0; at < console.records_bytes; at += size) {
        const struct record *record = kept_at(at);
        size = record->size;
        if (!ids || bsearch(record->trace_id, ids, nr_ids, sizeof ids[0], compare_trace_ids))
            continue;
        memmove(console.records + kept, record, size);
        kept += size;
        nr_kept++;
    }
    console.records_bytes = kept;
    console.nr_records = nr_kept;
}

/* Renders complete traces, or with `all` every kept record. */
static void render_kept(bool all)
{
    const struct tree_process process = { console.host->executable_name,
                                          resource_service_name(console.resource),
                                          console.host->pid };
    struct tree_span *spans = malloc(console.nr_records * sizeof spans[0]);
    uint8_t(*ids)[16] = all ? NULL : malloc(console.nr_records * sizeof ids[0]);
    size_t nr_ids = ids ? complete_traces(ids) : 0;
    unsigned n = 0;
    if (!spans || (!all && !ids)) {
        account_drop(console.account, DROP_QUEUE_FULL, console.nr_records);
        console.nr_records = 0;
        console.records_bytes = 0;
    }
    for (size_t at = 0; at < console.records_bytes; at += kept_at(at)->size)
        if (all || bsearch(kept_at(at)->trace_id, ids, nr_ids, sizeof ids[0], compare_trace_ids))
            spans[n++] = (struct tree_span){ kept_at(at), &process };
    render(spans, n);
    forget_rendered(ids, nr_ids);
    free(spans);
    free(ids);
}

static uint16_t name_bytes(const char *name)
{
    return (uint16_t)strnlen(name, COLLECT_MAX_NAME);
}

/* All kept records as one chunk, see console_tree.h. */
static void put_chunk(void)
{
    static const char padding[RECORD_ALIGN];
    const char *executable = console.host->executable_name;
    const char *service = resource_service_name(console.resource);
    struct collect_header header = {
        .magic = COLLECT_MAGIC,
        .record_bytes = (uint32_t)console.records_bytes,
        .pid = console.host->pid,
        .executable_bytes = name_bytes(executable),
        .service_bytes = name_bytes(service),
        .real_minus_mono_ns = console.real_minus_mono_ns,
    };
    size_t texts = (size_t)header.executable_bytes + header.service_bytes;
    text_put(&console.output, &header, sizeof header);
    text_put(&console.output, executable, header.executable_bytes);
    text_put(&console.output, service, header.service_bytes);
    text_put(&console.output, padding, (RECORD_ALIGN - texts % RECORD_ALIGN) % RECORD_ALIGN);
    text_put(&console.output, console.records, console.records_bytes);
    console.output_spans += console.nr_records;
    console.records_bytes = 0;
    console.nr_records = 0;
    if (console.output.failed)
        finish_output(false);
}

static void put_kept(bool all)
{
    if (console.nr_records == 0)
        return;
    if (console.mode == COLLECT)
        put_chunk();
    else
        render_kept(all);
}

/* ---- the sink ---- */

static bool open_collect_file(const char *path)
{
    console.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (console.fd >= 0)
        return true;
    console.host->log(LOG_ERROR, "%.256s cannot be opened: spans are not shown", path);
    return false;
}

static bool console_open(const struct config *c, const struct exporter_host *host,
                         const struct resource *resource)
{
    struct stat info;
    memset(&console, 0, sizeof console);
    console.host = host;
    console.account = sink_account("console");
    console.resource = resource;
    console.fd = host->console_fd;
    console.delay_ns = c->bsp.schedule_delay_ms * NS_PER_MS;
    console.look_at_ns = UINT64_MAX;
    console.mode = c->console_format == CONSOLE_JSON ? JSON_LINES : TREE;
    if (!console.account)
        return false;
    if (c->console_collect) {
        console.mode = COLLECT;
        if (!open_collect_file(c->console_collect))
            return false;
    }
    if (console.fd < 0 || fstat(console.fd, &info) != 0) {
        host->log(LOG_ERROR, "the program has no stderr: spans are not shown");
        return false;
    }
    console.waits_for_room = S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || isatty(console.fd);
    console.style = console_tree_style(console.fd);
    return true;
}

static bool console_ready(void *self)
{
    (void)self;
    if (console.output.len - console.output_start > CONSOLE_MAX_OUTPUT)
        return false;
    return console.mode == JSON_LINES || keep_room(RECORD_MAX_BYTES);
}

static void console_accept(void *self, const struct span_view *view)
{
    (void)self;
    const struct record *record = view->record;
    if (console.mode == JSON_LINES) {
        size_t len_before = console.output.len;
        console_json_put(&console.output, view, console.resource, console.host);
        if (!console.output.failed) {
            console.output_spans++;
            return;
        }
        console.output.len = len_before;
        console.output.failed = false;
        account_drop(console.account, DROP_QUEUE_FULL, 1);
        return;
    }
    if (console.nr_records++ == 0)
        console.look_at_ns = record->end_mono_ns + console.delay_ns;
    console.real_minus_mono_ns = (int64_t)(view->start_unix_ns - record->start_mono_ns);
    memcpy(console.records + console.records_bytes, record, record->size);
    console.records_bytes += record->size;
}

static uint64_t console_run(void *self, uint64_t now_ns, bool flush)
{
    (void)self;
    bool full = !keep_room(RECORD_MAX_BYTES) ||
                (console.mode == COLLECT && console.records_bytes >= COLLECT_CHUNK_BYTES);
    if (flush || full || now_ns >= console.look_at_ns) {
        put_kept(flush || full);
        console.look_at_ns = console.nr_records ? now_ns + console.delay_ns : UINT64_MAX;
    }
    write_output();
    return console.blocked ? UINT64_MAX : console.look_at_ns;
}

static uint64_t console_pending(void *self)
{
    (void)self;
    return (uint64_t)console.nr_records + console.output_spans;
}

static bool console_in_flight(void *self)
{
    (void)self;
    return console.blocked;
}

static unsigned console_fds(void *self, struct pollfd *fds, unsigned max)
{
    (void)self;
    if (!console.blocked || max == 0)
        return 0;
    fds[0] = (struct pollfd){ .fd = console.fd, .events = POLLOUT };
    return 1;
}

static const struct sink_ops console_ops = {
    .ready = console_ready,
    .accept = console_accept,
    .run = console_run,
    .pending = console_pending,
    .in_flight = console_in_flight,
    .fds = console_fds,
};

static void console_start(const struct config *c, const struct exporter_host *host,
                          const struct resource *resource)
{
    if (console_open(c, host, resource))
        sink_add(&console_ops, NULL, console.account);
}

const struct sink_kind console_sink = { EXPORTER_CONSOLE, console_start };
