/*
 * The request of http.h on libcurl's multi interface with a single easy handle,
 * reused: its connection stays open between batches.
 *
 * Environment variables for proxies are read once, here, with libcurl's own
 * rules, and handed over as options: libcurl would call getenv for each
 * request, while the program may be changing its environment.
 */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "curl.h"
#include "names.h"
#include "retry.h"

#define NS_PER_MS UINT64_C(1000000)
#define PROXY_DEFAULT_PORT 1080u /* libcurl's */

/* Background thread; a forked child starts over with http_open. */
static struct {
    const struct exporter_host *host;
    struct curl_api curl;
    CURLM *multi;
    CURL *easy;
    bool busy;
    uint64_t movement; /* of the last look, see report_progress */
    char error[CURL_ERROR_SIZE];
    struct http_result result;
    unsigned char body[HTTP_RESPONSE_KEPT_BYTES];
} http;

static size_t take_body(char *data, size_t size, size_t count, void *unused)
{
    size_t bytes = size * count, room = sizeof http.body - http.result.body_bytes;
    (void)unused;
    http.result.body_total += bytes;
    if (http.result.body_total > HTTP_RESPONSE_MAX_BYTES) {
        http.result.outcome = HTTP_TOO_LARGE;
        return 0; /* libcurl ends the transfer */
    }
    size_t kept = bytes < room ? bytes : room;
    memcpy(http.body + http.result.body_bytes, data, kept);
    http.result.body_bytes += kept;
    return bytes;
}

static size_t take_header(char *data, size_t size, size_t count, void *unused)
{
    static const char name[] = "retry-after:";
    size_t bytes = size * count, skip = sizeof name - 1;
    (void)unused;
    if (bytes >= 5 && strncasecmp(data, "HTTP/", 5) == 0)
        http.result.retry_after_ms = RETRY_AFTER_NONE; /* what a 1xx said does not count */
    if (bytes > skip && strncasecmp(data, name, skip) == 0)
        http.result.retry_after_ms = retry_after_ms(data + skip, bytes - skip, time(NULL));
    return bytes;
}

/* Whether a header may go out: no way to smuggle in another one, and not one of
 * those that we set. */
static bool header_is_ours_to_send(const struct config_pair *pair)
{
    for (const char *at = pair->key; *at; at++)
        if (*at <= ' ' || *at == ':' || *at == 0x7F)
            return false;
    for (const char *at = pair->value; *at; at++)
        if (*at == '\r' || *at == '\n')
            return false;
    return *pair->key && strcasecmp(pair->key, "content-type") != 0 &&
           strcasecmp(pair->key, "content-length") != 0;
}

static struct curl_slist *add_header(struct curl_slist *list, const struct config_pair *pair)
{
    char *line;
    if (!header_is_ours_to_send(pair)) {
        http.host->log(LOG_WARN, "header %.64s of OTEL_EXPORTER_OTLP_HEADERS is not sent",
                       pair->key);
        return list;
    }
    /* "Name;" is how libcurl is told of a header without a value. */
    int len = *pair->value ? asprintf(&line, "%s: %s", pair->key, pair->value)
                           : asprintf(&line, "%s;", pair->key);
    if (len < 0)
        return list;
    struct curl_slist *longer = http.curl.slist_append(list, line);
    free(line);
    return longer ? longer : list;
}

static void set_headers(const struct config *c)
{
    char agent[64];
    snprintf(agent, sizeof agent, "OTel-OTLP-Exporter-C/%s", http.host->version);
    http.curl.easy_setopt(http.easy, CURLOPT_USERAGENT, agent);
    struct curl_slist *list = http.curl.slist_append(NULL, "Content-Type: application/x-protobuf");
    /* No "100 Continue" round trip before a large body. */
    http.curl.slist_append(list, "Expect:");
    for (unsigned i = 0; i < c->otlp.nr_headers; i++)
        list = add_header(list, &c->otlp.headers[i]);
    http.curl.easy_setopt(http.easy, CURLOPT_HTTPHEADER, list);
}

/* Host and port of a URL as libcurl sees them. */
static bool split_url(const char *text, unsigned flags, unsigned default_port, char **host,
                      unsigned *port)
{
    char *number = NULL;
    CURLU *url = http.curl.url();
    *host = NULL;
    bool ok = url && http.curl.url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK &&
              http.curl.url_get(url, CURLUPART_HOST, host, 0) == CURLUE_OK;
    *port = default_port;
    if (ok && http.curl.url_get(url, CURLUPART_PORT, &number,
                                default_port ? 0 : CURLU_DEFAULT_PORT) == CURLUE_OK)
        *port = (unsigned)strtoul(number, NULL, 10);
    if (number)
        http.curl.free(number);
    if (url)
        http.curl.url_cleanup(url);
    return ok;
}

static const char *first_set(const char *const variables[])
{
    for (; *variables; variables++) {
        const char *value = getenv(*variables);
        if (value && *value)
            return value;
    }
    return "";
}

/* libcurl's rules: HTTP_PROXY in capitals is not looked at (a CGI program gets it
 * from a request header). */
static const char *const http_proxies[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
static const char *const https_proxies[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                             NULL };

bool http_proxy_is_set(void)
{
    return *first_set(http_proxies) || *first_set(https_proxies);
}

/* Returns whether there is a proxy. */
static bool set_proxy(bool https)
{
    static const char *const exempt[] = { "no_proxy", "NO_PROXY", NULL };
    const char *proxy = first_set(https ? https_proxies : http_proxies);
    char *host;
    unsigned port;
    http.curl.easy_setopt(http.easy, CURLOPT_PROXY, proxy);
    http.curl.easy_setopt(http.easy, CURLOPT_NOPROXY, first_set(exempt));
    if (!*proxy || !split_url(proxy, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME,
                              PROXY_DEFAULT_PORT, &host, &port))
        return false;
    names_add(host, port, false);
    http.curl.free(host);
    return true;
}

static bool set_url(const struct config *c)
{
    char *host;
    unsigned port;
    const char *url = c->otlp.traces_url;
    if (!split_url(url, 0, 0, &host, &port)) {
        http.host->log(LOG_ERROR, "%.256s is no URL: spans are not exported", url);
        return false;
    }
    bool https = strncasecmp(url, "https:", 6) == 0;
    bool proxy = set_proxy(https);
    names_add(host, port, proxy);
    http.curl.free(host);
    http.curl.easy_setopt(http.easy, CURLOPT_URL, url);
    return true;
}

static void set_tls(const struct config *c)
{
    if (c->otlp.certificate)
        http.curl.easy_setopt(http.easy, CURLOPT_CAINFO, c->otlp.certificate);
    if (c->otlp.client_certificate)
        http.curl.easy_setopt(http.easy, CURLOPT_SSLCERT, c->otlp.client_certificate);
    if (c->otlp.client_key)
        http.curl.easy_setopt(http.easy, CURLOPT_SSLKEY, c->otlp.client_key);
}

void http_init(void)
{
    memset(&http, 0, sizeof http);
}

bool http_open(const struct config *c, const struct exporter_host *host)
{
    names_init(host);
    http.host = host;
    if (!curl_api_load(&http.curl, host))
        return false;
    http.multi = http.curl.multi_init();
    http.easy = http.curl.easy_init();
    if (!http.multi || !http.easy) {
        host->log(LOG_ERROR, "no memory for libcurl: spans are not exported");
        http.multi = NULL;
        return false;
    }
    if (!set_url(c)) {
        http.multi = NULL;
        return false;
    }
    set_headers(c);
    set_tls(c);
    http.curl.multi_setopt(http.multi, CURLMOPT_MAXCONNECTS, 1L);
    http.curl.easy_setopt(http.easy, CURLOPT_NOSIGNAL, 1L);
    http.curl.easy_setopt(http.easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    http.curl.easy_setopt(http.easy, CURLOPT_POST, 1L);
    http.curl.easy_setopt(http.easy, CURLOPT_WRITEFUNCTION, take_body);
    http.curl.easy_setopt(http.easy, CURLOPT_HEADERFUNCTION, take_header);
    http.curl.easy_setopt(http.easy, CURLOPT_ERRORBUFFER, http.error);
    return true;
}

bool http_is_open(void)
{
    return http.multi != NULL;
}

bool http_start(const unsigned char *body, size_t bytes, uint64_t timeout_ms,
                struct curl_slist *resolve)
{
    http.result = (struct http_result){ .retry_after_ms = RETRY_AFTER_NONE, .body = http.body };
    http.movement = 0;
    http.error[0] = '\0';
    http.curl.easy_setopt(http.easy, CURLOPT_POSTFIELDS, body);
    http.curl.easy_setopt(http.easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)bytes);
    http.curl.easy_setopt(http.easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    http.curl.easy_setopt(http.easy, CURLOPT_RESOLVE, resolve);
    http.busy = http.curl.multi_add_handle(http.multi, http.easy) == CURLM_OK;
    return http.busy;
}

/* Anything that grew since the last look: an exit that waits for us goes on waiting. */
static void report_progress(void)
{
    static const CURLINFO counters[] = { CURLINFO_CONNECT_TIME_T, CURLINFO_APPCONNECT_TIME_T,
                                         CURLINFO_SIZE_UPLOAD_T, CURLINFO_SIZE_DOWNLOAD_T };
    uint64_t movement = 0;
    long header_bytes = 0;
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        curl_off_t value = 0;
        http.curl.easy_getinfo(http.easy, counters[i], &value);
        movement += (uint64_t)value;
    }
    http.curl.easy_getinfo(http.easy, CURLINFO_HEADER_SIZE, &header_bytes);
    movement += (uint64_t)header_bytes;
    if (movement != http.movement)
        http.host->progress();
    http.movement = movement;
}

static void finish(CURLcode code)
{
    http.curl.easy_getinfo(http.easy, CURLINFO_RESPONSE_CODE, &http.result.status);
    http.curl.multi_remove_handle(http.multi, http.easy);
    http.busy = false;
    if (code == CURLE_OK || http.result.outcome == HTTP_TOO_LARGE)
        return;
    http.result.outcome = HTTP_FAILED;
    http.result.error = http.error[0] ? http.error : http.curl.easy_strerror(code);
}

bool http_step(struct http_result *result)
{
    int running = 0, left = 0;
    http.curl.multi_perform(http.multi, &running);
    report_progress();
    const CURLMsg *message = http.curl.multi_info_read(http.multi, &left);
    if (!message || message->msg != CURLMSG_DONE)
        return false;
    finish(message->data.result);
    *result = http.result;
    return true;
}

void http_cancel(void)
{
    if (http.busy)
        http.curl.multi_remove_handle(http.multi, http.easy);
    http.busy = false;
}

uint64_t http_due_at(uint64_t now_mono_ns)
{
    long timeout_ms = -1;
    http.curl.multi_timeout(http.multi, &timeout_ms);
    return timeout_ms < 0 ? UINT64_MAX : now_mono_ns + (uint64_t)timeout_ms * NS_PER_MS;
}

void http_wait(struct curl_waitfd *extra, unsigned nr_extra, int timeout_ms)
{
    http.curl.multi_poll(http.multi, extra, nr_extra, timeout_ms, NULL);
}
