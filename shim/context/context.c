/*
 * Which span is the parent of what begins now (rules in context.h).
 *
 * Two tables stand behind it: the process context (process_context.h), and slots
 * through which other threads see an open span's context. A slot's holder word
 * is 0 (free), SLOT_WRITING, or the handle given out; a handle carries a
 * generation, so that one kept beyond the span's end never matches again.
 */
#include "context/process_context.h"

#include "config.h"
#include "context/propagator.h"
#include "context/request.h"
#include "layout.h"
#include "ring.h"
#include "spool/spool.h"

#define CONTEXT_SLOTS 256u /* open spans that other threads can see at once */
#define SLOT_INDEX_BITS 8u
#define SLOT_WRITING 1u /* no handle: its generation would be 0 */
#define CONTEXT_WORDS (sizeof(struct span_context) / sizeof(uint64_t))

_Static_assert(CONTEXT_SLOTS == 1u << SLOT_INDEX_BITS, "an index fits its bits");
_Static_assert(sizeof(struct span_context) % sizeof(uint64_t) == 0, "copied by words");

struct slot {
    _Atomic uint32_t holder; /* claimed by CAS from any thread, see above */
    uint32_t generation;     /* written while claimed */
    /* Written by the claimer, read by anyone: a sequence lock on holder. */
    _Atomic uint64_t words[CONTEXT_WORDS];
};

/* Any thread; emptied in a forked child by context_fork_child(). */
UNUSED_AT_START static struct slot slots[CONTEXT_SLOTS];
/* Where the next search begins; any thread, a hint only. */
static _Atomic uint32_t slot_hint;

struct process_context process_context;

uint32_t context_publish(struct span *span)
{
    uint64_t words[CONTEXT_WORDS];
    memcpy(words, &span->context, sizeof words);
    uint32_t start = atomic_load_explicit(&slot_hint, memory_order_relaxed);
    for (uint32_t i = 0; i < CONTEXT_SLOTS; i++) {
        uint32_t index = (start + i) % CONTEXT_SLOTS;
        struct slot *slot = &slots[index];
        uint32_t free_slot = 0;
        if (!atomic_compare_exchange_strong_explicit(&slot->holder, &free_slot, SLOT_WRITING,
                                                     memory_order_acquire, memory_order_relaxed))
            continue;
        /* Pairs with the fence in context_published(). */
        atomic_thread_fence(memory_order_release);
        for (unsigned w = 0; w < CONTEXT_WORDS; w++)
            atomic_store_explicit(&slot->words[w], words[w], memory_order_relaxed);
        slot->generation = (slot->generation + 1) & (UINT32_MAX >> SLOT_INDEX_BITS);
        slot->generation += slot->generation == 0;
        uint32_t handle = slot->generation << SLOT_INDEX_BITS | index;
        atomic_store_explicit(&slot->holder, handle, memory_order_release);
        atomic_store_explicit(&slot_hint, index + 1, memory_order_relaxed);
        span->published = handle;
        return handle;
    }
    return 0;
}

bool context_published(uint32_t handle, struct span_context *out)
{
    if (handle <= SLOT_WRITING)
        return false;
    struct slot *slot = &slots[handle % CONTEXT_SLOTS];
    if (atomic_load_explicit(&slot->holder, memory_order_acquire) != handle)
        return false;
    uint64_t words[CONTEXT_WORDS];
    for (unsigned w = 0; w < CONTEXT_WORDS; w++)
        words[w] = atomic_load_explicit(&slot->words[w], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&slot->holder, memory_order_relaxed) != handle)
        return false;
    memcpy(out, words, sizeof words);
    return true;
}

void context_unpublish(uint32_t handle)
{
    if (handle <= SLOT_WRITING)
        return;
    uint32_t mine = handle;
    atomic_compare_exchange_strong_explicit(&slots[handle % CONTEXT_SLOTS].holder, &mine, 0,
                                            memory_order_release, memory_order_relaxed);
}

/* The environment that the process was started with. */
AT_START static struct field_text came_in(const struct carrier *carrier, enum context_field field)
{
    (void)carrier;
    const char *text = config->came_in[field];
    return (struct field_text){ text, text != NULL ? strlen(text) : 0 };
}

AT_START void context_init(void)
{
    const struct config *c = config;
    process_context = (struct process_context){ 0 };
    if (c == NULL)
        return;
    propagation_init(c);
    process_context.may_end = c->process_span != PROCESS_SPAN_ALWAYS;
    process_context.start_mono_ns = clock_mono_ns();
    const struct carrier environment = { came_in };
    struct span_context *parent = &process_context.parent;
    const struct propagator *found = propagation_extract(&environment, parent);
    if (found == NULL)
        return;
    /* Whole values, which live as long as we do: they are cut when they are sent. */
    struct field_text tracestate, baggage;
    propagation_extract_texts(&environment, found->flag == PROPAGATE_TRACECONTEXT, &tracestate,
                              &baggage);
    parent->tracestate = tracestate.at;
    parent->baggage = baggage.at;
    atomic_store_explicit(&process_context.flags, PROCESS_PARENT, memory_order_relaxed);
}

/* Sets it, also where a crash will be judged by it. Returns what was set before. */
static unsigned add_flag(unsigned flag)
{
    unsigned before = atomic_fetch_or(&process_context.flags, flag);
    if (!(before & flag))
        spool_process_flags(ring_spool());
    return before;
}

AT_START void process_context_begin(const struct instrumentation *instr, uint64_t start_mono_ns)
{
    struct process_context *p = &process_context;
    unsigned flags = atomic_load_explicit(&p->flags, memory_order_relaxed);
    span_start_of_process(&p->span, instr, SPAN_INTERNAL,
                          flags & PROCESS_PARENT ? &p->parent : NULL);
    span_set_start(&p->span, start_mono_ns);
    p->start_mono_ns = start_mono_ns;
    atomic_fetch_or_explicit(&p->flags, PROCESS_SPAN, memory_order_release);
}

void context_fork_child(const struct span_context *at_fork)
{
    struct process_context *p = &process_context;
    /* at_fork may point into what is overwritten here. */
    struct span_context parent = { 0 };
    bool has_parent = at_fork != NULL && span_context_is_valid(at_fork);
    if (has_parent) {
        parent = *at_fork;
        parent.remote = true;
    }
    for (unsigned i = 0; i < CONTEXT_SLOTS; i++)
        if (atomic_load_explicit(&slots[i].holder, memory_order_relaxed) != 0)
            atomic_store_explicit(&slots[i].holder, 0, memory_order_relaxed);
    p->parent = parent;
    p->span.open = false;
    p->start_mono_ns = clock_mono_ns();
    atomic_store_explicit(&p->notes, 0, memory_order_relaxed);
    atomic_store_explicit(&p->calls, 0, memory_order_relaxed);
    unsigned flags = PROCESS_FORKED | (has_parent ? PROCESS_PARENT : 0u);
    unsigned before = atomic_load_explicit(&p->flags, memory_order_relaxed);
    if ((before & PROCESS_LISTENS) && !has_parent)
        flags |= PROCESS_LISTENS | PROCESS_SERVER;
    atomic_store_explicit(&p->flags, flags, memory_order_release);
}

/* The context that stands for the process, whether or not it may be a parent. */
static bool process_own(unsigned flags, struct span_context *out)
{
    if (flags & PROCESS_SPAN)
        *out = process_context.span.context;
    else if (flags & PROCESS_PARENT)
        *out = process_context.parent;
    else
        return false;
    return true;
}

void context_process_is_server(void)
{
    struct process_context *p = &process_context;
    if (!p->may_end)
        return;
    unsigned before = add_flag(PROCESS_SERVER);
    if (before & PROCESS_SERVER)
        return;
    /* The first to say so tells the span, if others have it as parent; else nothing comes of it. */
    if (!(before & PROCESS_USED))
        span_abandon(&p->span);
    else if (p->tell != NULL)
        p->tell();
}

void context_process_listens(void)
{
    if (!process_context.may_end)
        return;
    atomic_fetch_or_explicit(&process_context.flags, PROCESS_LISTENS, memory_order_relaxed);
    context_process_is_server();
}

/* Whether the process has just outlived its use as a parent. */
static bool process_is_long_lived(unsigned flags, bool is_call)
{
    struct process_context *p = &process_context;
    if (!p->may_end)
        return false;
    if (!(flags & PROCESS_USED) && clock_mono_ns() > p->start_mono_ns + PROCESS_MAX_IDLE_NS)
        return true;
    if (!is_call)
        return false;
    unsigned calls = atomic_load_explicit(&p->calls, memory_order_relaxed) + 1;
    atomic_store_explicit(&p->calls, calls, memory_order_relaxed);
    return calls >= PROCESS_MAX_CALLS;
}

/* Rule 3. `is_call`: for a call span, which counts; else for a child. */
static bool process_parent(unsigned flags, struct span_context *out, bool is_call)
{
    if (!(flags & (PROCESS_SPAN | PROCESS_PARENT)) || (flags & PROCESS_SERVER))
        return false;
    if (process_is_long_lived(flags, is_call)) {
        context_process_is_server();
        return false;
    }
    if (!(flags & PROCESS_USED))
        process_context_mark_used();
    return process_own(flags, out);
}

static unsigned process_flags(void)
{
    return atomic_load_explicit(&process_context.flags, memory_order_acquire);
}

void process_context_mark_used(void)
{
    add_flag(PROCESS_USED);
}

/*
 * Rules 1 to 3: the innermost call of this thread, the server request that it is at,
 * then what its creator left it. The guard has dropped calls of other stacks before
 * we come here.
 */
static bool thread_parent(const struct thread_state *t, struct span_context *out)
{
    const struct span *current = t->current;
    if (current != NULL && current->open) {
        *out = current->context;
        return true;
    }
    uint32_t request = request_current(t);
    if (request != 0 && request_context(request, out))
        return true;
    if (t->inherited != 0 && context_published(t->inherited, out))
        return true;
    if (t->inherited_request == 0)
        return false; /* most threads: no call */
    uint32_t made_for = request_inherited(t);
    return made_for != 0 && request_context(made_for, out);
}

struct context_at context_at(const struct thread_state *t)
{
    struct context_at at = { .owner = CONTEXT_NONE };
    struct span_context context;
    if (t->current != NULL && t->current->open)
        return (struct context_at){ .owner = CONTEXT_CALL, .span = t->current };
    at.request = request_current(t);
    if (at.request == 0 || !request_context(at.request, &context)) {
        if (t->inherited != 0 && context_published(t->inherited, &context))
            return (struct context_at){ .owner = CONTEXT_OTHERS };
        at.request = t->inherited_request != 0 ? request_inherited(t) : 0;
    }
    if (at.request != 0 && request_context(at.request, &context))
        at.owner = CONTEXT_REQUEST;
    else if ((process_flags() & (PROCESS_SPAN | PROCESS_SERVER | PROCESS_TOLD)) == PROCESS_SPAN)
        at.owner = CONTEXT_PROCESS;
    return at;
}

bool context_parent_slow(const struct thread_state *t, struct span_context *parent,
                         struct record_link *link, bool *has_link)
{
    *has_link = false;
    if (thread_parent(t, parent))
        return true;
    unsigned flags = process_flags();
    if (!(flags & PROCESS_SERVER)) {
        if (process_parent(flags, parent, true))
            return true;
        flags = process_flags(); /* it may have become one just now */
    }
    *has_link = (flags & PROCESS_SERVER) && process_context_link(flags, link);
    return false;
}

bool context_parent(const struct call *call, struct span_context *parent, struct record_link *link,
                    bool *has_link)
{
    return context_parent_inline(call, parent, link, has_link);
}

bool context_for_child(struct span_context *out)
{
    return thread_parent(&thread_state, out) || process_parent(process_flags(), out, false);
}

bool context_peek_for_child(struct span_context *out)
{
    if (thread_parent(&thread_state, out))
        return true;
    unsigned flags = atomic_load_explicit(&process_context.flags, memory_order_acquire);
    return !(flags & PROCESS_SERVER) && !process_is_long_lived(flags, false) &&
           process_own(flags, out);
}

bool context_for_exec(struct span_context *out, bool *tell)
{
    unsigned flags = atomic_load_explicit(&process_context.flags, memory_order_acquire);
    *tell = (flags & PROCESS_SPAN) && !(flags & PROCESS_SERVER) &&
            ((flags & PROCESS_USED) || !process_context.may_end);
    if (flags & PROCESS_SERVER)
        return false;
    if (*tell)
        *out = process_context.span.context;
    else if (flags & PROCESS_PARENT)
        *out = process_context.parent;
    else
        return false;
    return true;
}

bool context_process_parent(struct span_context *out)
{
    unsigned flags = atomic_load_explicit(&process_context.flags, memory_order_acquire);
    if (!(flags & PROCESS_PARENT) || (flags & PROCESS_FORKED))
        return false;
    *out = process_context.parent;
    return true;
}
