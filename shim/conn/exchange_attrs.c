/*
 * Attributes of HTTP spans from what was kept of the request's head; see
 * facts of the conventions in exchange_attrs.h. Written once, at the span's end.
 */
#include "conn/exchange_attrs.h"

#include "config.h"
#include "conn/captured.h"
#include "layout.h"
#include "proto/http_attrs.h"
#include "proto/routes.h"
#include "proto/url.h"
#include "ring.h"
#include "sdk/rules.h"

/* OTEL_SHIM_HTTP_EXCLUDED_URLS and its fallbacks; constructor only. */
PER_REQUEST_ZERO static const struct url_filter *excluded;
PER_REQUEST_ZERO static bool trusts_forwarded; /* constructor only */

/* On the way of each request, see layout.h. */
PER_REQUEST_CONST static const char text_http[] = "http", text_https[] = "https";
PER_REQUEST_CONST static const char text_1_0[] = "1.0", text_1_1[] = "1.1";

AT_START void exchange_attrs_init(void)
{
    excluded = config_url_filter(config, "http");
    trusts_forwarded = http_forwarded_fields() != 0;
}

AT_START uint32_t exchange_attrs_keep(bool server, bool recorded)
{
    uint32_t keep = recorded || excluded != NULL ? HTTP1_FIELD_BIT(HTTP1_HOST) : 0;
    if (server && recorded)
        keep |= HTTP1_FIELD_BIT(HTTP1_USER_AGENT) | http_forwarded_fields();
    return keep;
}

static struct text field(const struct exchange *e, enum http1_field f)
{
    struct http1_text t = e->head->fields[f];
    return (struct text){ http1_store_text(e->head, t), t.len };
}

static bool is_tls(const struct conn *c)
{
    return c->flags & CONN_TLS_ABOVE;
}

static const char *scheme_of(const struct conn *c)
{
    return is_tls(c) ? text_https : text_http;
}

/* The absolute URL, unredacted. Its length. */
static size_t absolute_url(struct conn *c, const struct exchange *e, char *out, size_t cap)
{
    char room[PEER_TEXT];
    struct text host = field(e, HTTP1_HOST);
    bool asks_peer = host.len == 0 && !(e->flags & EXCHANGE_SERVER) && peer_ask(&c->peer, c->fd);
    if (asks_peer && c->peer.family != AF_UNIX) /* a path is no authority */
        host = peer_address(&c->peer, room);
    return http_url_write(e->method, field(e, HTTP1_TARGET), scheme_of(c), host, out, cap);
}

bool exchange_is_excluded(struct conn *c, const struct exchange *e)
{
    if (likely(excluded == NULL))
        return false;
    struct ring *ring = ring_borrow();
    if (ring == NULL)
        return false;
    char *url = ring_scratch(ring);
    bool hit = url_filter_excludes(excluded, url, absolute_url(c, e, url, RECORD_MAX_URL));
    ring_return(ring);
    return hit;
}

/* What a span says of a request comes from here; parts point into the head. */
struct request {
    struct http_target target;
    struct http_forwarded forwarded; /* empty unless it is trusted */
    struct text scheme;
};

static void read_request(const struct conn *c, const struct exchange *e, struct request *r)
{
    r->target = http_target_split(e->method, field(e, HTTP1_TARGET));
    r->forwarded = unlikely(trusts_forwarded) && (e->flags & EXCHANGE_SERVER)
                       ? http_forwarded_read(e->head)
                       : (struct http_forwarded){ .client_port = 0 };
    r->scheme = (struct text){ scheme_of(c), is_tls(c) ? 5 : 4 };
    if (r->forwarded.proto.len > 0)
        r->scheme = r->forwarded.proto;
}

static void know(struct span_known *known, enum rule_attribute attribute, struct text text)
{
    if (text.len > 0)
        span_known_set(known, attribute, text.at, text.len);
}

/* The status is not known yet: `auto` learns nothing from it. */
void exchange_decide(struct conn *c, struct exchange *e)
{
    struct span_known known = { 0 };
    struct request r;
    uint16_t port;
    struct ring *ring = ring_borrow();
    if (ring == NULL)
        return;
    char *route = ring_scratch(ring), *url = route + ROUTES_MAX_BYTES;
    read_request(c, e, &r);
    struct text authority = r.forwarded.host.len > 0     ? r.forwarded.host
                            : r.target.authority.len > 0 ? r.target.authority
                                                         : field(e, HTTP1_HOST);
    size_t route_len = e->flags & EXCHANGE_SERVER ? http_route_find(r.target.path, 0, route) : 0;
    know(&known, RULE_METHOD, field(e, HTTP1_METHOD));
    know(&known, RULE_URL, (struct text){ url, absolute_url(c, e, url, RECORD_MAX_URL) });
    know(&known, RULE_HOST, http_authority_split(authority, &port));
    know(&known, RULE_PATH, r.target.path);
    know(&known, RULE_ROUTE, (struct text){ route, route_len });
    span_decide(&e->span, conn_http, &known);
    ring_return(ring);
}

static void write_server_address(struct conn *c, const struct exchange *e, const struct request *r,
                                 struct span_writer *w)
{
    bool is_server = e->flags & EXCHANGE_SERVER;
    bool is_unix = peer_ask(&c->peer, c->fd) && c->peer.family == AF_UNIX;
    uint16_t port;
    char room[PEER_TEXT];
    struct text authority = r->forwarded.host.len > 0     ? r->forwarded.host
                            : r->target.authority.len > 0 ? r->target.authority
                                                          : field(e, HTTP1_HOST);
    struct text host = http_authority_split(authority, &port);
    if (host.len == 0 && !is_server) { /* what it has connected to */
        host = peer_address(&c->peer, room);
        port = peer_port(&c->peer);
    }
    if (host.len == 0)
        return;
    struct text other = is_server ? r->forwarded.proto : r->target.scheme;
    if (port == 0 && !is_unix)
        port = other.len > 0 ? url_default_port(other.at, other.len) : is_tls(c) ? 443 : 80;
    span_string(w, ATTR_SERVER_ADDRESS, host.at, host.len, RECORD_MAX_VALUE);
    if (port != 0)
        span_int(w, ATTR_SERVER_PORT, port);
}

static void write_peer(struct conn *c, const struct exchange *e, const struct request *r,
                       struct span_writer *w)
{
    char room[PEER_TEXT];
    struct text client = r->forwarded.client;
    struct text address = peer_address(&c->peer, room);
    if (address.len > 0)
        span_string(w, ATTR_NETWORK_PEER_ADDRESS, address.at, address.len, RECORD_MAX_VALUE);
    if (peer_port(&c->peer) != 0)
        span_int(w, ATTR_NETWORK_PEER_PORT, peer_port(&c->peer));
    if (c->peer.family == AF_UNIX)
        span_string(w, ATTR_NETWORK_TRANSPORT, "unix", 4, 4);
    if (!(e->flags & EXCHANGE_SERVER))
        return;
    if (client.len == 0)
        client = c->peer.flags & PEER_PROXIED ? peer_client(&c->peer, room) : address;
    if (client.len > 0)
        span_string(w, ATTR_CLIENT_ADDRESS, client.at, client.len, RECORD_MAX_VALUE);
}

/* The name is the method, and the route where there is one. */
static void write_method(const struct exchange *e, const struct request *r, struct span_writer *w)
{
    struct text m = field(e, HTTP1_METHOD), name = m;
    bool known = http_method_names_span(e->method, m);
    if (!known)
        name = (struct text){ "HTTP", 4 };
    char *both = ring_scratch(w->ring), *route = both + name.len + 1;
    unsigned status = e->flags & EXCHANGE_ANSWERED ? e->status : 0;
    size_t len = e->flags & EXCHANGE_SERVER ? http_route_find(r->target.path, status, route) : 0;
    if (len > 0) {
        memcpy(both, name.at, name.len);
        both[name.len] = ' ';
        span_name(w, both, name.len + 1 + len);
        span_string(w, ATTR_HTTP_ROUTE, route, len, ROUTES_MAX_BYTES);
    } else {
        span_name(w, name.at, name.len);
    }
    span_string(w, ATTR_HTTP_REQUEST_METHOD, known ? m.at : "_OTHER", known ? m.len : 6, 32);
    if (!known)
        span_string(w, ATTR_HTTP_REQUEST_METHOD_ORIGINAL, m.at, m.len, HTTP1_MAX_METHOD);
}

static void write_server_url(const struct exchange *e, const struct request *r,
                             struct span_writer *w)
{
    struct text path = r->target.path, query = r->target.query, agent = field(e, HTTP1_USER_AGENT);
    span_string(w, ATTR_URL_SCHEME, r->scheme.at, r->scheme.len, RECORD_MAX_VALUE);
    span_string(w, ATTR_URL_PATH, path.at, path.len, RECORD_MAX_URL);
    if (query.len > 0) {
        char *clean = ring_scratch(w->ring);
        size_t len = url_redact_query(query.at, query.len, clean, RECORD_MAX_URL);
        span_string(w, ATTR_URL_QUERY, clean, len, RECORD_MAX_URL);
    }
    if (agent.len > 0)
        span_string(w, ATTR_USER_AGENT_ORIGINAL, agent.at, agent.len, RECORD_MAX_VALUE);
}

static void write_client_url(struct conn *c, const struct exchange *e, struct span_writer *w)
{
    char *url = ring_scratch(w->ring), *clean = url + RECORD_MAX_URL;
    size_t len = absolute_url(c, e, url, RECORD_MAX_URL);
    struct url parts;
    if (url_parse(url, len, len == RECORD_MAX_URL, &parts) &&
        (parts.has_userinfo || parts.query.len > 0)) {
        len = url_redact(url, len, &parts, clean, RECORD_MAX_URL);
        url = clean;
    }
    span_string(w, ATTR_URL_FULL, url, len, RECORD_MAX_URL);
}

void exchange_attrs_write(struct conn *c, const struct exchange *e, const char *error,
                          struct span_writer *w)
{
    bool is_server = e->flags & EXCHANGE_SERVER;
    struct request r;
    read_request(c, e, &r);
    write_method(e, &r, w);
    if (is_server)
        write_server_url(e, &r, w);
    else
        write_client_url(c, e, w);
    write_server_address(c, e, &r, w);
    write_peer(c, e, &r, w);
    span_string(w, ATTR_NETWORK_PROTOCOL_VERSION, e->request_minor == 0 ? text_1_0 : text_1_1, 3,
                3);
    const char *tls = conn_text(c->tls_version), *next = conn_text(c->tls_next);
    if (tls != NULL)
        span_string(w, ATTR_TLS_PROTOCOL_VERSION, tls, strlen(tls), 8);
    if (next != NULL)
        span_string(w, ATTR_TLS_NEXT_PROTOCOL, next, strlen(next), 16);
    if (e->flags & EXCHANGE_ANSWERED)
        span_int(w, ATTR_HTTP_RESPONSE_STATUS_CODE, e->status);
    if (e->request_body_bytes > 0)
        span_int(w, ATTR_HTTP_REQUEST_BODY_SIZE, (int64_t)e->request_body_bytes);
    if (e->flags & EXCHANGE_ANSWERED)
        span_int(w, ATTR_HTTP_RESPONSE_BODY_SIZE, (int64_t)e->response_body_bytes);
    char code[6];
    if (error == NULL && (e->flags & EXCHANGE_ANSWERED))
        error = http_status_error(e->status, is_server, code);
    if (error != NULL)
        span_error(w, error);
    captured_write(e->head, ATTR_HTTP_REQUEST_HEADER, w);
    captured_write(exchange_answer(e), ATTR_HTTP_RESPONSE_HEADER, w);
}
