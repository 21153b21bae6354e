/*
 * Looks at HTTP/1 bytes that remember nothing: what the first bytes of a
 * connection are, and a whole request head in a buffer about to be written.
 */
#include "http1_internal.h"

/* ---- detection ---- */

/* Methods that are believed before their line's end is here: the conventions' and
 * WebDAV's. Any other word needs "HTTP/1." behind the target: other protocols begin
 * with a word and a blank, too. */
static const char believed[][12] = {
#define X(name) #name,
    HTTP_METHODS(X)
#undef X
        "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "PURGE",
};

static bool is_believed(const char *method, size_t len)
{
    for (size_t i = 0; i < sizeof believed / sizeof believed[0]; i++) {
        if (strlen(believed[i]) == len && memcmp(believed[i], method, len) == 0)
            return true;
    }
    return false;
}

/* Whether the bytes, as far as they go, are the text. */
static bool agrees(const char *bytes, size_t len, const char *text, size_t text_len)
{
    return memcmp(bytes, text, len < text_len ? len : text_len) == 0;
}

/* What follows "METHOD ". `last`: no more bytes may be asked for. */
static enum proto_guess detect_target(const char *at, const char *end, bool known, bool last)
{
    static const char version[] = "HTTP/1.";
    const char *target = at;
    at = find_below(at, end, ' ' + 1);
    if (at == end) {
        if (known && at > target)
            return PROTO_LIKELY_REQUEST;
        if (!last)
            return PROTO_UNSURE;
        /* The line goes on behind the bytes we may ask for: a path is enough then. */
        return at > target && *target == '/' ? PROTO_LIKELY_REQUEST : PROTO_UNLIKE;
    }
    if (*at != ' ' || at == target)
        return PROTO_UNLIKE;
    at++;
    if (!agrees(at, (size_t)(end - at), version, sizeof version - 1))
        return PROTO_UNLIKE;
    if (known || (size_t)(end - at) >= sizeof version - 1)
        return PROTO_LIKELY_REQUEST;
    return last ? PROTO_UNLIKE : PROTO_UNSURE;
}

enum proto_guess http1_detect(const char *bytes, size_t len)
{
    static const char version[] = "HTTP/1.";
    const char *at = bytes, *end = bytes + len;
    if (len > 0 && agrees(bytes, len, version, sizeof version - 1))
        return len < sizeof version - 1 ? PROTO_UNSURE : PROTO_LIKELY_RESPONSE;
    while (at < end && at < bytes + 4 && (*at == '\r' || *at == '\n'))
        at++; /* empty lines */
    const char *method = at;
    at = skip_token(at, end);
    size_t method_len = (size_t)(at - method);
    if (method_len > HTTP1_MAX_METHOD)
        return PROTO_UNLIKE;
    if (at == end)
        return PROTO_UNSURE;
    if (*at != ' ' || method_len == 0)
        return PROTO_UNLIKE;
    return detect_target(at + 1, end, is_believed(method, method_len), len >= HTTP1_DETECT_MAX);
}

/* ---- a head in a buffer ---- */

struct scan {
    const char *buf, *at, *end;
    struct http1_head *out;
};

static struct http1_span span_of(const struct scan *s, const char *from, const char *to)
{
    return (struct http1_span){ (uint32_t)(from - s->buf), (uint32_t)(to - from) };
}

bool http1_request_line_is_whole(const char *at, const char *end, struct request_line *line)
{
    static const char version[] = " HTTP/1.";
    const size_t version_len = sizeof version - 1;
    line->method_end = skip_token(at, end);
    if (line->method_end == at || line->method_end - at > (ptrdiff_t)HTTP1_MAX_METHOD ||
        line->method_end == end || *line->method_end != ' ')
        return false;
    line->target = line->method_end + 1;
    line->target_end = find_below(line->target, end, ' ' + 1);
    if (line->target_end == line->target || (size_t)(end - line->target_end) < version_len + 2 ||
        memcmp(line->target_end, version, version_len) != 0)
        return false;
    at = line->target_end + version_len;
    if (*at < '0' || *at > '9')
        return false;
    line->minor = *at++ > '0';
    line->line_end = *at == '\n' ? 1 : 2;
    line->next = at + line->line_end;
    return line->line_end == 1 || (end - at >= 2 && at[0] == '\r' && at[1] == '\n');
}

/* The end of the line that s->at is in; s->at moves behind it. */
static enum http1_scan scan_line_end(struct scan *s, const char **stop)
{
    const char *at = find_line_end(s->at, s->end);
    if (at == s->end || (*at == '\r' && at + 1 == s->end))
        return HTTP1_SCAN_PARTIAL;
    *stop = at;
    if (*at == 0 || (*at == '\r' && at[1] != '\n'))
        return HTTP1_SCAN_NOT;
    s->at = at + (*at == '\r' ? 2 : 1);
    return HTTP1_SCAN_COMPLETE;
}

static enum http1_scan scan_request_line(struct scan *s)
{
    const char *stop;
    struct request_line line;
    while (s->at < s->end && (*s->at == '\r' || *s->at == '\n'))
        s->at++;
    const char *method = s->at;
    if (http1_request_line_is_whole(method, s->end, &line)) {
        s->at = line.next;
        s->out->line_end = line.line_end;
        s->out->method = http_method_of(method, (size_t)(line.method_end - method));
        s->out->minor = line.minor;
        s->out->target = span_of(s, line.target, line.target_end);
        s->out->insert_at = (uint32_t)(s->at - s->buf);
        return HTTP1_SCAN_COMPLETE;
    }
    const char *at = skip_token(method, s->end);
    if (at < s->end && (*at != ' ' || at == method))
        return HTTP1_SCAN_NOT;
    return scan_line_end(s, &stop) == HTTP1_SCAN_PARTIAL ? HTTP1_SCAN_PARTIAL : HTTP1_SCAN_NOT;
}

/* Where the value of a header belongs; NULL: nowhere. */
static struct http1_span *place_of(struct http1_head *out, const char *name, size_t len)
{
    switch (http1_header_of(name, len)) {
    case HTTP1_HOST: return out->nr_host++ == 0 ? &out->host : NULL;
    case HTTP1_TRACEPARENT: return out->nr_traceparent++ == 0 ? &out->traceparent : NULL;
    case HTTP1_TRACESTATE: return out->nr_tracestate++ == 0 ? &out->tracestate : NULL;
    case HTTP1_BAGGAGE: return out->nr_baggage++ == 0 ? &out->baggage : NULL;
    default: return NULL;
    }
}

static struct http1_span *keep_value(struct scan *s, const char *name, const struct line *line)
{
    struct http1_span *place = place_of(s->out, name, (size_t)(line->colon - name));
    if (place != NULL) {
        const char *value = skip_blanks(line->colon + 1, line->stop), *stop = line->stop;
        while (stop > value && is_blank(stop[-1]))
            stop--;
        *place = span_of(s, value, stop);
    }
    return place;
}

/* One header line; *last is where its value went, for a line that folds it. */
static enum http1_scan scan_field(struct scan *s, struct http1_span **last)
{
    const char *name = s->at;
    struct line line;
    if (line_is_whole(name, s->end, &line)) {
        s->at = line.next;
        size_t len = (size_t)(line.colon - name);
        *last = http1_may_be_header(name, len) ? keep_value(s, name, &line) : NULL;
        return HTTP1_SCAN_COMPLETE;
    }
    bool folds = is_blank(*name);
    line.colon = folds ? name : skip_name(name, s->end);
    if (line.colon < s->end && !folds && (*line.colon != ':' || line.colon == name))
        return HTTP1_SCAN_NOT;
    s->at = line.colon;
    enum http1_scan result = scan_line_end(s, &line.stop);
    if (result != HTTP1_SCAN_COMPLETE)
        return result;
    if (!folds)
        *last = keep_value(s, name, &line);
    else if (*last != NULL)
        (*last)->len = 0;
    return HTTP1_SCAN_COMPLETE;
}

enum http1_scan http1_scan_head(const char *buf, size_t len, struct http1_head *out)
{
    bool cut = len > HTTP1_MAX_HEAD;
    struct scan s = { buf, buf, buf + (cut ? HTTP1_MAX_HEAD : len), out };
    struct http1_span *last = NULL;
    memset(out, 0, sizeof *out);
    enum http1_scan result = scan_request_line(&s);
    while (result == HTTP1_SCAN_COMPLETE) {
        if (s.at == s.end || (*s.at == '\r' && s.at + 1 == s.end)) {
            result = HTTP1_SCAN_PARTIAL;
            break;
        }
        if (*s.at == '\n' || (*s.at == '\r' && s.at[1] == '\n')) {
            out->end = (uint32_t)(s.at - buf) + 1u + (*s.at == '\r');
            return HTTP1_SCAN_COMPLETE;
        }
        if (is_blank(*s.at) && (size_t)(s.at - buf) == out->insert_at)
            return HTTP1_SCAN_NOT; /* folds the request line */
        result = scan_field(&s, &last);
    }
    return result == HTTP1_SCAN_PARTIAL && cut ? HTTP1_SCAN_NOT : result;
}
