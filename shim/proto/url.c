/*
 * Parts and redaction of URLs, see url.h.
 *
 * The grammar is libcurl's, which is laxer than RFC 3986 (one to three slashes
 * after the scheme, no scheme at all): where it is ambiguous the reading that
 * hides more wins. The '@' that ends the user info is the last one before the
 * path, so that a password with an '@' in it is never half recorded.
 */
#include "url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* SCHEME(name, capitals, default port) */
#define SCHEMES(SCHEME) \
    SCHEME("http", "HTTP", 80) \
    SCHEME("https", "HTTPS", 443) \
    SCHEME("ftp", "FTP", 21) \
    SCHEME("ftps", "FTPS", 990) \
    SCHEME("file", "FILE", 0) \
    SCHEME("sftp", "SFTP", 22) \
    SCHEME("scp", "SCP", 22) \
    SCHEME("smtp", "SMTP", 25) \
    SCHEME("smtps", "SMTPS", 465) \
    SCHEME("imap", "IMAP", 143) \
    SCHEME("imaps", "IMAPS", 993) \
    SCHEME("pop3", "POP3", 110) \
    SCHEME("pop3s", "POP3S", 995) \
    SCHEME("ldap", "LDAP", 389) \
    SCHEME("ldaps", "LDAPS", 636) \
    SCHEME("dict", "DICT", 2628) \
    SCHEME("telnet", "TELNET", 23) \
    SCHEME("tftp", "TFTP", 69) \
    SCHEME("gopher", "GOPHER", 70) \
    SCHEME("gophers", "GOPHERS", 70) \
    SCHEME("mqtt", "MQTT", 1883) \
    SCHEME("rtsp", "RTSP", 554) \
    SCHEME("rtmp", "RTMP", 1935) \
    SCHEME("rtmpt", "RTMPT", 80) \
    SCHEME("rtmpe", "RTMPE", 1935) \
    SCHEME("rtmpte", "RTMPTE", 80) \
    SCHEME("rtmps", "RTMPS", 443) \
    SCHEME("rtmpts", "RTMPTS", 443) \
    SCHEME("smb", "SMB", 445) \
    SCHEME("smbs", "SMBS", 445) \
    SCHEME("ws", "WS", 80) \
    SCHEME("wss", "WSS", 443)

struct scheme {
    const char *name, *capitals;
    uint16_t port;
};

static const struct scheme schemes[] = {
#define X(name, capitals, port) { name, capitals, port },
    SCHEMES(X)
#undef X
};

/* Parameters whose values are secrets: semantic conventions 1.44, url.full. */
static const char *const secret_parameters[] = {
    "X-Amz-Signature",  "X-Amz-Credential", "X-Amz-Security-Token",
    "AWSAccessKeyId",   "Signature",        "sig",
    "X-Goog-Signature",
};

static const char REDACTED[] = "REDACTED";

static const struct scheme *find_scheme(const char *scheme, size_t len)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strlen(schemes[i].name) == len && strncasecmp(schemes[i].name, scheme, len) == 0)
            return &schemes[i];
    }
    return NULL;
}

struct url_part url_path(const char *text, size_t len, const struct url *url)
{
    size_t at = url->host.at + url->host.len, end;
    while (at < len && text[at] != '/' && text[at] != '?' && text[at] != '#')
        at++;
    for (end = at; end < len && text[end] != '?' && text[end] != '#';)
        end++;
    return (struct url_part){ (uint16_t)at, (uint16_t)(end - at) };
}

uint16_t url_default_port(const char *scheme, size_t len)
{
    const struct scheme *s = find_scheme(scheme, len);
    return s != NULL ? s->port : 0;
}

const char *url_scheme_name(const char *scheme, size_t len)
{
    const struct scheme *s = find_scheme(scheme, len);
    return s != NULL ? s->capitals : NULL;
}

bool url_scheme_is_http(const char *scheme, size_t len)
{
    return (len == 4 && strncasecmp(scheme, "http", 4) == 0) ||
           (len == 5 && strncasecmp(scheme, "https", 5) == 0);
}

const char *url_guess_scheme(const char *text, size_t len)
{
    static const char *const guessed[] = { "ftp", "dict", "ldap", "imap", "smtp", "pop3" };
    struct url url;
    if (!url_parse(text, len, false, &url))
        return "http";
    for (size_t i = 0; i < sizeof guessed / sizeof guessed[0]; i++) {
        size_t n = strlen(guessed[i]);
        if (url.host.len > n && text[url.host.at + n] == '.' &&
            strncasecmp(text + url.host.at, guessed[i], n) == 0)
            return guessed[i];
    }
    return "http";
}

bool url_host_is_numeric(const char *host, size_t len)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    const char *zone = memchr(host, '%', len);
    if (zone != NULL)
        len = (size_t)(zone - host);
    if (len == 0 || len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = 0;
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme_char(char c)
{
    return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* Length of the scheme, 0 for none. libcurl wants ":/" after it: "host:80" has none. */
static size_t scheme_length(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && n <= URL_MAX_SCHEME && is_scheme_char(text[n]))
        n++;
    if (n == 0 || n > URL_MAX_SCHEME || !is_alpha(text[0]) || n + 1 >= len || text[n] != ':' ||
        text[n + 1] != '/')
        return 0;
    return n;
}

static struct url_part part(size_t from, size_t to)
{
    return (struct url_part){ (uint16_t)from, (uint16_t)(to - from) };
}

/* Host and port between `at` and `end`. */
static void parse_host_port(const char *text, size_t at, size_t end, struct url *out)
{
    size_t host_end = end;
    size_t port_at = end;
    if (at < end && text[at] == '[') {
        const char *close = memchr(text + at, ']', end - at);
        at++;
        if (close != NULL) {
            host_end = (size_t)(close - text);
            port_at = host_end + 1;
        }
    } else {
        const char *colon = memrchr(text + at, ':', end - at);
        if (colon != NULL)
            host_end = port_at = (size_t)(colon - text);
    }
    out->host = part(at, host_end);
    uint32_t port = 0;
    if (port_at < end && text[port_at] == ':') {
        for (size_t i = port_at + 1; i < end; i++) {
            if (text[i] < '0' || text[i] > '9' || port > UINT16_MAX)
                return;
            port = port * 10 + (uint32_t)(text[i] - '0');
        }
    }
    if (port <= UINT16_MAX)
        out->port = (uint16_t)port;
}

static size_t find_any(const char *text, size_t at, size_t len, const char *set)
{
    while (at < len && (text[at] == 0 || strchr(set, text[at]) == NULL))
        at++;
    return at;
}

bool url_parse(const char *text, size_t len, bool cut, struct url *out)
{
    memset(out, 0, sizeof *out);
    if (len == 0 || len > UINT16_MAX)
        return false;
    size_t at = scheme_length(text, len);
    if (at > 0) {
        out->scheme = part(0, at);
        at++;
        /* file:///path has an empty host; others may have up to three slashes. */
        size_t most = at == 5 && strncasecmp(text, "file", 4) == 0 ? 2 : 3;
        for (size_t slashes = 0; slashes < most && at < len && text[at] == '/'; slashes++)
            at++;
    }
    size_t end = find_any(text, at, len, "/?#");
    out->authority_cut = cut && end == len;
    const char *sign = memrchr(text + at, '@', end - at);
    if (sign != NULL) {
        out->has_userinfo = true;
        out->userinfo = part(at, (size_t)(sign - text));
        at = (size_t)(sign - text) + 1;
    }
    parse_host_port(text, at, end, out);
    size_t fragment = find_any(text, end, len, "#");
    size_t question = find_any(text, end, fragment, "?");
    if (question < fragment)
        out->query = part(question + 1, fragment);
    return true;
}

/* A bounded output: what does not fit is left out. */
struct sink {
    char *out;
    size_t len, cap;
};

static void put(struct sink *sink, const char *text, size_t len)
{
    if (len > sink->cap - sink->len)
        len = sink->cap - sink->len;
    memcpy(sink->out + sink->len, text, len);
    sink->len += len;
}

static bool is_secret(const char *key, size_t len)
{
    for (size_t i = 0; i < sizeof secret_parameters / sizeof secret_parameters[0]; i++) {
        if (strlen(secret_parameters[i]) == len && memcmp(secret_parameters[i], key, len) == 0)
            return true;
    }
    return false;
}

static void put_query(struct sink *sink, const char *query, size_t len)
{
    size_t at = 0;
    while (at < len) {
        const char *amp = memchr(query + at, '&', len - at);
        size_t end = amp != NULL ? (size_t)(amp - query) : len;
        const char *equals = memchr(query + at, '=', end - at);
        size_t key = equals != NULL ? (size_t)(equals - query) - at : 0;
        if (equals != NULL && is_secret(query + at, key)) {
            put(sink, query + at, key + 1);
            put(sink, REDACTED, sizeof REDACTED - 1);
        } else {
            put(sink, query + at, end - at);
        }
        if (amp != NULL)
            put(sink, "&", 1);
        at = end + 1;
    }
}

size_t url_redact_query(const char *query, size_t len, char *out, size_t cap)
{
    struct sink sink = { out, 0, cap };
    put_query(&sink, query, len);
    return sink.len;
}

size_t url_redact(const char *text, size_t len, const struct url *url, char *out, size_t cap)
{
    struct sink sink = { out, 0, cap };
    size_t at = 0;
    if (url->authority_cut) {
        /* A password may stand there whose '@' was cut off. */
        put(&sink, text, url->has_userinfo ? url->userinfo.at : url->host.at);
        put(&sink, REDACTED, sizeof REDACTED - 1);
        return sink.len;
    }
    if (url->has_userinfo) {
        put(&sink, text, url->userinfo.at);
        put(&sink, "REDACTED:REDACTED", 17);
        at = (size_t)url->userinfo.at + url->userinfo.len;
    }
    if (url->query.len > 0) {
        put(&sink, text + at, url->query.at - at);
        put_query(&sink, text + url->query.at, url->query.len);
        at = (size_t)url->query.at + url->query.len;
    }
    put(&sink, text + at, len - at);
    return sink.len;
}
