/*
 * libcurl by name: the functions the exporter uses, looked up in a handle of
 * their own. They are never called by their symbols: in the programs we live in
 * the symbols lead to our own hooks, or to another libcurl.
 */
#ifndef OTELSHIM_CURL_H
#define OTELSHIM_CURL_H

#include <curl/curl.h>

#include "exporter.h"

/* clang-format off */
#define CURL_FUNCTIONS(X) \
    X(global_init) X(url) X(url_set) X(url_get) X(url_cleanup) X(free) X(easy_init)  \
    X(easy_setopt) X(easy_getinfo) X(easy_strerror) X(slist_append) X(multi_init)    \
    X(multi_setopt) X(multi_add_handle) X(multi_remove_handle) X(multi_perform)      \
    X(multi_info_read) X(multi_poll) X(multi_timeout)
/* clang-format on */

struct curl_api {
#define X(fn) __typeof__(curl_##fn) *fn;
    CURL_FUNCTIONS(X)
#undef X
};

/* Opens libcurl and starts it up. False after logging why not. */
bool curl_api_load(struct curl_api *api, const struct exporter_host *host);

#endif
