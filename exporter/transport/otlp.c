/* OTEL_TRACES_EXPORTER=otlp: spans to a collector, in OTLP's forms. */
#include <stdio.h>

#include "delivery.h"
#include "grpc.h"
#include "http_post.h"

/* Background thread; a forked child starts over with open. */
static struct {
    char agent[HTTP_AGENT_MAX];
    struct http_post post;
    struct grpc grpc;
    struct delivery delivery;
} otlp;

static struct endpoint endpoint_of(const struct config *c)
{
    return (struct endpoint){
        .url = c->otlp.traces_url,
        .unix_path = c->otlp.unix_path,
        .agent = otlp.agent,
        .headers = c->otlp.headers,
        .nr_headers = c->otlp.nr_headers,
        .certificate = c->otlp.certificate,
        .client_key = c->otlp.client_key,
        .client_certificate = c->otlp.client_certificate,
        .aws_sigv4 = c->otlp.aws_sigv4,
    };
}

static struct transport http_transport(const struct config *c, const struct exporter_host *host)
{
    bool json = c->otlp.protocol == OTLP_HTTP_JSON;
    otlp.post.host = host;
    otlp.post.compress = c->otlp.compression == OTLP_COMPRESSION_GZIP;
    otlp.post.endpoint = endpoint_of(c);
    endpoint_own(&otlp.post.endpoint, "Content-Type",
                 json ? "application/json" : "application/x-protobuf");
    otlp.post.endpoint.is_reserved = http_header_is_ours;
    return http_post_transport(&otlp.post);
}

static struct transport rpc_transport(const struct config *c, const struct exporter_host *host)
{
    otlp.grpc.host = host;
    otlp.grpc.compress = c->otlp.compression == OTLP_COMPRESSION_GZIP;
    otlp.grpc.timeout_ms = c->otlp.timeout_ms;
    otlp.grpc.endpoint = endpoint_of(c);
    otlp.grpc.endpoint.aws_sigv4 = NULL;
    if (c->otlp.aws_sigv4)
        host->log(LOG_WARN, "OTEL_SHIM_OTLP_AWS_SIGV4 signs OTLP/HTTP only: gRPC goes unsigned");
    return grpc_transport(&otlp.grpc);
}

static void otlp_open(const struct config *c, const struct exporter_host *host,
                      const struct resource *resource)
{
    if (!c->otlp.url_valid) { /* reported at start */
        sink_account("otlp");
        return;
    }
    http_agent(otlp.agent, host);
    struct delivery_plan plan = {
        .name = "otlp",
        .receiver = "the collector",
        .format = c->otlp.protocol == OTLP_HTTP_JSON ? &otlp_json : &otlp_protobuf,
        .transport =
            c->otlp.protocol == OTLP_GRPC ? rpc_transport(c, host) : http_transport(c, host),
        .answers = true,
        .attempt_timeout_ms = c->otlp.timeout_ms,
    };
    delivery_open(&otlp.delivery, &plan, c, host, resource);
}

const struct sink_kind otlp_sink = { EXPORTER_OTLP, otlp_open };
