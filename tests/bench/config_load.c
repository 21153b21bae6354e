/* link: unit */
/*
 * What reading the configuration costs at a process's start: the shim's own objects, once in a
 * fresh process, so that every page that it touches is touched for the first time.
 *
 *     config_load time     nanoseconds of it
 *     config_load step     under step.c: user instructions of it
 */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "hook.h"
#include "mark.h"

/* Instrumentations cost nothing here. */
struct instrumentation *const registry[] = { NULL };
const unsigned registry_count = 0;

int main(int argc, char *argv[])
{
    extern char **environ;
    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "step") == 0) {
        MARK();
        config_load(environ);
        MARK();
        return 0;
    }
    uint64_t start = bench_now_ns();
    const struct config *c = config_load(environ);
    uint64_t end = bench_now_ns();
    printf("%llu\n", (unsigned long long)(end - start));
    return c->disabled; /* a configuration that is refused is none to measure */
}
