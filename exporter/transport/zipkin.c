/* OTEL_TRACES_EXPORTER=zipkin: spans to a Zipkin server, or what speaks as one. */
#include "delivery.h"
#include "http_post.h"

/* Background thread; a forked child starts over with open. */
static struct {
    char agent[HTTP_AGENT_MAX];
    struct http_post post;
    struct delivery delivery;
} zipkin;

static void zipkin_sink_open(const struct config *c, const struct exporter_host *host,
                             const struct resource *resource)
{
    if (!c->zipkin.url) { /* reported at start */
        sink_account("zipkin");
        return;
    }
    http_agent(zipkin.agent, host);
    zipkin.post.host = host;
    zipkin.post.compress = false;
    zipkin.post.endpoint = (struct endpoint){
        .url = c->zipkin.url,
        .agent = zipkin.agent,
        .is_reserved = http_header_is_ours,
    };
    endpoint_own(&zipkin.post.endpoint, "Content-Type", "application/json");
    struct delivery_plan plan = {
        .name = "zipkin",
        .receiver = "Zipkin",
        .format = &zipkin_json,
        .transport = http_post_transport(&zipkin.post),
        .attempt_timeout_ms = c->zipkin.timeout_ms,
    };
    delivery_open(&zipkin.delivery, &plan, c, host, resource);
}

const struct sink_kind zipkin_sink = { EXPORTER_ZIPKIN, zipkin_sink_open };
