/*
 * Where our objects are: beside the executable in a build tree, in
 * ../lib/otelshim after `make install`. No fixed prefix, so that an installed
 * tree can be moved.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static const char *const places[] = { "", "../lib/otelshim/", "../lib/" };

/* The directory of this executable, with a slash. */
static bool own_directory(char out[static 4096])
{
    ssize_t n = readlink("/proc/self/exe", out, 4096);
    if (n <= 0 || n >= 4096)
        return false;
    out[n] = '\0';
    strrchr(out, '/')[1] = '\0';
    return true;
}

bool library_find(const char *file, char out[static 4096])
{
    char directory[4096], candidate[4096 + 128];
    if (!own_directory(directory)) {
        cli_say("cannot read /proc/self/exe, so %s cannot be found", file);
        return false;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char real[PATH_MAX];
        snprintf(candidate, sizeof candidate, "%s%s%s", directory, places[i], file);
        if (realpath(candidate, real) != NULL && access(real, R_OK) == 0 && strlen(real) < 4096) {
            memcpy(out, real, strlen(real) + 1);
            return true;
        }
    }
    cli_say("%s is neither in %s nor in %s%s; run `make` or `make install`", file, directory,
            directory, places[1]);
    return false;
}
