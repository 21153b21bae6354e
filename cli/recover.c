/*
 * otelshim recover: sends what processes that are gone have left in the spool, by the
 * exporter object and this environment's configuration. With --watch it stays and goes on.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "spool/recovery.h"
#include "spool/spool.h"

#define WATCH_PERIOD_S 2u    /* between two looks into the directory */
#define WAIT_NS 100000000ull /* for the network, before the exporter is asked again */

static void help(FILE *to)
{
    fputs(
        "usage: otelshim recover [--watch]\n\n"
        "Sends the spans of processes that were killed, or could not send them at their end, to\n"
        "where this environment says (OTEL_EXPORTER_OTLP_ENDPOINT …), and removes their files from\n"
        "the spool (OTEL_SHIM_SPOOL_DIR). Files of living processes are left alone.\n\n"
        "  --watch   goes on looking for such files until it is ended\n\n"
        "Exit status: 0 if all was sent, 1 if something stays behind, 125 if otelshim itself fails.\n",
        to);
}

/* ---- what the exporter asks of its host ---- */

static void __attribute__((format(printf, 2, 3))) say(enum log_level level, const char *format, ...)
{
    va_list args;
    if (level > LOG_WARN)
        return;
    va_start(args, format);
    fputs("otelshim: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static void drop(enum drop_reason reason, uint64_t n)
{
    (void)reason, (void)n; /* of our own spans: there are none */
}

static struct exporter_account *account(const char *name)
{
    static struct exporter_account accounts[EXPORTER_MAX_ACCOUNTS];
    static unsigned nr_accounts;
    if (nr_accounts == EXPORTER_MAX_ACCOUNTS)
        return NULL;
    accounts[nr_accounts].name = name;
    return &accounts[nr_accounts++];
}

static void progress(void)
{
}

static bool plugin_is_allowed(const char *path)
{
    return config_exporter_is_allowed(config, path, true);
}

static void *open_library(const char *name, int flags)
{
    return dlopen(name, flags);
}

static void *find_symbol(void *handle, const char *name)
{
    return dlsym(handle, name);
}

static const struct exporter_host *host(void)
{
    static struct exporter_host h;
    h = (struct exporter_host){
        .log = say,
        .drop = drop,
        .account = account,
        .progress = progress,
        .recovery = &recovery_account,
        .scope_name = recovery_scope_name,
        .version = OTELSHIM_VERSION,
        .executable_name = "otelshim",
        .pid = getpid(),
        .console_fd = -1,
        .stdout_fd = -1,
        .plugin_is_allowed = plugin_is_allowed,
        .dlopen = open_library,
        .dlsym = find_symbol,
    };
    return &h;
}

static const struct exporter_ops *open_exporter(void)
{
    char path[4096];
    if (config->exporter_path != NULL)
        snprintf(path, sizeof path, "%s", config->exporter_path);
    else if (!library_find("libotelshim-exporter.so", path))
        return NULL;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct exporter_ops *(*entry)(void) = NULL;
    if (handle != NULL)
        *(void **)&entry = dlsym(handle, EXPORTER_ENTRY);
    const struct exporter_ops *ops = entry != NULL ? entry() : NULL;
    if (ops == NULL || ops->abi != EXPORTER_ABI || ops->open(config, host()) != 0) {
        cli_say("%s cannot be used%s%s", path, handle == NULL ? ": " : "",
                handle == NULL ? dlerror() : "");
        return NULL;
    }
    return ops;
}

/* ---- the work ---- */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Until the exporter has delivered or dropped all that it was handed. */
static void wait_for(const struct exporter_ops *exporter)
{
    while (exporter->pending() > 0) {
        uint64_t due_ns = exporter->run(now_ns(), true), now = now_ns();
        uint64_t ns = due_ns > now ? due_ns - now : 0;
        ns = ns < WAIT_NS ? ns : WAIT_NS;
        if (exporter->in_flight())
            exporter->wait(ns);
        else if (exporter->pending() > 0)
            nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
    }
}

/* Files that wait still. */
static unsigned send_all(const struct exporter_ops *exporter)
{
    if (recovery_look(config, 0) > 0)
        while (recovery_feed(config, 0, exporter) > 0)
            wait_for(exporter);
    return recovery_look(config, 0);
}

static void tell(void)
{
    uint64_t refused =
        recovery_account.drops[DROP_REJECTED] + recovery_account.drops[DROP_TOO_LARGE];
    printf("files=%" PRIu64 " spans=%" PRIu64 " rejected=%" PRIu64 " damaged=%" PRIu64
           " expired=%" PRIu64 "\n",
           recovery_totals.files, (uint64_t)recovery_account.delivered, refused,
           recovery_totals.corrupt, recovery_totals.expired);
    fflush(stdout);
}

/* Preloaded itself, the exporter's requests would be traced: begins again without it. */
static void leave_preload(bool watch)
{
    const char *preload = getenv("LD_PRELOAD");
    if (preload == NULL || strstr(preload, "libotelshim.so") == NULL || unsetenv("LD_PRELOAD") != 0)
        return;
    /* Not by exec, which would hand it on to us. */
    const char *argv[] = { "otelshim", "recover", watch ? "--watch" : NULL, NULL };
    syscall(SYS_execve, "/proc/self/exe", argv, environ);
}

static int recover(bool watch)
{
    leave_preload(watch);
    config_load(environ);
    if (config->disabled || !spool_is_wanted(config)) {
        cli_say("this configuration has no spool");
        return CLI_FAILED;
    }
    const struct exporter_ops *exporter = open_exporter();
    if (exporter == NULL)
        return CLI_FAILED;
    unsigned left = send_all(exporter);
    tell();
    if (!watch)
        return left > 0 ? 1 : 0;
    for (;;) {
        uint64_t files = recovery_totals.files + recovery_totals.expired;
        sleep(WATCH_PERIOD_S);
        send_all(exporter);
        if (recovery_totals.files + recovery_totals.expired != files)
            tell();
    }
}

int cli_recover(int argc, char *argv[])
{
    if (argc == 0)
        return recover(false);
    if (argc == 1 && strcmp(argv[0], "--watch") == 0)
        return recover(true);
    bool asked = argc == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);
    help(asked ? stdout : stderr);
    return asked ? 0 : CLI_FAILED;
}
