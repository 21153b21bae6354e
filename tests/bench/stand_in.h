/*
 * What hooks/ and registry.c would give to a benchmark that is linked with the shim's own
 * objects, and its start. Included once in a program.
 */
#ifndef OTELSHIM_BENCH_STAND_IN_H
#define OTELSHIM_BENCH_STAND_IN_H

#include <pthread.h>
#include <stdlib.h>

#include "call.h"
#include "config.h"
#include "context/process_context.h"
#include "process_state.h"
#include "sdk/sampler.h"
#include "worker.h"
#include "worker_report.h"
#include "worker_thread.h"

static struct instrumentation instr_bench = { .name = "bench", .bit = 1, .suppress_mask = 1 };
struct instrumentation *const registry[] = { &instr_bench };
const unsigned registry_count = 1;

static bool thread_is_wanted;

int worker_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    if (thread_is_wanted)
        return pthread_create(thread, attr, run, arg);
    worker_set_running(); /* the common case: a worker that is awake */
    return 0;
}

void worker_exit_handlers(void)
{
}

void worker_process_ends(int exit_code)
{
    (void)exit_code;
}

/* The configuration is the environment's, the exporter OTLP. */
static void stand_in_begin(void)
{
    static struct config own;
    extern char **environ;
    own = *config_load(environ);
    own.exporters = EXPORTER_OTLP;
    sampler_prepare(&own);
    config = &own;
    if (!process_state_create())
        exit(2);
    context_init();
    call_enabled_mask = 1;
}

#endif
