/* What people read: trees, durations, and the file of `otelshim run --console`. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "make_record.h"
#include "transport/console_json.h"
#include "transport/console_line.h"
#include "transport/console_tree.h"

#define MS UINT64_C(1000000)

static const struct tree_process shell = { "backup.sh", "backup", 100 };
static const struct tree_process database = { "sqlite3", "sqlite3", 101 };
static const struct tree_process curl = { "curl", "curl", 102 };

static struct tree_span spans[64];
static unsigned nr_spans;

/* Adds a span from `start` to `end`; ids by small numbers. */
static struct made_record *add(const struct tree_process *process, uint8_t id, uint8_t parent,
                               uint64_t start_ns, uint64_t end_ns, const char *name)
{
    struct made_record *r = record_begin(0xAB, id, parent);
    r->u.head.start_mono_ns = start_ns;
    r->u.head.end_mono_ns = end_ns;
    record_name(r, name);
    spans[nr_spans++] = (struct tree_span){ &r->u.head, process };
    return r;
}

static const char *render(unsigned width, bool colour)
{
    static struct text_buffer out;
    out.len = 0;
    cr_assert(console_tree_render(spans, nr_spans, (struct tree_style){ width, colour }, &out));
    text_put(&out, "", 1);
    return out.data;
}

static void check(const char *got, const char *expected)
{
    cr_assert_str_eq(got, expected, "\n--- got ---\n%s--- expected ---\n%s", got, expected);
}

#define ID "abababababababababababababababab"

TestSuite(console, .timeout = 30);

Test(console, a_trace_is_a_tree_with_what_matters_of_each_kind)
{
    static const char *const answers[] = { "93.184.216.34", "2606:2800::1", NULL };
    struct made_record *r;
    r = add(&shell, 1, 0, 0, 12 * MS, "backup.sh");
    record_int(r, ATTR_PROCESS_EXIT_CODE, 0);
    r = add(&shell, 4, 1, 9 * MS, 10 * MS + 234000, "dns.lookup");
    record_text(r, ATTR_DNS_QUESTION_NAME, "example.com");
    record_texts(r, ATTR_DNS_ANSWERS, answers);
    r = add(&shell, 3, 2, 2 * MS, 2 * MS + 812400, "SELECT users");
    record_text(r, ATTR_DB_QUERY_TEXT, "SELECT name\nFROM users WHERE id = ?");
    record_int(r, ATTR_DB_RESPONSE_RETURNED_ROWS, 3);
    r = add(&shell, 2, 1, 1 * MS, 5 * MS, "sqlite3");
    record_int(r, ATTR_PROCESS_EXIT_CODE, 1);
    r = add(&shell, 5, 1, 11 * MS, 12 * MS, "GET");
    record_int(r, ATTR_HTTP_RESPONSE_STATUS_CODE, 200);
    record_text(r, ATTR_URL_FULL, "http://localhost/");
    check(
        render(100, false),
        "trace " ID " · 12.0 ms · 5 spans · backup\n"
        "backup.sh  exit 0                                                 12.0 ms ▕████████████████████████▏\n"
        "├─ sqlite3  exit 1                                                4.00 ms ▕  ████████              ▏\n"
        "│  └─ SELECT users  3 rows  SELECT name FROM users WHERE id = ?    812 µs ▕    █▌                  ▏\n"
        "├─ dns.lookup  example.com → 93.184.216.34, 2606:2800::1          1.23 ms ▕                  ██▍   ▏\n"
        "└─ GET  200  http://localhost/                                    1.00 ms ▕                      ██▏\n");
}

Test(console, says_which_process_where_it_changes)
{
    struct made_record *r;
    r = add(&shell, 1, 0, 0, 4 * MS, "backup.sh");
    r = add(&database, 2, 1, MS, 2 * MS, "sqlite3");
    r = add(&database, 3, 2, MS, 2 * MS, "SELECT");
    r = add(&curl, 4, 1, 3 * MS, 4 * MS, "GET");
    r->u.head.flags |= RECORD_ERROR;
    record_text(r, ATTR_ERROR_TYPE, "CURLE_COULDNT_CONNECT");
    check(render(60, false), "trace " ID " · 4.00 ms · 4 spans · backup\n"
                             "backup.sh [100]                                      4.00 ms\n"
                             "├─ sqlite3 [101]                                     1.00 ms\n"
                             "│  └─ SELECT                                         1.00 ms\n"
                             "└─ GET [curl 102]  CURLE_COULDNT_CONNECT             1.00 ms\n");
}

Test(console, long_and_hostile_text_is_cut_and_cannot_command_the_terminal)
{
    struct made_record *r = add(&shell, 1, 0, 0, 999,
                                "evil\x1b[2J\xC2\x9B"
                                "name");
    record_text(
        r, ATTR_URL_FULL,
        "http://\xE4\xBD\xA0\xE5\xA5\xBD/\r\n\xE2\x80\xAE/0123456789012345678901234567890123456789");
    const char *text = render(60, false);
    check(text, "trace " ID " · 999 ns · 1 span · backup\n"
                "evil [2J name  http://你好/   /0123456789012345678…   999 ns\n");
}

Test(console, several_traces_stand_in_the_order_of_their_start)
{
    struct made_record *late = add(&shell, 1, 0, 5 * MS, 6 * MS, "late");
    struct made_record *early = add(&shell, 1, 0, 1 * MS, 2 * MS, "early");
    memset(late->u.head.trace_id, 0x01, 16);
    memset(early->u.head.trace_id, 0x02, 16);
    check(render(60, false), "trace 02020202020202020202020202020202 · 1.00 ms · 1 span · backup\n"
                             "early                                                1.00 ms\n"
                             "\n"
                             "trace 01010101010101010101010101010101 · 1.00 ms · 1 span · backup\n"
                             "late                                                 1.00 ms\n");
}

Test(console, a_span_without_its_parent_is_a_root_and_circles_end)
{
    add(&shell, 1, 9, 1, 2, "orphan");
    add(&shell, 2, 3, 3, 4, "circle a");
    add(&shell, 3, 2, 4, 5, "circle b");
    add(&shell, 4, 4, 6, 7, "own parent");
    check(render(60, false), "trace " ID " · 6 ns · 4 spans · backup\n"
                             "orphan                                                  1 ns\n"
                             "own parent                                              1 ns\n"
                             "circle a                                                1 ns\n"
                             "└─ circle b                                             1 ns\n");
}

Test(console, deep_trees_stay_within_the_line)
{
    for (uint8_t i = 1; i <= 60; i++)
        add(&shell, i, (uint8_t)(i - 1), i, 100, "deep");
    const char *text = render(80, false);
    for (const char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        char copy[1024] = "";
        memcpy(copy, line, (size_t)(end - line));
        cr_assert_leq(text_cells(copy), 80, "%s", copy);
    }
}

Test(console, errors_are_red_and_colour_ends_with_each_piece)
{
    struct made_record *r = add(&shell, 1, 0, 0, MS, "GET");
    r->u.head.flags |= RECORD_ERROR;
    record_int(r, ATTR_HTTP_RESPONSE_STATUS_CODE, 404);
    record_text(r, ATTR_ERROR_TYPE, "404");
    check(
        render(60, true),
        "\x1b[1mtrace \x1b[0m\x1b[36m" ID "\x1b[0m · 1.00 ms · 1 span · \x1b[1mbackup\x1b[0m\n"
        "\x1b[31mGET\x1b[0m  \x1b[31m404\x1b[0m                                             1.00 ms\n");
}

Test(console, durations_have_three_digits_and_a_unit)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        { 0, "0 ns" },
        { 999, "999 ns" },
        { 1000, "1.00 µs" },
        { 9994, "9.99 µs" },
        { 9999, "10.0 µs" },
        { 99940, "99.9 µs" },
        { 99960, "100 µs" },
        { 999400, "999 µs" },
        { 999600, "1.00 ms" },
        { 1234567, "1.23 ms" },
        { 12345678, "12.3 ms" },
        { 123456789, "123 ms" },
        { 999600000, "1.00 s" },
        { 59940000000, "59.9 s" },
        { 99400000000, "99.4 s" },
        { 100000000000, "1m 40s" },
        { 3600000000000, "60m 00s" },
        { 7260000000000, "2h 01m" },
    };
    char text[DURATION_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        duration_text(cases[i].ns, text);
        cr_assert_str_eq(text, cases[i].text, "%lu: %s", (unsigned long)cases[i].ns, text);
    }
    duration_text(UINT64_MAX, text);
    cr_assert_lt(strlen(text), DURATION_BYTES);
}

static void put_chunk(struct text_buffer *file, const struct tree_process *process,
                      const struct record *record)
{
    struct collect_header header = {
        .magic = COLLECT_MAGIC,
        .record_bytes = record->size,
        .pid = process->pid,
        .executable_bytes = (uint16_t)strlen(process->executable),
        .service_bytes = (uint16_t)strlen(process->service),
    };
    size_t texts = (size_t)header.executable_bytes + header.service_bytes;
    text_put(file, &header, sizeof header);
    text_puts(file, process->executable);
    text_puts(file, process->service);
    text_put(file, "\0\0\0\0\0\0\0", (8 - texts % 8) % 8);
    text_put(file, record, record->size);
}

/* The first `bytes` of the file rendered; nr_spans of it must be there. */
static char *rendered_file(const struct text_buffer *file, size_t bytes)
{
    static char text[65536];
    FILE *in = tmpfile(), *out = tmpfile();
    fwrite(file->data, 1, bytes, in);
    fflush(in);
    cr_assert_eq(console_render_collected(fileno(in), fileno(out)), 0);
    size_t n = (size_t)pread(fileno(out), text, sizeof text - 1, 0);
    text[n] = '\0';
    fclose(in);
    fclose(out);
    return text;
}

Test(console, collected_chunks_of_several_processes_are_one_tree)
{
    struct text_buffer file = { 0 };
    struct made_record *r;
    r = add(&curl, 2, 1, MS, 2 * MS, "curl");
    record_int(r, ATTR_PROCESS_EXIT_CODE, 7);
    put_chunk(&file, &curl, &r->u.head);
    r = add(&shell, 1, 0, 0, 4 * MS, "backup.sh");
    put_chunk(&file, &shell, &r->u.head);
    check(
        rendered_file(&file, file.len),
        "trace " ID " · 4.00 ms · 2 spans · backup\n"
        "backup.sh [100]                                                   4.00 ms ▕████████████████████████▏\n"
        "└─ curl [102]  exit 7                                             1.00 ms ▕      ██████            ▏\n");
}

Test(console, a_torn_or_foreign_file_is_read_as_far_as_it_is_sound)
{
    struct text_buffer file = { 0 };
    struct made_record *r = add(&shell, 1, 0, 0, 4 * MS, "whole");
    put_chunk(&file, &shell, &r->u.head);
    size_t first = file.len;
    put_chunk(&file, &curl, &add(&curl, 2, 1, 0, MS, "torn")->u.head);
    for (size_t bytes = 0; bytes < file.len; bytes++) {
        const char *text = rendered_file(&file, bytes);
        cr_assert_eq(strstr(text, "whole") != NULL, bytes >= first, "%zu", bytes);
        cr_assert_null(strstr(text, "torn"), "%zu", bytes);
    }
    struct text_buffer other = { 0 };
    text_puts(&other, "this is some other file, long enough for a header");
    cr_assert_str_eq(rendered_file(&other, other.len), "");
    memset(file.data + sizeof(struct collect_header) + 16, 0xFF, 4); /* the record's size */
    cr_assert_null(strstr(rendered_file(&file, file.len), "whole"));
}

static const char *json_scope(unsigned scope)
{
    return scope ? NULL : "dns";
}

Test(console, a_json_line_is_otlp_json_with_scope_and_resource)
{
    static const char *const answers[] = { "::1", NULL };
    static const struct resource resource = {
        .nr = 1, .attributes = { { .key = "service.name", .text = "a\"b" } }
    };
    static const struct exporter_host host = { .scope_name = json_scope, .version = "1.2.3" };
    static struct span_view view;
    struct text_buffer out = { 0 };
    struct made_record *r = record_begin(0xAB, 0xCD, 0xEF);
    double half = 0.5;
    uint64_t event_ns = 2000;
    r->u.head.flags |= RECORD_ERROR;
    record_name(r, "say \"hi\"\n");
    record_int(r, ATTR_SERVER_PORT, 53);
    record_field(r, FIELD_DOUBLE, ATTR_OTELSHIM_DB_STEP_TIME, &half, 8);
    record_texts(r, ATTR_DNS_ANSWERS, answers);
    record_field(r, FIELD_EVENT, EVENT_CURL_CONNECTED, &event_ns, 8);
    cr_assert(span_view_of(&r->u.head, UNIX_MINUS_MONO_NS, &view));
    console_json_put(&out, &view, &resource, &host);
    text_put(&out, "", 1);
    check(
        out.data,
        "{\"traceId\":\"" ID
        "\",\"spanId\":\"cdcdcdcdcdcdcdcd\",\"parentSpanId\":\"efefefefefefefef\","
        "\"flags\":257,\"name\":\"say \\\"hi\\\"\\u000a\",\"kind\":3,"
        "\"startTimeUnixNano\":\"1700000000000001000\",\"endTimeUnixNano\":\"1700000000000003000\","
        "\"attributes\":[{\"key\":\"server.port\",\"value\":{\"intValue\":\"53\"}},"
        "{\"key\":\"otelshim.db.step_time\",\"value\":{\"doubleValue\":0.5}},"
        "{\"key\":\"dns.answers\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"::1\"}]}}}],"
        "\"events\":[{\"timeUnixNano\":\"1700000000000002000\",\"name\":\"curl.connected\"}],"
        "\"status\":{\"code\":2},\"scope\":{\"name\":\"otelshim.dns\",\"version\":\"1.2.3\"},"
        "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"a\\\"b\"}}]}}\n");
}
