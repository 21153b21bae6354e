/*
 * longjmp and C++ catch: a hooked call that was left without returning is taken
 * off the guard at once, so that the calls after it are not thought nested in it.
 */
#include <setjmp.h>

#include "hooks/core.h"
#include "process_state.h"

void _longjmp(jmp_buf env, int value) __attribute__((noreturn));
void __longjmp_chk(jmp_buf env, int value) __attribute__((noreturn));
void *__cxa_begin_catch(void *exception);

#define UNWIND_HOOKS(X) X(longjmp) X(_longjmp) X(siglongjmp) X(__longjmp_chk)
HOOK_LIST(unwind_hooks, UNWIND_HOOKS);
#define HOOK_TABLE unwind_hooks

struct instrumentation instr_unwind = {
    .name = "unwind", .core = true, .hooks = unwind_hooks, .nr_hooks = COUNT(unwind_hooks)
};

/* Where the jump will put the stack pointer: glibc keeps it in the seventh word,
 * rotated and mixed with the thread's pointer guard (sysdeps/x86_64/jmpbuf-offsets.h). */
#define JMPBUF_STACK_POINTER 6

static uintptr_t jump_target(const struct __jmp_buf_tag *env)
{
    uintptr_t mangled = (uintptr_t)env->__jmpbuf[JMPBUF_STACK_POINTER], guard;
    __asm__("movq %%fs:0x30, %0" : "=r"(guard));
    return ((mangled >> 17) | (mangled << 47)) ^ guard;
}

static void before_jump(const struct __jmp_buf_tag *env)
{
    if (call_enabled_mask != 0 && thread_has_tls() && unlikely(thread_state.frame != 0))
        call_unwound_to(jump_target(env));
}

EXPORT void longjmp(jmp_buf env, int value)
{
    before_jump(env);
    REAL(longjmp)(env, value);
}

EXPORT void _longjmp(jmp_buf env, int value)
{
    before_jump(env);
    REAL(_longjmp)(env, value);
}

EXPORT void siglongjmp(sigjmp_buf env, int value)
{
    before_jump(env);
    REAL(siglongjmp)(env, value);
}

EXPORT void __longjmp_chk(jmp_buf env, int value)
{
    before_jump(env);
    REAL(__longjmp_chk)(env, value);
}
