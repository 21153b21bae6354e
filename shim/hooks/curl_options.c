/*
 * The rules by which libcurl turns options into a request method are those of
 * its setopt: the last of the method options wins, some reset others, and a
 * custom request replaces the word only. See curl_options.h.
 */
#include "curl_options.h"

#include <string.h>

#include "proto/url.h"

bool curl_option_matters(CURLoption option)
{
    switch (option) {
    case CURLOPT_URL:
    case CURLOPT_CURLU:
    case CURLOPT_PORT:
    case CURLOPT_DEFAULT_PROTOCOL:
    case CURLOPT_CUSTOMREQUEST:
    case CURLOPT_NOBODY:
    case CURLOPT_HTTPGET:
    case CURLOPT_POST:
    case CURLOPT_POSTFIELDS:
    case CURLOPT_COPYPOSTFIELDS:
    case CURLOPT_HTTPPOST:
    case CURLOPT_MIMEPOST:
    case CURLOPT_UPLOAD:
    case CURLOPT_PUT:
    case CURLOPT_HTTPHEADER:
    case CURLOPT_CONNECT_ONLY:
    case CURLOPT_USERAGENT:
    case CURLOPT_UNIX_SOCKET_PATH:
    case CURLOPT_ABSTRACT_UNIX_SOCKET:
    case CURLOPT_PREREQFUNCTION:
    case CURLOPT_PREREQDATA:
    case CURLOPT_RESOLVER_START_FUNCTION:
    case CURLOPT_RESOLVER_START_DATA: return true;
    default: return false;
    }
}

bool curl_option_is_callback(CURLoption option)
{
    return option == CURLOPT_PREREQFUNCTION || option == CURLOPT_PREREQDATA ||
           option == CURLOPT_RESOLVER_START_FUNCTION || option == CURLOPT_RESOLVER_START_DATA;
}

void curl_options_reset(struct curl_options *o)
{
    memset(o, 0, offsetof(struct curl_options, method)); /* texts have their lengths */
}

/* Copies at most `cap` bytes of a C string; true if it was longer. */
static bool keep_text(char *out, uint16_t *len, size_t cap, const char *text)
{
    size_t n = text != NULL ? strnlen(text, cap + 1) : 0;
    bool cut = n > cap;
    if (cut)
        n = cap;
    if (n > 0)
        memcpy(out, text, n);
    *len = (uint16_t)n;
    return cut;
}

void curl_option_set_url(struct curl_options *o, const char *text)
{
    o->url_cut = keep_text(o->prefixed_url + CURL_PREFIX_MAX, &o->url_len, CURL_URL_MAX, text);
}

const char *curl_options_url(struct curl_options *o, size_t *len)
{
    char *text = o->prefixed_url + CURL_PREFIX_MAX;
    struct url url;
    *len = o->url_len;
    if (!url_parse(text, o->url_len, o->url_cut, &url) || url.scheme.len > 0)
        return text;
    const char *scheme = o->protocol;
    size_t scheme_len = o->protocol_len;
    if (scheme_len == 0) {
        scheme = url_guess_scheme(text, o->url_len);
        scheme_len = strlen(scheme);
    }
    text -= scheme_len + 3;
    memcpy(text, scheme, scheme_len);
    memcpy(text + scheme_len, "://", 3);
    *len += scheme_len + 3;
    return text;
}

/* The one option replaces the other. A path that is too long, libcurl refuses as well. */
static void set_socket(struct curl_options *o, const char *path, bool abstract)
{
    o->socket[0] = '@';
    if (keep_text(o->socket + abstract, &o->socket_len, sizeof o->socket - abstract, path))
        o->socket_len = 0;
    else if (o->socket_len > 0)
        o->socket_len = (uint16_t)(o->socket_len + abstract);
}

static void use_request(struct curl_options *o, enum curl_httpreq request)
{
    o->httpreq = (uint8_t)request;
    o->nobody = false;
}

static void set_callback(struct curl_options *o, CURLoption option, void *value)
{
    switch (option) {
    case CURLOPT_PREREQFUNCTION: memcpy(&o->prereq, &value, sizeof value); break;
    case CURLOPT_PREREQDATA: o->prereq_data = value; break;
    case CURLOPT_RESOLVER_START_FUNCTION: memcpy(&o->resolver_start, &value, sizeof value); break;
    default: /* CURLOPT_RESOLVER_START_DATA */ o->resolver_start_data = value; break;
    }
}

/* Options whose value is a number, read as libcurl reads it. */
static void set_number(struct curl_options *o, CURLoption option, long value)
{
    switch (option) {
    case CURLOPT_PORT: o->port = (uint16_t)value; break;
    case CURLOPT_NOBODY:
        o->nobody = value != 0;
        if (o->nobody)
            o->httpreq = CURL_REQ_GET; /* what is left when it is switched off again */
        break;
    case CURLOPT_HTTPGET:
        if (value != 0) {
            use_request(o, CURL_REQ_GET);
            o->upload = false;
        }
        break;
    case CURLOPT_POST:
        if (value != 0)
            use_request(o, CURL_REQ_POST);
        else
            o->httpreq = CURL_REQ_GET;
        break;
    case CURLOPT_UPLOAD:
    case CURLOPT_PUT:
        o->upload = value != 0;
        if (o->upload)
            use_request(o, CURL_REQ_PUT);
        else
            o->httpreq = CURL_REQ_GET;
        break;
    default: /* CURLOPT_CONNECT_ONLY */ o->connect_only = value != 0; break;
    }
}

void curl_option_set(struct curl_options *o, CURLoption option, void *value)
{
    switch (option) {
    case CURLOPT_URL: curl_option_set_url(o, value); break;
    case CURLOPT_CURLU: o->url_handle = value; break;
    case CURLOPT_DEFAULT_PROTOCOL:
        if (keep_text(o->protocol, &o->protocol_len, sizeof o->protocol, value))
            o->protocol_len = 0;
        break;
    case CURLOPT_CUSTOMREQUEST:
        o->method_cut = keep_text(o->method, &o->method_len, sizeof o->method, value);
        break;
    case CURLOPT_USERAGENT:
        keep_text(o->user_agent, &o->user_agent_len, sizeof o->user_agent, value);
        break;
    case CURLOPT_UNIX_SOCKET_PATH: set_socket(o, value, false); break;
    case CURLOPT_ABSTRACT_UNIX_SOCKET: set_socket(o, value, true); break;
    case CURLOPT_POSTFIELDS:
    case CURLOPT_COPYPOSTFIELDS: o->httpreq = CURL_REQ_POST; break;
    case CURLOPT_HTTPPOST:
    case CURLOPT_MIMEPOST: use_request(o, CURL_REQ_POST); break;
    case CURLOPT_HTTPHEADER: o->headers = value; break;
    case CURLOPT_PREREQFUNCTION:
    case CURLOPT_PREREQDATA:
    case CURLOPT_RESOLVER_START_FUNCTION:
    case CURLOPT_RESOLVER_START_DATA: set_callback(o, option, value); break;
    default: set_number(o, option, (long)(intptr_t)value); break;
    }
}

const char *curl_options_method(const struct curl_options *o, size_t *len)
{
    const char *method = "GET";
    if (o->method_len > 0) {
        *len = o->method_len;
        return o->method;
    }
    if (o->nobody)
        method = "HEAD";
    else if (o->upload || o->httpreq == CURL_REQ_PUT)
        method = "PUT";
    else if (o->httpreq == CURL_REQ_POST)
        method = "POST";
    *len = strlen(method);
    return method;
}
