/* What a collector's answers mean to whoever configures. */
#include "connect.h"

/* GRPC(number, name, advice) */
/* clang-format off */
#define GRPC_STATUSES(GRPC) \
    GRPC(0, "OK", NULL) \
    GRPC(1, "CANCELLED", "The collector gave the request up: see its log.") \
    GRPC(2, "UNKNOWN", "See the collector's log.") \
    GRPC(3, "INVALID_ARGUMENT", "See the collector's log.") \
    GRPC(4, "DEADLINE_EXCEEDED", "The collector is too slow, or what is behind it: see its log.") \
    GRPC(5, "NOT_FOUND", "Is that the collector's OTLP port (4317)?") \
    GRPC(6, "ALREADY_EXISTS", "See the collector's log.") \
    GRPC(7, "PERMISSION_DENIED", "The credentials are known, but may not send traces.") \
    GRPC(8, "RESOURCE_EXHAUSTED", "The collector has too much to do: otelshim tries again later.") \
    GRPC(9, "FAILED_PRECONDITION", "See the collector's log.") \
    GRPC(10, "ABORTED", "The collector gave the request up: see its log.") \
    GRPC(11, "OUT_OF_RANGE", "See the collector's log.") \
    GRPC(12, "UNIMPLEMENTED", "No trace service is there: enable the OTLP receiver in the traces " \
        "pipeline, or check host and port.") \
    GRPC(13, "INTERNAL", "See the collector's log.") \
    GRPC(14, "UNAVAILABLE", "The collector, or what is behind it, is not ready: see its log.") \
    GRPC(15, "DATA_LOSS", "See the collector's log.") \
    GRPC(16, "UNAUTHENTICATED", "Set OTEL_EXPORTER_OTLP_HEADERS=authorization=... to valid " \
        "credentials.")
/* clang-format on */

static const struct {
    int status;
    const char *name, *advice;
} grpc[] = {
#define GRPC(status, name, advice) { status, name, advice },
    GRPC_STATUSES(GRPC)
#undef GRPC
};

const char *connect_grpc_name(int status)
{
    for (size_t i = 0; i < sizeof grpc / sizeof grpc[0]; i++)
        if (grpc[i].status == status)
            return grpc[i].name;
    return "unknown status";
}

const char *connect_grpc_advice(int status)
{
    for (size_t i = 0; i < sizeof grpc / sizeof grpc[0]; i++)
        if (grpc[i].status == status)
            return grpc[i].advice;
    return "See the collector's log.";
}

static const char *path_advice(const struct probe *p)
{
    if (p->kind == PROBE_ZIPKIN)
        return "OTEL_EXPORTER_ZIPKIN_ENDPOINT is used as it is: a Zipkin server has /api/v2/spans.";
    return "Nothing takes traces at this path. OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces appended, "
           "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it is; or it is no collector's port.";
}

const char *connect_http_advice(const struct probe *p, long status)
{
    switch (status) {
    case 400:
        return p->https && p->config->otlp.client_certificate == NULL
                   ? "The collector refuses even an empty request. If it wants a client's "
                     "certificate, set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY."
                   : "The collector refuses even an empty request: is it one for traces?";
    case 401:
        return p->kind == PROBE_ZIPKIN
                   ? "OTEL_EXPORTER_ZIPKIN_ENDPOINT may hold credentials: http://USER:PASSWORD@HOST."
                   : "Set OTEL_EXPORTER_OTLP_HEADERS=authorization=... to valid credentials.";
    case 403:
        return p->aws_sigv4 != NULL
                   ? "AWS does not take the signature: are REGION:SERVICE, the credentials and "
                     "this machine's clock right, and may these credentials send traces?"
                   : "The credentials are known, but may not send traces.";
    case 404:
    case 405: return path_advice(p);
    case 413: return "The collector refuses large requests: lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE.";
    case 415: return "It does not take this encoding: choose another OTEL_EXPORTER_OTLP_PROTOCOL.";
    case 429:
    case 503:
        return "The collector has too much to do, or is not ready: otelshim tries again later.";
    case 502:
    case 504: return "A proxy answers, but the collector behind it does not.";
    }
    if (status >= 200 && status < 300)
        return NULL;
    if (status >= 300 && status < 400)
        return "Redirects are not followed: set the endpoint to where it leads.";
    return "See the collector's log.";
}
