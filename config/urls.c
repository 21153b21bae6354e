/*
 * Excluded URLs: lists of regular expressions, decided on the program's thread
 * before a header goes out, so bounded in every way.
 *
 * OpenTelemetry Python's rules: unanchored search, letter case told apart, one
 * alternative is enough. Patterns are compiled and tried one by one: a bad one
 * is left out alone, and each keeps its own groups and inline flags. Unlike
 * there, an empty item is no pattern: a trailing comma does not exclude all.
 *
 * Time: PCRE2's match limit starts anew at each position of the URL, so it does
 * not bound a search. Patterns are compiled with automatic callouts instead,
 * and the callout charges each step, and the distance moved since the last one,
 * to a budget that all patterns of one decision share. Steps the search never
 * gets to take (first and last bytes are looked for at once) cost nothing.
 *
 * Memory: a pool of match blocks, made when the first filter is. A thread takes
 * a free one without waiting (a signal handler takes another one); each has its
 * backtracking frames with it, so that matching never allocates.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <string.h>

#include "arena.h"
#include "config.h"
#include "parse.h"

#define PATTERN_MAX_BYTES 4096u
#define URL_MAX_BYTES 2048u /* of a URL that are looked at, as RECORD_MAX_URL */
#define MATCH_BLOCKS 64u    /* threads that match at one moment */
#define MATCH_FRAMES_KB 15u /* backtracking of one match; PCRE2 sizes in KB */
#define MATCH_FRAMES_BYTES ((size_t)MATCH_FRAMES_KB * 1024)
#define MATCH_BUDGET 16384u  /* steps of one decision: well under a millisecond */
#define MATCH_STEP_BYTES 16u /* bytes moved over that cost as much as one step */

struct match_block {
    atomic_uint busy;    /* 1: a thread is matching. Any thread, acquire/release. After a
                            * fork a block that was busy in the parent stays so: one lost. */
    bool frames_taken;   /* PCRE2 has asked for its frames */
    uint32_t budget;     /* left of this decision */
    PCRE2_SIZE position; /* at the last callout */
    pcre2_match_data *data;
    pcre2_match_context *limits;
    char *frames;
};

struct url_filter {
    struct url_filter *next;
    const char *value; /* the variable's value it was made from */
    const pcre2_code **patterns;
    unsigned nr_patterns;
};

/* Both: written in the constructor only, then read by any thread. A forked child
 * keeps them. */
static struct url_filter *filters; /* one per value: instrumentations share it */
static struct match_block *blocks; /* MATCH_BLOCKS of them */

/* PCRE2's memory: the arena while patterns are compiled and blocks are made ... */
static void *setup_alloc(PCRE2_SIZE size, void *data)
{
    (void)data;
    return arena_alloc(size);
}

static void setup_free(void *pointer, void *data)
{
    (void)data;
    arena_free_last(pointer);
}

/* ... and the block's own frames while it matches. */
static void *frames_alloc(PCRE2_SIZE size, void *data)
{
    struct match_block *block = data;
    if (block->frames == NULL)
        return arena_alloc(size); /* the constructor makes the block */
    if (block->frames_taken || size > MATCH_FRAMES_BYTES)
        return NULL;
    block->frames_taken = true;
    return block->frames;
}

static void frames_free(void *pointer, void *data)
{
    struct match_block *block = data;
    if (pointer == block->frames)
        block->frames_taken = false;
}

/* Charges one step. Not 0: the search ends here. */
static int charge(pcre2_callout_block *at, void *data)
{
    struct match_block *block = data;
    PCRE2_SIZE here = at->current_position;
    PCRE2_SIZE moved = here > block->position ? here - block->position : block->position - here;
    uint32_t cost = 1 + (uint32_t)(moved / MATCH_STEP_BYTES);
    block->position = here;
    if (cost > block->budget)
        return PCRE2_ERROR_CALLOUT;
    block->budget -= cost;
    return 0;
}

static bool block_make(struct match_block *block, char *frames)
{
    pcre2_general_context *general = pcre2_general_context_create(frames_alloc, frames_free, block);
    if (general == NULL)
        return false;
    block->limits = pcre2_match_context_create(general);
    block->data = pcre2_match_data_create(1, general);
    if (block->limits == NULL || block->data == NULL)
        return false;
    pcre2_set_heap_limit(block->limits, MATCH_FRAMES_KB);
    pcre2_set_match_limit(block->limits, MATCH_BUDGET);
    pcre2_set_callout(block->limits, charge, block);
    block->frames = frames;
    return true;
}

/* Frames are touched only by the threads that match: most of this stays unused. */
static bool blocks_make(void)
{
    struct match_block *made = arena_alloc(MATCH_BLOCKS * sizeof made[0]);
    char *frames = arena_alloc(MATCH_BLOCKS * MATCH_FRAMES_BYTES);
    if (made == NULL || frames == NULL)
        return false;
    for (unsigned i = 0; i < MATCH_BLOCKS; i++)
        if (!block_make(&made[i], frames + i * MATCH_FRAMES_BYTES))
            return false;
    blocks = made;
    return true;
}

static pcre2_code *pattern_compile(const char *variable, struct slice text,
                                   pcre2_compile_context *context)
{
    int error;
    PCRE2_SIZE offset;
    /* NEVER_UTF: URLs are any bytes. */
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text.at, text.len,
                                     PCRE2_AUTO_CALLOUT | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error,
                                     &offset, context);
    if (code == NULL) {
        char shown[SHOWN_BYTES], why[128];
        text_shown(text, shown);
        pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
        diag_config_mistake("%s: pattern \"%s\" is left out: %s (at byte %zu)", variable, shown,
                            why, offset);
    }
    return code;
}

static void filter_compile(struct url_filter *filter, const char *variable, struct slice list)
{
    struct slice item;
    unsigned over = 0;
    pcre2_general_context *general = pcre2_general_context_create(setup_alloc, setup_free, NULL);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    filter->patterns = arena_alloc(CONFIG_MAX_PATTERNS * sizeof(pcre2_code *));
    if (context == NULL || filter->patterns == NULL)
        return;
    pcre2_set_max_pattern_length(context, PATTERN_MAX_BYTES);
    while (parse_list_next(&list, &item)) {
        if (filter->nr_patterns == CONFIG_MAX_PATTERNS) {
            over++;
            continue;
        }
        const pcre2_code *code = pattern_compile(variable, item, context);
        if (code != NULL)
            filter->patterns[filter->nr_patterns++] = code;
    }
    if (over > 0)
        diag_config_mistake("%s: more than %u patterns; %u are left out", variable,
                            CONFIG_MAX_PATTERNS, over);
}

/* "curl" in OTEL_SHIM_CURL_EXCLUDED_URLS. Bytes written, 0: too long. */
static size_t put_upper(char *to, size_t room, const char *name)
{
    size_t len = strlen(name);
    if (len >= room)
        return 0;
    for (size_t i = 0; i < len; i++)
        to[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32)
                : name[i] == '-'                 ? '_'
                                                 : name[i];
    return len;
}

static const char *variable_find(const struct config *c, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < c->nr_follow_vars; i++)
        if (strncmp(c->follow_vars[i], name, len) == 0 && c->follow_vars[i][len] == '=')
            return c->follow_vars[i] + len + 1;
    return NULL;
}

/* The first variable of the lookup order that is set; its name goes to `variable`. */
static const char *list_find(const struct config *c, const char *name, char variable[static 128])
{
    static const char *const prefixes[] = { "OTEL_SHIM_", "OTEL_PYTHON_" };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        for (int general = 0; general < 2; general++) {
            size_t n = strlen(prefixes[i]);
            memcpy(variable, prefixes[i], n);
            if (!general) {
                size_t added = put_upper(variable + n, 64, name);
                if (added == 0)
                    continue;
                n += added;
                variable[n++] = '_';
            }
            memcpy(variable + n, "EXCLUDED_URLS", sizeof "EXCLUDED_URLS");
            const char *value = variable_find(c, variable);
            if (value != NULL)
                return value;
        }
    }
    return NULL;
}

const struct url_filter *config_url_filter(const struct config *c, const char *name)
{
    char variable[128];
    const char *value = list_find(c, name, variable);
    struct url_filter *filter = filters;
    if (value == NULL)
        return NULL;
    while (filter != NULL && filter->value != value)
        filter = filter->next;
    if (filter == NULL) {
        if ((blocks == NULL && !blocks_make()) || (filter = arena_alloc(sizeof *filter)) == NULL) {
            diag_config_mistake("%s: no memory for it; nothing is excluded", variable);
            return NULL;
        }
        *filter = (struct url_filter){ .next = filters, .value = value };
        filters = filter;
        filter_compile(filter, variable, slice_of(value));
    }
    return filter->nr_patterns > 0 ? filter : NULL;
}

/* A block of our own, from a start that differs from thread to thread; NULL: all are
 * taken at this very moment. */
static struct match_block *block_take(void)
{
    uintptr_t thread = (uintptr_t)__builtin_thread_pointer();
    unsigned start = (unsigned)((thread >> 6) * 0x9e3779b1u >> 16);
    for (unsigned i = 0; i < MATCH_BLOCKS; i++) {
        struct match_block *block = &blocks[(start + i) % MATCH_BLOCKS];
        unsigned free = 0;
        if (atomic_compare_exchange_strong_explicit(&block->busy, &free, 1, memory_order_acquire,
                                                    memory_order_relaxed))
            return block;
    }
    return NULL;
}

bool url_filter_excludes(const struct url_filter *filter, const char *url, size_t len)
{
    struct match_block *block;
    bool cut = len > URL_MAX_BYTES;
    int result = PCRE2_ERROR_NOMATCH;
    if (filter == NULL || (block = block_take()) == NULL)
        return false;
    block->budget = MATCH_BUDGET;
    block->position = 0;
    for (unsigned i = 0; i < filter->nr_patterns && result == PCRE2_ERROR_NOMATCH; i++)
        result = pcre2_match(filter->patterns[i], (PCRE2_SPTR)url, cut ? URL_MAX_BYTES : len, 0,
                             cut ? PCRE2_NOTEOL : 0, block->data, block->limits);
    atomic_store_explicit(&block->busy, 0, memory_order_release);
    return result >= 0;
}
