/*
 * What the program told an easy handle that its span or our header needs:
 * libcurl does not give options back. Pure bookkeeping over our own memory.
 */
#ifndef OTELSHIM_HOOKS_CURL_OPTIONS_H
#define OTELSHIM_HOOKS_CURL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "curl_api.h"
#include "sdk/record.h"

#define CURL_URL_MAX (RECORD_MAX_URL + 1)       /* bytes kept of a URL: one more tells of a cut */
#define CURL_METHOD_MAX 64u                     /* bytes kept of CURLOPT_CUSTOMREQUEST */
#define CURL_PROTOCOL_MAX 16u                   /* bytes kept of CURLOPT_DEFAULT_PROTOCOL */
#define CURL_SOCKET_MAX 108u                    /* bytes kept of CURLOPT_UNIX_SOCKET_PATH */
#define CURL_USER_AGENT_MAX 256u                /* bytes kept of CURLOPT_USERAGENT */
#define CURL_PREFIX_MAX (CURL_PROTOCOL_MAX + 3) /* "https://", where the URL has none */

enum curl_httpreq { CURL_REQ_GET, CURL_REQ_POST, CURL_REQ_PUT };

typedef int curl_prereq_fn(void *, char *, char *, int, int);
typedef int curl_resolver_start_fn(void *, void *, void *);

/* All zero is the state of a new handle. */
struct curl_options {
    uint8_t httpreq; /* enum curl_httpreq */
    bool upload;
    bool nobody;
    bool connect_only;
    bool url_cut;
    bool method_cut;
    uint16_t url_len;
    uint16_t method_len;        /* 0: no custom request */
    uint16_t protocol_len;      /* 0: no default protocol */
    uint16_t socket_len;        /* 0: no Unix socket */
    uint16_t user_agent_len;    /* 0: none */
    uint16_t port;              /* CURLOPT_PORT, 0: as in the URL */
    struct curl_slist *headers; /* the program's, never read but in a transfer */
    CURLU *url_handle;          /* CURLOPT_CURLU, wins over the text */
    curl_prereq_fn *prereq;
    void *prereq_data;
    curl_resolver_start_fn *resolver_start;
    void *resolver_start_data;
    char method[CURL_METHOD_MAX];
    char protocol[CURL_PROTOCOL_MAX];
    char user_agent[CURL_USER_AGENT_MAX];
    char socket[CURL_SOCKET_MAX];                      /* path, or "@name" of an abstract one */
    char prefixed_url[CURL_PREFIX_MAX + CURL_URL_MAX]; /* the URL from CURL_PREFIX_MAX on */
};

/* Whether an option is one to be remembered: a few compares, for every setopt. */
bool curl_option_matters(CURLoption option);
/* Whether it is one of the callbacks that we put in, or its data. */
bool curl_option_is_callback(CURLoption option);
/* Everything back to the defaults. */
void curl_options_reset(struct curl_options *options);
/* Takes over what libcurl accepted; `value` as it lay in the register. */
void curl_option_set(struct curl_options *options, CURLoption option, void *value);
/* Takes over a URL's text. */
void curl_option_set_url(struct curl_options *options, const char *text);
/* The absolute URL, unredacted: with the scheme that libcurl takes where the program
 * gave none. Length 0: there is no URL. Borrowed until the next setopt. */
const char *curl_options_url(struct curl_options *options, size_t *len);
/* The method of the first request that the options lead to. */
const char *curl_options_method(const struct curl_options *options, size_t *len);

#endif
