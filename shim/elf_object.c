/*
 * Hash tables, symbols and versions of a loaded object, read as the loader reads
 * them; the bounds are the object's own, which the loader has checked by using them.
 */
#include "elf_object.h"

#include <string.h>

/* Set in DT_VERSYM for versions that are not the default one. */
#define VERSION_HIDDEN 0x8000u

bool elf_object_open(struct elf_object *object, uintptr_t base, const ElfW(Dyn) * dynamic)
{
    *object = (struct elf_object){ .base = base, .soname = "", .dynamic = dynamic };
    uintptr_t soname = UINTPTR_MAX;
    for (const ElfW(Dyn) *d = dynamic; d->d_tag != DT_NULL; d++) {
        /* glibc relocates these in place; read-only dynamic sections stay relative. */
        uintptr_t p = d->d_un.d_ptr;
        uintptr_t address = p < base ? base + p : p;
        switch (d->d_tag) {
        case DT_SYMTAB: object->symbols = (const ElfW(Sym) *)address; break;
        case DT_STRTAB: object->strings = (const char *)address; break;
        case DT_GNU_HASH: object->gnu_hash = (const uint32_t *)address; break;
        case DT_HASH: object->sysv_hash = (const uint32_t *)address; break;
        case DT_VERSYM: object->versions = (const ElfW(Half) *)address; break;
        case DT_SONAME: soname = p; break;
        default: break;
        }
    }
    if (object->strings != NULL && soname != UINTPTR_MAX)
        object->soname = object->strings + soname;
    return object->symbols != NULL && object->strings != NULL &&
           (object->gnu_hash != NULL || object->sysv_hash != NULL);
}

static bool matches(const struct elf_object *object, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &object->symbols[index];
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 &&
           (type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC) &&
           elf_same_name(object->strings + symbol->st_name, name);
}

static bool is_default(const struct elf_object *object, uint32_t index)
{
    return object->versions == NULL || !(object->versions[index] & VERSION_HIDDEN);
}

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t h = 5381;
    for (; *name != 0; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

/* Index of the default version's symbol, else of any version, else 0. */
static uint32_t find_gnu(const struct elf_object *object, const char *name)
{
    const uint32_t *table = object->gnu_hash;
    uint32_t nr_buckets = table[0], first = table[1], nr_bloom = table[2], shift = table[3];
    const ElfW(Addr) *bloom = (const ElfW(Addr) *)(const void *)&table[4];
    const uint32_t *buckets = (const uint32_t *)(const void *)&bloom[nr_bloom];
    const uint32_t *chain = &buckets[nr_buckets];
    if (nr_buckets == 0)
        return 0;

    uint32_t hash = gnu_hash_of(name);
    ElfW(Addr) word = bloom[hash / (8 * sizeof word) % nr_bloom];
    ElfW(Addr) mask = ((ElfW(Addr))1 << hash % (8 * sizeof word)) |
                      ((ElfW(Addr))1 << (hash >> shift) % (8 * sizeof word));
    if ((word & mask) != mask)
        return 0;

    uint32_t index = buckets[hash % nr_buckets], other_version = 0;
    if (index < first)
        return 0;
    for (;; index++) {
        uint32_t h = chain[index - first];
        if ((h | 1) == (hash | 1) && matches(object, index, name)) {
            if (is_default(object, index))
                return index;
            other_version = index;
        }
        if (h & 1)
            return other_version;
    }
}

static uint32_t find_sysv(const struct elf_object *object, const char *name)
{
    uint32_t h = 0;
    for (const char *p = name; *p != 0; p++) {
        h = (h << 4) + (unsigned char)*p;
        h = (h ^ ((h & 0xf0000000u) >> 24)) & 0x0fffffffu;
    }
    const uint32_t *table = object->sysv_hash;
    uint32_t nr_buckets = table[0], other_version = 0;
    if (nr_buckets == 0)
        return 0;
    for (uint32_t i = table[2 + h % nr_buckets]; i != 0; i = table[2 + nr_buckets + i]) {
        if (!matches(object, i, name))
            continue;
        if (is_default(object, i))
            return i;
        other_version = i;
    }
    return other_version;
}

void *elf_object_lookup(const struct elf_object *object, const char *name)
{
    uint32_t index = object->gnu_hash != NULL ? find_gnu(object, name) : find_sysv(object, name);
    if (index == 0)
        return NULL;
    const ElfW(Sym) *symbol = &object->symbols[index];
    void *address = (void *)(object->base + symbol->st_value);
    if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
        address = ((void *(*)(void))address)();
    return address;
}

bool elf_object_needs(const struct elf_object *object, const char *soname)
{
    for (const ElfW(Dyn) *d = object->dynamic; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_NEEDED && strcmp(object->strings + d->d_un.d_val, soname) == 0)
            return true;
    }
    return false;
}
