/*
 * Which TLS version a transfer uses, asked of the TLS library behind libcurl.
 *
 * libcurl hands out its session object only while the transfer has a connection,
 * and the object belongs to the very library that libcurl is bound to. A program
 * that brings its own OpenSSL functions may have captured libcurl's calls; then
 * a function of the other library must not see the object, so nothing is asked.
 */
#include <dlfcn.h>
#include <string.h>

#include "curl_transfer.h"

/* GNUTLS_TLS1_0 .. GNUTLS_TLS1_3 of <gnutls/gnutls.h>, a stable ABI. */
enum { GNUTLS_TLS1_0 = 2, GNUTLS_TLS1_3 = 5 };

typedef const char *ssl_get_version_fn(const void *ssl);
typedef int gnutls_version_fn(const void *session);

/* A function of the TLS library and the one address that was found to be safe.
 * Written by any thread, always for good: the library does not change under libcurl. */
struct tls_function {
    struct hook hook;
    _Atomic(void *) safe;
};

/*
 * The function that libcurl would reach by this name: the one next to libcurl,
 * unless the program's global scope has another one in front of it.
 */
static void *of_tls_library(struct tls_function *f, const void *libcurl)
{
    static struct hook find = { .name = "dlsym" };
    void *near = real_of(&f->hook, libcurl);
    if (near == atomic_load_explicit(&f->safe, memory_order_relaxed))
        return near;
    void *(*real_dlsym)(void *, const char *) = real_of(&find, libcurl);
    Dl_info info;
    /* Where nothing defines the name, real_of gave a stand-in of ours. */
    if (near == NULL || real_dlsym == NULL || !dladdr(near, &info) || info.dli_sname == NULL ||
        strcmp(info.dli_sname, f->hook.name) != 0)
        return NULL;
    void *global = real_dlsym(RTLD_DEFAULT, f->hook.name);
    if (global != NULL && global != near)
        return NULL;
    atomic_store_explicit(&f->safe, near, memory_order_relaxed);
    return near;
}

static uint8_t openssl_version(const void *ssl, const void *libcurl)
{
    static struct tls_function version = { .hook = { .name = "SSL_get_version" } };
    ssl_get_version_fn *get_version;
    void *fn = of_tls_library(&version, libcurl);
    if (fn == NULL)
        return 0;
    memcpy(&get_version, &fn, sizeof fn);
    const char *text = get_version(ssl); /* "TLSv1.3", "TLSv1" */
    if (text == NULL || strncmp(text, "TLSv1", 5) != 0)
        return 0;
    bool has_minor = text[5] == '.' && text[6] >= '0' && text[6] <= '9';
    return (uint8_t)(0x10 + (has_minor ? text[6] - '0' : 0));
}

static uint8_t gnutls_version(const void *session, const void *libcurl)
{
    static struct tls_function protocol = { .hook = { .name = "gnutls_protocol_get_version" } };
    gnutls_version_fn *get_version;
    void *fn = of_tls_library(&protocol, libcurl);
    if (fn == NULL)
        return 0;
    memcpy(&get_version, &fn, sizeof fn);
    int v = get_version(session);
    return (uint8_t)(v < GNUTLS_TLS1_0 || v > GNUTLS_TLS1_3 ? 0 : 0x10 + v - GNUTLS_TLS1_0);
}

uint8_t curl_tls_version(struct curl_easy *e)
{
    struct curl_tlssessioninfo *session = NULL;
    const void *libcurl = (const void *)(uintptr_t)e->getinfo;
    if (e->getinfo(e->easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || session == NULL ||
        session->internals == NULL)
        return 0;
    if (session->backend == CURLSSLBACKEND_OPENSSL)
        return openssl_version(session->internals, libcurl);
    if (session->backend == CURLSSLBACKEND_GNUTLS)
        return gnutls_version(session->internals, libcurl);
    return 0;
}
