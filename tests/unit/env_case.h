/*
 * config_load() from environments made here, for the tests of config/. Mistakes are caught by
 * a diag_config_mistake() of the test's own.
 */
#ifndef TESTS_UNIT_ENV_CASE_H
#define TESTS_UNIT_ENV_CASE_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

static char mistakes[64][512];
static unsigned nr_mistakes;

void diag_config_mistake(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(mistakes[nr_mistakes++ % 64], sizeof mistakes[0], format, args);
    va_end(args);
}

/* LOAD("A=1", "B=2"): the configuration that this environment yields. */
#define LOAD(...) load((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
static inline const struct config *load(const char *const env[])
{
    nr_mistakes = 0;
    return config_load((char *const *)(uintptr_t)env);
}

#endif
