/*
 * SQLite's handles: see sqlite_tables.h. Texts lie in blocks of a few sizes with a
 * lock-free list of free ones per size; never-used blocks are handed out in order,
 * so that the pages behind them stay untouched.
 */
#include "sqlite_tables.h"

#include <sys/mman.h>

/* Values of a slot's handle that are no handle. */
enum { SLOT_EMPTY = 0, SLOT_FREED = 2, SLOT_CLAIMED = 4 };

/* BLOCKS(bytes, count) ascending. The largest holds RECORD_MAX_SQL and both names.
 * 4,096 statements of typical length (under 150 bytes) find a place, and 1,344 long ones. */
#define POOL(BLOCKS) BLOCKS(192, 4096) BLOCKS(512, 1024) BLOCKS(1280, 256) BLOCKS(4608, 64)
#define LARGEST_BLOCK 4608u

struct blocks {
#define X(size, n) char of_##size[n][size];
    POOL(X)
#undef X
};

/* One byte per block: offsets in it number the blocks of all sizes. */
struct block_numbers {
#define X(size, n) char of_##size[n];
    POOL(X)
#undef X
};

static const struct {
    uint32_t bytes, count, offset, first_number;
} pool_sizes[] = {
#define X(size, n) \
    { size, n, (uint32_t)offsetof(struct blocks, of_##size), \
      (uint32_t)offsetof(struct block_numbers, of_##size) },
    POOL(X)
#undef X
};

/* Free blocks of one size. Any thread. */
struct pool {
    /* Index + 1 of the first free block, and a count in the upper half that changes
     * with every change: a list that was popped and pushed back is not the same. */
    _Atomic uint64_t first;
    _Atomic uint32_t used; /* blocks ever handed out from the untouched rest */
};

struct connection {
    _Atomic uintptr_t handle; /* sqlite3 *, or SLOT_*; any thread */
    uint8_t len;
    char name[CONNECTION_MAX_NAME];
};

struct memory {
    struct statement statements[STATEMENT_SLOTS];
    struct connection connections[CONNECTION_SLOTS];
    struct pool pools[COUNT(pool_sizes)];
    _Atomic uint32_t links[sizeof(struct block_numbers)]; /* of free blocks; any thread */
    struct blocks blocks __attribute__((aligned(64)));
};

/* Made once by any thread, then constant; a forked child has its own copy. */
static _Atomic(struct memory *) memory;
static atomic_bool memory_failed;

static struct memory *memory_get(void)
{
    struct memory *m = atomic_load_explicit(&memory, memory_order_acquire);
    if (likely(m != NULL) || atomic_load_explicit(&memory_failed, memory_order_relaxed))
        return m;
    int saved_errno = errno;
    struct memory *made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) {
        atomic_store_explicit(&memory_failed, true, memory_order_relaxed);
        made = NULL;
    } else if (!atomic_compare_exchange_strong(&memory, &m, made)) {
        munmap(made, sizeof *made);
        made = m;
    }
    errno = saved_errno;
    return made;
}

static struct memory *memory_if_made(void)
{
    return atomic_load_explicit(&memory, memory_order_acquire);
}

/* ---- Pool ---- */

static char *block_at(struct memory *m, unsigned size_class, uint32_t index)
{
    return (char *)&m->blocks + pool_sizes[size_class].offset +
           (size_t)index * pool_sizes[size_class].bytes;
}

/* The next free block after this one. Not in the block itself: the loser of the
 * race below still reads it while the winner writes its text. */
static _Atomic uint32_t *block_link(struct memory *m, unsigned size_class, uint32_t index)
{
    return &m->links[pool_sizes[size_class].first_number + index];
}

static char *pool_pop(struct memory *m, unsigned size_class)
{
    struct pool *pool = &m->pools[size_class];
    uint64_t first = atomic_load_explicit(&pool->first, memory_order_acquire);
    while ((uint32_t)first != 0) {
        uint32_t index = (uint32_t)first - 1;
        uint32_t next =
            atomic_load_explicit(block_link(m, size_class, index), memory_order_relaxed);
        uint64_t changed = ((first >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak_explicit(&pool->first, &first, changed,
                                                  memory_order_acquire, memory_order_acquire))
            return block_at(m, size_class, index);
    }
    uint32_t used = atomic_load_explicit(&pool->used, memory_order_relaxed);
    while (used < pool_sizes[size_class].count) {
        if (atomic_compare_exchange_weak_explicit(&pool->used, &used, used + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return block_at(m, size_class, used);
    }
    return NULL;
}

static void pool_push(struct memory *m, unsigned size_class, const char *block)
{
    struct pool *pool = &m->pools[size_class];
    uint32_t index =
        (uint32_t)((size_t)(block - block_at(m, size_class, 0)) / pool_sizes[size_class].bytes);
    uint64_t first = atomic_load_explicit(&pool->first, memory_order_relaxed);
    uint64_t changed;
    do {
        atomic_store_explicit(block_link(m, size_class, index), (uint32_t)first,
                              memory_order_relaxed);
        changed = ((first >> 32) + 1) << 32 | (index + 1);
    } while (!atomic_compare_exchange_weak_explicit(&pool->first, &first, changed,
                                                    memory_order_release, memory_order_relaxed));
}

static unsigned class_for(size_t bytes)
{
    unsigned c = 0;
    while (c + 1 < COUNT(pool_sizes) && pool_sizes[c].bytes < bytes)
        c++;
    return c;
}

/* A block of at least `bytes`, else a larger, else a smaller one: the text is cut then. */
static char *pool_get(struct memory *m, size_t bytes, uint8_t *size_class)
{
    unsigned fitting = class_for(bytes);
    char *block = NULL;
    unsigned c = fitting;
    for (; c < COUNT(pool_sizes) && block == NULL; c++)
        block = pool_pop(m, c);
    if (block != NULL) {
        *size_class = (uint8_t)(c - 1);
        return block;
    }
    for (c = fitting; c > 0 && block == NULL; c--)
        block = pool_pop(m, c - 1);
    *size_class = (uint8_t)c;
    return block;
}

/* ---- Tables ---- */

static size_t place_of(uintptr_t handle, unsigned slots)
{
    return (size_t)((uint64_t)handle * 0x9E3779B97F4A7C15u >> 32) & (slots - 1);
}

static struct connection *connection_find(struct memory *m, uintptr_t handle)
{
    size_t place = place_of(handle, CONNECTION_SLOTS);
    for (unsigned i = 0; i < TABLE_PROBES; i++) {
        struct connection *c = &m->connections[(place + i) & (CONNECTION_SLOTS - 1)];
        uintptr_t seen = atomic_load_explicit(&c->handle, memory_order_acquire);
        if (seen == handle)
            return c;
        if (seen == SLOT_EMPTY)
            return NULL;
    }
    return NULL;
}

static struct statement *statement_find(struct memory *m, uintptr_t handle)
{
    size_t place = place_of(handle, STATEMENT_SLOTS);
    for (unsigned i = 0; i < TABLE_PROBES; i++) {
        struct statement *s = &m->statements[(place + i) & (STATEMENT_SLOTS - 1)];
        uintptr_t seen = atomic_load_explicit(&s->handle, memory_order_acquire);
        if (seen == handle)
            return s;
        if (seen == SLOT_EMPTY)
            return NULL;
    }
    return NULL;
}

/* Takes an unused slot for the caller alone. */
static bool claim(_Atomic uintptr_t *slot)
{
    uintptr_t seen = atomic_load_explicit(slot, memory_order_relaxed);
    return (seen == SLOT_EMPTY || seen == SLOT_FREED) &&
           atomic_compare_exchange_strong_explicit(slot, &seen, SLOT_CLAIMED, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* ---- Queries ---- */

bool query_make(struct query *q, const void *db, const char *sql, size_t len, unsigned flags)
{
    *q = (struct query){ .bytes = NULL };
    struct memory *m = memory_get();
    if (m == NULL || sql == NULL)
        return false;
    const struct connection *connection = connection_find(m, (uintptr_t)db);
    size_t name_len = connection != NULL ? connection->len : 0;
    size_t text_max = len < RECORD_MAX_SQL ? len : RECORD_MAX_SQL;
    size_t summary_max = len + 8 < SQL_MAX_SUMMARY ? len + 8 : SQL_MAX_SUMMARY;
    char *block = pool_get(m, name_len + summary_max + text_max, &q->size_class);
    if (block == NULL)
        return false;
    size_t room = pool_sizes[q->size_class].bytes;
    if (name_len + summary_max + text_max > room) {
        name_len = name_len < room / 4 ? name_len : room / 4;
        summary_max = summary_max < room / 4 ? summary_max : room / 4;
        text_max = room - name_len - summary_max;
    }
    struct sql_result result = { .summary = block + name_len,
                                 .summary_max = summary_max,
                                 .text = block + name_len + summary_max,
                                 .text_max = text_max };
    sql_read(sql, len, flags, &result);
    if (name_len > 0)
        memcpy(block, connection->name, name_len);
    memmove(block + name_len + result.summary_len, result.text, result.text_len);
    q->bytes = block;
    q->namespace_len = (uint8_t)name_len;
    q->summary_len = (uint8_t)result.summary_len;
    q->text_len = (uint16_t)result.text_len;

    /* Long literals leave a short text: into a smaller block with it. */
    size_t used = name_len + result.summary_len + result.text_len;
    unsigned fitting = class_for(used);
    char *smaller = fitting < q->size_class ? pool_pop(m, fitting) : NULL;
    if (smaller != NULL) {
        memcpy(smaller, block, used);
        pool_push(m, q->size_class, block);
        q->bytes = smaller;
        q->size_class = (uint8_t)fitting;
    }
    return true;
}

/* UTF-16 in host order to UTF-8, at most `bytes`, up to a zero or what fits. */
static size_t utf8_from_utf16(const void *text, size_t bytes, char *out, size_t room)
{
    size_t n = 0, at = 0;
    uint16_t unit, low;
    while (at + 2 <= bytes) {
        memcpy(&unit, (const char *)text + at, 2);
        at += 2;
        if (unit == 0 || room - n < 4)
            break;
        uint32_t c = unit;
        if (unit >= 0xD800 && unit < 0xE000) {
            c = 0xFFFD;
            if (unit < 0xDC00 && at + 2 <= bytes) {
                memcpy(&low, (const char *)text + at, 2);
                if (low >= 0xDC00 && low < 0xE000) {
                    c = 0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (low - 0xDC00u);
                    at += 2;
                }
            }
        }
        if (c < 0x80) {
            out[n++] = (char)c;
            continue;
        }
        unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        out[n++] = (char)((0xFF00u >> (more + 1) & 0xFF) | c >> (6 * more));
        while (more-- > 0)
            out[n++] = (char)(0x80 | (c >> (6 * more) & 0x3F));
    }
    return n;
}

bool query_make_utf16(struct query *q, const void *db, const void *sql, size_t bytes,
                      unsigned flags)
{
    *q = (struct query){ .bytes = NULL };
    struct memory *m = memory_get();
    uint8_t size_class;
    char *block = m != NULL && sql != NULL ? pool_get(m, LARGEST_BLOCK, &size_class) : NULL;
    if (block == NULL)
        return false;
    size_t len = utf8_from_utf16(sql, bytes, block, pool_sizes[size_class].bytes);
    bool made = query_make(q, db, block, len, flags);
    pool_push(m, size_class, block);
    return made;
}

void query_free(struct query *q)
{
    struct memory *m = memory_if_made();
    if (m != NULL && q->bytes != NULL)
        pool_push(m, q->size_class, q->bytes);
    q->bytes = NULL;
}

/* ---- Statements ---- */

/* The calling thread in this process: a slot held in the parent is held by nobody. */
static uint64_t user_of(const struct thread_state *t)
{
    return (uint64_t)t->generation << 48 | ((uintptr_t)t & 0xFFFFFFFFFFFFu);
}

static bool hold(struct statement *s)
{
    uint64_t me = user_of(&thread_state), seen = 0;
    if (likely(atomic_compare_exchange_strong_explicit(&s->user, &seen, me, memory_order_acquire,
                                                       memory_order_relaxed)))
        return true;
    /* Ours from a call that was left by longjmp, or the parent's. */
    if (seen == me || seen >> 48 != me >> 48)
        return atomic_compare_exchange_strong_explicit(&s->user, &seen, me, memory_order_acquire,
                                                       memory_order_relaxed);
    return false;
}

void statement_release(struct statement *s)
{
    atomic_store_explicit(&s->user, 0, memory_order_release);
}

struct statement *statement_hold(uintptr_t handle)
{
    struct memory *m = memory_if_made();
    struct statement *s = likely(m != NULL) ? statement_find(m, handle) : NULL;
    if (unlikely(s == NULL) || unlikely(!hold(s)))
        return NULL;
    if (unlikely(atomic_load_explicit(&s->handle, memory_order_relaxed) != handle)) {
        statement_release(s);
        return NULL;
    }
    return s;
}

struct statement *statement_take(uintptr_t handle)
{
    struct statement *s = statement_hold(handle);
    if (s != NULL)
        atomic_store_explicit(&s->handle, SLOT_CLAIMED, memory_order_release);
    return s;
}

void statement_free(struct statement *s)
{
    span_abandon(&s->span);
    query_free(&s->query);
    statement_release(s);
    atomic_store_explicit(&s->handle, SLOT_FREED, memory_order_release);
}

void statement_forget(uintptr_t handle)
{
    struct statement *s = handle != 0 ? statement_take(handle) : NULL;
    if (s != NULL)
        statement_free(s);
}

struct statement *statement_add(uintptr_t handle, void *db, const struct query *q)
{
    struct memory *m = memory_get();
    struct query owned = *q;
    if (m == NULL)
        return NULL;
    statement_forget(handle);
    size_t place = place_of(handle, STATEMENT_SLOTS);
    for (unsigned i = 0; i < TABLE_PROBES; i++) {
        struct statement *s = &m->statements[(place + i) & (STATEMENT_SLOTS - 1)];
        if (!claim(&s->handle))
            continue;
        if (!hold(s)) { /* by one who looks for the handle that was here, for a moment */
            atomic_store_explicit(&s->handle, SLOT_FREED, memory_order_release);
            continue;
        }
        s->query = owned;
        s->db = db;
        s->rows = 0;
        s->span.open = false;
        s->span.published = 0;
        atomic_store_explicit(&s->handle, handle, memory_order_release);
        statement_release(s);
        return s;
    }
    query_free(&owned);
    return NULL;
}

bool statement_is_open(const struct statement *s)
{
    return s->span.open && s->span.process_generation == thread_state.generation;
}

uintptr_t statement_handle_of_thread(void)
{
    return (uintptr_t)&thread_state | 1; /* no statement lies at an odd address */
}

/* ---- Connections ---- */

/* Bytes of a name that say which database: of a URI no parameters, they may hold a
 * key (file:x?key=...). Cut on a UTF-8 boundary. */
static size_t name_length(const char *name, size_t len)
{
    if (len >= 5 && memcmp(name, "file:", 5) == 0) {
        size_t n = 5;
        while (n < len && name[n] != '?' && name[n] != '#')
            n++;
        len = n;
    }
    if (len > CONNECTION_MAX_NAME) {
        len = CONNECTION_MAX_NAME;
        while (len > 0 && ((unsigned char)name[len] & 0xC0) == 0x80)
            len--;
    }
    return len;
}

static void connection_enter(const void *db, const char *name, size_t len)
{
    struct memory *m = memory_get();
    if (m == NULL)
        return;
    connection_forget(db);
    size_t place = place_of((uintptr_t)db, CONNECTION_SLOTS);
    for (unsigned i = 0; i < TABLE_PROBES; i++) {
        struct connection *c = &m->connections[(place + i) & (CONNECTION_SLOTS - 1)];
        if (!claim(&c->handle))
            continue;
        c->len = (uint8_t)len;
        memcpy(c->name, name, len);
        atomic_store_explicit(&c->handle, (uintptr_t)db, memory_order_release);
        return;
    }
}

void connection_add(const void *db, const char *name)
{
    if (name == NULL)
        name = ""; /* a temporary database has no name */
    if (db != NULL)
        connection_enter(db, name, name_length(name, strnlen(name, 4 * CONNECTION_MAX_NAME)));
}

void connection_add_utf16(const void *db, const void *name)
{
    char utf8[CONNECTION_MAX_NAME + 5];
    size_t len = name != NULL ? utf8_from_utf16(name, SIZE_MAX, utf8, sizeof utf8) : 0;
    if (db != NULL)
        connection_enter(db, utf8, name_length(utf8, len));
}

int connection_take(const void *db)
{
    struct memory *m = memory_if_made();
    struct connection *c = m != NULL && db != NULL ? connection_find(m, (uintptr_t)db) : NULL;
    if (c == NULL)
        return -1;
    atomic_store_explicit(&c->handle, SLOT_CLAIMED, memory_order_release);
    return (int)(c - m->connections);
}

void connection_put_back(int taken, const void *db)
{
    if (taken >= 0)
        atomic_store_explicit(&memory_get()->connections[taken].handle, (uintptr_t)db,
                              memory_order_release);
}

void connection_free(int taken)
{
    if (taken >= 0)
        atomic_store_explicit(&memory_get()->connections[taken].handle, SLOT_FREED,
                              memory_order_release);
}

void connection_forget(const void *db)
{
    connection_free(connection_take(db));
}
