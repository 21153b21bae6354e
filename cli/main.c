/* The command otelshim: finds the sub-command. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list args)
{
    fputs("otelshim: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void cli_log(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (level <= LOG_WARN)
        say(format, args);
    va_end(args);
}

static void help(FILE *to)
{
    fputs("usage: otelshim COMMAND [ARGUMENTS]\n\n", to);
#define SUBCOMMAND(name, help) fprintf(to, "  %-10s%s\n", #name, help);
    CLI_COMMANDS(SUBCOMMAND)
#undef SUBCOMMAND
    fputs("\notelshim COMMAND --help says more; otelshim --version.\n", to);
}

int main(int argc, char *argv[])
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0)
        return puts("otelshim " OTELSHIM_VERSION) < 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help(stdout);
        return 0;
    }
#define SUBCOMMAND(command, help) \
    if (strcmp(name, #command) == 0) \
        return cli_##command(argc - 2, argv + 2);
    CLI_COMMANDS(SUBCOMMAND)
#undef SUBCOMMAND
    if (*name != '\0')
        cli_say("there is no command `%s`", name);
    help(stderr);
    return CLI_FAILED;
}
