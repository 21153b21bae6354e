/*
 * Loads libcurl for curl.h and drives its multi handle. The OpenSSL build is tried first, then the GnuTLS
 * one. The library may be the program's own: its initialisation counts users,
 * and nothing of it is ever cleaned up.
 */
#include "curl.h"

#include <dlfcn.h>

#define NS_PER_MS UINT64_C(1000000)
#define MAX_CONNECTIONS 4L /* kept: one for each exporter that uses HTTP */

static const char *const sonames[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define X(fn) { "curl_" #fn, offsetof(struct curl_api, fn) },
    CURL_FUNCTIONS(X)
#undef X
};

/* Background thread; a forked child starts over with curl_start_over. */
static struct {
    struct curl_api api;
    bool tried;
    CURLM *multi;
} curl;

void curl_start_over(void)
{
    memset(&curl, 0, sizeof curl);
}

static bool resolve(void *handle, const struct exporter_host *host)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *fn = host->dlsym(handle, functions[i].name);
        if (!fn) {
            host->log(LOG_ERROR, "libcurl has no %s: spans are not exported", functions[i].name);
            return false;
        }
        memcpy((char *)&curl.api + functions[i].offset, &fn, sizeof fn);
    }
    return true;
}

static bool load(const struct exporter_host *host)
{
    void *handle = NULL;
    for (size_t i = 0; !handle && i < sizeof sonames / sizeof sonames[0]; i++)
        handle = host->dlopen(sonames[i], RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        host->log(LOG_ERROR, "%s cannot be loaded: spans are not exported", sonames[0]);
        return false;
    }
    if (!resolve(handle, host))
        return false;
    if (curl.api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        host->log(LOG_ERROR, "libcurl does not start: spans are not exported");
        return false;
    }
    return true;
}

const struct curl_api *curl_open(const struct exporter_host *host)
{
    if (!curl.tried && load(host)) {
        curl.multi = curl.api.multi_init();
        if (!curl.multi)
            host->log(LOG_ERROR, "no memory for libcurl: spans are not exported");
        else
            curl.api.multi_setopt(curl.multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    }
    curl.tried = true;
    return curl.multi ? &curl.api : NULL;
}

bool curl_is_open(void)
{
    return curl.multi != NULL;
}

bool curl_job_begin(struct curl_job *job, CURL *easy)
{
    *job = (struct curl_job){ .done = false };
    curl.api.easy_setopt(easy, CURLOPT_PRIVATE, job);
    return curl.api.multi_add_handle(curl.multi, easy) == CURLM_OK;
}

void curl_job_end(CURL *easy)
{
    curl.api.multi_remove_handle(curl.multi, easy);
}

void curl_drive(void)
{
    int running = 0, left = 0;
    const CURLMsg *message;
    curl.api.multi_perform(curl.multi, &running);
    while ((message = curl.api.multi_info_read(curl.multi, &left)) != NULL) {
        struct curl_job *job = NULL;
        curl.api.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&job);
        if (message->msg == CURLMSG_DONE && job)
            *job = (struct curl_job){ true, message->data.result };
    }
}

uint64_t curl_due_at(uint64_t now_mono_ns)
{
    long timeout_ms = -1;
    curl.api.multi_timeout(curl.multi, &timeout_ms);
    return timeout_ms < 0 ? UINT64_MAX : now_mono_ns + (uint64_t)timeout_ms * NS_PER_MS;
}

void curl_wait(struct curl_waitfd *extra, unsigned nr_extra, int timeout_ms)
{
    curl.api.multi_poll(curl.multi, extra, nr_extra, timeout_ms, NULL);
}
