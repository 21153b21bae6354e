/*
 * What the program has attached to its thread (otelshim.h): a context, or a span of its own
 * that is current.
 *
 * It is a span of the thread's own that is never told: it stands where the innermost call's
 * span stands (thread_state.current), so every hook finds it as it finds a parent anywhere
 * else. There is one per thread; what nests keeps the outer one in its token or its notes.
 * It holds ids and handles, no pointers: whosever context it is may end meanwhile.
 *
 * All functions stand between call_enter and call_leave: then calls that were left without a
 * return are gone, and call->outer_span is what becomes current behind call_leave.
 */
#ifndef OTELSHIM_ATTACH_H
#define OTELSHIM_ATTACH_H

#include "context/context.h"
#include "sdk/notes.h"

struct otelshim_context;

/* Makes the context current; what was before goes to *before. */
void attach_push(struct call *call, const struct attachment *a, struct attachment *before);
/* Takes away what is attached, back to what attach_push had found. */
void attach_pop(struct call *call, const struct attachment *before);
/* Whether something is attached, and is current. */
bool attach_is_current(const struct call *call);
/* What is attached to this thread, current or not; NULL: nothing. For a moment. */
const struct attachment *attach_now(void);
/* The span that stands for it. */
const struct span *attach_span(void);
/* Whose span the context is, as far as that can be named elsewhere: kind and target. */
void attach_target(const struct context_at *at, struct attachment *out);

/* A context that the program keeps. */
void api_context_put(const struct attachment *a, struct otelshim_context *out);
/* False: it is none. */
bool api_context_get(const struct otelshim_context *context, struct attachment *out);

extern struct instrumentation instr_api, instr_manual;

#endif
