/*
 * otelshim recover: sends what processes that are gone have left in the spool, by the
 * exporter object and this environment's configuration. With --watch it stays and goes on.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "exporter_host.h"
#include "spool/recovery.h"
#include "spool/spool.h"

#define WATCH_PERIOD_S 2u /* between two looks into the directory */

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

/* Files that wait still. */
static unsigned send_all(const struct exporter_ops *exporter)
{
    if (recovery_look(config, 0) > 0)
        while (recovery_feed(config, 0, exporter) > 0)
            exporter_host_wait(exporter);
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
    const struct exporter_ops *exporter = exporter_host_open(cli_log);
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
