/*
 * One span to the bytes of OTLP's Span message, in one pass.
 *
 * Written out by hand because it is the hot path: every nested length is known
 * from its parts before it is written, so nothing is allocated, moved or
 * visited twice. (protobuf-c would need an object per attribute and value, and
 * walks all of them for their size first: some 6,000 instructions a span more.)
 * `out` has room for the largest span there is, see OTLP_SPAN_MAX_BYTES; there
 * is no check per byte.
 */
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "mem/copy_text.h"
#include "otlp.h"
#include "span_parts.h"

#define X(id, text) static_assert(sizeof(text) - 1 <= OTLP_MAX_KEY, "OTLP_MAX_KEY: " text);
SEMCONV_ATTRIBUTES(X)
SEMCONV_EVENTS(X)
#undef X

/* flags = 16, FIXED32: the only tag of two bytes. */
#define TAG_FLAGS 0x85, 0x01
/* KeyValue.key of each attribute that we know as it is sent. All are of one size, so that one
 * is copied without a look at its length: what is too much is written over. */
#define KEY_BYTES 32u
static const struct encoded_key {
    unsigned char tag, len;
    unsigned char text[KEY_BYTES - 2];
} keys[ATTR_COUNT] = {
#define X(id, text) [ATTR_##id] = { TAG(1, LENGTH), sizeof(text) - 1, text },
    SEMCONV_ATTRIBUTES(X)
#undef X
};
#define X(id, text) static_assert(sizeof(text) - 1 <= KEY_BYTES - 2, "KEY_BYTES: " text);
SEMCONV_ATTRIBUTES(X)
#undef X
static_assert(OTLP_SLACK >= sizeof keys[0], "what is written over may lie at the very end");
/* A text up to this makes no length of two bytes in a KeyValue of ours. */
#define SHORT_TEXT (0x7Fu - KEY_BYTES - 2u - 2u)

static unsigned char *put_plain(unsigned char *at, struct text text)
{
    if (text.len > 0) /* an empty text may be NULL */
        memcpy(at, text.data, text.len);
    return at + text.len;
}

static unsigned char *put_little32(unsigned char *at, uint32_t v)
{
    v = htole32(v);
    memcpy(at, &v, sizeof v);
    return at + sizeof v;
}

static unsigned char *put_count(unsigned char *at, unsigned char tag, uint32_t count)
{
    if (count == 0)
        return at;
    *at++ = tag;
    return put_varint(at, count);
}

static uint64_t load64(const unsigned char *data)
{
    uint64_t v;
    memcpy(&v, data, sizeof v);
    return v;
}

/* Bytes of the ArrayValue: each text is an AnyValue { string_value }. */
static size_t array_bytes(const struct field_view *field)
{
    size_t bytes = 0, pos = 0;
    struct text text;
    while (string_array_next(field, &pos, &text))
        bytes += delimited(delimited(text.len));
    return bytes;
}

/* Bytes of the AnyValue. */
static size_t value_bytes(const struct field_view *field)
{
    switch (field->type) {
    case FIELD_STRING_ARRAY: return delimited(array_bytes(field));
    case FIELD_INT: return 1 + varint_bytes(load64(field->data));
    case FIELD_DOUBLE: return 1 + 8;
    case FIELD_BOOL: return 2;
    default: return delimited(field->len);
    }
}

static unsigned char *put_array(unsigned char *at, const struct field_view *field)
{
    size_t pos = 0;
    struct text text;
    at = put_length(at, TAG(5, LENGTH), array_bytes(field));
    while (string_array_next(field, &pos, &text)) {
        at = put_length(at, TAG(1, LENGTH), delimited(text.len));
        at = put_bytes(at, TAG(1, LENGTH), text.data, text.len);
    }
    return at;
}

static unsigned char *put_value(unsigned char *at, const struct field_view *field)
{
    switch (field->type) {
    case FIELD_STRING_ARRAY: return put_array(at, field);
    case FIELD_INT: *at++ = TAG(3, VARINT); return put_varint(at, load64(field->data));
    case FIELD_DOUBLE: return put_fixed64(at, TAG(4, FIXED64), load64(field->data));
    case FIELD_BOOL:
        *at++ = TAG(2, VARINT);
        *at++ = field->data[0] != 0;
        return at;
    default: return put_bytes(at, TAG(1, LENGTH), field->data, field->len);
    }
}

/* Bytes inside of a KeyValue. */
static size_t attribute_bytes(const struct field_view *field)
{
    struct field_view value;
    struct attribute_key key = attribute_key(field, &value);
    return delimited(key.begin.len + key.end.len) + delimited(value_bytes(&value));
}

/* An attribute of any kind and size. `tag`: of the repeated KeyValue in its message. */
static unsigned char *put_any_attribute(unsigned char *at, unsigned char tag,
                                        const struct field_view *field)
{
    struct field_view value;
    struct attribute_key key = attribute_key(field, &value);
    size_t bytes = value_bytes(&value), key_len = key.begin.len + key.end.len;
    at = put_length(at, tag, delimited(key_len) + delimited(bytes));
    at = put_plain(put_length(at, TAG(1, LENGTH), key_len), key.begin);
    at = put_plain(at, key.end);
    at = put_length(at, TAG(2, LENGTH), bytes);
    return put_value(at, &value);
}

/*
 * Nearly all attributes: the key is one that we know, and all lengths are one byte each, so that
 * the value's place is known before its length is:
 *   tag, length, key (encoded), tag of the value, its length, AnyValue
 */
static unsigned char *put_attribute(unsigned char *at, unsigned char tag,
                                    const struct field_view *field)
{
    const struct encoded_key *key = &keys[field->key];
    unsigned char *value = at + 2 + 2 + key->len + 2, *end;
    if (field->type > FIELD_BOOL || field->len > SHORT_TEXT)
        return put_any_attribute(at, tag, field);
    memcpy(at + 2, key, sizeof *key);
    if (field->type == FIELD_STRING) {
        value[0] = TAG(1, LENGTH);
        value[1] = (unsigned char)field->len;
        copy_text(value + 2, field->data, field->len);
        end = value + 2 + field->len;
    } else if (field->type == FIELD_INT) {
        value[0] = TAG(3, VARINT);
        end = put_varint(value + 1, load64(field->data));
    } else {
        end = put_value(value, field);
    }
    value[-2] = TAG(2, LENGTH);
    value[-1] = (unsigned char)(end - value);
    at[0] = tag;
    at[1] = (unsigned char)(end - at - 2);
    return end;
}

unsigned char *otlp_put_attribute(unsigned char *at, const struct field_view *field)
{
    return put_attribute(at, TAG(9, LENGTH), field);
}

static unsigned char *put_event(unsigned char *at, const struct event_view *event)
{
    struct text name = event->name;
    struct field_view attribute;
    uint32_t dropped = event->dropped_attributes;
    size_t bytes = 1 + 8 + delimited(name.len) + (dropped ? 1 + varint_bytes(dropped) : 0);
    for (size_t pos = 0; event_attribute_next(event, &pos, &attribute);)
        bytes += delimited(attribute_bytes(&attribute));
    at = put_length(at, TAG(11, LENGTH), bytes);
    at = put_fixed64(at, TAG(1, FIXED64), event->unix_ns);
    at = put_plain(put_length(at, TAG(2, LENGTH), name.len), name);
    for (size_t pos = 0; event_attribute_next(event, &pos, &attribute);)
        at = put_any_attribute(at, TAG(3, LENGTH), &attribute);
    return put_count(at, TAG(4, VARINT), dropped);
}

static unsigned char *put_link(unsigned char *at, const struct record_link *link)
{
    at = put_length(at, TAG(13, LENGTH), delimited(16) + delimited(8) + 1 + 4);
    at = put_id(at, TAG(1, LENGTH), link->trace_id, 16);
    at = put_id(at, TAG(2, LENGTH), link->span_id, 8);
    *at++ = TAG(6, FIXED32);
    return put_little32(at, link_flags(link));
}

static unsigned char *put_status(unsigned char *at, const struct span_view *view)
{
    enum status_code code = span_view_status(view);
    struct text message = { 0 };
    if (code == STATUS_ERROR)
        message = view->status_message;
    if (code == STATUS_UNSET)
        return at;
    at = put_length(at, TAG(15, LENGTH), (message.len ? delimited(message.len) : 0) + 2);
    at = put_text(at, TAG(2, LENGTH), message);
    *at++ = TAG(3, VARINT);
    *at++ = (unsigned char)code;
    return at;
}

size_t otlp_encode_span(const struct span_view *view, unsigned char out[static OTLP_SPAN_MAX_BYTES])
{
    unsigned char *at = out;
    at = put_ids(at, view->record, view->tracestate);
    at = put_text(at, TAG(5, LENGTH), view->name);
    *at++ = TAG(6, VARINT);
    *at++ = span_view_kind(view);
    at = put_times(at, (struct span_times){ view->start_unix_ns, view->end_unix_ns });
    const struct field_view *attribute = view->attributes, *last = attribute + view->nr_attributes;
    for (; attribute < last; attribute++)
        at = put_attribute(at, TAG(9, LENGTH), attribute);
    at = put_count(at, TAG(10, VARINT), view->dropped_attributes);
    for (unsigned i = 0; i < view->nr_events; i++)
        at = put_event(at, &view->events[i]);
    at = put_count(at, TAG(12, VARINT), view->dropped_events);
    for (unsigned i = 0; i < view->nr_links; i++)
        at = put_link(at, &view->links[i]);
    at = put_count(at, TAG(14, VARINT), view->dropped_links);
    at = put_status(at, view);
    memcpy(at, (unsigned char[]){ TAG_FLAGS }, 2);
    at += 2;
    at = put_little32(at, span_view_flags(view));
    return (size_t)(at - out);
}
