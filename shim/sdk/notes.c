/*
 * See notes.h. `state` is the block's lock and its generation in one word, so that a handle
 * that is kept too long never finds another span's block.
 */
#include "sdk/notes.h"

#include "conn/pool.h"
#include "context/carried.h"
#include "diag.h"
#include "hook.h"

enum notes_flag {
    NOTES_IN_USE = 1u << 0,
    NOTES_HELD = 1u << 1,
    NOTES_MARKED = 1u << 2, /* to be ended by who holds it; nobody else may hold it any more */
};
#define GENERATION_SHIFT 3
#define ONE_GENERATION (1u << GENERATION_SHIFT)
#define GENERATION_MASK (UINT32_MAX << GENERATION_SHIFT)

_Static_assert(sizeof(struct notes) + 320 <= NOTES_BYTES, "a small span fits its block");
_Static_assert(NOTES_BYTES % 8 == 0, "blocks are aligned");
_Static_assert(NOTES_MAX <= UINT16_MAX, "a number fits struct span");
_Static_assert(NOTES_LARGE_BYTES + sizeof(struct record) + SPAN_TAIL_ROOM <= RECORD_MAX_BYTES,
               "the largest notes fit a record");

/* Any thread; emptied in a forked child. */
#define NOTES_CHUNK 16u /* blocks mapped at a time */
STATIC_POOL(notes_pool, NOTES_BYTES, NOTES_CHUNK, NOTES_MAX);
STATIC_POOL(medium_pool, NOTES_MEDIUM_BYTES, 4, NOTES_MEDIUM_MAX);
STATIC_POOL(large_pool, NOTES_LARGE_BYTES, 2, NOTES_LARGE_MAX);

static inline struct notes *notes_at(uint32_t number)
{
    if (number == POOL_NONE || number >= pool_end(&notes_pool))
        return NULL; /* no number of ours: a handle that the program has made up */
    return pool_block(&notes_pool, number, NOTES_CHUNK, NOTES_BYTES);
}

static inline struct pool *pool_of_more(const struct notes *n)
{
    return n->is_large ? &large_pool : &medium_pool;
}

static inline unsigned char *fields_of(struct notes *n)
{
    return n->more != 0 ? pool_at(pool_of_more(n), n->more) : n->own;
}

uint64_t span_handle(const struct notes *n)
{
    uint32_t state = atomic_load_explicit(&n->state, memory_order_relaxed);
    return (uint64_t)(state >> GENERATION_SHIFT) << 32 | n->number;
}

/* ---- taking, holding, giving back ---- */

struct notes *notes_take(void)
{
    uint32_t number = pool_take(&notes_pool);
    if (number == POOL_NONE)
        return NULL;
    struct notes *n = pool_block(&notes_pool, number, NOTES_CHUNK, NOTES_BYTES);
    uint32_t generation = atomic_load_explicit(&n->state, memory_order_relaxed) & GENERATION_MASK;
    memset((unsigned char *)n + sizeof n->state, 0, offsetof(struct notes, span) - sizeof n->state);
    n->number = (uint16_t)number;
    n->cap = (uint16_t)(NOTES_BYTES - sizeof *n);
    n->before.is_there = false;
    atomic_store_explicit(&n->state, generation | NOTES_IN_USE | NOTES_HELD, memory_order_release);
    return n;
}

/* The block is nobody's but the caller's. */
void notes_discard(struct notes *n)
{
    uint32_t state = atomic_load_explicit(&n->state, memory_order_relaxed);
    if (n->more != 0)
        pool_give(pool_of_more(n), n->more);
    carried_give(&n->tracestate);
    carried_give(&n->baggage);
    atomic_store_explicit(&n->state, (state & GENERATION_MASK) + ONE_GENERATION,
                          memory_order_release);
    pool_give(&notes_pool, n->number);
}

static inline bool is_that(uint32_t state, uint32_t generation)
{
    return (state & (NOTES_IN_USE | NOTES_MARKED)) == NOTES_IN_USE &&
           (generation == NOTES_ANY || state >> GENERATION_SHIFT == generation);
}

enum outcome { GOT, GONE, BUSY };

static __attribute__((noinline)) enum outcome try_hold_again(struct notes *n, uint32_t generation)
{
    uint32_t state = atomic_load_explicit(&n->state, memory_order_relaxed);
    for (unsigned look = 0; look < NOTES_MAX_LOOKS; look++) {
        if (!is_that(state, generation))
            return GONE;
        if (state & NOTES_HELD) {
            __builtin_ia32_pause();
            state = atomic_load_explicit(&n->state, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&n->state, &state, state | NOTES_HELD,
                                                         memory_order_acquire,
                                                         memory_order_relaxed)) {
            return GOT;
        }
    }
    return BUSY;
}

static inline enum outcome try_hold(struct notes *n, uint32_t generation)
{
    uint32_t state = atomic_load_explicit(&n->state, memory_order_relaxed);
    if (!is_that(state, generation))
        return GONE;
    if (likely(!(state & NOTES_HELD)) &&
        atomic_compare_exchange_strong_explicit(&n->state, &state, state | NOTES_HELD,
                                                memory_order_acquire, memory_order_relaxed))
        return GOT;
    return try_hold_again(n, generation);
}

static inline struct notes *hold(uint32_t number, uint32_t generation)
{
    struct notes *n = notes_at(number);
    enum outcome outcome = n != NULL ? try_hold(n, generation) : GONE;
    if (unlikely(outcome == BUSY))
        diag_detail(DETAIL_CONTENDED);
    return likely(outcome == GOT) ? n : NULL;
}

struct notes *notes_hold(uint32_t number, uint32_t generation)
{
    return hold(number, generation);
}

struct notes *span_hold(uint64_t handle)
{
    struct notes *n = hold((uint32_t)handle, (uint32_t)(handle >> 32));
    if (n == NULL || n->is_span)
        return n;
    notes_release(n); /* no handle that we gave out */
    return NULL;
}

/* Marks a block that somebody has. True: that one will end it. False: look again. */
static bool mark(struct notes *n, uint32_t generation)
{
    uint32_t state = atomic_load_explicit(&n->state, memory_order_relaxed);
    while (is_that(state, generation) && (state & NOTES_HELD))
        if (atomic_compare_exchange_weak_explicit(&n->state, &state, state | NOTES_MARKED,
                                                  memory_order_release, memory_order_relaxed))
            return true;
    return false;
}

static void write_notes(struct span_writer *w, struct notes *n);

/* Held by this thread. */
static void finish(struct notes *n, uint64_t end_mono_ns)
{
    struct span_writer w;
    if (n->is_span && span_end_at(&n->span, &w, end_mono_ns)) {
        write_notes(&w, n);
        span_commit(&w);
    }
    notes_discard(n);
}

void notes_release(struct notes *n)
{
    uint32_t state =
        atomic_fetch_and_explicit(&n->state, ~(uint32_t)NOTES_HELD, memory_order_acq_rel);
    if (unlikely(state & NOTES_MARKED))
        finish(n, atomic_load_explicit(&n->end_mono_ns, memory_order_relaxed));
}

/* Holds the block to end it; NULL: it has ended, or is ended by who has it. *ended: by us. */
static struct notes *hold_to_end(uint32_t number, uint32_t generation, bool *ended)
{
    struct notes *n = notes_at(number);
    *ended = false;
    if (n == NULL)
        return NULL;
    for (;;) {
        switch (try_hold(n, generation)) {
        case GONE: return NULL;
        case GOT: *ended = true; return n;
        case BUSY: break;
        }
        atomic_store_explicit(&n->end_mono_ns, clock_mono_ns(), memory_order_relaxed);
        if (mark(n, generation)) {
            *ended = true;
            return NULL;
        }
    }
}

bool notes_end_span(uint64_t handle, struct attachment *before)
{
    bool ended;
    struct notes *n = hold_to_end((uint32_t)handle, (uint32_t)(handle >> 32), &ended);
    *before = (struct attachment){ .is_there = false };
    if (n == NULL)
        return ended;
    if (!n->is_span) {
        notes_release(n); /* no handle that we gave out */
        return false;
    }
    *before = n->before;
    finish(n, n->span.start_mono_ns != 0 ? clock_mono_ns() : 0);
    return true;
}

void notes_end_all(void)
{
    bool ended;
    for (uint32_t number = 1; number < pool_end(&notes_pool); number++) {
        struct notes *n = notes_at(number);
        uint32_t state = atomic_load_explicit(&n->state, memory_order_relaxed);
        if (!(state & NOTES_IN_USE) ||
            (n = hold_to_end(number, state >> GENERATION_SHIFT, &ended)) == NULL)
            continue;
        if (n->is_span)
            finish(n, n->span.start_mono_ns != 0 ? clock_mono_ns() : 0);
        else
            notes_release(n); /* its span is told by its hook */
    }
}

void notes_give(uint32_t number)
{
    bool ended;
    struct notes *n = hold_to_end(number, NOTES_ANY, &ended);
    if (n != NULL)
        notes_discard(n);
}

void notes_fork_child(void)
{
    for (uint32_t number = 1; number < pool_end(&notes_pool); number++) {
        struct notes *n = notes_at(number);
        uint32_t state = atomic_load_explicit(&n->state, memory_order_relaxed);
        if (!(state & NOTES_IN_USE))
            continue;
        carried_give(&n->tracestate);
        carried_give(&n->baggage);
        atomic_store_explicit(&n->state, (state & GENERATION_MASK) + ONE_GENERATION,
                              memory_order_relaxed);
    }
    pool_forget(&notes_pool);
    pool_forget(&medium_pool);
    pool_forget(&large_pool);
}

/* ---- fields ---- */

static struct field field_at(const unsigned char *at)
{
    struct field head;
    memcpy(&head, at, sizeof head);
    return head;
}

/* The fields move into the smallest block with room for `bytes`. */
static bool grow(struct notes *n, size_t bytes)
{
    bool large = bytes > NOTES_MEDIUM_BYTES;
    struct pool *pool = large ? &large_pool : &medium_pool;
    uint32_t number = bytes <= NOTES_LARGE_BYTES ? pool_take(pool) : POOL_NONE;
    if (number == POOL_NONE)
        return false;
    memcpy(pool_at(pool, number), fields_of(n), n->used);
    if (n->more != 0)
        pool_give(pool_of_more(n), n->more);
    n->more = (uint16_t)number;
    n->is_large = large;
    n->cap = (uint16_t)pool->block_bytes;
    return true;
}

/* Room for a field's payload behind the others, its head written; NULL: there is none. */
static inline unsigned char *put(struct notes *n, uint8_t type, uint8_t key, size_t len)
{
    size_t bytes = sizeof(struct field) + len;
    if (unlikely(n->used + bytes > n->cap) && !grow(n, n->used + bytes))
        return NULL;
    unsigned char *at = fields_of(n) + n->used;
    span_put_head(at, type, key, len);
    n->used = (uint16_t)(n->used + bytes);
    return at + sizeof(struct field);
}

static void cut_out(struct notes *n, unsigned char *at)
{
    size_t bytes = sizeof(struct field) + field_at(at).len;
    unsigned char *end = fields_of(n) + n->used;
    memmove(at, at + bytes, (size_t)(end - at) - bytes);
    n->used = (uint16_t)(n->used - bytes);
}

static unsigned char *find(struct notes *n, uint8_t type)
{
    unsigned char *at = fields_of(n), *end = at + n->used;
    for (; at < end; at += sizeof(struct field) + field_at(at).len)
        if (field_at(at).type == type)
            return at;
    return NULL;
}

/* A bit that says of a key whether it may be there: most are set once. */
static inline uint64_t bit_of_key(const struct note *note)
{
    return UINT64_C(1) << ((note->key_bytes * 7u + (unsigned char)note->key[note->key_bytes - 1]) &
                           63);
}

static unsigned char *find_attribute(struct notes *n, const struct note *note)
{
    if (!(n->keys & bit_of_key(note)))
        return NULL;
    unsigned char *at = fields_of(n), *end = at + n->used;
    for (struct field head; at < end; at += sizeof head + head.len) {
        uint16_t key_bytes;
        head = field_at(at);
        if (head.type != FIELD_NAMED)
            continue;
        memcpy(&key_bytes, at + sizeof head, sizeof key_bytes);
        if (key_bytes == note->key_bytes &&
            memcmp(at + sizeof head + sizeof key_bytes, note->key, key_bytes) == 0)
            return at;
    }
    return NULL;
}

static size_t note_bytes(const struct note *note)
{
    return sizeof note->key_bytes + note->key_bytes + note->value_bytes;
}

static void put_note(unsigned char *at, const struct note *note)
{
    memcpy(at, &note->key_bytes, sizeof note->key_bytes);
    at += sizeof note->key_bytes;
    span_copy_text(at, note->key, note->key_bytes);
    span_copy_text(at + note->key_bytes, note->value, note->value_bytes);
}

void notes_drop_attribute(struct notes *n)
{
    n->dropped_attributes++;
}

/* Room for `len` bytes in place of the payload of a field. NULL: there is none. */
static unsigned char *resize(struct notes *n, unsigned char *at, size_t len)
{
    size_t before = field_at(at).len, offset = (size_t)(at - fields_of(n));
    size_t used = n->used - before + len;
    if (used > n->cap && !grow(n, used))
        return NULL;
    at = fields_of(n) + offset; /* the fields may have moved */
    unsigned char *payload = at + sizeof(struct field);
    memmove(payload + len, payload + before, n->used - offset - sizeof(struct field) - before);
    n->used = (uint16_t)used;
    return payload;
}

/* One that is there keeps its place: limits drop the last ones. */
bool notes_attribute(struct notes *n, const struct note *note)
{
    size_t len = note_bytes(note);
    unsigned char *before = find_attribute(n, note), *at = NULL;
    if (before != NULL)
        at = resize(n, before, len);
    else if (n->nr_attributes < NOTES_MAX_ATTRIBUTES)
        at = put(n, FIELD_NAMED, note->type, len);
    if (at == NULL) {
        n->dropped_attributes++;
        return false;
    }
    n->nr_attributes = (uint8_t)(n->nr_attributes + (before == NULL));
    n->keys |= bit_of_key(note);
    span_put_head(at - sizeof(struct field), FIELD_NAMED, note->type, len);
    put_note(at, note);
    return true;
}

bool notes_event(struct notes *n, const char *name, size_t name_bytes, const struct note notes[],
                 unsigned nr, unsigned nr_dropped)
{
    struct record_event head = { clock_mono_ns(), (uint32_t)name_bytes, nr_dropped };
    size_t len = sizeof head + name_bytes;
    for (unsigned i = 0; i < nr; i++)
        len += sizeof(struct field) + note_bytes(&notes[i]);
    unsigned char *at = NULL;
    if (n->nr_events < NOTES_MAX_EVENTS && len <= UINT16_MAX)
        at = put(n, FIELD_NAMED_EVENT, 0, len);
    if (at == NULL) {
        n->dropped_events++;
        return false;
    }
    n->nr_events++;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, name, name_bytes);
    at += sizeof head + name_bytes;
    for (unsigned i = 0; i < nr; i++) {
        span_put_head(at, FIELD_NAMED, notes[i].type, note_bytes(&notes[i]));
        put_note(at + sizeof(struct field), &notes[i]);
        at += sizeof(struct field) + note_bytes(&notes[i]);
    }
    return true;
}

bool notes_link(struct notes *n, const struct record_link *link)
{
    unsigned char *at = n->nr_links < NOTES_MAX_LINKS ? put(n, FIELD_LINK, 0, sizeof *link) : NULL;
    if (at == NULL) {
        n->dropped_links++;
        return false;
    }
    n->nr_links++;
    memcpy(at, link, sizeof *link);
    return true;
}

/* A text of which there is one: the last. */
static bool put_only(struct notes *n, uint8_t type, const char *text, size_t bytes)
{
    unsigned char *before = find(n, type);
    if (before != NULL)
        cut_out(n, before);
    if (bytes == 0)
        return true;
    unsigned char *at = put(n, type, 0, bytes);
    if (at == NULL)
        return false;
    memcpy(at, text, bytes);
    return true;
}

bool notes_name(struct notes *n, const char *name, size_t bytes)
{
    return put_only(n, FIELD_NAME, name, bytes);
}

bool notes_status(struct notes *n, uint8_t status, const char *text, size_t bytes)
{
    if (n->status == RECORD_OK)
        return status == RECORD_OK;
    n->status = status;
    return put_only(n, FIELD_STATUS_MESSAGE, text, status == RECORD_ERROR ? bytes : 0);
}

/* ---- into the record ---- */

static void put_dropped(struct span_writer *w, const struct notes *n)
{
    const struct record_dropped dropped = { n->dropped_events, n->dropped_links };
    w->record->dropped_attributes += n->dropped_attributes;
    if ((dropped.events | dropped.links) == 0)
        return;
    unsigned char *at = span_put(w, FIELD_DROPPED, 0, sizeof dropped);
    if (at != NULL)
        memcpy(at, &dropped, sizeof dropped);
}

/* Field by field: those that find no room are counted. */
static void write_what_fits(struct span_writer *w, struct notes *n)
{
    unsigned char *at = fields_of(n), *end = at + n->used;
    size_t keep = sizeof(struct field) + sizeof(struct record_dropped);
    for (struct field head; at < end; at += sizeof head + head.len) {
        head = field_at(at);
        if ((size_t)(w->limit - w->at) >= sizeof head + head.len + keep) {
            memcpy(w->at, at, sizeof head + head.len);
            w->at += sizeof head + head.len;
        } else if (head.type == FIELD_NAMED_EVENT) {
            n->dropped_events++;
        } else if (head.type == FIELD_LINK) {
            n->dropped_links++;
        } else {
            n->dropped_attributes++;
        }
    }
}

static void write_notes(struct span_writer *w, struct notes *n)
{
    if (likely((size_t)(w->limit - w->at) >=
               n->used + sizeof(struct field) + sizeof(struct record_dropped))) {
        memcpy(w->at, fields_of(n), n->used);
        w->at += n->used;
    } else {
        write_what_fits(w, n);
    }
    w->record->flags |= n->status;
    put_dropped(w, n);
}

void notes_commit(struct span_writer *w, uint32_t number)
{
    bool ended;
    struct notes *n = hold_to_end(number, NOTES_ANY, &ended);
    if (n == NULL) {
        diag_detail(DETAIL_CONTENDED); /* the holder frees it, unwritten */
        return;
    }
    write_notes(w, n);
    notes_discard(n);
}
