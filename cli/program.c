/* The program to run: its path, found as execvp would find it, and what is to be said of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

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
int program_in_path(const char *name, char out[static 4096])
{
    const char *path = getenv("PATH"), *end;
    int error = ENOENT;
    for (path = path ? path : "/bin:/usr/bin";; path = end + 1) {
        end = strchrnul(path, ':');
        int n =
            snprintf(out, 4096, "%.*s%s%s", (int)(end - path), path, end > path ? "/" : "", name);
        int found = n < 4096 ? executable_errno(out) : ENAMETOOLONG;
        if (found == 0)
            return 0;
        if (found == EACCES)
            error = EACCES;
        if (*end == '\0')
            return error;
    }
}

int program_find(const char *name, struct program *out)
{
    int error = ENOENT;
    if (strchr(name, '/') != NULL) {
        int n = snprintf(out->path, sizeof out->path, "%s", name);
        error = n < (int)sizeof out->path ? executable_errno(name) : ENAMETOOLONG;
    } else if (*name != '\0') {
        error = program_in_path(name, out->path);
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
    target_judge(out->path, &out->target);
    return 0;
}
