/*
 * How `doctor` and `check` speak: findings on stdout in sections of rows, what to do about
 * them at the end.
 */
#ifndef OTELSHIM_CLI_REPORT_H
#define OTELSHIM_CLI_REPORT_H

#define REPORT_MAX_ADVICE 32u

void report_section(const char *heading);
/* A row, its text broken into lines; without a label it begins where labels do. */
void report_row(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something to do, told once. */
void report_advise(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_print_advice(void);

#endif
