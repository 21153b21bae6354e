/*
 * Attributes of HTTP spans from what was kept of the request's head; see
 * facts of the conventions in exchange_attrs.h. Written once, at the span's end.
 */
#include "conn/exchange_attrs.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "config.h"
#include "proto/url.h"
#include "ring.h"

/* OTEL_SHIM_HTTP_EXCLUDED_URLS and its fallbacks; constructor only. */
static const struct url_filter *excluded;

void exchange_attrs_init(void)
{
    excluded = config_url_filter(config, "http");
}

uint32_t exchange_attrs_keep(bool server)
{
    return server ? HTTP1_FIELD_BIT(HTTP1_USER_AGENT) : 0;
}

struct text {
    const char *at;
    size_t len;
};

static struct text field(const struct exchange *e, enum http1_field f)
{
    struct http1_text t = e->head->fields[f];
    return (struct text){ http1_store_text(e->head, t), t.len };
}

static bool is_tls(const struct conn *c)
{
    return c->flags & CONN_TLS_ABOVE;
}

/* Appends to a text of `cap` bytes. */
static size_t add(char *out, size_t at, size_t cap, const char *text, size_t len)
{
    if (len > cap - at)
        len = cap - at;
    memcpy(out + at, text, len);
    return at + len;
}

/* Writes a number's digits; their count. */
static size_t add_number(char *out, unsigned value)
{
    char digits[8];
    size_t n = 0, at = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    while (n > 0)
        out[at++] = digits[--n];
    return at;
}

#define ADDRESS_TEXT INET6_ADDRSTRLEN

/* glibc's goes by way of sprintf: 1,200 instructions. */
static const char *inet_text(const unsigned char *address, char out[static ADDRESS_TEXT])
{
    size_t at = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            out[at++] = '.';
        at += add_number(out + at, address[i]);
    }
    out[at] = 0;
    return out;
}

static const char *address_text(int family, const unsigned char *address,
                                char out[static ADDRESS_TEXT])
{
    if (family == AF_INET)
        return inet_text(address, out);
    if (family != AF_INET6)
        return NULL;
    if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)address))
        return inet_text(address + 12, out);
    return inet_ntop(family, address, out, ADDRESS_TEXT);
}

/* The absolute URL, unredacted: scheme, authority, target. Its length. */
static size_t absolute_url(struct conn *c, const struct exchange *e, char *out, size_t cap)
{
    struct text target = field(e, HTTP1_TARGET), host = field(e, HTTP1_HOST);
    if (target.len > 0 && target.at[0] != '/' && target.at[0] != '*' && e->method != HTTP_CONNECT)
        return add(out, 0, cap, target.at, target.len); /* absolute form */
    const char *scheme = is_tls(c) ? "https://" : "http://";
    size_t at = add(out, 0, cap, scheme, strlen(scheme));
    char text[ADDRESS_TEXT];
    if (e->method == HTTP_CONNECT)
        return add(out, at, cap, target.at, target.len);
    if (host.len == 0 && conn_know_peer(c) && !(e->flags & EXCHANGE_SERVER)) {
        const char *address = address_text(c->family, c->peer, text);
        if (address != NULL)
            host = (struct text){ address, strlen(address) };
    }
    at = add(out, at, cap, host.at, host.len);
    return add(out, at, cap, target.at, target.len);
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

/* Host and port of an authority "host:port", "[::1]:80", "host". */
static void split_authority(struct text authority, struct text *host, unsigned *port)
{
    *host = authority;
    *port = 0;
    size_t end = authority.len;
    while (end > 0 && authority.at[end - 1] >= '0' && authority.at[end - 1] <= '9')
        end--;
    if (end > 0 && authority.at[end - 1] == ':' && authority.len - end <= 5) {
        for (size_t i = end; i < authority.len; i++)
            *port = *port * 10 + (unsigned)(authority.at[i] - '0');
        host->len = end - 1;
    }
    if (host->len >= 2 && host->at[0] == '[' && host->at[host->len - 1] == ']') {
        host->at++;
        host->len -= 2;
    }
}

static struct text authority_of(const struct exchange *e, const char *url, size_t len)
{
    struct text target = field(e, HTTP1_TARGET);
    (void)url;
    (void)len;
    if (e->method == HTTP_CONNECT)
        return target;
    const char *scheme_end =
        target.len > 0 && target.at[0] != '/' ? memmem(target.at, target.len, "://", 3) : NULL;
    if (scheme_end == NULL)
        return field(e, HTTP1_HOST);
    struct text a = { scheme_end + 3, target.len - (size_t)(scheme_end + 3 - target.at) };
    for (size_t i = 0; i < a.len; i++)
        if (a.at[i] == '/' || a.at[i] == '?')
            a.len = i;
    const char *user = memrchr(a.at, '@', a.len);
    if (user != NULL)
        a = (struct text){ user + 1, a.len - (size_t)(user + 1 - a.at) };
    return a;
}

static void write_server_address(struct conn *c, const struct exchange *e, struct span_writer *w)
{
    struct text host;
    unsigned port;
    char text[ADDRESS_TEXT];
    split_authority(authority_of(e, NULL, 0), &host, &port);
    bool is_server = e->flags & EXCHANGE_SERVER;
    if (host.len == 0 && !is_server && conn_know_peer(c)) {
        const char *address = address_text(c->family, c->peer, text);
        if (address != NULL)
            host = (struct text){ address, strlen(address) };
        port = c->peer_port;
    }
    if (host.len == 0)
        return;
    span_string(w, ATTR_SERVER_ADDRESS, host.at, host.len, RECORD_MAX_VALUE);
    span_int(w, ATTR_SERVER_PORT, port != 0 ? (int64_t)port : is_tls(c) ? 443 : 80);
}

static void write_peer(struct conn *c, const struct exchange *e, struct span_writer *w)
{
    char text[ADDRESS_TEXT];
    if (!conn_know_peer(c))
        return;
    const char *address = address_text(c->family, c->peer, text);
    if (address == NULL)
        return;
    if (!(c->flags & CONN_PROXIED)) {
        span_string(w, ATTR_NETWORK_PEER_ADDRESS, address, strlen(address), RECORD_MAX_VALUE);
        span_int(w, ATTR_NETWORK_PEER_PORT, c->peer_port);
    }
    if (e->flags & EXCHANGE_SERVER)
        span_string(w, ATTR_CLIENT_ADDRESS, address, strlen(address), RECORD_MAX_VALUE);
}

static void write_method(const struct exchange *e, struct span_writer *w)
{
    struct text m = field(e, HTTP1_METHOD);
    bool known = e->method != HTTP_OTHER;
    span_name(w, known ? m.at : "HTTP", known ? m.len : 4);
    span_string(w, ATTR_HTTP_REQUEST_METHOD, known ? m.at : "_OTHER", known ? m.len : 6, 32);
    if (!known)
        span_string(w, ATTR_HTTP_REQUEST_METHOD_ORIGINAL, m.at, m.len, HTTP1_MAX_METHOD);
}

static void write_server_url(struct conn *c, const struct exchange *e, struct span_writer *w)
{
    struct text target = field(e, HTTP1_TARGET), agent = field(e, HTTP1_USER_AGENT);
    const char *scheme_end =
        target.len > 0 && target.at[0] != '/' ? memmem(target.at, target.len, "://", 3) : NULL;
    if (scheme_end != NULL) { /* absolute form */
        struct text a = { scheme_end + 3, target.len - (size_t)(scheme_end + 3 - target.at) };
        const char *slash = memchr(a.at, '/', a.len);
        target = slash != NULL ? (struct text){ slash, a.len - (size_t)(slash - a.at) }
                               : (struct text){ "/", 1 };
    }
    const char *mark = memchr(target.at, '?', target.len);
    size_t path = mark != NULL ? (size_t)(mark - target.at) : target.len;
    span_string(w, ATTR_URL_SCHEME, is_tls(c) ? "https" : "http", is_tls(c) ? 5 : 4, 8);
    span_string(w, ATTR_URL_PATH, target.at, path, RECORD_MAX_URL);
    if (mark != NULL && path + 1 < target.len) {
        char *clean = ring_scratch(w->ring);
        size_t len = url_redact_query(mark + 1, target.len - path - 1, clean, RECORD_MAX_URL);
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
    write_method(e, w);
    if (is_server)
        write_server_url(c, e, w);
    else
        write_client_url(c, e, w);
    write_server_address(c, e, w);
    write_peer(c, e, w);
    span_string(w, ATTR_NETWORK_PROTOCOL_VERSION, e->request_minor == 0 ? "1.0" : "1.1", 3, 3);
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
    char code[8];
    if (error == NULL && (e->flags & EXCHANGE_ANSWERED) && e->status >= (is_server ? 500 : 400)) {
        code[add_number(code, e->status)] = 0;
        error = code;
    }
    if (error != NULL)
        span_error(w, error);
}
