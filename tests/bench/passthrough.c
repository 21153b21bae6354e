/* link: -lsqlite3 */
/*
 * Row 2: a hooked function that does next to nothing, called in a loop. Run with
 * and without the preload, the difference is what our wrapper costs.
 *
 *     passthrough time [nested]   prints ns per call, one line per round
 *     passthrough step [nested]   for step.c: one counted run of CALLS calls
 *
 * `nested`: the calls come from inside another call of the library, as SQLite's own
 * do (sqlite3_exec calls sqlite3_reset through the PLT); the shim ignores them.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "mark.h"

#define CALLS 1000
#define ROUNDS 200
#define CALLS_PER_ROUND 100000

static __attribute__((noinline)) int call_many(int calls)
{
    int sum = 0;
    for (int i = 0; i < calls; i++)
        sum += sqlite3_reset(NULL);
    return sum;
}

static int mode_is_step;

/* A row of sqlite3_exec: what is measured runs inside it. */
static int measure(void *unused, int nr, char **values, char **names)
{
    (void)unused, (void)nr, (void)values, (void)names;
    int sum = call_many(CALLS); /* resolves symbols, warms caches */
    if (mode_is_step) {
        MARK();
        sum += call_many(CALLS);
        MARK();
        return sum != 0;
    }
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t start = bench_now_ns();
        sum += call_many(CALLS_PER_ROUND);
        printf("%.3f\n", (double)(bench_now_ns() - start) / CALLS_PER_ROUND);
    }
    return sum != 0;
}

int main(int argc, char **argv)
{
    sqlite3 *db;
    mode_is_step = argc > 1 && strcmp(argv[1], "step") == 0;
    if (argc < 3)
        return measure(NULL, 0, NULL, NULL);
    return sqlite3_open(":memory:", &db) != SQLITE_OK ||
           sqlite3_exec(db, "select 1", measure, NULL, NULL) != SQLITE_OK;
}
