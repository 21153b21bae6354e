/*
 * The requests of http.h: one easy handle, reused, in the multi handle that all
 * exporters share. Its connection stays open between batches.
 */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "loopback.h"
#include "retry.h"

#define NS_PER_MS UINT64_C(1000000)
#define PIECES_IN_ONE_GO 8u /* of 64 KB: then the rings are looked at again */

static size_t take_body(char *data, size_t size, size_t count, void *self)
{
    struct http *http = self;
    size_t bytes = size * count, room = sizeof http->kept - http->result.body_bytes;
    http->result.body_total += bytes;
    if (http->result.body_total > HTTP_RESPONSE_MAX_BYTES) {
        http->result.outcome = HTTP_TOO_LARGE;
        return 0; /* libcurl ends the transfer */
    }
    size_t kept = bytes < room ? bytes : room;
    memcpy(http->kept + http->result.body_bytes, data, kept);
    http->result.body_bytes += kept;
    return bytes;
}

static size_t take_header(char *data, size_t size, size_t count, void *self)
{
    static const char name[] = "retry-after:";
    struct http *http = self;
    size_t bytes = size * count, skip = sizeof name - 1;
    if (bytes >= 5 && strncasecmp(data, "HTTP/", 5) == 0)
        http->result.retry_after_ms = RETRY_AFTER_NONE; /* what a 1xx said does not count */
    if (bytes > skip && strncasecmp(data, name, skip) == 0)
        http->result.retry_after_ms = retry_after_ms(data + skip, bytes - skip, time(NULL));
    if (http->on_header)
        http->on_header(http->context, data, bytes);
    return bytes;
}

/* Known without libcurl, and only before it is loaded. */
static bool collector_refuses(const struct http *http)
{
    const char *path = http->endpoint->unix_path;
    if (!http->may_look || http->easy)
        return false;
    return path ? loopback_refuses_unix(path) : loopback_refuses(http->endpoint->url);
}

static bool load(struct http *http)
{
    http->unusable = true;
    http->curl = curl_open(http->host);
    http->easy = http->curl ? http->curl->easy_init() : NULL;
    if (http->curl && !http->easy)
        http->host->log(LOG_ERROR, "no memory for libcurl: spans are not exported");
    if (!http->easy || !http_setup(http))
        return false;
    http->curl->easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, take_body);
    http->curl->easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
    http->curl->easy_setopt(http->easy, CURLOPT_HEADERFUNCTION, take_header);
    http->curl->easy_setopt(http->easy, CURLOPT_HEADERDATA, http);
    http->curl->easy_setopt(http->easy, CURLOPT_ERRORBUFFER, http->error);
    http->unusable = false;
    return true;
}

bool http_open(struct http *http, const struct endpoint *endpoint, const struct exporter_host *host)
{
    memset(http, 0, offsetof(struct http, kept));
    http->host = host;
    http->endpoint = endpoint;
    http->may_look = !http_proxy_is_set();
    names_init(&http->names, host);
    return collector_refuses(http) || load(http);
}

static void end(struct http *http, enum http_outcome outcome, const char *error)
{
    http->state = HTTP_OVER;
    http->result.outcome = outcome;
    http->result.error = error;
}

void http_start(struct http *http, const unsigned char *body, size_t bytes, uint64_t deadline_ns)
{
    http->result = (struct http_result){ .retry_after_ms = RETRY_AFTER_NONE, .body = http->kept };
    http->body = body;
    http->bytes = bytes;
    http->deadline_ns = deadline_ns;
    http->state = HTTP_RESOLVING;
    if (collector_refuses(http))
        end(http, HTTP_FAILED, "connection refused");
    else if (http->unusable || (!http->easy && !load(http)))
        end(http, HTTP_UNUSABLE, "libcurl cannot be used");
}

static void send_request(struct http *http, uint64_t now_ns)
{
    const struct curl_api *curl = http->curl;
    uint64_t room_ns = http->deadline_ns - now_ns;
    long timeout_ms = http->deadline_ns == UINT64_MAX ? 0 : (long)(room_ns / NS_PER_MS) + 1;
    http->movement = 0;
    http->error[0] = '\0';
    http->host->progress();
    if (!http->endpoint->connect_only) {
        curl->easy_setopt(http->easy, CURLOPT_POSTFIELDS, http->body);
        curl->easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)http->bytes);
    }
    curl->easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl->easy_setopt(http->easy, CURLOPT_RESOLVE, names_resolve_list(&http->names));
    http->state = HTTP_SENDING;
    if (!curl_job_begin(&http->job, http->easy))
        end(http, HTTP_FAILED, "no memory for a request");
}

static void step_resolving(struct http *http, uint64_t now_ns)
{
    enum names_state names = names_step(&http->names, now_ns);
    if (names == NAMES_FAILED) {
        end(http, HTTP_FAILED, names_error(&http->names));
    } else if (now_ns >= http->deadline_ns) {
        names_cancel(&http->names);
        end(http, HTTP_FAILED, "no answer from the name servers in time");
    } else if (names == NAMES_READY) {
        send_request(http, now_ns);
    }
}

/* Anything that grew since the last look: an exit that waits for us goes on waiting. */
static bool report_progress(struct http *http)
{
    static const CURLINFO counters[] = { CURLINFO_CONNECT_TIME_T, CURLINFO_APPCONNECT_TIME_T,
                                         CURLINFO_SIZE_UPLOAD_T, CURLINFO_SIZE_DOWNLOAD_T };
    uint64_t movement = 0;
    long header_bytes = 0;
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        curl_off_t value = 0;
        http->curl->easy_getinfo(http->easy, counters[i], &value);
        movement += (uint64_t)value;
    }
    http->curl->easy_getinfo(http->easy, CURLINFO_HEADER_SIZE, &header_bytes);
    movement += (uint64_t)header_bytes;
    bool moved = movement != http->movement;
    if (moved)
        http->host->progress();
    http->movement = movement;
    return moved;
}

/* libcurl sends a piece of its buffer's size at a time. As long as the receiver takes them at once, the next
 * one follows: a worker that waits for the program between them has the rest of the batch lie for a slice
 * (worker_thread.c). */
static void drive(struct http *http)
{
    unsigned pieces = PIECES_IN_ONE_GO;
    do
        curl_drive();
    while (report_progress(http) && !http->job.done && --pieces > 0);
}

static void finish(struct http *http)
{
    CURLcode code = http->job.code;
    http->curl->easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &http->result.status);
    http->connected = http->endpoint->connect_only && code == CURLE_OK;
    if (!http->connected)
        curl_job_end(http->easy);
    if (code == CURLE_OK)
        end(http, HTTP_ANSWERED, NULL);
    else if (http->result.outcome == HTTP_TOO_LARGE)
        end(http, HTTP_TOO_LARGE, NULL);
    else
        end(http, HTTP_FAILED, http->error[0] ? http->error : http->curl->easy_strerror(code));
}

bool http_step(struct http *http, uint64_t now_ns)
{
    if (http->state == HTTP_RESOLVING)
        step_resolving(http, now_ns);
    if (http->state == HTTP_SENDING) {
        drive(http);
        if (http->job.done)
            finish(http);
    }
    if (http->state != HTTP_OVER)
        return false;
    if (http->result.outcome == HTTP_FAILED)
        names_forget(&http->names);
    http->state = HTTP_IDLE;
    return true;
}

void http_cancel(struct http *http)
{
    if (http->state == HTTP_RESOLVING)
        names_cancel(&http->names);
    if (http->state == HTTP_SENDING || http->connected)
        curl_job_end(http->easy);
    http->state = HTTP_IDLE;
    http->connected = false;
}

uint64_t http_due_at(const struct http *http, uint64_t now_ns)
{
    uint64_t due_ns = now_ns;
    if (http->state == HTTP_RESOLVING)
        due_ns = names_due_at(&http->names, now_ns);
    else if (http->state == HTTP_SENDING)
        return curl_due_at(now_ns); /* it knows the deadline */
    return due_ns < http->deadline_ns ? due_ns : http->deadline_ns;
}

unsigned http_fds(const struct http *http, struct pollfd *fds, unsigned max)
{
    struct curl_waitfd sockets[NAMES_MAX_FDS];
    unsigned n = http->state == HTTP_RESOLVING ? names_fds(&http->names, sockets) : 0;
    for (unsigned i = 0; i < n && i < max; i++)
        fds[i] = (struct pollfd){ .fd = sockets[i].fd, .events = sockets[i].events };
    return n < max ? n : max;
}
