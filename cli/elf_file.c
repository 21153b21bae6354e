/* See elf_file.h. Structures are copied out: a file may place them unaligned. */
#include "elf_file.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* `len` bytes at `offset`, or NULL where the file ends before. */
static const unsigned char *piece(const struct elf_file *elf, Elf64_Xword offset, Elf64_Xword len)
{
    return offset <= elf->size && len <= elf->size - offset ? elf->at + offset : NULL;
}

/* A text that ends within the file, or NULL. */
static const char *text_at(const struct elf_file *elf, Elf64_Xword offset)
{
    if (offset >= elf->size)
        return NULL;
    size_t rest = elf->size - offset, most = rest < ELF_MAX_TEXT ? rest : ELF_MAX_TEXT;
    return memchr(elf->at + offset, '\0', most) != NULL ? (const char *)elf->at + offset : NULL;
}

static bool segment_at(const struct elf_file *elf, unsigned i, Elf64_Phdr *out)
{
    const unsigned char *from;
    if (!elf->same_machine || i >= elf->head.e_phnum || i >= ELF_MAX_SEGMENTS ||
        (from = piece(elf, elf->head.e_phoff + (Elf64_Xword)i * sizeof *out, sizeof *out)) == NULL)
        return false;
    memcpy(out, from, sizeof *out);
    return true;
}

static bool segment_of_type(const struct elf_file *elf, Elf64_Word type, Elf64_Phdr *out)
{
    for (unsigned i = 0; segment_at(elf, i, out); i++)
        if (out->p_type == type)
            return true;
    return false;
}

static bool map(struct elf_file *elf, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    void *at = MAP_FAILED;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)sizeof elf->head)
        at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return false;
    elf->at = at;
    elf->size = (size_t)st.st_size;
    return true;
}

/* What this command is itself built for. */
static bool own_machine(const Elf64_Ehdr *head)
{
    return head->e_ident[EI_CLASS] == ELFCLASS64 && head->e_machine == OWN_MACHINE &&
           head->e_phentsize == sizeof(Elf64_Phdr);
}

/* What is mapped has the size of a head at least. */
static bool read_head(struct elf_file *elf)
{
    Elf64_Phdr interpreter;
    if (memcmp(elf->at, ELFMAG, SELFMAG) != 0)
        return false;
    memcpy(&elf->head, elf->at, sizeof elf->head);
    elf->same_machine = own_machine(&elf->head);
    if (segment_of_type(elf, PT_INTERP, &interpreter))
        elf->interpreter = text_at(elf, interpreter.p_offset);
    return true;
}

bool elf_open(struct elf_file *elf, const char *path)
{
    *elf = (struct elf_file){ .at = NULL };
    if (!map(elf, path))
        return false;
    bool is_elf = read_head(elf);
    if (!is_elf)
        elf_close(elf);
    return is_elf;
}

void elf_close(struct elf_file *elf)
{
    if (elf->at != NULL)
        munmap((void *)(uintptr_t)elf->at, elf->size);
    elf->at = NULL;
}

/* Where in the file an address of the loaded program lies. */
static bool offset_of(const struct elf_file *elf, Elf64_Addr address, Elf64_Xword *offset)
{
    Elf64_Phdr s;
    for (unsigned i = 0; segment_at(elf, i, &s); i++) {
        if (s.p_type != PT_LOAD || address < s.p_vaddr || address - s.p_vaddr >= s.p_filesz)
            continue;
        *offset = s.p_offset + (address - s.p_vaddr);
        return true;
    }
    return false;
}

static bool dynamic_nth(const struct elf_file *elf, Elf64_Sxword tag, unsigned nth,
                        Elf64_Xword *value)
{
    Elf64_Phdr dynamic;
    Elf64_Dyn entry;
    const unsigned char *from;
    if (!segment_of_type(elf, PT_DYNAMIC, &dynamic))
        return false;
    for (Elf64_Xword at = 0; at + sizeof entry <= dynamic.p_filesz; at += sizeof entry) {
        if ((from = piece(elf, dynamic.p_offset + at, sizeof entry)) == NULL)
            return false;
        memcpy(&entry, from, sizeof entry);
        if (entry.d_tag == DT_NULL)
            return false;
        if (entry.d_tag == tag && nth-- == 0) {
            *value = entry.d_un.d_val;
            return true;
        }
    }
    return false;
}

bool elf_dynamic(const struct elf_file *elf, Elf64_Sxword tag, Elf64_Xword *value)
{
    return dynamic_nth(elf, tag, 0, value);
}

const char *elf_dynamic_text(const struct elf_file *elf, Elf64_Sxword tag, unsigned nth)
{
    Elf64_Xword strings, offset, index;
    if (!dynamic_nth(elf, tag, nth, &index) || !elf_dynamic(elf, DT_STRTAB, &strings) ||
        !offset_of(elf, strings, &offset) || index > elf->size)
        return NULL;
    return text_at(elf, offset + index);
}

/* One note of a segment; moves *at on. False at the end. */
static bool note_next(const struct elf_file *elf, const Elf64_Phdr *s, Elf64_Xword *at,
                      Elf64_Nhdr *note, const unsigned char **owner)
{
    const unsigned char *from;
    if (*at > s->p_filesz || (from = piece(elf, s->p_offset + *at, sizeof *note)) == NULL)
        return false;
    memcpy(note, from, sizeof *note);
    Elf64_Xword owner_len = ((Elf64_Xword)note->n_namesz + 3) & ~3ull;
    Elf64_Xword len = ((Elf64_Xword)note->n_descsz + 3) & ~3ull;
    *owner = piece(elf, s->p_offset + *at + sizeof *note, owner_len + len);
    *at += sizeof *note + owner_len + len;
    return *owner != NULL && *at <= s->p_filesz + 3;
}

const char *elf_note(const struct elf_file *elf, const char *owner, unsigned type, size_t *len)
{
    Elf64_Phdr s;
    Elf64_Nhdr note;
    const unsigned char *name;
    for (unsigned i = 0; segment_at(elf, i, &s); i++) {
        Elf64_Xword at = 0;
        while (s.p_type == PT_NOTE && note_next(elf, &s, &at, &note, &name)) {
            if (note.n_type != type || note.n_namesz != strlen(owner) + 1 ||
                memcmp(name, owner, note.n_namesz) != 0)
                continue;
            *len = note.n_descsz;
            return (const char *)name + ((note.n_namesz + 3) & ~3u);
        }
    }
    return NULL;
}

static bool section_at(const struct elf_file *elf, unsigned i, Elf64_Shdr *out)
{
    const unsigned char *from;
    if (!elf->same_machine || i >= elf->head.e_shnum || elf->head.e_shentsize != sizeof *out ||
        (from = piece(elf, elf->head.e_shoff + (Elf64_Xword)i * sizeof *out, sizeof *out)) == NULL)
        return false;
    memcpy(out, from, sizeof *out);
    return true;
}

bool elf_has_section(const struct elf_file *elf, const char *name)
{
    Elf64_Shdr names, s;
    if (!section_at(elf, elf->head.e_shstrndx, &names))
        return false;
    for (unsigned i = 0; section_at(elf, i, &s); i++) {
        const char *text = text_at(elf, names.sh_offset + s.sh_name);
        if (text != NULL && strcmp(text, name) == 0)
            return true;
    }
    return false;
}

const char *elf_search(const struct elf_file *elf, const void *bytes, size_t len)
{
    return memmem(elf->at, elf->size, bytes, len);
}

/* In one table of symbols. */
static enum elf_symbol find_in(const struct elf_file *elf, const Elf64_Shdr *table,
                               const char *name)
{
    Elf64_Shdr strings;
    Elf64_Sym symbol;
    const unsigned char *from;
    if (!section_at(elf, table->sh_link, &strings))
        return ELF_ABSENT;
    for (Elf64_Xword at = 0; at + sizeof symbol <= table->sh_size; at += sizeof symbol) {
        if ((from = piece(elf, table->sh_offset + at, sizeof symbol)) == NULL)
            return ELF_ABSENT;
        memcpy(&symbol, from, sizeof symbol);
        const char *text = text_at(elf, strings.sh_offset + symbol.st_name);
        if (text == NULL || strcmp(text, name) != 0)
            continue;
        return symbol.st_shndx == SHN_UNDEF ? ELF_UNDEFINED : ELF_DEFINED;
    }
    return ELF_ABSENT;
}

/* The first table of a kind: an object has one of each, and a hostile file could have 65,535 long ones. */
static bool table_of_type(const struct elf_file *elf, Elf64_Word type, Elf64_Shdr *out)
{
    for (unsigned i = 0; section_at(elf, i, out); i++)
        if (out->sh_type == type)
            return true;
    return false;
}

enum elf_symbol elf_symbol(const struct elf_file *elf, const char *name)
{
    static const Elf64_Word tables[] = { SHT_DYNSYM, SHT_SYMTAB };
    Elf64_Shdr table;
    enum elf_symbol found = ELF_ABSENT;
    for (size_t t = 0; t < 2 && found == ELF_ABSENT; t++)
        if (table_of_type(elf, tables[t], &table))
            found = find_in(elf, &table, name);
    return found;
}
