/*
 * What goes on the wire, read by protobuf's own compiler (protoc --decode) and held
 * against what the OTLP specification says it must be.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "make_record.h"
#include "otlp.pb-c.h"
#include "otlp/otlp.h"

static const char *scope_name(unsigned scope)
{
    static const char *const names[] = { "curl", "sqlite3", "dns" };
    return scope < 3 ? names[scope] : NULL;
}

static const struct resource resource = {
    .nr = 2,
    .attributes = { { .key = "service.name", .text = "shop" },
                    { .key = "process.pid", .number = 42 } },
};

#define MAX_SPANS 16u
static unsigned char encoded[MAX_SPANS][OTLP_SPAN_MAX_BYTES];
static struct encoded_span spans[MAX_SPANS];
static unsigned nr_spans;

static void add(struct made_record *r)
{
    static struct span_view view;
    cr_assert(span_view_of(&r->u.head, UNIX_MINUS_MONO_NS, &view));
    spans[nr_spans] = (struct encoded_span){ r->u.head.scope, 0, encoded[nr_spans],
                                             otlp_encode_span(&view, encoded[nr_spans]) };
    nr_spans++;
}

static void *encoder(void)
{
    static const struct exporter_host host = { .version = "1.2.3", .scope_name = scope_name };
    return otlp_protobuf.open(&resource, &host, MAX_SPANS);
}

/* The request as protoc prints it, lines without their indentation. */
static char *decoded(void)
{
    static char text[65536];
    char path[] = "/tmp/otelshim-test-XXXXXX", command[256], line[4096];
    size_t used = 0;
    struct body body;
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && otlp_protobuf.request(encoder(), spans, nr_spans, &body));
    cr_assert_eq(write(fd, body.data, body.bytes), (ssize_t)body.bytes);
    close(fd);
    snprintf(
        command, sizeof command,
        "protoc --proto_path=exporter/otlp --decode=otlp.ExportTraceServiceRequest otlp.proto <%s",
        path);
    FILE *protoc = popen(command, "r");
    while (fgets(line, sizeof line, protoc)) {
        char *start = line + strspn(line, " ");
        size_t len = strlen(start);
        cr_assert_lt(used + len, sizeof text);
        memcpy(text + used, start, len + 1);
        used += len;
    }
    cr_assert_eq(pclose(protoc), 0, "protoc cannot read the request");
    unlink(path);
    return text;
}

#define ID16(octal) \
    octal octal octal octal octal octal octal octal octal octal octal octal octal octal octal octal
#define ID8(octal) octal octal octal octal octal octal octal octal
#define STRING_ATTRIBUTE(key, value) \
    "attributes {\nkey: \"" key "\"\nvalue {\nstring_value: \"" value "\"\n}\n}\n"
#define INT_ATTRIBUTE(key, value) \
    "attributes {\nkey: \"" key "\"\nvalue {\nint_value: " value "\n}\n}\n"
#define SCHEMA "schema_url: \"https://opentelemetry.io/schemas/1.44.0\"\n"
#define BEFORE_SCOPES \
    "resource_spans {\nresource {\n" STRING_ATTRIBUTE("service.name", "shop") \
        INT_ATTRIBUTE("process.pid", "42") "}\n"
#define SCOPE(name) "scope_spans {\nscope {\nname: \"" name "\"\nversion: \"1.2.3\"\n}\n"
#define AFTER_SCOPE SCHEMA "}\n"
#define AFTER_SCOPES SCHEMA "}\n"
#define TIMES "start_time_unix_nano: 1700000000000001000\nend_time_unix_nano: 1700000000000003000\n"

TestSuite(otlp, .timeout = 30);

Test(otlp, a_span_has_every_field_where_the_specification_wants_it)
{
    struct made_record *r = record_begin(1, 2, 3);
    static const char *const answers[] = { "1.2.3.4", "::1", "", NULL };
    struct record_link link = { .flags = 1, .remote = 1 };
    double seconds = 0.25;
    int64_t minus_one = -1;
    uint64_t event_ns = 2000;
    memset(link.trace_id, 4, 16);
    memset(link.span_id, 5, 8);
    r->u.head.flags |= RECORD_RANDOM_TRACE_ID | RECORD_PARENT_REMOTE | RECORD_ERROR;
    r->u.head.dropped_attributes = 300;
    record_field(r, FIELD_TRACESTATE, 0, "a=b", 3);
    record_name(r, "SELECT users");
    record_text(r, ATTR_DB_NAMESPACE, "caf\xE9");
    record_field(r, FIELD_INT, ATTR_PROCESS_EXIT_CODE, &minus_one, 8);
    record_field(r, FIELD_DOUBLE, ATTR_OTELSHIM_DB_STEP_TIME, &seconds, 8);
    record_field(r, FIELD_BOOL, ATTR_TLS_PROTOCOL_NAME, "\1", 1);
    record_texts(r, ATTR_DNS_ANSWERS, answers);
    record_text(r, ATTR_ERROR_TYPE, "");
    record_field(r, FIELD_EVENT, EVENT_CURL_CONNECTED, &event_ns, 8);
    record_field(r, FIELD_LINK, 0, &link, sizeof link);
    record_field(r, FIELD_STATUS_MESSAGE, 0, "why", 3);
    add(r);
    cr_assert_str_eq(
        decoded(),
        BEFORE_SCOPES SCOPE(
            "otelshim.curl") "spans {\n"
                             "trace_id: \"" ID16(
                                 "\\001") "\"\n"
                                          "span_id: \"" ID8(
                                              "\\002") "\"\n"
                                                       "trace_state: \"a=b\"\n"
                                                       "parent_span_id: \"" ID8(
                                                           "\\003") "\"\n"
                                                                    "name: \"SELECT users\"\n"
                                                                    "kind: SPAN_KIND_CLIENT\n" TIMES STRING_ATTRIBUTE(
                                                                        "db.namespace",
                                                                        "caf\\357\\277\\275")
                                                                        INT_ATTRIBUTE(
                                                                            "process.exit.code",
                                                                            "-1") "attributes {\nkey: \"otelshim.db.step_time\"\nvalue {\ndouble_value: 0.25\n}\n}\n"
                                                                                  "attributes {\nkey: \"tls.protocol.name\"\nvalue {\nbool_value: true\n}\n}\n"
                                                                                  "attributes {\nkey: \"dns.answers\"\nvalue {\narray_value {\n"
                                                                                  "values {\nstring_value: \"1.2.3.4\"\n}\nvalues {\nstring_value: \"::1\"\n}\n"
                                                                                  "values {\nstring_value: \"\"\n}\n}\n}\n}\n" STRING_ATTRIBUTE(
                                                                                      "error.type",
                                                                                      "") "dropped_attributes_count: 300\n"
                                                                                          "events {\ntime_unix_nano: 1700000000000002000\nname: \"curl.connected\"\n}\n"
                                                                                          "links {\ntrace_id: \"" ID16("\\004") "\"\nspan_id: \"" ID8(
                                                                                              "\\005") "\"\nflags: 769\n}\n"
                                                                                                       "status {\nmessage: \"why\"\ncode: STATUS_CODE_ERROR\n}\n"
                                                                                                       "flags: 771\n"
                                                                                                       "}\n" AFTER_SCOPE
                                                                                                           AFTER_SCOPES);
}

Test(otlp, a_root_span_without_anything_has_no_empty_fields)
{
    struct made_record *r = record_begin(6, 7, 0);
    r->u.head.kind = SPAN_INTERNAL;
    add(r);
    cr_assert_str_eq(
        decoded(),
        BEFORE_SCOPES SCOPE("otelshim.curl") "spans {\ntrace_id: \"" ID16(
            "\\006") "\"\nspan_id: \"" ID8("\\007") "\"\n"
                                                    "kind: SPAN_KIND_INTERNAL\n" TIMES
                                                    "flags: 257\n}\n" AFTER_SCOPE AFTER_SCOPES);
}

static void add_in_scope(uint8_t scope, uint8_t span)
{
    struct made_record *r = record_begin(1, span, 0);
    r->u.head.scope = scope;
    add(r);
}

#define SPAN(octal) \
    "spans {\ntrace_id: \"" ID16("\\001") "\"\nspan_id: \"" ID8( \
        octal) "\"\n" \
               "kind: SPAN_KIND_CLIENT\n" TIMES "flags: 257\n}\n"

Test(otlp, spans_are_grouped_by_scope_in_the_order_of_their_arrival)
{
    add_in_scope(2, 1);
    add_in_scope(0, 2);
    add_in_scope(2, 3);
    add_in_scope(0, 4);
    add_in_scope(32, 5); /* no instrumentation has it */
    cr_assert_str_eq(decoded(),
                     BEFORE_SCOPES SCOPE("otelshim.curl") SPAN("\\002") SPAN("\\004")
                         AFTER_SCOPE SCOPE("otelshim.dns") SPAN("\\001") SPAN("\\003")
                             AFTER_SCOPE SCOPE("otelshim") SPAN("\\005") AFTER_SCOPE AFTER_SCOPES);
}

Test(otlp, lengths_around_each_varint_boundary_are_right)
{
    static const size_t lengths[] = { 0,   1,   103, 104, 105, 106, 107, 108, 109, 110,
                                      111, 112, 113, 114, 125, 126, 127, 128, 129, 4000 };
    char value[4001];
    memset(value, 'x', sizeof value);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct made_record *r = record_begin(1, 2, 0);
        char expected[4200];
        nr_spans = 0;
        record_field(r, FIELD_STRING, ATTR_URL_FULL, value, lengths[i]);
        add(r);
        snprintf(expected, sizeof expected,
                 "key: \"url.full\"\nvalue {\nstring_value: \"%.*s\"\n}\n}\nflags", (int)lengths[i],
                 value);
        cr_assert_not_null(strstr(decoded(), expected), "length %zu", lengths[i]);
    }
}

static const char *const key_texts[] = { [ATTR_NONE] = "",
#define X(id, text) text,
                                         SEMCONV_ATTRIBUTES(X)
#undef X
                                        };

/* The last span, which is all of what was written; protobuf-c reads it. */
static Otlp__Span *read_back(void)
{
    Otlp__Span *span = otlp__span__unpack(NULL, spans[nr_spans - 1].len, spans[nr_spans - 1].data);
    cr_assert_not_null(span);
    return span;
}

Test(otlp, every_key_reads_back_with_a_text_of_any_length)
{
    char value[200];
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (char)('a' + i % 26);
    for (size_t len = 0; len < 140; len++) {
        struct made_record *r = record_begin(1, 2, 3);
        nr_spans = 0;
        for (uint8_t key = 1; key < ATTR_COUNT; key++)
            record_field(r, FIELD_STRING, key, value, len);
        add(r);
        Otlp__Span *span = read_back();
        cr_assert_eq(span->n_attributes, ATTR_COUNT - 1);
        for (uint8_t key = 1; key < ATTR_COUNT; key++) {
            const Otlp__KeyValue *pair = span->attributes[key - 1];
            cr_assert_str_eq(pair->key, key_texts[key]);
            cr_assert_eq(strlen(pair->value->string_value), len, "%s", pair->key);
            cr_assert_eq(memcmp(pair->value->string_value, value, len), 0, "%s", pair->key);
        }
        cr_assert_eq(span->flags, 257, "what follows lies where it should");
        otlp__span__free_unpacked(span, NULL);
        free(r);
    }
}

Test(otlp, every_key_reads_back_with_a_number_of_any_length)
{
    for (unsigned bits = 0; bits <= 64; bits++) {
        struct made_record *r = record_begin(1, 2, 0);
        int64_t number = (int64_t)(bits == 0 ? 0 : UINT64_MAX >> (64 - bits));
        nr_spans = 0;
        for (uint8_t key = 1; key < ATTR_COUNT; key++)
            record_int(r, key, number);
        add(r);
        Otlp__Span *span = read_back();
        cr_assert_eq(span->n_attributes, ATTR_COUNT - 1);
        for (uint8_t key = 1; key < ATTR_COUNT; key++) {
            cr_assert_str_eq(span->attributes[key - 1]->key, key_texts[key]);
            cr_assert_eq(span->attributes[key - 1]->value->int_value, number);
        }
        otlp__span__free_unpacked(span, NULL);
        free(r);
    }
}

Test(otlp, an_encoder_is_used_again_and_again)
{
    void *one = encoder();
    struct body first, again;
    for (uint8_t i = 1; i <= MAX_SPANS; i++)
        add_in_scope(i % 3, i);
    cr_assert(otlp_protobuf.request(one, spans, MAX_SPANS, &first));
    for (unsigned n = 1; n <= MAX_SPANS; n++)
        cr_assert(otlp_protobuf.request(one, spans, n, &again));
    cr_assert_eq(first.bytes, again.bytes);
    cr_assert_eq(first.data, again.data, "its memory is kept");
}

static bool response(const char *bytes, size_t len, struct response *out)
{
    return otlp_decode_response((const unsigned char *)bytes, len, out);
}

Test(otlp, reads_the_collectors_answer)
{
    struct response out;
    cr_assert(response("", 0, &out));
    cr_assert_eq(out.rejected_spans, 0);
    cr_assert(response("\x0a\x0b\x08\x05\x12\x07no room", 13, &out));
    cr_assert_eq(out.rejected_spans, 5);
    cr_assert_str_eq(out.message, "no room");
    cr_assert(response("\x0a\x07\x12\x05"
                       "a\nb\x1b"
                       "c",
                       9, &out));
    cr_assert_str_eq(out.message, "a b c", "an answer cannot command a terminal");
}

Test(otlp, refuses_garbage_as_an_answer)
{
    struct response out;
    cr_assert_not(response("\xff\xfe<html>", 8, &out));
    cr_assert_not(response("\x0a\x7f\x08", 3, &out));
    static char large[70000];
    cr_assert_not(response(large, sizeof large, &out));
}
