/*
 * Spans that are like one before them: whatever differs, the bytes are those that a span gets
 * that is taken apart.
 */
#include <criterion/criterion.h>

#include "make_record.h"
#include "otlp/otlp.h"

static struct otlp_shapes shapes;
static unsigned char apart[OTLP_SPAN_MAX_BYTES], alike[OTLP_SPAN_MAX_BYTES];

static size_t take_apart(const struct made_record *r, bool learn)
{
    static struct span_view view;
    cr_assert(span_view_of(&r->u.head, UNIX_MINUS_MONO_NS, &view));
    size_t bytes = otlp_encode_span(&view, apart);
    if (learn)
        otlp_learn_shape(&shapes, &view, apart, bytes);
    return bytes;
}

/* Whether it is like one before; then its bytes have to be right. */
static bool is_alike(const struct made_record *r)
{
    size_t bytes = otlp_encode_alike(&shapes, &r->u.head, UNIX_MINUS_MONO_NS, alike);
    if (bytes == 0)
        return false;
    cr_assert_eq(bytes, take_apart(r, false));
    cr_assert_eq(memcmp(alike, apart, bytes), 0);
    return true;
}

/* What a request of a server leaves; `text` and `number` are what differs. */
static struct made_record *request(const char *text, int64_t number)
{
    struct made_record *r = record_begin(1, 2, 0);
    struct record_link link = { .flags = 1 };
    memset(link.trace_id, 7, sizeof link.trace_id);
    record_field(r, FIELD_LINK, 0, &link, sizeof link);
    record_name(r, "GET");
    record_text(r, ATTR_HTTP_REQUEST_METHOD, "GET");
    record_text(r, ATTR_URL_PATH, text);
    record_int(r, ATTR_NETWORK_PEER_PORT, number);
    record_text(r, ATTR_CLIENT_ADDRESS, "127.0.0.1");
    record_int(r, ATTR_HTTP_RESPONSE_STATUS_CODE, 200);
    return r;
}

TestSuite(shape, .timeout = 30);

Test(shape, ids_times_and_a_parent_are_each_spans_own)
{
    for (uint8_t parent = 0; parent < 2; parent++) {
        struct made_record *first = record_begin(1, 2, parent), *next = record_begin(3, 4, parent);
        record_name(first, "GET");
        record_name(next, "GET");
        memset(next->u.head.parent_span_id, 9, 8);
        next->u.head.start_mono_ns = 70000;
        next->u.head.end_mono_ns = 80000;
        cr_assert_not(is_alike(next));
        take_apart(first, true);
        cr_assert(is_alike(next));
        next->u.head.end_mono_ns = 60000;
        cr_assert(is_alike(next), "a span never ends before it starts");
    }
}

Test(shape, a_value_differs_in_bytes_or_in_length)
{
    char text[141] = "";
    take_apart(request("/index.html", 8080), true);
    cr_assert(is_alike(request("/index.html", 8080)));
    cr_assert(is_alike(request("/INDEX.HTML", 8080)), "each byte is looked at");
    cr_assert(is_alike(request("/index.htm_", 8080)));
    for (size_t len = 0; len < sizeof text - 1; len++) {
        for (unsigned bits = 0; bits <= 64; bits += 8)
            cr_assert(
                is_alike(request(text, (int64_t)(bits == 0 ? 0 : UINT64_MAX >> (64 - bits)))));
        text[len] = (char)('a' + len % 26);
    }
}

Test(shape, what_differs_in_more_than_values_is_taken_apart)
{
    struct made_record *r;
    take_apart(request("/", 1), true);
    (r = request("/", 1))->u.head.dropped_attributes = 1;
    cr_assert_not(is_alike(r));
    record_int(r = request("/", 1), ATTR_HTTP_RESPONSE_BODY_SIZE, 7);
    cr_assert_not(is_alike(r), "one more");
    (r = request("/", 1))->used -= sizeof(struct field) + 8;
    record_finish(r);
    cr_assert_not(is_alike(r), "one less");
    for (unsigned head = 1; head < 1024; head++) {
        r = request("/", 1);
        r->u.head.scope = (uint8_t)(head / 32);
        r->u.head.flags ^= (uint8_t)(head % 32 << 1);
        cr_assert_not(is_alike(r), "another scope or status, none of which has its place alone");
        free(r);
    }
    (r = request("/", 1))->u.head.fields[sizeof(struct field)] = 8;
    cr_assert_not(is_alike(r), "another link");
    cr_assert_not(is_alike(request("/caf\xE9", 1)), "bytes that are no UTF-8");
    cr_assert_not(is_alike(request("/caf\xC3\xA9", 1)), "nor are characters counted here");
    memset((r = request("/", 1))->u.head.span_id, 0, 8);
    cr_assert_not(is_alike(r), "no span");
    cr_assert(is_alike(request("/", 1)));
}

Test(shape, a_text_beyond_the_limit_is_taken_apart)
{
    struct span_limits five = { 128, 128, 128, 5, 128 };
    span_view_limit(&five);
    cr_assert(take_apart(request("/", 1), true) > 0);
    cr_assert_not(is_alike(request("/", 1)), "its client.address was cut");
    struct span_limits nine = { 128, 128, 128, 9, 128 };
    span_view_limit(&nine);
    shapes = (struct otlp_shapes){ .spare = NULL };
    take_apart(request("/", 1), true);
    cr_assert(is_alike(request("/12345678", 1)));
    cr_assert_not(is_alike(request("/123456789", 1)));
}

Test(shape, the_runs_id_stands_behind_the_attributes)
{
    span_view_run_id("run-1");
    size_t bytes = take_apart(request("/", 1), true);
    cr_assert_not_null(memmem(apart, bytes, "run-1", 5));
    cr_assert(is_alike(request("/", 1)));
    cr_assert(is_alike(request("/another", 2)));
}

Test(shape, a_key_that_is_set_again_leaves_no_shape)
{
    struct made_record *r = request("/", 1);
    record_text(r, ATTR_URL_PATH, "/again");
    take_apart(r, true);
    cr_assert_not(is_alike(r));
}

Test(shape, fields_of_other_kinds_leave_no_shape)
{
    static const uint8_t others[] = { FIELD_DOUBLE,      FIELD_BOOL,  FIELD_STRING_ARRAY,
                                      FIELD_EVENT,       FIELD_NAMED, FIELD_TRACESTATE,
                                      FIELD_NAMED_ARRAY, 0xFF };
    for (size_t i = 0; i < sizeof others; i++) {
        struct made_record *r = request("/", 1);
        record_field(r, others[i], FIELD_INT, "\1\0a2345678", others[i] == FIELD_BOOL ? 1 : 8);
        shapes = (struct otlp_shapes){ .spare = NULL };
        take_apart(r, true);
        cr_assert_not(is_alike(r), "type %u", others[i]);
    }
}

Test(shape, what_found_no_room_is_each_spans_own)
{
    struct made_record *r = request("/", 1);
    r->u.head.dropped_attributes = 300;
    take_apart(r, true);
    cr_assert_not(is_alike(r));
    cr_assert_not(is_alike(request("/", 1)));
}

Test(shape, one_that_is_not_seen_again_makes_way)
{
    struct made_record *other = request("/", 1);
    record_int(other, ATTR_HTTP_RESPONSE_BODY_SIZE, 7);
    take_apart(request("/", 1), true);
    take_apart(other, true);
    cr_assert(is_alike(request("/", 1)), "once is not enough");
    for (unsigned i = 0; i < 5; i++)
        take_apart(other, true);
    cr_assert(is_alike(other));
    cr_assert_not(is_alike(request("/", 1)));
}

static uint32_t next_random(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 16;
}

/* A field of few kinds and values, so that many records are alike; as a rule one of its `place`. */
static void add_any_field(struct made_record *r, uint8_t place)
{
    static const char *const texts[] = { "",        "a",
                                         "GET",     "127.0.0.1",
                                         "caf\xE9", "a longer text, of 38 bytes in all (38)" };
    static const char *const list[] = { "1.2.3.4", "::1", NULL };
    const char *text = texts[next_random() % 6];
    struct record_link link = { .flags = (uint8_t)(next_random() % 2) };
    uint8_t key = (uint8_t)(1u + (next_random() % 20 == 0 ? next_random() % 4 : place));
    uint64_t mono_ns = 2000;
    switch (next_random() % 100) {
    case 0: record_field(r, FIELD_LINK, 0, &link, sizeof link); break;
    case 1: record_field(r, FIELD_EVENT, 1, &mono_ns, 8); break;
    case 2: record_field(r, FIELD_BOOL, key, "\1", 1); break;
    case 3: record_field(r, FIELD_INT, key, "1234", 4); break;
    case 4: record_texts(r, key, list); break;
    case 5: record_field(r, FIELD_TRACESTATE, 0, text, strlen(text)); break;
    case 6: record_field(r, FIELD_STRING, 0xFF, text, strlen(text)); break;
    case 7:
    case 8:
    case 9: record_name(r, text); break;
    default:
        if (place % 2)
            record_text(r, key, text);
        else
            record_int(r, key, next_random() % 3 * 1000);
    }
}

Test(shape, any_fields_make_the_same_bytes_either_way)
{
    static struct made_record r;
    unsigned alikes = 0;
    for (unsigned i = 0; i < 300000; i++) {
        struct made_record *begun = record_begin((uint8_t)(1 + i % 9), 2, next_random() % 2);
        r = *begun;
        free(begun);
        for (uint8_t place = (uint8_t)(next_random() % 2); place < 4; place++)
            add_any_field(&r, place);
        if (next_random() % 50 == 0)
            r.u.head.fields_bytes -= next_random() % 3;
        if (is_alike(&r))
            alikes++;
        else
            take_apart(&r, true);
    }
    cr_assert_gt(alikes, 50000, "%u", alikes);
}
