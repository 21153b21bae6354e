/* The guard: which calls are traced, which pass through, and what stays as it was. */
#include <criterion/criterion.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "call.h"
#include "no_hooks.h"

static struct instrumentation sql = { .name = "sql", .bit = 1, .suppress_mask = 1 | 4 };
static struct instrumentation http = { .name = "http", .bit = 2, .suppress_mask = 2 };
static struct instrumentation socket_io = { .name = "socket", .bit = 4, .suppress_mask = 4 };

static void setup(void)
{
    become_program();
    call_enabled_mask = 7;
}

TestSuite(call, .init = setup, .timeout = 30);

/* A hook around `inner`. True: the call was traced. */
static __attribute__((noinline)) bool hook(struct instrumentation *instr, void (*inner)(void))
{
    struct call call;
    bool traced = call_enter(&call, instr);
    if (inner != NULL)
        inner();
    if (traced)
        call_leave(&call);
    return traced;
}

static bool inner_traced;
static __attribute__((noinline)) void call_sql(void)
{
    inner_traced = hook(&sql, NULL);
}
static __attribute__((noinline)) void call_http(void)
{
    inner_traced = hook(&http, NULL);
}
static __attribute__((noinline)) void call_socket(void)
{
    inner_traced = hook(&socket_io, NULL);
}

Test(call, a_call_is_traced_and_leaves_no_trace_behind)
{
    cr_assert(hook(&sql, NULL));
    cr_assert_eq(thread_state.frame, 0);
    cr_assert_eq(thread_state.suppressed, 0);
    cr_assert(hook(&sql, NULL));
}

Test(call, a_disabled_instrumentation_passes_through)
{
    call_enabled_mask = 2;
    cr_assert_not(hook(&sql, NULL));
    cr_assert(hook(&http, NULL));
}

Test(call, nested_calls_of_the_same_library_pass_through)
{
    cr_assert(hook(&sql, call_sql));
    cr_assert_not(inner_traced);
    cr_assert(hook(&sql, call_socket));
    cr_assert_not(inner_traced, "suppressed by name");
}

Test(call, another_library_called_from_a_callback_is_traced)
{
    cr_assert(hook(&sql, call_http));
    cr_assert(inner_traced);
    cr_assert_eq(thread_state.frame, 0);
}

Test(call, errno_is_the_real_calls_own)
{
    struct call call;
    errno = EXDEV;
    cr_assert(call_enter(&call, &sql));
    cr_assert_eq(errno, EXDEV, "unchanged before the real call");
    errno = ENOENT; /* the real call fails */
    call_returned(&call);
    errno = EBUSY; /* what we do afterwards */
    call_leave(&call);
    cr_assert_eq(errno, ENOENT);
}

static jmp_buf out;
static void jump_out(void)
{
    longjmp(out, 1);
}

static __attribute__((noinline)) bool deeper(int depth)
{
    volatile bool traced = depth > 0 ? deeper(depth - 1) : hook(&sql, NULL); /* no tail call */
    return traced;
}

Test(call, a_call_left_by_longjmp_does_not_hide_the_next_one)
{
    if (setjmp(out) == 0)
        hook(&sql, jump_out);
    cr_assert_neq(thread_state.frame, 0, "nobody told the guard");
    cr_assert(hook(&sql, NULL));
    cr_assert_eq(thread_state.frame, 0);
}

Test(call, told_of_the_jump_even_a_deeper_call_is_traced)
{
    if (setjmp(out) == 0)
        hook(&sql, jump_out);
    call_unwound_to((uintptr_t)__builtin_frame_address(0));
    cr_assert(deeper(8));
}

static void jump_inside(void)
{
    call_unwound_to((uintptr_t)__builtin_frame_address(0));
    inner_traced = hook(&sql, NULL);
}

Test(call, a_jump_that_stays_inside_a_call_keeps_the_guard)
{
    cr_assert(hook(&sql, jump_inside));
    cr_assert_not(inner_traced);
}

static ucontext_t here, fiber;
static char fiber_stack[64 * 1024];
static struct span *seen_parent;
static struct span outer_span;

static void on_fiber(void)
{
    struct call call;
    inner_traced = call_enter(&call, &sql);
    seen_parent = thread_state.current;
    if (inner_traced)
        call_leave(&call);
}

Test(call, an_open_call_on_another_stack_is_nobodys_parent)
{
    struct call call;
    cr_assert(call_enter(&call, &http));
    call_make_current(&call, &outer_span);
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = fiber_stack;
    fiber.uc_stack.ss_size = sizeof fiber_stack;
    fiber.uc_link = &here;
    makecontext(&fiber, on_fiber, 0);
    swapcontext(&here, &fiber);
    cr_assert(inner_traced);
    cr_assert_null(seen_parent);
    cr_assert_eq(thread_state.current, &outer_span, "given back");
    call_leave(&call);
    cr_assert_null(thread_state.current);
}

Test(call, a_forked_child_starts_with_a_guard_of_its_own)
{
    struct call call;
    cr_assert(call_enter(&call, &sql));
    pid_t pid = fork();
    if (pid == 0)
        _exit(hook(&sql, NULL) && process_state->pid == getpid() ? 0 : 1);
    int status;
    waitpid(pid, &status, 0);
    cr_assert_eq(status, 0);
    call_leave(&call);
}

Test(call, a_vforked_child_passes_through_and_changes_nothing)
{
    thread_state.in_vfork = 1;
    /* fork stands in for vfork: another pid, but then the page would be zero. */
    process_state->pid = getpid() + 1;
    cr_assert_not(hook(&sql, NULL));
    cr_assert_eq(thread_state.in_vfork, 1);
    process_state->pid = getpid();
    cr_assert(hook(&sql, NULL), "back in the parent");
    cr_assert_eq(thread_state.in_vfork, 0);
}

Test(call, our_own_thread_passes_through_everywhere)
{
    thread_state.suppressed = THREAD_IS_OURS;
    thread_state.frame = UINTPTR_MAX;
    cr_assert_not(hook(&sql, NULL));
    cr_assert_not(hook(&http, NULL));
}
