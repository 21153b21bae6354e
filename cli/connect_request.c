/*
 * One empty request to the collector by libcurl, with the exporter's own URL, headers and
 * certificates. Valid, and without spans: a collector takes it and keeps nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connect.h"
#include "transport/aws.h"

#define DEFAULT_TIMEOUT_MS 10000L

static const struct probe_form {
    const char *content_type, *body;
    long body_bytes;
} forms[] = {
    [PROBE_OTLP_PROTOBUF] = { "Content-Type: application/x-protobuf", "", 0 },
    [PROBE_OTLP_JSON] = { "Content-Type: application/json", "{}", 2 },
    [PROBE_GRPC] = { "Content-Type: application/grpc", "\0\0\0\0", 5 }, /* a message of 0 bytes */
    [PROBE_ZIPKIN] = { "Content-Type: application/json", "[]", 2 },
};

/* What came back. */
struct answer {
    CURLcode code;
    char error[CURL_ERROR_SIZE];
    char tls[128]; /* "TLSv1.3 / TLS_AES_256_GCM_SHA384" */
    char location[512], grpc_message[256];
    int grpc_status; /* -1: none came */
    long status, version;
    long proxy_status; /* of CONNECT, 0: there was none */
    double total_ms;
    const char *unsigned_because; /* it should be signed, and cannot be; or NULL */
};

/* ---- callbacks of libcurl ---- */

static size_t drop_body(char *data, size_t size, size_t count, void *unused)
{
    (void)data, (void)unused;
    return size * count;
}

static void keep_value(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);
    if (len <= name_len || strncasecmp(line, name, name_len) != 0)
        return;
    const char *value = line + name_len;
    size_t left = len - name_len, blanks = 0;
    while (blanks < left && value[blanks] == ' ')
        blanks++;
    size_t value_len = left - blanks;
    while (value_len > 0 &&
           (value[blanks + value_len - 1] == '\r' || value[blanks + value_len - 1] == '\n'))
        value_len--;
    snprintf(out, size, "%.*s", (int)value_len, value + blanks);
}

/* Trailers come here, too. */
static size_t keep_header(char *line, size_t size, size_t count, void *to)
{
    struct answer *a = to;
    char status[16] = "";
    keep_value(line, size * count, "location:", a->location, sizeof a->location);
    keep_value(line, size * count, "grpc-message:", a->grpc_message, sizeof a->grpc_message);
    keep_value(line, size * count, "grpc-status:", status, sizeof status);
    if (*status != '\0')
        a->grpc_status = atoi(status);
    return size * count;
}

static int keep_debug(CURL *easy, curl_infotype type, char *text, size_t len, void *to)
{
    static const char using[] = "SSL connection using ";
    struct answer *a = to;
    (void)easy;
    if (type == CURLINFO_TEXT)
        keep_value(text, len, using, a->tls, sizeof a->tls);
    return 0;
}

/* ---- the request ---- */

static struct curl_slist *append_line(const struct curl_api *curl, struct curl_slist *list,
                                      const char *name, const char *value)
{
    char *line;
    if (asprintf(&line, "%s: %s", name, value) < 0)
        return list;
    list = curl->slist_append(list, line);
    free(line);
    return list;
}

static struct curl_slist *make_headers(const struct probe *p)
{
    const struct config *c = p->config;
    const struct curl_api *curl = p->curl;
    struct curl_slist *list = curl->slist_append(NULL, forms[p->kind].content_type);
    if (p->aws_sigv4 == NULL) /* else it is signed as a header that is not sent (http_setup.c) */
        list = curl->slist_append(list, "Expect:");
    else if (*aws_session_token() != '\0')
        list = append_line(curl, list, AWS_TOKEN_HEADER, aws_session_token());
    if (p->kind == PROBE_GRPC)
        list = curl->slist_append(list, "TE: trailers");
    for (unsigned i = 0; i < c->otlp.nr_headers && p->kind != PROBE_ZIPKIN; i++)
        list = append_line(curl, list, c->otlp.headers[i].key, c->otlp.headers[i].value);
    return list;
}

static void set_tls(const struct probe *p, CURL *easy)
{
    const struct config *c = p->config;
    if (p->kind == PROBE_ZIPKIN)
        return;
    if (c->otlp.certificate != NULL)
        p->curl->easy_setopt(easy, CURLOPT_CAINFO, c->otlp.certificate);
    if (c->otlp.client_certificate != NULL)
        p->curl->easy_setopt(easy, CURLOPT_SSLCERT, c->otlp.client_certificate);
    if (c->otlp.client_key != NULL)
        p->curl->easy_setopt(easy, CURLOPT_SSLKEY, c->otlp.client_key);
}

static void set_up(const struct probe *p, CURL *easy, struct answer *a)
{
    const struct curl_api *curl = p->curl;
    curl->easy_setopt(easy, CURLOPT_URL, p->url);
    if (p->unix_path != NULL)
        curl->easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, p->unix_path);
    if (p->proxy == NULL)
        curl->easy_setopt(easy, CURLOPT_PROXY, "");
    else if (p->kind == PROBE_GRPC)
        curl->easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl->easy_setopt(easy, CURLOPT_POSTFIELDS, forms[p->kind].body);
    curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE, forms[p->kind].body_bytes);
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, make_headers(p));
    curl->easy_setopt(easy, CURLOPT_USERAGENT,
                      "OTel-OTLP-Exporter-otelshim/" OTELSHIM_VERSION " (check)");
    curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                      p->timeout_ms > 0 ? (long)p->timeout_ms : DEFAULT_TIMEOUT_MS);
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (p->kind == PROBE_GRPC)
        curl->easy_setopt(easy, CURLOPT_HTTP_VERSION,
                          p->https ? (long)CURL_HTTP_VERSION_2TLS
                                   : (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    set_tls(p, easy);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_body);
    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, keep_header);
    curl->easy_setopt(easy, CURLOPT_HEADERDATA, a);
    curl->easy_setopt(easy, CURLOPT_DEBUGFUNCTION, keep_debug);
    curl->easy_setopt(easy, CURLOPT_DEBUGDATA, a);
    curl->easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, a->error);
}

/* To its end: libcurl's own time limit ends it at the latest. */
static void perform(const struct curl_api *curl, CURL *easy, struct answer *a)
{
    CURLM *multi = curl->multi_init();
    int running = 1, queued, fds;
    if (multi == NULL || curl->multi_add_handle(multi, easy) != CURLM_OK)
        return;
    while (running > 0 && curl->multi_perform(multi, &running) == CURLM_OK)
        if (running > 0)
            curl->multi_poll(multi, NULL, 0, 1000, &fds);
    const CURLMsg *message = curl->multi_info_read(multi, &queued);
    if (message != NULL && message->msg == CURLMSG_DONE)
        a->code = message->data.result;
}

static void send_request(const struct probe *p, struct answer *a)
{
    curl_off_t total = 0;
    CURL *easy = p->curl->easy_init();
    *a = (struct answer){ .code = CURLE_FAILED_INIT, .grpc_status = -1 };
    if (easy == NULL)
        return;
    set_up(p, easy, a);
    if (p->aws_sigv4 != NULL)
        a->unsigned_because = aws_sign(p->curl, easy, p->aws_sigv4);
    if (a->unsigned_because != NULL)
        return;
    perform(p->curl, easy, a);
    p->curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &a->status);
    p->curl->easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &a->proxy_status);
    p->curl->easy_getinfo(easy, CURLINFO_HTTP_VERSION, &a->version);
    p->curl->easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &total);
    a->total_ms = (double)total / 1e3;
    if (a->error[0] == '\0')
        snprintf(a->error, sizeof a->error, "%s", p->curl->easy_strerror(a->code));
}

/* ---- in words ---- */

/* A server tells of what it does not like by an alert: under TLS 1.3 only after the
 * handshake, when libcurl reads the answer. */
static bool is_tls_failure(const struct answer *a)
{
    CURLcode code = a->code;
    return strstr(a->error, " alert ") != NULL || code == CURLE_PEER_FAILED_VERIFICATION ||
           code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CERTPROBLEM ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CIPHER ||
           code == CURLE_SSL_ISSUER_ERROR;
}

static void advise_client_certificate(const struct probe *p)
{
    if (p->config->otlp.client_certificate == NULL)
        report_advise("The collector wants a client's certificate: set "
                      "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY.");
    else
        report_advise("The collector does not take the certificate in "
                      "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: is it of an authority that the "
                      "collector trusts, for clients, and still valid?");
}

/* Why a certificate is not trusted: Zipkin's exporter has no file of authorities of its own. */
static void advise_authority(const struct probe *p)
{
    if (p->kind == PROBE_ZIPKIN)
        report_advise("Add the authority that has signed Zipkin's certificate to those of this "
                      "machine (`update-ca-certificates`).");
    else
        report_advise("Set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file of the authority that "
                      "has signed the collector's certificate.");
}

static void advise_tls(const struct probe *p, const struct answer *a)
{
    if (strstr(a->error, " alert ") != NULL && strstr(a->error, "certificate") != NULL)
        advise_client_certificate(p);
    else if (strstr(a->error, "alert unknown ca") != NULL ||
             (strstr(a->error, "alert decrypt error") != NULL &&
              p->config->otlp.client_certificate != NULL))
        advise_client_certificate(p); /* or an authority of the right name with another key */
    else if (a->code == CURLE_PEER_FAILED_VERIFICATION && strstr(a->error, "expired") != NULL)
        report_advise(
            "The collector's certificate has expired: renew it (or this machine's clock is "
            "wrong).");
    else if (a->code == CURLE_PEER_FAILED_VERIFICATION && strstr(a->error, "name") != NULL)
        report_advise("The certificate is for another name than %s: use a name that stands in it.",
                      p->host);
    else if (a->code == CURLE_PEER_FAILED_VERIFICATION)
        advise_authority(p);
    else if (a->code == CURLE_SSL_CONNECT_ERROR)
        report_advise(
            "Does the collector speak TLS on port %u? If not, the endpoint begins with http://. "
            "If it wants a client's certificate, set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and "
            "_CLIENT_KEY.",
            p->port);
    else
        report_advise(
            "Check the PEM files of OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and "
            "_CLIENT_KEY.");
}

static void advise_unanswered(const struct probe *p, const struct answer *a)
{
    if (a->code == CURLE_OPERATION_TIMEDOUT)
        report_advise(
            "It takes connections, but does not answer: is the collector stuck, or is the "
            "port that of another protocol?");
    else if (p->https && *a->tls != '\0')
        /* What a server says of certificates is lost where it resets the connection behind it. */
        report_advise("It ends the connection after the handshake: %s",
                      p->config->otlp.client_certificate == NULL
                          ? "if it wants a client's certificate, set "
                            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY."
                          : "perhaps it does not take the certificate in "
                            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE.");
    else
        report_advise(
            "It speaks something else than %s: OTLP over HTTP usually has port 4318, gRPC "
            "4317; OTEL_EXPORTER_OTLP_PROTOCOL says which is spoken; a port with TLS needs "
            "https://.",
            p->kind == PROBE_GRPC ? "gRPC" : "HTTP");
}

static bool tell_proxy(const struct probe *p, const struct answer *a)
{
    if (a->proxy_status >= 300)
        report_row("proxy", "FAILED  it answers CONNECT %s:%u with status %ld", p->host, p->port,
                   a->proxy_status);
    else
        report_row("proxy", "FAILED  %s", a->error);
    connect_proxy_advise(p, a->proxy_status);
    return false;
}

static bool tell_failure(const struct probe *p, const struct answer *a)
{
    bool tls = p->https && is_tls_failure(a);
    if (p->proxy != NULL && (a->code == CURLE_COULDNT_CONNECT || a->proxy_status >= 300 ||
                             a->code == CURLE_COULDNT_RESOLVE_PROXY))
        return tell_proxy(p, a);
    if (p->https && !tls && *a->tls != '\0')
        report_row("TLS", "ok      %s", a->tls);
    report_row(tls ? "TLS" : p->kind == PROBE_GRPC ? "gRPC" : "HTTP", "FAILED  %s", a->error);
    if (tls)
        advise_tls(p, a);
    else
        advise_unanswered(p, a);
    return false;
}

static const char *version_text(long version)
{
    return version == CURL_HTTP_VERSION_2_0   ? "HTTP/2"
           : version == CURL_HTTP_VERSION_1_1 ? "HTTP/1.1"
           : version == CURL_HTTP_VERSION_1_0 ? "HTTP/1.0"
                                              : "HTTP";
}

static bool tell_grpc(const struct answer *a)
{
    if (a->grpc_status < 0) {
        report_row("gRPC", "FAILED  the answer has no grpc-status: it is not gRPC that answers");
        report_advise("Is that the collector's gRPC port (4317)? OTLP over HTTP is "
                      "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.");
        return false;
    }
    const char *advice = connect_grpc_advice(a->grpc_status);
    report_row("gRPC", "%s  status %d, %s%s%s", advice == NULL ? "ok    " : "FAILED",
               a->grpc_status, connect_grpc_name(a->grpc_status),
               *a->grpc_message != '\0' ? ": " : "", a->grpc_message);
    if (advice != NULL)
        report_advise("%s", advice);
    return advice == NULL;
}

/* False: nothing was sent, as the exporter would send nothing. */
static bool tell_signature(const struct probe *p, const struct answer *a)
{
    if (p->kind == PROBE_GRPC && p->config->otlp.aws_sigv4 != NULL)
        report_row("AWS", "none    OTEL_SHIM_OTLP_AWS_SIGV4 signs OTLP/HTTP only");
    if (a->unsigned_because != NULL) {
        report_row("AWS", "FAILED  %s: nothing is sent", a->unsigned_because);
        report_advise("Requests are to be signed for AWS (OTEL_SHIM_OTLP_AWS_SIGV4=%s): give the "
                      "programs credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
                      p->aws_sigv4);
        return false;
    }
    if (p->aws_sigv4 != NULL)
        report_row("AWS", "signed  for %s%s", p->aws_sigv4,
                   *aws_session_token() != '\0' ? ", with AWS_SESSION_TOKEN" : "");
    return true;
}

bool connect_request(const struct probe *p)
{
    struct answer a;
    send_request(p, &a);
    if (!tell_signature(p, &a))
        return false;
    if (a.code != CURLE_OK)
        return tell_failure(p, &a);
    if (p->https)
        report_row("TLS", "ok      %s, the certificate is trusted",
                   *a.tls != '\0' ? a.tls : "encrypted");
    const char *advice = connect_http_advice(p, a.status);
    report_row("HTTP", "%s  %s, status %ld (%.1f ms)%s%s", advice == NULL ? "ok    " : "FAILED",
               version_text(a.version), a.status, a.total_ms, *a.location != '\0' ? " to " : "",
               a.location);
    if (p->proxy != NULL && !p->https && (a.status == 403 || a.status == 407 || a.status >= 500))
        connect_proxy_advise(p, a.status);
    else if (advice != NULL)
        report_advise("%s", advice);
    if (advice != NULL || p->kind != PROBE_GRPC)
        return advice == NULL;
    return tell_grpc(&a);
}
