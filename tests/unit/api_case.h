/*
 * Attributes that another thread says: of what it has captured, and without, for the tests of the
 * public API.
 */
#ifndef TESTS_UNIT_API_CASE_H
#define TESTS_UNIT_API_CASE_H

#include <pthread.h>

#include "otelshim.h"

static struct otelshim_context handed;
static int taken_elsewhere[2]; /* without the context, with it */

static void *say_elsewhere(void *unused)
{
    struct otelshim_context before;
    taken_elsewhere[0] = otelshim_set(otelshim_int("unattached", 1));
    otelshim_context_attach(&handed, &before);
    taken_elsewhere[1] = otelshim_set(otelshim_int("elsewhere", 1));
    otelshim_context_detach(&before);
    return unused;
}

/* The context of this thread is another one's, which ends. */
static inline void hand_over(void)
{
    pthread_t thread;
    otelshim_context_capture(&handed);
    pthread_create(&thread, NULL, say_elsewhere, NULL);
    pthread_join(thread, NULL);
}

#endif
