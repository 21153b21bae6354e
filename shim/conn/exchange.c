/*
 * One request and its response, and the span they are.
 *
 * Where the parent comes from: a server's from what the request carries; a client's
 * from the call that is on the stack, from the evidence that context/request.h weighs,
 * or from an SDK in the program that has put its own on the request.
 */
#include "conn/conn_internal.h"

#include <stddef.h>

#include "config.h"
#include "conn/exchange_attrs.h"
#include "context/carried.h"
#include "context/process_context.h"
#include "context/propagator.h"
#include "context/request.h"
#include "diag.h"
#include "layout.h"
#include "mem/clear.h"
#include "open_mark.h"
#include "proto/http_attrs.h"
#include "sdk/notes.h"
#include "sdk/sampler.h"

/* Any thread; a forked child gives back what its copy holds. */
POOL(exchange_pool, EXCHANGE_BYTES, EXCHANGE_CHUNK, EXCHANGE_MAX);
STATIC_POOL(head_pool, HEAD_BYTES, 16, HEAD_MAX);
STATIC_POOL(large_head_pool, LARGE_HEAD_BYTES, 4, LARGE_HEAD_MAX);

/* Forks of this process; any thread. */
PER_REQUEST_ZERO static _Atomic uint16_t forks;

/* Constructor only. */
PER_REQUEST_ZERO static struct http1_env server_env, client_env;
PER_REQUEST_ZERO static struct http1_env server_answer_env,
    client_answer_env;                    /* for captured headers alone */
PER_REQUEST_ZERO static uint8_t may_want; /* enum exchange_want: by the configuration */

uint16_t exchange_forks(void)
{
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

void conn_forked(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

const char *exchange_errno_text(int error)
{
    /* clang-format off */
    switch (error) {
#define X(name) case name: return #name;
    X(ECONNRESET) X(EPIPE) X(ETIMEDOUT) X(ECONNREFUSED) X(ECONNABORTED) X(EHOSTUNREACH)
    X(ENETUNREACH) X(ENETDOWN) X(ENETRESET) X(ENOTCONN) X(ENOBUFS) X(ENOMEM) X(EBADF) X(EIO)
    X(EHOSTDOWN) X(EPERM) X(EACCES)
#undef X
    default: return "_OTHER";
    }
    /* clang-format on */
}

/* ---- memory ---- */

static uint32_t take_behind(void)
{
    uint32_t number = pool_take(&exchange_pool);
    if (number != POOL_NONE)
        return STREAM_MAX + number;
    diag_drop(DROP_TABLE_FULL, 1);
    return 0;
}

struct exchange *exchange_take(struct stream *s, uint32_t stream_number, bool server)
{
    uint32_t number = s->has_own ? take_behind() : stream_number;
    if (number == 0)
        return NULL;
    s->has_own = true;
    struct exchange *e = exchange_of(s, number);
    clear_bytes(e, offsetof(struct exchange, memory));
    e->number = number;
    e->flags = server ? EXCHANGE_SERVER : 0;
    e->wants = may_want;
    e->forks = exchange_forks();
    return e;
}

static inline void give_large(struct exchange *e)
{
    if (unlikely(e->large != 0))
        pool_give(e->is_large ? &large_head_pool : &head_pool, e->large);
    e->large = 0;
}

/* Blocks that few requests need. */
static __attribute__((noinline)) void give_blocks(struct exchange *e)
{
    give_large(e);
    if (e->answer != 0)
        pool_give(&head_pool, e->answer);
    carried_give(&e->tracestate);
    carried_give(&e->baggage);
    carried_give(&e->edit_text);
}

void exchange_give(struct stream *s, struct exchange *e)
{
    if (unlikely((e->large | e->answer | e->tracestate | e->baggage | e->edit_text) != 0))
        give_blocks(e);
    if (e->number <= STREAM_MAX)
        s->has_own = false;
    else
        pool_give(&exchange_pool, e->number - STREAM_MAX);
}

/* A head that needs more than the exchange has: http1_env.grow. */
static struct http1_store *grow(void *owner, struct http1_store *store, size_t more)
{
    struct exchange *e = owner;
    size_t need = http1_store_bytes(store) + more;
    bool large = need > HEAD_BYTES;
    if (need > LARGE_HEAD_BYTES || (e->large != 0 && !large))
        return NULL;
    struct pool *pool = large ? &large_head_pool : &head_pool;
    uint32_t number = pool_take(pool);
    if (number == POOL_NONE)
        return NULL;
    struct http1_store *bigger = http1_store_init(pool_at(pool, number), pool->block_bytes);
    http1_store_move(bigger, store);
    give_large(e);
    e->large = number;
    e->is_large = large;
    e->head = bigger;
    return bigger;
}

void exchange_lend(struct exchange *e, struct http1 *request)
{
    give_large(e);
    e->head = http1_store_init(e->memory, sizeof e->memory);
    request->env = e->flags & EXCHANGE_SERVER ? &server_env : &client_env;
    request->store = e->head;
    request->owner = e;
}

void exchange_lend_answer(struct exchange *e, struct http1 *response)
{
    const struct http1_env *env =
        e->flags & EXCHANGE_SERVER ? &server_answer_env : &client_answer_env;
    if (likely(env->capture == NULL) || !(e->wants & WANT_RECORD))
        return;
    if (e->answer == 0) {
        uint32_t number = pool_take(&head_pool);
        if (number == POOL_NONE)
            return;
        e->answer = number;
    }
    response->env = env;
    response->store = http1_store_init(pool_at(&head_pool, e->answer), HEAD_BYTES);
}

const struct http1_store *exchange_answer(const struct exchange *e)
{
    return e->answer != 0 ? pool_at(&head_pool, e->answer) : NULL;
}

AT_START void exchange_init(void)
{
    uint32_t context = HTTP1_CONTEXT_BITS(propagation.reads);
    exchange_attrs_init();
    server_env.keep = context | exchange_attrs_keep(true, false);
    client_env.keep = context | exchange_attrs_keep(false, false);
    server_env.grow = client_env.grow = grow;
    may_want = WANT_CONTEXT;
    if (config->exporters != 0 && (sampler_may_sample(config) || span_record_unsampled)) {
        may_want |= WANT_RECORD;
        server_env.keep |= exchange_attrs_keep(true, true);
        client_env.keep |= exchange_attrs_keep(false, true);
        server_env.capture = http_capture(true, PROTO_REQUESTS);
        client_env.capture = http_capture(false, PROTO_REQUESTS);
        server_answer_env.capture = http_capture(true, PROTO_RESPONSES);
        client_answer_env.capture = http_capture(false, PROTO_RESPONSES);
    }
}

/* ---- starts ---- */

static uint64_t target_of(const struct exchange *e)
{
    const struct http1_store *h = e->head;
    struct http1_text m = h->fields[HTTP1_METHOD], t = h->fields[HTTP1_TARGET];
    return request_target(http1_store_text(h, m), m.len, http1_store_text(h, t), t.len);
}

static void start_server(struct exchange *e)
{
    struct span_context caller;
    bool has_caller = exchange_caller(e, &caller);
    if (has_caller)
        exchange_carry_texts(e, &caller);
    span_start_with_parent(&e->span, conn_http, SPAN_SERVER, has_caller ? &caller : NULL);
}

void exchange_becomes_parent(const struct conn *c, struct exchange *e)
{
    static const struct span_context nobody;
    struct span_context caller;
    bool excluded = e->flags & EXCHANGE_EXCLUDED;
    if (!(e->flags & EXCHANGE_SERVER) || !(e->flags & EXCHANGE_STARTED) || e->request != 0 ||
        (!e->span.open && !excluded))
        return;
    /* One that is excluded is nobody's parent, but threads may be at it all the same. */
    bool has_caller = !excluded && exchange_caller(e, &caller);
    e->request = request_open(c->stream, excluded ? &nobody : &e->span.context,
                              has_caller ? &caller : NULL, target_of(e));
    request_turn(&thread_state, e->request);
}

/* Links to the candidates stand behind the head's texts, as many as there is room for. */
static struct record_link *links_of(const struct exchange *e)
{
    struct http1_store *h = e->head;
    return (struct record_link *)(void *)(h->text + h->used);
}

static void link_candidates(struct exchange *e)
{
    size_t room = (size_t)(e->head->cap - e->head->used) / sizeof(struct record_link);
    unsigned max = room < REQUEST_MAX_LINKS ? (unsigned)room : REQUEST_MAX_LINKS;
    e->nr_links = (uint8_t)request_candidates(&thread_state, links_of(e), max);
}

static bool is_current(const struct span *span)
{
    return span != NULL && span->open;
}

/*
 * A context that we did not put there: of an SDK in this process, or forwarded by a
 * server whose request we could not follow.
 */
static bool is_remote(const struct span_context *carried)
{
    unsigned flags = atomic_load_explicit(&process_context.flags, memory_order_relaxed);
    return (flags & PROCESS_SERVER) && !request_has_trace(carried->trace_id);
}

/*
 * A pool may begin a connection for a request that then has another's, just come free, and give the new
 * one to whoever comes next (hyper's does): where any connection has carried a second message, that it was begun for
 * a request is no evidence any more. But in programs that dispatch inline: there a request waits for its own.
 */
static struct request_begun how_begun(struct conn *c)
{
    PER_REQUEST_ZERO static atomic_bool pooled;
    struct request_begun begun = { c->begun_for, !(c->flags & CONN_SPOKEN) };
    c->begun_for = 0;
    if (request_inline_dispatch)
        return begun;
    if (atomic_load_explicit(&pooled, memory_order_relaxed))
        begun.request = 0;
    else if (!begun.is_first)
        atomic_store_explicit(&pooled, true, memory_order_relaxed);
    return begun;
}

static void start_client(struct conn *c, struct exchange *e)
{
    struct thread_state *t = &thread_state;
    struct span_context carried, parent;
    bool has_carried = exchange_caller(e, &carried);
    uint32_t found = 0;
    struct request_begun begun = how_begun(c);
    if (!is_current(t->current)) {
        found = request_for_outgoing(t, has_carried ? &carried : NULL, begun, target_of(e));
        if (request_inline_dispatch)
            request_turn(t, found); /* that is what the thread is at now, or nobody knows */
    }
    bool has_parent = found != 0 && request_context(found, &parent);
    if (has_carried) {
        bool forwarded = has_parent && request_came_with(found, &carried);
        if (forwarded) {
            e->flags |= EXCHANGE_FORWARDED;
        } else {
            e->flags |= EXCHANGE_OWN_PARENT;
            parent = carried;
            parent.remote = is_remote(&carried);
            has_parent = true;
        }
    }
    if (has_parent) {
        e->request = found;
        span_start_with_parent(&e->span, conn_http, SPAN_CLIENT, &parent);
        return;
    }
    span_start(&e->span, conn_http, SPAN_CLIENT, NULL);
    if (found == 0 && !(e->span.head.flags & RECORD_HAS_PARENT) && (e->wants & WANT_RECORD))
        link_candidates(e);
}

/* By its method: a route is known at its end. */
static void mark_open(struct exchange *e)
{
    const struct http1_store *h = e->head;
    struct http1_text m = h->fields[HTTP1_METHOD];
    if (e->method != HTTP_OTHER)
        span_mark_open(&e->span, http1_store_text(h, m), m.len);
    else
        span_mark_open(&e->span, "HTTP", 4);
}

void exchange_start(struct conn *c, struct exchange *e, const struct http1 *request)
{
    e->flags |= EXCHANGE_STARTED;
    e->method = request->method;
    e->request_minor = request->minor;
    if (exchange_is_excluded(c, e)) {
        e->flags |= EXCHANGE_EXCLUDED;
        e->wants = 0;
        return;
    }
    if (e->flags & EXCHANGE_SERVER)
        start_server(e);
    else
        start_client(c, e);
    if (unlikely(config->rules != NULL))
        exchange_decide(c, e);
    if (!span_is_recorded(&e->span))
        e->wants &= (uint8_t)~WANT_RECORD;
    else
        mark_open(e);
}

/* ---- ends ---- */

/* What the program has said of a server's request goes with its span. */
static void take_notes(struct exchange *e)
{
    if (!(e->flags & EXCHANGE_SERVER) || e->request == 0)
        return;
    uint32_t notes = request_take_notes(e->request);
    if (notes != 0 && e->span.open)
        e->span.notes = (uint16_t)notes;
    else if (notes != 0)
        notes_give(notes);
}

static void forget_span(struct exchange *e)
{
    if (e->span.open)
        span_abandon(&e->span);
}

void exchange_abandon(struct exchange *e)
{
    request_close(e->flags & EXCHANGE_SERVER ? e->request : 0, false);
    take_notes(e);
    forget_span(e);
}

void exchange_end(struct conn *c, struct exchange *e, const char *error)
{
    request_close(e->flags & EXCHANGE_SERVER ? e->request : 0,
                  (e->flags & EXCHANGE_ANSWERED) && error == NULL);
    exchange_tell(c, e, error);
}

void exchange_tell(struct conn *c, struct exchange *e, const char *error)
{
    struct span_writer w;
    take_notes(e);
    if (!(e->wants & WANT_RECORD)) {
        forget_span(e);
        return;
    }
    if (!e->span.open || !span_end(&e->span, &w))
        return;
    for (unsigned i = 0; i < e->nr_links; i++) {
        unsigned char *to = span_put(&w, FIELD_LINK, 0, sizeof(struct record_link));
        if (to != NULL)
            memcpy(to, &links_of(e)[i], sizeof(struct record_link));
    }
    exchange_attrs_write(c, e, error, &w);
    span_commit(&w);
}
