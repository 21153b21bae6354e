/*
 * What a span says of an HTTP request, by the semantic conventions: pure functions
 * over the texts of a head, shared by every hook and parser that sees HTTP.
 *
 * Texts are borrowed and may hold any bytes. Results point into them, or are
 * written to the caller's memory, cut at its size. No allocation, no lock, any
 * thread, async-signal-safe, after http_attrs_init().
 */
#ifndef OTELSHIM_PROTO_HTTP_ATTRS_H
#define OTELSHIM_PROTO_HTTP_ATTRS_H

#include "proto/http1.h"
#include "proto/routes.h"

struct config;

/* Bounds, each a row in docs/LIMITS.md. */
#define HTTP_ATTRS_MAX_METHODS 32u /* of OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS */

struct text {
    const char *at;
    size_t len;
};

/* Reads what the functions below go by. Constructor only, after config_load(). */
void http_attrs_init(const struct config *config);

/* Whether a method names its span; any other is `_OTHER`, the span's name `HTTP`. `known` is
 * http_method_of it. */
bool http_method_names_span(enum http_method known, struct text method);

/* ---- target and authority ---- */

struct http_target {
    struct text scheme;    /* absolute form only, else empty */
    struct text authority; /* absolute form and CONNECT, else empty; may hold user info */
    struct text path;      /* "/" where an absolute form has none; "*"; empty for CONNECT */
    struct text query;     /* without '?' */
};

/* The parts of a request's target (RFC 9112, section 3.2). */
struct http_target http_target_split(enum http_method method, struct text target);

/*
 * Host and port of "host", "host:80", "[::1]:80", "user@host": without brackets and user
 * info; *port 0 where there is none or it is no number of one.
 */
struct text http_authority_split(struct text authority, uint16_t *port);

/*
 * The absolute URL of a request, unredacted, as exclusion looks at it: scheme ("http",
 * "https"), authority (Host, or what the caller knows of the peer), target. Bytes written.
 */
size_t http_url_write(enum http_method method, struct text target, const char *scheme,
                      struct text authority, char *out, size_t cap);

/* ---- who asks ---- */

struct http_forwarded {
    struct text client; /* address, without brackets; empty: not said */
    uint16_t client_port;
    struct text proto; /* "https"; empty: not said, or no scheme */
    struct text host;  /* authority, as in a Host header */
};

/*
 * What proxies said of the client: Forwarded (RFC 7239), then X-Forwarded-*, of each the
 * first element, then X-Real-IP. All empty unless OTEL_SHIM_TRUST_FORWARDED.
 */
struct http_forwarded http_forwarded_read(const struct http1_store *head);
/* HTTP1_FIELD_BIT of the headers it reads; 0 when they are not trusted. */
uint32_t http_forwarded_fields(void);

/* ---- how it ended ---- */

/* error.type of an answer, which makes the span an error: the status as text; NULL: none. A
 * server's span is no error with 4xx; a status that nobody knows (below 100, over 599) is one. */
const char *http_status_error(unsigned status, bool server, char out[static 6]);

/* ---- route ---- */

/* The route of a server's request; bytes written, 0: none. `status`: of the answer, 0 = there
 * is none. See routes_find. */
size_t http_route_find(struct text path, unsigned status, char out[static ROUTES_MAX_BYTES]);

/* ---- captured headers ---- */

/* For http1_env.capture, by OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_*; NULL where that
 * list is empty. */
bool (*http_capture(bool server, enum proto_side side))(const char *name, size_t len);
/* Whether a captured header's value is shown as `[REDACTED]`. */
bool http_header_is_sanitized(struct text name);

#endif
