/*
 * The public API (otelshim.h): the current context in a program's own hands.
 *
 * An attached context is a span of the thread's own that is never told: it stands where the
 * innermost call's span stands (thread_state.current), so every hook finds it as it finds a
 * parent anywhere else. There is one per thread; nesting keeps the outer one's ids in the
 * token that attach hands out. What stood there before, a call's span, is kept beside it: it
 * is put back only while ours is still there, as the guard gives its own back by itself.
 */
#define OTELSHIM_API __attribute__((visibility("default")))
#define OTELSHIM_IMPLEMENTATION
#include "otelshim.h"

#include "config.h"
#include "context/context.h"
#include "context/traceparent.h"
#include "process_state.h"

/* What a token holds. */
struct token {
    uint32_t magic; /* TOKEN_MAGIC; 0: none */
    uint32_t flags; /* enum token_flag, and the context's flags in the low byte */
    uint8_t trace_id[16];
    uint8_t span_id[8];
    struct span *outer; /* of attach: what stood there before */
    uint64_t unused;
};
_Static_assert(sizeof(struct token) == sizeof(struct otelshim_context), "a token is a context");

#define TOKEN_MAGIC 0x6f74736cu
enum token_flag {
    TOKEN_CONTEXT = 1u << 8, /* ids are there */
    TOKEN_REMOTE = 1u << 9,
    TOKEN_ATTACHED = 1u << 10, /* of attach, which has attached something */
};

/* The thread's attached context; open while it stands in thread_state.current. */
static __thread struct span attached __attribute__((tls_model("initial-exec")));

static void token_set(struct token *t, const struct span_context *c)
{
    t->magic = TOKEN_MAGIC;
    t->flags |= TOKEN_CONTEXT | c->flags | (c->remote ? TOKEN_REMOTE : 0u);
    memcpy(t->trace_id, c->trace_id, sizeof t->trace_id);
    memcpy(t->span_id, c->span_id, sizeof t->span_id);
}

static void attach(const struct token *t)
{
    struct span_context c = { .flags = (uint8_t)t->flags, .remote = t->flags & TOKEN_REMOTE };
    memcpy(c.trace_id, t->trace_id, sizeof c.trace_id);
    memcpy(c.span_id, t->span_id, sizeof c.span_id);
    span_abandon(&attached); /* threads that were made meanwhile may know it */
    attached.context = c;
    attached.open = true;
    attached.process_generation = thread_state.generation;
}

/* Whether state may be used at all; errno may change in a forked child. */
static bool enter(void)
{
    return call_enabled_mask != 0 && process_enter();
}

static bool is_attached(void)
{
    return thread_state.current == &attached && attached.open;
}

static bool current(struct span_context *out)
{
    int saved_errno = errno;
    bool found = enter() && context_for_child(out) && span_context_is_valid(out);
    errno = saved_errno;
    return found;
}

int otelshim_current_traceparent_v1(char *out)
{
    struct span_context c;
    out[0] = 0;
    if (!current(&c))
        return 0;
    traceparent_format(&c, out);
    return 1;
}

int otelshim_context_capture_v1(struct otelshim_context *out)
{
    struct token t = { 0 };
    struct span_context c;
    bool found = current(&c);
    if (found)
        token_set(&t, &c);
    memcpy(out, &t, sizeof t);
    return found;
}

int otelshim_context_attach_v1(const struct otelshim_context *context,
                               struct otelshim_context *before)
{
    struct token t, outer = { 0 };
    int saved_errno = errno;
    memcpy(&t, context, sizeof t);
    bool attaches = t.magic == TOKEN_MAGIC && (t.flags & TOKEN_CONTEXT) && enter();
    errno = saved_errno;
    if (attaches) {
        outer.magic = TOKEN_MAGIC;
        outer.flags = TOKEN_ATTACHED;
        if (is_attached())
            token_set(&outer, &attached.context);
        else
            outer.outer = thread_state.current;
        attach(&t);
        thread_state.current = &attached;
    }
    memcpy(before, &outer, sizeof outer);
    return attaches;
}

void otelshim_context_detach_v1(const struct otelshim_context *before)
{
    struct token outer;
    memcpy(&outer, before, sizeof outer);
    int saved_errno = errno;
    if (outer.magic != TOKEN_MAGIC || !(outer.flags & TOKEN_ATTACHED) || !enter() ||
        !is_attached()) {
        errno = saved_errno;
        return;
    }
    errno = saved_errno;
    if (outer.flags & TOKEN_CONTEXT) {
        attach(&outer);
    } else {
        span_abandon(&attached);
        thread_state.current = outer.outer;
    }
}
