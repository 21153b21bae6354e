/*
 * The public API (otelshim.h): the current context in a program's own hands. Spans and what
 * is said of them: api_span.c.
 */
#define OTELSHIM_API __attribute__((visibility("default")))
#define OTELSHIM_IMPLEMENTATION
#include "otelshim.h"

#include "attach.h"
#include "context/traceparent.h"

/* Contexts have a switch of their own: they stay when `manual` is off. */
struct instrumentation instr_api = { .name = "api", .core = true };

#define TRACEPARENT_FIELD_MAX 256u /* bytes of a text that are looked at; as in a head */

/* What a token holds. */
struct token {
    uint16_t magic; /* TOKEN_MAGIC; 0: none */
    uint16_t flags; /* enum token_flag, and the context's flags in the low byte */
    uint32_t frame; /* of attach, as in struct attachment */
    uint8_t trace_id[16];
    uint8_t span_id[8];
    struct span *outer; /* of attach, as in struct attachment */
    uint64_t target;
};
_Static_assert(sizeof(struct token) == sizeof(struct otelshim_context), "a token is a context");

#define TOKEN_MAGIC 0x6f74u
enum token_flag {
    TOKEN_CONTEXT = 1u << 8, /* ids are there */
    TOKEN_REMOTE = 1u << 9,
    TOKEN_ATTACHED = 1u << 10, /* of attach, which has attached something */
};
#define TOKEN_KIND_SHIFT 12 /* enum target_kind */

/* What is attached to the thread; `span` is open while something is. */
static __thread struct {
    struct span span;
    struct attachment is; /* what `span` stands for */
} attached __attribute__((tls_model("initial-exec")));

/* ---- tokens ---- */

static void token_of(const struct attachment *a, struct token *t)
{
    *t = (struct token){ .magic = TOKEN_MAGIC, .frame = a->frame, .outer = a->outer };
    if (!a->is_there)
        return;
    t->flags =
        (uint16_t)(TOKEN_CONTEXT | a->context.flags | (a->context.remote ? TOKEN_REMOTE : 0u) |
                   (unsigned)a->kind << TOKEN_KIND_SHIFT);
    t->target = a->target;
    memcpy(t->trace_id, a->context.trace_id, sizeof t->trace_id);
    memcpy(t->span_id, a->context.span_id, sizeof t->span_id);
}

static void token_read(const struct token *t, struct attachment *a)
{
    *a = (struct attachment){ .outer = t->outer, .frame = t->frame };
    if (!(t->flags & TOKEN_CONTEXT))
        return;
    a->is_there = true;
    a->context.flags = (uint8_t)t->flags;
    a->context.remote = t->flags & TOKEN_REMOTE;
    memcpy(a->context.trace_id, t->trace_id, sizeof t->trace_id);
    memcpy(a->context.span_id, t->span_id, sizeof t->span_id);
    a->kind = (uint8_t)(t->flags >> TOKEN_KIND_SHIFT);
    a->target = t->target;
}

void api_context_put(const struct attachment *a, struct otelshim_context *out)
{
    struct token t;
    token_of(a, &t);
    memcpy(out, &t, sizeof t);
}

bool api_context_get(const struct otelshim_context *context, struct attachment *out)
{
    struct token t;
    memcpy(&t, context, sizeof t);
    if (t.magic != TOKEN_MAGIC || !(t.flags & TOKEN_CONTEXT))
        return false;
    token_read(&t, out);
    return span_context_is_valid(&out->context);
}

/* ---- what is attached ---- */

/* The call whose callback this is, if any: nobody else has its span on the stack. */
static uint32_t frame_of(const struct call *call)
{
    return (uint32_t)(call->outer_frame >> 4);
}

static void set(const struct attachment *a)
{
    span_abandon(&attached.span); /* threads that were made meanwhile may know it */
    attached.is = *a;
    attached.span.context = a->context;
    attached.span.process_generation = thread_state.generation;
    attached.span.open = a->is_there;
}

/* In a forked child nothing is, until the child does it. */
static bool is_there(void)
{
    return attached.span.open && attached.span.process_generation == thread_state.generation;
}

bool attach_is_current(const struct call *call)
{
    return call->outer_span == &attached.span && is_there();
}

const struct attachment *attach_now(void)
{
    return is_there() ? &attached.is : NULL;
}

const struct span *attach_span(void)
{
    return &attached.span;
}

static void set_current(struct call *call, struct span *span)
{
    call->outer_span = span;
    if (call->outer_frame == 0)
        call->thread->attached = span;
}

void attach_push(struct call *call, const struct attachment *a, struct attachment *before)
{
    *before = attached.is;
    before->is_there = is_there();
    before->outer = call->outer_span;
    before->frame = frame_of(call);
    set(a);
    set_current(call, &attached.span);
}

/* A span of the program's own may have ended; if not, its texts stand in its notes alone. */
static void refresh(struct attachment *a)
{
    if (!a->is_there || a->kind != TARGET_SPAN)
        return;
    struct notes *n = span_hold(a->target);
    a->is_there = n != NULL;
    if (n == NULL)
        return;
    a->context = n->span.context;
    notes_release(n);
}

void attach_pop(struct call *call, const struct attachment *before)
{
    bool is_top = call->outer_span == &attached.span;
    struct attachment a = *before;
    refresh(&a);
    set(&a);
    if (!is_top)
        return;
    /* The span of a call that has returned since is no more. */
    struct span *outer = before->frame == frame_of(call) ? before->outer : &attached.span;
    set_current(call, outer == &attached.span && !attached.span.open ? NULL : outer);
}

void attach_target(const struct context_at *at, struct attachment *out)
{
    out->kind = TARGET_NONE;
    out->target = 0;
    if (at->owner == CONTEXT_CALL && at->span == &attached.span) {
        out->kind = attached.is.kind;
        out->target = attached.is.target;
    } else if (at->owner == CONTEXT_REQUEST) {
        out->kind = TARGET_REQUEST;
        out->target = at->request;
    } else if (at->owner == CONTEXT_PROCESS) {
        out->kind = TARGET_PROCESS;
    }
}

/* ---- the functions ---- */

static bool current(struct attachment *out)
{
    struct call call;
    if (!call_enter(&call, &instr_api))
        return false;
    out->is_there = context_for_child(&out->context) && span_context_is_valid(&out->context);
    struct context_at at = context_at(call.thread);
    attach_target(&at, out);
    call_leave(&call);
    return out->is_there;
}

int otelshim_current_traceparent_v1(char *out)
{
    struct attachment now = { .is_there = false };
    out[0] = 0;
    if (!current(&now))
        return 0;
    traceparent_format(&now.context, out);
    return 1;
}

int otelshim_context_capture_v1(struct otelshim_context *out)
{
    struct attachment now = { .is_there = false };
    memset(out, 0, sizeof *out);
    if (!current(&now))
        return 0;
    api_context_put(&now, out);
    return 1;
}

int otelshim_context_from_traceparent_v1(const char *text, struct otelshim_context *out)
{
    struct attachment a = { .is_there = true };
    memset(out, 0, sizeof *out);
    if (text == NULL || call_enabled_mask == 0 ||
        !traceparent_parse(text, strnlen(text, TRACEPARENT_FIELD_MAX), &a.context))
        return 0;
    api_context_put(&a, out);
    return 1;
}

int otelshim_context_attach_v1(const struct otelshim_context *context,
                               struct otelshim_context *before)
{
    struct call call;
    struct attachment a, outer;
    struct token t = { 0 };
    bool attaches = api_context_get(context, &a) && call_enter(&call, &instr_api);
    if (attaches) {
        attach_push(&call, &a, &outer);
        call_leave(&call);
        token_of(&outer, &t);
        t.flags |= TOKEN_ATTACHED;
    }
    memcpy(before, &t, sizeof t);
    return attaches;
}

void otelshim_context_detach_v1(const struct otelshim_context *before)
{
    struct call call;
    struct attachment outer;
    struct token t;
    memcpy(&t, before, sizeof t);
    if (t.magic != TOKEN_MAGIC || !(t.flags & TOKEN_ATTACHED) || !call_enter(&call, &instr_api))
        return;
    token_read(&t, &outer);
    if (attach_is_current(&call))
        attach_pop(&call, &outer);
    call_leave(&call);
}
