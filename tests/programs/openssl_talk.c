/* libs: -lssl -lcrypto */
/*
 * OpenSSL in tls_talk.h. Arguments: certificate, key, then "partial", "moving", "ex";
 * "rekey": new keys, of both sides, before each write (TLS 1.3); "client" or "server":
 * that side begins a new handshake before each of its writes (TLS 1.2; where both do, OpenSSL 3.0
 * waits for ever when a message takes two writes).
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls_talk.h"

static int uses_ex, rekeys, renegotiates;
static int renegotiating_side; /* as SSL_is_server says */
static int is_pending;         /* a write that must be repeated; one side writes at a time */
static long renewed;

/* Asked for here, done inside the next write. */
static void renew(SSL *ssl)
{
    if (rekeys && SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1)
        fail("key update");
    if (renegotiates && SSL_is_server(ssl) != renegotiating_side)
        return;
    if (renegotiates && SSL_renegotiate(ssl) != 1)
        fail("renegotiation");
    renewed++;
}

static long result_of(SSL *ssl, int n, size_t bytes)
{
    if (n > 0)
        return (long)bytes;
    int error = SSL_get_error(ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return AGAIN;
    ERR_print_errors_fp(stderr);
    return -2;
}

static long ssl_write(struct side *s, const void *bytes, size_t len)
{
    size_t written = 0;
    if ((rekeys || renegotiates) && !is_pending)
        renew(s->session);
    int n = uses_ex ? SSL_write_ex(s->session, bytes, len, &written)
                    : SSL_write(s->session, bytes, (int)len);
    long result = result_of(s->session, n, uses_ex ? written : (size_t)n);
    is_pending = result == AGAIN;
    return result;
}

static long ssl_read(struct side *s, void *bytes, size_t len)
{
    size_t got = 0;
    char peeked = 0;
    int p = SSL_peek(s->session, &peeked, 1);
    int n =
        uses_ex ? SSL_read_ex(s->session, bytes, len, &got) : SSL_read(s->session, bytes, (int)len);
    if (p == 1 && (n <= 0 || *(char *)bytes != peeked))
        fail("peek");
    return result_of(s->session, n, uses_ex ? got : (size_t)n);
}

int main(int argc, char **argv)
{
    int pair[2], moving = 0, partial = 0;
    for (int i = 3; i < argc; i++) {
        moving |= strcmp(argv[i], "moving") == 0;
        partial |= strcmp(argv[i], "partial") == 0;
        uses_ex |= strcmp(argv[i], "ex") == 0;
        rekeys |= strcmp(argv[i], "rekey") == 0;
        renegotiating_side |= strcmp(argv[i], "server") == 0;
        renegotiates |= renegotiating_side || strcmp(argv[i], "client") == 0;
    }
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (SSL_CTX_use_certificate_file(ctx, argv[1], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1)
        fail("certificate");
    if (moving)
        SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (partial)
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    if (renegotiates) {
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
        SSL_CTX_set_options(ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    }
    make_pair(pair);
    SSL *a = SSL_new(ctx), *b = SSL_new(ctx);
    SSL_set_fd(a, pair[0]);
    SSL_set_fd(b, pair[1]);
    SSL_set_connect_state(a);
    SSL_set_accept_state(b);
    while (!SSL_is_init_finished(a) || !SSL_is_init_finished(b)) {
        SSL_do_handshake(a);
        SSL_do_handshake(b);
    }
    struct side client = { a, ssl_write, ssl_read, moving, 0 };
    struct side server = { b, ssl_write, ssl_read, moving, 0 };
    talk_of_everything(&client, &server);
    if (rekeys || renegotiates)
        printf("renewed %s %s\n", renegotiates ? "handshakes" : "keys",
               (renegotiates ? SSL_total_renegotiations(a) : renewed) >= 4 ? "in each message"
                                                                           : "too seldom");
    SSL_shutdown(a);
    SSL_shutdown(b);
    SSL_free(a);
    SSL_free(b);
    SSL_CTX_free(ctx);
    return 0;
}
