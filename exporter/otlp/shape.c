/*
 * Spans that are like one before them.
 *
 * A server answers the same kind of request again and again: ids and times differ, of the rest a
 * value or two. A shape keeps one span's fields and what they are as protobuf. A record that has
 * the same fields needs its ids and times written, and the rest copied; a value that differs is
 * encoded in its place. So a record need not be taken apart, and what was checked once (UTF-8,
 * limits, keys that are set twice) is not checked again: the bytes are the same.
 *
 * What has a shape: a record of a name, links, a status message, texts and integers, of which
 * the last two went into the span as they were (learn_fields holds them against the view). Only
 * their values may differ, and not to what would have to be changed: no other than ASCII.
 */
#include <stdlib.h>
#include <string.h>

#include "otlp.h"
#include "span_parts.h"

#define SHAPE_FIELDS 24u         /* bound: of a record that has a shape */
#define SHAPE_RECORD_BYTES 512u  /* bound: of them all */
#define SHAPE_SPAN_BYTES 1024u   /* bound: of the Span message */
#define PATIENCE_WITH_OTHERS 3u  /* spans unlike it in a row, until one takes its place */
#define PATIENCE_WITHOUT_ONE 64u /* spans that had none to give, until the next is looked at */

/* One span, as it was. Positions count from the beginning of `record` and `span`. */
struct shape {
    struct record_head head;
    uint16_t fields_bytes; /* 0: there is none */
    uint8_t nr_fields, patience;
    uint16_t times_at, attributes_at, end; /* in `span`; the name begins behind the ids */
    struct shape_field {
        uint16_t record_at;
        uint16_t at, end;       /* in `span`, of an attribute */
    } fields[SHAPE_FIELDS + 1]; /* the last one begins at fields_bytes */
    unsigned char record[SHAPE_RECORD_BYTES], span[SHAPE_SPAN_BYTES];
};

/* One for each of a record's heads (scope, kind, flags): few programs have more of them, and
 * those that meet in one place do as those that differ. */
static struct shape **place_of(struct otlp_shapes *shapes, struct record_head head)
{
    uint32_t word;
    memcpy(&word, &head, sizeof word);
    return &shapes->places[word * UINT32_C(2654435761) >> (32 - OTLP_SHAPE_BITS)];
}

static struct record_head head_of(const struct record *record)
{
    struct record_head head;
    memcpy(&head, &record->type, sizeof head);
    return head;
}

static bool same_head(struct record_head a, struct record_head b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static size_t ids_bytes(struct record_head head)
{
    return SPAN_IDS_BYTES + (head.flags & RECORD_HAS_PARENT ? SPAN_PARENT_BYTES : 0);
}

static unsigned char *copy(unsigned char *at, const struct shape *shape, unsigned from, unsigned to)
{
    memcpy(at, shape->span + from, to - from);
    return at + to - from;
}

/* The first byte from `at` on that differs; `end`: none before it does. */
static size_t first_difference(const unsigned char *a, const unsigned char *b, size_t at,
                               size_t end)
{
    uint64_t x, y;
    for (; end - at >= sizeof x; at += sizeof x) {
        memcpy(&x, a + at, sizeof x);
        memcpy(&y, b + at, sizeof y);
        if (x != y)
            break;
    }
    while (at < end && a[at] == b[at])
        at++;
    return at;
}

/* Whether a field may stand in the place of the shape's: a name, a link or a status message if
 * it is the same, an attribute with any value that is taken as it is. */
static bool may_stand_for(const struct field_view *field, const unsigned char *known)
{
    struct field before;
    memcpy(&before, known, sizeof before);
    return field->type == before.type && field->key == before.key &&
           (span_view_keeps(field) ||
            (field->len == before.len &&
             memcmp(field->data, known + sizeof before, before.len) == 0));
}

/* The attributes and all behind them, where fields differ; NULL: in more than values. Runs of
 * fields that are the same, and where they were, are passed over at once. */
static unsigned char *put_different(unsigned char *at, const struct shape *shape,
                                    const struct record *record, size_t bytes)
{
    const struct shape_field *known = shape->fields, *last = known + shape->nr_fields;
    size_t pos = 0, end = bytes < shape->fields_bytes ? bytes : shape->fields_bytes;
    unsigned copied = shape->attributes_at;
    struct field_view field;
    for (;; known++) {
        if (pos == known->record_at) {
            size_t same = first_difference(record->fields, shape->record, pos, end);
            while (known < last && known[1].record_at <= same)
                known++;
            pos = known->record_at;
        }
        if (known == last)
            break;
        if (!fields_next(record->fields, bytes, &pos, &field) ||
            !may_stand_for(&field, shape->record + known->record_at))
            return NULL;
        if (known->end != 0) {
            at = copy(at, shape, copied, known->at);
            at = otlp_put_attribute(at, &field);
            copied = known->end;
        }
    }
    return pos == bytes ? copy(at, shape, copied, shape->end) : NULL;
}

size_t otlp_encode_alike(struct otlp_shapes *shapes, const struct record *record,
                         int64_t real_minus_mono_ns, unsigned char out[static OTLP_SPAN_MAX_BYTES])
{
    struct record_head head = head_of(record);
    struct shape *shape = *place_of(shapes, head);
    size_t bytes = record_fields_bytes(record);
    if (shape == NULL || shape->fields_bytes == 0 || !same_head(shape->head, head) ||
        record->dropped_attributes != 0 || !record_is_span(record))
        return 0;
    unsigned char *at = put_ids(out, record, NO_TEXT);
    at = copy(at, shape, (unsigned)(at - out), shape->times_at);
    at = put_times(at, span_times(record, real_minus_mono_ns));
    if (bytes == shape->fields_bytes && memcmp(record->fields, shape->record, bytes) == 0)
        at = copy(at, shape, shape->attributes_at, shape->end);
    else
        at = put_different(at, shape, record, bytes);
    if (at == NULL)
        return 0;
    if (shape->patience < PATIENCE_WITH_OTHERS)
        shape->patience = PATIENCE_WITH_OTHERS;
    return (size_t)(at - out);
}

/* The end of the length-delimited field at `at`; 0: it does not end before the span does. */
static unsigned field_end(const struct shape *shape, unsigned at)
{
    if (at + 3 > shape->end)
        return 0;
    unsigned bytes = shape->span[at + 1], end = at + 2;
    if (bytes >= 0x80)
        bytes = (bytes & 0x7F) | (unsigned)shape->span[end++] << 7;
    return end + bytes <= shape->end ? end + bytes : 0;
}

/* Whether the view's next attribute is the field, `at` in the record, as it stands there. */
static bool is_kept(const struct span_view *view, unsigned nr, const struct field_view *field,
                    size_t at)
{
    const struct field_view *attribute = &view->attributes[nr];
    return nr < view->nr_attributes && attribute->data == view->record->fields + at &&
           attribute->len == field->len && attribute->type == field->type &&
           attribute->key == field->key;
}

/* Where the fields lie, in the record and in the span. False: there are others than those that
 * have a shape, or attributes that did not go into the view as they are. Reads our own copy of
 * the fields: the record may be written to by a stray store. */
static bool learn_fields(struct shape *shape, const struct span_view *view, size_t bytes)
{
    unsigned at = shape->attributes_at, nr_attributes = 0, nr = 0;
    struct field_view field;
    size_t pos = 0, begin = 0;
    for (; fields_next(shape->record, bytes, &pos, &field); begin = pos, nr++) {
        if (nr == SHAPE_FIELDS)
            return false;
        struct shape_field *known = &shape->fields[nr];
        *known = (struct shape_field){ .record_at = (uint16_t)begin };
        if (field.type == FIELD_STRING || field.type == FIELD_INT) {
            if (!is_kept(view, nr_attributes++, &field, (size_t)(field.data - shape->record)))
                return false;
            known->at = (uint16_t)at;
            at = field_end(shape, at);
            if (at == 0)
                return false;
            known->end = (uint16_t)at;
        } else if (field.type != FIELD_NAME && field.type != FIELD_LINK &&
                   field.type != FIELD_STATUS_MESSAGE) {
            return false;
        }
    }
    shape->fields[nr].record_at = (uint16_t)pos;
    shape->nr_fields = (uint8_t)nr;
    shape->fields_bytes = (uint16_t)pos;
    return pos == bytes;
}

static bool learn(struct shape *shape, const struct span_view *view, const unsigned char *span,
                  size_t span_bytes)
{
    const struct record *record = view->record;
    size_t bytes = record_fields_bytes(record);
    if (bytes > SHAPE_RECORD_BYTES || span_bytes > SHAPE_SPAN_BYTES ||
        record->dropped_attributes > 0 || view->tracestate.len > 0)
        return false;
    shape->head = head_of(record);
    shape->end = (uint16_t)span_bytes;
    shape->times_at = (uint16_t)(ids_bytes(shape->head) + name_and_kind_bytes(view->name));
    shape->attributes_at = (uint16_t)(shape->times_at + SPAN_TIMES_BYTES);
    memcpy(shape->record, record->fields, bytes);
    memcpy(shape->span, span, span_bytes);
    return learn_fields(shape, view, bytes);
}

void otlp_learn_shape(struct otlp_shapes *shapes, const struct span_view *view,
                      const unsigned char *span, size_t span_bytes)
{
    struct shape **place = place_of(shapes, head_of(view->record)), *before = *place;
    if (before != NULL && before->patience > 0) {
        before->patience--;
        return;
    }
    if (shapes->spare == NULL)
        shapes->spare = calloc(1, sizeof *shapes->spare);
    struct shape *made = shapes->spare;
    if (made == NULL)
        return;
    bool learnt = learn(made, view, span, span_bytes);
    made->patience = PATIENCE_WITH_OTHERS;
    if (!learnt && before != NULL) {
        before->patience = PATIENCE_WITHOUT_ONE;
        return;
    }
    if (!learnt) { /* the place is kept, for its patience */
        made->fields_bytes = 0;
        made->patience = PATIENCE_WITHOUT_ONE;
    }
    *place = made;
    shapes->spare = before;
}

void otlp_forget_shapes(struct otlp_shapes *shapes)
{
    for (unsigned i = 0; i < OTLP_SHAPES; i++)
        free(shapes->places[i]);
    free(shapes->spare);
}
