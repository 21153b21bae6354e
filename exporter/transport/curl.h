/*
 * libcurl by name: the functions the exporters use, looked up in a handle of
 * their own. They are never called by their symbols: in the programs we live in
 * the symbols lead to our own hooks, or to another libcurl.
 *
 * One multi handle has the transfers of all exporters. Background thread only.
 */
#ifndef OTELSHIM_CURL_H
#define OTELSHIM_CURL_H

#include <curl/curl.h>

#include "exporter.h"

/* clang-format off */
#define CURL_FUNCTIONS(X) \
    X(global_init) X(url) X(url_set) X(url_get) X(url_cleanup) X(free) X(easy_init)  \
    X(easy_setopt) X(easy_getinfo) X(easy_strerror) X(easy_send) X(easy_recv)        \
    X(slist_append) X(multi_init) X(multi_setopt) X(multi_add_handle)                \
    X(multi_remove_handle) X(multi_perform) X(multi_info_read) X(multi_poll) X(multi_timeout)
/* clang-format on */

struct curl_api {
#define X(fn) __typeof__(curl_##fn) *fn;
    CURL_FUNCTIONS(X)
#undef X
};

/* A transfer of the multi handle; CURLOPT_PRIVATE of its easy handle. */
struct curl_job {
    bool done;
    CURLcode code;
};

/* What a parent process left in memory is forgotten. */
void curl_start_over(void);
/* Opens libcurl and starts it up, at the first call. NULL after logging why not. */
const struct curl_api *curl_open(const struct exporter_host *host);
bool curl_is_open(void);

/* Adds a transfer, whose job is told when it has ended. False: no memory. */
bool curl_job_begin(struct curl_job *job, CURL *easy);
/* Takes it out again, ended or not. A connection of CURLOPT_CONNECT_ONLY is closed. */
void curl_job_end(CURL *easy);

/* Moves all transfers on. */
void curl_drive(void);
/* When libcurl wants to be called at the latest. */
uint64_t curl_due_at(uint64_t now_mono_ns);
/* Waits for the transfers' sockets and `extra`, at most `timeout_ms`. */
void curl_wait(struct curl_waitfd *extra, unsigned nr_extra, int timeout_ms);

#endif
