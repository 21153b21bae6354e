/*
 * The collector's URL: checked so far that a mistake is told at start rather
 * than at the first export, and joined by the rules of the OTLP exporter.
 *
 * A wrong endpoint is not replaced by the default: telemetry that was meant for
 * one place must not go to another.
 */
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "load.h"

#define TRACES_PATH "v1/traces"
#define GRPC_PATH "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define UNIX_PREFIX "unix:"
#define DEFAULT_GRPC_URL "http://localhost:4317" GRPC_PATH

static bool is_port(struct slice s)
{
    uint32_t port;
    return s.len == 0 || (s.len <= 5 && s.at[0] >= '0' && parse_uint(s, 1, 65535, &port));
}

/* host, host:port, [v6]:port, each maybe behind user@ */
static bool authority_is_valid(struct slice s)
{
    for (size_t at; (at = slice_find(s, '@')) < s.len;)
        s = slice_from(s, at + 1);
    size_t end = s.len > 0 && s.at[0] == '[' ? slice_find(s, ']') + 1 : slice_find(s, ':');
    if (end == 0 || end > s.len || (s.at[0] == '[' && end < 4))
        return false;
    struct slice rest = slice_from(s, end);
    return rest.len == 0 || (rest.at[0] == ':' && is_port(slice_from(rest, 1)));
}

/* Bytes up to and with "://" of a scheme that we speak, 0 = none. */
static size_t scheme_bytes(struct slice url)
{
    size_t colon = slice_find(url, ':');
    struct slice scheme = slice_until(url, colon);
    if (!slice_is_nocase(scheme, "http") && !slice_is_nocase(scheme, "https"))
        return 0;
    return url.len > colon + 3 && memcmp(url.at + colon, "://", 3) == 0 ? colon + 3 : 0;
}

static bool has_forbidden_byte(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= 0x20 || (unsigned char)s.at[i] >= 0x7f || s.at[i] == '\\')
            return true;
    return false;
}

/* Offset at which the path stops (query, or the end). */
static size_t path_end(struct slice url)
{
    return slice_find(url, '?');
}

/* Offset at which the path begins, 0 if this is no URL. */
static size_t path_start(struct slice url)
{
    size_t start = scheme_bytes(url);
    if (start == 0 || has_forbidden_byte(url))
        return 0;
    struct slice rest = slice_from(url, start);
    size_t host = slice_find(slice_until(rest, path_end(rest)), '/');
    return authority_is_valid(slice_until(rest, host)) ? start + host : 0;
}

/* url up to its query, `between`, the query. */
static const char *join(struct slice url, const char *between)
{
    size_t head = path_end(url), size = url.len + strlen(between) + 1;
    char *joined = arena_alloc(size);
    if (joined != NULL)
        snprintf(joined, size, "%.*s%s%.*s", (int)head, url.at, between, (int)(url.len - head),
                 url.at + head);
    return joined;
}

const char *url_checked(const char *variable, struct slice value)
{
    struct slice url = slice_trim(value);
    const char *copy = path_start(url) > 0 ? arena_copy(url.at, url.len) : NULL;
    if (copy == NULL) {
        char shown[SHOWN_BYTES];
        text_shown(value, shown);
        diag_config_mistake("%s=\"%s\" is not an http:// or https:// URL; nothing is sent there",
                            variable, shown);
    }
    return copy;
}

/* The three texts as one. */
static const char *concat(const char *before, struct slice s, const char *after)
{
    size_t size = strlen(before) + s.len + strlen(after) + 1;
    char *text = arena_alloc(size);
    if (text != NULL)
        snprintf(text, size, "%s%.*s%s", before, (int)s.len, s.at, after);
    return text;
}

/* OTLP/HTTP: a base gets the signal's path, a signal's own endpoint a path if it has none. */
static void load_http(struct config *c, struct slice url, bool is_base)
{
    size_t start = path_start(url), end = path_end(url);
    bool has_path = end > start, has_slash = has_path && url.at[end - 1] == '/';
    if (start == 0)
        return;
    if (is_base)
        c->otlp.traces_url = join(url, has_slash ? TRACES_PATH : "/" TRACES_PATH);
    else
        c->otlp.traces_url = join(url, has_path ? "" : "/");
}

/* gRPC: a URL, whose path counts for nothing, or host:port. */
static void load_grpc(struct config *c, struct slice url)
{
    size_t start = path_start(url);
    if (start > 0) {
        c->otlp.traces_url = concat("", slice_until(url, start), GRPC_PATH);
    } else if (!has_forbidden_byte(url) && slice_find(url, '/') == url.len &&
               authority_is_valid(url)) {
        c->otlp.url_has_no_scheme = true;
        c->otlp.traces_url = concat("https://", url, GRPC_PATH);
    }
}

/* unix:/path and unix:///path, of either protocol. */
static bool load_unix(struct config *c, struct slice url)
{
    size_t len = sizeof UNIX_PREFIX - 1;
    if (url.len < len || !slice_is_nocase(slice_until(url, len), UNIX_PREFIX))
        return false;
    struct slice path = slice_from(url, len);
    if (path.len > 2 && memcmp(path.at, "///", 3) == 0)
        path = slice_from(path, 2);
    if (path.len < 2 || path.at[0] != '/' || path.at[1] == '/')
        return true;
    c->otlp.unix_path = arena_copy(path.at, path.len);
    if (c->otlp.unix_path != NULL)
        c->otlp.traces_url = c->otlp.protocol == OTLP_GRPC ? "http://localhost" GRPC_PATH
                                                           : "http://localhost/" TRACES_PATH;
    return true;
}

void load_endpoint(struct config *c, const char *variable, struct slice value, bool is_base)
{
    struct slice url = slice_trim(value);
    bool grpc = c->otlp.protocol == OTLP_GRPC;
    c->otlp.traces_url = c->otlp.unix_path = NULL;
    c->otlp.url_has_no_scheme = false;
    c->otlp.url_given = true;
    if (!load_unix(c, url)) {
        url = slice_until(url, slice_find(url, '#'));
        if (grpc)
            load_grpc(c, url);
        else
            load_http(c, url, is_base);
    }
    c->otlp.url_valid = c->otlp.traces_url != NULL;
    if (!c->otlp.url_valid) {
        char shown[SHOWN_BYTES];
        text_shown(value, shown);
        diag_config_mistake("%s=\"%s\" is not an http:// or https:// URL%s; "
                            "nothing is sent over OTLP",
                            variable, shown, grpc ? ", nor host:port" : "");
    }
}

void settle_endpoint(struct config *c)
{
    if (!c->otlp.url_given && c->otlp.protocol == OTLP_GRPC)
        c->otlp.traces_url = DEFAULT_GRPC_URL;
    if (c->otlp.url_valid && c->otlp.url_has_no_scheme && c->otlp.insecure)
        c->otlp.traces_url = concat("http", slice_of(c->otlp.traces_url + strlen("https")), "");
    c->otlp.url_valid = c->otlp.traces_url != NULL;
}
