/*
 * A batch's way from the queue to the receiver.
 *
 *   IDLE ─ batch due ─► SENDING ─► IDLE   delivered, or given up
 *                        ▲    │
 *                        └─ WAITING       to be tried again
 */
#include "delivery.h"

#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MS UINT64_C(1000000)

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

static bool delivery_ready(void *self)
{
    struct delivery *d = self;
    return batch_reserve(&d->queue) != NULL;
}

static unsigned scope_of(const struct record *record)
{
    return record->scope < FORMAT_MAX_SCOPES ? record->scope : FORMAT_MAX_SCOPES - 1;
}

static void delivery_accept(void *self, const struct span_view *view)
{
    struct delivery *d = self;
    unsigned char *out = batch_reserve(&d->queue);
    size_t bytes = d->format->span(d->encoders[view->source], view, out);
    /* A recovered record's clock may be that of another boot: it waits no longer than ours. */
    uint64_t ended_ns = view->source == SOURCE_OWN ? view->record->end_mono_ns : 0;
    batch_commit(&d->queue, scope_of(view->record), view->source, bytes, ended_ns);
}

static bool delivery_accept_alike(void *self, const struct record *record,
                                  int64_t real_minus_mono_ns)
{
    struct delivery *d = self;
    if (d->format->alike == NULL)
        return false;
    size_t bytes = d->format->alike(d->encoders[SOURCE_OWN], record, real_minus_mono_ns,
                                    batch_reserve(&d->queue));
    if (bytes == 0)
        return false;
    batch_commit(&d->queue, scope_of(record), SOURCE_OWN, bytes, record->end_mono_ns);
    return true;
}

static struct exporter_account *account_of_batch(const struct delivery *d)
{
    return d->recovered ? d->host->recovery : d->account;
}

/* The batch is over, one way or the other. */
static void end_batch(struct delivery *d)
{
    d->body.nr_spans = 0;
    d->state = DELIVERY_IDLE;
    d->host->progress();
}

static void drop_batch(struct delivery *d, enum drop_reason reason)
{
    account_drop(account_of_batch(d), reason, d->body.nr_spans);
    end_batch(d);
}

/* Takes the next batch out of the queue. */
static void begin_batch(struct delivery *d, uint64_t now_ns)
{
    const struct transport *transport = &d->transport;
    unsigned n = batch_peek(&d->queue, d->batch);
    void *encoder = d->encoders[d->batch[0].source];
    d->recovered = d->batch[0].source == SOURCE_RECOVERED;
    bool made = d->format->request(encoder, d->batch, n, &d->body) &&
                (!transport->ops->pack || transport->ops->pack(transport->self, &d->body));
    d->body.nr_spans = n;
    batch_remove(&d->queue, n);
    d->flush_spans -= n < d->flush_spans ? n : d->flush_spans;
    d->attempts = 0;
    d->wait_was_cut = false;
    d->deadline_ns = later(now_ns, d->export_timeout_ns);
    if (!made) {
        d->host->log(LOG_ERROR, "no memory for a batch: %u spans dropped", n);
        drop_batch(d, DROP_QUEUE_FULL);
    }
}

static uint32_t next_random(struct delivery *d, uint64_t now_ns)
{
    d->random = (d->random ^ (uint32_t)now_ns) * 2654435761u + 12345u;
    return d->random ^ d->random >> 15;
}

static void begin_attempt(struct delivery *d, uint64_t now_ns)
{
    d->attempts++;
    d->state = DELIVERY_SENDING;
    d->transport.ops->start(d->transport.self, &d->body, now_ns,
                            min64(d->deadline_ns, later(now_ns, d->attempt_timeout_ns)));
}

/* Another process's batch stays in its file; ours is kept in one, if it can be. */
static void give_up(struct delivery *d, const struct answer *answer)
{
    bool kept = !d->recovered && sink_is_alone() && d->host->defer != NULL &&
                d->host->defer(d->body.nr_spans);
    d->host->log(LOG_WARN, "export failed after %u attempts: %s; %u spans %s", d->attempts,
                 answer->why, d->body.nr_spans,
                 kept || d->recovered ? "kept for later" : "dropped");
    drop_batch(d, kept ? DROP_SPOOLED : DROP_RETRIES);
}

#define HINT " (otelshim check --connect says more)"

/* The attempt failed in a way that may pass. The first of an outage is told as loudly as what is lost by
 * it: a program may be over before that shows. */
static void fail_attempt(struct delivery *d, uint64_t now_ns, const struct answer *answer)
{
    uint64_t delay_ms = retry_delay_ms(d->attempts, answer->retry_after_ms, next_random(d, now_ns));
    d->retry_at_ns = later(now_ns, delay_ms * NS_PER_MS);
    d->wait_was_asked_for = answer->retry_after_ms != RETRY_AFTER_NONE;
    bool outage_begins = !d->failing;
    d->failing = true;
    if (d->attempts == RETRY_MAX_ATTEMPTS || d->retry_at_ns >= d->deadline_ns) {
        give_up(d, answer);
        return;
    }
    d->host->log(outage_begins ? LOG_WARN : LOG_DEBUG,
                 "export attempt %u failed: %s; next one in %llu ms%s", d->attempts, answer->why,
                 (unsigned long long)delay_ms, outage_begins && d->answers ? HINT : "");
    d->state = DELIVERY_WAITING;
}

/* Taken is taken, whatever the answer's body says: nothing is sent twice because of
 * an answer that cannot be read. */
static void deliver(struct delivery *d, const struct answer *answer)
{
    struct response response = { 0 };
    uint64_t rejected = 0;
    unsigned spans = d->body.nr_spans;
    d->failing = false;
    if (d->answers &&
        (answer->body_is_cut || !d->format->response(answer->body, answer->body_bytes, &response)))
        d->host->log(LOG_WARN, "%s's answer is no ExportTraceServiceResponse", d->receiver);
    if (response.rejected_spans > 0)
        rejected = min64((uint64_t)response.rejected_spans, spans);
    if (rejected || response.message[0]) {
        d->host->log(d->told_of_rejections ? LOG_DEBUG : LOG_WARN,
                     "%s rejected %llu of %u spans: %s", d->receiver, (unsigned long long)rejected,
                     spans, response.message);
        d->told_of_rejections = true;
    }
    if (rejected)
        account_drop(account_of_batch(d), DROP_REJECTED, rejected);
    account_delivered(account_of_batch(d), spans - rejected);
    end_batch(d);
}

static void reject(struct delivery *d, const struct answer *answer)
{
    d->host->log(LOG_WARN, "%s refused a batch: %s; %u spans dropped", d->receiver, answer->why,
                 d->body.nr_spans);
    drop_batch(d, DROP_REJECTED);
}

static void step_sending(struct delivery *d, uint64_t now_ns)
{
    struct answer answer = { .retry_after_ms = RETRY_AFTER_NONE, .why = "" };
    if (!d->transport.ops->step(d->transport.self, now_ns, &answer))
        return;
    switch (answer.verdict) {
    case VERDICT_DELIVERED: deliver(d, &answer); break;
    case VERDICT_RETRY: fail_attempt(d, now_ns, &answer); break;
    case VERDICT_REJECTED: reject(d, &answer); break;
    case VERDICT_UNUSABLE: drop_batch(d, DROP_NO_EXPORTER);
    }
}

static void step_idle(struct delivery *d, uint64_t now_ns)
{
    if (!batch_is_due(&d->queue, now_ns, d->flush_spans > 0))
        return;
    begin_batch(d, now_ns);
    if (d->body.nr_spans)
        begin_attempt(d, now_ns);
}

/* One step; false: nothing to do but to wait. */
static bool step(struct delivery *d, uint64_t now_ns)
{
    enum delivery_state before = d->state;
    uint32_t queued_before = d->queue.nr_spans;
    switch (d->state) {
    case DELIVERY_IDLE: step_idle(d, now_ns); break;
    case DELIVERY_SENDING: step_sending(d, now_ns); break;
    case DELIVERY_WAITING:
        if (now_ns >= d->retry_at_ns) {
            d->wait_was_cut = false;
            begin_attempt(d, now_ns);
        }
    }
    return d->state != before || d->queue.nr_spans != queued_before;
}

static void begin_flush(struct delivery *d, uint64_t now_ns)
{
    d->flush_spans = d->queue.nr_spans;
    if (d->state == DELIVERY_WAITING && !d->wait_was_asked_for && !d->wait_was_cut) {
        d->wait_was_cut = true;
        begin_attempt(d, now_ns);
    }
}

static bool delivery_adopt(void *self, const struct resource *resource)
{
    struct delivery *d = self;
    void **encoder = &d->encoders[SOURCE_RECOVERED];
    if (*encoder)
        d->format->close(*encoder);
    *encoder = d->format->open(resource, d->host, d->queue.limits.max_batch_size);
    return *encoder != NULL;
}

static uint64_t delivery_run(void *self, uint64_t now_ns, bool flush)
{
    struct delivery *d = self;
    if (d->queue.nr_spans && d->queue.oldest_mono_ns > now_ns)
        d->queue.oldest_mono_ns = now_ns; /* no record is from the future */
    if (flush)
        begin_flush(d, now_ns);
    while (step(d, now_ns))
        ;
    switch (d->state) {
    case DELIVERY_SENDING: return d->transport.ops->due_at(d->transport.self, now_ns);
    case DELIVERY_WAITING: return d->retry_at_ns;
    default: return batch_due_at(&d->queue);
    }
}

static uint64_t delivery_pending(void *self)
{
    const struct delivery *d = self;
    return d->queue.nr_spans + d->body.nr_spans;
}

static bool delivery_in_flight(void *self)
{
    const struct delivery *d = self;
    return d->state == DELIVERY_SENDING;
}

static bool delivery_failing(void *self)
{
    const struct delivery *d = self;
    return d->failing;
}

static unsigned delivery_fds(void *self, struct pollfd *fds, unsigned max)
{
    struct delivery *d = self;
    return d->state == DELIVERY_SENDING ? d->transport.ops->fds(d->transport.self, fds, max) : 0;
}

static const struct sink_ops delivery_ops = {
    .ready = delivery_ready,
    .accept = delivery_accept,
    .accept_alike = delivery_accept_alike,
    .run = delivery_run,
    .pending = delivery_pending,
    .in_flight = delivery_in_flight,
    .failing = delivery_failing,
    .adopt = delivery_adopt,
    .fds = delivery_fds,
};

static bool set_up(struct delivery *d, const struct delivery_plan *plan, const struct config *c,
                   const struct resource *resource)
{
    const struct exporter_host *host = d->host;
    d->receiver = plan->receiver;
    d->format = plan->format;
    d->transport = plan->transport;
    d->answers = plan->answers;
    if (!d->transport.ops->open(d->transport.self))
        return false;
    batch_queue_init(&d->queue,
                     (struct batch_limits){ c->bsp.max_queue_size, c->bsp.max_export_batch_size,
                                            c->bsp.schedule_delay_ms },
                     d->format->span_max_bytes);
    unsigned max_spans = d->queue.limits.max_batch_size;
    d->encoders[SOURCE_OWN] = d->format->open(resource, host, max_spans);
    d->batch = malloc(max_spans * sizeof d->batch[0]);
    d->export_timeout_ns = timeout_ns(c->bsp.export_timeout_ms);
    d->attempt_timeout_ns = timeout_ns(plan->attempt_timeout_ms);
    d->random = (uint32_t)host->pid;
    if (d->encoders[SOURCE_OWN] && d->batch)
        return true;
    host->log(LOG_ERROR, "no memory: spans are not exported");
    return false;
}

void delivery_open(struct delivery *d, const struct delivery_plan *plan, const struct config *c,
                   const struct exporter_host *host, const struct resource *resource)
{
    memset(d, 0, sizeof *d);
    d->host = host;
    d->account = sink_account(plan->name);
    if (d->account && set_up(d, plan, c, resource))
        sink_add(&delivery_ops, d, d->account);
}
