/*
 * Record to span view. A record is hostile until it went through here: what
 * leaves is bounded, has known keys, each once (the last value wins, as when an
 * attribute is set again), payloads of the size their type demands, and UTF-8.
 */
#include "span_view.h"

/* Bits of Span.flags and Link.flags; the low eight are W3C's. */
#define FLAG_SAMPLED 0x01u
#define FLAG_RANDOM 0x02u
#define FLAG_REMOTE_KNOWN 0x100u
#define FLAG_REMOTE 0x200u

#define TEXT(s) \
    { \
        (const unsigned char *)(s), sizeof(s) - 1 \
    }

static const struct text attribute_names[ATTR_COUNT] = {
#define X(id, text) [ATTR_##id] = TEXT(text),
    SEMCONV_ATTRIBUTES(X)
#undef X
};

static const struct text event_names[EVENT_COUNT] = {
#define X(id, text) [EVENT_##id] = TEXT(text),
    SEMCONV_EVENTS(X)
#undef X
};

/* Background thread; a forked child sets them again when it opens its exporter. */
static struct span_limits limits = { VIEW_MAX_ATTRIBUTES, VIEW_MAX_EVENTS, VIEW_MAX_LINKS,
                                     UINT32_MAX };

static uint32_t at_most(uint32_t value, uint32_t bound)
{
    return value < bound ? value : bound;
}

void span_view_limit(const struct span_limits *wanted)
{
    limits = (struct span_limits){ at_most(wanted->attributes, VIEW_MAX_ATTRIBUTES),
                                   at_most(wanted->events, VIEW_MAX_EVENTS),
                                   at_most(wanted->links, VIEW_MAX_LINKS), wanted->value_chars };
}

/* As above. type 0: there is none. */
static struct field_view run_id_attribute;

void span_view_run_id(const char *run_id)
{
    run_id_attribute = (struct field_view){ .type = 0 };
    if (run_id != NULL)
        run_id_attribute =
            (struct field_view){ FIELD_STRING, ATTR_OTELSHIM_RUN_ID, (uint16_t)strlen(run_id),
                                 (const unsigned char *)run_id };
}

struct attribute_key attribute_key(const struct field_view *attribute, size_t *pos)
{
    struct attribute_key key = { .begin = attribute_names[attribute->key] };
    *pos = 0;
    if (attribute->type == FIELD_NAMED_ARRAY)
        string_array_next(attribute, pos, &key.end);
    return key;
}

struct text event_name_text(uint8_t name)
{
    return event_names[name];
}

bool string_array_next(const struct field_view *array, size_t *pos, struct text *out)
{
    uint16_t len;
    if (*pos + sizeof len > array->len)
        return false;
    memcpy(&len, array->data + *pos, sizeof len);
    if (len > array->len - *pos - sizeof len)
        return false;
    *out = (struct text){ array->data + *pos + sizeof len, len };
    *pos += sizeof len + len;
    return true;
}

/* The text itself, or its repaired copy in the view's own room. The room holds
 * every byte of a record three times over: it cannot run out. */
static struct text valid_text(struct span_view *view, const unsigned char *data, size_t len)
{
    if (utf8_is_well_formed(data, len))
        return (struct text){ data, len };
    unsigned char *out = view->repaired + view->repaired_bytes;
    size_t bytes = utf8_repair(data, len, out);
    view->repaired_bytes += (uint32_t)bytes;
    return (struct text){ out, bytes };
}

static void repair_string(struct span_view *view, struct field_view *field)
{
    struct text text = valid_text(view, field->data, field->len);
    field->data = text.data;
    field->len = (uint16_t)utf8_prefix(text.data, text.len, limits.value_chars);
}

/* Cuts each text behind the first `kept` bytes, in the view's room: a list that was repaired
 * lies there already and only shrinks, any other is copied for the first time. */
static void cut_string_array(struct span_view *view, struct field_view *field, size_t kept)
{
    unsigned char *room = view->repaired + view->repaired_bytes;
    bool copied = field->data >= view->repaired && field->data < room;
    unsigned char *start = copied ? room - field->len : room, *at = start + kept;
    struct text text;
    memmove(start, field->data, kept);
    for (size_t pos = kept; string_array_next(field, &pos, &text);) {
        uint16_t bytes = (uint16_t)utf8_prefix(text.data, text.len, limits.value_chars);
        memmove(at + sizeof bytes, text.data, bytes);
        memcpy(at, &bytes, sizeof bytes);
        at += sizeof bytes + bytes;
    }
    field->data = start;
    field->len = (uint16_t)(at - start);
    view->repaired_bytes = (uint32_t)(at - view->repaired);
}

/* Whole texts only; a cut last one is left out. */
static void repair_string_array(struct span_view *view, struct field_view *field)
{
    size_t pos = 0;
    struct text text;
    bool valid = true;
    while (string_array_next(field, &pos, &text))
        valid &= utf8_is_well_formed(text.data, text.len);
    field->len = (uint16_t)pos;
    if (valid)
        return;

    unsigned char *start = view->repaired + view->repaired_bytes, *at = start;
    for (pos = 0; string_array_next(field, &pos, &text);) {
        uint16_t bytes = (uint16_t)utf8_repair(text.data, text.len, at + sizeof bytes);
        memcpy(at, &bytes, sizeof bytes);
        at += sizeof bytes + bytes;
    }
    field->data = start;
    field->len = (uint16_t)(at - start);
    view->repaired_bytes += field->len;
}

static bool payload_is_sound(const struct field_view *field)
{
    switch (field->type) {
    case FIELD_INT:
    case FIELD_DOUBLE: return field->len == 8;
    case FIELD_BOOL: return field->len == 1;
    default: return true;
    }
}

static bool same_text(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The place of the attribute with this key, as it is after its repair; NULL: there is none. */
static struct field_view *find_named(struct span_view *view, const struct field_view *field)
{
    size_t pos;
    struct text end = attribute_key(field, &pos).end;
    for (unsigned i = 0; i < view->nr_attributes; i++) {
        struct field_view *other = &view->attributes[i];
        if (other->type == FIELD_NAMED_ARRAY && other->key == field->key &&
            same_text(attribute_key(other, &pos).end, end))
            return other;
    }
    return NULL;
}

/* A list whose first text ends its key. There are few of them: no table. */
static void take_named(struct span_view *view, struct field_view field)
{
    size_t pos = 0;
    struct text end;
    if (field.key == ATTR_NONE || field.key >= ATTR_COUNT ||
        !string_array_next(&field, &pos, &end) || end.len == 0) {
        view->dropped_attributes++;
        return;
    }
    repair_string_array(view, &field);
    if (limits.value_chars != UINT32_MAX) {
        pos = 0;
        string_array_next(&field, &pos, &end);
        cut_string_array(view, &field, pos);
    }
    struct field_view *before = find_named(view, &field);
    if (before != NULL)
        *before = field;
    else if (view->nr_attributes < limits.attributes)
        view->attributes[view->nr_attributes++] = field;
    else
        view->dropped_attributes++;
}

/* `slots[key]` is the attribute's place plus one, 0 while it was not seen. */
static void take_attribute(struct span_view *view, struct field_view field,
                           uint8_t slots[static ATTR_COUNT])
{
    if (field.key == ATTR_NONE || field.key >= ATTR_COUNT || !payload_is_sound(&field) ||
        (slots[field.key] == 0 && view->nr_attributes == limits.attributes)) {
        view->dropped_attributes++;
        return;
    }
    if (field.type == FIELD_STRING) {
        repair_string(view, &field);
    } else if (field.type == FIELD_STRING_ARRAY) {
        repair_string_array(view, &field);
        if (limits.value_chars != UINT32_MAX)
            cut_string_array(view, &field, 0);
    }
    if (slots[field.key] == 0)
        slots[field.key] = (uint8_t)++view->nr_attributes;
    view->attributes[slots[field.key] - 1] = field;
}

static void take_event(struct span_view *view, const struct field_view *field,
                       int64_t real_minus_mono_ns)
{
    uint64_t mono_ns;
    if (field->key == EVENT_NONE || field->key >= EVENT_COUNT || field->len != sizeof mono_ns ||
        view->nr_events == limits.events) {
        view->dropped_events++;
        return;
    }
    memcpy(&mono_ns, field->data, sizeof mono_ns);
    view->events[view->nr_events++] =
        (struct event_view){ field->key, mono_ns + (uint64_t)real_minus_mono_ns };
}

static void take_link(struct span_view *view, const struct field_view *field)
{
    if (field->len != sizeof(struct record_link) || view->nr_links == limits.links) {
        view->dropped_links++;
        return;
    }
    memcpy(&view->links[view->nr_links++], field->data, sizeof(struct record_link));
}

static void take_field(struct span_view *view, const struct field_view *field,
                       int64_t real_minus_mono_ns, uint8_t slots[static ATTR_COUNT])
{
    switch (field->type) {
    case FIELD_NAME: view->name = valid_text(view, field->data, field->len); break;
    case FIELD_TRACESTATE: view->tracestate = valid_text(view, field->data, field->len); break;
    case FIELD_STATUS_MESSAGE:
        view->status_message = valid_text(view, field->data, field->len);
        break;
    case FIELD_STRING:
    case FIELD_INT:
    case FIELD_DOUBLE:
    case FIELD_BOOL:
    case FIELD_STRING_ARRAY: take_attribute(view, *field, slots); break;
    case FIELD_NAMED_ARRAY: take_named(view, *field); break;
    case FIELD_EVENT: take_event(view, field, real_minus_mono_ns); break;
    case FIELD_LINK: take_link(view, field); break;
    default: view->dropped_attributes++;
    }
}

static bool is_zero(const uint8_t *id, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= id[i];
    return any == 0;
}

bool record_is_span(const struct record *record)
{
    return record->type == RECORD_SPAN && record->size >= sizeof *record &&
           record->size <= RECORD_MAX_BYTES && !is_zero(record->trace_id, 16) &&
           !is_zero(record->span_id, 8);
}

bool span_view_of(const struct record *record, int64_t real_minus_mono_ns, struct span_view *view)
{
    if (!record_is_span(record))
        return false;

    memset(view, 0, offsetof(struct span_view, attributes));
    view->record = record;
    view->dropped_attributes = record->dropped_attributes;
    view->start_unix_ns = record->start_mono_ns + (uint64_t)real_minus_mono_ns;
    view->end_unix_ns = record->end_mono_ns + (uint64_t)real_minus_mono_ns;
    if (record->end_mono_ns < record->start_mono_ns)
        view->end_unix_ns = view->start_unix_ns;

    uint8_t slots[ATTR_COUNT] = { 0 };
    struct field_view field;
    for (size_t pos = 0; record_next_field(record, &pos, &field);)
        take_field(view, &field, real_minus_mono_ns, slots);
    if (run_id_attribute.type != 0)
        view->attributes[view->nr_attributes++] = run_id_attribute;
    return true;
}

uint8_t span_view_kind(const struct span_view *view)
{
    uint8_t kind = view->record->kind;
    return kind == SPAN_SERVER || kind == SPAN_CLIENT ? kind : SPAN_INTERNAL;
}

uint32_t span_view_flags(const struct span_view *view)
{
    uint8_t flags = view->record->flags;
    return FLAG_REMOTE_KNOWN | (flags & RECORD_PARENT_REMOTE ? FLAG_REMOTE : 0) |
           (flags & RECORD_SAMPLED ? FLAG_SAMPLED : 0) |
           (flags & RECORD_RANDOM_TRACE_ID ? FLAG_RANDOM : 0);
}

uint32_t link_flags(const struct record_link *link)
{
    return FLAG_REMOTE_KNOWN | (link->remote ? FLAG_REMOTE : 0) |
           (link->flags & (FLAG_SAMPLED | FLAG_RANDOM));
}

const struct field_view *span_view_find(const struct span_view *view, enum attr_key key)
{
    for (unsigned i = 0; i < view->nr_attributes; i++)
        if (view->attributes[i].key == key && view->attributes[i].type != FIELD_NAMED_ARRAY)
            return &view->attributes[i];
    return NULL;
}
