/*
 * Symbol lookup in one loaded object, straight from its dynamic section.
 *
 * Our own, because dlsym is one of the functions we replace, and because which
 * object answers matters to us. Reads only memory that the dynamic loader keeps
 * mapped while the object is loaded.
 */
#ifndef OTELSHIM_ELF_OBJECT_H
#define OTELSHIM_ELF_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct elf_object {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash;  /* DT_GNU_HASH or NULL */
    const uint32_t *sysv_hash; /* DT_HASH or NULL */
    const ElfW(Half) * versions;
    const char *soname; /* "" when it has none */
    const ElfW(Dyn) * dynamic;
};

/*
 * Whether two names are the same. Not strcmp: dlsym is called before a program's own
 * strcmp works (a sanitizer's, which asks dlsym for the real one).
 */
static inline bool elf_same_name(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* False when the object has no symbol table to look in. */
bool elf_object_open(struct elf_object *object, uintptr_t base, const ElfW(Dyn) * dynamic);
/* Address of the default version of a defined function, or NULL. Runs IFUNC resolvers. */
void *elf_object_lookup(const struct elf_object *object, const char *name);
/* Whether `soname` is among the object's DT_NEEDED. */
bool elf_object_needs(const struct elf_object *object, const char *soname);

#endif
