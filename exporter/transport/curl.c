/*
 * Loads libcurl for curl.h. The OpenSSL build is tried first, then the GnuTLS
 * one. The library may be the program's own: its initialisation counts users,
 * and nothing of it is ever cleaned up.
 */
#include "curl.h"

#include <dlfcn.h>

static const char *const sonames[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define X(fn) { "curl_" #fn, offsetof(struct curl_api, fn) },
    CURL_FUNCTIONS(X)
#undef X
};

static bool resolve(struct curl_api *api, void *handle, const struct exporter_host *host)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *fn = host->dlsym(handle, functions[i].name);
        if (!fn) {
            host->log(LOG_ERROR, "libcurl has no %s: spans are not exported", functions[i].name);
            return false;
        }
        memcpy((char *)api + functions[i].offset, &fn, sizeof fn);
    }
    return true;
}

bool curl_api_load(struct curl_api *api, const struct exporter_host *host)
{
    void *handle = NULL;
    for (size_t i = 0; !handle && i < sizeof sonames / sizeof sonames[0]; i++)
        handle = host->dlopen(sonames[i], RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        host->log(LOG_ERROR, "%s cannot be loaded: spans are not exported", sonames[0]);
        return false;
    }
    if (!resolve(api, handle, host))
        return false;
    if (api->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        host->log(LOG_ERROR, "libcurl does not start: spans are not exported");
        return false;
    }
    return true;
}
