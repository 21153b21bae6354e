/*
 * Routes, see routes.h.
 *
 * Templates are matched as they are written: there are few, and the first bytes
 * tell most of them apart.
 *
 * What `auto` remembers is a set of places, each the hash of a path's beginning, in
 * an open table that only grows. The texts are not needed: a segment that is kept is
 * the path's own. A place counts the values below it; a value is told by inserting
 * its place, which exactly one thread succeeds in. Two paths with one hash would share
 * a place (64 bits: no matter).
 */
#include "routes.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "diag.h"
#include "parse.h"

#define PLACE_TRIES 16u /* slots that are looked at for one place */

struct place {
    /* Hash of the path's beginning, 0 = free. Written once by the thread that inserts it
     * (compare and swap), read by any; relaxed: it guards nothing but itself. */
    _Atomic uint64_t hash;
    /* Different values seen below it. Any thread, relaxed. */
    _Atomic uint32_t values;
};

/* Immutable after the constructor but for the places. A forked child keeps what was
 * learned. */
struct routes {
    unsigned nr_templates;
    struct slice templates[ROUTES_MAX_TEMPLATES];
    struct place *places; /* ROUTES_MAX_PLACES; NULL: no `auto` */
    struct place root;
};

/* ---- templates ---- */

/* A path against a template. */
static bool matches(const char *t, const char *t_end, const char *p, const char *p_end)
{
    /* Where to go on when the bytes differ: behind the last parameter, one byte further. */
    const char *retry_t = NULL, *retry_p = NULL;
    for (;;) {
        bool parameter = t < t_end && *t == '{';
        if ((t + 1 == t_end && *t == '*') || (t == t_end && p == p_end))
            return true;
        if (parameter && p < p_end && *p != '/') {
            t = retry_t = (const char *)memchr(t, '}', (size_t)(t_end - t)) + 1;
            retry_p = ++p;
        } else if (!parameter && t < t_end && p < p_end && *t == *p) {
            t++, p++;
        } else if (retry_t == NULL || retry_p == p_end || *retry_p == '/') {
            return false;
        } else {
            t = retry_t;
            p = ++retry_p;
        }
    }
}

/* NULL: fine; else what is wrong with it. */
static const char *template_fault(struct slice t)
{
    bool open = false;
    if (t.len > ROUTES_MAX_BYTES)
        return "is too long";
    if (t.at[0] != '/')
        return "does not begin with /";
    for (size_t i = 0; i < t.len; i++) {
        if (t.at[i] == '{' ? open : t.at[i] == '}' ? !open || t.at[i - 1] == '{' : false)
            return "has braces that do not pair";
        if (open && t.at[i] == '/')
            return "has a / between braces";
        if (t.at[i] == '{' && i > 0 && t.at[i - 1] == '}')
            return "has two parameters side by side";
        open = t.at[i] == '{' || (open && t.at[i] != '}');
        if (t.at[i] == '*' && i + 1 < t.len)
            return "has a * before its end";
    }
    return open ? "has braces that do not pair" : NULL;
}

static void template_add(struct routes *routes, const char *variable, struct slice item)
{
    char shown[SHOWN_BYTES];
    const char *fault = template_fault(item);
    if (fault == NULL) {
        routes->templates[routes->nr_templates++] = item;
        return;
    }
    text_shown(item, shown);
    diag_config_mistake("%s: route \"%s\" is left out: it %s", variable, shown, fault);
}

const struct routes *routes_make(const char *variable, const char *list)
{
    struct slice rest = slice_of(list), item;
    struct routes *routes = arena_alloc(sizeof *routes);
    unsigned over = 0;
    if (routes == NULL)
        return NULL;
    while (parse_list_next(&rest, &item)) {
        if (slice_is(item, "auto")) {
            if (routes->places == NULL)
                routes->places = arena_alloc(ROUTES_MAX_PLACES * sizeof routes->places[0]);
        } else if (routes->nr_templates == ROUTES_MAX_TEMPLATES) {
            over++;
        } else {
            template_add(routes, variable, item);
        }
    }
    if (over > 0)
        diag_config_mistake("%s: more than %u routes; %u are left out", variable,
                            ROUTES_MAX_TEMPLATES, over);
    return routes->nr_templates > 0 || routes->places != NULL ? routes : NULL;
}

/* ---- auto ---- */

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t hash_of(uint64_t start, const char *text, size_t len)
{
    uint64_t hash = start;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * FNV_PRIME;
    hash = (hash ^ '/') * FNV_PRIME;
    return hash != 0 ? hash : 1;
}

/* Digits; much text with digits; bytes that names of places do not have. */
static bool is_identifier(const char *text, size_t len)
{
    size_t digits = 0, hex = 0;
    if (len > 32)
        return true;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool digit = c >= '0' && c <= '9';
        digits += digit;
        hex += digit || c == '-' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        if (c <= ' ' || c == '%' || c == '@' || c == ':' || c == '=' || c == '+' || c == ',')
            return true;
    }
    return digits > 0 && (digits == len || (hex == len && len >= 8) || digits * 2 > len ||
                          (len >= 16 && digits >= 4));
}

/* The place of this hash; NULL: it is not there, and was not to be inserted or found no
 * room. *inserted: by this call. */
static struct place *place_get(const struct routes *routes, uint64_t hash, bool insert,
                               bool *inserted)
{
    *inserted = false;
    for (unsigned i = 0; i < PLACE_TRIES; i++) {
        struct place *place = &routes->places[(hash + i) % ROUTES_MAX_PLACES];
        uint64_t found = atomic_load_explicit(&place->hash, memory_order_relaxed);
        if (found == 0 && !insert)
            return NULL;
        if (found == 0)
            *inserted = atomic_compare_exchange_strong_explicit(
                &place->hash, &found, hash, memory_order_relaxed, memory_order_relaxed);
        if (*inserted || found == hash)
            return place;
    }
    return NULL;
}

/* Takes one of the place's values; false: all are taken. */
static bool value_take(struct place *place)
{
    uint32_t values = atomic_load_explicit(&place->values, memory_order_relaxed);
    while (values < ROUTES_MAX_VALUES) {
        if (atomic_compare_exchange_weak_explicit(&place->values, &values, values + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    }
    return false;
}

/* The place of a value below `parent`; NULL: it is none of those kept. */
static struct place *place_below(const struct routes *routes, struct place *parent, uint64_t hash,
                                 bool learn)
{
    bool inserted;
    struct place *place = place_get(routes, hash, false, &inserted);
    if (place != NULL || !learn || !value_take(parent))
        return place;
    place = place_get(routes, hash, true, &inserted);
    if (!inserted) /* no room, or another thread was quicker */
        atomic_fetch_sub_explicit(&parent->values, 1, memory_order_relaxed);
    return place;
}

/* The place of a segment; *kept: it stands for itself, else for `*`. */
static struct place *place_of(const struct routes *routes, struct place *parent, uint64_t *hash,
                              struct slice segment, bool learn, bool *kept)
{
    bool inserted;
    uint64_t value = hash_of(*hash, segment.at, segment.len);
    struct place *place = NULL;
    *kept = segment.len == 0; /* "//" and a "/" at the end are nobody's data */
    if (!*kept && !is_identifier(segment.at, segment.len)) {
        place = place_below(routes, parent, value, learn);
        *kept = place != NULL;
    }
    *hash = *kept ? value : hash_of(*hash, "*", 1);
    return place != NULL ? place : place_get(routes, *hash, learn, &inserted);
}

static size_t route_made(const struct routes *routes, const char *path, size_t len, bool learn,
                         char *out)
{
    const char *at = path, *end = path + len;
    struct place *parent = (struct place *)(uintptr_t)&routes->root;
    uint64_t hash = FNV_START;
    size_t used = 0;
    for (unsigned depth = 0; at < end; depth++) {
        const char *from = at + 1;
        const char *slash = memchr(from, '/', (size_t)(end - from));
        struct slice segment = { from, (size_t)((slash != NULL ? slash : end) - from) };
        bool kept = false;
        if (parent != NULL && depth < ROUTES_MAX_SEGMENTS)
            parent = place_of(routes, parent, &hash, segment, learn, &kept);
        at = segment.at + segment.len;
        if (depth == ROUTES_MAX_SEGMENTS || used + 2 + (kept ? segment.len : 0) > ROUTES_MAX_BYTES)
            kept = false, at = end;
        if (used + 2 > ROUTES_MAX_BYTES)
            break;
        out[used++] = '/';
        if (!kept)
            out[used++] = '*';
        else
            memcpy(out + used, segment.at, segment.len), used += segment.len;
    }
    return used;
}

size_t routes_find(const struct routes *routes, const char *path, size_t len, bool learn,
                   char out[static ROUTES_MAX_BYTES])
{
    if (routes == NULL || len == 0 || path[0] != '/')
        return 0;
    for (unsigned i = 0; i < routes->nr_templates; i++) {
        struct slice t = routes->templates[i];
        if (matches(t.at, t.at + t.len, path, path + len)) {
            memcpy(out, t.at, t.len);
            return t.len;
        }
    }
    return routes->places != NULL ? route_made(routes, path, len, learn, out) : 0;
}
