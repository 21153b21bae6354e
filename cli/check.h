/* Parts of `otelshim check`. */
#ifndef OTELSHIM_CLI_CHECK_H
#define OTELSHIM_CLI_CHECK_H

#include <stdbool.h>

#include "cli.h"
#include "config.h"
#include "report.h"

#define CHECK_MAX_MISTAKES 128u /* that are told; all are counted */

/* check_mistakes.c: what is wrong, as the shim would tell it (diag_config_mistake), or found here. */
void check_mistake(const char *format, ...) __attribute__((format(printf, 1, 2)));
unsigned check_print_mistakes(void); /* how many there were */

/* check_environment.c: variables that nothing reads, files that are not there, our own objects. */
void check_environment(const struct config *c);

/* check_show.c: the configuration in force, and where each value comes from. */
void check_show(const struct config *c);
/* A value without credentials: of a URL its user, password and values of its query, of header lists
 * all values. */
void check_masked(const char *text, bool secret, char *out, size_t size);
/* The words of a set for a value of struct config: "otlp,console". */
void check_words(int set, unsigned value, bool flags, char *out, size_t size);

/* connect.c: tries the collector, step by step, in words. False: spans would not arrive. */
bool check_connect(const struct config *c);

#endif
