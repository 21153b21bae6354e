/*
 * Lists of regular expressions, see patterns.h.
 *
 * Time: PCRE2's match limit starts anew at each position of the text, so it does
 * not bound a search. Patterns are compiled with automatic callouts instead,
 * and the callout charges each step, and the distance moved since the last one,
 * to a budget that all patterns of one decision share. Steps the search never
 * gets to take (first and last bytes are looked for at once) cost nothing.
 *
 * Memory: a pool of match blocks, made when the first list is. A thread takes
 * a free one without waiting (a signal handler takes another one); each has its
 * backtracking frames with it, so that matching never allocates.
 */
#include "patterns.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <string.h>

#include "arena.h"
#include "config.h"

#define PATTERN_MAX_BYTES 4096u
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

/* Both: written in the constructor only, then read by any thread. A forked child
 * keeps them. */
static struct match_block *blocks; /* MATCH_BLOCKS of them */
static pcre2_compile_context *compile_context;

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

static bool context_make(void)
{
    pcre2_general_context *general = pcre2_general_context_create(setup_alloc, setup_free, NULL);
    compile_context = general != NULL ? pcre2_compile_context_create(general) : NULL;
    if (compile_context != NULL)
        pcre2_set_max_pattern_length(compile_context, PATTERN_MAX_BYTES);
    return compile_context != NULL;
}

bool patterns_init(struct patterns *patterns)
{
    *patterns = (struct patterns){ NULL, 0 };
    if ((compile_context == NULL && !context_make()) || (blocks == NULL && !blocks_make()))
        return false;
    patterns->codes = arena_alloc(CONFIG_MAX_PATTERNS * sizeof patterns->codes[0]);
    return patterns->codes != NULL;
}

void patterns_add(struct patterns *patterns, const char *variable, struct slice text, unsigned how)
{
    int error;
    PCRE2_SIZE offset;
    /* NEVER_UTF: what is matched is any bytes. */
    uint32_t options = PCRE2_AUTO_CALLOUT | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
    if (how & PATTERN_WHOLE)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    if (how & PATTERN_NO_CASE)
        options |= PCRE2_CASELESS;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)text.at, text.len, options, &error, &offset, compile_context);
    if (code == NULL) {
        char shown[SHOWN_BYTES], why[128];
        text_shown(text, shown);
        pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
        diag_config_mistake("%s: pattern \"%s\" is left out: %s (at byte %zu)", variable, shown,
                            why, offset);
        return;
    }
    patterns->codes[patterns->nr++] = code;
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

enum pattern_result patterns_match(const struct patterns *patterns, const char *text, size_t len,
                                   bool cut)
{
    struct match_block *block = block_take();
    int result = PCRE2_ERROR_NOMATCH;
    if (block == NULL)
        return PATTERN_UNKNOWN;
    block->budget = MATCH_BUDGET;
    block->position = 0;
    for (unsigned i = 0; i < patterns->nr && result == PCRE2_ERROR_NOMATCH; i++)
        result = pcre2_match(patterns->codes[i], (PCRE2_SPTR)text, len, 0, cut ? PCRE2_NOTEOL : 0,
                             block->data, block->limits);
    atomic_store_explicit(&block->busy, 0, memory_order_release);
    return result >= 0                     ? PATTERN_MATCHES
           : result == PCRE2_ERROR_NOMATCH ? PATTERN_DIFFERS
                                           : PATTERN_UNKNOWN;
}
