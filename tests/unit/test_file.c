/*
 * OTEL_CONFIG_FILE: files that are made here, and what they set. Mistakes are caught by a
 * diag_config_mistake() of this test's own.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "effective.h"
#include "file.h"

static char mistakes[64][512];
static unsigned nr_mistakes;
static char path[64];

void diag_config_mistake(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(mistakes[nr_mistakes++ % 64], sizeof mistakes[0], format, args);
    va_end(args);
}

static void setup(void)
{
    sprintf(path, "/tmp/otelshim-unit-%d.yaml", getpid());
}

static void teardown(void)
{
    unlink(path);
}

TestSuite(file, .init = setup, .fini = teardown, .timeout = 30);

static void write_file(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");
    fwrite(text, 1, len, f);
    fclose(f);
}

/* CONFIG("text", "A=1"): the configuration of this file and these variables. */
#define CONFIG(text, ...) load(text, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
static const struct config *load(const char *text, const char *const more[])
{
    static char variable[96];
    const char *env[16] = { variable };
    for (unsigned i = 0; more[i] != NULL; i++)
        env[i + 1] = more[i];
    write_file(text, strlen(text));
    sprintf(variable, "OTEL_CONFIG_FILE=%s", path);
    nr_mistakes = 0;
    return config_load((char *const *)(uintptr_t)env);
}

#define FORMAT "file_format: '1.0'\n"
#define EXPORT "tracer_provider: {processors: [{batch: {exporter: {otlp_http: }}}]}\n"

/* The first message without the file's name. */
static const char *told(void)
{
    cr_assert_gt(nr_mistakes, 0);
    cr_assert_eq(strncmp(mistakes[0], path, strlen(path)), 0, "%s", mistakes[0]);
    return mistakes[0] + strlen(path);
}

Test(file, sets_the_same_fields_as_variables_do)
{
    const struct config *c = CONFIG(
        "file_format: \"1.1\"\n"
        "disabled: false\n"
        "log_level: debug2\n"
        "resource:\n"
        "  attributes:\n"
        "    - {name: service.name, value: shop}\n"
        "    - name: team\n"
        "      value: \"a,b=c %\"\n"
        "  attributes_list: x=1,team=old\n"
        "attribute_limits: {attribute_value_length_limit: 99, attribute_count_limit: 50}\n"
        "propagator:\n"
        "  composite: [tracecontext: ]\n"
        "tracer_provider:\n"
        "  processors:\n"
        "    - batch:\n"
        "        schedule_delay: 10\n"
        "        export_timeout: 20\n"
        "        max_queue_size: 30\n"
        "        max_export_batch_size: 5\n"
        "        exporter:\n"
        "          otlp_http:\n"
        "            endpoint: https://c:4318/x\n"
        "            tls: {ca_file: /ca, key_file: /key, cert_file: /cert}\n"
        "            headers: [{name: API-Key, value: 'a b,c'}, {name: none, value: null}]\n"
        "            headers_list: api-key=old,x=2\n"
        "            compression: none\n"
        "            timeout: 40\n"
        "            encoding: protobuf\n"
        "    - simple: {exporter: {console: }}\n"
        "  limits:\n"
        "    attribute_count_limit: 6\n"
        "    event_count_limit: 7\n"
        "    link_count_limit: 8\n"
        "    event_attribute_count_limit: 9\n"
        "    link_attribute_count_limit: 10\n"
        "  sampler: {parent_based: {root: {trace_id_ratio_based: {ratio: .25}}}}\n"
        "  id_generator: {random: }\n"
        "instrumentation/development:\n"
        "  general: {http: {server: {request_captured_headers: [x-a, x-b], known_methods: [GET]}}}\n"
        "  java: {anything: goes}\n"
        "  otelshim:\n"
        "    process_span: never\n"
        "    exit_timeout: 7\n"
        "    disabled_instrumentations: [dns, curl]\n"
        "    trust_forwarded: true\n"
        "meter_provider: {readers: [{periodic: {exporter: {console: }}}]}\n");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_assert(!c->disabled);
    cr_assert_eq(c->log_level, LOG_DEBUG);
    cr_assert_eq(c->nr_resource, 3);
    cr_assert_str_eq(c->resource[0].key, "x");
    cr_assert_str_eq(c->resource[1].value, "a,b=c %");
    cr_assert_str_eq(c->resource[2].value, "shop");
    cr_assert_eq(c->limits.value_length, 99);
    cr_assert_eq(c->limits.attributes, 6);
    cr_assert_eq(c->limits.events, 7);
    cr_assert_eq(c->limits.links, 8);
    cr_assert_eq(c->limits.event_attributes, 9);
    cr_assert_eq(c->limits.link_attributes, 10);
    cr_assert_eq(c->propagator_order[0], PROPAGATE_TRACECONTEXT);
    cr_assert_eq(c->propagator_order[1], 0);
    cr_assert_eq(c->exporters, EXPORTER_OTLP | EXPORTER_CONSOLE);
    cr_assert_eq(c->bsp.schedule_delay_ms, 10);
    cr_assert_eq(c->bsp.export_timeout_ms, 20);
    cr_assert_eq(c->bsp.max_queue_size, 30);
    cr_assert_eq(c->bsp.max_export_batch_size, 5);
    cr_assert_str_eq(c->otlp.traces_url, "https://c:4318/x");
    cr_assert_str_eq(c->otlp.certificate, "/ca");
    cr_assert_str_eq(c->otlp.client_key, "/key");
    cr_assert_str_eq(c->otlp.client_certificate, "/cert");
    cr_assert_eq(c->otlp.timeout_ms, 40);
    cr_assert_eq(c->otlp.nr_headers, 2);
    cr_assert_str_eq(c->otlp.headers[0].key, "api-key");
    cr_assert_str_eq(c->otlp.headers[0].value, "a b,c");
    cr_assert_eq(c->sampler, SAMPLER_RATIO);
    cr_assert(c->sampler_parent_based);
    cr_assert_eq(c->sampler_ratio, 0.25);
    cr_assert_str_eq(c->http_known_methods, "GET");
    cr_assert_eq(c->process_span, PROCESS_SPAN_NEVER);
    cr_assert_eq(c->exit_timeout_ms, 7);
    cr_assert(!config_instrumentation_enabled(c, "dns"));
    cr_assert(c->http_trust_forwarded);
    const struct header_filter *captured = config_header_filter(c, HEADERS_SERVER_REQUEST);
    cr_assert(header_filter_matches(captured, "X-B", 3));
    cr_assert(!header_filter_matches(captured, "X-C", 3));
}

Test(file, only_variables_of_ours_hold_beside_it_and_beat_it)
{
    const struct config *c = CONFIG(
        FORMAT EXPORT "instrumentation/development: {otelshim: {exit_timeout: 1, "
                      "excluded_urls: file}}",
        "OTEL_SERVICE_NAME=ignored", "OTEL_TRACES_SAMPLER=always_off", "OTEL_SHIM_EXIT_TIMEOUT=5",
        "OTEL_PYTHON_EXCLUDED_URLS=ignored", "OTEL_PYTHON_CURL_EXCLUDED_URLS=ignored");
    cr_assert_eq(nr_mistakes, 0);
    cr_assert_null(c->service_name);
    cr_assert(c->sampler_all);
    cr_assert_eq(c->exit_timeout_ms, 5);
    const struct url_filter *filter = config_url_filter(c, "curl");
    cr_assert(url_filter_excludes(filter, "a/file", 6));
    cr_assert(!url_filter_excludes(filter, "ignored", 7));
}

Test(file, excluded_urls_of_one_instrumentation)
{
    const struct config *c =
        CONFIG(FORMAT EXPORT "instrumentation/development: {otelshim: {curl_excluded_urls: [a, b], "
                             "excluded_urls: c}}");
    cr_assert_eq(nr_mistakes, 0);
    cr_assert(url_filter_excludes(config_url_filter(c, "curl"), "b", 1));
    cr_assert(!url_filter_excludes(config_url_filter(c, "curl"), "c", 1));
    cr_assert(url_filter_excludes(config_url_filter(c, "http"), "c", 1));
}

Test(file, without_provider_or_propagator_there_is_none)
{
    const struct config *c = CONFIG(FORMAT);
    cr_assert_eq(nr_mistakes, 0);
    cr_assert_eq(c->exporters, 0);
    cr_assert_eq(c->propagator_order[0], 0);
}

Test(file, a_provider_has_the_defaults_of_the_specification)
{
    const struct config *c = CONFIG(FORMAT EXPORT "propagator: {composite_list: 'baggage'}");
    cr_assert_eq(c->exporters, EXPORTER_OTLP);
    cr_assert_eq(c->propagator_order[0], PROPAGATE_BAGGAGE);
    cr_assert_str_eq(c->otlp.traces_url, "http://localhost:4318/v1/traces");
    cr_assert_eq(c->bsp.schedule_delay_ms, 5000);
    cr_assert(c->sampler_parent_based && c->sampler == SAMPLER_ALWAYS_ON);
    c = CONFIG(FORMAT "tracer_provider: {processors: [simple: {exporter: {console: {}}}]}");
    cr_assert_eq(c->exporters, EXPORTER_CONSOLE);
    cr_assert_eq(c->bsp.schedule_delay_ms, 0);
}

Test(file, samplers)
{
    static const struct {
        const char *text;
        enum sampler_kind kind;
        bool parent, bad;
    } rows[] = {
        { "{always_on: }", SAMPLER_ALWAYS_ON, false, false },
        { "{always_off: {}}", SAMPLER_ALWAYS_OFF, false, false },
        { "{trace_id_ratio_based: }", SAMPLER_RATIO, false, false },
        { "{parent_based: }", SAMPLER_ALWAYS_ON, true, false },
        { "{parent_based: {root: {always_off: }}}", SAMPLER_ALWAYS_OFF, true, false },
        { "{parent_based: {remote_parent_sampled: {always_on: }, local_parent_not_sampled: "
          "{always_off: }}}",
          SAMPLER_ALWAYS_ON, true, false },
        { "{parent_based: {remote_parent_not_sampled: {always_on: }}}", SAMPLER_ALWAYS_ON, true,
          false },
        { "{parent_based: {local_parent_sampled: {trace_id_ratio_based: {ratio: 2}}}}", 0, false,
          true },
        { "{parent_based: {local_parent_sampled: {trace_id_ratio_based: {share: 1}}}}", 0, false,
          true },
        { "{parent_based: {local_parent_sampled: {parent_based: }}}", 0, false, true },
        { "{parent_based: {root: {parent_based: }}}", 0, false, true },
        { "{jaeger_remote/development: {endpoint: x}}", 0, false, true },
        { "{always_on: , always_off: }", 0, false, true },
        { "{trace_id_ratio_based: {ratio: half}}", 0, false, true },
        { "{trace_id_ratio_based: {ratio: 1.5}}", 0, false, true },
        { "[always_on]", 0, false, true },
        { "always_on", 0, false, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        sprintf(text,
                FORMAT "tracer_provider:\n  processors: [simple: {exporter: {console: }}]\n"
                       "  sampler: %s\n",
                rows[i].text);
        const struct config *c = CONFIG(text);
        cr_expect_eq(c->disabled, rows[i].bad, "%s", rows[i].text);
        cr_expect_eq(nr_mistakes, rows[i].bad, "%s: %s", rows[i].text, mistakes[0]);
        if (!rows[i].bad) {
            cr_expect_eq(c->sampler, rows[i].kind, "%s", rows[i].text);
            cr_expect_eq(c->sampler_parent_based, rows[i].parent, "%s", rows[i].text);
        }
    }
}

Test(file, what_parents_decide_is_chosen_for_each_kind)
{
    const struct config *c =
        CONFIG(FORMAT "tracer_provider:\n  processors: [simple: {exporter: {console: }}]\n"
                      "  sampler:\n    parent_based:\n      root: {always_off: }\n"
                      "      remote_parent_sampled: {trace_id_ratio_based: {ratio: .25}}\n"
                      "      remote_parent_not_sampled: {always_on: }\n"
                      "      local_parent_sampled: {always_off: }\n");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_expect(c->sampler == SAMPLER_ALWAYS_OFF && c->sampler_parent_based);
    cr_expect(c->sampler_asks_below && c->span_start_is_special);
    cr_expect(c->below[PARENT_REMOTE_SAMPLED].chosen);
    cr_expect_eq(c->below[PARENT_REMOTE_SAMPLED].bound, 1ull << 62);
    cr_expect(c->below[PARENT_REMOTE_NOT_SAMPLED].all);
    cr_expect(c->below[PARENT_LOCAL_SAMPLED].chosen);
    cr_expect_not(c->below[PARENT_LOCAL_SAMPLED].all);
    cr_expect_eq(c->below[PARENT_LOCAL_SAMPLED].bound, 0);
    cr_expect_not(c->below[PARENT_LOCAL_NOT_SAMPLED].chosen);
}

Test(file, references_are_replaced)
{
    static const struct {
        const char *value, *expected; /* NULL: telemetry is off */
    } rows[] = {
        { "${A}", "one" },
        { "'${A}'", "one" },
        { "${env:A}-${A}", "one-one" },
        { "x${NONE}y", "xy" },
        { "'${NONE:-default: ${}'", "default: ${" },
        { "\"${EMPTY:-d}\"", "d" },
        { "$$${A}", "$one" },
        { "$${A}", "${A}" },
        { "a $ b $$ c", "a $ b $ c" },
        { "${REFERENCE}", "${A}" },
        { "${LINES}", "l1\nkey: value" },
        { "${1A}", NULL },
        { "${A:?error}", NULL },
        { "${A", NULL },
        { "${}", NULL },
        { "${sys:A}", NULL },
        { "\"${NONE:-a\\nb}\"", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        sprintf(text,
                FORMAT "resource:\n  attributes:\n    - name: service.name\n      value: %s\n",
                rows[i].value);
        const struct config *c = CONFIG(text, "A=one", "EMPTY=", "REFERENCE=${A}",
                                        "LINES=l1\nkey: value", "OTEL_SHIM_PROCESS_SPAN=auto");
        cr_expect_eq(c->disabled, rows[i].expected == NULL, "%s: %s", rows[i].value, mistakes[0]);
        if (rows[i].expected != NULL)
            cr_expect_str_eq(c->resource[0].value, rows[i].expected);
    }
}

Test(file, the_type_is_that_of_the_text_after_substitution)
{
#define DELAY(value) \
    FORMAT "tracer_provider:\n  processors:\n    - batch:\n        exporter: {console: }\n" \
           "        schedule_delay: " value "\n"
    cr_assert_eq(CONFIG(DELAY("${N}"), "N=7")->bsp.schedule_delay_ms, 7);
    cr_assert_eq(CONFIG(DELAY("${N}"))->bsp.schedule_delay_ms, 5000, "nothing is null");
    cr_assert_eq(CONFIG(DELAY("+8"))->bsp.schedule_delay_ms, 8);
    cr_assert_eq(CONFIG(DELAY("null"))->bsp.schedule_delay_ms, 5000);
    cr_assert(CONFIG(DELAY("'${N}'"), "N=7")->disabled, "a text is no number");
    cr_assert(CONFIG(DELAY("${N}"), "N=soon")->disabled);
    cr_assert(CONFIG(DELAY("1.5"))->disabled);
    cr_assert(CONFIG(DELAY("-1"))->disabled);
    cr_assert_str_eq(told(), ":6:25: schedule_delay=\"-1\" is not a whole number from 0 to "
                             "2147483647; telemetry is off");
}

Test(file, faults_are_one_line_with_their_place)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        { "", ": it is not a mapping; telemetry is off" },
        { "[1]", ":1:1: it is not a mapping; telemetry is off" },
        { "a: 1\n", ":1:1: the key `a` is not known here; left out" },
        { "disabled: no\n", ":1:11: `disabled` is not true or false; telemetry is off" },
        { "file_format: '2.0'", ":1:14: `file_format` is \"2.0\", and 1.0 or 1.1 are read; "
                                "telemetry is off" },
        { FORMAT "a: [b\nc: d", ":3:2: did not find expected ',' or ']'; telemetry is off" },
        { FORMAT "\tx: 1\n",
          ":2:1: found character that cannot start any token; telemetry is off" },
        { FORMAT "x: *none\n", ":2:4: found undefined alias; telemetry is off" },
        { FORMAT "disabled: true\ndisabled: false\n",
          ":3:1: `disabled` stands twice in one mapping; telemetry is off" },
        { FORMAT "? [a]\n: b\n", ":2:3: a key is no text; telemetry is off" },
        { FORMAT "disabled: [true]\n",
          ":2:11: a mapping or list stands where a value must; telemetry is off" },
        { FORMAT "resource: 5\n", ":2:11: a mapping must stand here; telemetry is off" },
        { FORMAT "resource:\n  attributes: {a: b}\n",
          ":3:15: `attributes` is not a list; telemetry is off" },
        { FORMAT "resource: {attributes: [{name: a}]}\n",
          ":2:25: an attribute or header has `name` and `value`; telemetry is off" },
        { FORMAT "tracer_provider: {}\n",
          ":2:18: `tracer_provider` has no `processors`; telemetry is off" },
        { FORMAT "tracer_provider: {processors: []}\n",
          ":2:31: `processors` is empty; telemetry is off" },
        { FORMAT "tracer_provider: {processors: [{batch: {}}]}\n",
          ":2:32: `batch` has no exporter; telemetry is off" },
        { FORMAT "tracer_provider: {processors: [{slow: {}}]}\n",
          ":2:32: `slow` is no processor that is known; telemetry is off" },
        { FORMAT "tracer_provider: {processors: [{simple: {exporter: {kafka: }}}]}\n",
          ":2:52: `kafka` is no exporter that is known; telemetry is off" },
        { FORMAT "propagator: {composite: [tracecontext]}\n",
          ":2:26: a mapping with one key must stand here; telemetry is off" },
        { FORMAT "log_level: loud\n", ":2:12: log_level=\"loud\" is not known; telemetry is off" },
        { FORMAT "resource: {attributes: [{name: a, value: \"x\\0y\"}]}\n",
          ":2:42: a value holds a zero byte; telemetry is off" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct config *c = CONFIG(rows[i].text);
        cr_expect_str_eq(told(), rows[i].line);
        cr_expect(c->disabled, "%s", rows[i].text);
    }
}

Test(file, what_is_not_known_or_not_supported_is_told_of_and_the_rest_holds)
{
    const struct config *c =
        CONFIG(FORMAT EXPORT "vendor: {x: 1}\n"
                             "resource: {schema_url: https://x, atributes: []}\n"
                             "instrumentation/development:\n"
                             "  otelshim: {exit_timeout: 3, exit_timeut: 4}\n");
    cr_assert(!c->disabled);
    cr_assert_eq(c->exit_timeout_ms, 3);
    cr_assert_eq(nr_mistakes, 4);
    cr_assert_str_eq(told(), ":3:1: the key `vendor` is not known here; left out");
    cr_assert_not_null(strstr(mistakes[1], ":4:12: `schema_url` is not supported by this version"));
    cr_assert_not_null(strstr(mistakes[2], ":4:35: the key `atributes` is not known here"));
    cr_assert_not_null(strstr(mistakes[3], ":6:31: the key `exit_timeut` is not known here"));
}

Test(file, lines_about_what_is_left_out_are_bounded)
{
    static char text[4096] = FORMAT;
    for (int i = 0; i < 100; i++)
        sprintf(text + strlen(text), "k%d: 1\n", i);
    CONFIG(text);
    cr_assert_eq(nr_mistakes, FILE_MAX_NOTES);
}

Test(file, two_otlp_exporters_are_one)
{
    const struct config *c =
        CONFIG(FORMAT "tracer_provider:\n  processors:\n"
                      "    - batch: {exporter: {otlp_http: {endpoint: 'http://a'}}}\n"
                      "    - batch: {exporter: {otlp_http: {endpoint: 'http://b'}}}\n");
    cr_assert(!c->disabled);
    cr_assert_eq(nr_mistakes, 1);
    cr_assert_str_eq(told(),
                     ":5:25: a second OTLP exporter is not supported by this version; left out");
    cr_assert_str_eq(c->otlp.traces_url, "http://a/");
}

Test(file, trees_are_bounded)
{
    static char deep[4096] = FORMAT;
    for (int i = 0; i < 1000; i++)
        strcat(deep, "[");
    cr_assert(CONFIG(deep)->disabled);
    cr_assert_eq(nr_mistakes, 1);
    cr_assert(CONFIG(FORMAT "resource: &r {attributes: *r}\n")->disabled);
    cr_assert(CONFIG(FORMAT "instrumentation/development: &r {general: *r}\n")->nr_resource == 0);
    CONFIG(FORMAT "resource: {detection/development: &d {detectors: [*d, *d]}}\n");
    cr_assert_leq(nr_mistakes, 2);
    size_t len = FILE_MAX_BYTES + 1;
    char *large = malloc(len + 1);
    memset(large, '#', len);
    large[len] = 0;
    cr_assert(CONFIG(large)->disabled);
    cr_assert_str_eq(told(), ": it is larger than 256 KB; telemetry is off");
    /* As many nodes as fit in so many bytes: within our memory, or told of. */
    memcpy(large, FORMAT "a: [", sizeof FORMAT + 3);
    for (size_t i = sizeof FORMAT + 3; i < len; i++)
        large[i] = i % 2 ? ',' : 'x';
    large[len - 1] = 0;
    CONFIG(large);
    cr_assert_eq(nr_mistakes, 1);
}

static void check_attribute(const struct config *c, unsigned i, const char *key,
                            enum attribute_kind kind, const char *value)
{
    cr_assert_lt(i, c->nr_resource);
    cr_assert_str_eq(c->resource[i].key, key);
    cr_assert_str_eq(c->resource[i].value, value, "%s is %s", key, c->resource[i].value);
    cr_assert_eq(c->resource_kind[i], kind, "%s", key);
}

Test(file, attributes_have_types)
{
    const struct config *c = CONFIG(
        FORMAT EXPORT "resource:\n"
                      "  attributes_list: 'like=string_array;a;,replaced=1'\n"
                      "  attributes:\n"
                      "  - {name: zones, value: [eu-1, 'b,c;d%', ''], type: string_array}\n"
                      "  - {name: flags, value: [true, False], type: bool_array}\n"
                      "  - {name: numbers, value: [1, -9223372036854775808], type: int_array}\n"
                      "  - {name: reals, value: [0.5, -1e3, 2], type: double_array}\n"
                      "  - {name: none, value: [], type: string_array}\n"
                      "  - {name: one, value: 5, type: int}\n"
                      "  - {name: truth, value: TRUE, type: bool}\n"
                      "  - {name: half, value: .5, type: double}\n"
                      "  - {name: text, value: '5;', type: string}\n"
                      "  - {name: replaced, value: 2, type: int}\n"
                      "  - {name: service.name, value: 6, type: int}\n"
                      "  - {name: absent, value: , type: int}\n");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_assert_eq(c->nr_resource, 12);
    check_attribute(c, 0, "like", ATTRIBUTE_TEXT, "string_array;a;");
    check_attribute(c, 1, "replaced", ATTRIBUTE_INT, "2");
    check_attribute(c, 2, "zones", ATTRIBUTE_TEXT_LIST, "eu-1;b%2Cc%3Bd%25;;");
    check_attribute(c, 3, "flags", ATTRIBUTE_BOOL_LIST, "true;false;");
    check_attribute(c, 4, "numbers", ATTRIBUTE_INT_LIST, "1;-9223372036854775808;");
    check_attribute(c, 5, "reals", ATTRIBUTE_DOUBLE_LIST, "0.5;-1e3;2;");
    check_attribute(c, 6, "none", ATTRIBUTE_TEXT_LIST, "");
    check_attribute(c, 7, "one", ATTRIBUTE_INT, "5");
    check_attribute(c, 8, "truth", ATTRIBUTE_BOOL, "true");
    check_attribute(c, 9, "half", ATTRIBUTE_DOUBLE, ".5");
    check_attribute(c, 10, "text", ATTRIBUTE_TEXT, "5;");
    check_attribute(c, 11, "service.name", ATTRIBUTE_TEXT, "6");
}

Test(file, an_attribute_that_is_not_of_its_type_is_left_out)
{
    static const char *const bad[] = {
        "value: [a]",
        "value: [a], type: int_array",
        "value: ['1'], type: int_array",
        "value: [1, [2]], type: int_array",
        "value: [1, ], type: int",
        "value: [null], type: string_array",
        "value: 1, type: int_array",
        "value: {a: 1}, type: string",
        "value: 9223372036854775808, type: int",
        "value: 1.5, type: int",
        "value: 1, type: bool",
        "value: x, type: double",
        "value: x, type: texts",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 FORMAT EXPORT
                 "resource: {attributes: [{name: a, value: 1, type: int}, {name: b, %s},"
                 " {name: c, value: d}]}\n",
                 bad[i]);
        const struct config *c = CONFIG(text);
        cr_assert(!c->disabled, "%s", bad[i]);
        cr_assert_eq(nr_mistakes, 1, "%s: %u", bad[i], nr_mistakes);
        cr_assert_eq(c->nr_resource, 2, "%s: %u", bad[i], c->nr_resource);
        check_attribute(c, 0, "a", ATTRIBUTE_INT, "1");
        check_attribute(c, 1, "c", ATTRIBUTE_TEXT, "d");
    }
}

/* A variable has texts only, whatever they look like. */
Test(file, what_a_variable_says_is_a_text)
{
    const struct config *c =
        config_load((char *[]){ (char[]){ "OTEL_RESOURCE_ATTRIBUTES=a=int;5" }, NULL });
    check_attribute(c, 0, "a", ATTRIBUTE_TEXT, "int;5");
}

Test(file, that_is_none_is_told_of)
{
    const struct config *c;
    nr_mistakes = 0;
    c = config_load((char *[]){ (char[]){ "OTEL_CONFIG_FILE=/nowhere/x.yaml" }, NULL });
    cr_assert(c->disabled);
    cr_assert_str_eq(mistakes[0], "/nowhere/x.yaml: there is no such file; telemetry is off");
    c = config_load((char *[]){ (char[]){ "OTEL_CONFIG_FILE=/tmp" }, NULL });
    cr_assert(c->disabled);
    cr_assert_str_eq(mistakes[1], "/tmp: it is not a regular file; telemetry is off");
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0); /* nobody writes: must not wait */
    char variable[96];
    sprintf(variable, "OTEL_CONFIG_FILE=%s", path);
    c = config_load((char *[]){ variable, NULL });
    cr_assert(c->disabled);
    cr_assert_eq(nr_mistakes, 3);
}

Test(file, the_older_variable_is_read_where_the_newer_one_is_not_set)
{
    char variable[96];
    write_file(FORMAT EXPORT, strlen(FORMAT EXPORT));
    sprintf(variable, "OTEL_EXPERIMENTAL_CONFIG_FILE=%s", path);
    const struct config *c =
        config_load((char *[]){ variable, (char[]){ "OTEL_TRACES_EXPORTER=console" }, NULL });
    cr_assert_eq(nr_mistakes, 0);
    cr_assert_eq(c->exporters, EXPORTER_OTLP);
    cr_assert_str_eq(c->config_file, path);
}

Test(file, effective_values_tell_the_line)
{
    struct config_effective e;
    unsigned from_file = 0;
    CONFIG(FORMAT "log_level: warn\n", "OTEL_SHIM_EXIT_TIMEOUT=3", "OTEL_BSP_SCHEDULE_DELAY=4");
    for (unsigned i = 0; config_effective(i, &e); i++) {
        if (strcmp(e.name, "OTEL_LOG_LEVEL") == 0) {
            cr_assert_eq(e.source, SOURCE_FILE);
            cr_assert_eq(e.line, 2);
            cr_assert_str_eq(e.where + strlen(path), ":2:12: log_level");
        }
        if (strcmp(e.name, "OTEL_SHIM_EXIT_TIMEOUT") == 0)
            cr_assert_eq(e.source, SOURCE_ENVIRONMENT);
        if (strcmp(e.name, "OTEL_BSP_SCHEDULE_DELAY") == 0)
            cr_assert_eq(e.source, SOURCE_DEFAULT);
        from_file += e.source == SOURCE_FILE;
    }
    cr_assert_eq(from_file, 3, "level, no exporter, no propagator");
}

Test(file, profiles_hold_where_the_file_says_nothing)
{
    const struct config *c = CONFIG(FORMAT EXPORT, "OTEL_SHIM_PROFILE=prod");
    cr_assert_eq(c->sampler_ratio, 0.1);
    c = CONFIG(FORMAT "tracer_provider: {processors: [{simple: {exporter: {console: }}}], "
                      "sampler: {always_on: }}\n"
                      "instrumentation/development: {otelshim: {profile: prod}}");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_assert_eq(c->sampler, SAMPLER_ALWAYS_ON);
    cr_assert_eq(c->exit_timeout_ms, 500);
}
