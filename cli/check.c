/*
 * otelshim check: whether the configuration says what its author meant, before a program
 * shows that it does not. Read by the shim's own code; each mistake makes the exit status 1.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/http_attrs.h"
#include "variables.h"

static void help(FILE *to)
{
    fputs(
        "usage: otelshim check [--connect] | --list\n\n"
        "Reads the environment (and the file that OTEL_CONFIG_FILE names) as libotelshim.so does\n"
        "and prints what is in force, where each value comes from, and every mistake. Secrets\n"
        "are not shown.\n\n"
        "  --connect   tries to reach the collector: name lookup, TCP, TLS, HTTP or gRPC, with\n"
        "              an empty request that leaves nothing behind\n"
        "  --list      lists the variables that are read\n\n"
        "Exit status: 0 if all is well, 1 with any mistake or if the collector is not reached, 125\n"
        "if otelshim itself fails.\n",
        to);
}

/* The parts that the shim reads when the instrumentation that asks for them starts. */
static void load_the_rest(const struct config *c)
{
    http_attrs_init(c);
    config_url_filter(c, "curl");
    config_url_filter(c, "http");
}

static int check(bool connect)
{
    const struct config *c = config_load(environ);
    load_the_rest(c);
    check_environment(c);
    check_show(c);
    unsigned mistakes = check_print_mistakes();
    bool reached = !connect || check_connect(c);
    if (mistakes > 0)
        report_advise("Mend the %s above; `otelshim check --list` tells what each variable takes.",
                      mistakes == 1 ? "mistake" : "mistakes");
    else if (!connect && (c->exporters & EXPORTER_OTLP) && !c->disabled)
        report_advise("`otelshim check --connect` tells whether the collector is reached.");
    report_print_advice();
    return mistakes > 0 || !reached ? 1 : 0;
}

int cli_check(int argc, char *argv[])
{
    if (argc == 0)
        return check(false);
    if (argc == 1 && strcmp(argv[0], "--connect") == 0)
        return check(true);
    if (argc == 1 && strcmp(argv[0], "--list") == 0)
        return variables_list();
    bool asked = argc == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);
    help(asked ? stdout : stderr);
    return asked ? 0 : CLI_FAILED;
}
