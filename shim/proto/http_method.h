/*
 * Request methods as the conventions know them: any other is `_OTHER` on a span.
 */
#ifndef OTELSHIM_PROTO_HTTP_METHOD_H
#define OTELSHIM_PROTO_HTTP_METHOD_H

#include <stdbool.h>
#include <stddef.h>
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

/* Exact, case-sensitive match. */
static inline enum http_method http_method_of(const char *method, size_t len)
{
    static const char known[HTTP_METHOD_COUNT][8] = {
#define X(name) [HTTP_##name] = #name,
        HTTP_METHODS(X)
#undef X
    };
    for (unsigned i = 1; len <= HTTP_METHOD_MAX_KNOWN && i < HTTP_METHOD_COUNT; i++) {
        if (known[i][0] == method[0] && strlen(known[i]) == len &&
            memcmp(known[i], method, len) == 0)
            return (enum http_method)i;
    }
    return HTTP_OTHER;
}

static inline bool http_method_is_known(const char *method, size_t len)
{
    return len > 0 && http_method_of(method, len) != HTTP_OTHER;
}

#endif
