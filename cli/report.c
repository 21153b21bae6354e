/* See report.h. Rows are broken at the terminal's usual width. */
#include "report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_COLUMNS 14
#define TEXT_COLUMNS 82

/* Main thread. */
static char *advice[REPORT_MAX_ADVICE];
static unsigned nr_advice;

void report_section(const char *heading)
{
    printf("\n%s\n", heading);
}

/* The text in lines, each but the first one indented below it. */
static void print_wrapped(const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t gap = strspn(text, " "), word = strcspn(text + gap, " ");
        if (column > 0 && column + gap + word > TEXT_COLUMNS) {
            printf("\n%*s", LABEL_COLUMNS + 2, "");
            text += gap;
            column = gap = 0;
        }
        column += (size_t)printf("%.*s", (int)(gap + word), text);
        text += gap + word;
    }
    putchar('\n');
}

void report_row(const char *label, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return;
    if (*label != '\0')
        printf("  %-*s ", LABEL_COLUMNS - 1, label);
    else
        fputs("  ", stdout);
    print_wrapped(text);
    free(text);
}

static bool is_advised(const char *text)
{
    for (unsigned i = 0; i < nr_advice; i++)
        if (strcmp(advice[i], text) == 0)
            return true;
    return false;
}

void report_advise(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return;
    if (nr_advice < REPORT_MAX_ADVICE && !is_advised(text))
        advice[nr_advice++] = text;
    else
        free(text);
}

void report_print_advice(void)
{
    if (nr_advice > 0)
        report_section("What to do");
    for (unsigned i = 0; i < nr_advice; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u.", i + 1);
        report_row(number, "%s", advice[i]);
    }
}
