/* Opens libnghttp2 for nghttp2_api.h; libcurl has it loaded already, nearly always. */
#include "nghttp2_api.h"

#include <dlfcn.h>

#define SONAME "libnghttp2.so.14"

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define X(fn) { "nghttp2_" #fn, offsetof(struct nghttp2_api, fn) },
    NGHTTP2_FUNCTIONS(X)
#undef X
};

/* Background thread; a forked child starts over with nghttp2_start_over. */
static struct {
    struct nghttp2_api api;
    bool tried, good;
} library;

void nghttp2_start_over(void)
{
    memset(&library, 0, sizeof library);
}

static bool load(const struct exporter_host *host)
{
    void *handle = host->dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        host->log(LOG_ERROR, SONAME ", which speaks HTTP/2, cannot be loaded: "
                                    "spans are not exported");
        return false;
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *fn = host->dlsym(handle, functions[i].name);
        if (!fn) {
            host->log(LOG_ERROR, SONAME " has no %s: spans are not exported", functions[i].name);
            return false;
        }
        memcpy((char *)&library.api + functions[i].offset, &fn, sizeof fn);
    }
    return true;
}

const struct nghttp2_api *nghttp2_open(const struct exporter_host *host)
{
    if (!library.tried)
        library.good = load(host);
    library.tried = true;
    return library.good ? &library.api : NULL;
}
