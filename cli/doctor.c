/*
 * otelshim doctor: why a program's telemetry arrives or does not, before it is run or while
 * it runs, in words.
 */
#include "doctor.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void help(FILE *to)
{
    fputs(
        "usage: otelshim doctor PROGRAM | PID\n\n"
        "PROGRAM: whether libotelshim.so can be preloaded into it, which instrumentations will\n"
        "see something of it, and what none will. Nothing of the program is run.\n"
        "PID: the same of a running process, whether libotelshim.so is in it, and which\n"
        "variables it was started with. A program whose name is a number is ./NUMBER.\n\n"
        "Exit status: 0 if it can be seen (a process: is seen), 1 if not, 125 if otelshim itself\n"
        "fails, 126 and 127 as `otelshim run`.\n",
        to);
}

bool doctor_shim_version(const char *path, char out[static 64])
{
    struct elf_file elf;
    size_t len = 0;
    if (!elf_open(&elf, path))
        return false;
    const char *version = elf_note(&elf, "otelshim", 1, &len);
    if (version != NULL)
        snprintf(out, 64, "%.*s", (int)(len < 63 ? len : 63), version);
    elf_close(&elf);
    return version != NULL;
}

/* What the program is, link by link. */
static void print_kind(const struct program *program, const char *name)
{
    const struct target *t = &program->target;
    if (strcmp(name, program->path) != 0)
        report_row("found at", "%s", program->path);
    if (t->scripts > 0)
        report_row("script", "its first line says %s; the program that runs is %s", t->first_line,
                   t->loaded);
    if (t->verdict == TARGET_UNREADABLE)
        report_row("kind", "cannot be read by this user, so nothing more can be told");
    else
        report_row("kind", "%s", *t->why == '\0' ? "dynamically linked, loaded by glibc" : t->why);
    if (t->user_bound && *t->why == '\0')
        report_row("rights", "it is set-user-ID, set-group-ID or has file capabilities: started by "
                             "another user than this one, it ignores LD_PRELOAD");
    if (t->preload == PRELOAD_HARMFUL)
        report_row("beware", "with libotelshim.so in LD_PRELOAD its loader complains or does not "
                             "start it; `otelshim run` leaves it out");
    else if (t->preload == PRELOAD_IGNORED)
        report_row("children",
                   "LD_PRELOAD does it no harm, and programs that it starts can be seen");
    if (*t->why != '\0')
        report_advise("%c%s.", toupper((unsigned char)t->advice[0]), t->advice + 1);
}

static void print_library(const char *path)
{
    char version[64];
    if (path == NULL)
        return; /* said by library_find */
    bool known = doctor_shim_version(path, version);
    report_row("otelshim", "%s, version %s", path, known ? version : "unknown");
}

static int diagnose_program(const char *name)
{
    struct program program;
    static struct objects objects; /* too large for the stack */
    char shim[4096];
    int status = program_find(name, &program);
    if (status != 0)
        return status;
    bool have_shim = library_find("libotelshim.so", shim);
    printf("%s\n", name);
    print_kind(&program, name);
    print_library(have_shim ? shim : NULL);
    if (program.target.preload == PRELOAD_TAKEN && program.target.verdict != TARGET_UNREADABLE) {
        objects_of_program(&objects, program.target.loaded);
        doctor_sight(&objects, have_shim ? shim : NULL);
        if (*program.target.why == '\0')
            report_advise("Run it as `otelshim run %s` (`--console`: spans on the terminal), and "
                          "`otelshim check --connect` to see whether the collector is reached.",
                          name);
    } else {
        objects_add(&objects, program.target.loaded, true);
    }
    report_print_advice();
    return program.target.preload == PRELOAD_TAKEN && have_shim ? 0 : 1;
}

static bool is_pid(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits < 10 && text[digits] == '\0';
}

int cli_doctor(int argc, char *argv[])
{
    if (argc == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        help(stdout);
        return 0;
    }
    if (argc == 1 && strcmp(argv[0], "--instrumentations") == 0) {
        doctor_list_instrumentations();
        return 0;
    }
    if (argc != 1 || argv[0][0] == '-') {
        help(stderr);
        return CLI_FAILED;
    }
    return is_pid(argv[0]) ? doctor_process((pid_t)atoi(argv[0])) : diagnose_program(argv[0]);
}
