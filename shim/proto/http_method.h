/*
 * Request methods as the conventions know them: any other is `_OTHER` on a span.
 */
#ifndef OTELSHIM_PROTO_HTTP_METHOD_H
#define OTELSHIM_PROTO_HTTP_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* METHOD(name): known to the conventions (1.44, http.request.method), 7 bytes at most. */
#define HTTP_METHODS(METHOD) \
    METHOD(GET) \
    METHOD(POST) \
    METHOD(PUT) \
    METHOD(HEAD) \
    METHOD(DELETE) \
    METHOD(OPTIONS) \
    METHOD(PATCH) \
    METHOD(CONNECT) \
    METHOD(TRACE) \
    METHOD(QUERY)

enum http_method {
    HTTP_OTHER, /* any other token */
#define X(name) HTTP_##name,
    HTTP_METHODS(X)
#undef X
        HTTP_METHOD_COUNT
};

#define HTTP_METHOD_MAX_KNOWN 7u /* bytes of the longest */

/* Up to 7 letters in one word; the same letters give the same word. */
static inline uint64_t http_method_word(const char *method, size_t len)
{
    uint32_t first, last;
    if (len < sizeof first)
        return len == 0 ? 0
                        : (uint64_t)(unsigned char)method[0] |
                              (uint64_t)(unsigned char)method[len / 2] << 8 * (len / 2) |
                              (uint64_t)(unsigned char)method[len - 1] << 8 * (len - 1);
    memcpy(&first, method, sizeof first);
    memcpy(&last, method + (len - sizeof last), sizeof last);
    return first | (uint64_t)last << 8 * (len - sizeof last);
}

/* Exact, case-sensitive match. */
static inline enum http_method http_method_of(const char *method, size_t len)
{
    if (len > HTTP_METHOD_MAX_KNOWN)
        return HTTP_OTHER;
    uint64_t word = http_method_word(method, len);
#define X(name) \
    if (word == http_method_word(#name, sizeof #name - 1)) \
        return HTTP_##name;
    HTTP_METHODS(X)
#undef X
    return HTTP_OTHER;
}

static inline bool http_method_is_known(const char *method, size_t len)
{
    return len > 0 && http_method_of(method, len) != HTTP_OTHER;
}

#endif
