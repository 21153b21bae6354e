/*
 * An endpoint as options of libcurl: URL, proxy, headers, TLS.
 *
 * Environment variables for proxies and AWS credentials are read once, here, and
 * handed over as options: libcurl would call getenv for each request, while the
 * program may be changing its environment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "aws.h"
#include "http.h"

#define PROXY_DEFAULT_PORT 1080u /* libcurl's */

/* ---- headers ---- */

bool endpoint_may_send(const struct endpoint *endpoint, const struct config_pair *header,
                       const struct exporter_host *host)
{
    bool good = *header->key && !endpoint->is_reserved(header->key);
    for (const char *at = header->key; *at; at++)
        good &= *at > ' ' && *at != ':' && *at != 0x7F;
    for (const char *at = header->value; *at; at++)
        good &= *at != '\r' && *at != '\n';
    if (!good)
        host->log(LOG_WARN, "header %.64s of OTEL_EXPORTER_OTLP_HEADERS is not sent", header->key);
    return good;
}

/* Adds "name: value"; the list is shorter when there is no memory. */
static struct curl_slist *add_line(const struct http *http, struct curl_slist *list,
                                   const char *name, const char *value)
{
    char *line;
    /* "Name;" is how libcurl is told of a header without a value. */
    int len = *value ? asprintf(&line, "%s: %s", name, value) : asprintf(&line, "%s;", name);
    if (len < 0)
        return list;
    struct curl_slist *longer = http->curl->slist_append(list, line);
    free(line);
    return longer ? longer : list;
}

/* No "100 Continue" round trip before a large body. libcurl (7.88) would sign the line that
 * says so, as a header that is not sent: there it waits a millisecond at most instead. */
static struct curl_slist *without_expect(const struct http *http, struct curl_slist *list)
{
    if (http->endpoint->aws_sigv4) {
        http->curl->easy_setopt(http->easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
        return list;
    }
    struct curl_slist *longer = http->curl->slist_append(list, "Expect:");
    return longer ? longer : list;
}

static void set_headers(const struct http *http)
{
    const struct endpoint *endpoint = http->endpoint;
    const char *token = endpoint->aws_sigv4 ? aws_session_token() : "";
    http->curl->easy_setopt(http->easy, CURLOPT_USERAGENT, endpoint->agent);
    struct curl_slist *list = NULL;
    for (unsigned i = 0; i < endpoint->nr_own; i++)
        list = add_line(http, list, endpoint->own[i].key, endpoint->own[i].value);
    if (*token)
        list = add_line(http, list, AWS_TOKEN_HEADER, token);
    list = without_expect(http, list);
    for (unsigned i = 0; i < endpoint->nr_headers; i++)
        if (endpoint_may_send(endpoint, &endpoint->headers[i], http->host))
            list = add_line(http, list, endpoint->headers[i].key, endpoint->headers[i].value);
    http->curl->easy_setopt(http->easy, CURLOPT_HTTPHEADER, list);
}

/* ---- URL and proxy ---- */

/* Host and port of a URL as libcurl sees them. */
static bool split_url(const struct curl_api *curl, const char *text, unsigned flags,
                      unsigned default_port, char **host, unsigned *port)
{
    char *number = NULL;
    CURLU *url = curl->url();
    *host = NULL;
    bool ok = url && curl->url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK &&
              curl->url_get(url, CURLUPART_HOST, host, 0) == CURLUE_OK;
    *port = default_port;
    if (ok && curl->url_get(url, CURLUPART_PORT, &number, default_port ? 0 : CURLU_DEFAULT_PORT) ==
                  CURLUE_OK)
        *port = (unsigned)strtoul(number, NULL, 10);
    if (number)
        curl->free(number);
    if (url)
        curl->url_cleanup(url);
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
static bool set_proxy(struct http *http, bool https)
{
    static const char *const exempt[] = { "no_proxy", "NO_PROXY", NULL };
    const char *proxy = first_set(https ? https_proxies : http_proxies);
    char *host;
    unsigned port;
    http->curl->easy_setopt(http->easy, CURLOPT_PROXY, proxy);
    http->curl->easy_setopt(http->easy, CURLOPT_NOPROXY, first_set(exempt));
    if (!*proxy || !split_url(http->curl, proxy, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME,
                              PROXY_DEFAULT_PORT, &host, &port))
        return false;
    names_add(&http->names, host, port, false);
    http->curl->free(host);
    return true;
}

static bool set_url(struct http *http)
{
    char *host;
    unsigned port;
    const struct endpoint *endpoint = http->endpoint;
    if (!split_url(http->curl, endpoint->url, 0, 0, &host, &port)) {
        /* Without its text: a password may stand in it. */
        http->host->log(LOG_ERROR, "the endpoint is no URL: spans are not exported");
        return false;
    }
    if (endpoint->unix_path) {
        http->curl->easy_setopt(http->easy, CURLOPT_UNIX_SOCKET_PATH, endpoint->unix_path);
        http->curl->easy_setopt(http->easy, CURLOPT_PROXY, "");
    } else {
        bool proxy = set_proxy(http, strncasecmp(endpoint->url, "https:", 6) == 0);
        names_add(&http->names, host, port, proxy);
    }
    http->curl->free(host);
    http->curl->easy_setopt(http->easy, CURLOPT_URL, endpoint->url);
    return true;
}

/* ---- TLS, signatures, version ---- */

static void set_tls(const struct http *http)
{
    const struct endpoint *endpoint = http->endpoint;
    if (endpoint->certificate)
        http->curl->easy_setopt(http->easy, CURLOPT_CAINFO, endpoint->certificate);
    if (endpoint->client_certificate)
        http->curl->easy_setopt(http->easy, CURLOPT_SSLCERT, endpoint->client_certificate);
    if (endpoint->client_key)
        http->curl->easy_setopt(http->easy, CURLOPT_SSLKEY, endpoint->client_key);
}

/* False after logging why requests cannot be signed: an unsigned one would be refused anyhow. */
static bool set_signature(const struct http *http)
{
    const char *scope = http->endpoint->aws_sigv4;
    const char *fault = scope != NULL ? aws_sign(http->curl, http->easy, scope) : NULL;
    if (fault != NULL)
        http->host->log(LOG_ERROR, "%s: spans are not exported", fault);
    return fault == NULL;
}

bool http_setup(struct http *http)
{
    const struct endpoint *endpoint = http->endpoint;
    long version = endpoint->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
    if (!set_url(http) || !set_signature(http))
        return false;
    set_tls(http);
    http->curl->easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
    http->curl->easy_setopt(http->easy, CURLOPT_HTTP_VERSION, version);
    if (endpoint->connect_only) {
        http->curl->easy_setopt(http->easy, CURLOPT_CONNECT_ONLY, 1L);
        http->curl->easy_setopt(http->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    } else {
        set_headers(http);
        http->curl->easy_setopt(http->easy, CURLOPT_POST, 1L);
    }
    return true;
}
