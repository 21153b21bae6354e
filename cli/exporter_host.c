/*
 * The exporter object without a program around it: what it asks of its host, and waiting for it.
 */
#include "exporter_host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "spool/recovery.h"

#define WAIT_NS 100000000ull /* for the network, before the exporter is asked again */

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

/* The names that the program in hand has for its instrumentations. */
static const struct leftover *in_hand;

void exporter_host_take_in_hand(const struct leftover *l)
{
    in_hand = l;
}

static const char *scope_name(unsigned scope)
{
    return in_hand != NULL ? leftover_scope_name(in_hand, scope) : recovery_scope_name(scope);
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

static const struct exporter_host *host(log_function *log)
{
    static struct exporter_host h;
    h = (struct exporter_host){
        .log = log,
        .drop = drop,
        .account = account,
        .progress = progress,
        .recovery = &recovery_account,
        .scope_name = scope_name,
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

const struct exporter_ops *exporter_host_open(log_function *log)
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
    if (ops == NULL || ops->abi != EXPORTER_ABI || ops->open(config, host(log)) != 0) {
        cli_say("%s cannot be used%s%s", path, handle == NULL ? ": " : "",
                handle == NULL ? dlerror() : "");
        return NULL;
    }
    return ops;
}

uint64_t exporter_host_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Until the exporter has delivered or dropped all that it was handed. */
void exporter_host_wait(const struct exporter_ops *exporter)
{
    while (exporter->pending() > 0) {
        uint64_t due_ns = exporter->run(exporter_host_now_ns(), true), now = exporter_host_now_ns();
        uint64_t ns = due_ns > now ? due_ns - now : 0;
        ns = ns < WAIT_NS ? ns : WAIT_NS;
        if (exporter->in_flight())
            exporter->wait(ns);
        else if (exporter->pending() > 0)
            nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
    }
}
