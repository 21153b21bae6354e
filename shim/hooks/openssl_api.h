/*
 * What the hooks use of <openssl/ssl.h>, 1.1.1 and 3: the build needs no OpenSSL, and
 * which one is behind the hooks is known at run time only.
 */
#ifndef OTELSHIM_HOOKS_OPENSSL_API_H
#define OTELSHIM_HOOKS_OPENSSL_API_H

#include <stddef.h>
#include <sys/types.h>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct bio_st BIO;

/* Values of SSL_get_error, SSL_want, SSL_ctrl and ERR codes: the ABI of every version since 1.1. */
enum {
    SSL_ERROR_SSL = 1,
    SSL_ERROR_SYSCALL = 5,
    SSL_ERROR_ZERO_RETURN = 6,
    SSL_NOTHING = 1,
    SSL_CTRL_MODE = 33,
    SSL_MODE_ENABLE_PARTIAL_WRITE = 1,
    SSL_R_UNEXPECTED_EOF_WHILE_READING = 294,
    ERR_REASON_MASK = 0x7fffff,
};

SSL *SSL_new(SSL_CTX *ctx);
int SSL_up_ref(SSL *ssl);
void SSL_free(SSL *ssl);
int SSL_clear(SSL *ssl);
int SSL_accept(SSL *ssl);
int SSL_connect(SSL *ssl);
int SSL_do_handshake(SSL *ssl);
int SSL_read(SSL *ssl, void *buf, int num);
int SSL_read_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes);
int SSL_peek(SSL *ssl, void *buf, int num);
int SSL_peek_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes);
int SSL_read_early_data(SSL *ssl, void *buf, size_t num, size_t *readbytes);
int SSL_write(SSL *ssl, const void *buf, int num);
int SSL_write_ex(SSL *ssl, const void *buf, size_t num, size_t *written);
int SSL_write_early_data(SSL *ssl, const void *buf, size_t num, size_t *written);
ssize_t SSL_sendfile(SSL *ssl, int fd, off_t offset, size_t size, int flags);

/* Called, not hooked: of the same library as the session. */
typedef int ssl_get_error_fn(const SSL *ssl, int result);
typedef long ssl_ctrl_fn(SSL *ssl, int command, long number, void *pointer);
typedef int ssl_ask_fn(const SSL *ssl);
typedef BIO *ssl_get_rbio_fn(const SSL *ssl);
typedef const char *bio_method_name_fn(const BIO *bio);
typedef const char *ssl_get_version_fn(const SSL *ssl);
typedef void ssl_get0_alpn_selected_fn(const SSL *ssl, const unsigned char **data, unsigned *len);
typedef unsigned long err_peek_last_error_fn(void);

#endif
