/*
 * URLs as bytes: where their parts lie, and what must not be recorded of them.
 *
 * Pure functions over borrowed text: no allocation, no I/O, any thread. Texts
 * may hold any bytes and may have been cut at a bound; nothing here decides
 * what a URL means to the library that uses it, only what a span says of it.
 */
#ifndef OTELSHIM_PROTO_URL_H
#define OTELSHIM_PROTO_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX_SCHEME 15u /* bytes; longer ones are not known to anybody */

/* A part of a text: offset and length. */
struct url_part {
    uint16_t at, len;
};

struct url {
    struct url_part scheme;   /* empty: the text has none */
    struct url_part userinfo; /* without '@' */
    struct url_part host;     /* without the brackets of an IPv6 address */
    struct url_part query;    /* without '?' */
    uint16_t port;            /* 0: none in the text */
    bool has_userinfo;        /* an '@' stands before the host */
    bool authority_cut;       /* the text ends before the host does */
};

/*
 * Finds the parts of `len` bytes (at most UINT16_MAX). `cut`: the text was
 * longer and only its beginning is here. False: not of the form of a URL.
 */
bool url_parse(const char *text, size_t len, bool cut, struct url *out);

/* The path of a text with a scheme and two slashes: from the slash behind the authority to the
 * query or fragment; empty where there is none. */
struct url_part url_path(const char *text, size_t len, const struct url *url);

/* The scheme that libcurl takes for a URL without one: "ftp.host" is ftp, all others http. */
const char *url_guess_scheme(const char *text, size_t len);

/* The port a scheme implies, 0 if it is unknown or has none. Case does not matter. */
uint16_t url_default_port(const char *scheme, size_t len);
/* The scheme in capitals, as a constant; NULL when it is not one libcurl has ever known. */
const char *url_scheme_name(const char *scheme, size_t len);
/* Whether the scheme is http or https. */
bool url_scheme_is_http(const char *scheme, size_t len);
/* Whether the host is an IP address in digits. */
bool url_host_is_numeric(const char *host, size_t len);

/*
 * Writes the text with user info and the values of known secret parameters
 * replaced by REDACTED (semantic conventions, url.full). Bytes written, at most
 * `cap`; the rest is cut.
 */
size_t url_redact(const char *text, size_t len, const struct url *url, char *out, size_t cap);
/* The same for a query alone (url.query), without its '?'. */
size_t url_redact_query(const char *query, size_t len, char *out, size_t cap);

#endif
