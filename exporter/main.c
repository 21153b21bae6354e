/*
 * The exporter object's one entry: the exporters that were chosen, as one.
 *
 * A span goes to all of them or to none (a full queue in one makes the span
 * wait in its ring), so that none of them sees it twice.
 */
#include <locale.h>
#include <time.h>

#include "hook.h"
#include "resource/identity.h"
#include "sink.h"
#include "transport/curl.h"
#include "transport/names.h"
#include "transport/nghttp2_api.h"

#define NS_PER_MS UINT64_C(1000000)

/* Background thread; a forked child starts over with open. */
static struct {
    const struct exporter_host *host;
    struct {
        const struct sink_ops *ops;
        void *self;
        struct exporter_account *account;
    } sinks[EXPORTER_MAX_ACCOUNTS];
    unsigned nr_sinks;
    uint64_t due_ns; /* what run said last: no wait is longer */
    struct resource resource;
    const char *run_id; /* of our own spans */
    struct adopted adopted;
    struct span_view view;
} exporter;

struct exporter_account *sink_account(const char *name)
{
    struct exporter_account *account = exporter.host->account(name);
    if (!account)
        exporter.host->log(LOG_ERROR, "more than %u exporters: %.256s is left out",
                           EXPORTER_MAX_ACCOUNTS, name);
    return account;
}

void sink_add(const struct sink_ops *ops, void *self, struct exporter_account *account)
{
    account->usable = true;
    exporter.sinks[exporter.nr_sinks].ops = ops;
    exporter.sinks[exporter.nr_sinks].account = account;
    exporter.sinks[exporter.nr_sinks++].self = self;
}

static int exporter_open(const struct config *c, const struct exporter_host *host)
{
    exporter.host = host;
    exporter.nr_sinks = 0;
    curl_start_over();
    names_start_over();
    nghttp2_start_over();
    /* This thread's alone: numbers are written with a point, whatever the program's
     * locale says. "C" is built in: no file is read. */
    uselocale(newlocale(LC_ALL_MASK, "C", NULL));
    resource_detect(&exporter.resource, c, host, "");
    span_view_limit(&(struct span_limits){ c->limits.attributes, c->limits.events, c->limits.links,
                                           c->limits.value_length, c->limits.event_attributes });
    exporter.run_id = c->run_id;
    span_view_run_id(c->run_id);
    exporter.adopted = (struct adopted){ 0 };
    for (unsigned i = 0; i < nr_sink_kinds; i++)
        if (sink_kinds[i]->exporter == 0 || c->exporters & sink_kinds[i]->exporter)
            sink_kinds[i]->open(c, host, &exporter.resource);
    return exporter.nr_sinks ? 0 : -1;
}

/* A span that the only sink has without a view of it. */
static bool accept_alike(const struct record *record, int64_t real_minus_mono_ns)
{
    const struct sink_ops *sink = exporter.sinks[0].ops;
    return sink_is_alone() && sink->accept_alike != NULL &&
           sink->accept_alike(exporter.sinks[0].self, record, real_minus_mono_ns);
}

static bool accept_from(enum span_source source, const struct record *record,
                        int64_t real_minus_mono_ns)
{
    if (!(record->flags & RECORD_SAMPLED))
        return true; /* for metrics only */
    for (unsigned i = 0; i < exporter.nr_sinks; i++)
        if (!exporter.sinks[i].ops->ready(exporter.sinks[i].self))
            return false;
    if (source == SOURCE_OWN && accept_alike(record, real_minus_mono_ns))
        return true;
    if (!span_view_of(record, real_minus_mono_ns, &exporter.view)) {
        if (source == SOURCE_OWN)
            exporter.host->drop(DROP_REJECTED, 1);
        else
            account_drop(exporter.host->recovery, DROP_REJECTED, 1);
        return true;
    }
    exporter.view.source = source;
    for (unsigned i = 0; i < exporter.nr_sinks; i++)
        if (source == SOURCE_OWN || exporter.sinks[i].ops->adopt != NULL)
            exporter.sinks[i].ops->accept(exporter.sinks[i].self, &exporter.view);
    return true;
}

static bool exporter_accept(const struct record *record, int64_t real_minus_mono_ns)
{
    return accept_from(SOURCE_OWN, record, real_minus_mono_ns);
}

static size_t exporter_describe(unsigned char *out, size_t max)
{
    return identity_write(&exporter.resource, exporter.run_id, exporter.host->scope_name, out, max);
}

static bool exporter_adopt(const unsigned char *identity, size_t bytes)
{
    bool any = false;
    if (!identity_read(&exporter.adopted, identity, bytes))
        return false;
    for (unsigned i = 0; i < exporter.nr_sinks; i++) {
        const struct sink_ops *sink = exporter.sinks[i].ops;
        if (sink->adopt != NULL && !sink->adopt(exporter.sinks[i].self, &exporter.adopted.resource))
            return false;
        any |= sink->adopt != NULL;
    }
    return any;
}

static bool exporter_accept_adopted(const struct record *record, int64_t real_minus_mono_ns)
{
    span_view_run_id(exporter.adopted.run_id);
    bool taken = accept_from(SOURCE_RECOVERED, record, real_minus_mono_ns);
    span_view_run_id(exporter.run_id);
    return taken;
}

static uint64_t exporter_run(uint64_t now_mono_ns, bool flush)
{
    exporter.due_ns = UINT64_MAX;
    for (unsigned i = 0; i < exporter.nr_sinks; i++) {
        uint64_t due_ns = exporter.sinks[i].ops->run(exporter.sinks[i].self, now_mono_ns, flush);
        if (due_ns < exporter.due_ns)
            exporter.due_ns = due_ns;
    }
    return exporter.due_ns;
}

/* A span that several exporters have counts until the last one is done with it. */
static uint64_t exporter_pending(void)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < exporter.nr_sinks; i++) {
        uint64_t pending = exporter.sinks[i].ops->pending(exporter.sinks[i].self);
        if (pending > most)
            most = pending;
    }
    return most;
}

bool sink_is_alone(void)
{
    return exporter.nr_sinks == 1;
}

static bool exporter_failing(void)
{
    const struct sink_ops *sink = exporter.sinks[0].ops;
    return sink_is_alone() && sink->failing != NULL && sink->failing(exporter.sinks[0].self);
}

static bool exporter_in_flight(void)
{
    bool any = false;
    for (unsigned i = 0; i < exporter.nr_sinks; i++)
        any |= exporter.sinks[i].ops->in_flight(exporter.sinks[i].self);
    return any;
}

/* Milliseconds to wait, rounded up: to 0 only when something is due already. */
static int wait_ms(uint64_t max_ns)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
    uint64_t until_due_ns = exporter.due_ns > now_ns ? exporter.due_ns - now_ns : 0;
    uint64_t ns = until_due_ns < max_ns ? until_due_ns : max_ns;
    return ns > INT32_MAX * NS_PER_MS ? INT32_MAX : (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void exporter_wait(uint64_t max_ns)
{
    struct pollfd fds[SINK_MAX_FDS];
    struct curl_waitfd extra[SINK_MAX_FDS];
    unsigned n = 0;
    for (unsigned i = 0; i < exporter.nr_sinks; i++)
        n += exporter.sinks[i].ops->fds(exporter.sinks[i].self, fds + n, SINK_MAX_FDS - n);
    if (!curl_is_open()) {
        poll(fds, n, wait_ms(max_ns));
        return;
    }
    for (unsigned i = 0; i < n; i++)
        extra[i] = (struct curl_waitfd){ .fd = fds[i].fd, .events = fds[i].events };
    curl_wait(extra, n, wait_ms(max_ns));
}

static void exporter_close(void)
{
    uint64_t pending = exporter_pending();
    bool kept = pending > 0 && sink_is_alone() && exporter.host->defer != NULL &&
                exporter.host->defer(pending);
    for (unsigned i = 0; i < exporter.nr_sinks; i++)
        account_drop(exporter.sinks[i].account, kept ? DROP_SPOOLED : DROP_EXIT,
                     exporter.sinks[i].ops->pending(exporter.sinks[i].self));
    exporter.nr_sinks = 0;
}

static const struct exporter_ops ops = {
    .abi = EXPORTER_ABI,
    .open = exporter_open,
    .accept = exporter_accept,
    .describe = exporter_describe,
    .adopt = exporter_adopt,
    .accept_adopted = exporter_accept_adopted,
    .run = exporter_run,
    .pending = exporter_pending,
    .in_flight = exporter_in_flight,
    .failing = exporter_failing,
    .wait = exporter_wait,
    .close = exporter_close,
};

EXPORT const struct exporter_ops *otelshim_exporter(void)
{
    return &ops;
}
