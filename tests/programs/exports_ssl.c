/* libs: -rdynamic */
/*
 * A program that brings OpenSSL's names along and exports them, as Node does. A
 * library in the same process that binds to them instead of its own libssl
 * would end here, with words on stderr.
 */
#include <stdlib.h>
#include <unistd.h>
#include "lookup.h"

#define CAPTURED(name) \
    void *name(void); \
    void *name(void) \
    { \
        static const char text[] = #name " of the program was called\n"; \
        if (write(2, text, sizeof text - 1) < 0) \
            abort(); \
        abort(); \
    }

CAPTURED(SSL_new)
CAPTURED(SSL_CTX_new)
CAPTURED(SSL_connect)
CAPTURED(SSL_read)
CAPTURED(SSL_write)
CAPTURED(SSL_free)
CAPTURED(TLS_client_method)
CAPTURED(OPENSSL_init_ssl)
CAPTURED(nghttp2_session_client_new)
CAPTURED(curl_easy_init)
CAPTURED(curl_multi_init)
CAPTURED(curl_global_init)
CAPTURED(inflateInit_)
CAPTURED(XXH64)

int main(void)
{
    int r = lookup();
    printf("lookup %d\n", r);
    return 0;
}
