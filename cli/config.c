/*
 * otelshim config --list: the variables that are read, made from the table that
 * the shim itself reads them by. --markdown prints docs/CONFIGURATION.md.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "schema.h"

#define BUILT true
#define UNBUILT false

enum word_set {
#define SET(id) WORDS_##id,
    CONFIG_WORD_SETS(SET)
#undef SET
};

static const struct {
    enum word_set set;
    const char *text;
    bool built;
} words[] = {
#define WORD(set, text, value, built) { WORDS_##set, text, built },
    CONFIG_WORDS(WORD)
#undef WORD
};

enum {
#define TYPE(id, text) TYPE_##id,
    CONFIG_TYPES(TYPE)
#undef TYPE
};

static const char *const types[] = {
#define TYPE(id, text) text,
    CONFIG_TYPES(TYPE)
#undef TYPE
};

static const struct variable {
    const char *name;
    int type;
    enum word_set words;
    const char *default_text, *effect;
} variables[] = {
#define VAR(name, type, field, words, default_text, effect) \
    { name, TYPE_##type, WORDS_##words, default_text, effect },
    CONFIG_VARIABLES(VAR)
#undef VAR
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What stands before the effect of a row that this version does not read. */
static const char *not_read(const struct variable *v)
{
    static const char *const names[] = {
#define NAME(name) name,
        CONFIG_UNBUILT_VARIABLES(NAME)
#undef NAME
            NULL
    };
    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], v->name) == 0)
            return "Not read by this version. ";
    return "";
}

/* "word: auto, always, never" */
static void describe_type(const struct variable *v, char *out, size_t size)
{
    int n = snprintf(out, size, "%s", types[v->type]);
    const char *between = ": ";
    for (size_t i = 0; i < COUNT(words); i++) {
        if (words[i].set != v->words || !words[i].built || n >= (int)size)
            continue;
        n += snprintf(out + n, size - (size_t)n, "%s%s", between, words[i].text);
        between = ", ";
    }
}

static int list(void)
{
    for (size_t i = 0; i < COUNT(variables); i++) {
        const struct variable *v = &variables[i];
        char type[512];
        describe_type(v, type, sizeof type);
        printf("%s\n    %s%s\n    %s%s%s\n", v->name, not_read(v), v->effect, type,
               *v->default_text ? "; default: " : "", v->default_text);
    }
    return 0;
}

static void profiles(void)
{
    puts(
        "\n## Profiles\n\n"
        "`OTEL_SHIM_PROFILE` sets these variables where neither the environment nor the file does:\n\n"
        "| profile | variable | value |\n|---|---|---|");
#define DEFAULT(profile, variable, value, only_with) \
    printf("| `%s` | `%s` | `%s` |\n", profile, variable, value);
    CONFIG_PROFILE_DEFAULTS(DEFAULT)
#undef DEFAULT
}

static void sampling_rules(void)
{
    puts(
        "\n## Sampling rules\n\n"
        "`OTEL_SHIM_SAMPLING_RULES` is a list of rules between `;`. The first rule that matches a\n"
        "span when it starts decides; without one the sampler does. A rule is one to four\n"
        "conditions between commas, a blank, and what is done:\n\n"
        "    path=/healthz drop; route=/pay/{id},method=POST keep; host=*.example.com 10/s; * 0.5\n\n"
        "| condition | what it looks at |\n|---|---|\n"
        "| `instrumentation=` | `curl`, `http`, `sqlite3`, `dns`, `process`, … |\n"
        "| `kind=` | `server`, `client`, `internal` |\n"
        "| `method=`, `url=`, `host=`, `path=` | of an HTTP request, and of libcurl's transfers; `url=` with its query, `path=` without |\n"
        "| `route=` | of a server's request, by `OTEL_SHIM_HTTP_ROUTES` |\n\n"
        "In a value `?` stands for any byte, `*` for any bytes; letter case matters. A span that\n"
        "lacks the attribute does not match. `*` instead of conditions matches all spans.\n\n"
        "| action | |\n|---|---|\n"
        "| `drop` | not recorded, nor is what is below it in this trace |\n"
        "| `keep` | recorded, also where the caller's trace is not |\n"
        "| `0.25` | this share of traces, decided by trace id as `traceidratio` does |\n"
        "| `10/s` | at most so many spans a second and process |\n\n"
        "Below a span of the same process a rule can only take away: what is below a span that is\n"
        "not recorded is not recorded. Whether a request fails is not known at its start: to keep\n"
        "traces with errors, record all and let a collector choose (tail sampling).");
}

static int markdown(void)
{
    puts(
        "# Configuration\n\n"
        "Made by `otelshim config --markdown` from `config/schema.h`.\n\n"
        "Variables are read once, when a program starts. An empty value is an unset one. A value\n"
        "that cannot be used is reported in one line (in `OTEL_SHIM_LOG_FILE`, else on stderr) and\n"
        "the default holds; the program is not affected. Values over 64 KB are not read.\n\n"
        "`otelshim run` sets the most used ones by options.\n\n"
        "| variable | type | default | effect |\n|---|---|---|---|");
    for (size_t i = 0; i < COUNT(variables); i++) {
        const struct variable *v = &variables[i];
        char type[512];
        describe_type(v, type, sizeof type);
        printf("| `%s` | %s | %s | %s%s |\n", v->name, type,
               *v->default_text ? v->default_text : "–", not_read(v), v->effect);
    }
    profiles();
    sampling_rules();
    puts(
        "\n`TRACEPARENT`, `TRACESTATE` and `BAGGAGE` of the environment are the context that the\n"
        "program was started in.\n\n"
        "## Excluded URLs\n\n"
        "A comma list of regular expressions (PCRE2), each searched for anywhere in the absolute URL\n"
        "with its query, letter case told apart. A URL that one of them matches gets no span and no\n"
        "trace header. The first of these variables that is set holds, alone:\n"
        "`OTEL_SHIM_CURL_EXCLUDED_URLS` (or any other instrumentation's name),\n"
        "`OTEL_SHIM_EXCLUDED_URLS`, `OTEL_PYTHON_CURL_EXCLUDED_URLS`, `OTEL_PYTHON_EXCLUDED_URLS`.\n"
        "One pattern that cannot be compiled is reported and left out. At most 2,048 bytes of a URL\n"
        "are looked at, and a search that takes too many steps counts as no match.");
    return 0;
}

int cli_config(int argc, char *argv[])
{
    if (argc == 1 && strcmp(argv[0], "--list") == 0)
        return list();
    if (argc == 1 && strcmp(argv[0], "--markdown") == 0)
        return markdown();
    fputs("usage: otelshim config --list | --markdown\n",
          argc > 0 && strcmp(argv[0], "--help") == 0 ? stdout : stderr);
    return argc > 0 && strcmp(argv[0], "--help") == 0 ? 0 : CLI_FAILED;
}
