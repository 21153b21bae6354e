/*
 * An ELF file of any origin, looked at without trust: every offset in it is checked
 * against its size. Mapped, so that only the pages that are looked at are read.
 */
#ifndef OTELSHIM_CLI_ELF_FILE_H
#define OTELSHIM_CLI_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#endif

#define ELF_MAX_SEGMENTS 128u /* program headers that are looked at */
#define ELF_MAX_TEXT 4096u    /* bytes of a name; a longer one is none */

struct elf_file {
    const unsigned char *at;
    size_t size;
    Elf64_Ehdr head;
    bool same_machine;       /* this command's own class and processor; else nothing below works */
    const char *interpreter; /* PT_INTERP, or NULL */
};

/* False: the file cannot be read, or is no ELF. What it returns true for is closed by elf_close. */
bool elf_open(struct elf_file *elf, const char *path);
void elf_close(struct elf_file *elf);

/* The value of a DT_ entry; false without one. */
bool elf_dynamic(const struct elf_file *elf, Elf64_Sxword tag, Elf64_Xword *value);
/* The nth DT_ entry of a kind that names a string (DT_NEEDED, DT_SONAME), or NULL. */
const char *elf_dynamic_text(const struct elf_file *elf, Elf64_Sxword tag, unsigned nth);

/* A note of that owner and type in a PT_NOTE segment: its bytes (not terminated), or NULL. */
const char *elf_note(const struct elf_file *elf, const char *owner, unsigned type, size_t *len);
bool elf_has_section(const struct elf_file *elf, const char *name);
/* First occurrence of bytes anywhere in the file, or NULL. Reads the whole file. */
const char *elf_search(const struct elf_file *elf, const void *bytes, size_t len);

enum elf_symbol { ELF_ABSENT, ELF_UNDEFINED, ELF_DEFINED };
/* How the dynamic symbols, or else those for debuggers, know a function. */
enum elf_symbol elf_symbol(const struct elf_file *elf, const char *name);

#endif
