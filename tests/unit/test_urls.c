/*
 * Excluded URLs: whose list holds, what matches, and what a match may cost.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

static char mistakes[16][512];
static unsigned nr_mistakes;

void diag_config_mistake(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(mistakes[nr_mistakes++ % 16], sizeof mistakes[0], format, args);
    va_end(args);
}

#define FILTER(name, ...) filter(name, (const char *const[]){ __VA_ARGS__, NULL })
static const struct url_filter *filter(const char *name, const char *const env[])
{
    return config_url_filter(config_load((char *const *)(uintptr_t)env), name);
}

static bool excludes(const struct url_filter *filter, const char *url)
{
    return url_filter_excludes(filter, url, strlen(url));
}

Test(urls, nothing_set_is_no_filter)
{
    cr_assert_null(FILTER("curl", "OTEL_SHIM_EXCLUDED_URLS=", "OTEL_SHIM_HTTP_EXCLUDED_URLS=x"));
    cr_assert(!url_filter_excludes(NULL, "http://x", 8));
}

Test(urls, first_variable_set_holds_alone)
{
    static const struct {
        const char *env[4];
        const char *holds;
    } rows[] = {
        { { "OTEL_SHIM_CURL_EXCLUDED_URLS=a", "OTEL_SHIM_EXCLUDED_URLS=b",
            "OTEL_PYTHON_CURL_EXCLUDED_URLS=c", "OTEL_PYTHON_EXCLUDED_URLS=d" },
          "a" },
        { { "OTEL_SHIM_CURL_EXCLUDED_URLS=", "OTEL_SHIM_EXCLUDED_URLS=b",
            "OTEL_PYTHON_CURL_EXCLUDED_URLS=c", "OTEL_PYTHON_EXCLUDED_URLS=d" },
          "b" },
        { { "OTEL_PYTHON_EXCLUDED_URLS=d", "OTEL_PYTHON_CURL_EXCLUDED_URLS=c",
            "OTEL_SHIM_CURL2_EXCLUDED_URLS=x", "OTEL_SHIM_EXCLUDED_URLSX=x" },
          "c" },
        { { "OTEL_PYTHON_EXCLUDED_URLS=d", "X=", "Y=", "Z=" }, "d" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct url_filter *f =
            FILTER("curl", rows[i].env[0], rows[i].env[1], rows[i].env[2], rows[i].env[3]);
        for (const char *letter = "abcdx"; *letter; letter++)
            cr_assert_eq(url_filter_excludes(f, letter, 1), *letter == rows[i].holds[0],
                         "row %zu %c", i, *letter);
    }
}

Test(urls, matches_as_python_does)
{
    static const struct {
        const char *list, *url;
        bool excluded;
    } rows[] = {
        { "client/.*/info,healthcheck", "https://site/client/123/info", true },
        { "client/.*/info,healthcheck", "https://site/healthcheck?x=1", true },
        { "client/.*/info,healthcheck", "https://site/client/123/other", false },
        { "Health", "https://site/health", false },
        { "(?i)Health,x9", "https://site/health", true },
        { "(?i)Health,X9", "https://site/x9", false },
        { " a1 , b2 ", "http://h/b2", true },
        { "^https?://[^/]*\\.internal/", "http://db.internal/", true },
        { "^https?://[^/]*\\.internal/", "http://a/?u=http://db.internal/", false },
        { "/$", "http://h/", true },
        { "token=[0-9]+", "http://h/p?token=77", true },
        { "(?P<a>x)(?P=a)", "http://h/xx", true },
        { "(a)b,(c)\\1d", "http://h/ccd", true },
        { "/status,", "http://h/other", false }, /* not as Python: see urls.c */
        { "caf\xc3\xa9", "http://h/caf\xc3\xa9", true },
        { "[\x80-\xff]", "http://h/\xff\xfe", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char env[256];
        snprintf(env, sizeof env, "OTEL_SHIM_EXCLUDED_URLS=%s", rows[i].list);
        cr_assert_eq(excludes(FILTER("curl", env), rows[i].url), rows[i].excluded, "%s on %s",
                     rows[i].list, rows[i].url);
        cr_assert_eq(nr_mistakes, 0, "%s", mistakes[0]);
    }
}

Test(urls, bad_pattern_is_left_out_and_told_once)
{
    const char *const env[] = { "OTEL_SHIM_EXCLUDED_URLS=good,ba(d,(*UTF)x,fine", NULL };
    const struct config *c = config_load((char *const *)(uintptr_t)env);
    const struct url_filter *f = config_url_filter(c, "curl");
    cr_assert_eq(config_url_filter(c, "http"), f);
    cr_assert_eq(nr_mistakes, 2);
    cr_assert_str_eq(mistakes[0], "OTEL_SHIM_EXCLUDED_URLS: pattern \"ba(d\" is left out: missing "
                                  "closing parenthesis (at byte 4)");
    cr_assert(excludes(f, "http://good/"));
    cr_assert(excludes(f, "http://fine/"));
    cr_assert(!excludes(f, "http://bad/x"));
    cr_assert_null(FILTER("curl", "OTEL_SHIM_EXCLUDED_URLS=)"));
}

Test(urls, patterns_and_their_length_are_bounded)
{
    static char env[65536] = "OTEL_SHIM_EXCLUDED_URLS=";
    for (int i = 0; i < 130; i++)
        sprintf(env + strlen(env), "p%03d,", i);
    const struct url_filter *f = FILTER("curl", env);
    cr_assert_eq(nr_mistakes, 1);
    cr_assert(excludes(f, "http://h/p127"));
    cr_assert(!excludes(f, "http://h/p128"));
    size_t at = strlen("OTEL_SHIM_EXCLUDED_URLS=");
    memset(env + at, 'a', 5000);
    strcpy(env + at + 5000, ",b");
    cr_assert(excludes(FILTER("curl", env), "b"));
    cr_assert_eq(nr_mistakes, 2);
}

Test(urls, first_2048_bytes_of_a_url_are_looked_at)
{
    static char url[1 << 20];
    memset(url, 'u', sizeof url);
    memcpy(url + 2045, "endend", 6);
    const struct url_filter *f = FILTER("curl", "OTEL_SHIM_EXCLUDED_URLS=nde,end$");
    cr_assert(!url_filter_excludes(f, url, sizeof url));
    cr_assert(url_filter_excludes(f, url, 2048));
    url[2044] = 'e';
    cr_assert(
        !url_filter_excludes(FILTER("curl", "OTEL_SHIM_EXCLUDED_URLS=endendu"), url, sizeof url));
}

/* Instructions of this thread in user space: the same on a loaded machine as on an idle
 * one. Where the machine counts none (some virtual ones) 0: then a pattern that is not given
 * up shows by never coming to an end. */
#define ONE_MS 4000000ull
static uint64_t instructions(void)
{
    static int counter = -2;
    uint64_t count;
    if (counter == -2) {
        struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
                                        .size = sizeof attr,
                                        .config = PERF_COUNT_HW_INSTRUCTIONS,
                                        .exclude_kernel = 1,
                                        .exclude_hv = 1 };
        counter = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    }
    if (counter >= 0 && read(counter, &count, sizeof count) == sizeof count)
        return count;
    return 0;
}

/* On a run of a's that ends in `!`; classes keep PCRE2 from looking for a last byte first. */
static const char *const catastrophes[] = {
    "(a+)+$",
    "(a|aa)+$",
    "(a|a)*[xy]",
    "(.*a){20}[xy]",
    "[^z]*+[yz]",
    "(?>[^z]*)[yz]",
    "(?:a?){40}a{40}[xy]",
    "(a*)*[xy]",
    "a*a*a*a*a*[xy]",
    "(?=(a+))\\1+[xy]|(?:a*)*\\d",
    "^(.*?.){11}[xy]",
    "(?<=a{100})(a|b)*[xy]",
    "((a+)+)+[xy]",
    "(\\w+\\s?)*[@#]",
    "(a(?1)?)+[xy]",
    "[ab]*[ac]*[ad]*[xy]",
    "(a*)\\1[xy]",
    "(?=.*[xy])a",
};

Test(urls, catastrophic_patterns_cost_less_than_a_millisecond)
{
    static char url[2048];
    memset(url, 'a', sizeof url);
    url[sizeof url - 1] = '!';
    for (size_t i = 0; i < sizeof catastrophes / sizeof *catastrophes; i++) {
        char env[256];
        snprintf(env, sizeof env, "OTEL_SHIM_EXCLUDED_URLS=%s", catastrophes[i]);
        const struct url_filter *f = FILTER("curl", env);
        uint64_t best = UINT64_MAX;
        cr_assert_not_null(f, "%s: %s", catastrophes[i], mistakes[0]);
        for (int round = 0; round < 5; round++) {
            uint64_t start = instructions();
            cr_assert(!url_filter_excludes(f, url, sizeof url));
            uint64_t cost = instructions() - start;
            best = cost < best ? cost : best;
        }
        printf("%-32s %" PRIu64 "\n", catastrophes[i], best);
        cr_assert_lt(best, ONE_MS, "%s: %" PRIu64 " instructions", catastrophes[i], best);
    }
}

Test(urls, list_of_128_catastrophes_shares_one_bound)
{
    static char env[8192] = "OTEL_SHIM_EXCLUDED_URLS=", url[2048];
    for (int i = 0; i < 128; i++)
        sprintf(env + strlen(env), "(a+){%d}[xyz]$,", i + 2);
    const struct url_filter *f = FILTER("curl", env);
    memset(url, 'a', sizeof url);
    uint64_t start = instructions();
    cr_assert(!url_filter_excludes(f, url, sizeof url));
    uint64_t cost = instructions() - start;
    cr_assert_lt(cost, 2 * ONE_MS, "%" PRIu64 " instructions", cost);
}

Test(urls, matching_allocates_nothing)
{
    const struct url_filter *f = FILTER("curl", "OTEL_SHIM_EXCLUDED_URLS=(a|b)*c,healthz,/x/.*/y");
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 1000; i++)
        excludes(f, "http://h/abababababababababababababababababababab/x/y");
    cr_assert_eq(mallinfo2().uordblks, before);
}

#define STACK_BYTES (256 * 1024)

static void *match_all(void *arg)
{
    static char url[2048];
    memset(url, 'a', sizeof url - 1);
    excludes(arg, "http://h/healthz");
    url_filter_excludes(arg, url, sizeof url);
    return NULL;
}

/* Bytes of a thread's stack that `run` wrote to. */
static size_t stack_used(void *(*run)(void *), void *arg)
{
    unsigned char *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attr;
    pthread_t thread;
    size_t untouched = 0;
    memset(stack, 0x5a, STACK_BYTES);
    pthread_attr_init(&attr);
    pthread_attr_setstack(&attr, stack, STACK_BYTES);
    cr_assert_eq(pthread_create(&thread, &attr, run, arg), 0);
    pthread_join(thread, NULL);
    while (untouched < STACK_BYTES && stack[untouched] == 0x5a)
        untouched++;
    munmap(stack, STACK_BYTES);
    return STACK_BYTES - untouched;
}

static void *do_nothing(void *arg)
{
    return arg;
}

Test(urls, stack_stays_small)
{
    const struct url_filter *f = FILTER("curl", "OTEL_SHIM_EXCLUDED_URLS=(a+)+$,(a|aa)+$,healthz");
    size_t bare = stack_used(do_nothing, NULL);
    size_t used = stack_used(match_all, (void *)(uintptr_t)f) - bare;
    printf("stack of a match: %zu bytes\n", used);
    cr_assert_lt(used, 4096);
}

static const struct url_filter *shared;

static void *match_often(void *arg)
{
    for (int i = 0; i < 20000; i++)
        if (!excludes(shared, "http://h/client/7/info") ||
            excludes(shared, "http://h/client/7/data"))
            return arg;
    return NULL;
}

Test(urls, threads_match_side_by_side)
{
    pthread_t threads[16];
    shared = FILTER("curl", "OTEL_SHIM_EXCLUDED_URLS=nope,client/.*/info");
    for (int i = 0; i < 16; i++)
        pthread_create(&threads[i], NULL, match_often, (void *)1);
    for (int i = 0; i < 16; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        cr_assert_null(wrong);
    }
}
