/*
 * What a finished transfer says of itself: everything comes from
 * curl_easy_getinfo, which has no side effects, and from the options.
 *
 * libcurl's timers count from the start of the transfer and, when redirects
 * were followed, are sums over all requests. The samples taken before each
 * request (curl_transfer.c) turn them back into the last request's own times;
 * without samples a redirected transfer shows no events.
 */
#include <stdio.h>
#include <string.h>

#include "curl_errors.h"
#include "curl_transfer.h"
#include "proto/http_attrs.h"
#include "proto/url.h"
#include "ring.h"

static long info_long(const struct curl_easy *e, CURLINFO what)
{
    long value = 0;
    return e->getinfo(e->easy, what, &value) == CURLE_OK ? value : 0;
}

static int64_t info_off(const struct curl_easy *e, CURLINFO what)
{
    curl_off_t value = 0;
    return e->getinfo(e->easy, what, &value) == CURLE_OK ? value : 0;
}

void curl_timers_read(struct curl_easy *e, struct curl_timers *t)
{
    t->resolved = info_off(e, CURLINFO_NAMELOOKUP_TIME_T);
    t->connected = info_off(e, CURLINFO_CONNECT_TIME_T);
    t->tls = info_off(e, CURLINFO_APPCONNECT_TIME_T);
    t->sent = info_off(e, CURLINFO_POSTTRANSFER_TIME_T_);
    if (t->sent == 0)
        t->sent = info_off(e, CURLINFO_PRETRANSFER_TIME_T);
    t->first_byte = info_off(e, CURLINFO_STARTTRANSFER_TIME_T);
    t->redirect = info_off(e, CURLINFO_REDIRECT_TIME_T);
    t->connects = info_long(e, CURLINFO_NUM_CONNECTS);
    t->header_bytes = info_long(e, CURLINFO_HEADER_SIZE);
}

struct facts {
    struct url url;
    const char *url_text;
    size_t url_len;
    bool http;
    long status;
    const char *version; /* "1.1", NULL = unknown */
    long redirects;
    int64_t upload, download;
    int64_t total_us;
};

static const char *http_version(const struct curl_easy *e)
{
    switch (info_long(e, CURLINFO_HTTP_VERSION)) {
    case CURL_HTTP_VERSION_1_0: return "1.0";
    case CURL_HTTP_VERSION_1_1: return "1.1";
    case CURL_HTTP_VERSION_2_0: return "2";
    case CURL_HTTP_VERSION_3: return "3";
    default: return NULL;
    }
}

static void read_facts(struct curl_easy *e, struct facts *f)
{
    memset(f, 0, sizeof *f);
    f->url_text = curl_options_url(&e->options, &f->url_len);
    url_parse(f->url_text, f->url_len, e->options.url_cut, &f->url);
    f->http = url_scheme_is_http(f->url_text + f->url.scheme.at, f->url.scheme.len);
    f->total_us = info_off(e, CURLINFO_TOTAL_TIME_T);
    if (!f->http)
        return;
    f->status = info_long(e, CURLINFO_RESPONSE_CODE);
    f->version = http_version(e);
    f->redirects = info_long(e, CURLINFO_REDIRECT_COUNT);
    f->upload = info_off(e, CURLINFO_SIZE_UPLOAD_T);
    f->download = info_off(e, CURLINFO_SIZE_DOWNLOAD_T);
}

static void write_event(struct span_writer *w, enum event_name name, uint64_t base_ns, int64_t us)
{
    if (us > 0)
        span_event(w, name, base_ns + (uint64_t)us * 1000);
}

/* Whether a name was looked up: not for an address in digits that was connected to. */
static bool had_lookup(const struct curl_easy *e, const struct facts *f)
{
    const char *host = f->url_text + f->url.host.at;
    const char *peer = NULL;
    if (e->options.socket_len > 0)
        return false;
    if (!url_host_is_numeric(host, f->url.host.len))
        return true;
    e->getinfo(e->easy, CURLINFO_PRIMARY_IP, &peer);
    return peer != NULL && peer[0] != 0 &&
           (strlen(peer) != f->url.host.len || memcmp(peer, host, f->url.host.len) != 0);
}

static void write_phases(struct span_writer *w, struct curl_easy *e, const struct facts *f)
{
    struct curl_timers now, connect_base = { 0 }, io_base = { 0 };
    curl_timers_read(e, &now);
    bool asked = e->requests > 0 && now.redirect == e->at_request[0].redirect;
    if (now.redirect > 0 && e->requests == 0)
        return; /* sums over requests we know nothing of */
    if (e->requests > 0)
        connect_base = asked ? e->at_request[1] : e->at_request[0];
    io_base = e->requests > 0 ? e->at_request[0] : io_base;
    uint64_t base_ns = e->anchor_mono_ns + (uint64_t)now.redirect * 1000;
    bool reached = asked || (e->requests == 0 && now.sent > 0);
    if (!reached || now.connects > connect_base.connects) {
        if (had_lookup(e, f))
            write_event(w, EVENT_CURL_NAME_RESOLVED, base_ns, now.resolved - connect_base.resolved);
        write_event(w, EVENT_CURL_CONNECTED, base_ns, now.connected - connect_base.connected);
        write_event(w, EVENT_CURL_TLS_ESTABLISHED, base_ns, now.tls - connect_base.tls);
    }
    if (reached) {
        write_event(w, EVENT_CURL_REQUEST_SENT, base_ns, now.sent - io_base.sent);
        /* The timer also runs when the server closes without a byte. */
        if (now.header_bytes > io_base.header_bytes)
            write_event(w, EVENT_CURL_FIRST_BYTE, base_ns, now.first_byte - io_base.first_byte);
    }
}

static void write_peer(struct span_writer *w, const struct curl_easy *e)
{
    const char *peer = NULL;
    e->getinfo(e->easy, CURLINFO_PRIMARY_IP, &peer);
    if (e->options.socket_len > 0) { /* libcurl cuts its path, and tells the URL's port */
        span_string(w, ATTR_NETWORK_PEER_ADDRESS, e->options.socket, e->options.socket_len,
                    CURL_SOCKET_MAX);
        span_string(w, ATTR_NETWORK_TRANSPORT, "unix", 4, 4);
    } else if (peer != NULL && peer[0] != 0) {
        span_string(w, ATTR_NETWORK_PEER_ADDRESS, peer, strlen(peer), RECORD_MAX_VALUE);
        long port = info_long(e, CURLINFO_PRIMARY_PORT);
        if (port > 0)
            span_int(w, ATTR_NETWORK_PEER_PORT, port);
    }
}

static void write_url(struct span_writer *w, const struct curl_easy *e, const struct facts *f)
{
    char *redacted = ring_scratch(w->ring);
    size_t len = url_redact(f->url_text, f->url_len, &f->url, redacted, RECORD_MAX_URL);
    span_string(w, ATTR_URL_FULL, redacted, len, RECORD_MAX_URL);
    if (f->url.host.len > 0 && !f->url.authority_cut)
        span_string(w, ATTR_SERVER_ADDRESS, f->url_text + f->url.host.at, f->url.host.len,
                    RECORD_MAX_VALUE);
    uint16_t port = e->options.port != 0 ? e->options.port : f->url.port;
    if (port == 0 && e->options.socket_len == 0)
        port = url_default_port(f->url_text + f->url.scheme.at, f->url.scheme.len);
    if (port != 0 && f->url.host.len > 0)
        span_int(w, ATTR_SERVER_PORT, port);
}

/*
 * Whole messages on the wire are known only where libcurl counted one request
 * and one response, unencrypted framing and no chunks: HTTP/1, no redirect or
 * second try, no tunnel. REQUEST_SIZE counts a body only as far as it went out
 * with the head, so that requests with a body have no total.
 */
static void write_sizes(struct span_writer *w, const struct curl_easy *e, const struct facts *f)
{
    if (f->upload > 0)
        span_int(w, ATTR_HTTP_REQUEST_BODY_SIZE, f->upload);
    if (f->status > 0)
        span_int(w, ATTR_HTTP_RESPONSE_BODY_SIZE, f->download);
    bool one_message = f->version != NULL && f->version[0] == '1' && f->redirects == 0 &&
                       e->requests == 1 && info_long(e, CURLINFO_HTTP_CONNECTCODE) == 0;
    if (!one_message)
        return;
    long request = info_long(e, CURLINFO_REQUEST_SIZE), head = info_long(e, CURLINFO_HEADER_SIZE);
    if (f->upload == 0 && request > 0)
        span_int(w, ATTR_HTTP_REQUEST_SIZE, request);
    bool whole =
        e->options.nobody || info_off(e, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T) == f->download;
    if (head > 0 && whole)
        span_int(w, ATTR_HTTP_RESPONSE_SIZE, head + f->download);
}

static void write_http(struct span_writer *w, struct curl_easy *e, const struct facts *f)
{
    size_t len;
    const char *method = curl_options_method(&e->options, &len);
    bool known = http_method_names_span(http_method_of(method, len), (struct text){ method, len });
    span_name(w, known ? method : "HTTP", known ? len : 4);
    span_string(w, ATTR_HTTP_REQUEST_METHOD, known ? method : "_OTHER", known ? len : 6,
                RECORD_MAX_VALUE);
    if (!known)
        span_string(w, ATTR_HTTP_REQUEST_METHOD_ORIGINAL, method, len, RECORD_MAX_VALUE);
    write_url(w, e, f);
    if (f->status > 0)
        span_int(w, ATTR_HTTP_RESPONSE_STATUS_CODE, f->status);
    if (f->redirects > 0)
        span_int(w, ATTR_HTTP_REQUEST_RESEND_COUNT, f->redirects);
    if (f->version != NULL)
        span_string(w, ATTR_NETWORK_PROTOCOL_VERSION, f->version, strlen(f->version), 8);
    write_peer(w, e);
    if (e->tls_version != 0) {
        char text[3] = { (char)('0' + (e->tls_version >> 4)), '.',
                         (char)('0' + (e->tls_version & 15)) };
        span_string(w, ATTR_TLS_PROTOCOL_VERSION, text, sizeof text, sizeof text);
    }
    write_sizes(w, e, f);
    write_phases(w, e, f);
}

/* The program's own decision to stop is no error, and a failing status is named by itself. */
static void write_error(struct span_writer *w, const struct facts *f, enum curl_outcome outcome,
                        CURLcode result)
{
    char code[6];
    const char *failing_status =
        f->status > 0 ? http_status_error((unsigned)f->status, false, code) : NULL;
    bool failed = outcome == CURL_DONE && result != CURLE_OK && result != CURLE_ABORTED_BY_CALLBACK;
    if (failed && !(failing_status != NULL && result == CURLE_HTTP_RETURNED_ERROR))
        span_error(w, curl_error_name(result));
    else if (failing_status != NULL)
        span_error(w, failing_status);
    else if (outcome == CURL_COMPLETE && f->http && f->status == 0)
        span_error(w, "_OTHER"); /* it failed, and nobody asked how */
}

/* When libcurl was done: its own clock for a good transfer, which may have been
 * collected late; now for all others. */
static uint64_t end_of(const struct curl_easy *e, const struct facts *f, enum curl_outcome outcome,
                       CURLcode result)
{
    uint64_t now = clock_mono_ns();
    if (e->multi == 0 || f->total_us <= 0 || outcome == CURL_ABORTED ||
        (outcome == CURL_DONE && result != CURLE_OK))
        return now;
    uint64_t end = e->anchor_mono_ns + (uint64_t)f->total_us * 1000;
    return end < now ? end : now;
}

void curl_span_write(struct curl_easy *e, enum curl_outcome outcome, CURLcode result)
{
    struct facts f;
    struct span_writer w;
    if (atomic_exchange(&e->told, true))
        return;
    if (!span_context_is_sampled(&e->span.context) && !span_record_unsampled) {
        span_abandon(&e->span);
        return;
    }
    read_facts(e, &f);
    if (!span_end_at(&e->span, &w, end_of(e, &f, outcome, result)))
        return;
    if (f.http) {
        write_http(&w, e, &f);
    } else {
        const char *name = url_scheme_name(f.url_text + f.url.scheme.at, f.url.scheme.len);
        span_name(&w, name != NULL ? name : "CURL", name != NULL ? strlen(name) : 4);
        write_url(&w, e, &f);
    }
    write_error(&w, &f, outcome, result);
    if (f.http)
        curl_headers_write(e, &w);
    span_commit(&w);
}
