/*
 * Open server requests; see request.h. `handle` of an entry is its sequence lock:
 * readers look at it before and after.
 */
#include "context/request.h"
#include "layout.h"
#include "proto/http_method.h"

_Static_assert(REQUEST_MAX_OPEN == 1u << REQUEST_INDEX_BITS, "an index fits its bits");
_Static_assert(sizeof(struct span_context) % sizeof(uint64_t) == 0, "copied by words");

#define CONTEXT_WORDS (sizeof(struct span_context) / sizeof(uint64_t))
/* Threads share counters by their ids: a shared counter is never less than its
 * threads' own, so 0 and "one, and it is mine" stay true. */
#define COUNTERS 1024u

/* Open requests by thread; opened by that thread, closed by any. */
PER_REQUEST_TABLE static _Atomic uint32_t open_of_thread[COUNTERS];
/* By slot: taken by number (pool_reach). Any thread; emptied in a forked child. */
REQUEST_POOL(request_pool, sizeof(struct request), REQUEST_CHUNK, REQUEST_MAX_OPEN);
/* The last thread id given out. */
PER_REQUEST_ZERO static _Atomic uint32_t last_thread;
/* Of the whole process, in one word so that both are of one moment: requests opened so
 * far (upper half), open now (lower half). Any thread. */
PER_REQUEST_ZERO static _Atomic uint64_t requests;
#define ONE_OPENED (UINT64_C(1) << 32)
/* Living threads that were made inside requests: the request (upper half; SEVERAL: not of
 * one, or not known) and how many. Any thread. */
static _Atomic uint64_t made_inside;
#define SEVERAL UINT32_MAX

PER_REQUEST_ZERO bool request_inline_dispatch;
static struct ticks_base pace;
/* By so much a loop's clock may be ahead of ours: a tick of the kernel's coarse clock, which nginx reads, and
 * the millisecond that it is cut to. */
#define CLOCK_GRAIN_NS 12000000u
/* Requests wander from thread to thread here: seen once, and true from then on. */
PER_REQUEST_ZERO static atomic_bool wandering;
/* Who has answered what a thread had read, by its id: as above. Bits of enum answerer. */
PER_REQUEST_TABLE static atomic_uchar answerers[COUNTERS];
enum answerer { BY_ITSELF = 1, BY_ANOTHER = 2 };
/* An event loop reads requests here; true from then on. */
PER_REQUEST_ZERO static atomic_bool loops_read;
/* Requests that were answered by the thread that had read them, while others were open: so many, and requests
 * stay where they are, unless one is ever seen to wander. Counted where several threads read. */
#define STAYS_PROVEN 256u
PER_REQUEST_ZERO static _Atomic uint32_t stayed;

static uint32_t opens_of(uint64_t both)
{
    return (uint32_t)(both >> 32);
}

static uint32_t thread_id(struct thread_state *t)
{
    if (unlikely(t->made_inside)) {
        t->made_inside = 0;
        request_thread_ended();
    }
    if (t->id == 0)
        t->id = atomic_fetch_add_explicit(&last_thread, 1, memory_order_relaxed) + 1;
    return t->id;
}

static _Atomic uint32_t *counter_of(uint32_t thread)
{
    return &open_of_thread[thread % COUNTERS];
}

uint32_t request_open(uint32_t slot, const struct span_context *context,
                      const struct span_context *caller, uint64_t target)
{
    struct thread_state *t = &thread_state;
    if (!pool_reach(&request_pool, slot)) {
        request_unopened();
        return 0;
    }
    struct request *r = request_of_slot(slot);
    /* The handle was 0 before anything else changes. Pairs with the fences of readers. */
    atomic_thread_fence(memory_order_release);
    uint64_t words[CONTEXT_WORDS], came[3] = { 0 };
    memcpy(words, context, sizeof words);
    if (caller != NULL) {
        memcpy(came, caller->trace_id, 16);
        memcpy(&came[2], caller->span_id, 8);
    }
#pragma GCC unroll 8
    for (unsigned i = 0; i < CONTEXT_WORDS; i++)
        atomic_store_explicit(&r->words[i], words[i], memory_order_relaxed);
#pragma GCC unroll 3
    for (unsigned i = 0; i < 3; i++)
        atomic_store_explicit(&r->caller[i], came[i], memory_order_relaxed);
    atomic_store_explicit(&r->target, target, memory_order_relaxed);
    atomic_store_explicit(&r->thread, thread_id(t), memory_order_relaxed);
    r->generation = (r->generation + 1) & (UINT32_MAX >> REQUEST_INDEX_BITS);
    r->generation += r->generation == 0;
    uint32_t handle = r->generation << REQUEST_INDEX_BITS | (slot - 1);
    atomic_store_explicit(&r->notes, (uint64_t)handle << 32, memory_order_relaxed);
    if (unlikely(t->is_loop) && !atomic_load_explicit(&loops_read, memory_order_relaxed))
        atomic_store_explicit(&loops_read, true, memory_order_relaxed);
    atomic_fetch_add_explicit(counter_of(t->id), 1, memory_order_relaxed);
    uint64_t before = atomic_fetch_add_explicit(&requests, ONE_OPENED + 1, memory_order_relaxed);
    atomic_store_explicit(&r->opened, opens_of(before) + 1, memory_order_relaxed);
    /* Pairs with the acquires of readers. */
    atomic_store_explicit(&r->handle, handle, memory_order_release);
    t->last_request = handle;
    return handle;
}

void request_unopened(void)
{
    atomic_fetch_add_explicit(&requests, ONE_OPENED, memory_order_relaxed);
}

static inline bool has_own_open(const struct thread_state *t)
{
    return request_is_open(t->last_request) &&
           atomic_load_explicit(&request_at(t->last_request)->thread, memory_order_relaxed) ==
               t->id;
}

/* Whether it is to be counted still who answers what. */
static inline bool is_unproven(void)
{
    return atomic_load_explicit(&last_thread, memory_order_relaxed) > 1 &&
           atomic_load_explicit(&stayed, memory_order_relaxed) < STAYS_PROVEN;
}

/* It counts as open still. */
static __attribute__((noinline)) void answered_by(struct thread_state *t, uint32_t reader)
{
    atomic_uchar *by = &answerers[reader % COUNTERS];
    if (reader == t->id) {
        t->answers = 1;
        atomic_fetch_or_explicit(by, BY_ITSELF, memory_order_relaxed);
        if (is_unproven() && (uint32_t)atomic_load_explicit(&requests, memory_order_relaxed) > 1)
            atomic_fetch_add_explicit(&stayed, 1, memory_order_relaxed);
        return;
    }
    unsigned before = atomic_fetch_or_explicit(by, BY_ANOTHER, memory_order_relaxed);
    if (has_own_open(t) || (t->answers != 0 && (before & BY_ITSELF)))
        atomic_store_explicit(&wandering, true, memory_order_relaxed);
}

void request_close(uint32_t handle, bool answered)
{
    if (handle == 0)
        return;
    struct request *r = request_at(handle);
    if (atomic_load_explicit(&r->handle, memory_order_relaxed) != handle)
        return; /* of a parent process */
    atomic_store_explicit(&r->handle, 0, memory_order_release);
    uint32_t reader = atomic_load_explicit(&r->thread, memory_order_relaxed);
    struct thread_state *t = &thread_state;
    if (answered && unlikely(reader != t->id || t->answers == 0 || is_unproven()))
        answered_by(t, reader);
    atomic_fetch_sub_explicit(counter_of(reader), 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&requests, 1, memory_order_relaxed);
}

/* Whether a request that this thread has read is what it is at, though others are open elsewhere. */
static inline bool is_settled(const struct thread_state *t)
{
    return !atomic_load_explicit(&wandering, memory_order_relaxed) &&
           !(atomic_load_explicit(&loops_read, memory_order_relaxed) && unlikely(is_unproven())) &&
           !(atomic_load_explicit(&answerers[t->id % COUNTERS], memory_order_relaxed) & BY_ANOTHER);
}

bool request_context(uint32_t handle, struct span_context *out)
{
    if (!request_is_open(handle))
        return false;
    struct request *r = request_at(handle);
    uint64_t words[CONTEXT_WORDS];
    for (unsigned i = 0; i < CONTEXT_WORDS; i++)
        words[i] = atomic_load_explicit(&r->words[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&r->handle, memory_order_relaxed) != handle)
        return false;
    memcpy(out, words, sizeof words);
    return span_context_is_valid(out);
}

/* Eight bytes at a time, as FNV mixes one; 64 bits: a collision is no concern. */
static inline uint64_t mix(uint64_t h, const char *text, size_t len)
{
    const uint64_t prime = 1099511628211ull;
    uint64_t word = 0;
    for (; len >= sizeof word; len -= sizeof word, text += sizeof word) {
        memcpy(&word, text, sizeof word);
        h = (h ^ word) * prime;
        h ^= h >> 32; /* a product's upper bits know of all that went in */
    }
    word = http_method_word(text, len) | (uint64_t)len << 56; /* at most seven bytes */
    h = (h ^ word) * prime;
    return h ^ h >> 32;
}

uint32_t request_notes(uint32_t handle)
{
    uint64_t word = atomic_load_explicit(&request_at(handle)->notes, memory_order_acquire);
    return word >> 32 == handle ? (uint32_t)word : 0;
}

bool request_set_notes(uint32_t handle, uint32_t notes)
{
    uint64_t none = (uint64_t)handle << 32;
    return atomic_compare_exchange_strong(&request_at(handle)->notes, &none, none | notes);
}

uint32_t request_take_notes(uint32_t handle)
{
    _Atomic uint64_t *word = &request_at(handle)->notes;
    uint64_t now = atomic_load_explicit(word, memory_order_relaxed);
    /* The handle alone is changed, too: nobody can set any later. */
    while (now >> 32 == handle)
        if (atomic_compare_exchange_weak(word, &now, 0))
            return (uint32_t)now;
    return 0;
}

uint64_t request_target(const char *method, size_t method_len, const char *target, size_t len)
{
    return mix(mix(14695981039346656037ull, method, method_len), target, len);
}

/* What a search looks for among the open requests. */
struct wanted {
    uint32_t thread;                    /* 0: of any thread */
    const struct span_context *carried; /* NULL: with any caller */
    const uint64_t *target;             /* NULL: with any target */
};

static bool is_wanted(struct request *r, const struct wanted *w)
{
    if (w->thread != 0 && atomic_load_explicit(&r->thread, memory_order_relaxed) != w->thread)
        return false;
    if (w->target != NULL && atomic_load_explicit(&r->target, memory_order_relaxed) != *w->target)
        return false;
    if (w->carried == NULL)
        return true;
    uint64_t came[3];
    for (unsigned i = 0; i < 3; i++)
        came[i] = atomic_load_explicit(&r->caller[i], memory_order_relaxed);
    return memcmp(came, w->carried->trace_id, 16) == 0 &&
           memcmp(&came[2], w->carried->span_id, 8) == 0;
}

bool request_came_with(uint32_t handle, const struct span_context *carried)
{
    return request_is_open(handle) &&
           is_wanted(request_at(handle), &(struct wanted){ .carried = carried });
}

/* The handle of the next open request that is wanted, from number *at on; 0: no more. */
static uint32_t next_open(uint32_t *at, const struct wanted *w)
{
    uint32_t end = pool_end(&request_pool);
    while (*at < end) {
        struct request *r = request_of_slot((*at)++);
        uint32_t handle = atomic_load_explicit(&r->handle, memory_order_acquire);
        if (handle == 0 || !is_wanted(r, w))
            continue;
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&r->handle, memory_order_relaxed) == handle)
            return handle;
    }
    return 0;
}

bool request_has_trace(const uint8_t trace_id[static 16])
{
    struct wanted w = { 0 };
    uint32_t handle;
    for (uint32_t at = 1; (handle = next_open(&at, &w)) != 0;) {
        uint64_t came[2];
        for (unsigned i = 0; i < 2; i++)
            came[i] = atomic_load_explicit(&request_at(handle)->caller[i], memory_order_relaxed);
        if (memcmp(came, trace_id, sizeof came) == 0)
            return true;
    }
    return false;
}

static uint32_t only_open(const struct wanted *w)
{
    uint32_t at = 1, found = next_open(&at, w);
    return found != 0 && next_open(&at, w) == 0 ? found : 0;
}

uint32_t request_by_caller(const struct span_context *carried)
{
    return only_open(&(struct wanted){ .carried = carried });
}

/* The one that is open on this thread; 0: none or several. Where requests wander, one that another
 * thread has read may be what this one is at: then none but this may be open. */
static uint32_t only_of_thread(const struct thread_state *t)
{
    if (unlikely(!is_settled(t)) &&
        (uint32_t)atomic_load_explicit(&requests, memory_order_acquire) != 1)
        return 0;
    uint32_t count = atomic_load_explicit(counter_of(t->id), memory_order_relaxed);
    if (count == 1 && has_own_open(t))
        return t->last_request;
    return count == 0 ? 0 : only_open(&(struct wanted){ .thread = t->id });
}

/* The loop knows the time as it was when the turn before began, its timer is due `turn_timeout_ms` later. */
static bool may_run_timers(const struct thread_state *t)
{
    uint64_t due_ns = (uint64_t)t->turn_timeout_ms * 1000000u;
    if (t->turn_timeout_ms < 0 || t->turn_at == 0)
        return false; /* it waits without end, or has no loop */
    if (t->turn_was == 0)
        return true;
    uint64_t took_ns = ticks_to_ns(&pace, t->turn_at - t->turn_was, clock_mono_ns());
    return took_ns == 0 || took_ns + CLOCK_GRAIN_NS >= due_ns;
}

void request_dispatch_inline(void)
{
    request_inline_dispatch = true;
    ticks_begin(&pace);
}

uint32_t request_current(const struct thread_state *t)
{
    if (t->id == 0)
        return 0;
    if (request_inline_dispatch && request_is_open(t->turn_request) && !may_run_timers(t))
        return t->turn_request;
    return only_of_thread(t);
}

/* Whose requests this thread may work for; 0: all. */
static uint32_t reader_of_candidates(const struct thread_state *t)
{
    return is_settled(t) ? t->id : 0;
}

uint32_t request_for_outgoing(const struct thread_state *t, const struct span_context *carried,
                              struct request_begun begun, uint64_t target)
{
    uint32_t found = carried != NULL ? request_by_caller(carried) : 0;
    if (found != 0)
        return found;
    if (request_is_open(begun.request))
        return begun.request;
    if (t->id == 0)
        return 0;
    found = only_of_thread(t);
    if (found != 0)
        return found;
    found = only_open(&(struct wanted){ .thread = reader_of_candidates(t), .target = &target });
    return found != 0 || begun.is_first ? found : request_current(t);
}

/* Keeps `found`, sorted by age, the newest first; at most `max`. Returns their number. */
static unsigned keep_newest(uint32_t found[], unsigned n, unsigned max, uint32_t handle)
{
    uint32_t opened = atomic_load_explicit(&request_at(handle)->opened, memory_order_relaxed);
    unsigned i = n < max ? n : max - 1;
    if (n == max) {
        uint32_t oldest = atomic_load_explicit(&request_at(found[i])->opened, memory_order_relaxed);
        if ((int32_t)(opened - oldest) < 0)
            return n;
    }
    for (; i > 0; i--) {
        uint32_t next =
            atomic_load_explicit(&request_at(found[i - 1])->opened, memory_order_relaxed);
        if ((int32_t)(opened - next) < 0)
            break;
        found[i] = found[i - 1];
    }
    found[i] = handle;
    return n < max ? n + 1 : n;
}

unsigned request_candidates(const struct thread_state *t, struct record_link links[], unsigned max)
{
    struct wanted w = { .thread = reader_of_candidates(t) };
    uint32_t found[REQUEST_MAX_LINKS], handle;
    unsigned nr_found = 0, n = 0;
    if (max == 0 || (uint32_t)atomic_load_explicit(&requests, memory_order_relaxed) == 0)
        return 0;
    for (uint32_t at = 1; (handle = next_open(&at, &w)) != 0;)
        nr_found = keep_newest(found, nr_found, max, handle);
    for (unsigned i = 0; i < nr_found; i++) {
        struct span_context context;
        if (!request_context(found[i], &context))
            continue;
        memcpy(links[n].trace_id, context.trace_id, 16);
        memcpy(links[n].span_id, context.span_id, 8);
        links[n].flags = context.flags;
        links[n++].remote = 0;
    }
    return n;
}

/* ---- threads that are made inside requests ---- */

/* Counts one more, made inside `request`. False: not all that live were. */
static bool add_made_inside(uint32_t request)
{
    uint64_t now = atomic_load_explicit(&made_inside, memory_order_relaxed), then;
    do {
        uint32_t of = (uint32_t)(now >> 32), count = (uint32_t)now;
        of = count == 0 || of == request ? request : SEVERAL;
        then = (uint64_t)of << 32 | (count + 1);
    } while (!atomic_compare_exchange_weak(&made_inside, &now, then));
    return (uint32_t)(then >> 32) == request && request != SEVERAL;
}

struct request_claim request_claim(const struct thread_state *t)
{
    uint32_t request = request_current(t);
    if (request == 0)
        request = request_inherited(t);
    bool inside =
        request != 0 || t->made_inside != 0 ||
        (t->id != 0 && atomic_load_explicit(counter_of(t->id), memory_order_relaxed) != 0);
    if (!inside)
        return (struct request_claim){ 0 };
    /* Who opens one from now on raises the number, and is seen when the claim is used. */
    uint64_t both = atomic_load_explicit(&requests, memory_order_acquire);
    bool only = request != 0 && (uint32_t)both == 1 && request_is_open(request);
    only = add_made_inside(only ? request : SEVERAL) && only;
    return (struct request_claim){ only ? request : 0, opens_of(both), true };
}

void request_thread_ended(void)
{
    atomic_fetch_sub_explicit(&made_inside, 1, memory_order_relaxed);
}

uint32_t request_inherited(const struct thread_state *t)
{
    uint32_t request = t->inherited_request;
    if (request == 0 || !request_is_open(request))
        return 0;
    uint64_t both = atomic_load_explicit(&requests, memory_order_acquire);
    return opens_of(both) == t->inherited_opens ? request : 0;
}

void request_fork_child(void)
{
    for (uint32_t number = 1; number < pool_end(&request_pool); number++) {
        struct request *r = request_of_slot(number);
        if (atomic_load_explicit(&r->handle, memory_order_relaxed) != 0)
            atomic_store_explicit(&r->handle, 0, memory_order_relaxed);
    }
    /* Threads stayed behind, but for this one; its number is not used again. */
    uint64_t both = atomic_load_explicit(&requests, memory_order_relaxed);
    atomic_store_explicit(&requests, (uint64_t)(opens_of(both) + 1) << 32, memory_order_relaxed);
    atomic_store_explicit(&made_inside, 0, memory_order_relaxed);
    thread_state.made_inside = 0;
    for (unsigned i = 0; i < COUNTERS; i++)
        if (atomic_load_explicit(&open_of_thread[i], memory_order_relaxed) != 0)
            atomic_store_explicit(&open_of_thread[i], 0, memory_order_relaxed);
}
