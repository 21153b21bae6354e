/*
 * The doctor at a running process: everything from /proc, so it is neither stopped nor
 * touched. Another user's process shows its files to root alone.
 */
#include "doctor.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define MAX_PROC_BYTES (1u << 20) /* of one file in /proc */

#define ADVICE_RIGHTS "Start it as the user that it changes to, or give it ambient capabilities."

struct process {
    pid_t pid;
    char executable[PATH_MAX];
    char *environment; /* "NAME=value", each terminated; an empty one ends it */
    const char *shim;  /* libotelshim.so in it, or NULL */
    bool exporter, secure, deleted;
};

/* A whole file of /proc/PID, terminated twice; NULL: cannot be read. */
static char *read_proc(pid_t pid, const char *name, size_t *len)
{
    char path[64], *text = malloc(MAX_PROC_BYTES + 2);
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = text != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    size_t got = 0;
    ssize_t n = -1;
    while (fd >= 0 && got < MAX_PROC_BYTES && (n = read(fd, text + got, MAX_PROC_BYTES - got)) > 0)
        got += (size_t)n;
    if (fd >= 0)
        close(fd);
    if (n < 0 && got == 0) {
        free(text);
        return NULL;
    }
    text[got] = text[got + 1] = '\0';
    *len = got;
    return text;
}

/* Its value at start: the process may have changed it since. */
static const char *variable(const struct process *p, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = p->environment; at != NULL && *at != '\0'; at += strlen(at) + 1)
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return at + len + 1;
    return NULL;
}

/* A number behind "Name:" in /proc/PID/status, -1 without one. */
static long status_number(pid_t pid, const char *name)
{
    size_t len;
    long value = -1;
    char *status = read_proc(pid, "status", &len);
    const char *at = status != NULL ? strstr(status, name) : NULL;
    if (at != NULL)
        value = strtol(at + strlen(name), NULL, 10);
    free(status);
    return value;
}

/* AT_SECURE: its loader has ignored LD_PRELOAD. */
static bool is_secure(pid_t pid)
{
    size_t len;
    bool secure = false;
    char *vector = read_proc(pid, "auxv", &len);
    for (size_t at = 0; vector != NULL && at + sizeof(Elf64_auxv_t) <= len;
         at += sizeof(Elf64_auxv_t)) {
        Elf64_auxv_t entry;
        memcpy(&entry, vector + at, sizeof entry);
        secure |= entry.a_type == AT_SECURE && entry.a_un.a_val != 0;
    }
    free(vector);
    return secure;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void find_ours(struct process *p, const struct objects *objects)
{
    for (unsigned i = 0; i < objects->count; i++) {
        if (p->shim == NULL && ends_with(objects->list[i].path, "/libotelshim.so"))
            p->shim = objects->list[i].path;
        p->exporter |= ends_with(objects->list[i].path, "/libotelshim-exporter.so");
    }
}

/* An object of ours that was replaced on disk is mapped as "… (deleted)". */
static bool mapped_but_deleted(pid_t pid)
{
    size_t len;
    char *maps = read_proc(pid, "maps", &len);
    bool found = maps != NULL && strstr(maps, "/libotelshim.so (deleted)") != NULL;
    free(maps);
    return found;
}

static void print_shim(const struct process *p)
{
    char version[64] = "unknown", own[4096];
    if (p->deleted) {
        report_row("otelshim",
                   "libotelshim.so is in it, but its file was replaced or removed since");
        report_advise("Restart the process to get the libotelshim.so that is installed now.");
        return;
    }
    if (p->shim == NULL) {
        report_row("otelshim", "libotelshim.so is not in it");
        return;
    }
    doctor_shim_version(p->shim, version);
    report_row("otelshim", "%s is in it, version %s", p->shim, version);
    if (library_find("libotelshim.so", own) && strcmp(version, OTELSHIM_VERSION) != 0)
        report_advise("The process has version %s in it, this command is " OTELSHIM_VERSION
                      ": restart it with %s.",
                      version, own);
    report_row("exporter", "%s",
               p->exporter ? "is loaded: there were spans to send"
                           : "not loaded (yet): there was nothing to send, or nowhere to send it");
}

/* Why it is not in it, the surest reason first. */
static void print_why_absent(const struct process *p, const struct target *target)
{
    const char *preload = variable(p, "LD_PRELOAD");
    bool asked = preload != NULL && strstr(preload, "libotelshim.so") != NULL;
    if (*target->why != '\0' && target->preload != PRELOAD_TAKEN) {
        report_row("why", "%s", target->why);
        report_advise("Its program: %s.", target->advice);
    } else if (p->secure) {
        report_row("why", "it was started with more rights than its user has (set-user-ID, file "
                          "capabilities): the loader ignored LD_PRELOAD");
        report_advise(ADVICE_RIGHTS);
    } else if (p->environment == NULL) {
        report_row("why", "its environment cannot be read by this user");
        report_advise("Ask again as root, or as the process's user.");
    } else if (!asked) {
        report_row("why", "it was started without libotelshim.so in LD_PRELOAD");
        report_advise("Restart it by `otelshim run`; a service: Environment=LD_PRELOAD=... in its "
                      "unit. A process that runs cannot be given it.");
    } else {
        report_row("why", "LD_PRELOAD=%s names it, but the loader did not find or take it",
                   preload);
        report_advise(
            "See that this path exists for the process and is readable for its user (in a "
            "container or chroot: inside of it), and has no blank or colon.");
    }
}

/* What stands in the way of the background thread and of its connections. */
static void print_confinement(const struct process *p)
{
    static const char *const modes[] = { "none", "strict: read, write and exit only",
                                         "filtered system calls" };
    long seccomp = status_number(p->pid, "\nSeccomp:"),
         privs = status_number(p->pid, "\nNoNewPrivs:");
    if (seccomp > 0 && seccomp < 3) {
        report_row("seccomp", "%s", modes[seccomp]);
        report_advise(
            "seccomp: spans of a process that was confined before it recorded any are "
            "lost if its filter forbids threads or sockets; allow clone3, socket, connect, "
            "close_range, or confine it later.");
    }
    if (privs == 1)
        report_row("no_new_privs",
                   "set: programs that it starts gain no rights, so set-user-ID ones "
                   "take LD_PRELOAD, too");
    if (p->secure)
        report_row("rights", "%s",
                   p->shim != NULL ? "AT_SECURE is set: libotelshim.so, which /etc/ld.so.preload "
                                     "names, does nothing in it, for its environment is that of a "
                                     "user with fewer rights"
                                   : "AT_SECURE is set: its loader ignores LD_PRELOAD");
    if (p->secure && p->shim != NULL)
        report_advise(ADVICE_RIGHTS);
}

static void print_root(const struct process *p)
{
    char path[64];
    struct stat its, ours;
    snprintf(path, sizeof path, "/proc/%d/root", (int)p->pid);
    if (stat(path, &its) != 0 || stat("/", &ours) != 0)
        return;
    if (its.st_dev != ours.st_dev || its.st_ino != ours.st_ino)
        report_row("root", "it lives in another root directory (container, chroot): libotelshim.so "
                           "and libotelshim-exporter.so must lie there, too");
}

static bool is_secret(const char *name)
{
    return strstr(name, "_HEADERS=") != NULL && strncmp(name, "OTEL_EXPORTER_", 14) == 0;
}

static void print_variables(const struct process *p)
{
    unsigned shown = 0;
    char value[2048];
    report_section("Variables that it was started with");
    for (const char *at = p->environment; at != NULL && *at != '\0'; at += strlen(at) + 1) {
        if (strncmp(at, "OTEL_", 5) != 0 && strncmp(at, "LD_PRELOAD=", 11) != 0)
            continue;
        size_t name = strcspn(at, "=");
        check_masked(at[name] == '=' ? at + name + 1 : "", is_secret(at), value, sizeof value);
        report_row("", "%.*s=%s", (int)name, at, value);
        shown++;
    }
    if (shown == 0)
        report_row("", "%s",
                   p->environment != NULL ? "none of ours" : "cannot be read by this user");
    const char *disabled = variable(p, "OTEL_SDK_DISABLED");
    if (disabled != NULL && strcasecmp(disabled, "true") == 0)
        report_advise("OTEL_SDK_DISABLED=true switches everything off: unset it.");
}

static bool look_up(struct process *p, struct objects *objects)
{
    char link[64];
    size_t len;
    snprintf(link, sizeof link, "/proc/%d/exe", (int)p->pid);
    ssize_t n = readlink(link, p->executable, sizeof p->executable - 1);
    if (n > 0)
        objects_add(objects, p->executable, true); /* the first one is the program */
    if (n < 0 || !objects_of_process(objects, p->pid)) {
        int error = errno;
        if (error == ENOENT && kill(p->pid, 0) != 0)
            error = ESRCH;
        cli_say("process %d: %s", (int)p->pid,
                error == ESRCH || error == ENOENT ? "there is none (or it is a kernel's thread)"
                                                  : "only its user and root may look at it");
        return false;
    }
    p->executable[n] = '\0';
    p->environment = read_proc(p->pid, "environ", &len);
    p->secure = is_secure(p->pid);
    p->deleted = mapped_but_deleted(p->pid);
    find_ours(p, objects);
    return true;
}

int doctor_process(pid_t pid)
{
    static struct objects objects; /* too large for the stack */
    struct process p = { .pid = pid };
    struct target target;
    char link[64];
    if (!look_up(&p, &objects))
        return CLI_FAILED;
    bool inside = p.shim != NULL || p.deleted;
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid); /* also when the file is gone */
    target_judge(link, &target);
    printf("process %d\n", (int)pid);
    report_row("program", "%s", p.executable);
    print_shim(&p);
    if (!inside)
        print_why_absent(&p, &target);
    print_confinement(&p);
    print_root(&p);
    print_variables(&p);
    if (target.preload == PRELOAD_TAKEN)
        doctor_sight(&objects, p.shim);
    report_print_advice();
    return inside && !p.secure ? 0 : 1;
}
