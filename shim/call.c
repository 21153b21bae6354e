/*
 * The guard's slow half and the state behind it: nested calls, calls that were
 * left by longjmp or an exception, other stacks, forked and vforked children.
 */
#include "call.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layout.h"
#include "process_state.h"
#include "ring.h"
#include "worker.h"

__thread struct thread_state thread_state;

/* Written by the constructor, read by every hook. A child keeps it. */
PER_REQUEST_ZERO uint32_t call_enabled_mask;

/* Zero, and so never "mine", until the constructor has made the real page. */
UNUSED_AT_START static struct process_state no_process_state;
PER_REQUEST struct process_state *process_state = &no_process_state;

/* Counts the processes of this line of forks; a plain copy in the child. */
static uint32_t last_generation;

/* The largest stack on which an abandoned call is recognised. */
#define STACK_MAX_BYTES (8u * 1024 * 1024)

static int raw_getpid(void)
{
    return (int)syscall(SYS_getpid);
}

AT_START bool process_state_create(void)
{
    struct process_state *page =
        mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    /* Kernels before 4.14 know no WIPEONFORK: there the fork hooks alone tell. */
    madvise(page, sizeof *page, MADV_WIPEONFORK);
    process_state = page;
    process_adopt();
    return true;
}

AT_START void process_adopt(void)
{
    struct process_state *p = process_state;
    bool forked = last_generation != 0;
    p->generation = ++last_generation;
    p->pid = raw_getpid();
    prctl(PR_GET_TID_ADDRESS, &p->main_tid_address);
    thread_state = (struct thread_state){ .generation = p->generation };
    if (forked) {
        ring_fork_child();
        worker_fork_child();
        for (unsigned i = 0; i < registry_count; i++) {
            if (registry[i]->fork_child != NULL)
                registry[i]->fork_child();
        }
    }
    atomic_store_explicit(&p->mine, 1, memory_order_release);
}

AT_START bool process_enter(void)
{
    struct thread_state *t = &thread_state;
    struct process_state *p = process_state;
    if (p == &no_process_state)
        return false;
    if (atomic_load_explicit(&p->mine, memory_order_acquire) == 0) {
        /* Same test for a vforked child of a forked child: never adopt for it. */
        process_adopt();
        return true;
    }
    if (t->in_vfork) {
        if (raw_getpid() != p->pid)
            return false;
        t->in_vfork = 0;
    }
    if (t->generation != p->generation)
        *t = (struct thread_state){ .generation = p->generation };
    return true;
}

enum nesting { NESTED, ABANDONED, OTHER_STACK };

static enum nesting nesting_of(uintptr_t frame, uintptr_t outer)
{
    if (frame < outer && outer - frame < CALL_NEST_MAX_BYTES)
        return NESTED;
    /* At the same address it is a later call from the same function. */
    if (frame >= outer && frame - outer < STACK_MAX_BYTES)
        return ABANDONED;
    return OTHER_STACK;
}

/* What the program has attached outside of them is current again. */
static void forget_calls(struct thread_state *t)
{
    t->frame = 0;
    t->current = t->attached;
    t->suppressed = 0;
}

bool call_enter_slow(struct call *call, const struct instrumentation *instr, uintptr_t frame)
{
    struct thread_state *t = &thread_state;
    if (t->suppressed == THREAD_IS_OURS)
        return false;
    int saved_errno = errno;
    bool ready = process_enter();
    errno = saved_errno;
    if (!ready)
        return false;

    enum nesting nesting = t->frame != 0 ? nesting_of(frame, t->frame) : NESTED;
    if (nesting == NESTED && (t->suppressed & instr->bit))
        return false;
    if (nesting == ABANDONED)
        forget_calls(t);
    *call = (struct call){ t, t->current, t->frame, t->suppressed, saved_errno };
    if (nesting == OTHER_STACK) {
        /* Given back by call_leave; meanwhile that call is nobody's parent. */
        t->current = NULL;
        t->suppressed = 0;
    }
    t->frame = frame;
    t->suppressed |= instr->suppress_mask;
    return true;
}

void call_unwound_to(uintptr_t stack_pointer)
{
    struct thread_state *t = &thread_state;
    if (t->frame == 0 || t->suppressed == THREAD_IS_OURS)
        return;
    if (nesting_of(stack_pointer, t->frame) == ABANDONED)
        forget_calls(t);
}
