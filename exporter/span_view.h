/*
 * One span as exporters see it: a record taken apart, checked, with Unix times
 * and valid UTF-8. Points into the record (or into its own repair room) and
 * dies with it.
 */
#ifndef OTELSHIM_SPAN_VIEW_H
#define OTELSHIM_SPAN_VIEW_H

#include "sdk/record.h"
#include "sdk/semconv.h"
#include "utf8.h"

/* Bounds: the specification's default limits of one span. */
#define VIEW_MAX_ATTRIBUTES 128u
#define VIEW_MAX_EVENTS 128u
#define VIEW_MAX_LINKS 128u
#define VIEW_MAX_EVENT_ATTRIBUTES 512u /* of all events of a span; of one: VIEW_MAX_ATTRIBUTES */

/* Bytes, not zero-terminated. */
struct text {
    const unsigned char *data;
    size_t len;
};

struct event_view {
    struct text name;
    uint64_t unix_ns;
    struct text attributes; /* a run of FIELD_NAMED, keys unique; see event_attribute_next */
    uint32_t dropped_attributes;
};

/* Whose span it is: this process's, or that of one whose spool file is being recovered. */
enum span_source { SOURCE_OWN, SOURCE_RECOVERED, SOURCE_COUNT };

struct span_view {
    const struct record *record; /* ids, kind, scope, flags */
    enum span_source source;
    uint64_t start_unix_ns, end_unix_ns;
    struct text name, tracestate, status_message;
    unsigned nr_attributes, nr_events, nr_links, nr_event_attributes;
    uint32_t dropped_attributes, dropped_events, dropped_links;
    uint32_t repaired_bytes;                               /* of `repaired` in use */
    struct field_view attributes[VIEW_MAX_ATTRIBUTES + 1]; /* keys unique and known; the run's id */
    struct event_view events[VIEW_MAX_EVENTS];
    struct record_link links[VIEW_MAX_LINKS];
    unsigned char repaired[UTF8_REPAIR_GROWTH * RECORD_MAX_BYTES];
};

/* What the configuration says about every span (OTEL_SPAN_*_LIMIT). */
struct span_limits {
    uint32_t attributes, events, links; /* those beyond are left out and counted */
    uint32_t value_chars;               /* UINT32_MAX: no limit; lists: of each text */
    uint32_t event_attributes;          /* of one event */
};
/* Holds for all views from now on. Background thread, before the first one. */
void span_view_limit(const struct span_limits *limits);
/* Attribute otelshim.run_id of all views from now on, beside the limits; UTF-8, at most
 * CONFIG_MAX_RUN_ID bytes, NULL: none. Kept by reference. */
void span_view_run_id(const char *run_id);

/* Whether it has a sound header and ids, so that it can be sent. */
bool record_is_span(const struct record *record);

/*
 * Takes `record` apart. False: no span (record_is_span). Fields that make no sense are left out and counted; a field
 * that does not fit ends the record.
 */
bool span_view_of(const struct record *record, int64_t real_minus_mono_ns, struct span_view *view);

/* Whether a text or an integer is taken as it is, wherever there is room for an attribute. */
bool span_view_keeps(const struct field_view *attribute);

/* The times of a span: it never ends before it starts. */
struct span_times {
    uint64_t start_unix_ns, end_unix_ns;
};
static inline struct span_times span_times(const struct record *record, int64_t real_minus_mono_ns)
{
    uint64_t start = record->start_mono_ns, end = record->end_mono_ns;
    uint64_t offset = (uint64_t)real_minus_mono_ns;
    return (struct span_times){ start + offset, (end < start ? start : end) + offset };
}

/* OTLP's Span.kind (never 0), Status.code, Span.flags and Link.flags. */
uint8_t span_view_kind(const struct span_view *view);
enum status_code { STATUS_UNSET = 0, STATUS_OK = 1, STATUS_ERROR = 2 };
enum status_code span_view_status(const struct span_view *view);
uint32_t span_view_flags(const struct span_view *view);
uint32_t link_flags(const struct record_link *link);

/* The attribute `key`, NULL if the span has none. */
const struct field_view *span_view_find(const struct span_view *view, enum attr_key key);

/* The next text of a FIELD_STRING_ARRAY; *pos starts at 0. */
bool string_array_next(const struct field_view *array, size_t *pos, struct text *out);

/* An attribute's key, in two parts (the second is empty but for FIELD_NAMED_ARRAY), and its
 * value alone: of type STRING, INT, DOUBLE, BOOL or STRING_ARRAY. */
struct attribute_key {
    struct text begin, end;
};
struct attribute_key attribute_key(const struct field_view *attribute, struct field_view *value);
/* The next attribute of an event; *pos starts at 0. */
bool event_attribute_next(const struct event_view *event, size_t *pos, struct field_view *out);

#endif
