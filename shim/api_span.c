/*
 * The public API (otelshim.h): spans of the program's own, and what it says of these and of
 * the current span. Handles and words lead to notes (sdk/notes.h); nothing here touches a
 * span that another thread may be ending.
 */
#define OTELSHIM_API __attribute__((visibility("default")))
#define OTELSHIM_IMPLEMENTATION
#include "otelshim.h"

#include "attach.h"
#include "config.h"
#include "context/carried.h"
#include "context/process_context.h"
#include "context/request.h"
#include "diag.h"
#include "mem/clear.h"
#include "open_mark.h"
#include "sdk/rules.h"

/* Bounds, each a row in docs/LIMITS.md. */
#define API_MAX_EVENT_ATTRIBUTES 32u
#define API_MAX_NESTING 16u /* current spans above one that is ended too early */

struct instrumentation instr_manual = {
    .name = "manual",
    .knows_more = true, /* its name */
    .fork_child = notes_fork_child,
    .process_ends = notes_end_all,
};

/* What a struct otelshim_span holds. */
struct handle {
    uint64_t of; /* span_handle() */
    uint32_t magic;
    uint32_t was_current;
};
_Static_assert(sizeof(struct handle) == sizeof(struct otelshim_span), "a handle is a span");
#define HANDLE_MAGIC 0x6f747370u

static bool handle_read(const struct otelshim_span *span, struct handle *out)
{
    memcpy(out, span, sizeof *out);
    return out->magic == HANDLE_MAGIC;
}

/* ---- whose notes ---- */

static struct notes *take(void)
{
    struct notes *n = notes_take();
    if (n == NULL)
        diag_detail(DETAIL_TABLE_FULL);
    return n;
}

/* The span of a call on this thread's stack. Who comes between is a signal handler. */
static struct notes *hold_of_call(struct span *span)
{
    uint16_t none = 0;
    if (!span_is_recorded(span))
        return NULL;
    if (span->notes != 0)
        return notes_hold(span->notes, NOTES_ANY);
    struct notes *n = take();
    if (n == NULL || __atomic_compare_exchange_n(&span->notes, &none, n->number, false,
                                                 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return n;
    notes_discard(n);
    return notes_hold(none, NOTES_ANY);
}

/*
 * The block of notes that a word names which other threads use as well, held. `look` says
 * which; `set` makes it that of a new block, unless there is one, or none may be set any more.
 * A block that the word does not name any more, once it is held, is another span's.
 */
struct shared_word {
    uint32_t (*look)(uint32_t of);
    bool (*set)(uint32_t of, uint32_t notes);
};

static struct notes *hold_of_word(const struct shared_word *word, uint32_t of)
{
    uint32_t number = word->look(of);
    if (number == 0) {
        struct notes *n = take();
        if (n == NULL || word->set(of, n->number))
            return n;
        notes_discard(n);
        number = word->look(of);
    }
    struct notes *n = number != 0 ? notes_hold(number, NOTES_ANY) : NULL;
    if (n != NULL && word->look(of) != number) {
        notes_release(n);
        return NULL;
    }
    return n;
}

static bool request_is_recorded(uint32_t request)
{
    struct span_context context;
    return request_context(request, &context) &&
           (span_context_is_sampled(&context) || span_record_unsampled);
}

static struct notes *hold_of_request(uint32_t request)
{
    static const struct shared_word word = { request_notes, request_set_notes };
    return request_is_recorded(request) ? hold_of_word(&word, request) : NULL;
}

static uint32_t process_notes(uint32_t unused)
{
    (void)unused;
    uint32_t notes = atomic_load_explicit(&process_context.notes, memory_order_acquire);
    return notes != PROCESS_NOTES_TOLD ? notes : 0;
}

static bool process_set_notes(uint32_t unused, uint32_t notes)
{
    uint32_t none = 0;
    (void)unused;
    return atomic_compare_exchange_strong(&process_context.notes, &none, notes);
}

/* Its ids and flags never change while it is open: any thread may look. */
static bool process_is_recorded(void)
{
    return span_is_recorded(&process_context.span);
}

static struct notes *hold_of_process(void)
{
    static const struct shared_word word = { process_notes, process_set_notes };
    struct notes *n = process_is_recorded() ? hold_of_word(&word, 0) : NULL;
    if (n != NULL)
        process_context_mark_used(); /* it has something to say: it is told */
    return n;
}

/* A span of the program's own, while it is recorded. */
static inline struct notes *hold_of_span(uint64_t handle)
{
    struct notes *n = span_hold(handle);
    if (n == NULL || span_is_recorded(&n->span))
        return n;
    notes_release(n);
    return NULL;
}

static struct notes *hold_current(const struct call *call)
{
    struct context_at at = context_at(call->thread);
    struct attachment a;
    attach_target(&at, &a);
    switch (a.kind) {
    case TARGET_SPAN: return hold_of_span(a.target);
    case TARGET_REQUEST: return hold_of_request((uint32_t)a.target);
    case TARGET_PROCESS: return hold_of_process();
    default: break;
    }
    if (at.owner == CONTEXT_CALL && at.span != attach_span())
        return hold_of_call(at.span);
    if (at.owner != CONTEXT_NONE && !(at.owner == CONTEXT_CALL && at.span->context.remote))
        diag_detail(DETAIL_OTHERS);
    return NULL;
}

/*
 * Begins a function that says something of `span` (NULL: the current one). NULL: it has
 * nothing to say it to, and is over; else say_end() must follow.
 */
static struct notes *say_begin(struct call *call, const struct otelshim_span *span)
{
    struct handle handle;
    if ((span != NULL && !handle_read(span, &handle)) || !call_enter(call, &instr_manual))
        return NULL;
    struct notes *n = span != NULL ? hold_of_span(handle.of) : hold_current(call);
    if (n == NULL)
        call_leave(call);
    return n;
}

static int say_end(struct call *call, struct notes *n, bool done)
{
    notes_release(n);
    call_leave(call);
    return done;
}

/* ---- texts and attributes of the program's ---- */

/* Bytes of a text that may be NULL, cut at `max`. */
static size_t text_bytes(const char *text, size_t max)
{
    return text != NULL ? span_cut(text, strnlen(text, max + 1), max) : 0;
}

/* False: no key, no value, or no such type. */
static inline bool note_of(const struct otelshim_attribute *a, struct note *out)
{
    static const unsigned char truths[] = { 0, 1 };
    size_t key_bytes = a->key != NULL ? strnlen(a->key, NOTES_MAX_KEY + 1) : 0;
    if (key_bytes == 0 || key_bytes > NOTES_MAX_KEY)
        return false;
    *out = (struct note){ .key = a->key, .key_bytes = (uint16_t)key_bytes, .value_bytes = 8 };
    switch (a->type) {
    case OTELSHIM_STRING:
        out->type = FIELD_STRING;
        out->value = a->value.string;
        out->value_bytes = (uint16_t)text_bytes(a->value.string, RECORD_MAX_VALUE);
        return out->value != NULL;
    case OTELSHIM_BOOL:
        out->type = FIELD_BOOL;
        out->value = &truths[a->value.integer != 0];
        out->value_bytes = 1;
        return true;
    case OTELSHIM_INT:
        out->type = FIELD_INT;
        out->value = &a->value.integer;
        return true;
    case OTELSHIM_DOUBLE:
        out->type = FIELD_DOUBLE;
        out->value = &a->value.real;
        return true;
    default: return false;
    }
}

/* ---- spans ---- */

/* Texts that come with a request live as long as that; the span may live longer. */
static void keep_texts(struct notes *n)
{
    struct span_context *c = &n->span.context;
    if (c->tracestate != NULL)
        n->tracestate = carried_keep(c->tracestate, strlen(c->tracestate));
    if (c->baggage != NULL)
        n->baggage = carried_keep(c->baggage, strlen(c->baggage));
    c->tracestate = carried_text(n->tracestate);
    c->baggage = carried_text(n->baggage);
}

static bool start(struct notes *n, const struct call *call, const char *name, size_t name_bytes,
                  enum span_kind kind, const struct otelshim_context *parent)
{
    struct attachment a;
    n->is_span = true;
    if (parent == NULL)
        span_start(&n->span, &instr_manual, kind, call);
    else
        span_start_with_parent(&n->span, &instr_manual, kind,
                               api_context_get(parent, &a) ? &a.context : NULL);
    if (!n->span.open)
        return false;
    if (unlikely(config->rules != NULL)) {
        struct span_known known = { 0 };
        span_known_set(&known, RULE_NAME, name, name_bytes);
        span_decide(&n->span, &instr_manual, &known);
    }
    keep_texts(n);
    if (span_is_recorded(&n->span))
        notes_name(n, name, name_bytes);
    span_mark_open(&n->span, name, name_bytes);
    return true;
}

/* What is attached for a span of the program's own. */
static void stand_for(struct attachment *a, const struct notes *n, uint64_t handle)
{
    clear_bytes(a, sizeof *a);
    a->context = n->span.context;
    a->target = handle;
    a->kind = TARGET_SPAN;
    a->is_there = true;
}

int otelshim_span_start_v1(struct otelshim_span *out, const char *name, int kind, int is_current,
                           const struct otelshim_context *parent)
{
    struct call call;
    struct handle handle = { 0 };
    struct notes *n = NULL;
    size_t name_bytes = text_bytes(name, RECORD_MAX_VALUE);
    memset(out, 0, sizeof *out);
    if (name_bytes == 0 || kind < SPAN_INTERNAL || kind > SPAN_CONSUMER ||
        !call_enter(&call, &instr_manual))
        return 0;
    if ((n = notes_take()) == NULL) {
        diag_drop(DROP_TABLE_FULL, 1);
    } else if (!start(n, &call, name, name_bytes, (enum span_kind)kind, parent)) {
        notes_discard(n);
    } else {
        handle = (struct handle){ span_handle(n), HANDLE_MAGIC, is_current != 0 };
        struct attachment a;
        if (is_current) {
            stand_for(&a, n, handle.of);
            attach_push(&call, &a, &n->before);
        }
        notes_release(n);
    }
    call_leave(&call);
    memcpy(out, &handle, sizeof handle);
    return handle.magic != 0;
}

static bool is_of(const struct attachment *a, uint64_t handle)
{
    return a != NULL && a->is_there && a->kind == TARGET_SPAN && a->target == handle;
}

/* It was ended before spans that are current above it: these come back to what was below it. */
static void pass_over(uint64_t handle, const struct attachment *before)
{
    const struct attachment *top = attach_now();
    struct attachment above = { .is_there = false };
    if (top != NULL)
        above = *top;
    for (unsigned i = 0; i < API_MAX_NESTING && above.is_there && above.kind == TARGET_SPAN; i++) {
        struct notes *n = span_hold(above.target);
        if (n == NULL)
            return;
        bool found = is_of(&n->before, handle);
        if (found)
            n->before = *before;
        above = n->before;
        notes_release(n);
        if (found)
            return;
    }
}

int otelshim_span_end_v1(const struct otelshim_span *span)
{
    struct call call;
    struct handle handle;
    struct attachment before;
    if (!handle_read(span, &handle) || !call_enter(&call, &instr_manual))
        return 0;
    bool ended = notes_end_span(handle.of, &before);
    if (handle.was_current && is_of(attach_now(), handle.of))
        attach_pop(&call, &before);
    else if (handle.was_current && ended)
        pass_over(handle.of, &before);
    call_leave(&call);
    return ended;
}

int otelshim_span_context_v1(const struct otelshim_span *span, struct otelshim_context *out)
{
    struct call call;
    struct handle handle;
    memset(out, 0, sizeof *out);
    if (!handle_read(span, &handle) || !call_enter(&call, &instr_manual))
        return 0;
    struct notes *n = span_hold(handle.of);
    if (n != NULL) {
        struct attachment a;
        stand_for(&a, n, handle.of);
        notes_release(n);
        api_context_put(&a, out);
    }
    call_leave(&call);
    return n != NULL;
}

/* ---- what is said ---- */

static bool current_is_recorded(const struct call *call)
{
    struct context_at at = context_at(call->thread);
    struct attachment a;
    attach_target(&at, &a);
    switch (a.kind) {
    case TARGET_REQUEST: return request_is_recorded((uint32_t)a.target);
    case TARGET_PROCESS: return process_is_recorded();
    case TARGET_SPAN: break;
    default:
        return at.owner == CONTEXT_CALL && at.span != attach_span() && span_is_recorded(at.span);
    }
    struct notes *n = hold_of_span(a.target);
    if (n != NULL)
        notes_release(n);
    return n != NULL;
}

int otelshim_is_recorded_v1(const struct otelshim_span *span)
{
    struct call call;
    if (span != NULL) {
        struct notes *n = say_begin(&call, span);
        return n != NULL && say_end(&call, n, true);
    }
    if (!call_enter(&call, &instr_manual))
        return 0;
    bool recorded = current_is_recorded(&call);
    call_leave(&call);
    return recorded;
}

int otelshim_set_v1(const struct otelshim_span *span, const struct otelshim_attribute *attributes,
                    unsigned nr)
{
    struct call call;
    struct notes *n = attributes != NULL ? say_begin(&call, span) : NULL;
    bool all = true;
    if (n == NULL)
        return 0;
    for (unsigned i = 0; i < nr; i++) {
        struct note note;
        bool sound = note_of(&attributes[i], &note);
        if (!sound)
            notes_drop_attribute(n);
        all &= sound && notes_attribute(n, &note);
    }
    return say_end(&call, n, all);
}

int otelshim_event_v1(const struct otelshim_span *span, const char *name,
                      const struct otelshim_attribute *attributes, unsigned nr)
{
    struct call call;
    struct note notes[API_MAX_EVENT_ATTRIBUTES];
    unsigned nr_notes = 0;
    size_t name_bytes = name != NULL ? strnlen(name, NOTES_MAX_KEY + 1) : 0;
    if (name_bytes == 0 || name_bytes > NOTES_MAX_KEY || (attributes == NULL && nr != 0))
        return 0;
    struct notes *n = say_begin(&call, span);
    if (n == NULL)
        return 0;
    for (unsigned i = 0; i < nr && nr_notes < API_MAX_EVENT_ATTRIBUTES; i++)
        nr_notes += note_of(&attributes[i], &notes[nr_notes]);
    bool done = notes_event(n, name, name_bytes, notes, nr_notes, nr - nr_notes);
    return say_end(&call, n, done && nr_notes == nr);
}

int otelshim_link_v1(const struct otelshim_span *span, const struct otelshim_context *to)
{
    struct call call;
    struct attachment a;
    struct record_link link;
    if (to == NULL || !api_context_get(to, &a))
        return 0;
    memcpy(link.trace_id, a.context.trace_id, sizeof link.trace_id);
    memcpy(link.span_id, a.context.span_id, sizeof link.span_id);
    link.flags = a.context.flags;
    link.remote = a.context.remote;
    struct notes *n = say_begin(&call, span);
    return n != NULL && say_end(&call, n, notes_link(n, &link));
}

int otelshim_name_v1(const struct otelshim_span *span, const char *name)
{
    struct call call;
    size_t bytes = text_bytes(name, RECORD_MAX_VALUE);
    struct notes *n = bytes != 0 ? say_begin(&call, span) : NULL;
    return n != NULL && say_end(&call, n, notes_name(n, name, bytes));
}

int otelshim_status_v1(const struct otelshim_span *span, int status, const char *description)
{
    struct call call;
    if (status != OTELSHIM_OK && status != OTELSHIM_ERROR)
        return 0;
    struct notes *n = say_begin(&call, span);
    return n != NULL &&
           say_end(&call, n,
                   notes_status(n, status == OTELSHIM_OK ? RECORD_OK : RECORD_ERROR, description,
                                text_bytes(description, RECORD_MAX_VALUE)));
}
