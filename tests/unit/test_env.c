/*
 * config_load() from environments made here. Mistakes are caught by a
 * diag_config_mistake() of this test's own.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "effective.h"
#include "schema.h"

static char mistakes[64][512];
static unsigned nr_mistakes;

void diag_config_mistake(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(mistakes[nr_mistakes++ % 64], sizeof mistakes[0], format, args);
    va_end(args);
}

/* LOAD("A=1", "B=2"): the configuration that this environment yields. */
#define LOAD(...) load((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
static const struct config *load(const char *const env[])
{
    nr_mistakes = 0;
    return config_load((char *const *)(uintptr_t)env);
}

/* Their order as a number: a byte each, the first one lowest. */
static uint64_t propagators(const struct config *c)
{
    uint64_t order;
    memcpy(&order, c->propagator_order, sizeof order);
    return order;
}

#define W3C (PROPAGATE_TRACECONTEXT | PROPAGATE_BAGGAGE << 8)
#define W3C_BACKWARDS (PROPAGATE_BAGGAGE | PROPAGATE_TRACECONTEXT << 8)

Test(env, defaults_are_the_specifications)
{
    const struct config *c = LOAD();
    cr_assert_eq(nr_mistakes, 0);
    cr_assert_eq(config, c);
    cr_assert(!c->disabled);
    cr_assert_eq(c->exporters, EXPORTER_OTLP);
    cr_assert_eq(c->log_level, LOG_INFO);
    cr_assert(!c->log_level_set);
    cr_assert_eq(c->sampler, SAMPLER_ALWAYS_ON);
    cr_assert(c->sampler_parent_based);
    cr_assert_eq(propagators(c), W3C);
    cr_assert_eq(c->bsp.schedule_delay_ms, 5000);
    cr_assert_eq(c->bsp.export_timeout_ms, 30000);
    cr_assert_eq(c->bsp.max_queue_size, 2048);
    cr_assert_eq(c->bsp.max_export_batch_size, 512);
    cr_assert_str_eq(c->otlp.traces_url, "http://localhost:4318/v1/traces");
    cr_assert(c->otlp.url_valid);
    cr_assert_eq(c->otlp.timeout_ms, 10000);
    cr_assert_null(c->service_name);
    cr_assert_eq(c->process_span, PROCESS_SPAN_AUTO);
    cr_assert(c->follow_children);
    cr_assert_eq(c->exit_timeout_ms, 2000);
    cr_assert_eq(c->nr_follow_vars, 0);
}

Test(env, reads_every_simple_variable)
{
    const struct config *c = LOAD(
        "OTEL_SDK_DISABLED=TRUE", "OTEL_SERVICE_NAME=shop", "OTEL_TRACES_EXPORTER= console , otlp",
        "OTEL_SHIM_CONSOLE_FORMAT=json", "OTEL_SHIM_CONSOLE_COLLECT=/tmp/c", "OTEL_LOG_LEVEL=Debug",
        "OTEL_SHIM_LOG_FILE=/tmp/l", "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BSP_EXPORT_TIMEOUT=0",
        "OTEL_BSP_MAX_QUEUE_SIZE=64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=32",
        "OTEL_EXPORTER_OTLP_TIMEOUT=3", "OTEL_EXPORTER_OTLP_CERTIFICATE=/ca",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY=/key", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/cert",
        "OTEL_SHIM_PROCESS_SPAN=never", "OTEL_SHIM_FOLLOW_CHILDREN=false",
        "OTEL_SHIM_EXIT_TIMEOUT=7", "OTEL_SHIM_EXPORTER_PATH=/x.so",
        "OTEL_PROPAGATORS=tracecontext");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_assert(c->disabled);
    cr_assert_str_eq(c->service_name, "shop");
    cr_assert_eq(c->exporters, EXPORTER_CONSOLE | EXPORTER_OTLP);
    cr_assert_eq(c->console_format, CONSOLE_JSON);
    cr_assert_str_eq(c->console_collect, "/tmp/c");
    cr_assert_eq(c->log_level, LOG_DEBUG);
    cr_assert(c->log_level_set);
    cr_assert_str_eq(c->log_file, "/tmp/l");
    cr_assert_eq(c->bsp.schedule_delay_ms, 100);
    cr_assert_eq(c->bsp.export_timeout_ms, 0);
    cr_assert_eq(c->bsp.max_queue_size, 64);
    cr_assert_eq(c->bsp.max_export_batch_size, 32);
    cr_assert_eq(c->otlp.timeout_ms, 3);
    cr_assert_str_eq(c->otlp.certificate, "/ca");
    cr_assert_str_eq(c->otlp.client_key, "/key");
    cr_assert_str_eq(c->otlp.client_certificate, "/cert");
    cr_assert_eq(c->process_span, PROCESS_SPAN_NEVER);
    cr_assert(!c->follow_children);
    cr_assert_eq(c->exit_timeout_ms, 7);
    cr_assert_str_eq(c->exporter_path, "/x.so");
    cr_assert_eq(propagators(c), PROPAGATE_TRACECONTEXT);
    cr_assert_eq(c->nr_follow_vars, 20);
    cr_assert_str_eq(c->follow_vars[1], "OTEL_SERVICE_NAME=shop");
}

Test(env, empty_value_is_an_unset_one)
{
    const struct config *c = LOAD("OTEL_SDK_DISABLED=", "OTEL_BSP_SCHEDULE_DELAY=",
                                  "OTEL_EXPORTER_OTLP_ENDPOINT=", "TRACEPARENT=", "LD_PRELOAD=");
    cr_assert_eq(nr_mistakes, 0);
    cr_assert_eq(c->bsp.schedule_delay_ms, 5000);
    cr_assert_str_eq(c->otlp.traces_url, "http://localhost:4318/v1/traces");
    cr_assert_null(c->came_in[CONTEXT_TRACEPARENT]);
    cr_assert_null(c->ld_preload);
    cr_assert_eq(c->nr_follow_vars, 0);
}

Test(env, values_are_copies)
{
    char service[] = "OTEL_SERVICE_NAME=shop", parent[] = "TRACEPARENT=00-aa";
    const struct config *c = config_load((char *const[]){ service, parent, NULL });
    memset(service, 'x', sizeof service - 1);
    memset(parent, 'x', sizeof parent - 1);
    cr_assert_str_eq(c->service_name, "shop");
    cr_assert_str_eq(c->came_in[CONTEXT_TRACEPARENT], "00-aa");
}

Test(env, first_of_two_equal_names_holds)
{
    cr_assert_str_eq(LOAD("OTEL_SERVICE_NAME=a", "OTEL_SERVICE_NAME=b")->service_name, "a");
}

Test(env, traces_variable_beats_general_one_in_either_order)
{
    const struct config *c =
        LOAD("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=5", "OTEL_EXPORTER_OTLP_TIMEOUT=6",
             "OTEL_EXPORTER_OTLP_ENDPOINT=http://base",
             "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://own/x");
    cr_assert_eq(c->otlp.timeout_ms, 5);
    cr_assert_str_eq(c->otlp.traces_url, "http://own/x");
    c = LOAD("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=bad", "OTEL_EXPORTER_OTLP_TIMEOUT=6");
    cr_assert_eq(c->otlp.timeout_ms, 6);
    cr_assert_str_eq(mistakes[0], "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=\"bad\" is not a whole "
                                  "number from 0 to 2147483647; using 6");
}

Test(env, endpoints_are_joined_by_the_rules)
{
    static const struct {
        const char *variable, *url;
    } rows[] = {
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "http://c:4318/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/", "http://c:4318/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/my/", "http://c:4318/my/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=https://c/my", "https://c/my/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT= HTTP://[::1]:99 ", "HTTP://[::1]:99/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c/a?k=v#f", "http://c/a/v1/traces?k=v" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://u:p@c", "http://u:p@c/v1/traces" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4318", "http://c:4318/" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4318/", "http://c:4318/" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c/x", "http://c/x" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c/x/", "http://c/x/" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c?k=v", "http://c/?k=v" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config *c = LOAD(rows[i].variable);
        cr_assert_eq(nr_mistakes, 0, "%s: %s", rows[i].variable, mistakes[0]);
        cr_assert_str_eq(c->otlp.traces_url, rows[i].url, "%s: %s", rows[i].variable,
                         c->otlp.traces_url);
        cr_assert(c->otlp.url_valid);
    }
}

#define GRPC_PATH "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

Test(env, grpc_endpoints_are_urls_or_targets)
{
    static const struct {
        const char *endpoint, *insecure, *url, *unix_path;
    } rows[] = {
        { "X=", "X=", "http://localhost:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "X=", "http://c:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=https://c/some/path?q", "X=", "https://c" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4317/", "X=", "http://c:4317" GRPC_PATH,
          NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=c:4317", "X=", "https://c:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=c:4317", "OTEL_EXPORTER_OTLP_INSECURE=true",
          "http://c:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=[::1]:1", "OTEL_EXPORTER_OTLP_TRACES_INSECURE=True",
          "http://[::1]:1" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4317", "OTEL_EXPORTER_OTLP_INSECURE=true",
          "https://c:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=unix:/run/o.sock", "X=", "http://localhost" GRPC_PATH,
          "/run/o.sock" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=UNIX:///run/o.sock", "X=", "http://localhost" GRPC_PATH,
          "/run/o.sock" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config *c =
            LOAD("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", rows[i].endpoint, rows[i].insecure);
        cr_assert_eq(nr_mistakes, 0, "%s: %s", rows[i].endpoint, mistakes[0]);
        cr_assert_str_eq(c->otlp.traces_url, rows[i].url, "%s", rows[i].endpoint);
        cr_assert(c->otlp.url_valid);
        if (rows[i].unix_path == NULL)
            cr_assert_null(c->otlp.unix_path);
        else
            cr_assert_str_eq(c->otlp.unix_path, rows[i].unix_path);
    }
    cr_assert_str_eq(LOAD("OTEL_EXPORTER_OTLP_ENDPOINT=unix:/run/o.sock")->otlp.traces_url,
                     "http://localhost/v1/traces");
}

Test(env, what_is_no_grpc_target_sends_nothing)
{
    static const char *const values[] = { "ftp://c",   "c:x",     "a b:1",  "/c",       ":4317",
                                          "c:4317/v1", "unix:",   "unix:o", "unix://o", "unix:/",
                                          "http://",   "c:99999", "[::1" };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char variable[128];
        snprintf(variable, sizeof variable, "OTEL_EXPORTER_OTLP_ENDPOINT=%s", values[i]);
        const struct config *c = LOAD("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", variable);
        cr_assert(!c->otlp.url_valid, "%s gives %s", values[i], c->otlp.traces_url);
        cr_assert_eq(nr_mistakes, 1, "%s", values[i]);
    }
}

Test(env, endpoint_that_is_no_url_sends_nothing)
{
    static const char *const values[] = {
        "localhost:4318", "c",
        "ftp://c",        "http:/c",
        "http://",        "http:///x",
        "http://c:99999", "http://c:0",
        "http://c:x",     "http://a b",
        "http://[::1",    "http://c\n",
        "://c",           "http://:80",
        "http://c\\x",    "http://h\xc3\xb6st",
        "http://[::1]x",  "http://user@",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char variable[128];
        snprintf(variable, sizeof variable, "OTEL_EXPORTER_OTLP_ENDPOINT=%s", values[i]);
        const struct config *c = LOAD(variable);
        cr_assert(!c->otlp.url_valid, "%s", values[i]);
        cr_assert_eq(nr_mistakes, 1, "%s", values[i]);
    }
    cr_assert_eq(LOAD("OTEL_EXPORTER_OTLP_ENDPOINT=ftp://joe:secret@c")->otlp.url_valid, false);
    cr_assert_null(strstr(mistakes[0], "secret"));
}

Test(env, headers_are_decoded_and_lowered_and_the_last_one_holds)
{
    const struct config *c = LOAD("OTEL_EXPORTER_OTLP_HEADERS=API-Key = a%20b%3D, x=1 ,,"
                                  "authorization=Basic dTpw=,X=2,empty=");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_assert_eq(c->otlp.nr_headers, 4);
    cr_assert_str_eq(c->otlp.headers[0].key, "api-key");
    cr_assert_str_eq(c->otlp.headers[0].value, "a b=");
    cr_assert_str_eq(c->otlp.headers[1].key, "x");
    cr_assert_str_eq(c->otlp.headers[1].value, "2");
    cr_assert_str_eq(c->otlp.headers[2].value, "Basic dTpw=");
    cr_assert_str_eq(c->otlp.headers[3].value, "");
}

Test(env, headers_for_traces_replace_the_general_ones)
{
    const struct config *c =
        LOAD("OTEL_EXPORTER_OTLP_HEADERS=a=1,b=2", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=c=3");
    cr_assert_eq(c->otlp.nr_headers, 1);
    cr_assert_str_eq(c->otlp.headers[0].key, "c");
}

Test(env, bad_header_is_left_out_in_one_line_without_its_value)
{
    static const char *const bad[] = {
        "secret",     "=secret",       "na me=secret", "na\x01me=secret",
        "k=sec\"ret", "k=sec\\ret",    "k=sec;ret",    "k=%0d%0asecret:x",
        "k=secret%",  "k=secret%zz",   "k=%00secret",  "k=secret\xff",
        "%0a=secret", "k=secret\r\nx", "k%=secret",    ";=secret",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char env[256];
        snprintf(env, sizeof env, "OTEL_EXPORTER_OTLP_HEADERS=good=1,%s,fine=2", bad[i]);
        const struct config *c = LOAD(env);
        cr_assert_eq(c->otlp.nr_headers, 2, "%s", bad[i]);
        cr_assert_eq(nr_mistakes, 1, "%s", bad[i]);
        cr_assert_null(strstr(mistakes[0], "secret"), "%s", mistakes[0]);
        cr_assert_not_null(strstr(mistakes[0], "item 2 "), "%s", mistakes[0]);
    }
}

Test(env, resource_attributes_are_decoded_and_the_last_one_holds)
{
    const struct config *c =
        LOAD("OTEL_RESOURCE_ATTRIBUTES= deployment = a b , k%3D=v%2Cw=x,k=1,k=2,"
             "empty=,umlaut=\xc3\xa4%C3%B6,");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_assert_eq(c->nr_resource, 5);
    cr_assert_str_eq(c->resource[0].key, "deployment");
    cr_assert_str_eq(c->resource[0].value, "a b");
    cr_assert_str_eq(c->resource[1].key, "k=");
    cr_assert_str_eq(c->resource[1].value, "v,w=x");
    cr_assert_str_eq(c->resource[2].value, "2");
    cr_assert_str_eq(c->resource[3].value, "");
    cr_assert_str_eq(c->resource[4].value, "\xc3\xa4\xc3\xb6");
}

Test(env, one_bad_resource_attribute_discards_all)
{
    static const char *const bad[] = { "b",     "=b",  "b=%",   "b=%4", "b=%gg", "b=\xff",
                                       "b=%ff", "%=1", "b=%00", " =b",  "b=%C3" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char env[256];
        snprintf(env, sizeof env, "OTEL_RESOURCE_ATTRIBUTES=a=1,%s", bad[i]);
        cr_assert_eq(LOAD(env)->nr_resource, 0, "%s", bad[i]);
        cr_assert_eq(nr_mistakes, 1, "%s", bad[i]);
    }
}

Test(env, lists_of_pairs_are_bounded)
{
    static char env[8192];
    strcpy(env, "OTEL_RESOURCE_ATTRIBUTES=");
    for (int i = 0; i < 200; i++)
        sprintf(env + strlen(env), "k%d=v,", i);
    cr_assert_eq(LOAD(env)->nr_resource, CONFIG_MAX_RESOURCE_ATTRIBUTES);
    cr_assert_str_eq(mistakes[0],
                     "OTEL_RESOURCE_ATTRIBUTES: more than 128 attributes; 72 left out");
    memcpy(env, "OTEL_EXPORTER_OTLP_HEADERS=k=v,", 31);
    cr_assert_eq(LOAD(env)->otlp.nr_headers, CONFIG_MAX_HEADERS);
    cr_assert_eq(nr_mistakes, 1);
}

Test(env, samplers)
{
    static const struct {
        const char *name, *arg;
        enum sampler_kind kind;
        bool parent;
        double ratio;
        unsigned mistakes;
    } rows[] = {
        { "always_on", "", SAMPLER_ALWAYS_ON, false, 1, 0 },
        { "ALWAYS_OFF", "garbage", SAMPLER_ALWAYS_OFF, false, 1, 0 },
        { "traceidratio", "0.25", SAMPLER_RATIO, false, 0.25, 0 },
        { "parentbased_traceidratio", " 1e-3 ", SAMPLER_RATIO, true, 0.001, 0 },
        { "parentbased_always_off", "", SAMPLER_ALWAYS_OFF, true, 1, 0 },
        { "traceidratio", "", SAMPLER_RATIO, false, 1, 0 },
        { "traceidratio", "1.5", SAMPLER_RATIO, false, 1, 1 },
        { "traceidratio", "-0.1", SAMPLER_RATIO, false, 1, 1 },
        { "traceidratio", "nan", SAMPLER_RATIO, false, 1, 1 },
        { "rate_limited", "0", SAMPLER_RATE, false, 1, 1 },
        { "parentbased_rate_limited", "5", SAMPLER_RATE, true, 1, 0 },
        { "jaeger_remote", "0.5", SAMPLER_ALWAYS_ON, true, 1, 1 },
        { "sometimes", "0.5", SAMPLER_ALWAYS_ON, true, 1, 1 },
        { "", "0.5", SAMPLER_ALWAYS_ON, true, 1, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[64], arg[64];
        snprintf(name, sizeof name, "OTEL_TRACES_SAMPLER=%s", rows[i].name);
        snprintf(arg, sizeof arg, "OTEL_TRACES_SAMPLER_ARG=%s", rows[i].arg);
        const struct config *c = LOAD(arg, name);
        cr_assert_eq(c->sampler, rows[i].kind, "row %zu", i);
        cr_assert_eq(c->sampler_parent_based, rows[i].parent, "row %zu", i);
        cr_assert_eq(c->sampler_ratio, rows[i].ratio, "row %zu", i);
        cr_assert_eq(nr_mistakes, rows[i].mistakes, "row %zu", i);
    }
    cr_assert_eq(
        LOAD("OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.5")->sampler_bound,
        0x8000000000000000);
    cr_assert(LOAD()->sampler_all);
}

Test(env, rates_and_rules)
{
    cr_assert_eq(LOAD("OTEL_TRACES_SAMPLER=rate_limited")->sampler_rate, 100);
    const struct config *c =
        LOAD("OTEL_TRACES_SAMPLER=rate_limited", "OTEL_TRACES_SAMPLER_ARG=2.5");
    cr_assert_eq(c->sampler_rate, 2.5);
    cr_assert(!c->sampler_all);
    cr_assert_eq(c->sampler_bound, 0);
    cr_assert_null(c->rules);
    cr_assert_not_null(LOAD("OTEL_SHIM_SAMPLING_RULES=* drop")->rules);
    cr_assert_eq(nr_mistakes, 0);
    cr_assert_null(LOAD("OTEL_SHIM_SAMPLING_RULES=a drop")->rules);
    cr_assert_str_eq(mistakes[0], "OTEL_SHIM_SAMPLING_RULES: \"a drop\" has a condition without "
                                  "`=`; it is left out");
}

Test(env, lists_of_words)
{
    static const struct {
        const char *env;
        uint32_t exporters;
        uint64_t propagators;
        unsigned mistakes;
    } rows[] = {
        { "OTEL_TRACES_EXPORTER=none", 0, W3C, 0 },
        { "OTEL_TRACES_EXPORTER=console,none", 0, W3C, 0 },
        { "OTEL_TRACES_EXPORTER=zipkin,console", EXPORTER_ZIPKIN | EXPORTER_CONSOLE, W3C, 0 },
        { "OTEL_TRACES_EXPORTER=otlp_file", EXPORTER_OTLP_FILE, W3C, 0 },
        { "OTEL_TRACES_EXPORTER=OTLP_File/development", EXPORTER_OTLP_FILE, W3C, 0 },
        { "OTEL_TRACES_EXPORTER=otlp/stdout,what", EXPORTER_OTLP_STDOUT, W3C, 1 },
        { "OTEL_TRACES_EXPORTER=rubbish", EXPORTER_OTLP, W3C, 1 },
        { "OTEL_TRACES_EXPORTER=a,b,c,d", EXPORTER_OTLP, W3C, 1 },
        { "OTEL_TRACES_EXPORTER=,", EXPORTER_OTLP, W3C, 0 },
        { "OTEL_PROPAGATORS=none", EXPORTER_OTLP, 0, 0 },
        { "OTEL_PROPAGATORS=baggage,baggage", EXPORTER_OTLP, PROPAGATE_BAGGAGE, 0 },
        { "OTEL_PROPAGATORS=b3, TraceContext,b3", EXPORTER_OTLP,
          PROPAGATE_B3 | PROPAGATE_TRACECONTEXT << 8, 0 },
        { "OTEL_PROPAGATORS=xray,jaeger,b3multi,b3,baggage,tracecontext", EXPORTER_OTLP,
          PROPAGATE_XRAY | PROPAGATE_JAEGER << 8 | PROPAGATE_B3MULTI << 16 | PROPAGATE_B3 << 24 |
              (uint64_t)W3C_BACKWARDS << 32,
          0 },
        { "OTEL_PROPAGATORS=ottrace,jaeger", EXPORTER_OTLP, PROPAGATE_JAEGER, 1 },
        { "OTEL_PROPAGATORS=ottrace", EXPORTER_OTLP, 0, 1 },
        { "OTEL_PROPAGATORS=jaeger,none", EXPORTER_OTLP, 0, 0 },
        { "OTEL_PROPAGATORS=what", EXPORTER_OTLP, W3C, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct config *c = LOAD(rows[i].env);
        cr_assert_eq(c->exporters, rows[i].exporters, "%s", rows[i].env);
        cr_assert_eq(propagators(c), rows[i].propagators, "%s", rows[i].env);
        cr_assert_eq(nr_mistakes, rows[i].mistakes, "%s", rows[i].env);
    }
}

Test(env, exporters_that_are_not_allowed_stay_off_in_one_line)
{
    static const struct {
        const char *allowed;
        uint32_t exporters;
        unsigned mistakes;
    } rows[] = {
        { "otlp,console", EXPORTER_OTLP | EXPORTER_CONSOLE, 0 },
        { " OTLP ", EXPORTER_OTLP, 1 },
        { "console", EXPORTER_CONSOLE, 1 },
        { "zipkin", 0, 1 },
        { "otlp2,con", 0, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char allowed[64];
        snprintf(allowed, sizeof allowed, "OTEL_SHIM_ALLOWED_EXPORTERS=%s", rows[i].allowed);
        const struct config *c = LOAD("OTEL_TRACES_EXPORTER=otlp,console", allowed);
        cr_assert_eq(c->exporters, rows[i].exporters, "%s", allowed);
        cr_assert_eq(nr_mistakes, rows[i].mistakes, "%s", allowed);
    }
    LOAD("OTEL_SHIM_ALLOWED_EXPORTERS=console");
    cr_assert_str_eq(mistakes[0], "OTEL_SHIM_ALLOWED_EXPORTERS does not name otlp; it is not used");
}

Test(env, plugins_are_allowed_by_path_or_file_name)
{
    const struct config *c = LOAD("OTEL_SHIM_ALLOWED_EXPORTERS=otlp,/opt/a.so,kafka");
    cr_assert(config_exporter_is_allowed(c, "/opt/a.so", true));
    cr_assert(config_exporter_is_allowed(c, "/lib/kafka.so", true));
    cr_assert(!config_exporter_is_allowed(c, "/lib/kafka2.so", true));
    cr_assert(!config_exporter_is_allowed(c, "/lib/a.so", true));
    cr_assert(!config_exporter_is_allowed(LOAD(), "/opt/a.so", true));
    cr_assert(config_exporter_is_allowed(LOAD(), "console", false));
}

Test(env, limits_fall_back_to_the_general_ones)
{
    const struct config *c = LOAD();
    cr_assert_eq(c->limits.value_length, UINT32_MAX);
    cr_assert_eq(c->limits.attributes, 128);
    cr_assert_eq(c->limits.links, 128);
    c = LOAD("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=-1", "OTEL_ATTRIBUTE_COUNT_LIMIT=0",
             "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=7", "OTEL_SPAN_EVENT_COUNT_LIMIT=1",
             "OTEL_SPAN_LINK_COUNT_LIMIT=2", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT=3",
             "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT=4");
    cr_assert_eq(nr_mistakes, 1);
    cr_assert_eq(c->limits.attributes, 0);
    cr_assert_eq(c->limits.value_length, 7);
    cr_assert_eq(c->limits.events, 1);
    cr_assert_eq(c->limits.links, 2);
    cr_assert_eq(c->limits.event_attributes, 3);
    cr_assert_eq(c->limits.link_attributes, 4);
    cr_assert_eq(
        LOAD("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=7", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=9")
            ->limits.value_length,
        9);
}

Test(env, a_run_has_one_id)
{
    const struct config *c = LOAD("OTEL_SHIM_RUN_ID=build 7");
    cr_assert_str_eq(c->run_id, "build 7");
    cr_assert_str_eq(c->run_entry, "OTEL_SHIM_RUN_ID=build 7");
    char *first = strdup(LOAD()->run_id);
    cr_assert_eq(strlen(first), 32);
    cr_assert_eq(strspn(first, "0123456789abcdef"), 32);
    c = LOAD();
    cr_assert_str_neq(c->run_id, first);
    cr_assert_str_eq(c->run_entry + strlen("OTEL_SHIM_RUN_ID="), c->run_id);
    cr_assert_null(LOAD("OTEL_SHIM_RUN_ID=none")->run_id);
    cr_assert_str_eq(LOAD("OTEL_SHIM_RUN_ID=none")->run_entry, "OTEL_SHIM_RUN_ID=none");
    cr_assert_null(LOAD("OTEL_TRACES_EXPORTER=none")->run_id);
    char longest[64 + CONFIG_MAX_RUN_ID] = "OTEL_SHIM_RUN_ID=";
    memset(longest + strlen(longest), 'x', CONFIG_MAX_RUN_ID);
    cr_assert_eq(strlen(LOAD(longest)->run_id), CONFIG_MAX_RUN_ID);
    strcat(longest, "x");
    cr_assert_eq(strlen(LOAD(longest)->run_id), 32);
    cr_assert_eq(nr_mistakes, 1);
}

Test(env, profiles_set_what_nothing_else_sets)
{
    const struct config *c = LOAD("OTEL_SHIM_PROFILE=prod");
    struct config_effective e;
    cr_assert_eq(nr_mistakes, 0);
    cr_assert_eq(c->sampler, SAMPLER_RATIO);
    cr_assert_eq(c->sampler_ratio, 0.1);
    cr_assert_eq(c->exit_timeout_ms, 500);
    c = LOAD("OTEL_SHIM_PROFILE= PROD ", "OTEL_TRACES_SAMPLER=traceidratio",
             "OTEL_SHIM_EXIT_TIMEOUT=9");
    cr_assert_eq(c->sampler_ratio, 1, "the argument is of the profile's sampler");
    cr_assert_eq(c->exit_timeout_ms, 9);
    cr_assert_eq(LOAD("OTEL_SHIM_PROFILE=prod", "OTEL_TRACES_SAMPLER_ARG=0.5")->sampler_ratio, 0.5);
    c = LOAD("OTEL_SHIM_PROFILE=ci");
    cr_assert_eq(c->process_span, PROCESS_SPAN_ALWAYS);
    cr_assert_eq(c->exit_timeout_ms, 10000);
    c = LOAD("OTEL_SHIM_PROFILE=dev");
    cr_assert_eq(c->bsp.schedule_delay_ms, 500);
    cr_assert(c->log_level_set);
    unsigned from_profile = 0;
    for (unsigned i = 0; config_effective(i, &e); i++)
        from_profile += e.source == SOURCE_PROFILE;
    cr_assert_eq(from_profile, 2);
}

Test(env, effective_values_tell_where_they_come_from)
{
    struct config_effective e;
    unsigned seen = 0, i = 0;
    LOAD("OTEL_BSP_SCHEDULE_DELAY=soon", "OTEL_EXPORTER_OTLP_HEADERS=a=b");
    for (; config_effective(i, &e); i++) {
        if (strcmp(e.name, "OTEL_BSP_SCHEDULE_DELAY") == 0) {
            cr_assert(e.refused && e.source == SOURCE_ENVIRONMENT && !e.secret);
            cr_assert_str_eq(e.text, "soon");
            seen++;
        } else if (strcmp(e.name, "OTEL_EXPORTER_OTLP_HEADERS") == 0) {
            cr_assert(!e.refused && e.source == SOURCE_ENVIRONMENT && e.secret);
            seen++;
        } else {
            cr_assert(e.text == NULL && e.source == SOURCE_DEFAULT && e.where == NULL, "%s",
                      e.name);
        }
    }
    cr_assert_eq(seen, 2);
    cr_assert_gt(i, 50);
}

Test(env, required_values)
{
    cr_assert(LOAD("OTEL_SHIM_REQUIRE_SERVICE_NAME=true")->disabled);
    cr_assert_eq(nr_mistakes, 1);
    cr_assert(!LOAD("OTEL_SHIM_REQUIRE_SERVICE_NAME=true", "OTEL_SERVICE_NAME=x")->disabled);
    cr_assert(LOAD("OTEL_SHIM_REQUIRE_SERVICE_NAME=true", "OTEL_RESOURCE_ATTRIBUTES=service.name=")
                  ->disabled);
    cr_assert(
        !LOAD("OTEL_SHIM_REQUIRE_SERVICE_NAME=true", "OTEL_RESOURCE_ATTRIBUTES=service.name=s")
             ->disabled);
    cr_assert(LOAD("OTEL_SHIM_REQUIRE_ENVIRONMENT=true", "OTEL_SERVICE_NAME=x")->disabled);
    cr_assert(!LOAD("OTEL_SHIM_REQUIRE_ENVIRONMENT=true", "DEPLOYMENT_ENVIRONMENT=x")->disabled);
    cr_assert(!LOAD("OTEL_SHIM_REQUIRE_ENVIRONMENT=true",
                    "OTEL_RESOURCE_ATTRIBUTES=deployment.environment=x")
                   ->disabled);
    LOAD("OTEL_SHIM_REQUIRE_ENVIRONMENT=true", "OTEL_SHIM_REQUIRE_SERVICE_NAME=true");
    cr_assert_eq(nr_mistakes, 1, "one line is enough");
}

Test(env, executables_that_are_left_out_are_inert)
{
    static const struct {
        const char *include, *exclude;
        bool inert;
    } rows[] = {
        { "test_env", "", false },       { "test_*", "", false },
        { "other,test_?nv", "", false }, { "TEST_ENV", "", true },
        { "other", "", true },           { "*/unit/test_env", "", false },
        { "/unit/test_env", "", true },  { "", "test_env", true },
        { "", "test_en", false },        { "", "*/test_env", true },
        { "test_env", "test_*", true },  { "", "", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char include[64], exclude[64];
        snprintf(include, sizeof include, "OTEL_SHIM_INCLUDE_EXECUTABLES=%s", rows[i].include);
        snprintf(exclude, sizeof exclude, "OTEL_SHIM_EXCLUDE_EXECUTABLES=%s", rows[i].exclude);
        const struct config *c = LOAD(include, exclude);
        cr_assert_eq(c->inert, rows[i].inert, "row %zu", i);
        cr_assert_eq(config_instrumentation_enabled(c, "curl"), !rows[i].inert);
        cr_assert(config_instrumentation_enabled(c, "process"), "it hands variables on");
        cr_assert_eq(c->exporters == 0, rows[i].inert);
        cr_assert_not_null(c->run_entry, "children are of the same run");
    }
}

Test(env, batch_is_at_most_the_queue)
{
    cr_assert_eq(LOAD("OTEL_BSP_MAX_QUEUE_SIZE=10")->bsp.max_export_batch_size, 10);
    cr_assert_eq(nr_mistakes, 0);
    cr_assert_eq(LOAD("OTEL_BSP_MAX_QUEUE_SIZE=10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=11")
                     ->bsp.max_export_batch_size,
                 10);
    cr_assert_eq(nr_mistakes, 1);
}

Test(env, instrumentations_are_disabled_by_exact_name)
{
    const struct config *c = LOAD("OTEL_SHIM_DISABLED_INSTRUMENTATIONS= curl ,dns",
                                  "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=sqlite3");
    cr_assert(!config_instrumentation_enabled(c, "curl"));
    cr_assert(!config_instrumentation_enabled(c, "dns"));
    cr_assert(config_instrumentation_enabled(c, "sqlite3"));
    cr_assert(config_instrumentation_enabled(c, "Curl"));
    c = LOAD("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=sqlite3",
             "OTEL_SHIM_DISABLED_INSTRUMENTATIONS=");
    cr_assert(!config_instrumentation_enabled(c, "sqlite3"));
    c = LOAD("OTEL_SHIM_DISABLED_INSTRUMENTATIONS=x,*");
    cr_assert(!config_instrumentation_enabled(c, "sqlite3"));
}

Test(env, more_variables_than_are_kept_are_told_of)
{
    static char names[200][32];
    const char *env[201];
    for (int i = 0; i < 200; i++) {
        snprintf(names[i], sizeof names[i], "OTEL_X%d=1", i);
        env[i] = names[i];
    }
    env[200] = NULL;
    cr_assert_eq(load(env)->nr_follow_vars, CONFIG_MAX_FOLLOW_VARS);
    cr_assert_eq(nr_mistakes, 1);
    cr_assert_str_eq(mistakes[0], "more than 128 OTEL_ variables; 72 are ignored");
}

/* ---- every variable, every kind of bad value */

enum {
#define TYPE(id, text) TYPE_##id,
    CONFIG_TYPES(TYPE)
#undef TYPE
};

static const struct {
    const char *name;
    int type;
} variables[] = {
#define VAR(name, type, field, words, default_text, effect) { name, TYPE_##type },
    CONFIG_VARIABLES(VAR)
#undef VAR
};

static char overlong[CONFIG_MAX_VALUE + 2], megabyte[(1 << 20) + 1], longest[CONFIG_MAX_VALUE + 1];

static const struct {
    const char *kind, *value;
} bad_values[] = {
    { "empty", "" },
    { "garbage", "~!junk" },
    { "negative", "-1" },
    { "huge", "99999999999999999999999999" },
    { "control bytes", "\x01\x1b[31m\r\n" },
    { "not UTF-8", "\xff\xfe\xc0\x80" },
    { "as long as may be", longest },
    { "overlong", overlong },
    { "a megabyte", megabyte },
};

static bool is_unbuilt(const char *name)
{
    static const char *const names[] = {
#define NAME(name) name,
        CONFIG_UNBUILT_VARIABLES(NAME)
#undef NAME
            NULL
    };
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Whether a value of this kind can be used all the same. */
static bool is_usable(const char *name, int type, const char *kind)
{
    bool is_text = type == TYPE_PATH || type == TYPE_NAMES || type == TYPE_PATTERNS;
    if (strcmp(kind, "empty") == 0)
        return true;
    if (strcmp(kind, "overlong") == 0 || strcmp(kind, "a megabyte") == 0)
        return false;
    if (is_unbuilt(name))
        return false;
    if (strcmp(name, "OTEL_SHIM_ALLOWED_EXPORTERS") == 0) /* says that otlp is not among them */
        return false;
    if (type == TYPE_RUN_ID && strcmp(kind, "as long as may be") == 0)
        return false;
    return is_text ||
           ((type == TYPE_TEXT || type == TYPE_RUN_ID) && strcmp(kind, "not UTF-8") != 0);
}

/* Texts used as they are, and what a bad value may set: the rest must be at its default. */
static struct config comparable(const struct config *c, int type)
{
    struct config copy = *c;
    memset(copy.follow_vars, 0, sizeof copy.follow_vars);
    copy.nr_follow_vars = 0;
    copy.run_id = copy.run_entry = NULL;                        /* random */
    copy.include_executables = copy.exclude_executables = NULL; /* see their own test */
    copy.inert = false;
    copy.process_span = PROCESS_SPAN_AUTO;
    copy.exporters = 0; /* OTEL_SHIM_ALLOWED_EXPORTERS takes them away: see its own test */
    copy.allowed_exporters = NULL;
    if (type == TYPE_URL)
        copy.zipkin.url = NULL;
    if (type == TYPE_BOOL) /* the specification: false, whatever the default */
        copy.follow_children = false;
    if (type == TYPE_ENDPOINT || type == TYPE_TRACES_ENDPOINT) {
        cr_assert_eq(copy.otlp.url_valid, copy.otlp.traces_url != NULL);
        copy.otlp.url_valid = false;
        copy.otlp.traces_url = NULL;
        copy.otlp.url_given = false;
    }
    copy.sampler = SAMPLER_RATIO; /* set beside a bad RATIO, or the default */
    copy.sampler_parent_based = false;
    return copy;
}

static void check_bad_value(size_t variable, size_t bad)
{
    if (strstr(variables[variable].name, "_CONFIG_FILE")) /* turns telemetry off: test_file.c */
        return;
    const char *name = variables[variable].name, *kind = bad_values[bad].kind;
    int type = variables[variable].type;
    char *env = malloc(strlen(name) + strlen(bad_values[bad].value) + 2);
    sprintf(env, "%s=%s", name, bad_values[bad].value);
    const char *sampler = type == TYPE_RATIO ? "OTEL_TRACES_SAMPLER=traceidratio" : "X=";
    struct config plain = comparable(LOAD(sampler), type);
    struct config got = comparable(LOAD(sampler, env), type);
    bool usable = is_usable(name, type, kind);
    cr_assert_eq(nr_mistakes, !usable, "%s, %s: %u lines: %s", name, kind, nr_mistakes,
                 mistakes[0]);
    if (!usable) {
        cr_assert_eq(memcmp(&got, &plain, sizeof got), 0, "%s, %s: something changed", name, kind);
        cr_assert_eq(strncmp(mistakes[0], name, strlen(name)), 0, "%s", mistakes[0]);
        cr_assert_lt(strlen(mistakes[0]), 450);
        for (const char *p = mistakes[0]; *p; p++)
            cr_assert(*p >= 0x20 && *p < 0x7f, "%s, %s: %s", name, kind, mistakes[0]);
    }
    free(env);
}

Test(env, every_bad_value_of_every_variable_costs_one_line_and_nothing_else)
{
    memset(overlong, 'a', sizeof overlong - 1);
    memset(megabyte, ',', sizeof megabyte - 1);
    memset(longest, 'a', sizeof longest - 1);
    for (size_t v = 0; v < sizeof variables / sizeof *variables; v++)
        for (size_t b = 0; b < sizeof bad_values / sizeof *bad_values; b++)
            check_bad_value(v, b);
}

Test(env, random_values_cost_at_most_one_line_each)
{
    static const char alphabet[] = "ab0159%=,:/.@[]?#-+ eE\t\x01\x7f\xc3\xa4httpoen";
    srand(3);
    for (unsigned round = 0; round < 40000; round++) {
        char env[160];
        size_t v = (size_t)rand() % (sizeof variables / sizeof *variables);
        int n = snprintf(env, sizeof env, "%s=%s", variables[v].name,
                         rand() % 3 == 0 ? "http://"
                         : rand() % 3    ? "k="
                                         : "");
        for (int more = rand() % 40; more > 0; more--)
            env[n++] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        env[n] = '\0';
        const struct config *c = LOAD(env, "OTEL_TRACES_SAMPLER=traceidratio");
        cr_assert_leq(nr_mistakes, 1, "%s: %s; %s", env, mistakes[0], mistakes[1]);
        cr_assert_eq(c->otlp.url_valid, c->otlp.traces_url != NULL);
        cr_assert(c->sampler_ratio >= 0 && c->sampler_ratio <= 1, "%s", env);
        for (unsigned i = 0; i < c->otlp.nr_headers; i++)
            cr_assert_null(strpbrk(c->otlp.headers[i].value, "\r\n\x01\x7f"), "%s", env);
    }
}
