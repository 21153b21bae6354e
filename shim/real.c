/*
 * Which function lies behind a hook? (DESIGN, "Real symbols")
 *
 * libc's: the first object after ours in load order that defines the name, as
 * RTLD_NEXT would say; resolved once, in the constructor, because they must work
 * in signal handlers and vforked children.
 *
 * A library's (libcurl, SQLite): any loaded object that defines it, also one
 * that was opened RTLD_LOCAL, where RTLD_NEXT sees nothing. Where several define
 * it (a program on libcurl-gnutls while our exporter has libcurl), the caller
 * decides: its own object, else one that it is linked against, else the first.
 * Loading or unloading marks every such hook as unsure, and the next calls look
 * again.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "elf_object.h"
#include "hook.h"
#include "layout.h"

/* glibc 2.35: lock-free and async-signal-safe. */
extern int _dl_find_object(void *address, struct dl_find_object *result) __attribute__((weak));

/* How many library calls after a dlopen or dlclose are looked up each: the loading
 * itself happens after we were told, and calls may come during it. */
#define UNSURE_CALLS 16

/* Set by any thread, counted down by any: losing a count is harmless. */
static atomic_int unsure_calls;
atomic_uint real_generation = 1;

/* What was chosen for a caller where several objects define a name. Entries are
 * written once, then published; a full pool means searching again every time. */
#define CHOICE_COUNT 1024u
static struct choice {
    const struct hook *hook;
    uintptr_t caller_base;
    unsigned generation;
    void *fn;
} choices[CHOICE_COUNT] UNUSED_AT_START;
static atomic_uint nr_choices;
UNUSED_AT_START static _Atomic(struct choice *) choice_slots[256];

static uintptr_t own_base(void)
{
    extern const char __ehdr_start __attribute__((visibility("hidden")));
    return (uintptr_t)&__ehdr_start;
}

/* libc's dl_iterate_phdr. Set by whoever is first, always to the same. */
typedef int walk_function(int (*)(struct dl_phdr_info *, size_t, void *), void *);
static _Atomic(walk_function *) walk;

static walk_function *walk_of_libc(void)
{
    for (const struct link_map *map = _r_debug.r_map; map != NULL; map = map->l_next) {
        struct elf_object object;
        if (map->l_ld == NULL || !elf_object_open(&object, map->l_addr, map->l_ld) ||
            !elf_same_name(object.soname, "libc.so.6"))
            continue;
        void *found = elf_object_lookup(&object, "dl_iterate_phdr");
        return found != NULL ? (walk_function *)found : dl_iterate_phdr;
    }
    return dl_iterate_phdr;
}

int real_walk_objects(int (*look)(struct dl_phdr_info *, size_t, void *), void *data)
{
    walk_function *of_libc = atomic_load_explicit(&walk, memory_order_relaxed);
    if (unlikely(of_libc == NULL)) {
        of_libc = walk_of_libc();
        atomic_store_explicit(&walk, of_libc, memory_order_relaxed);
    }
    return of_libc(look, data);
}

static long missing_default(void)
{
    return 0;
}

static const ElfW(Dyn) * dynamic_of(const struct dl_phdr_info *info)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    }
    return NULL;
}

struct search {
    const char *name;
    bool after_us; /* only objects behind ours in load order */
    bool passed_us;
    struct elf_object caller; /* whose call it is; base 0 = nobody's */
    unsigned definers;
    void *first, *of_caller, *of_needed;
};

static int search_object(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    struct search *s = data;
    if (info->dlpi_addr == own_base()) {
        s->passed_us = true;
        return 0;
    }
    struct elf_object object;
    const ElfW(Dyn) *dynamic = dynamic_of(info);
    bool is_program = info->dlpi_name == NULL || info->dlpi_name[0] == 0;
    if (is_program || dynamic == NULL || (s->after_us && !s->passed_us) ||
        !elf_object_open(&object, info->dlpi_addr, dynamic))
        return 0;
    void *address = elf_object_lookup(&object, s->name);
    if (address == NULL)
        return 0;
    s->definers++;
    if (s->first == NULL)
        s->first = address;
    if (s->after_us)
        return 1;
    if (s->caller.dynamic != NULL) {
        if (object.base == s->caller.base)
            s->of_caller = address;
        else if (s->of_needed == NULL && elf_object_needs(&s->caller, object.soname))
            s->of_needed = address;
    }
    return 0;
}

/* The object that an address lies in, for the caller's choice. */
static void find_caller(struct search *s, const void *caller)
{
    struct link_map *map = NULL;
    struct dl_find_object found;
    Dl_info info;
    if (_dl_find_object != NULL) {
        if (_dl_find_object((void *)(uintptr_t)caller, &found) == 0)
            map = found.dlfo_link_map;
    } else if (!dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP)) {
        map = NULL;
    }
    if (map != NULL && map->l_ld != NULL)
        elf_object_open(&s->caller, map->l_addr, map->l_ld);
}

static struct instrumentation *owner_of(const struct hook *hook)
{
    for (unsigned i = 0; i < registry_count; i++) {
        if (hook >= registry[i]->hooks && hook < registry[i]->hooks + registry[i]->nr_hooks)
            return registry[i];
    }
    return NULL;
}

void real_objects_changed(void)
{
    atomic_store_explicit(&unsure_calls, UNSURE_CALLS, memory_order_relaxed);
    atomic_fetch_add_explicit(&real_generation, 1, memory_order_relaxed);
}

static _Atomic(struct choice *) *choice_slot(const struct hook *hook, uintptr_t caller_base)
{
    return &choice_slots[((uintptr_t)hook / sizeof *hook + caller_base / 4096) %
                         COUNT(choice_slots)];
}

static void remember_choice(const struct hook *hook, uintptr_t caller_base, unsigned generation,
                            void *fn)
{
    unsigned i = atomic_fetch_add_explicit(&nr_choices, 1, memory_order_relaxed);
    if (i >= CHOICE_COUNT) {
        atomic_store_explicit(&nr_choices, CHOICE_COUNT, memory_order_relaxed);
        return;
    }
    choices[i] = (struct choice){ hook, caller_base, generation, fn };
    atomic_store_explicit(choice_slot(hook, caller_base), &choices[i], memory_order_release);
}

static void *resolve_libc(struct hook *hook)
{
    void *fn = atomic_load_explicit(&hook->real, memory_order_relaxed);
    if (fn == NULL) {
        struct search s = { .name = hook->name, .after_us = true };
        real_walk_objects(search_object, &s);
        fn = s.first != NULL ? s.first : (void *)missing_default;
        atomic_store_explicit(&hook->real, fn, memory_order_relaxed);
    }
    atomic_store_explicit(&hook->valid_for,
                          atomic_load_explicit(&real_generation, memory_order_relaxed),
                          memory_order_relaxed);
    return fn;
}

static void *resolve_library(struct hook *hook, const struct instrumentation *owner,
                             const void *caller)
{
    unsigned generation = atomic_load_explicit(&real_generation, memory_order_relaxed);
    struct search s = { .name = hook->name };
    find_caller(&s, caller);
    const struct choice *known =
        atomic_load_explicit(choice_slot(hook, s.caller.base), memory_order_acquire);
    if (known != NULL && known->hook == hook && known->caller_base == s.caller.base &&
        known->generation == generation)
        return known->fn;

    real_walk_objects(search_object, &s);
    bool unsure = atomic_load_explicit(&unsure_calls, memory_order_relaxed) > 0;
    void *fn = s.of_caller != NULL ? s.of_caller : s.of_needed != NULL ? s.of_needed : s.first;
    if (fn == NULL)
        return owner != NULL && owner->missing != NULL ? (void *)owner->missing
                                                       : (void *)missing_default;
    atomic_store_explicit(&hook->real, s.first, memory_order_relaxed);
    if (unsure)
        atomic_fetch_sub_explicit(&unsure_calls, 1, memory_order_relaxed);
    else if (s.definers == 1)
        atomic_store_explicit(&hook->valid_for, generation, memory_order_relaxed);
    else
        remember_choice(hook, s.caller.base, generation, fn);
    return fn;
}

void *real_resolve(struct hook *hook, const void *caller)
{
    const struct instrumentation *owner = owner_of(hook);
    if (owner != NULL && owner->sonames == NULL)
        return resolve_libc(hook);
    return resolve_library(hook, owner, caller); /* no owner: a hook file's private helper */
}

bool real_exists(struct hook *hook)
{
    struct search s = { .name = hook->name };
    real_walk_objects(search_object, &s);
    return s.definers > 0;
}

bool real_is_ambiguous(struct hook *hook)
{
    const struct instrumentation *owner = owner_of(hook);
    if (owner != NULL && owner->sonames == NULL)
        return false;
    struct search s = { .name = hook->name };
    real_walk_objects(search_object, &s);
    return s.definers > 1;
}

static int has_prefix(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    const char *prefix = data;
    const char *slash = info->dlpi_name != NULL ? strrchr(info->dlpi_name, '/') : NULL;
    return slash != NULL && strncmp(slash + 1, prefix, strlen(prefix)) == 0;
}

bool real_object_is_loaded(const char *prefix)
{
    return real_walk_objects(has_prefix, (void *)(uintptr_t)prefix) != 0;
}

struct definer_search {
    const char *name;
    const char *prefix; /* of the file that should define it */
    bool foreign;
};

static int find_definer(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    struct definer_search *s = data;
    struct elf_object object;
    const ElfW(Dyn) *dynamic = dynamic_of(info);
    if (info->dlpi_addr == own_base() || dynamic == NULL ||
        !elf_object_open(&object, info->dlpi_addr, dynamic) ||
        elf_object_lookup(&object, s->name) == NULL)
        return 0;
    const char *slash = info->dlpi_name != NULL ? strrchr(info->dlpi_name, '/') : NULL;
    s->foreign = slash == NULL || strncmp(slash + 1, s->prefix, strlen(s->prefix)) != 0;
    return 1;
}

bool real_is_foreign(const char *name, const char *prefix)
{
    struct definer_search s = { .name = name, .prefix = prefix };
    real_walk_objects(find_definer, &s);
    return s.foreign;
}

bool real_is_in_program(const char *name)
{
    const struct link_map *program = _r_debug.r_map; /* the loader puts it first */
    struct elf_object object;
    return program != NULL && program->l_ld != NULL &&
           elf_object_open(&object, program->l_addr, program->l_ld) &&
           elf_object_lookup(&object, name) != NULL;
}

const char *real_own_file(void)
{
    for (const struct link_map *map = _r_debug.r_map; map != NULL; map = map->l_next)
        if (map->l_addr == own_base())
            return map->l_name;
    return NULL;
}

void *real_libc_handle(void)
{
    for (struct link_map *map = _r_debug.r_map; map != NULL; map = map->l_next) {
        const char *slash = strrchr(map->l_name, '/');
        if (slash != NULL && strncmp(slash, "/libc.so.", 9) == 0)
            return map;
    }
    return NULL;
}

/* One pass over the loaded objects for all hooks: what resolve_libc finds for each. */
static int resolve_in_object(struct dl_phdr_info *info, size_t size, void *passed_us)
{
    (void)size;
    struct elf_object object;
    const ElfW(Dyn) *dynamic = dynamic_of(info);
    if (info->dlpi_addr == own_base()) {
        *(bool *)passed_us = true;
        return 0;
    }
    if (!*(bool *)passed_us || dynamic == NULL ||
        !elf_object_open(&object, info->dlpi_addr, dynamic))
        return 0;
    for (unsigned i = 0; i < registry_count; i++) {
        struct instrumentation *instr = registry[i];
        for (unsigned h = 0; instr->sonames == NULL && h < instr->nr_hooks; h++) {
            struct hook *hook = &instr->hooks[h];
            if (atomic_load_explicit(&hook->real, memory_order_relaxed) == NULL)
                atomic_store_explicit(&hook->real, elf_object_lookup(&object, hook->name),
                                      memory_order_relaxed);
        }
    }
    return 0;
}

void real_init(void)
{
    bool passed_us = false;
    real_walk_objects(resolve_in_object, &passed_us);
    for (unsigned i = 0; i < registry_count; i++) {
        for (unsigned h = 0; registry[i]->sonames == NULL && h < registry[i]->nr_hooks; h++)
            resolve_libc(&registry[i]->hooks[h]);
    }
}
