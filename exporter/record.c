/*
 * Record to span view. A record is hostile until it went through here: what
 * leaves is bounded, has known keys, each once (the last value wins, as when an
 * attribute is set again), payloads of the size their type demands, and UTF-8.
 */
#include "span_view.h"

#include "mem/clear.h"

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
                                     UINT32_MAX, VIEW_MAX_ATTRIBUTES };

static uint32_t at_most(uint32_t value, uint32_t bound)
{
    return value < bound ? value : bound;
}

void span_view_limit(const struct span_limits *wanted)
{
    limits = (struct span_limits){ at_most(wanted->attributes, VIEW_MAX_ATTRIBUTES),
                                   at_most(wanted->events, VIEW_MAX_EVENTS),
                                   at_most(wanted->links, VIEW_MAX_LINKS), wanted->value_chars,
                                   at_most(wanted->event_attributes, VIEW_MAX_ATTRIBUTES) };
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

/* The value behind the key that a field begins with. */
static void skip_key(struct field_view *value, uint8_t type, struct text *key)
{
    size_t pos = 0;
    string_array_next(value, &pos, key);
    value->type = type;
    value->data += pos;
    value->len = (uint16_t)(value->len - pos);
}

struct attribute_key attribute_key(const struct field_view *attribute, struct field_view *value)
{
    struct attribute_key key = { { NULL, 0 }, { NULL, 0 } };
    *value = *attribute;
    if (attribute->type == FIELD_NAMED) {
        skip_key(value, attribute->key, &key.begin);
        return key;
    }
    key.begin = attribute_names[attribute->key];
    if (attribute->type == FIELD_NAMED_ARRAY)
        skip_key(value, FIELD_STRING_ARRAY, &key.end);
    return key;
}

bool event_attribute_next(const struct event_view *event, size_t *pos, struct field_view *out)
{
    return fields_next(event->attributes.data, event->attributes.len, pos, out);
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
    if (utf8_is_ascii(data, len) || utf8_is_well_formed(data, len))
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

static bool same_key(struct attribute_key a, struct attribute_key b)
{
    if (a.begin.len == b.begin.len)
        return same_text(a.begin, b.begin) && same_text(a.end, b.end);
    /* One of them in one piece: longer than the other's beginning. */
    struct attribute_key whole = a.end.len == 0 ? a : b, parts = a.end.len == 0 ? b : a;
    size_t first = parts.begin.len;
    return whole.end.len == 0 && whole.begin.len == first + parts.end.len &&
           memcmp(whole.begin.data, parts.begin.data, first) == 0 &&
           memcmp(whole.begin.data + first, parts.end.data, parts.end.len) == 0;
}

/* The place of the attribute with this key, as it is after its repair; NULL: there is none. */
static struct field_view *find_named(struct span_view *view, const struct field_view *field)
{
    struct field_view value;
    struct attribute_key key = attribute_key(field, &value);
    for (unsigned i = 0; i < view->nr_attributes; i++) {
        struct field_view *other = &view->attributes[i];
        if ((other->type == FIELD_NAMED_ARRAY || other->type == FIELD_NAMED) &&
            same_key(attribute_key(other, &value), key))
            return other;
    }
    return NULL;
}

static void put_named(struct span_view *view, const struct field_view *field)
{
    struct field_view *before = find_named(view, field);
    if (before != NULL)
        *before = *field;
    else if (view->nr_attributes < limits.attributes)
        view->attributes[view->nr_attributes++] = *field;
    else
        view->dropped_attributes++;
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
    put_named(view, &field);
}

/* A text of ASCII within the limit, or an integer. */
static inline bool is_plain(const struct field_view *field)
{
    if (field->type == FIELD_STRING)
        return field->len <= limits.value_chars && utf8_is_ascii(field->data, field->len);
    return field->type == FIELD_INT && field->len == sizeof(int64_t);
}

bool span_view_keeps(const struct field_view *attribute)
{
    return is_plain(attribute);
}

/*
 * Keys that were seen: slots[key] is the attribute's place plus one, 0 while it was not.
 * What nearly all attributes are: a text of ASCII or a number, its key the first of its kind.
 * False: it is something else, and nothing was taken.
 */
static inline bool take_plain(struct span_view *view, struct field_view field,
                              uint8_t slots[static ATTR_COUNT])
{
    unsigned nr = view->nr_attributes;
    if (field.key - 1u >= ATTR_COUNT - 1u || slots[field.key] != 0 || nr == limits.attributes)
        return false;
    if (!is_plain(&field))
        return false;
    view->attributes[nr] = field;
    slots[field.key] = (uint8_t)(nr + 1);
    view->nr_attributes = nr + 1;
    return true;
}

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

/* Whether it has a key and a value of its type. */
static bool named_is_sound(const struct field_view *field)
{
    struct text key;
    struct field_view value = *field;
    if (field->type != FIELD_NAMED || field->key < FIELD_STRING || field->key > FIELD_BOOL)
        return false;
    size_t pos = 0;
    if (!string_array_next(field, &pos, &key) || key.len == 0)
        return false;
    skip_key(&value, field->key, &key);
    return payload_is_sound(&value);
}

/* The field anew in the view's room: as UTF-8, the value cut to the limit. */
static struct field_view repaired_named(struct span_view *view, const struct field_view *field)
{
    struct field_view value;
    struct text key = attribute_key(field, &value).begin;
    unsigned char *start = view->repaired + view->repaired_bytes;
    uint16_t key_bytes = (uint16_t)utf8_repair(key.data, key.len, start + sizeof key_bytes);
    unsigned char *at = start + sizeof key_bytes + key_bytes;
    memcpy(start, &key_bytes, sizeof key_bytes);
    if (value.type == FIELD_STRING) {
        size_t len = utf8_repair(value.data, value.len, at);
        at += utf8_prefix(at, len, limits.value_chars);
    } else {
        memcpy(at, value.data, value.len);
        at += value.len;
    }
    view->repaired_bytes = (uint32_t)(at - view->repaired);
    return (struct field_view){ FIELD_NAMED, field->key, (uint16_t)(at - start), start };
}

/* Background thread: by a name's length, a bit for each id whose name has it. A length is looked
 * up first: few names share one. */
static uint64_t ids_of_length[64];
_Static_assert(ATTR_COUNT <= 64, "an id is a bit");

static void sort_names(void)
{
    for (unsigned id = 1; id < ATTR_COUNT; id++)
        ids_of_length[attribute_names[id].len % 64] |= UINT64_C(1) << id;
}

/* Names that we know have ids: so a text key and an id never mean the same attribute. */
static uint8_t known_key(struct text key)
{
    if (ids_of_length[attribute_names[1].len % 64] == 0)
        sort_names();
    for (uint64_t ids = ids_of_length[key.len % 64]; ids != 0; ids &= ids - 1) {
        unsigned id = (unsigned)__builtin_ctzll(ids);
        if (same_text(attribute_names[id], key))
            return (uint8_t)id;
    }
    return ATTR_NONE;
}

static void take_scalar(struct span_view *view, const struct field_view *field,
                        uint8_t slots[static ATTR_COUNT])
{
    struct field_view value;
    if (!named_is_sound(field)) {
        view->dropped_attributes++;
        return;
    }
    struct text key = attribute_key(field, &value).begin;
    value.key = known_key(key);
    if (value.key == ATTR_OTELSHIM_RUN_ID && run_id_attribute.type != 0) {
        view->dropped_attributes++;
        return;
    }
    if (value.key != ATTR_NONE) {
        take_attribute(view, value, slots);
        return;
    }
    struct field_view kept = *field;
    if (!utf8_is_well_formed(key.data, key.len) ||
        (value.type == FIELD_STRING && !utf8_is_well_formed(value.data, value.len)))
        kept = repaired_named(view, field);
    else if (value.type == FIELD_STRING)
        kept.len = (uint16_t)(kept.len - value.len +
                              utf8_prefix(value.data, value.len, limits.value_chars));
    put_named(view, &kept);
}

/* Whether a later one of the run has the same key: then this one is overwritten. */
static bool is_set_again(const struct field_view *run, size_t pos, struct text key)
{
    struct field_view field, value;
    while (fields_next(run->data, run->len, &pos, &field))
        if (named_is_sound(&field) && same_text(attribute_key(&field, &value).begin, key))
            return true;
    return false;
}

/* What is to be kept of an event's attributes goes into the view's room. */
static void take_event_attributes(struct span_view *view, struct event_view *event,
                                  const struct field_view *run)
{
    struct field_view field, value;
    unsigned char *start = view->repaired + view->repaired_bytes;
    unsigned nr = 0;
    for (size_t pos = 0; fields_next(run->data, run->len, &pos, &field);) {
        if (!named_is_sound(&field) || nr == limits.event_attributes ||
            view->nr_event_attributes == VIEW_MAX_EVENT_ATTRIBUTES) {
            event->dropped_attributes++;
            continue;
        }
        if (is_set_again(run, pos, attribute_key(&field, &value).begin))
            continue;
        unsigned char *head = view->repaired + view->repaired_bytes;
        view->repaired_bytes += sizeof(struct field);
        field = repaired_named(view, &field);
        memcpy(head, &(struct field){ FIELD_NAMED, field.key, field.len }, sizeof(struct field));
        view->nr_event_attributes++;
        nr++;
    }
    event->attributes =
        (struct text){ start, (size_t)(view->repaired + view->repaired_bytes - start) };
}

static void take_named_event(struct span_view *view, const struct field_view *field,
                             int64_t real_minus_mono_ns)
{
    struct record_event head;
    if (field->len < sizeof head || view->nr_events == limits.events) {
        view->dropped_events++;
        return;
    }
    memcpy(&head, field->data, sizeof head);
    if (head.name_bytes == 0 || head.name_bytes > field->len - sizeof head) {
        view->dropped_events++;
        return;
    }
    size_t before = sizeof head + head.name_bytes;
    struct field_view run = { .len = (uint16_t)(field->len - before),
                              .data = field->data + before };
    struct event_view *event = &view->events[view->nr_events++];
    *event =
        (struct event_view){ .name = valid_text(view, field->data + sizeof head, head.name_bytes),
                             .unix_ns = head.mono_ns + (uint64_t)real_minus_mono_ns,
                             .dropped_attributes = head.dropped_attributes };
    take_event_attributes(view, event, &run);
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
        (struct event_view){ .name = event_names[field->key],
                             .unix_ns = mono_ns + (uint64_t)real_minus_mono_ns };
}

static void take_dropped(struct span_view *view, const struct field_view *field)
{
    struct record_dropped dropped;
    if (field->len != sizeof dropped)
        return;
    memcpy(&dropped, field->data, sizeof dropped);
    view->dropped_events += dropped.events;
    view->dropped_links += dropped.links;
}

static void take_link(struct span_view *view, const struct field_view *field)
{
    if (field->len != sizeof(struct record_link) || view->nr_links == limits.links) {
        view->dropped_links++;
        return;
    }
    memcpy(&view->links[view->nr_links++], field->data, sizeof(struct record_link));
}

/* Out of line: few fields of few spans come here, and all that they need is not the loop's. */
static __attribute__((noinline)) void take_field(struct span_view *view,
                                                 const struct field_view *field,
                                                 int64_t real_minus_mono_ns,
                                                 uint8_t slots[static ATTR_COUNT])
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
    case FIELD_NAMED: take_scalar(view, field, slots); break;
    case FIELD_NAMED_EVENT: take_named_event(view, field, real_minus_mono_ns); break;
    case FIELD_DROPPED: take_dropped(view, field); break;
    case FIELD_EVENT: take_event(view, field, real_minus_mono_ns); break;
    case FIELD_LINK: take_link(view, field); break;
    default: view->dropped_attributes++;
    }
}

/* `len`: a multiple of eight. */
static inline bool is_zero(const uint8_t *id, size_t len)
{
    uint64_t any = 0, word;
    for (size_t i = 0; i < len; i += sizeof word) {
        memcpy(&word, id + i, sizeof word);
        any |= word;
    }
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

    clear_bytes(view, offsetof(struct span_view, attributes));
    view->record = record;
    view->dropped_attributes = record->dropped_attributes;
    struct span_times times = span_times(record, real_minus_mono_ns);
    view->start_unix_ns = times.start_unix_ns;
    view->end_unix_ns = times.end_unix_ns;

    uint8_t slots[ATTR_COUNT] = { 0 };
    struct field_view field;
    for (size_t pos = 0, bytes = record_fields_bytes(record);
         fields_next(record->fields, bytes, &pos, &field);) {
        if (take_plain(view, field, slots))
            continue;
        if (field.type == FIELD_NAME && utf8_is_ascii(field.data, field.len)) {
            view->name = (struct text){ field.data, field.len };
            continue;
        }
        struct field_view other = field; /* a copy: the one of the loop stays in registers */
        take_field(view, &other, real_minus_mono_ns, slots);
    }
    if (run_id_attribute.type != 0)
        view->attributes[view->nr_attributes++] = run_id_attribute;
    return true;
}

uint8_t span_view_kind(const struct span_view *view)
{
    uint8_t kind = view->record->kind;
    return kind > SPAN_INTERNAL && kind <= SPAN_CONSUMER ? kind : SPAN_INTERNAL;
}

enum status_code span_view_status(const struct span_view *view)
{
    uint8_t flags = view->record->flags;
    return flags & RECORD_OK ? STATUS_OK : flags & RECORD_ERROR ? STATUS_ERROR : STATUS_UNSET;
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
        if (view->attributes[i].key == key && view->attributes[i].type < FIELD_NAMED_ARRAY)
            return &view->attributes[i];
    return NULL;
}
