/*
 * As much of criterion as the units use, for `make tsan`: criterion keeps its tests' memory at
 * addresses that ThreadSanitizer has for itself, and does not start under it. The same macros,
 * the same line of counts at the end; one process a test, forked from one that has no thread.
 *
 * A report of ThreadSanitizer fails the test in which it is made, also one of a child's, and
 * one of a process that ends by _exit.
 */
#ifndef OTELSHIM_TESTS_TSAN_CRITERION_H
#define OTELSHIM_TESTS_TSAN_CRITERION_H

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CRITERION_TIMEOUT_S 60
#define CRITERION_SLOWER 10 /* times the suite's own timeout, under ThreadSanitizer */

/* Tests of what the instrumentation itself changes: SUITE/NAME. */
static const char *const criterion_left_out[] = {
    /* It makes a stack of 256 KB, and a thread's own data is larger here. */
    "urls/stack_stays_small",
    /* They count instructions, and every load and store has more of them here. */
    "urls/catastrophic_patterns_cost_less_than_a_millisecond",
    "urls/list_of_128_catastrophes_shares_one_bound",
};

struct criterion_options {
    void (*init)(void), (*fini)(void);
    double timeout;
};

struct criterion_test {
    const char *suite, *name;
    void (*run)(void);
    struct criterion_options own, *of_suite;
    struct criterion_test *next;
};

static struct criterion_test *criterion_tests;
/* Reports so far; shared with every child. */
static atomic_uint *criterion_reports;
static atomic_bool criterion_test_failed;

#define TestSuite(suite, ...) \
    static struct criterion_options criterion_suite_##suite = { __VA_ARGS__ }

/* A suite without a line of its own is all zero: its definition is a tentative one. */
#define Test(in, called, ...) \
    static struct criterion_options criterion_suite_##in; \
    static void in##_##called(void); \
    static struct criterion_test criterion_test_##in##_##called = { \
        .suite = #in, \
        .name = #called, \
        .run = in##_##called, \
        .own = { __VA_ARGS__ }, \
        .of_suite = &criterion_suite_##in, \
    }; \
    __attribute__((constructor)) static void criterion_add_##in##_##called(void) \
    { \
        criterion_test_##in##_##called.next = criterion_tests; \
        criterion_tests = &criterion_test_##in##_##called; \
    } \
    static void in##_##called(void)

__attribute__((format(printf, 5, 6))) static inline void
criterion_check_failed(bool fatal, const char *file, int line, const char *text, const char *format,
                       ...)
{
    char why[512];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    fprintf(stderr, "[----] %s:%d: Assertion Failed: %s%s\n", file, line, text, why);
    atomic_store(&criterion_test_failed, true);
    if (fatal)
        exit(1);
}

#define CRITERION_CHECK(fatal, condition, text, ...) \
    do { \
        if (!(condition)) \
            criterion_check_failed(fatal, __FILE__, __LINE__, text, " " __VA_ARGS__); \
    } while (0)
#define CRITERION_PAIR(fatal, a, op, b, ...) \
    CRITERION_CHECK(fatal, (a)op(b), #a " " #op " " #b, __VA_ARGS__)
#define CRITERION_TEXT(fatal, a, op, b, ...) \
    CRITERION_CHECK(fatal, strcmp(a, b) op 0, #a " " #op " " #b, __VA_ARGS__)

#define cr_assert(c, ...) CRITERION_CHECK(true, c, #c, __VA_ARGS__)
#define cr_assert_not(c, ...) CRITERION_CHECK(true, !(c), "not " #c, __VA_ARGS__)
#define cr_assert_null(p, ...) CRITERION_CHECK(true, (p) == NULL, #p " is NULL", __VA_ARGS__)
#define cr_assert_not_null(p, ...) CRITERION_CHECK(true, (p) != NULL, #p, __VA_ARGS__)
#define cr_assert_eq(a, b, ...) CRITERION_PAIR(true, a, ==, b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) CRITERION_PAIR(true, a, !=, b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) CRITERION_PAIR(true, a, <, b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) CRITERION_PAIR(true, a, >, b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) CRITERION_PAIR(true, a, <=, b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) CRITERION_PAIR(true, a, >=, b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) CRITERION_TEXT(true, a, ==, b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) CRITERION_TEXT(true, a, !=, b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) \
    CRITERION_CHECK(true, memcmp(a, b, n) == 0, #a " == " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, by, ...) \
    CRITERION_CHECK(true, fabs((double)(a) - (double)(b)) <= (by), #a " == " #b, __VA_ARGS__)
#define cr_expect(c, ...) CRITERION_CHECK(false, c, #c, __VA_ARGS__)
#define cr_expect_not(c, ...) CRITERION_CHECK(false, !(c), "not " #c, __VA_ARGS__)
#define cr_expect_null(p, ...) CRITERION_CHECK(false, (p) == NULL, #p " is NULL", __VA_ARGS__)
#define cr_expect_eq(a, b, ...) CRITERION_PAIR(false, a, ==, b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) CRITERION_PAIR(false, a, !=, b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) CRITERION_PAIR(false, a, >, b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) CRITERION_PAIR(false, a, <=, b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) CRITERION_PAIR(false, a, >=, b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) CRITERION_TEXT(false, a, ==, b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) CRITERION_TEXT(false, a, !=, b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) \
    CRITERION_CHECK(false, memcmp(a, b, n) == 0, #a " == " #b, __VA_ARGS__)

/* ThreadSanitizer calls it with each report that no suppression names. */
void __tsan_on_report(void *report);
void __tsan_on_report(void *report)
{
    (void)report;
    atomic_fetch_add(criterion_reports, 1);
}

static void criterion_perform(const struct criterion_test *test)
{
    void (*init)(void) = test->own.init != NULL ? test->own.init : test->of_suite->init;
    void (*fini)(void) = test->own.fini != NULL ? test->own.fini : test->of_suite->fini;
    double timeout = test->own.timeout > 0 ? test->own.timeout : test->of_suite->timeout;
    alarm(CRITERION_SLOWER * (timeout > 0 ? (unsigned)timeout : CRITERION_TIMEOUT_S));
    if (init != NULL)
        init();
    test->run();
    if (fini != NULL)
        fini();
    exit(atomic_load(&criterion_test_failed));
}

static bool criterion_is_left_out(const char *name)
{
    for (unsigned i = 0; i < sizeof criterion_left_out / sizeof *criterion_left_out; i++)
        if (strcmp(name, criterion_left_out[i]) == 0)
            return true;
    return false;
}

/* 'p'assed, 'f'ailed or 'c'rashed. */
static char criterion_outcome(const struct criterion_test *test)
{
    fflush(NULL);
    unsigned before = atomic_load(criterion_reports);
    pid_t child = fork();
    if (child == 0)
        criterion_perform(test);
    int status = -1;
    waitpid(child, &status, 0);
    unsigned reports = atomic_load(criterion_reports) - before;
    if (reports != 0)
        fprintf(stderr, "[----] %u reports of ThreadSanitizer\n", reports);
    if (!WIFEXITED(status))
        return 'c';
    return WEXITSTATUS(status) == 0 && reports == 0 ? 'p' : 'f';
}

/* Arguments are criterion's own: of these only --filter=SUITE/NAME means something here. */
int main(int argc, char **argv)
{
    const char *wanted = argc > 1 && strncmp(argv[1], "--filter=", 9) == 0 ? argv[1] + 9 : NULL;
    unsigned tested = 0, passing = 0, crashing = 0;
    criterion_reports = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (criterion_reports == MAP_FAILED)
        return 2;
    for (struct criterion_test *test = criterion_tests; test != NULL; test = test->next) {
        char name[256];
        snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
        if (wanted != NULL ? strcmp(name, wanted) != 0 : criterion_is_left_out(name))
            continue;
        char outcome = criterion_outcome(test);
        tested++;
        passing += outcome == 'p';
        crashing += outcome == 'c';
        if (outcome != 'p')
            fprintf(stderr, "[%s] %s\n", outcome == 'f' ? "FAIL" : "CRASH", name);
    }
    printf("[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: %u\n", tested,
           passing, tested - passing - crashing, crashing);
    return tested != passing;
}

#endif
