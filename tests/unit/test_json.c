/* The writer of JSON, and the reader of receivers' answers. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "json.h"
#include "json_read.h"
#include "make_record.h"
#include "otlp/otlp.h"

static unsigned char out[OTLP_JSON_SPAN_MAX_BYTES + 64];

TestSuite(json, .timeout = 30);

Test(json, texts_are_escaped)
{
    unsigned char *end = json_put_string(out, "a\"b\\c\n\x01\x7f gr\xc3\xbcn /");
    *end = '\0';
    cr_assert_str_eq((char *)out, "\"a\\\"b\\\\c\\u000a\\u0001\\u007f gr\xc3\xbcn /\"");
}

static const char *put_number(unsigned char *end)
{
    *end = '\0';
    return (const char *)out;
}

Test(json, numbers_of_any_size)
{
    cr_assert_str_eq(put_number(json_put_u64(out, 0)), "0");
    cr_assert_str_eq(put_number(json_put_u64(out, UINT64_MAX)), "18446744073709551615");
    cr_assert_str_eq(put_number(json_put_i64(out, INT64_MIN)), "-9223372036854775808");
    cr_assert_str_eq(put_number(json_put_i64(out, -1)), "-1");
    cr_assert_str_eq(put_number(json_put_double(out, 0.1)), "0.10000000000000001");
    cr_assert_str_eq(put_number(json_put_double(out, -INFINITY)), "\"-Infinity\"");
    cr_assert_str_eq(put_number(json_put_double(out, NAN)), "\"NaN\"");
}

static size_t json_bytes(struct made_record *r)
{
    static struct span_view view;
    memset(out, 0xEE, sizeof out);
    cr_assert(span_view_of(&r->u.head, UNIX_MINUS_MONO_NS, &view));
    size_t bytes = otlp_json_span(&view, out);
    cr_assert_leq(bytes, OTLP_JSON_SPAN_MAX_BYTES);
    cr_assert_eq(out[OTLP_JSON_SPAN_MAX_BYTES], 0xEE, "nothing is written past the bound");
    return bytes;
}

/* Records filled to the brim with what grows most. */
Test(json, no_span_is_larger_than_its_bound)
{
    static unsigned char payload[RECORD_MAX_BYTES];
    const size_t room = RECORD_MAX_BYTES - sizeof(struct record) - sizeof(struct field);
    struct made_record *r = record_begin(1, 2, 3);
    record_field(r, FIELD_STRING_ARRAY, ATTR_DNS_ANSWERS, payload, room & ~(size_t)1);
    cr_assert_gt(json_bytes(r), 9 * room, "texts without a byte");

    memset(payload, 1, sizeof payload);
    r = record_begin(1, 2, 3);
    record_field(r, FIELD_STRING, ATTR_URL_FULL, payload, room);
    cr_assert_gt(json_bytes(r), 6 * room, "control characters");

    memset(payload, 0xFF, sizeof payload);
    r = record_begin(1, 2, 3);
    record_field(r, FIELD_STRING, ATTR_URL_FULL, payload, room);
    cr_assert_gt(json_bytes(r), 3 * room, "bytes that are no UTF-8");

    r = record_begin(1, 2, 3);
    for (int i = 0; i < 128; i++) {
        struct record_link link = { .flags = 1 };
        uint64_t when = 1;
        record_field(r, FIELD_EVENT, EVENT_CURL_TLS_ESTABLISHED, &when, sizeof when);
        record_field(r, FIELD_LINK, 0, &link, sizeof link);
    }
    json_bytes(r);
}

static bool response(const char *text, struct response *got)
{
    return otlp_json_response((const unsigned char *)text, strlen(text), got);
}

Test(json, answers_are_read)
{
    struct response got;
    cr_assert(response("", &got) && got.rejected_spans == 0);
    cr_assert(response("{}", &got) && got.rejected_spans == 0 && !got.message[0]);
    cr_assert(
        response(" { \"x\" : [1,{\"a\":null}], \"partialSuccess\" : {\"rejectedSpans\":\"7\", "
                 "\"errorMessage\":\"no \\\"room\\\"\\n\\u0041\\u00e9\"} } ",
                 &got));
    cr_assert_eq(got.rejected_spans, 7);
    cr_assert_str_eq(got.message, "no \"room\" A?");
    cr_assert(response("{\"partialSuccess\":{\"rejectedSpans\":3}}", &got));
    cr_assert_eq(got.rejected_spans, 3);
    cr_assert(response("{\"partialSuccess\":{}}", &got) && got.rejected_spans == 0);
}

Test(json, what_is_no_answer_is_refused)
{
    static const char *const bad[] = { "{",
                                       "[]",
                                       "<html>",
                                       "{\"a\"}",
                                       "{\"a\":}",
                                       "{\"a\":1,}",
                                       "{} {}",
                                       "\"text\"",
                                       "{\"a\":\"",
                                       "{\"a\":\"\\",
                                       "{\"partialSuccess\":{\"rejectedSpans\":\"7\"}" };
    char deep[4096];
    struct response got;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_not(response(bad[i], &got), "%s", bad[i]);
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    cr_assert_not(response(deep, &got), "no stack is spent on depth");
}

/* Every cut of an answer is looked at without reading past it (AddressSanitizer sees that). */
Test(json, every_cut_is_safe)
{
    static const char whole[] = "{\"a\":[\"\\u00e9\",-1.5e3,true],\"partialSuccess\":"
                                "{\"errorMessage\":\"\\n\\u12\",\"rejectedSpans\":\"12\"}}";
    struct response got;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *copy = malloc(len ? len : 1);
        memcpy(copy, whole, len);
        cr_assert_eq(otlp_json_response((unsigned char *)copy, len, &got), len == 0);
        free(copy);
    }
}
