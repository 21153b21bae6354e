/*
 * The program to run: its path, and whether the dynamic loader can put
 * libotelshim.so into it. A program that cannot be seen is run all the same,
 * and told of: its children may be seen.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli.h"

#define MAX_PROGRAM_HEADERS 64u

/* 0 when `path` can be executed, else the errno. */
static int executable_errno(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    return access(path, X_OK) == 0 ? 0 : errno;
}

/* As execvp: an entry that may not be executed is remembered, the search goes on. */
static int search_path(const char *name, struct program *out)
{
    const char *path = getenv("PATH"), *end;
    int error = ENOENT;
    for (path = path ? path : "/bin:/usr/bin";; path = end + 1) {
        end = strchrnul(path, ':');
        int n = snprintf(out->path, sizeof out->path, "%.*s%s%s", (int)(end - path), path,
                         end > path ? "/" : "", name);
        int found = n < (int)sizeof out->path ? executable_errno(out->path) : ENAMETOOLONG;
        if (found == 0)
            return 0;
        if (found == EACCES)
            error = EACCES;
        if (*end == '\0')
            return error;
    }
}

static const char *why_loader_refuses(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || geteuid() == 0)
        return NULL;
    if (((st.st_mode & S_ISUID) && st.st_uid != geteuid()) ||
        ((st.st_mode & S_ISGID) && st.st_gid != getegid()))
        return "it is set-user-ID or set-group-ID: the loader ignores LD_PRELOAD";
    if (getxattr(path, "security.capability", NULL, 0) > 0)
        return "it has file capabilities: the loader ignores LD_PRELOAD";
    return NULL;
}

/* The interpreter of an ELF program, from its program headers. */
static const char *why_elf_refuses(int fd, const Elf64_Ehdr *head)
{
    Elf64_Phdr segment[MAX_PROGRAM_HEADERS];
    char interpreter[256] = "";
    size_t n = head->e_phnum < MAX_PROGRAM_HEADERS ? head->e_phnum : MAX_PROGRAM_HEADERS;
    ssize_t got = pread(fd, segment, n * sizeof segment[0], (off_t)head->e_phoff);
    if (got != (ssize_t)(n * sizeof segment[0]))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (segment[i].p_type == PT_INTERP &&
            pread(fd, interpreter, sizeof interpreter - 1, (off_t)segment[i].p_offset) <= 0)
            return NULL;
    if (interpreter[0] == '\0')
        return "it is statically linked: nothing can be preloaded into it";
    if (strstr(interpreter, "ld-musl") != NULL)
        return "it uses the C library musl: an object for glibc cannot be preloaded";
    return NULL;
}

static const char *why_unseen(const char *path)
{
    const char *why = why_loader_refuses(path);
    Elf64_Ehdr head, own;
    int fd = why == NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int self = fd >= 0 ? open("/proc/self/exe", O_RDONLY | O_CLOEXEC) : -1;
    if (self >= 0 && pread(fd, &head, sizeof head, 0) == sizeof head &&
        memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
        pread(self, &own, sizeof own, 0) == sizeof own) {
        if (head.e_ident[EI_CLASS] != own.e_ident[EI_CLASS] || head.e_machine != own.e_machine)
            why = "it is built for another kind of processor than libotelshim.so";
        else
            why = why_elf_refuses(fd, &head);
    }
    if (fd >= 0)
        close(fd);
    if (self >= 0)
        close(self);
    return why;
}

int program_find(const char *name, struct program *out)
{
    int error = ENOENT;
    if (strchr(name, '/') != NULL) {
        int n = snprintf(out->path, sizeof out->path, "%s", name);
        error = n < (int)sizeof out->path ? executable_errno(name) : ENAMETOOLONG;
    } else if (*name != '\0') {
        error = search_path(name, out);
    }
    if (error == ENOENT || error == ENOTDIR) {
        cli_say("%s: not found%s", name,
                strchr(name, '/') ? "" : " in PATH; a program in this directory is ./NAME");
        return CLI_NOT_FOUND;
    }
    if (error != 0) {
        cli_say("%s: cannot be run: %s", name, strerror(error));
        return CLI_NOT_EXECUTABLE;
    }
    out->why_unseen = why_unseen(out->path);
    return 0;
}
