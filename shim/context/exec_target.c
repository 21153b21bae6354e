/*
 * Looks at the file that an exec names: where it lies, and by what it is loaded.
 * Two or three syscalls beside an exec's thousands of instructions.
 */
#include "context/exec_target.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD_BYTES (TARGET_SCRATCH_BYTES - PATH_MAX) /* of the file looked at */
#define MAX_INTERPRETERS 4 /* scripts run by scripts, the kernel's own limit */

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#error "this machine's ELF number is not known here"
#endif

static bool is_program(int dir, const char *path)
{
    struct stat s;
    return path != NULL && fstatat(dir, path, &s, AT_EMPTY_PATH) == 0 && S_ISREG(s.st_mode) &&
           (path[0] == 0 || faccessat(dir, path, X_OK, 0) == 0);
}

/* `text` has room for PATH_MAX bytes. */
static bool find_in_path(const char *file, char *text)
{
    const char *path = getenv("PATH");
    size_t file_len = strlen(file);
    for (const char *at = path != NULL ? path : "/bin:/usr/bin";; at++) {
        size_t len = strcspn(at, ":");
        if (len + 1 + file_len < PATH_MAX) {
            memcpy(text, at, len);
            text[len] = '/';
            memcpy(text + len + (len > 0), file, file_len + 1);
            if (is_program(AT_FDCWD, text))
                return true;
        }
        at += len;
        if (*at == 0)
            return false;
    }
}

bool exec_target_find(struct exec_target *target, char *scratch)
{
    if (!target->search || strchr(target->path, '/') != NULL)
        return is_program(target->dir, target->path);
    if (!find_in_path(target->path, scratch))
        return false;
    target->path = scratch;
    return true;
}

static enum elf_verdict verdict_of_interpreter(const char *interpreter)
{
    return strstr(interpreter, "ld-musl") != NULL ? ELF_REFUSES : ELF_TAKES;
}

static enum elf_verdict elf_program(unsigned char *head, size_t len)
{
    Elf64_Ehdr elf;
    if (len < sizeof elf)
        return ELF_TAKES;
    memcpy(&elf, head, sizeof elf);
    if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_machine != OUR_MACHINE)
        return ELF_REFUSES;
    for (size_t i = 0; i < elf.e_phnum; i++) {
        Elf64_Phdr segment;
        size_t at = elf.e_phoff + i * sizeof segment;
        if (elf.e_phoff > len || at + sizeof segment > len)
            return ELF_TAKES;
        memcpy(&segment, head + at, sizeof segment);
        if (segment.p_type != PT_INTERP)
            continue;
        if (segment.p_offset >= len || segment.p_filesz == 0 ||
            segment.p_filesz > len - segment.p_offset)
            return ELF_TAKES;
        head[segment.p_offset + segment.p_filesz - 1] = 0;
        return verdict_of_interpreter((const char *)head + segment.p_offset);
    }
    return ELF_TAKES;
}

enum elf_verdict elf_verdict(unsigned char *head, size_t len, const char **interpreter)
{
    if (len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
        return elf_program(head, len);
    if (len < 3 || head[0] != '#' || head[1] != '!')
        return ELF_TAKES;
    size_t begin = 2;
    while (begin < len && (head[begin] == ' ' || head[begin] == '\t'))
        begin++;
    size_t end = begin;
    while (end < len && head[end] != 0 && strchr(" \t\n", head[end]) == NULL)
        end++;
    if (end == len || end == begin)
        return ELF_TAKES;
    head[end] = 0;
    *interpreter = (const char *)head + begin;
    return ELF_SCRIPT;
}

/* Raw system calls: neither exec nor posix_spawn is a cancellation point. */
static ssize_t read_head(int dir, const char *path, unsigned char *head)
{
    int fd = dir;
    if (path[0] != 0)
        fd = (int)syscall(SYS_openat, dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    ssize_t n = syscall(SYS_pread64, fd, head, HEAD_BYTES, 0);
    if (path[0] != 0)
        syscall(SYS_close, fd);
    return n;
}

bool exec_target_takes(const struct exec_target *target, const char *library, char *scratch)
{
    /* Not there in this root directory, or not for this user. */
    if (faccessat(AT_FDCWD, library, R_OK, AT_EACCESS) != 0)
        return false;
    unsigned char *head = (unsigned char *)scratch + PATH_MAX;
    const char *path = target->path;
    int dir = target->dir;
    for (int i = 0; i < MAX_INTERPRETERS; i++) {
        ssize_t n = read_head(dir, path, head);
        if (n < 0)
            return true;
        switch (elf_verdict(head, (size_t)n, &path)) {
        case ELF_TAKES: return true;
        case ELF_REFUSES: return false;
        case ELF_SCRIPT: dir = AT_FDCWD;
        }
    }
    return true;
}
