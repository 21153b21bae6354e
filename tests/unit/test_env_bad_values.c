/* Every variable with every kind of bad value: one line of our log at most, and nothing else. */
#include "env_case.h"

#include "schema.h"

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
    if (strcmp(name, "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS") == 0) /* others' names: no mistake */
        return true;
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

Test(env_bad_values, every_bad_value_of_every_variable_costs_one_line_and_nothing_else)
{
    memset(overlong, 'a', sizeof overlong - 1);
    memset(megabyte, ',', sizeof megabyte - 1);
    memset(longest, 'a', sizeof longest - 1);
    for (size_t v = 0; v < sizeof variables / sizeof *variables; v++)
        for (size_t b = 0; b < sizeof bad_values / sizeof *bad_values; b++)
            check_bad_value(v, b);
}

Test(env_bad_values, random_values_cost_at_most_one_line_each)
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
