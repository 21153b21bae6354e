/*
 * For units of the core: what the hook files and the registry would bring. Units
 * link none of them, they would replace the test's own libc.
 */
#include <pthread.h>
#include <stdlib.h>

#include "hook.h"
#include "process_state.h"
#include "worker_thread.h"

struct instrumentation *const registry[] = { NULL };
const unsigned registry_count = 0;

int worker_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    return pthread_create(thread, attr, run, arg);
}

void worker_exit_handlers(void)
{
}

void worker_process_ends(int exit_code)
{
    (void)exit_code;
}

/* The calling thread as a thread of a program under the shim. */
static inline void become_program(void)
{
    if (!process_state_create())
        abort();
}
