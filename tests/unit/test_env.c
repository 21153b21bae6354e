/* Variables of the environment: what each sets, what none sets, what several say together. */
#include "env_case.h"

#include "effective.h"

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

Test(env, what_is_wrong_with_parent_samplers_is_left_out)
{
    const struct config *c = LOAD(
        "OTEL_SHIM_PARENT_SAMPLERS= Remote_Parent_Sampled = 0.5 , local_parent_sampled=Always_Off");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_expect_eq(c->below[PARENT_REMOTE_SAMPLED].bound, 1ull << 63);
    cr_expect(c->below[PARENT_LOCAL_SAMPLED].chosen && !c->below[PARENT_LOCAL_SAMPLED].all);
    static const char *const bad[] = { "remote_parent_sampled=2", "parent=always_on", "always_on",
                                       "remote_parent_sampled=" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        nr_mistakes = 0;
        snprintf(text, sizeof text, "OTEL_SHIM_PARENT_SAMPLERS=%s,local_parent_sampled=always_on",
                 bad[i]);
        c = LOAD(text);
        cr_expect_eq(nr_mistakes, 1, "%s", text);
        cr_expect(c->below[PARENT_LOCAL_SAMPLED].all);
        cr_expect_not(c->below[PARENT_REMOTE_SAMPLED].chosen);
    }
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

Test(env, detectors_of_others_are_no_mistake)
{
    const struct config *c = LOAD("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=gcp,host,\x1b[31m");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_expect_eq(c->detectors, DETECT_HOST);
    cr_expect_str_eq(c->unknown_detector, "gcp");
    c = LOAD("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=\x1b[31m");
    cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    cr_expect_eq(c->detectors, DETECT_ALL, "nothing that we know: as if unset");
    cr_expect_null(strchr(c->unknown_detector, 0x1b));
    c = LOAD("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=host");
    cr_expect_null(c->unknown_detector);
}
