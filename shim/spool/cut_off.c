/*
 * Spans that were open when their process was killed: records made of the marks in its
 * spool file (open_mark.h). They end when the process was last known to live: when its parent
 * reaped it, else with the newest of what the file tells of.
 */
#include "cut_off.h"

#include <unistd.h>

#include "context/process_context.h"
#include "sdk/process_names.h"

#define NO_SIGNAL_TYPE "_OTHER" /* error.type where nobody knows what it was */

/* The marks of ring `index`, as they lie on its first page. False: it was never used. */
static bool load_page(struct leftover *l, unsigned index)
{
    uint64_t at = SPOOL_RINGS_AT + (uint64_t)index * SPOOL_RING_BYTES + RING_MARKS_AT;
    ssize_t n = pread(l->fd, l->cut.marks, sizeof l->cut.marks, (off_t)at);
    return n == (ssize_t)sizeof l->cut.marks;
}

/* The next mark that is in use; NULL: the end. */
static const struct open_mark *next_mark(struct leftover *l)
{
    for (; l->cut.ring < RING_COUNT; l->cut.ring++, l->cut.mark = 0) {
        if (l->cut.mark == 0 && !load_page(l, l->cut.ring))
            continue;
        while (l->cut.mark < RING_MARKS) {
            const struct open_mark *m = &l->cut.marks[l->cut.mark++];
            if (m->start_mono_ns != 0)
                return m;
        }
    }
    return NULL;
}

/* The same decision as at an orderly end (hooks/process.c). */
static bool process_is_cut_off(const struct spool_header *h)
{
    unsigned flags = h->process_flags;
    unsigned wanted = flags & PROCESS_FORKED ? PROCESS_USED : PROCESS_USED | PROCESS_PARENT;
    if (h->process.start_mono_ns == 0 || !(flags & PROCESS_SPAN) || (flags & PROCESS_TOLD))
        return false;
    return !h->process_may_end || ((flags & wanted) && !(flags & PROCESS_SERVER));
}

static void put(struct record *r, uint8_t type, uint8_t key, const void *data, size_t len)
{
    struct field head = { type, key, (uint16_t)len };
    unsigned char *at = r->fields + r->fields_bytes;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, data, len);
    r->fields_bytes += (uint32_t)(sizeof head + len);
}

static struct record *make(struct leftover *l, const struct open_mark *m)
{
    struct record *r = (struct record *)(void *)l->cut.span;
    char number[PROCESS_CODE_TEXT];
    const char *type = NO_SIGNAL_TYPE;
    if (l->header.signal > 0)
        type = process_signal_text(l->header.signal, number);
    uint64_t end = l->header.signal > 0 ? l->header.reaped_mono_ns : l->cut.last_mono_ns;
    memset(r, 0, sizeof *r);
    r->type = RECORD_SPAN;
    r->scope = m->head.scope;
    r->kind = m->head.kind;
    r->flags = m->head.flags | RECORD_ERROR;
    r->start_mono_ns = m->start_mono_ns;
    r->end_mono_ns = end > m->start_mono_ns ? end : m->start_mono_ns;
    memcpy(r->trace_id, m->trace_id, sizeof r->trace_id);
    memcpy(r->span_id, m->span_id, sizeof r->span_id);
    memcpy(r->parent_span_id, m->parent_span_id, sizeof r->parent_span_id);
    size_t len = m->name_bytes <= OPEN_MARK_NAME_MAX ? m->name_bytes : OPEN_MARK_NAME_MAX;
    put(r, FIELD_NAME, 0, m->name, len);
    put(r, FIELD_STRING, ATTR_ERROR_TYPE, type, strlen(type));
    return r;
}

static const struct record *finish(struct record *r)
{
    uint32_t size = (uint32_t)sizeof *r + r->fields_bytes;
    r->size = (size + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1);
    return r;
}

/* A span that began then is a sign of life, too. */
static void find_last(struct leftover *l)
{
    const struct open_mark *m;
    if (l->cut.last_mono_ns < l->header.seen_mono_ns)
        l->cut.last_mono_ns = l->header.seen_mono_ns;
    while ((m = next_mark(l)) != NULL)
        if (l->cut.last_mono_ns < m->start_mono_ns)
            l->cut.last_mono_ns = m->start_mono_ns;
    l->cut.ring = l->cut.mark = 0;
}

void cut_off_seen(struct leftover *l, const struct record *r)
{
    if (l->cut.last_mono_ns < r->end_mono_ns)
        l->cut.last_mono_ns = r->end_mono_ns;
}

const struct record *cut_off_next(struct leftover *l)
{
    const struct spool_header *h = &l->header;
    if (h->ended || h->end != SPOOL_GOES_ON)
        return NULL;
    if (!l->cut.begun) {
        l->cut.begun = true;
        find_last(l);
        if (process_is_cut_off(h)) {
            struct record *r = make(l, &h->process);
            int64_t pid = h->pid;
            size_t len = h->process.name_bytes <= OPEN_MARK_NAME_MAX ? h->process.name_bytes : 0;
            put(r, FIELD_STRING, ATTR_PROCESS_EXECUTABLE_NAME, h->process.name, len);
            put(r, FIELD_INT, ATTR_PROCESS_PID, &pid, sizeof pid);
            return finish(r);
        }
    }
    const struct open_mark *m = next_mark(l);
    return m != NULL ? finish(make(l, m)) : NULL;
}
