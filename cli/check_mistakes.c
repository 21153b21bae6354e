/*
 * The mistakes of a configuration, kept to be told together. config/ tells them through
 * diag_config_mistake: in the shim that is a line in its log, here an entry of this list.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Main thread. */
static char *mistakes[CHECK_MAX_MISTAKES];
static unsigned nr_mistakes;

static void add(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static void add(const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0)
        return;
    if (nr_mistakes < CHECK_MAX_MISTAKES)
        mistakes[nr_mistakes] = text;
    else
        free(text);
    nr_mistakes++;
}

void diag_config_mistake(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(format, args);
    va_end(args);
}

void check_mistake(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(format, args);
    va_end(args);
}

unsigned check_print_mistakes(void)
{
    char number[16];
    if (nr_mistakes == 0)
        return 0;
    report_section("Mistakes");
    for (unsigned i = 0; i < nr_mistakes && i < CHECK_MAX_MISTAKES; i++) {
        snprintf(number, sizeof number, "%u.", i + 1);
        report_row(number, "%s", mistakes[i]);
    }
    if (nr_mistakes > CHECK_MAX_MISTAKES)
        report_row("", "and %u more", nr_mistakes - CHECK_MAX_MISTAKES);
    return nr_mistakes;
}
