/* The transport of http_post.h: statuses become verdicts. */
#include "http_post.h"

#include <stdio.h>
#include <strings.h>

void http_agent(char out[static HTTP_AGENT_MAX], const struct exporter_host *host)
{
    snprintf(out, HTTP_AGENT_MAX, "OTel-OTLP-Exporter-C/%s", host->version);
}

bool http_header_is_ours(const char *name)
{
    return strcasecmp(name, "content-type") == 0 || strcasecmp(name, "content-length") == 0 ||
           strcasecmp(name, "content-encoding") == 0;
}

static bool post_open(void *self)
{
    struct http_post *post = self;
    post->gzip = (struct gzip){ .stream = NULL };
    if (post->compress)
        endpoint_own(&post->endpoint, "Content-Encoding", "gzip");
    return http_open(&post->http, &post->endpoint, post->host);
}

static bool post_pack(void *self, struct body *body)
{
    struct http_post *post = self;
    return !post->compress || gzip_pack(&post->gzip, body);
}

static void post_start(void *self, const struct body *body, uint64_t now_ns, uint64_t deadline_ns)
{
    struct http_post *post = self;
    (void)now_ns;
    http_start(&post->http, body->data, body->bytes, deadline_ns);
}

static void take_status(struct http_post *post, struct answer *answer)
{
    const struct http_result *result = &post->http.result;
    snprintf(post->why, sizeof post->why, "status %ld", result->status);
    if (result->outcome == HTTP_TOO_LARGE)
        post->host->log(LOG_WARN, "an answer of more than %zu bytes is not read",
                        HTTP_RESPONSE_MAX_BYTES);
    *answer = (struct answer){ .verdict = retry_verdict(result->status),
                               .retry_after_ms = result->retry_after_ms,
                               .why = post->why,
                               .body = result->body,
                               .body_bytes = result->body_bytes,
                               .body_is_cut = result->body_total > result->body_bytes };
}

static bool post_step(void *self, uint64_t now_ns, struct answer *answer)
{
    struct http_post *post = self;
    if (!http_step(&post->http, now_ns))
        return false;
    answer->why = post->http.result.error;
    switch (post->http.result.outcome) {
    case HTTP_FAILED: answer->verdict = VERDICT_RETRY; break;
    case HTTP_UNUSABLE: answer->verdict = VERDICT_UNUSABLE; break;
    case HTTP_ANSWERED:
    case HTTP_TOO_LARGE: take_status(post, answer);
    }
    return true;
}

static uint64_t post_due_at(void *self, uint64_t now_ns)
{
    const struct http_post *post = self;
    return http_due_at(&post->http, now_ns);
}

static unsigned post_fds(void *self, struct pollfd *fds, unsigned max)
{
    const struct http_post *post = self;
    return http_fds(&post->http, fds, max);
}

struct transport http_post_transport(struct http_post *post)
{
    static const struct transport_ops ops = {
        .open = post_open,
        .pack = post_pack,
        .start = post_start,
        .step = post_step,
        .due_at = post_due_at,
        .fds = post_fds,
    };
    return (struct transport){ &ops, post };
}
