/*
 * The bytes of one finished span, as they lie in a ring.
 *
 * Written once by the program's thread straight into its ring, read by the
 * background thread and the exporter: nothing is copied in between. A record
 * is a fixed header and a run of fields; a field is a 4-byte head and its
 * payload, unpadded. Integers are in host order: a record never leaves the
 * machine. Readers treat a record as hostile (it may come from a shared
 * mapping): `record_next_field` is the only way through and checks bounds.
 *
 * Times are CLOCK_MONOTONIC; the reader adds the offset to CLOCK_REALTIME, so
 * that a stepping clock never makes a span end before it starts.
 */
#ifndef OTELSHIM_SDK_RECORD_H
#define OTELSHIM_SDK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RECORD_ALIGN 8u
/* Bound: no record is larger. Fields that do not fit are counted as dropped. */
#define RECORD_MAX_BYTES 16384u
/* Bound: longest string value, before privacy and length limits. */
#define RECORD_MAX_URL 2048u
#define RECORD_MAX_SQL 4096u
#define RECORD_MAX_VALUE 1024u

enum record_type {
    RECORD_PAD = 0,  /* skip `size` bytes: the rest of the ring before it wraps */
    RECORD_SPAN = 1, /* a finished span */
};

enum record_flag {
    RECORD_SAMPLED = 1u << 0,         /* export it; clear: for metrics only */
    RECORD_RANDOM_TRACE_ID = 1u << 1, /* W3C flag 0x02 */
    RECORD_HAS_PARENT = 1u << 2,
    RECORD_PARENT_REMOTE = 1u << 3, /* the parent came in from outside */
    RECORD_ERROR = 1u << 4,         /* span status Error */
    RECORD_OK = 1u << 5,            /* the program says Ok: that is final, RECORD_ERROR or not */
};

/* OTLP Span.SpanKind values. */
enum span_kind {
    SPAN_INTERNAL = 1,
    SPAN_SERVER = 2,
    SPAN_CLIENT = 3,
    SPAN_PRODUCER = 4,
    SPAN_CONSUMER = 5,
};

/* What a record says of itself; struct record has the same four bytes. */
struct record_head {
    uint8_t type, scope, kind, flags;
};

struct record {
    uint32_t size;               /* whole record in bytes, a multiple of RECORD_ALIGN */
    uint8_t type;                /* enum record_type */
    uint8_t scope;               /* index into the instrumentation registry */
    uint8_t kind;                /* enum span_kind */
    uint8_t flags;               /* enum record_flag */
    uint32_t fields_bytes;       /* payload in use; the rest up to size is padding */
    uint32_t dropped_attributes; /* fields that found no room */
    uint64_t start_mono_ns;
    uint64_t end_mono_ns;
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_span_id[8]; /* valid with RECORD_HAS_PARENT */
    unsigned char fields[];
};

_Static_assert(offsetof(struct record, flags) - offsetof(struct record, type) ==
                   offsetof(struct record_head, flags),
               "struct record_head lies in a record");

enum field_type {
    FIELD_NAME = 1,       /* span name, text; last one wins */
    FIELD_STRING,         /* attribute, text of any bytes (the reader makes it UTF-8) */
    FIELD_INT,            /* attribute, int64_t */
    FIELD_DOUBLE,         /* attribute, double */
    FIELD_BOOL,           /* attribute, one byte */
    FIELD_STRING_ARRAY,   /* attribute, run of { uint16_t len; bytes } */
    FIELD_EVENT,          /* key = enum event_name, payload uint64_t mono ns */
    FIELD_LINK,           /* struct record_link */
    FIELD_TRACESTATE,     /* W3C tracestate text */
    FIELD_STATUS_MESSAGE, /* text, only with RECORD_ERROR */
    FIELD_NAMED_ARRAY,    /* as FIELD_STRING_ARRAY; the first text is the end of its key, which
                           * begins with that of `key` */
    FIELD_NAMED,          /* attribute with its whole key: `key` is the value's type (STRING, INT,
                           * DOUBLE, BOOL), payload { uint16_t len; key text; value } */
    FIELD_NAMED_EVENT,    /* struct record_event, its name, a run of FIELD_NAMED */
    FIELD_DROPPED,        /* struct record_dropped */
};

struct record_event {
    uint64_t mono_ns;
    uint32_t name_bytes;
    uint32_t dropped_attributes;
};

/* Of what the program wanted on the span: what found no room. */
struct record_dropped {
    uint32_t events, links;
};

struct field {
    uint8_t type; /* enum field_type */
    uint8_t key;  /* enum attr_key, enum event_name or enum field_type */
    uint16_t len; /* payload bytes */
};

struct record_link {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags;  /* W3C trace flags */
    uint8_t remote; /* 1: the linked context came from outside */
};

/* A field seen by a reader: its head, and where in the record its payload lies. */
struct field_view {
    uint8_t type;
    uint8_t key;
    uint16_t len;
    const unsigned char *data;
};
_Static_assert(offsetof(struct field_view, len) == offsetof(struct field, len) &&
                   offsetof(struct field_view, key) == offsetof(struct field, key),
               "a head is read in one move");

/*
 * Steps through a run of fields: *pos starts at 0, and is moved by this alone. True with *out
 * filled, or false at the end or at the first field that does not fit in the run.
 */
static inline bool fields_next(const unsigned char *fields, size_t bytes, size_t *pos,
                               struct field_view *out)
{
    const size_t head = sizeof(struct field);
    if (bytes - *pos < head)
        return false;
    memcpy(out, fields + *pos, head);
    if (out->len > bytes - *pos - head)
        return false;
    out->data = fields + *pos + head;
    *pos += head + out->len;
    return true;
}

/* Bytes of the run of fields in `r`; 0 where its sizes make no sense. */
static inline size_t record_fields_bytes(const struct record *r)
{
    size_t before = offsetof(struct record, fields);
    return r->size < before || r->fields_bytes > r->size - before ? 0 : r->fields_bytes;
}

/* The same through the fields of `r`. */
static inline bool record_next_field(const struct record *r, size_t *pos, struct field_view *out)
{
    return fields_next(r->fields, record_fields_bytes(r), pos, out);
}

#endif
