/*
 * The environment of a child process. Pure: reads its arguments, writes to the
 * memory it is given; no allocation, no syscall; async-signal-safe.
 */
#ifndef OTELSHIM_CONTEXT_ENV_H
#define OTELSHIM_CONTEXT_ENV_H

#include "config.h"
#include "sdk/span.h"

#define ENV_LIBRARY "libotelshim.so"

/* What a child needs besides its context. All texts are borrowed. */
struct env_inputs {
    const struct span_context *context; /* NULL: nothing to pass on */
    const struct config *config;
    const char *library; /* our object's absolute path, NULL = not known */
    bool refused;        /* the program to be cannot load it */
};

/*
 * `envp` with the changes below, in `memory` (any alignment, `size` bytes); the
 * strings of `envp` are borrowed. NULL: nothing needs to change, or there is no
 * room: use `envp` as it is.
 *
 *  - TRACEPARENT and TRACESTATE (and B3 or whatever else OTEL_PROPAGATORS names) become
 *    those of the context, unless the program has put one there that is not the one it
 *    was started with;
 *  - BAGGAGE likewise;
 *  - OTEL_SHIM_RUN_ID is added where it is missing;
 *  - where our object is missing in LD_PRELOAD (and follow_children is on): it is
 *    added, and with it those OTEL_ variables that are missing. A variable that
 *    the program has set itself keeps its value;
 *  - where it cannot be loaded: it is taken out of LD_PRELOAD.
 */
char **env_for_child(char *const envp[], const struct env_inputs *in, void *memory, size_t size);

/* Whether an LD_PRELOAD list names our object. */
bool env_preloads_us(const char *list);

#endif
