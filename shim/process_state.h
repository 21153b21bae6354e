/*
 * Whose state is this? Adoption of the shim's state by a forked child, and the
 * thread flags that go with it. For the core's own files and hooks that do not
 * use call_enter (fork, exec, exit).
 */
#ifndef OTELSHIM_PROCESS_STATE_H
#define OTELSHIM_PROCESS_STATE_H

#include "call.h"

/* thread_state.suppressed of the background thread: every hook passes through. */
#define THREAD_IS_OURS UINT32_MAX

/* Constructor: makes the wiped-on-fork page. False without memory. */
bool process_state_create(void);
/* The calling thread's process makes the inherited state its own. Only with one
 * thread in the process, or in the constructor. */
void process_adopt(void);
/*
 * To be called before any state is used outside of call_enter: adopts it in a
 * forked child, and refreshes this thread's part. False: do not use any (before
 * the constructor, or in a vforked child, which shares its parent's memory).
 * Changes errno only in a forked child.
 */
bool process_enter(void);
/* Calls on this thread's stack below `stack_pointer` are gone (longjmp, catch). */
void call_unwound_to(uintptr_t stack_pointer);

/* worker.c, part of adoption */
void worker_fork_child(void);

#endif
