/*
 * Tables of curl_handles.h: keys (mem/handle_table.h) apart from records.
 */
#include "curl_handles.h"

#include <string.h>
#include <sys/mman.h>

#include "hook.h"
#include "layout.h"
#include "mem/handle_table.h"

struct baggage_line {
    /* Claimed once by any thread and never changed: the text that `line` is made of. */
    _Atomic(const char *) source;
    atomic_bool ready; /* `line` is complete: release by its maker, acquire by readers */
    char line[CURL_BAGGAGE_LINE];
};

struct tables {
    /* Handle addresses, 0 = free. Any thread claims and frees; release on claim pairs
     * with acquire in searches of threads the handle is passed to. */
    atomic_uintptr_t easy_keys[CURL_MAX_EASY];
    atomic_uintptr_t multi_keys[CURL_MAX_MULTI];
    struct curl_multi multis[CURL_MAX_MULTI];
    struct baggage_line baggage[CURL_BAGGAGE_LINES];
    struct curl_easy easies[CURL_MAX_EASY];
};

/* Made by whichever thread has the first handle; private memory, a child has its copy. */
static _Atomic(struct tables *) tables;

static struct tables *tables_get(void)
{
    return atomic_load_explicit(&tables, memory_order_acquire);
}

static struct tables *tables_make(void)
{
    struct tables *t = tables_get();
    if (likely(t != NULL))
        return t;
    t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
             -1, 0);
    if (t == MAP_FAILED)
        return NULL;
    madvise(t, sizeof *t, MADV_NOHUGEPAGE); /* one handle must not cost 2 MB */
    struct tables *other = NULL;
    if (!atomic_compare_exchange_strong(&tables, &other, t)) {
        munmap(t, sizeof *t);
        return other;
    }
    return t;
}

struct curl_easy *curl_easy_find(CURL *easy)
{
    struct tables *t = tables_get();
    if (t == NULL || easy == NULL)
        return NULL;
    int i = handle_find(t->easy_keys, CURL_MAX_EASY, (uintptr_t)easy);
    return i >= 0 ? &t->easies[i] : NULL;
}

struct curl_easy *curl_easy_remember(CURL *easy)
{
    struct tables *t = tables_make();
    if (t == NULL || easy == NULL)
        return NULL;
    int i = handle_find(t->easy_keys, CURL_MAX_EASY, (uintptr_t)easy);
    if (i < 0)
        i = handle_claim(t->easy_keys, CURL_MAX_EASY, (uintptr_t)easy);
    if (i < 0)
        return NULL;
    struct curl_easy *e = &t->easies[i];
    curl_multi_unlink(e); /* a cleanup we did not see */
    curl_headers_forget(e);
    memset(e, 0, offsetof(struct curl_easy, options.method));
    e->easy = easy;
    return e;
}

void curl_easy_forget(struct curl_easy *easy)
{
    struct tables *t = tables_get();
    curl_multi_unlink(easy);
    curl_headers_forget(easy);
    easy->easy = NULL;
    handle_free(t->easy_keys, (unsigned)(easy - t->easies));
}

AT_START void curl_easy_each(void (*what)(struct curl_easy *easy))
{
    struct tables *t = tables_get();
    for (unsigned i = 0; t != NULL && i < CURL_MAX_EASY; i++) {
        if (atomic_load_explicit(&t->easy_keys[i], memory_order_acquire) != 0)
            what(&t->easies[i]);
    }
}

struct curl_multi *curl_multi_find(CURLM *multi)
{
    struct tables *t = tables_get();
    if (t == NULL || multi == NULL)
        return NULL;
    int i = handle_find(t->multi_keys, CURL_MAX_MULTI, (uintptr_t)multi);
    return i >= 0 ? &t->multis[i] : NULL;
}

struct curl_multi *curl_multi_remember(CURLM *multi)
{
    struct tables *t = tables_make();
    if (t == NULL || multi == NULL)
        return NULL;
    int i = handle_find(t->multi_keys, CURL_MAX_MULTI, (uintptr_t)multi);
    if (i >= 0)
        return &t->multis[i];
    i = handle_claim(t->multi_keys, CURL_MAX_MULTI, (uintptr_t)multi);
    if (i < 0)
        return NULL;
    t->multis[i] = (struct curl_multi){ .multi = multi };
    return &t->multis[i];
}

void curl_multi_forget(struct curl_multi *multi)
{
    struct tables *t = tables_get();
    handle_free(t->multi_keys, (unsigned)(multi - t->multis));
}

/* Index + 1 of a record, and back: 0 ends a list. */
static uint16_t number_of(const struct curl_easy *easy)
{
    return (uint16_t)(easy - tables_get()->easies + 1);
}

static struct curl_easy *easy_at(uint16_t number)
{
    return number != 0 ? &tables_get()->easies[number - 1] : NULL;
}

void curl_multi_link(struct curl_multi *multi, struct curl_easy *easy)
{
    struct curl_easy *next = easy_at(multi->first);
    easy->multi = (uint16_t)(multi - tables_get()->multis + 1);
    easy->previous = 0;
    easy->next = multi->first;
    if (next != NULL)
        next->previous = number_of(easy);
    multi->first = number_of(easy);
    if (easy->state == CURL_ADDED)
        multi->unstarted++;
}

void curl_multi_unlink(struct curl_easy *easy)
{
    struct curl_multi *multi = curl_multi_of(easy);
    if (multi == NULL)
        return;
    struct curl_easy *next = easy_at(easy->next), *previous = easy_at(easy->previous);
    if (previous != NULL)
        previous->next = easy->next;
    else
        multi->first = easy->next;
    if (next != NULL)
        next->previous = easy->previous;
    if (easy->state == CURL_ADDED && multi->unstarted > 0)
        multi->unstarted--;
    easy->multi = easy->next = easy->previous = 0;
}

struct curl_easy *curl_multi_first(const struct curl_multi *multi)
{
    return easy_at(multi->first);
}

struct curl_easy *curl_multi_next(const struct curl_easy *easy)
{
    return easy_at(easy->next);
}

struct curl_multi *curl_multi_of(const struct curl_easy *easy)
{
    return easy->multi != 0 ? &tables_get()->multis[easy->multi - 1] : NULL;
}

static const char *make_line(struct baggage_line *b, const char *baggage)
{
    size_t len = strnlen(baggage, BAGGAGE_MAX + 1);
    if (len == 0 || len > BAGGAGE_MAX)
        return NULL;
    memcpy(b->line, "baggage: ", 9);
    memcpy(b->line + 9, baggage, len + 1);
    atomic_store_explicit(&b->ready, true, memory_order_release);
    return b->line;
}

const char *curl_baggage_line(const char *baggage)
{
    struct tables *t = tables_get();
    if (t == NULL || baggage == NULL)
        return NULL;
    for (unsigned i = 0; i < CURL_BAGGAGE_LINES; i++) {
        struct baggage_line *b = &t->baggage[i];
        const char *none = NULL;
        const char *source = atomic_load_explicit(&b->source, memory_order_relaxed);
        if (source == NULL && atomic_compare_exchange_strong(&b->source, &none, baggage))
            return make_line(b, baggage);
        source = atomic_load_explicit(&b->source, memory_order_relaxed);
        if (source == baggage)
            return atomic_load_explicit(&b->ready, memory_order_acquire) ? b->line : NULL;
    }
    return NULL;
}
