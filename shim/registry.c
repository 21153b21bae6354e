/*
 * The list of instrumentations: one line each, in the order of their scope ids.
 */
#include <string.h>

#include "elf_object.h"
#include "hook.h"

/* clang-format off */
#define INSTRUMENTATIONS(X) \
    X(instr_fork)           \
    X(instr_exit)           \
    X(instr_thread)         \
    X(instr_loader)         \
    X(instr_unwind)         \
    X(instr_catch)          \
    X(instr_confine)        \
    X(instr_process)        \
    X(instr_dns)            \
    X(instr_socket)         \
    X(instr_http)           \
    X(instr_openssl)        \
    X(instr_gnutls)         \
    X(instr_curl)           \
    X(instr_sqlite)         \
    X(instr_api)            \
    X(instr_manual)
/* clang-format on */

#define X(name) extern struct instrumentation name;
INSTRUMENTATIONS(X)
#undef X

struct instrumentation *const registry[] = {
#define X(name) &name,
    INSTRUMENTATIONS(X)
#undef X
};
const unsigned registry_count = COUNT(registry);

/* Hash of all hooked names: dlsym is called thousands of times by some programs. A slot says
 * where the hook stands, not where it lies: every process writes this table.
 * Written by the constructor only; read by any thread. */
#define NAME_SLOTS 1024u
static struct {
    uint8_t owner; /* its index in the registry, and one; 0: the slot is free */
    uint8_t hook;  /* its index among the owner's */
} names[NAME_SLOTS];

static uint32_t name_hash(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name != 0; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

static struct instrumentation *find(const char *name)
{
    for (unsigned i = 0; i < registry_count; i++) {
        if (strcmp(registry[i]->name, name) == 0)
            return registry[i];
    }
    return NULL;
}

static void add_names(struct instrumentation *instr)
{
    for (unsigned i = 0; i < instr->nr_hooks; i++) {
        uint32_t slot = name_hash(instr->hooks[i].name) % NAME_SLOTS;
        while (names[slot].owner != 0)
            slot = (slot + 1) % NAME_SLOTS;
        names[slot].owner = (uint8_t)(instr->index + 1);
        names[slot].hook = (uint8_t)i;
    }
}

void registry_init(void)
{
    for (unsigned i = 0; i < registry_count; i++) {
        registry[i]->index = (uint8_t)i;
        registry[i]->bit = 1u << i;
        add_names(registry[i]);
    }
    for (unsigned i = 0; i < registry_count; i++) {
        struct instrumentation *instr = registry[i];
        instr->suppress_mask = instr->bit;
        for (const char *const *s = instr->suppresses; s != NULL && *s != NULL; s++) {
            const struct instrumentation *other = find(*s);
            if (other != NULL)
                instr->suppress_mask |= other->bit;
        }
    }
}

struct hook *registry_find_hook(const char *name, struct instrumentation **owner)
{
    uint32_t slot = name_hash(name) % NAME_SLOTS;
    for (; names[slot].owner != 0; slot = (slot + 1) % NAME_SLOTS) {
        struct instrumentation *instr = registry[names[slot].owner - 1];
        struct hook *hook = &instr->hooks[names[slot].hook];
        if (elf_same_name(hook->name, name)) {
            if (owner != NULL)
                *owner = instr;
            return hook;
        }
    }
    return NULL;
}
