/*
 * otelshim run: a program with libotelshim.so in front of it.
 *
 * Options become variables of the environment, nothing else; without --console
 * this process then becomes the program. With --console it stays, so that it can
 * print one tree of all processes once the program has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "transport/console_tree.h"

/* OPTION(name, argument, variable, variable that would beat it, help) */
/* clang-format off */
#define RUN_OPTIONS(OPTION) \
    OPTION("--endpoint", "URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", \
        "the collector, default http://localhost:4318") \
    OPTION("--protocol", "NAME", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", \
        "how to speak to it, default http/protobuf") \
    OPTION("--exporter", "LIST", "OTEL_TRACES_EXPORTER", "", \
        "otlp, console, none, ... (`otelshim config --list`)") \
    OPTION("--service", "NAME", "OTEL_SERVICE_NAME", "", "default: the executable's name") \
    OPTION("--resource", "LIST", "OTEL_RESOURCE_ATTRIBUTES", "", \
        "attributes of the resource: team=a,host.name=b") \
    OPTION("--sampler", "NAME", "OTEL_TRACES_SAMPLER", "", \
        "always_on, always_off, traceidratio=0.1, parentbased_...") \
    OPTION("--propagators", "LIST", "OTEL_PROPAGATORS", "", "default tracecontext,baggage") \
    OPTION("--disable", "LIST", "OTEL_SHIM_DISABLED_INSTRUMENTATIONS", "", \
        "instrumentations that are off: curl, sqlite3, dns, process, http, manual") \
    OPTION("--exclude", "LIST", "OTEL_SHIM_EXCLUDED_URLS", "", \
        "regular expressions of URLs without spans") \
    OPTION("--routes", "LIST", "OTEL_SHIM_HTTP_ROUTES", "", "routes of a server: /user/{id},auto") \
    OPTION("--config", "FILE", "OTEL_CONFIG_FILE", "", "OpenTelemetry's declarative file") \
    OPTION("--profile", "NAME", "OTEL_SHIM_PROFILE", "", "defaults for dev, ci or prod") \
    OPTION("--run-id", "TEXT", "OTEL_SHIM_RUN_ID", "", "what all processes of this run share") \
    OPTION("--log-level", "LEVEL", "OTEL_LOG_LEVEL", "", "none, error, warn, info, debug, trace") \
    OPTION("--log-file", "FILE", "OTEL_SHIM_LOG_FILE", "", "where otelshim's own log goes") \
    OPTION("--env", "K=V", "", "", "any other variable for the program; may be repeated")
/* clang-format on */

static const struct option {
    const char *name, *argument, *variable, *beaten_by, *help;
} options[] = {
#define OPTION(name, argument, variable, beaten_by, help) \
    { name, argument, variable, beaten_by, help },
    RUN_OPTIONS(OPTION)
#undef OPTION
};

struct run {
    bool console, strict, exporter_given;
    char **program;
};

static void help(FILE *to)
{
    fputs("usage: otelshim run [OPTIONS] [--] PROGRAM [ARGUMENTS]\n\n"
          "Runs PROGRAM with libotelshim.so preloaded. Its output and exit status are its own.\n\n"
          "  --console              prints the spans of all its processes on stderr at its end;\n"
          "                         needs no collector\n"
          "  --strict               refuses to run a program that cannot be seen (statically\n"
          "                         linked, set-user-ID, ...); without it one line says so\n",
          to);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        fprintf(to, "  %-15s%-8s%s\n", options[i].name, options[i].argument, options[i].help);
    fputs(
        "\nEach option sets the variable of its meaning (see `otelshim config --list`), which\n"
        "holds for the program's children, too. `otelshim doctor PROGRAM` tells what will be\n"
        "seen, `otelshim check` whether the configuration is right. Exit status: the program's;\n"
        "125 if otelshim itself fails or refuses, 126 if PROGRAM cannot be run, 127 if it is not\n"
        "found.\n",
        to);
}

/* K=V as it stands. False after saying what is wrong with it. */
static bool set_any(const char *pair)
{
    const char *equals = strchr(pair, '=');
    char name[256];
    if (equals == NULL || equals == pair || (size_t)(equals - pair) >= sizeof name) {
        cli_say("run: --env %s is not of the form NAME=VALUE", pair);
        return false;
    }
    memcpy(name, pair, (size_t)(equals - pair));
    name[equals - pair] = '\0';
    return setenv(name, equals + 1, 1) == 0;
}

/* What is given here beats the more special variable from outside. */
static bool set_variable(struct run *run, const struct option *option, const char *value)
{
    const char *equals = strchr(value, '=');
    if (*option->variable == '\0')
        return set_any(value);
    if (*option->beaten_by != '\0')
        unsetenv(option->beaten_by);
    run->exporter_given |= strcmp(option->name, "--exporter") == 0;
    if (strcmp(option->name, "--sampler") == 0 && equals != NULL) { /* NAME=ARG: two variables */
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(equals - value), value);
        setenv("OTEL_TRACES_SAMPLER_ARG", equals + 1, 1);
        return setenv(option->variable, name, 1) == 0;
    }
    return setenv(option->variable, value, 1) == 0;
}

/* --name VALUE or --name=VALUE. Arguments used up; 0 after saying what is wrong. */
static int read_option(struct run *run, int argc, char *argv[])
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t len = strlen(options[i].name);
        if (strncmp(argv[0], options[i].name, len) != 0)
            continue;
        if (argv[0][len] == '=')
            return set_variable(run, &options[i], argv[0] + len + 1) ? 1 : 0;
        if (argv[0][len] == '\0' && argc > 1)
            return set_variable(run, &options[i], argv[1]) ? 2 : 0;
        if (argv[0][len] != '\0')
            continue;
        cli_say("run: %s lacks its %s; see otelshim run --help", argv[0], options[i].argument);
        return 0;
    }
    cli_say("run: there is no option `%s`; see otelshim run --help", argv[0]);
    return 0;
}

/* The options without a value. */
static bool read_switch(struct run *run, const char *argument)
{
    bool console = strcmp(argument, "--console") == 0, strict = strcmp(argument, "--strict") == 0;
    run->console |= console;
    run->strict |= strict;
    return console || strict;
}

/* -1: go on and run; else the exit status. */
static int read_arguments(struct run *run, int argc, char *argv[])
{
    while (argc > 0 && argv[0][0] == '-') {
        int used = 1;
        bool last = strcmp(argv[0], "--") == 0;
        if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
            help(stdout);
            return 0;
        }
        if (!last && !read_switch(run, argv[0]) && (used = read_option(run, argc, argv)) == 0)
            return CLI_FAILED;
        argc -= used;
        argv += used;
        if (last)
            break;
    }
    run->program = argv;
    if (argc > 0)
        return -1;
    cli_say("run: no program given; see otelshim run --help");
    return CLI_FAILED;
}

/* In front of what is preloaded already. */
static bool preload(void)
{
    char library[4096], *value;
    const char *before = getenv("LD_PRELOAD");
    if (!library_find("libotelshim.so", library))
        return false;
    if (strpbrk(library, " :") != NULL) {
        cli_say("%s cannot be preloaded: LD_PRELOAD splits its path at blanks and colons; "
                "move it",
                library);
        return false;
    }
    if (before == NULL || *before == '\0')
        before = NULL;
    if (before != NULL && strncmp(before, library, strlen(library)) == 0)
        return true;
    if (asprintf(&value, "%s%s%s", library, before ? ":" : "", before ? before : "") < 0)
        return false;
    setenv("LD_PRELOAD", value, 1);
    free(value);
    return true;
}

static int become(const struct program *program, char *argv[])
{
    fflush(NULL);
    execv(program->path, argv);
    cli_say("%s: cannot be run: %s", program->path, strerror(errno));
    return errno == ENOENT ? CLI_NOT_FOUND : CLI_NOT_EXECUTABLE;
}

/* The file in which all processes leave their spans: ours alone, gone at our end. */
static int collect_file(char path[static 4096])
{
    const char *directory = getenv("TMPDIR");
    if (directory == NULL || directory[0] != '/' || strlen(directory) > 4000)
        directory = "/tmp";
    snprintf(path, 4096, "%s/otelshim-XXXXXX", directory);
    int fd = mkostemp(path, O_CLOEXEC); /* O_EXCL, mode 0600 */
    if (fd < 0)
        cli_say("no temporary file in %s: %s; set TMPDIR", directory, strerror(errno));
    return fd;
}

/* Runs the program as a child and prints the tree of all its processes after it. */
static int run_and_print(const struct program *program, char *argv[])
{
    char path[4096];
    struct child_end end;
    int exit_status, fd = collect_file(path);
    if (fd < 0)
        return CLI_FAILED;
    setenv("OTEL_SHIM_CONSOLE_COLLECT", path, 1);
    bool ended = child_run(program->path, argv, &end, &exit_status);
    unlink(path);
    if (!ended)
        return exit_status;
    if (lseek(fd, 0, SEEK_END) == 0)
        cli_say("no spans: nothing that was run made a call that is traced");
    else if (lseek(fd, 0, SEEK_SET) != 0 || console_render_collected(fd, STDERR_FILENO) != 0)
        cli_say("the spans in %s could not be printed", path);
    return child_end_likewise(&end);
}

static void ask_for_console(const struct run *run)
{
    const char *given = run->exporter_given ? getenv("OTEL_TRACES_EXPORTER") : NULL;
    char *both = NULL;
    if (given != NULL && asprintf(&both, "%s,console", given) < 0)
        both = NULL;
    setenv("OTEL_TRACES_EXPORTER", both != NULL ? both : "console", 1);
    free(both);
}

/* Says what will not be seen. False: it is not to be run. */
static bool warn(const struct run *run, const struct target *target)
{
    const char *name = run->program[0];
    bool by_script = target->scripts > 0;
    if (*target->why == '\0')
        return true;
    if (run->strict) {
        cli_say("%s: not run (--strict): %s%s%s%s; %s", name, by_script ? "its interpreter " : "",
                by_script ? target->loaded : "", by_script ? ": " : "", target->why,
                target->advice);
        return false;
    }
    cli_say("%s: %s%s%s%s; it runs %s; `otelshim doctor %s` says what to do", name,
            by_script ? "its interpreter " : "", by_script ? target->loaded : "",
            by_script ? ": " : "", target->why,
            target->preload == PRELOAD_TAKEN ? "all the same"
            : target->preload == PRELOAD_IGNORED
                ? "without telemetry (programs that it starts may have some)"
                : "without telemetry",
            name);
    return true;
}

int cli_run(int argc, char *argv[])
{
    struct run run = { .console = false };
    struct program program;
    int status = read_arguments(&run, argc, argv);
    if (status >= 0)
        return status;
    if ((status = program_find(run.program[0], &program)) != 0)
        return status;
    if (!warn(&run, &program.target))
        return CLI_FAILED;
    if (program.target.preload == PRELOAD_HARMFUL)
        return become(&program, run.program); /* its loader would take offence at LD_PRELOAD */
    if (!preload())
        return CLI_FAILED;
    if (!run.console)
        return become(&program, run.program);
    ask_for_console(&run);
    return run_and_print(&program, run.program);
}
