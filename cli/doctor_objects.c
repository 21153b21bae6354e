/*
 * The files that a program is made of: asked of glibc's loader (`ld.so --list` loads, but
 * runs nothing of the program's), of /proc/PID/maps, and, for programs that load modules by
 * name, of the places where Debian keeps these.
 */
#include "doctor.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* RUNTIME(how the executable's name begins, where its modules are; relative: to the executable) */
#define RUNTIMES(RUNTIME) \
    RUNTIME("python", "/usr/lib/python3*/lib-dynload/*.so") \
    RUNTIME("python", "../lib/python3*/lib-dynload/*.so") \
    RUNTIME("php", "/usr/lib/php/20*/*.so") \
    RUNTIME("perl", "/usr/lib/*-linux-gnu/perl/*/auto/Socket/*.so") \
    RUNTIME("perl", "/usr/lib/*-linux-gnu/perl5/*/auto/*/*/*.so") \
    RUNTIME("ruby", "/usr/lib/*-linux-gnu/ruby/*/*.so") \
    RUNTIME("ruby", "/var/lib/gems/*/extensions/*/*/*/*/*.so") \
    RUNTIME("java", "../lib/*.so") \
    RUNTIME("apache2", "/usr/lib/apache2/modules/*.so") \
    RUNTIME("nginx", "/usr/lib/nginx/modules/*.so")

static const struct {
    const char *name, *modules;
} runtimes[] = {
#define RUNTIME(name, modules) { name, modules },
    RUNTIMES(RUNTIME)
#undef RUNTIME
};

void objects_add(struct objects *objects, const char *path, bool certain)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL)
        snprintf(real, sizeof real, "%s", path);
    for (unsigned i = 0; i < objects->count; i++)
        if (strcmp(objects->list[i].path, real) == 0)
            return;
    if (objects->count == DOCTOR_MAX_OBJECTS)
        return;
    char *copy = strdup(real);
    if (copy != NULL)
        objects->list[objects->count++] = (struct object){ copy, certain };
}

/* "\tlibc.so.6 => /lib/… (0x…)", "\t/lib64/ld-linux… (0x…)", "\tlibx.so => not found" */
static void add_listed(struct objects *objects, char *line)
{
    char *arrow = strstr(line, " => "), *path = arrow != NULL ? arrow + 4 : line;
    path += strspn(path, " \t");
    if (arrow != NULL && strncmp(path, "not found", 9) == 0) {
        *arrow = '\0';
        report_row("missing", "%s, which it needs: the program does not start as it is",
                   line + strspn(line, " \t"));
        return;
    }
    char *end = strstr(path, " (0x");
    if (path[0] != '/' || end == NULL)
        return;
    *end = '\0';
    objects_add(objects, path, true);
}

/* In the child: glibc's loader, the one that runs this command. */
static void exec_loader(const char *path, int out)
{
    struct elf_file self;
    if (elf_open(&self, "/proc/self/exe") && self.interpreter != NULL && dup2(out, 1) == 1) {
        unsetenv("LD_PRELOAD");
        dup2(out, 2);
        execl(self.interpreter, self.interpreter, "--list", path, (char *)NULL);
    }
    _exit(CLI_NOT_EXECUTABLE);
}

static void ask_loader(struct objects *objects, const char *path)
{
    int ends[2];
    char line[PATH_MAX + 512];
    if (pipe(ends) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        exec_loader(path, ends[1]);
    close(ends[1]);
    FILE *listing = pid > 0 ? fdopen(ends[0], "r") : NULL;
    while (listing != NULL && fgets(line, sizeof line, listing) != NULL)
        add_listed(objects, line);
    if (listing != NULL)
        fclose(listing);
    else
        close(ends[0]);
    if (pid > 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
}

static void add_modules(struct objects *objects, const char *pattern)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        objects_add(objects, found.gl_pathv[i], false);
    globfree(&found);
}

static void add_runtime(struct objects *objects, const char *path)
{
    const char *name = strrchr(path, '/');
    char pattern[PATH_MAX + 128];
    name = name != NULL ? name + 1 : path;
    for (size_t i = 0; i < sizeof runtimes / sizeof runtimes[0]; i++) {
        if (strncmp(name, runtimes[i].name, strlen(runtimes[i].name)) != 0)
            continue;
        bool relative = runtimes[i].modules[0] != '/';
        snprintf(pattern, sizeof pattern, "%.*s%s", relative ? (int)(name - path) : 0, path,
                 runtimes[i].modules);
        add_modules(objects, pattern);
    }
}

void objects_of_program(struct objects *objects, const char *path)
{
    objects_add(objects, path, true);
    if (objects->count > 0) {
        ask_loader(objects, objects->list[0].path);
        add_runtime(objects, objects->list[0].path);
    }
}

bool objects_of_process(struct objects *objects, pid_t pid)
{
    char name[64], line[PATH_MAX + 256], before[PATH_MAX] = "";
    snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(name, "re");
    if (maps == NULL)
        return false;
    bool any = false;
    while (fgets(line, sizeof line, maps) != NULL) {
        char *path = strchr(line, '/'), inside[PATH_MAX + 64];
        any = true;
        line[strcspn(line, "\n")] = '\0';
        if (path == NULL || strcmp(path, before) == 0)
            continue;
        snprintf(before, sizeof before, "%s", path);
        /* As the process sees it: it may live in another root directory. */
        snprintf(inside, sizeof inside, "/proc/%d/root%s", (int)pid, path);
        if (strstr(path, " (deleted)") == NULL)
            objects_add(objects, access(path, R_OK) == 0 ? path : inside, true);
    }
    fclose(maps);
    errno = any ? 0 : EACCES;
    return any;
}
