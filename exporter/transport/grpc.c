/*
 * The transport of grpc.h. What a call sends and what becomes of its answer is the
 * same for both ways; only who speaks HTTP/2 differs.
 */
#include "grpc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define NS_PER_MS UINT64_C(1000000)
#define TIMEOUT_MAX 99999999u /* eight digits */

/* ---- headers ---- */

static bool header_is_reserved(const char *name)
{
    static const char *const reserved[] = { "content-type",   "te",     "user-agent",
                                            "connection",     "host",   "transfer-encoding",
                                            "content-length", "upgrade" };
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcasecmp(name, reserved[i]) == 0)
            return true;
    return strncasecmp(name, "grpc-", 5) == 0;
}

/* host:port of the URL, user@ left out. */
static void find_authority(struct grpc *grpc)
{
    const char *start = strstr(grpc->endpoint.url, "://");
    start = start ? start + 3 : grpc->endpoint.url;
    size_t len = strcspn(start, "/");
    const char *at = memrchr(start, '@', len);
    if (at) {
        len -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    snprintf(grpc->authority, sizeof grpc->authority, "%.*s", (int)len, start);
}

/* Metadata names are in small letters; copies live as long as the process. */
static const char *lower(const char *name)
{
    char *copy = strdup(name);
    for (char *at = copy; at && *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

static void add_plain_headers(struct grpc *grpc)
{
    const struct endpoint *endpoint = &grpc->endpoint;
    const char *path = strchr(strstr(endpoint->url, "://") + 3, '/');
    find_authority(grpc);
    h2_add_header(&grpc->h2, ":method", "POST");
    h2_add_header(&grpc->h2, ":scheme", "http");
    h2_add_header(&grpc->h2, ":path", path ? path : "/");
    h2_add_header(&grpc->h2, ":authority", grpc->authority);
    for (unsigned i = 0; i < endpoint->nr_own; i++)
        h2_add_header(&grpc->h2, endpoint->own[i].key, endpoint->own[i].value);
    h2_add_header(&grpc->h2, "user-agent", endpoint->agent);
    for (unsigned i = 0; i < endpoint->nr_headers; i++) {
        const char *name = endpoint_may_send(endpoint, &endpoint->headers[i], grpc->host)
                               ? lower(endpoint->headers[i].key)
                               : NULL;
        if (name)
            h2_add_header(&grpc->h2, name, endpoint->headers[i].value);
    }
}

static void write_timeout(struct grpc *grpc, uint64_t ms)
{
    snprintf(grpc->timeout, sizeof grpc->timeout, "%um",
             (unsigned)(ms < TIMEOUT_MAX ? ms : TIMEOUT_MAX));
}

/* ---- answers ---- */

static void take_header(void *self, const char *name, size_t name_len, const char *value,
                        size_t len)
{
    struct grpc *grpc = self;
    grpc_reply_header(&grpc->reply, name, name_len, value, len);
}

/* A line of libcurl's: "name: value\r\n", or a status line that begins a head. */
static void take_line(void *self, const char *line, size_t bytes)
{
    struct grpc *grpc = self;
    const char *colon = memchr(line, ':', bytes), *end = line + bytes;
    if (bytes >= 5 && strncasecmp(line, "HTTP/", 5) == 0)
        grpc_reply_begin(&grpc->reply);
    if (!colon)
        return;
    const char *value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (unsigned char)end[-1] <= ' ')
        end--;
    grpc_reply_header(&grpc->reply, line, (size_t)(colon - line), value, (size_t)(end - value));
}

static void answer_status(struct grpc *grpc, struct answer *answer)
{
    const struct grpc_reply *reply = &grpc->reply;
    int status = grpc_reply_status(reply);
    answer->verdict = grpc_reply_verdict(reply);
    answer->retry_after_ms = reply->retry_after_ms;
    answer->why = grpc->why;
    if (reply->status >= 0)
        snprintf(grpc->why, sizeof grpc->why, "gRPC status %d %s%s%s", status,
                 grpc_status_name(status), reply->message[0] ? ": " : "", reply->message);
    else
        snprintf(grpc->why, sizeof grpc->why, "no gRPC status, HTTP status %ld",
                 reply->http_status);
}

/* A status of our own, where the server gave none. */
static void answer_own(struct grpc *grpc, struct answer *answer, int status, const char *why)
{
    grpc->reply.status = status;
    snprintf(grpc->reply.message, sizeof grpc->reply.message, "%s", why);
    answer_status(grpc, answer);
}

static void answer_body(struct answer *answer, const unsigned char *data, size_t kept, size_t total)
{
    answer->body_is_cut =
        total > kept || !grpc_unframe(data, kept, &answer->body, &answer->body_bytes);
}

static void answer_plain(struct grpc *grpc, struct answer *answer)
{
    const struct h2 *h2 = &grpc->h2;
    answer->why = h2->error;
    switch (h2->outcome) {
    case H2_ANSWERED:
        answer_status(grpc, answer);
        answer_body(answer, h2->http.kept, h2->answer_kept, h2->answer_bytes);
        break;
    case H2_RESET:
        if (grpc->reply.status >= 0)
            answer_status(grpc, answer);
        else
            answer_own(grpc, answer, grpc_status_of_reset(h2->error_code), "the stream was reset");
        break;
    case H2_TIMED_OUT: answer_own(grpc, answer, GRPC_DEADLINE_EXCEEDED, "no answer in time"); break;
    case H2_TOO_LARGE:
        answer_own(grpc, answer, GRPC_RESOURCE_EXHAUSTED, "the answer is too large");
        break;
    case H2_FAILED: answer->verdict = VERDICT_RETRY; break;
    case H2_UNUSABLE: answer->verdict = VERDICT_UNUSABLE;
    }
}

static void answer_tls(struct grpc *grpc, struct answer *answer)
{
    const struct http *http = &grpc->h2.http;
    long version = 0;
    answer->why = http->result.error;
    switch (http->result.outcome) {
    case HTTP_ANSWERED:
        http->curl->easy_getinfo(http->easy, CURLINFO_HTTP_VERSION, &version);
        grpc->reply.http_status = http->result.status;
        answer_status(grpc, answer);
        if (version != CURL_HTTP_VERSION_2_0 && grpc->reply.status < 0)
            answer_own(grpc, answer, GRPC_UNAVAILABLE, "the server does not speak HTTP/2");
        answer_body(answer, http->result.body, http->result.body_bytes, http->result.body_total);
        break;
    case HTTP_TOO_LARGE:
        answer_own(grpc, answer, GRPC_RESOURCE_EXHAUSTED, "the answer is too large");
        break;
    case HTTP_FAILED: answer->verdict = VERDICT_RETRY; break;
    case HTTP_UNUSABLE: answer->verdict = VERDICT_UNUSABLE;
    }
}

/* ---- the transport ---- */

static bool grpc_open(void *self)
{
    struct grpc *grpc = self;
    struct endpoint *endpoint = &grpc->endpoint;
    grpc->tls = strncasecmp(endpoint->url, "https:", 6) == 0;
    grpc->gzip = (struct gzip){ .stream = NULL };
    endpoint->is_reserved = header_is_reserved;
    endpoint->http2 = grpc->tls;
    endpoint->connect_only = !grpc->tls;
    endpoint_own(endpoint, "content-type", "application/grpc");
    endpoint_own(endpoint, "te", "trailers");
    if (grpc->compress)
        endpoint_own(endpoint, "grpc-encoding", "gzip");
    write_timeout(grpc, grpc->timeout_ms);
    if (grpc->timeout_ms)
        endpoint_own(endpoint, "grpc-timeout", grpc->timeout);
    if (!h2_open(&grpc->h2, endpoint, grpc->host))
        return false;
    grpc->h2.http.on_header = grpc->tls ? take_line : NULL;
    grpc->h2.on_header = take_header;
    grpc->h2.http.context = grpc->h2.context = grpc;
    if (!grpc->tls)
        add_plain_headers(grpc);
    return true;
}

static bool grpc_pack(void *self, struct body *body)
{
    struct grpc *grpc = self;
    if (grpc->compress && !gzip_pack(&grpc->gzip, body))
        return false;
    body->data -= GRPC_FRAME_HEAD; /* TRANSPORT_HEADROOM */
    grpc_frame_head(body->data, grpc->compress, body->bytes);
    body->bytes += GRPC_FRAME_HEAD;
    return true;
}

static void grpc_start(void *self, const struct body *body, uint64_t now_ns, uint64_t deadline_ns)
{
    struct grpc *grpc = self;
    grpc_reply_begin(&grpc->reply);
    if (grpc->tls) {
        http_start(&grpc->h2.http, body->data, body->bytes, deadline_ns);
        return;
    }
    if (grpc->timeout_ms)
        write_timeout(grpc, (deadline_ns - now_ns) / NS_PER_MS + 1);
    h2_set_header(&grpc->h2, "grpc-timeout", grpc->timeout);
    h2_start(&grpc->h2, body->data, body->bytes, now_ns, deadline_ns);
}

static bool grpc_step(void *self, uint64_t now_ns, struct answer *answer)
{
    struct grpc *grpc = self;
    if (grpc->tls) {
        if (!http_step(&grpc->h2.http, now_ns))
            return false;
        answer_tls(grpc, answer);
        return true;
    }
    if (!h2_step(&grpc->h2, now_ns))
        return false;
    answer_plain(grpc, answer);
    return true;
}

static uint64_t grpc_due_at(void *self, uint64_t now_ns)
{
    const struct grpc *grpc = self;
    return grpc->tls ? http_due_at(&grpc->h2.http, now_ns) : h2_due_at(&grpc->h2, now_ns);
}

static unsigned grpc_fds(void *self, struct pollfd *fds, unsigned max)
{
    const struct grpc *grpc = self;
    return grpc->tls ? http_fds(&grpc->h2.http, fds, max) : h2_fds(&grpc->h2, fds, max);
}

struct transport grpc_transport(struct grpc *grpc)
{
    static const struct transport_ops ops = {
        .open = grpc_open,
        .pack = grpc_pack,
        .start = grpc_start,
        .step = grpc_step,
        .due_at = grpc_due_at,
        .fds = grpc_fds,
    };
    return (struct transport){ &ops, grpc };
}
