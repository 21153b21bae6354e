/*
 * For the hooks that belong to the machinery itself (fork, exit, thread, loader):
 * they make no spans and do not go through call_enter.
 */
#ifndef OTELSHIM_HOOKS_CORE_H
#define OTELSHIM_HOOKS_CORE_H

#include "call.h"

/* Whether the hook shall do its part now: telemetry on, not our own thread, not a
 * vforked child; the state is this process's afterwards. */
bool core_is_on(const struct instrumentation *instr);

#endif
