/*
 * C++: the frame that catches an exception shows which calls were left by it.
 * Compiled code calls __cxa_begin_catch from the catching function itself.
 */
#include "hooks/core.h"
#include "process_state.h"

void *__cxa_begin_catch(void *exception);

#define CATCH_HOOKS(X) X(__cxa_begin_catch)
HOOK_LIST(catch_hooks, CATCH_HOOKS);
#define HOOK_TABLE catch_hooks

static const char *const sonames[] = { "libstdc++.so.6", "libc++abi.so.1", NULL };

struct instrumentation instr_catch = { .name = "catch",
                                       .core = true,
                                       .sonames = sonames,
                                       .hooks = catch_hooks,
                                       .nr_hooks = COUNT(catch_hooks) };

EXPORT void *__cxa_begin_catch(void *exception)
{
    if (call_enabled_mask != 0 && thread_has_tls() && unlikely(thread_state.frame != 0))
        call_unwound_to((uintptr_t)__builtin_frame_address(0));
    return REAL(__cxa_begin_catch)(exception);
}
