/*
 * The accounts of worker_report.h.
 *
 * made = delivered + dropped, at each destination by itself: a span that the
 * collector has and the console could not write is delivered at one and dropped
 * at the other. What was lost before it came to any is dropped at all of them.
 */
#include "worker_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "diag.h"
#include "exporter.h"
#include "exporter_process.h"
#include "layout.h"
#include "ring.h"
#include "worker.h"
#include "worker_thread.h"

/* What a line has told of a destination. */
struct told {
    uint64_t made, delivered, drops[DROP_COUNT];
};

/* The first account is there before the exporter is: it tells what is lost without one.
 * `told` is the reporting thread's, the rest the worker's; zeroed in a forked child. */
static bool used;
UNUSED_AT_START static struct {
    struct exporter_account accounts[EXPORTER_MAX_ACCOUNTS];
    unsigned nr_accounts;
    struct told told[EXPORTER_MAX_ACCOUNTS];
} report;

void worker_report_fork_child(void)
{
    if (used)
        memset(&report, 0, sizeof report);
    used = false;
}

void worker_accounts_begin(void)
{
    report.nr_accounts = 0;
}

struct exporter_account *worker_account(const char *name)
{
    if (report.nr_accounts == EXPORTER_MAX_ACCOUNTS)
        return NULL;
    used = true;
    struct exporter_account *account = &report.accounts[report.nr_accounts++];
    account->name = name;
    account->usable = false;
    return account;
}

uint64_t worker_delivered(void)
{
    uint64_t delivered = 0;
    for (unsigned i = 0; i < report.nr_accounts; i++)
        delivered += atomic_load_explicit(&report.accounts[i].delivered, memory_order_relaxed);
    return delivered;
}

static uint64_t spans_made(void)
{
    uint64_t made = 0;
    for (unsigned i = 0; i < RING_COUNT; i++) {
        struct ring *ring = ring_at(i);
        made += ring != NULL ? ring->made : 0;
    }
    return made + diag_dropped(DROP_RING_FULL) + diag_dropped(DROP_NO_RING) +
           diag_dropped(DROP_REENTRANT) + diag_dropped(DROP_TABLE_FULL);
}

static uint64_t dropped_at(const struct exporter_account *account, enum drop_reason reason)
{
    return diag_dropped(reason) +
           atomic_load_explicit(&account->drops[reason], memory_order_relaxed);
}

/* Why spans are lost that are neither delivered nor dropped when all is over. */
static enum drop_reason reason_of_the_rest(const struct exporter_account *account)
{
    if (worker_has_spooled())
        return DROP_SPOOLED;
    if (worker_has_failed())
        return DROP_NO_THREAD;
    return account->name != NULL && !account->usable ? DROP_NO_EXPORTER : DROP_EXIT;
}

static void settle(struct exporter_account *account, uint64_t made)
{
    uint64_t known = atomic_load_explicit(&account->delivered, memory_order_relaxed);
    for (int i = 0; i < DROP_COUNT; i++)
        known += dropped_at(account, (enum drop_reason)i);
    if (made > known)
        account_drop(account, reason_of_the_rest(account), made - known);
}

/* "spans made=5 delivered=4 dropped=1 rejected=1"; `to`: "spans to console: made=5 ...". */
static void tell(const struct exporter_account *account, struct told *told, uint64_t made,
                 const char *to)
{
    uint64_t delivered = atomic_load_explicit(&account->delivered, memory_order_relaxed);
    uint64_t dropped = 0;
    char reasons[256] = "";
    size_t len = 0;
    for (int i = 0; i < DROP_COUNT; i++) {
        uint64_t now = dropped_at(account, (enum drop_reason)i), n = now - told->drops[i];
        told->drops[i] = now;
        dropped += n;
        if (n != 0 && len < sizeof reasons)
            len += (size_t)snprintf(reasons + len, sizeof reasons - len, " %s=%" PRIu64,
                                    diag_drop_name((enum drop_reason)i), n);
    }
    diag_log(LOG_DEBUG,
             "spans %s%.128s%smade=%" PRIu64 " delivered=%" PRIu64 " dropped=%" PRIu64 "%s",
             to != NULL ? "to " : "", to != NULL ? to : "", to != NULL ? ": " : "",
             made - told->made, delivered - told->delivered, dropped, reasons);
    told->made = made;
    told->delivered = delivered;
}

/* "details of spans not taken: contended=1", since the process began; nothing where all were. */
static void tell_details(void)
{
    char text[128] = "";
    size_t len = 0;
    for (int i = 0; i < DETAIL_COUNT; i++) {
        uint64_t count = diag_details((enum detail_reason)i);
        if (count != 0 && len < sizeof text)
            len += (size_t)snprintf(text + len, sizeof text - len, " %s=%" PRIu64,
                                    diag_detail_name((enum detail_reason)i), count);
    }
    if (len != 0)
        diag_log(LOG_DEBUG, "details of spans not taken:%s", text);
}

static void tell_all(void)
{
    uint64_t made = spans_made();
    unsigned nr = report.nr_accounts != 0 ? report.nr_accounts : 1;
    used = true;
    for (unsigned i = 0; i < nr; i++) {
        struct exporter_account *account = &report.accounts[i];
        settle(account, made);
        if (made != report.told[i].made)
            tell(account, &report.told[i], made, nr > 1 ? account->name : NULL);
    }
    tell_details();
}

/* What an exporter process has done for this one. */
static void take_account(struct exporter_account *account)
{
    uint64_t delivered, rejected;
    remote_account(&delivered, &rejected);
    used = true;
    atomic_store_explicit(&account->delivered, delivered, memory_order_relaxed);
    atomic_store_explicit(&account->drops[DROP_REJECTED], rejected, memory_order_relaxed);
}

AT_START void worker_report(void)
{
    if (worker_is_remote() && config->log_level >= LOG_DEBUG)
        take_account(&report.accounts[0]);
    if (config->log_level >= LOG_DEBUG)
        tell_all();
}
