/*
 * config_load() from environments made here. Mistakes are caught by a
 * diag_config_mistake() of this test's own.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
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
#define LOAD(...) load((const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })
static const struct config *load(const char *const env[])
{
    nr_mistakes = 0;
    return config_load((char *const *)(uintptr_t)env);
}

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
    cr_assert_eq(c->propagators, PROPAGATE_TRACECONTEXT | PROPAGATE_BAGGAGE);
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
        "OTEL_SHIM_CONSOLE_FORMAT=json", "OTEL_SHIM_CONSOLE_COLLECT=/tmp/c",
        "OTEL_LOG_LEVEL=Debug", "OTEL_SHIM_LOG_FILE=/tmp/l", "OTEL_BSP_SCHEDULE_DELAY=100",
        "OTEL_BSP_EXPORT_TIMEOUT=0", "OTEL_BSP_MAX_QUEUE_SIZE=64",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=32", "OTEL_EXPORTER_OTLP_TIMEOUT=3",
        "OTEL_EXPORTER_OTLP_CERTIFICATE=/ca", "OTEL_EXPORTER_OTLP_CLIENT_KEY=/key",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/cert", "OTEL_SHIM_PROCESS_SPAN=never",
        "OTEL_SHIM_FOLLOW_CHILDREN=false", "OTEL_SHIM_EXIT_TIMEOUT=7",
        "OTEL_SHIM_EXPORTER_PATH=/x.so", "OTEL_PROPAGATORS=tracecontext");
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
    cr_assert_eq(c->propagators, PROPAGATE_TRACECONTEXT);
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
    cr_assert_null(c->traceparent);
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
    cr_assert_str_eq(c->traceparent, "00-aa");
}

Test(env, first_of_two_equal_names_holds)
{
    cr_assert_str_eq(LOAD("OTEL_SERVICE_NAME=a", "OTEL_SERVICE_NAME=b")->service_name, "a");
}

Test(env, traces_variable_beats_general_one_in_either_order)
{
    const struct config *c = LOAD("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=5",
                                  "OTEL_EXPORTER_OTLP_TIMEOUT=6",
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
    static const struct { const char *variable, *url; } rows[] = {
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

Test(env, endpoint_that_is_no_url_sends_nothing)
{
    static const char *const values[] = {
        "localhost:4318", "c", "ftp://c", "http:/c", "http://", "http:///x", "http://c:99999",
        "http://c:0", "http://c:x", "http://a b", "http://[::1", "http://c\n", "://c", "http://:80",
        "http://c\\x", "http://h\xc3\xb6st", "http://[::1]x", "http://user@",
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
