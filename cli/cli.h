/*
 * The command `otelshim`: one file per sub-command. Each gets its arguments
 * without its own name and returns the exit status.
 */
#ifndef OTELSHIM_CLI_H
#define OTELSHIM_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "diag.h"
#include "target.h"

/* Exit statuses of our own, those of env(1) and the shells. */
enum cli_status { CLI_FAILED = 125, CLI_NOT_EXECUTABLE = 126, CLI_NOT_FOUND = 127 };

/* SUBCOMMAND(name, help) */
#define CLI_COMMANDS(SUBCOMMAND) \
    SUBCOMMAND(run, "runs a program with telemetry") \
    SUBCOMMAND(check, "tells whether the configuration is right, and the collector reached") \
    SUBCOMMAND(doctor, "tells what will be seen of a program or a process, and why not") \
    SUBCOMMAND(recover, "sends what killed processes have left in the spool") \
    SUBCOMMAND(export, "is the exporter process (OTEL_SHIM_EXPORTER=process)") \
    SUBCOMMAND(config, "lists the variables that are read")

#define SUBCOMMAND(name, help) int cli_##name(int argc, char *argv[]);
CLI_COMMANDS(SUBCOMMAND)
#undef SUBCOMMAND

/* One line to stderr, "otelshim: text". */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same of the exporter's code: its warnings and errors. */
void cli_log(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* config_sections.c: the documentation below the table of variables. */
void config_sections(void);

/* program.c: what will be run. */
struct program {
    char path[4096];
    struct target target;
};
/* The errno of looking it up in PATH, 0: found. */
int program_in_path(const char *name, char out[static 4096]);
/* Looks `name` up as execvp would. 0, CLI_NOT_FOUND or CLI_NOT_EXECUTABLE (said). */
int program_find(const char *name, struct program *out);

/* library.c: the absolute path of an object of ours, beside this executable or in
 * ../lib/otelshim. False after saying where it was looked for. */
bool library_find(const char *file, char out[static 4096]);

/* wait.c: runs a program as a child that gets this process's signals, terminal and
 * exit status. */
struct child_end {
    int status; /* of waitpid */
};
/* False: could not be started (said); *exit_status says how to end then. */
bool child_run(const char *path, char *argv[], struct child_end *end, int *exit_status);
/* Ends this process as the child ended: exit status or the same signal. */
int child_end_likewise(const struct child_end *end);

#endif
