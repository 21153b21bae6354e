/*
 * The life of the process span, as the core's fork, exec and exit hooks tell it.
 * Every function keeps errno, allocates nothing and is async-signal-safe.
 */
#ifndef OTELSHIM_HOOKS_PROCESS_H
#define OTELSHIM_HOOKS_PROCESS_H

#include "sdk/span.h"

/* Before the real fork, in the parent: what a child has as its parent. All zero
 * when there is nothing. Kept on the stack of the fork hook. */
void process_span_before_fork(struct span_context *at_fork);
/* After a fork that succeeded, in the parent. */
void process_span_parent_forked(void);
/*
 * In the forked child, after process_state and thread_state are its own: a new
 * process context whose parent is `at_fork`. NULL: it was forked without our hook.
 */
void process_span_fork_child(const struct span_context *at_fork);

/* Before a vfork, in the parent: makes what the child may only read (scratch
 * memory of the thread) and drops calls that were left without a return. */
void process_span_before_vfork(void);

/*
 * The program ends with this exit code (0..255; -1: it has none), or by this signal (0: by none):
 * writes the process span, and what is open of spawned children, into the ring. For exit, _exit, quick_exit,
 * return from main and a signal of its own, before the flush. Only the first call counts; nothing
 * happens in a vforked child.
 */
void process_span_end(int exit_code, int signal);
/* The same after all else that is open: every instrumentation's process_ends (hook.h) first, as the
 * process span may be the others' parent. exit.c */
void process_tell_what_is_open(int exit_code, int signal);

#endif
