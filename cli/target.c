/*
 * See target.h. The same question is asked by the shim before an exec
 * (shim/context/exec_target.c), in a few bytes and without a word; here is time for the
 * whole file, and for the reason.
 */
#include "target.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli.h"

static const struct {
    enum target_preload preload;
    const char *why, *advice;
} verdicts[] = {
#define VERDICT(id, preload, why, advice) { PRELOAD_##preload, why, advice },
    TARGET_VERDICTS(VERDICT)
#undef VERDICT
};

/* `#!/usr/bin/env python3`: what env will find. */
static void program_of_env(char *words, char out[static 4096])
{
    char found[4096], *save = NULL;
    for (char *word = strtok_r(words, " \t", &save); word != NULL;
         word = strtok_r(NULL, " \t", &save)) {
        if (word[0] == '-' || strchr(word, '=') != NULL)
            continue; /* -S, -u NAME's option, NAME=VALUE */
        if (program_in_path(word, found) == 0)
            memcpy(out, found, sizeof found);
        return;
    }
}

/* A script's first line, as it stands, and the program that it leads to; false: it is none. */
static bool script_interpreter(const char *path, char written[static 4096], char out[static 4096])
{
    char line[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
    if (fd >= 0)
        close(fd);
    char *end = n > 2 && line[0] == '#' && line[1] == '!' ? memchr(line, '\n', (size_t)n) : NULL;
    if (end == NULL)
        return false;
    *end = '\0';
    snprintf(written, 4096, "%s", line + 2 + strspn(line + 2, " \t"));
    char *save = NULL, *interpreter = strtok_r(line + 2, " \t", &save);
    if (interpreter == NULL)
        return false;
    snprintf(out, 4096, "%s", interpreter);
    size_t len = strlen(interpreter);
    if (len > 4 && strcmp(interpreter + len - 4, "/env") == 0)
        program_of_env(save, out);
    return true;
}

static bool is_go(const struct elf_file *elf)
{
    size_t len;
    return elf_note(elf, "Go", 4, &len) != NULL || elf_has_section(elf, ".go.buildinfo");
}

static enum target_verdict verdict_without_interpreter(const struct elf_file *elf)
{
    Elf64_Xword flags = 0;
    if (elf->head.e_type == ET_DYN && elf_dynamic_text(elf, DT_SONAME, 0) != NULL)
        return TARGET_SEEN; /* the loader itself, run with a program as its argument */
    if (is_go(elf))
        return TARGET_STATIC_GO;
    return elf->head.e_type == ET_DYN && elf_dynamic(elf, DT_FLAGS_1, &flags) ? TARGET_STATIC_PIE
                                                                              : TARGET_STATIC;
}

/* Of this processor's family: i386, and x32 under the name of x86-64. Both kinds of head say
 * the machine at the same place. */
static bool is_32_bit(const struct elf_file *elf)
{
    const Elf64_Half machine = elf->head.e_machine;
    return elf->head.e_ident[EI_CLASS] == ELFCLASS32 &&
           (machine == EM_386 || machine == EM_X86_64 || machine == EM_ARM) &&
           (machine == EM_ARM) == (OWN_MACHINE == EM_AARCH64);
}

/* The run-time is among what it needs (gcc) or inside it (clang); gcc's -static-libtsan exports only
 * what it replaces. As shim/init.c. */
static bool is_sanitized(const struct elf_file *elf)
{
    return elf_symbol(elf, "__tsan_init") != ELF_ABSENT ||
           elf_symbol(elf, "__msan_init") != ELF_ABSENT ||
           (elf_symbol(elf, "dl_iterate_phdr") == ELF_DEFINED &&
            elf_symbol(elf, "__tls_get_addr") == ELF_DEFINED);
}

static enum target_verdict verdict_of_elf(const struct elf_file *elf)
{
    if (!elf->same_machine)
        return is_32_bit(elf) ? TARGET_BITS_32 : TARGET_OTHER_MACHINE;
    if (elf->interpreter == NULL)
        return verdict_without_interpreter(elf);
    if (strstr(elf->interpreter, "ld-musl") != NULL)
        return TARGET_MUSL;
    if (strstr(elf->interpreter, "ld-linux") == NULL && strstr(elf->interpreter, "ld.so") == NULL)
        return TARGET_OTHER_LIBC;
    if (is_sanitized(elf))
        return TARGET_SANITIZED;
    return is_go(elf) ? TARGET_GO : TARGET_SEEN;
}

/* What makes the kernel set AT_SECURE for this user; nothing does on a nosuid mount or
 * under no_new_privs. */
static enum target_verdict verdict_of_rights(const char *path, bool *user_bound)
{
    struct stat st;
    struct statvfs mount;
    if (stat(path, &st) != 0 || (statvfs(path, &mount) == 0 && (mount.f_flag & ST_NOSUID)) ||
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return TARGET_SEEN;
    if ((st.st_mode & S_ISUID) || ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP))) {
        *user_bound = true;
        if (((st.st_mode & S_ISUID) && st.st_uid != getuid()) ||
            ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid()))
            return TARGET_SETUID;
    }
    if (getxattr(path, "security.capability", NULL, 0) > 0) {
        *user_bound = true;
        if (getuid() != 0)
            return TARGET_CAPABILITIES;
    }
    return TARGET_SEEN;
}

static enum target_verdict judge(const char *path, struct target *out)
{
    struct elf_file elf;
    char next[4096], written[4096];
    snprintf(out->loaded, sizeof out->loaded, "%s", path);
    for (out->scripts = 0; out->scripts < TARGET_MAX_SCRIPTS; out->scripts++) {
        if (!script_interpreter(out->loaded, written, next))
            break;
        if (out->scripts == 0)
            memcpy(out->first_line, written, sizeof written);
        memcpy(out->loaded, next, sizeof next);
    }
    enum target_verdict verdict = TARGET_UNREADABLE;
    if (elf_open(&elf, out->loaded)) {
        verdict = verdict_of_elf(&elf);
        elf_close(&elf);
    }
    /* A program that nobody may read can still be set-user-ID. */
    if (verdict == TARGET_SEEN || verdict == TARGET_UNREADABLE || verdict == TARGET_GO) {
        enum target_verdict rights = verdict_of_rights(out->loaded, &out->user_bound);
        verdict = rights != TARGET_SEEN ? rights : verdict;
    }
    return verdict;
}

void target_judge(const char *path, struct target *out)
{
    *out = (struct target){ .scripts = 0 };
    out->verdict = judge(path, out);
    out->why = verdicts[out->verdict].why;
    out->advice = verdicts[out->verdict].advice;
    out->preload = verdicts[out->verdict].preload;
}
