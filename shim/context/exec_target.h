/*
 * Can the program that is about to run be preloaded with our object? Its loader
 * complains on the program's stderr, or (musl) refuses to start it, if not.
 * Async-signal-safe; works in a vforked child, whose descriptors are its own.
 */
#ifndef OTELSHIM_CONTEXT_EXEC_TARGET_H
#define OTELSHIM_CONTEXT_EXEC_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* Scratch memory for the functions below. */
#define TARGET_SCRATCH_BYTES (8u * 1024)

struct exec_target {
    int dir;          /* AT_FDCWD but for the forms with a descriptor */
    const char *path; /* "": the descriptor itself */
    bool search;      /* in PATH, when it has no slash */
};

/*
 * Looks a program up as execvp does; `target->path` then points into `scratch`.
 * False: there is surely none (missing, a directory, not executable).
 */
bool exec_target_find(struct exec_target *target, char *scratch);

/* False: it surely cannot load `library`. Scratch may hold target->path. */
bool exec_target_takes(const struct exec_target *target, const char *library, char *scratch);

enum elf_verdict {
    ELF_TAKES,   /* loaded by glibc's loader, same machine; or unknown */
    ELF_REFUSES, /* another machine or word size, or musl */
    ELF_SCRIPT,  /* "#!": ask its interpreter */
};

/*
 * By the first bytes of a file. A static program takes everything: it ignores it,
 * and its children may want it. ELF_SCRIPT: *interpreter is in `head`, terminated.
 */
enum elf_verdict elf_verdict(unsigned char *head, size_t len, const char **interpreter);

#endif
