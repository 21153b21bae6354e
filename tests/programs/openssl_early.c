/* libs: -lssl -lcrypto */
/*
 * Requests as early data: the client speaks before the handshake is done. Then the life
 * of a session object beyond the usual: referenced twice and freed once, cleared and
 * used again. Arguments: certificate, key.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

static void check(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void connect_pair(SSL *client, SSL *server, int pair[2])
{
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0, "socketpair");
    SSL_set_fd(client, pair[0]);
    SSL_set_fd(server, pair[1]);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
}

static void shake_hands(SSL *client, SSL *server)
{
    for (int i = 0; i < 20; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    check(SSL_is_init_finished(client) && SSL_is_init_finished(server), "handshake");
}

/* Prints the request's first line and the answer. */
static void receive(SSL *client, SSL *server, const char *request)
{
    char got[500] = "";
    if (request == NULL)
        check(SSL_read(server, got, sizeof got - 1) > 0, "SSL_read");
    printf("%.*s\n", (int)strcspn(request ? request : got, "\r"), request ? request : got);
    check(SSL_write(server, answer, sizeof answer - 1) == sizeof answer - 1, "SSL_write");
    memset(got, 0, sizeof got);
    check(SSL_read(client, got, sizeof got - 1) == sizeof answer - 1, "answer");
    printf("%s", strstr(got, "\r\n\r\n") + 4);
}

/* A session that was not said goodbye to cannot be resumed. */
static void end(SSL *client, SSL *server, int pair[2])
{
    SSL_shutdown(client);
    SSL_shutdown(server);
    SSL_shutdown(client);
    close(pair[0]);
    close(pair[1]);
}

static void ask(SSL *client, SSL *server, const char *path)
{
    char request[200];
    int len = sprintf(request, "GET /%s HTTP/1.1\r\nHost: example.test\r\n\r\n", path);
    check(SSL_write(client, request, len) == len, "SSL_write");
    receive(client, server, NULL);
}

static void ask_early(SSL *client, SSL *server)
{
    static const char request[] = "GET /early HTTP/1.1\r\nHost: example.test\r\n\r\n";
    char got[200] = "";
    size_t n = 0;
    check(SSL_set_session(client, kept), "session");
    check(SSL_write_early_data(client, request, sizeof request - 1, &n) == 1, "early data");
    check(SSL_read_early_data(server, got, sizeof got - 1, &n) == SSL_READ_EARLY_DATA_SUCCESS &&
              n == sizeof request - 1 && memcmp(got, request, n) == 0,
          "reading early data");
    SSL_do_handshake(client);
    check(SSL_read_early_data(server, got, sizeof got, &n) != SSL_READ_EARLY_DATA_SUCCESS, "end");
    shake_hands(client, server);
    receive(client, server, request);
}

int main(int argc, char **argv)
{
    int pair[2];
    check(argc > 2, "arguments");
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    check(SSL_CTX_use_certificate_file(ctx, argv[1], SSL_FILETYPE_PEM) == 1 &&
              SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) == 1,
          "certificate");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    SSL_CTX_set_max_early_data(ctx, 4096);
    SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);

    SSL *client = SSL_new(ctx), *server = SSL_new(ctx);
    connect_pair(client, server, pair);
    shake_hands(client, server);
    ask(client, server, "first");
    SSL_up_ref(client);
    SSL_free(client);
    ask(client, server, "referenced");

    end(client, server, pair);
    check(SSL_clear(client) == 1 && SSL_clear(server) == 1, "SSL_clear");
    connect_pair(client, server, pair);
    shake_hands(client, server);
    ask(client, server, "cleared");
    end(client, server, pair);
    SSL_free(client);
    SSL_free(server);

    client = SSL_new(ctx), server = SSL_new(ctx);
    connect_pair(client, server, pair);
    ask_early(client, server);
    ask(client, server, "late");
    SSL_free(client);
    SSL_free(server);
    SSL_SESSION_free(kept);
    SSL_CTX_free(ctx);
    return 0;
}
