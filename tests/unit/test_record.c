/* Records taken apart: what is hostile, truncated or no UTF-8 leaves harmless. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "make_record.h"
#include "otlp/otlp.h"
#include "span_view.h"

static struct span_view view;
static unsigned char encoded[OTLP_SPAN_MAX_BYTES];

static bool take(struct made_record *r)
{
    return span_view_of(&r->u.head, UNIX_MINUS_MONO_NS, &view);
}

static bool is_text(struct text text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

static struct text text_of(const struct field_view *field)
{
    return (struct text){ field->data, field->len };
}

static void limit(uint32_t attributes, uint32_t events, uint32_t links, uint32_t chars)
{
    span_view_limit(&(struct span_limits){ attributes, events, links, chars, attributes });
}

TestSuite(record, .timeout = 60);

Test(record, gives_unix_times_names_and_attributes)
{
    struct made_record *r = record_begin(1, 2, 3);
    record_name(r, "GET");
    record_text(r, ATTR_URL_FULL, "http://h/");
    record_int(r, ATTR_HTTP_RESPONSE_STATUS_CODE, 204);
    cr_assert(take(r));
    cr_assert_eq(view.start_unix_ns, 1700000000000001000u);
    cr_assert_eq(view.end_unix_ns, 1700000000000003000u);
    cr_assert(is_text(view.name, "GET"));
    cr_assert_eq(view.nr_attributes, 2);
    cr_assert(is_text(text_of(span_view_find(&view, ATTR_URL_FULL)), "http://h/"));
    cr_assert_null(span_view_find(&view, ATTR_ERROR_TYPE));
    cr_assert_eq(span_view_kind(&view), 3);
    cr_assert_eq(span_view_flags(&view), 0x101);
}

Test(record, an_attribute_set_again_is_overwritten_and_the_last_name_wins)
{
    struct made_record *r = record_begin(1, 2, 0);
    record_name(r, "first");
    record_text(r, ATTR_URL_FULL, "old");
    record_int(r, ATTR_PROCESS_PID, 1);
    record_text(r, ATTR_URL_FULL, "new");
    record_name(r, "second");
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 2);
    cr_assert(is_text(text_of(&view.attributes[0]), "new"));
    cr_assert(is_text(view.name, "second"));
    cr_assert_eq(view.dropped_attributes, 0);
}

Test(record, an_end_before_the_start_is_the_start)
{
    struct made_record *r = record_begin(1, 2, 0);
    r->u.head.end_mono_ns = 10;
    cr_assert(take(r));
    cr_assert_eq(view.end_unix_ns, view.start_unix_ns);
}

Test(record, without_ids_or_sound_size_there_is_no_span)
{
    cr_assert_not(take(record_begin(0, 2, 0)));
    cr_assert_not(take(record_begin(1, 0, 0)));
    struct made_record *r = record_begin(1, 2, 0);
    r->u.head.size = sizeof(struct record) - 8;
    cr_assert_not(take(r));
    r->u.head.size = RECORD_MAX_BYTES + 8;
    cr_assert_not(take(r));
    r = record_begin(1, 2, 0);
    r->u.head.type = RECORD_PAD;
    cr_assert_not(take(r));
}

Test(record, fields_of_wrong_shape_are_counted_not_read)
{
    struct made_record *r = record_begin(1, 2, 0);
    record_field(r, FIELD_INT, ATTR_SERVER_PORT, "1234567", 7);
    record_field(r, FIELD_DOUBLE, ATTR_OTELSHIM_DB_STEP_TIME, "123456789", 9);
    record_field(r, FIELD_BOOL, ATTR_ERROR_TYPE, "", 0);
    record_field(r, FIELD_STRING, ATTR_NONE, "x", 1);
    record_field(r, FIELD_STRING, ATTR_COUNT, "x", 1);
    record_field(r, 200, ATTR_URL_FULL, "x", 1);
    record_field(r, FIELD_EVENT, EVENT_COUNT, "12345678", 8);
    record_field(r, FIELD_EVENT, EVENT_CURL_CONNECTED, "1234567", 7);
    record_field(r, FIELD_LINK, 0, "short", 5);
    r->u.head.dropped_attributes = 10;
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes + view.nr_events + view.nr_links, 0);
    cr_assert_eq(view.dropped_attributes, 16);
    cr_assert_eq(view.dropped_events, 2);
    cr_assert_eq(view.dropped_links, 1);
}

static void named(struct made_record *r, const char *name, const char *value)
{
    const char *texts[] = { name, value, NULL };
    size_t field = r->used;
    record_texts(r, ATTR_HTTP_REQUEST_HEADER, texts);
    r->u.head.fields[field] = FIELD_NAMED_ARRAY; /* the other kind of list */
}

Test(record, a_named_list_has_the_end_of_its_key_in_it)
{
    struct made_record *r = record_begin(1, 2, 0);
    named(r, "x-id", "old");
    named(r, "accept", "*");
    named(r, "x-id", "new");
    named(r, "", "no name");
    named(r, "\xFF", "1");
    named(r, "\xFE", "2"); /* the same key, once it is UTF-8 */
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 3);
    cr_assert_eq(view.dropped_attributes, 1);
    static const char *const expected[][2] = { { "x-id", "new" },
                                               { "accept", "*" },
                                               { "\xEF\xBF\xBD", "2" } };
    for (unsigned i = 0; i < 3; i++) {
        size_t pos = 0;
        struct text text;
        struct field_view value;
        struct attribute_key key = attribute_key(&view.attributes[i], &value);
        cr_expect(is_text(key.begin, "http.request.header."));
        cr_expect(is_text(key.end, expected[i][0]));
        cr_expect_eq(value.type, FIELD_STRING_ARRAY);
        cr_expect(string_array_next(&value, &pos, &text) && is_text(text, expected[i][1]));
        cr_expect_not(string_array_next(&value, &pos, &text));
    }
    cr_expect_null(span_view_find(&view, ATTR_HTTP_REQUEST_HEADER));
}

Test(record, more_named_lists_than_a_span_may_have_are_counted)
{
    struct made_record *r = record_begin(1, 2, 0);
    char name[12];
    for (unsigned i = 0; i < VIEW_MAX_ATTRIBUTES + 10; i++) {
        snprintf(name, sizeof name, "n%u", i);
        named(r, name, "\xFF");
    }
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, VIEW_MAX_ATTRIBUTES);
    cr_assert_eq(view.dropped_attributes, 10);
    cr_assert_leq(otlp_encode_span(&view, encoded), OTLP_SPAN_MAX_BYTES);
}

/* An attribute with its whole key: FIELD_NAMED. */
static size_t whole_key(unsigned char *to, const char *key, const void *value, size_t len)
{
    uint16_t key_bytes = (uint16_t)strlen(key);
    memcpy(to, &key_bytes, sizeof key_bytes);
    memcpy(to + sizeof key_bytes, key, key_bytes);
    memcpy(to + sizeof key_bytes + key_bytes, value, len);
    return sizeof key_bytes + key_bytes + len;
}

static void scalar(struct made_record *r, uint8_t type, const char *key, const void *value,
                   size_t len)
{
    unsigned char payload[2048];
    record_field(r, FIELD_NAMED, type, payload, whole_key(payload, key, value, len));
}

static bool has_scalar(unsigned i, const char *key, const char *text)
{
    struct field_view value;
    struct attribute_key k = attribute_key(&view.attributes[i], &value);
    return k.end.len == 0 && is_text(k.begin, key) && value.type == FIELD_STRING &&
           is_text(text_of(&value), text);
}

Test(record, a_text_key_is_one_attribute_with_any_other_form_of_it)
{
    struct made_record *r = record_begin(1, 2, 0);
    record_text(r, ATTR_URL_FULL, "ours");
    named(r, "x-id", "ours");
    scalar(r, FIELD_STRING, "own", "first", 5);
    scalar(r, FIELD_STRING, "url.full", "theirs", 6);
    scalar(r, FIELD_STRING, "http.request.header.x-id", "theirs", 6);
    scalar(r, FIELD_STRING, "http.request.header.x-i", "another", 7);
    scalar(r, FIELD_STRING, "own", "second", 6);
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 4);
    cr_expect(is_text(text_of(span_view_find(&view, ATTR_URL_FULL)), "theirs"));
    cr_expect(has_scalar(1, "http.request.header.x-id", "theirs"));
    cr_expect(has_scalar(2, "own", "second"));
    cr_expect(has_scalar(3, "http.request.header.x-i", "another"));
    cr_expect_eq(view.dropped_attributes, 0);
    named(r, "x-id", "ours again");
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 4);
}

Test(record, text_keys_and_values_are_repaired_cut_and_checked)
{
    struct made_record *r = record_begin(1, 2, 0);
    int64_t number = 123456;
    limit(128, 128, 128, 2);
    scalar(r, FIELD_STRING, "k\xFF", "\xFE\xC3\xA4z", 4);
    scalar(r, FIELD_STRING, "cut", "\xC3\xA4\xC3\xA4\xC3\xA4", 6);
    scalar(r, FIELD_INT, "number", &number, 8);
    scalar(r, FIELD_INT, "short", &number, 7);
    scalar(r, FIELD_BOOL, "none", "", 0);
    scalar(r, FIELD_STRING, "", "no key", 6);
    scalar(r, FIELD_LINK, "type", "x", 1);
    scalar(r, FIELD_NAMED, "type", "x", 1);
    record_field(r, FIELD_NAMED, FIELD_STRING, "\377\377k", 3);
    record_field(r, FIELD_NAMED, FIELD_STRING, "\1", 1);
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 3);
    cr_assert_eq(view.dropped_attributes, 7);
    cr_expect(has_scalar(0, "k\xEF\xBF\xBD", "\xEF\xBF\xBD\xC3\xA4"));
    cr_expect(has_scalar(1, "cut", "\xC3\xA4\xC3\xA4"));
    struct field_view value;
    attribute_key(&view.attributes[2], &value);
    cr_expect_eq(value.len, 8);
}

Test(record, the_runs_id_is_ours)
{
    struct made_record *r = record_begin(1, 2, 0);
    scalar(r, FIELD_STRING, "otelshim.run_id", "theirs", 6);
    span_view_run_id("run");
    cr_assert(take(r));
    cr_expect_eq(view.nr_attributes, 1);
    cr_expect(is_text(text_of(span_view_find(&view, ATTR_OTELSHIM_RUN_ID)), "run"));
    cr_expect_eq(view.dropped_attributes, 1);
    span_view_run_id(NULL);
}

static void event(struct made_record *r, const char *name, unsigned attributes, const char *value)
{
    static unsigned char payload[RECORD_MAX_BYTES];
    struct record_event head = { 5, (uint32_t)strlen(name), 1 };
    memcpy(payload, &head, sizeof head);
    memcpy(payload + sizeof head, name, head.name_bytes);
    size_t at = sizeof head + head.name_bytes;
    for (unsigned i = 0; i < attributes; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        size_t len = whole_key(payload + at + sizeof(struct field), key, value, strlen(value));
        memcpy(payload + at, &(struct field){ FIELD_NAMED, FIELD_STRING, (uint16_t)len },
               sizeof(struct field));
        at += sizeof(struct field) + len;
    }
    record_field(r, FIELD_NAMED_EVENT, 0, payload, at);
}

static unsigned attributes_of(const struct event_view *e)
{
    struct field_view field, value;
    unsigned n = 0;
    for (size_t pos = 0; event_attribute_next(e, &pos, &field); n++)
        cr_expect(attribute_key(&field, &value).begin.len > 0);
    return n;
}

Test(record, events_have_names_and_attributes_within_the_limits)
{
    struct made_record *r = record_begin(1, 2, 0);
    limit(128, 3, 128, 3);
    span_view_limit(&(struct span_limits){ 128, 3, 128, 3, 2 });
    event(r, "plain", 0, "");
    event(r, "bad\xFF", 5, "\xFF\xFE\xC3\xA4z");
    record_field(r, FIELD_NAMED_EVENT, 0, "short", 5);
    event(r, "", 1, "no name");
    event(r, "last", 1, "v");
    event(r, "one more", 1, "v");
    record_field(r, FIELD_DROPPED, 0, &(struct record_dropped){ 10, 20 },
                 sizeof(struct record_dropped));
    cr_assert(take(r));
    cr_assert_eq(view.nr_events, 3);
    cr_expect_eq(view.dropped_events, 13);
    cr_expect_eq(view.dropped_links, 20);
    cr_expect(is_text(view.events[0].name, "plain"));
    cr_expect(is_text(view.events[1].name, "bad\xEF\xBF\xBD"));
    cr_expect_eq(attributes_of(&view.events[0]), 0);
    cr_expect_eq(attributes_of(&view.events[1]), 2);
    cr_expect_eq(view.events[0].dropped_attributes, 1);
    cr_expect_eq(view.events[1].dropped_attributes, 4);
    struct field_view field, value;
    size_t pos = 0;
    cr_assert(event_attribute_next(&view.events[1], &pos, &field));
    attribute_key(&field, &value);
    cr_expect(is_text(text_of(&value), "\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA4"));
}

Test(record, the_attributes_of_all_events_are_bounded)
{
    struct made_record *r = record_begin(1, 2, 0);
    for (unsigned i = 0; i < 8; i++)
        event(r, "e", 100, "\xFF");
    cr_assert(take(r));
    cr_expect_eq(view.nr_event_attributes, VIEW_MAX_EVENT_ATTRIBUTES);
    uint32_t dropped = 0;
    for (unsigned i = 0; i < 8; i++)
        dropped += view.events[i].dropped_attributes;
    cr_expect_eq(dropped, 8 + 800 - VIEW_MAX_EVENT_ATTRIBUTES);
    cr_expect_leq(otlp_encode_span(&view, encoded), OTLP_SPAN_MAX_BYTES);
    cr_expect_leq(view.repaired_bytes, sizeof view.repaired);
}

Test(record, ok_is_final)
{
    struct made_record *r = record_begin(1, 2, 0);
    r->u.head.flags |= RECORD_ERROR;
    record_field(r, FIELD_STATUS_MESSAGE, 0, "why", 3);
    cr_assert(take(r));
    cr_expect_eq(span_view_status(&view), STATUS_ERROR);
    r->u.head.flags |= RECORD_OK;
    cr_assert(take(r));
    cr_expect_eq(span_view_status(&view), STATUS_OK);
}

Test(record, every_truncation_is_harmless)
{
    static const char *const answers[] = { "1.2.3.4", "::1", NULL };
    struct made_record *r = record_begin(1, 2, 3);
    record_name(r, "dns.lookup");
    record_text(r, ATTR_DNS_QUESTION_NAME, "h\xFF\xFEst");
    record_texts(r, ATTR_DNS_ANSWERS, answers);
    event(r, "event", 2, "value");
    scalar(r, FIELD_STRING, "own", "value", 5);
    size_t whole = r->used;
    for (size_t used = 0; used <= whole; used++) {
        size_t bytes = (sizeof(struct record) + used + 7) & ~(size_t)7;
        struct record *exact = malloc(bytes); /* ASan sees a byte too many */
        memcpy(exact, &r->u.head, sizeof *exact + used);
        exact->fields_bytes = (uint32_t)used;
        exact->size = (uint32_t)bytes;
        cr_assert(span_view_of(exact, 0, &view));
        cr_assert_leq(otlp_encode_span(&view, encoded), OTLP_SPAN_MAX_BYTES);
        free(exact);
    }
    cr_assert_eq(view.nr_attributes, 3);
}

Test(record, more_fields_than_a_span_may_have_are_counted)
{
    struct made_record *r = record_begin(1, 2, 0);
    uint64_t at = 5;
    struct record_link link = { .remote = 1 };
    for (int i = 0; i < 200; i++) {
        record_field(r, FIELD_EVENT, EVENT_CURL_CONNECTED, &at, sizeof at);
        record_field(r, FIELD_LINK, 0, &link, sizeof link);
    }
    cr_assert(take(r));
    cr_assert_eq(view.nr_events, VIEW_MAX_EVENTS);
    cr_assert_eq(view.nr_links, VIEW_MAX_LINKS);
    cr_assert_eq(view.dropped_events, 200 - VIEW_MAX_EVENTS);
    cr_assert_eq(view.dropped_links, 200 - VIEW_MAX_LINKS);
}

Test(record, attributes_over_the_limit_are_counted_but_old_ones_may_change)
{
    struct made_record *r = record_begin(1, 2, 0);
    limit(2, 128, 128, UINT32_MAX);
    record_text(r, ATTR_URL_FULL, "old");
    named(r, "x", "old");
    record_text(r, ATTR_URL_PATH, "left out");
    named(r, "y", "left out");
    record_text(r, ATTR_URL_FULL, "new");
    named(r, "x", "new");
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 2);
    cr_assert_eq(view.dropped_attributes, 2);
    cr_assert(is_text(text_of(&view.attributes[0]), "new"));
    size_t pos = 0;
    struct text text;
    struct field_view value;
    attribute_key(&view.attributes[1], &value);
    cr_assert(string_array_next(&value, &pos, &text) && is_text(text, "new"));
    limit(0, 0, 0, 0);
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 0);
    cr_assert_eq(view.dropped_attributes, 6);
}

Test(record, limits_over_the_bounds_are_the_bounds)
{
    struct made_record *r = record_begin(1, 2, 0);
    limit(UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    char name[12];
    for (unsigned i = 0; i < VIEW_MAX_ATTRIBUTES + 10; i++) {
        snprintf(name, sizeof name, "n%u", i);
        named(r, name, "v");
    }
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, VIEW_MAX_ATTRIBUTES);
}

Test(record, values_are_cut_after_characters_and_keys_are_not)
{
    static const char *const answers[] = { "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80x", "\xFF\xFE\xFD!",
                                           "ab", NULL };
    static const char *const cut[] = { "\xC3\xA4\xE2\x82\xAC", "\xEF\xBF\xBD\xEF\xBF\xBD", "ab" };
    struct made_record *r = record_begin(1, 2, 0);
    limit(128, 128, 128, 2);
    record_name(r, "names stay");
    record_text(r, ATTR_URL_FULL, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    record_int(r, ATTR_PROCESS_PID, 123456);
    record_texts(r, ATTR_DNS_ANSWERS, answers);
    record_texts(r, ATTR_HTTP_REQUEST_HEADER, answers + 2); /* repaired nowhere: copied */
    named(r, "x-long-\xFF", "value");
    cr_assert(take(r));
    cr_assert(is_text(view.name, "names stay"));
    cr_assert(is_text(text_of(&view.attributes[0]), "\xC3\xA4\xE2\x82\xAC"));
    cr_assert_eq(view.attributes[1].len, 8);
    size_t pos = 0;
    struct text text;
    for (unsigned i = 0; i < 3; i++)
        cr_assert(string_array_next(&view.attributes[2], &pos, &text) && is_text(text, cut[i]));
    cr_assert_not(string_array_next(&view.attributes[2], &pos, &text));
    struct field_view value;
    struct attribute_key key = attribute_key(&view.attributes[4], &value);
    cr_assert(is_text(key.end, "x-long-\xEF\xBF\xBD"));
    pos = 0;
    cr_assert(string_array_next(&value, &pos, &text) && is_text(text, "va"));
    cr_assert_eq(view.dropped_attributes, 0);
    cr_assert_leq(view.repaired_bytes, sizeof view.repaired);
}

Test(record, the_runs_id_is_the_last_attribute_beside_the_limits)
{
    struct made_record *r = record_begin(1, 2, 0);
    record_text(r, ATTR_URL_FULL, "left out");
    limit(0, 0, 0, 1);
    span_view_run_id("run");
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 1);
    cr_assert(is_text(text_of(span_view_find(&view, ATTR_OTELSHIM_RUN_ID)), "run"));
    span_view_run_id(NULL);
    cr_assert(take(r));
    cr_assert_eq(view.nr_attributes, 0);
}

/* What encodes longest: bytes to be repaired everywhere, as many things as fit. */
Test(record, the_largest_span_fits_its_bound)
{
    static char run_id[CONFIG_MAX_RUN_ID + 1];
    memset(run_id, 'r', CONFIG_MAX_RUN_ID);
    span_view_run_id(run_id);
    struct made_record *r = record_begin(1, 2, 3);
    uint64_t at = UINT64_MAX;
    struct record_link link = { .remote = 1 };
    r->u.head.flags = (uint8_t)~RECORD_OK; /* an error, with its text */
    memset(link.trace_id, 0xFF, sizeof link.trace_id);
    for (unsigned i = 0; i < VIEW_MAX_EVENTS; i++)
        record_field(r, FIELD_EVENT, EVENT_CURL_TLS_ESTABLISHED, &at, sizeof at);
    for (unsigned i = 0; i < VIEW_MAX_LINKS; i++)
        record_field(r, FIELD_LINK, 0, &link, sizeof link);
    for (uint8_t key = 1; key < ATTR_COUNT - 1; key++)
        record_field(r, FIELD_STRING, key, "\xFF", 1);
    char bad[9000];
    memset(bad, 0xFF, sizeof bad);
    size_t room = RECORD_MAX_BYTES - sizeof(struct record) - r->used;
    record_field(r, FIELD_NAME, 0, bad, room / 2 - 16);
    record_field(r, FIELD_STATUS_MESSAGE, 0, bad, room / 2 - 16);
    cr_assert_leq(r->u.head.size, RECORD_MAX_BYTES);
    cr_assert(take(r));
    size_t bytes = otlp_encode_span(&view, encoded);
    cr_assert_leq(bytes, OTLP_SPAN_MAX_BYTES, "%zu", bytes);
    cr_assert_gt(bytes, 30000);
}

Test(record, random_bytes_never_leave_the_bounds)
{
    uint64_t state = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        size_t bytes = sizeof(struct record) + 8 * (size_t)(round % 64);
        struct record *r = malloc(bytes);
        for (size_t i = 0; i < bytes; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((unsigned char *)r)[i] =
                (unsigned char)(i > sizeof *r && i % 4 == 3 ? 0 : state >> 32);
        }
        r->type = RECORD_SPAN;
        r->size = (uint32_t)bytes;
        r->fields_bytes = (uint32_t)(round % 3 ? bytes - sizeof *r : state % 4096);
        for (unsigned i = 0; i < 4 && round % 2; i++) /* plausible field types */
            ((unsigned char *)r->fields)[0] = (unsigned char)(1 + round % FIELD_DROPPED);
        cr_assert(span_view_of(r, UNIX_MINUS_MONO_NS, &view));
        cr_assert_leq(otlp_encode_span(&view, encoded), OTLP_SPAN_MAX_BYTES);
        free(r);
    }
}

static void check_repair(const char *in, size_t len, const char *expected)
{
    unsigned char out[256];
    size_t n = utf8_repair((const unsigned char *)in, len, out);
    cr_assert(is_text((struct text){ out, n }, expected), "%.*s", (int)n, out);
    cr_assert_eq(utf8_is_well_formed((const unsigned char *)in, len), strcmp(in, expected) == 0);
    cr_assert(utf8_is_well_formed(out, n));
}

#define R "\xEF\xBF\xBD"
#define CHECK_REPAIR(in, expected) check_repair(in, sizeof in - 1, expected)

Test(utf8, leaves_valid_text_alone)
{
    CHECK_REPAIR("plain text, longer than a word", "plain text, longer than a word");
    CHECK_REPAIR("h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80",
                 "h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80");
    CHECK_REPAIR("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF",
                 "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF");
}

Test(utf8, replaces_each_byte_that_belongs_to_no_character)
{
    CHECK_REPAIR("12345678\xFF", "12345678" R);
    CHECK_REPAIR("a\x80z", "a" R "z");
    CHECK_REPAIR("latin1: \xE9t\xE9", "latin1: " R "t" R);
    CHECK_REPAIR("\xC0\xAF", R R);             /* overlong */
    CHECK_REPAIR("\xE0\x80\x80", R R R);       /* overlong */
    CHECK_REPAIR("\xF0\x80\x80\x80", R R R R); /* overlong */
    CHECK_REPAIR("\xED\xA0\x80", R R R);       /* surrogate */
    CHECK_REPAIR("\xF4\x90\x80\x80", R R R R); /* above U+10FFFF */
    CHECK_REPAIR("cut \xE2\x82", "cut " R R);
    CHECK_REPAIR("cut \xF0\x9F\x98", "cut " R R R);
}

Test(utf8, texts_of_a_list_are_repaired_one_by_one)
{
    static const char *const answers[] = { "ok", "\xC3", "\xA9", "", NULL };
    struct made_record *r = record_begin(1, 2, 0);
    record_texts(r, ATTR_DNS_ANSWERS, answers);
    cr_assert(take(r));
    static const char *const expected[] = { "ok", R, R, "" };
    struct text text;
    size_t pos = 0, n = 0;
    while (string_array_next(&view.attributes[0], &pos, &text))
        cr_assert(is_text(text, expected[n++]));
    cr_assert_eq(n, 4);
}
