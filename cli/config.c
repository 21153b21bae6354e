/*
 * otelshim config --list: the variables that are read, made from the table that
 * the shim itself reads them by. --markdown prints docs/CONFIGURATION.md.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "schema.h"
#include "variables.h"

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

const struct variable variables[] = {
#define VAR(name, type, field, words, default_text, effect) \
    { name, TYPE_##type, WORDS_##words, default_text, effect },
    CONFIG_VARIABLES(VAR)
#undef VAR
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
const size_t nr_variables = COUNT(variables);

const char *variable_not_read(const struct variable *v)
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
        if ((int)words[i].set != v->words || !words[i].built || n >= (int)size)
            continue;
        n += snprintf(out + n, size - (size_t)n, "%s%s", between, words[i].text);
        between = ", ";
    }
}

int variables_list(void)
{
    for (size_t i = 0; i < COUNT(variables); i++) {
        const struct variable *v = &variables[i];
        char type[512];
        describe_type(v, type, sizeof type);
        printf("%s\n    %s%s\n    %s%s%s\n", v->name, variable_not_read(v), v->effect, type,
               *v->default_text ? "; default: " : "", v->default_text);
    }
    return 0;
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
               *v->default_text ? v->default_text : "–", variable_not_read(v), v->effect);
    }
    config_sections();
    return 0;
}

static void help(FILE *to)
{
    fputs("usage: otelshim config --list | --markdown\n\n"
          "  --list      lists the variables that are read, with what each takes and does\n"
          "  --markdown  the same as docs/CONFIGURATION.md, with the tables that belong to it\n\n"
          "Exit status: 0, or 125 if otelshim itself fails.\n",
          to);
}

int cli_config(int argc, char *argv[])
{
    if (argc == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        help(stdout);
        return 0;
    }
    if (argc == 1 && strcmp(argv[0], "--list") == 0)
        return variables_list();
    if (argc == 1 && strcmp(argv[0], "--markdown") == 0)
        return markdown();
    help(stderr);
    return CLI_FAILED;
}
