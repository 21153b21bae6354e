/*
 * Request methods as the conventions know them: any other is `_OTHER` on a span.
 */
#ifndef OTELSHIM_PROTO_HTTP_METHOD_H
#define OTELSHIM_PROTO_HTTP_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Exact, case-sensitive match (semantic conventions 1.44, http.request.method). */
static inline bool http_method_is_known(const char *method, size_t len)
{
    static const char known[][8] = { "GET",     "POST",  "PUT",     "HEAD",  "DELETE",
                                     "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY" };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i]) == len && memcmp(known[i], method, len) == 0)
            return true;
    }
    return false;
}

#endif
