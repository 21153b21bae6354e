/* libs: -lgnutls */
/*
 * GnuTLS in tls_talk.h. Arguments: certificate, key, then "null": repeats by NULL and 0;
 * "rekey": new keys, of both sides, before each request (TLS 1.3; it takes 8 in a second);
 * "rehandshake": a new handshake, begun by the client, before each request and answer (TLS 1.2);
 * "forms": the other functions that send and receive, and a protocol agreed upon (ALPN).
 */
#include <gnutls/gnutls.h>

#include "tls_talk.h"

static int repeats_by_null, rekeys, rehandshakes, other_forms;
static unsigned long renewed;
static gnutls_session_t client_session, server_session;

/* The server hears of it where it reads. */
static void shake_hands_again(void)
{
    int client = GNUTLS_E_AGAIN, server = GNUTLS_E_AGAIN, heard = 0;
    while (client != 0 || server != 0) {
        char byte;
        if (client != 0)
            client = gnutls_handshake(client_session);
        if (!heard)
            heard = gnutls_record_recv(server_session, &byte, 1) == GNUTLS_E_REHANDSHAKE;
        else if (server != 0)
            server = gnutls_handshake(server_session);
        if (gnutls_error_is_fatal(client) || gnutls_error_is_fatal(server))
            fail("handshake");
    }
    renewed++;
}
static int is_pending[2];

static long result_of(ssize_t n)
{
    if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
        return AGAIN;
    if (n < 0)
        fprintf(stderr, "%s\n", gnutls_strerror((int)n));
    return n < 0 ? -2 : (long)n;
}

/* The client's request may have to be repeated; the answer goes out at once. */
static long send_otherwise(struct side *s, const void *bytes, size_t len)
{
    if (s->session == client_session)
        return result_of(gnutls_record_send2(s->session, bytes, len, 0, 0));
    gnutls_range_st exactly = { len, len };
    return result_of(gnutls_record_send_range(s->session, bytes, len, &exactly));
}

static long tls_send(struct side *s, const void *bytes, size_t len)
{
    int *pending = &is_pending[s->moves];
    if (other_forms)
        return send_otherwise(s, bytes, len);
    if (rekeys && !*pending && memcmp(bytes, "POST ", 5) == 0) {
        int n = gnutls_session_key_update(s->session, GNUTLS_KU_PEER);
        if (n != 0)
            return result_of(n);
        renewed++;
    }
    if (rehandshakes && !*pending &&
        (memcmp(bytes, "POST ", 5) == 0 || memcmp(bytes, "HTTP/", 5) == 0))
        shake_hands_again();
    ssize_t n = *pending && repeats_by_null ? gnutls_record_send(s->session, NULL, 0)
                                            : gnutls_record_send(s->session, bytes, len);
    *pending = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
    return result_of(n);
}

/* A packet is a whole record: what the caller has no room for waits for the next time. */
static long recv_otherwise(struct side *s, void *bytes, size_t len)
{
    static char rest[LARGE];
    static size_t have;
    unsigned char sequence[8];
    gnutls_packet_t packet;
    gnutls_datum_t data;
    if (s->session == server_session)
        return result_of(gnutls_record_recv_seq(s->session, bytes, len, sequence));
    if (have == 0) {
        ssize_t n = gnutls_record_recv_packet(s->session, &packet);
        if (n <= 0)
            return result_of(n);
        gnutls_packet_get(packet, &data, NULL);
        memcpy(rest, data.data, have = data.size);
        gnutls_packet_deinit(packet);
    }
    size_t n = have < len ? have : len;
    memcpy(bytes, rest, n);
    memmove(rest, rest + n, have -= n);
    return (long)n;
}

static long tls_recv(struct side *s, void *bytes, size_t len)
{
    if (other_forms)
        return recv_otherwise(s, bytes, len);
    return result_of(gnutls_record_recv(s->session, bytes, len));
}

static gnutls_session_t make(unsigned flags, int fd, gnutls_certificate_credentials_t credentials)
{
    gnutls_session_t session;
    if (gnutls_init(&session, flags | GNUTLS_NONBLOCK) != 0 ||
        gnutls_priority_set_direct(session, rehandshakes ? "NORMAL:-VERS-TLS1.3" : "NORMAL",
                                   NULL) != 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) != 0)
        fail("session");
    static unsigned char protocol[] = "http/1.1";
    gnutls_datum_t agreed = { protocol, sizeof protocol - 1 };
    if (other_forms && gnutls_alpn_set_protocols(session, &agreed, 1, GNUTLS_ALPN_MANDATORY) != 0)
        fail("protocol");
    gnutls_transport_set_int(session, fd);
    return session;
}

int main(int argc, char **argv)
{
    int pair[2];
    gnutls_certificate_credentials_t credentials;
    repeats_by_null = argc > 3 && strcmp(argv[3], "null") == 0;
    rekeys = argc > 3 && strcmp(argv[3], "rekey") == 0;
    other_forms = argc > 3 && strcmp(argv[3], "forms") == 0;
    rehandshakes = argc > 3 && strcmp(argv[3], "rehandshake") == 0;
    gnutls_certificate_allocate_credentials(&credentials);
    if (gnutls_certificate_set_x509_key_file(credentials, argv[1], argv[2], GNUTLS_X509_FMT_PEM) !=
        0)
        fail("certificate");
    make_pair(pair);
    gnutls_session_t a = make(GNUTLS_CLIENT, pair[0], credentials);
    gnutls_session_t b = make(GNUTLS_SERVER, pair[1], credentials);
    client_session = a;
    server_session = b;
    for (int x = 1, y = 1; x != 0 || y != 0;) {
        x = x != 0 ? gnutls_handshake(a) : 0;
        y = y != 0 ? gnutls_handshake(b) : 0;
        if (gnutls_error_is_fatal(x) || gnutls_error_is_fatal(y))
            fail("handshake");
    }
    /* The client's buffers move; so its writes are number 1 of is_pending. */
    struct side client = { a, tls_send, tls_recv, 1, 0 }, server = { b, tls_send, tls_recv, 0, 0 };
    talk_of_everything(&client, &server);
    if (rekeys || rehandshakes)
        printf("renewed %s: %lu times\n", rekeys ? "keys" : "handshakes", renewed);
    gnutls_bye(a, GNUTLS_SHUT_WR);
    gnutls_bye(b, GNUTLS_SHUT_WR);
    gnutls_deinit(a);
    gnutls_deinit(b);
    gnutls_certificate_free_credentials(credentials);
    return 0;
}
