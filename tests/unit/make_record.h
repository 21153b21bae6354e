/* Records as the shim writes them, for units of the exporter. */
#include <stdlib.h>
#include <string.h>

#include "sdk/record.h"
#include "sdk/semconv.h"

#define UNIX_MINUS_MONO_NS INT64_C(1700000000000000000)

struct made_record {
    union {
        struct record head;
        unsigned char bytes[RECORD_MAX_BYTES];
    } u;
    size_t used; /* of fields */
};

static inline void record_finish(struct made_record *r)
{
    r->u.head.fields_bytes = (uint32_t)r->used;
    r->u.head.size = (uint32_t)((sizeof r->u.head + r->used + 7) & ~(size_t)7);
}

/* A sampled client span from 1000 to 3000 ns; ids are runs of `trace` and `span`. */
static inline struct made_record *record_begin(uint8_t trace, uint8_t span, uint8_t parent)
{
    struct made_record *r = calloc(1, sizeof *r);
    struct record *head = &r->u.head;
    head->type = RECORD_SPAN;
    head->kind = SPAN_CLIENT;
    head->flags = RECORD_SAMPLED;
    head->start_mono_ns = 1000;
    head->end_mono_ns = 3000;
    memset(head->trace_id, trace, sizeof head->trace_id);
    memset(head->span_id, span, sizeof head->span_id);
    memset(head->parent_span_id, parent, sizeof head->parent_span_id);
    if (parent)
        head->flags |= RECORD_HAS_PARENT;
    record_finish(r);
    return r;
}

static inline void record_field(struct made_record *r, uint8_t type, uint8_t key, const void *data,
                                size_t len)
{
    struct field head = { type, key, (uint16_t)len };
    memcpy(r->u.head.fields + r->used, &head, sizeof head);
    memcpy(r->u.head.fields + r->used + sizeof head, data, len);
    r->used += sizeof head + len;
    record_finish(r);
}

static inline void record_name(struct made_record *r, const char *name)
{
    record_field(r, FIELD_NAME, 0, name, strlen(name));
}

static inline void record_text(struct made_record *r, enum attr_key key, const char *text)
{
    record_field(r, FIELD_STRING, (uint8_t)key, text, strlen(text));
}

static inline void record_int(struct made_record *r, enum attr_key key, int64_t value)
{
    record_field(r, FIELD_INT, (uint8_t)key, &value, sizeof value);
}

/* Texts up to NULL. */
static inline void record_texts(struct made_record *r, enum attr_key key, const char *const texts[])
{
    unsigned char run[4096];
    size_t used = 0;
    for (; *texts; texts++) {
        uint16_t len = (uint16_t)strlen(*texts);
        memcpy(run + used, &len, sizeof len);
        memcpy(run + used + sizeof len, *texts, len);
        used += sizeof len + len;
    }
    record_field(r, FIELD_STRING_ARRAY, (uint8_t)key, run, used);
}
