/*
 * OTLP over HTTP: a batch's way from the queue to the collector.
 *
 *   IDLE ─ batch due ─► RESOLVING ─► SENDING ─► IDLE   delivered, or given up
 *                           ▲           │
 *                           └─ WAITING ◄┘              to be tried again
 *
 * One batch is under way at a time; the queue fills meanwhile. All attempts of
 * a batch end within OTEL_BSP_EXPORT_TIMEOUT, each within
 * OTEL_EXPORTER_OTLP_TIMEOUT. A flush makes what is in the queue due and ends a
 * wait between attempts, once; not a wait that the collector asked for.
 */
#include <stdlib.h>
#include <time.h>

#include "batch.h"
#include "http.h"
#include "loopback.h"
#include "names.h"
#include "otlp/otlp.h"
#include "retry.h"
#include "sink.h"

#define NS_PER_MS UINT64_C(1000000)

enum state { IDLE, RESOLVING, SENDING, WAITING };

/* Background thread; a forked child starts over with open. */
static struct {
    const struct exporter_host *host;
    const struct config *config;
    bool may_look; /* at the collector's port before libcurl is loaded; no proxy */
    bool unusable; /* libcurl cannot be had, or not with this configuration */
    struct otlp_encoder *encoder;
    struct batch_queue queue;
    struct otlp_span *batch;                        /* room for one batch's list */
    uint64_t export_timeout_ns, attempt_timeout_ns; /* UINT64_MAX: no limit */

    enum state state;
    const unsigned char *request;
    size_t request_bytes;
    unsigned request_spans;
    unsigned attempts;
    bool wait_was_asked_for; /* by Retry-After */
    bool wait_was_cut;       /* a flush began this attempt: the next wait is kept */
    uint32_t flush_spans;    /* in the queue when it was last flushed, and still there */
    uint64_t deadline_ns;    /* of the batch */
    uint64_t attempt_deadline_ns;
    uint64_t retry_at_ns;
    uint32_t random;
} otlp;

static uint64_t timeout_ns(uint32_t timeout_ms)
{
    return timeout_ms ? timeout_ms * NS_PER_MS : UINT64_MAX;
}

static uint64_t later(uint64_t now_ns, uint64_t delay_ns)
{
    return delay_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + delay_ns;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Known without libcurl, and only before it is loaded. */
static bool collector_refuses(void)
{
    return otlp.may_look && !http_is_open() && loopback_refuses(otlp.config->otlp.traces_url);
}

static int otlp_open(const struct config *c, const struct exporter_host *host,
                     const struct resource *resource)
{
    memset(&otlp, 0, sizeof otlp);
    http_init();
    otlp.host = host;
    otlp.config = c;
    if (!c->otlp.url_valid)
        return -1;
    otlp.may_look = !http_proxy_is_set();
    if (!collector_refuses() && !http_open(c, host))
        return -1;
    batch_queue_init(&otlp.queue,
                     (struct batch_limits){ c->bsp.max_queue_size, c->bsp.max_export_batch_size,
                                            c->bsp.schedule_delay_ms });
    unsigned max_spans = otlp.queue.limits.max_batch_size;
    otlp.encoder = otlp_encoder_new(resource, host->version, host->scope_name, max_spans);
    otlp.batch = malloc(max_spans * sizeof otlp.batch[0]);
    otlp.export_timeout_ns = timeout_ns(c->bsp.export_timeout_ms);
    otlp.attempt_timeout_ns = timeout_ns(c->otlp.timeout_ms);
    otlp.random = (uint32_t)host->pid;
    if (otlp.encoder && otlp.batch)
        return 0;
    host->log(LOG_ERROR, "no memory: spans are not exported");
    return -1;
}

static bool otlp_ready(void)
{
    return batch_reserve(&otlp.queue) != NULL;
}

static void otlp_accept(const struct span_view *view)
{
    unsigned scope = view->record->scope;
    unsigned char *out = batch_reserve(&otlp.queue);
    if (scope >= OTLP_MAX_SCOPES)
        scope = OTLP_MAX_SCOPES - 1;
    batch_commit(&otlp.queue, scope, otlp_encode_span(view, out), view->record->end_mono_ns);
}

/* The batch is over, one way or the other. */
static void end_batch(void)
{
    otlp.request_spans = 0;
    otlp.state = IDLE;
    otlp.host->progress();
}

static void drop_batch(enum drop_reason reason)
{
    otlp.host->drop(reason, otlp.request_spans);
    end_batch();
}

/* Takes the next batch out of the queue. */
static void begin_batch(uint64_t now_ns)
{
    unsigned n = batch_peek(&otlp.queue, otlp.batch);
    otlp.request = otlp_encode_request(otlp.encoder, otlp.batch, n, &otlp.request_bytes);
    otlp.request_spans = n;
    batch_remove(&otlp.queue, n);
    otlp.flush_spans -= n < otlp.flush_spans ? n : otlp.flush_spans;
    otlp.attempts = 0;
    otlp.wait_was_cut = false;
    otlp.deadline_ns = later(now_ns, otlp.export_timeout_ns);
    if (!otlp.request) {
        otlp.host->log(LOG_ERROR, "no memory for a batch: %u spans dropped", n);
        drop_batch(DROP_QUEUE_FULL);
    }
}

static uint32_t next_random(uint64_t now_ns)
{
    otlp.random = (otlp.random ^ (uint32_t)now_ns) * 2654435761u + 12345u;
    return otlp.random ^ otlp.random >> 15;
}

/* The attempt failed in a way that may pass. */
static void fail_attempt(uint64_t now_ns, const char *why, int64_t after_ms)
{
    uint64_t delay_ms = retry_delay_ms(otlp.attempts, after_ms, next_random(now_ns));
    otlp.retry_at_ns = later(now_ns, delay_ms * NS_PER_MS);
    otlp.wait_was_asked_for = after_ms != RETRY_AFTER_NONE;
    if (otlp.attempts == RETRY_MAX_ATTEMPTS || otlp.retry_at_ns >= otlp.deadline_ns) {
        otlp.host->log(LOG_WARN, "export failed after %u attempts: %s; %u spans dropped",
                       otlp.attempts, why, otlp.request_spans);
        drop_batch(DROP_RETRIES);
        return;
    }
    otlp.host->log(LOG_DEBUG, "export attempt %u failed: %s; next one in %llu ms", otlp.attempts,
                   why, (unsigned long long)delay_ms);
    otlp.state = WAITING;
}

static void begin_attempt(uint64_t now_ns)
{
    otlp.attempts++;
    otlp.attempt_deadline_ns = min64(otlp.deadline_ns, later(now_ns, otlp.attempt_timeout_ns));
    if (collector_refuses()) {
        fail_attempt(now_ns, "connection refused", RETRY_AFTER_NONE);
        return;
    }
    if (!http_is_open() && !otlp.unusable)
        otlp.unusable = !http_open(otlp.config, otlp.host);
    otlp.state = RESOLVING;
    if (otlp.unusable)
        drop_batch(DROP_NO_EXPORTER);
}

/* A 2xx is the collector's word, whatever follows it: nothing is sent twice because
 * of an answer that cannot be read. */
static void deliver(const struct http_result *result)
{
    struct otlp_response response = { 0 };
    uint64_t rejected = 0;
    if (result->outcome == HTTP_TOO_LARGE)
        otlp.host->log(LOG_WARN, "the collector's answer is larger than %zu bytes",
                       HTTP_RESPONSE_MAX_BYTES);
    else if (result->body_total > result->body_bytes ||
             !otlp_decode_response(result->body, result->body_bytes, &response))
        otlp.host->log(LOG_WARN, "the collector's answer is no ExportTraceServiceResponse");
    if (response.rejected_spans > 0)
        rejected = min64((uint64_t)response.rejected_spans, otlp.request_spans);
    if (rejected || response.message[0])
        otlp.host->log(LOG_WARN, "the collector rejected %llu of %u spans: %s",
                       (unsigned long long)rejected, otlp.request_spans, response.message);
    if (rejected)
        otlp.host->drop(DROP_REJECTED, rejected);
    otlp.host->delivered(otlp.request_spans - rejected);
    end_batch();
}

static void reject(long status)
{
    otlp.host->log(LOG_WARN, "the collector refused a batch with status %ld; %u spans dropped",
                   status, otlp.request_spans);
    drop_batch(DROP_REJECTED);
}

static void take_answer(uint64_t now_ns, const struct http_result *result)
{
    char why[32];
    if (result->outcome == HTTP_FAILED) {
        names_forget();
        fail_attempt(now_ns, result->error, RETRY_AFTER_NONE);
        return;
    }
    switch (retry_verdict(result->status)) {
    case VERDICT_DELIVERED: deliver(result); break;
    case VERDICT_RETRY:
        snprintf(why, sizeof why, "status %ld", result->status);
        fail_attempt(now_ns, why, result->retry_after_ms);
        break;
    case VERDICT_REJECTED: reject(result->status);
    }
}

static void step_resolving(uint64_t now_ns)
{
    enum names_state names = names_step(now_ns);
    if (names == NAMES_FAILED) {
        fail_attempt(now_ns, names_error(), RETRY_AFTER_NONE);
    } else if (now_ns >= otlp.attempt_deadline_ns) {
        names_cancel();
        fail_attempt(now_ns, "no answer from the name servers in time", RETRY_AFTER_NONE);
    } else if (names == NAMES_READY) {
        uint64_t room_ns = otlp.attempt_deadline_ns - now_ns;
        uint64_t timeout_ms = otlp.attempt_deadline_ns == UINT64_MAX ? 0 : room_ns / NS_PER_MS + 1;
        otlp.host->progress();
        if (http_start(otlp.request, otlp.request_bytes, timeout_ms, names_resolve_list()))
            otlp.state = SENDING;
        else
            fail_attempt(now_ns, "no memory for a request", RETRY_AFTER_NONE);
    }
}

static void step_sending(uint64_t now_ns)
{
    struct http_result result;
    if (http_step(&result))
        take_answer(now_ns, &result);
}

static void step_idle(uint64_t now_ns)
{
    if (!batch_is_due(&otlp.queue, now_ns, otlp.flush_spans > 0))
        return;
    begin_batch(now_ns);
    if (otlp.request_spans)
        begin_attempt(now_ns);
}

/* One step; false: nothing to do but to wait. */
static bool step(uint64_t now_ns)
{
    enum state before = otlp.state;
    uint32_t queued_before = otlp.queue.nr_spans;
    switch (otlp.state) {
    case IDLE: step_idle(now_ns); break;
    case RESOLVING: step_resolving(now_ns); break;
    case SENDING: step_sending(now_ns); break;
    case WAITING:
        if (now_ns >= otlp.retry_at_ns) {
            otlp.wait_was_cut = false;
            begin_attempt(now_ns);
        }
    }
    return otlp.state != before || otlp.queue.nr_spans != queued_before;
}

static uint64_t otlp_run(uint64_t now_ns, bool flush)
{
    if (otlp.queue.nr_spans && otlp.queue.oldest_mono_ns > now_ns)
        otlp.queue.oldest_mono_ns = now_ns; /* no record is from the future */
    if (flush) {
        otlp.flush_spans = otlp.queue.nr_spans;
        if (otlp.state == WAITING && !otlp.wait_was_asked_for && !otlp.wait_was_cut) {
            otlp.wait_was_cut = true;
            begin_attempt(now_ns);
        }
    }
    while (step(now_ns))
        ;
    switch (otlp.state) {
    case RESOLVING: return min64(names_due_at(now_ns), otlp.attempt_deadline_ns);
    case SENDING: return http_due_at(now_ns); /* it knows the attempt's deadline */
    case WAITING: return otlp.retry_at_ns;
    default: return batch_due_at(&otlp.queue);
    }
}

static uint64_t otlp_pending(void)
{
    return otlp.queue.nr_spans + otlp.request_spans;
}

static bool otlp_in_flight(void)
{
    return otlp.state == RESOLVING || otlp.state == SENDING;
}

static unsigned otlp_fds(struct pollfd *fds, unsigned max)
{
    struct curl_waitfd sockets[NAMES_MAX_FDS];
    unsigned n = otlp.state == RESOLVING ? names_fds(sockets) : 0;
    for (unsigned i = 0; i < n && i < max; i++)
        fds[i] = (struct pollfd){ .fd = sockets[i].fd, .events = sockets[i].events };
    return n < max ? n : max;
}

const struct sink otlp_sink = {
    .open = otlp_open,
    .ready = otlp_ready,
    .accept = otlp_accept,
    .run = otlp_run,
    .pending = otlp_pending,
    .in_flight = otlp_in_flight,
    .fds = otlp_fds,
};
