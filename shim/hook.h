/*
 * What a hook file declares, and how it reaches the function behind it.
 *
 * One file per library under hooks/, one line in registry.c. A hook file has
 * a table of the functions it replaces and an `instrumentation` that names it:
 *
 *     static struct hook sqlite_hooks[] = { HOOK(sqlite3_step), ... };
 *     struct instrumentation instr_sqlite = {
 *         .name = "sqlite3", .hooks = sqlite_hooks, .nr_hooks = COUNT(sqlite_hooks), ...
 *     };
 *
 * HOOK() needs a wrapper of the same name, marked EXPORT, which calls the real
 * function with REAL(index, name).
 */
#ifndef OTELSHIM_HOOK_H
#define OTELSHIM_HOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/*
 * A vforked child's exec leaves its frames on its parent's stack. AddressSanitizer's
 * marks around them would stay there, and later frames be taken for overflows.
 */
#if defined(__SANITIZE_ADDRESS__)
void __asan_handle_no_return(void);
#define FRAMES_STAY_BEHIND() __asan_handle_no_return()
#else
#define FRAMES_STAY_BEHIND() ((void)0)
#endif

/* One replaced function. */
struct hook {
    const char *name;
    void *wrapper;            /* our function: what dlsym hands out */
    _Atomic(void *) real;     /* the function behind, NULL until resolved.
                               * Written by any thread, always with the same value
                               * for one state of loaded objects: relaxed suffices. */
    atomic_uint valid_for;    /* real_generation for which `real` is the one answer;
                               * 0: several objects define it, the caller decides */
};

/* By way of an integer: a pointer to a noreturn function counts as qualified. */
#define HOOK(fn) { .name = #fn, .wrapper = (void *)(uintptr_t)(fn) }

/* A library whose calls become spans. `name` is also its configuration key. */
struct instrumentation {
    const char *name;
    bool core;                /* part of the machinery: cannot be disabled by name */
    bool knows_more;          /* calls span_decide() itself: URL and the like are known */
    struct hook *hooks;
    unsigned nr_hooks;        /* at most 255 */
    /* Sonames to look in when the symbol is in no object's global scope
     * (libraries opened RTLD_LOCAL); NULL-terminated, or NULL: libc only. */
    const char *const *sonames;
    /* Names of instrumentations whose hooks pass through while one of our calls
     * is on the stack; itself always. NULL-terminated, or NULL. */
    const char *const *suppresses;
    /* Runs once when the instrumentation is enabled; no program malloc, may be NULL. */
    void (*init)(void);
    /* Runs in a forked child at first use: forget handles' spans, locks. May be NULL. */
    void (*fork_child)(void);
    /* The process ends, in order: tell what is open, within bounds. Other threads may run, and
     * it may be called again. May be NULL. */
    void (*process_ends)(void);
    /* Called when no loaded object defines a function that the program calls all
     * the same (a weak reference): returns the library's "failed". NULL: returns 0. */
    long (*missing)(void);
    /* Set by registry.c. */
    uint32_t bit;             /* 1 << index */
    uint32_t suppress_mask;
    uint8_t index;
};

/* Slow half of REAL: resolves by DESIGN "Real symbols". NULL when nothing defines it. */
void *real_resolve(struct hook *hook, const void *caller);

/* Counts loads and unloads of objects: what was resolved before is looked at again. */
extern atomic_uint real_generation __attribute__((visibility("hidden")));

static inline void *real_of(struct hook *hook, const void *caller)
{
    if (likely(atomic_load_explicit(&hook->valid_for, memory_order_relaxed) ==
               atomic_load_explicit(&real_generation, memory_order_relaxed)))
        return atomic_load_explicit(&hook->real, memory_order_relaxed);
    return real_resolve(hook, caller);
}

/*
 * The function behind `fn`, typed as fn. Each hook file defines `HOOK_TABLE`
 * (its array) and an enum `fn_index` per entry by the X-macro idiom:
 * REAL(sqlite3_step)(stmt). Lookups are one load and one branch.
 */
#define REAL(fn) \
    ((__typeof__(&fn))real_of(&HOOK_TABLE[HOOK_##fn], __builtin_return_address(0)))

/*
 * Makes table and indices from one list:
 *     #define CURL_HOOKS(X) X(curl_easy_init) X(curl_easy_perform)
 *     HOOK_LIST(curl_hooks, CURL_HOOKS)
 *     #define HOOK_TABLE curl_hooks
 */
#define HOOK_INDEX_(fn) HOOK_##fn,
#define HOOK_ENTRY_(fn) HOOK(fn),
#define HOOK_LIST(table, LIST)      \
    enum { LIST(HOOK_INDEX_) };     \
    static struct hook table[] = { LIST(HOOK_ENTRY_) }

/* real.c: resolves every libc function once, in the constructor. */
void real_init(void);
/* A library was, or is about to be, loaded or unloaded: look again. Any thread. */
void real_objects_changed(void);
/* dl_iterate_phdr, libc's own: a program built with ThreadSanitizer has another, which asks dlsym (ours)
 * for the real one, and cannot be called before it has the answer. */
struct dl_phdr_info;
int real_walk_objects(int (*look)(struct dl_phdr_info *, size_t, void *), void *data);
/* Whether an object is loaded whose file name begins so. */
bool real_object_is_loaded(const char *prefix);
/* Whether the first loaded object that defines the name is another than the one
 * whose file name begins with `prefix`; false when none does. */
bool real_is_foreign(const char *name, const char *prefix);
/* Whether the program's own file defines and exports it. */
bool real_is_in_program(const char *name);
/* Path of our own object, as the loader was given it; NULL: not known. */
const char *real_own_file(void);
/* libc's handle for the real dlsym. */
void *real_libc_handle(void);
/* Whether several loaded objects define it, or that is not known for sure now. */
bool real_is_ambiguous(struct hook *hook);
/* Whether any loaded object but ours defines it. */
bool real_exists(struct hook *hook);

/* registry.c */
/* Gives every instrumentation its bit and masks; constructor. */
void registry_init(void);
extern struct instrumentation *const registry[];
extern const unsigned registry_count;
/* Finds the hook for a name, NULL if we do not replace it. Any thread. */
struct hook *registry_find_hook(const char *name, struct instrumentation **owner);

#endif
