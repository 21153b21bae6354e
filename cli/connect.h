/* Parts of `otelshim check --connect`. */
#ifndef OTELSHIM_CLI_CONNECT_H
#define OTELSHIM_CLI_CONNECT_H

#include "check.h"
#include "transport/curl.h"

enum probe_kind { PROBE_OTLP_PROTOBUF, PROBE_OTLP_JSON, PROBE_GRPC, PROBE_ZIPKIN };

/* One place that spans are sent to. */
struct probe {
    enum probe_kind kind;
    const struct config *config;
    const struct curl_api *curl;
    const char *url, *unix_path; /* unix_path: of a socket instead of the URL's host, or NULL */
    char host[256];
    unsigned port;
    bool https;
    const char *proxy; /* the variable that names one, or NULL */
    unsigned timeout_ms;
    const char *aws_sigv4; /* "region:service" that requests are signed for, or NULL */
};

/* connect_request.c: an empty request by libcurl, as the exporter would send spans. False: they
 * would not be taken; told in rows, with advice. */
bool connect_request(const struct probe *probe);

/* connect_proxy.c: the variable that names a proxy for this URL, or NULL. */
const char *connect_proxy_variable(const struct probe *probe);
/* What to do when the proxy is not reached (status 0), or refuses with an HTTP status. */
void connect_proxy_advise(const struct probe *probe, long status);

/* connect_words.c: what an answer means. NULL: it is fine. */
const char *connect_http_advice(const struct probe *probe, long status);
const char *connect_grpc_advice(int status);
const char *connect_grpc_name(int status);

#endif
