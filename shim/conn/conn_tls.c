/*
 * Connections with TLS above them: their bytes come from a library's hook, in the clear, and
 * what the session has agreed on is kept as numbers of a few texts.
 */
#include "conn/conn_internal.h"

/* Texts of TLS versions and protocols, by number; filled by any thread, never emptied. */
#define CONN_MAX_TEXTS 32u
#define CONN_TEXT_MASK 63u /* what struct conn has room for */
static _Atomic(const char *) texts[CONN_MAX_TEXTS];

struct conn *conn_begin_tls(int fd, enum conn_role role)
{
    if ((unsigned)fd >= conn_fd_limit)
        return NULL;
    struct conn *c = conn_known(fd);
    if (c == NULL || (c->flags & CONN_GIVEN_UP)) {
        /* Given up as ciphertext, or never looked at. */
        struct peer peer = { .flags = 0 };
        uint32_t begun_for = 0;
        if (c != NULL) {
            peer = c->peer;
            begun_for = c->begun_for;
            c->peer = (struct peer){ .flags = 0 }; /* moved */
        } else if (conn_socket_option(fd, SO_TYPE) != SOCK_STREAM) {
            return NULL;
        }
        c = conn_attach(fd, role);
        if (c == NULL) {
            peer_forget(&peer);
            return NULL;
        }
        c->peer = peer;
        c->begun_for = begun_for;
    }
    if (!conn_hold(c))
        return NULL;
    if (!(c->flags & CONN_TLS_ABOVE)) {
        stream_drop(c);
        c->flags = (uint8_t)((c->flags & ~CONN_SPOKEN) | CONN_TLS_ABOVE);
        if (role != CONN_ROLE_UNKNOWN)
            c->role = (uint8_t)role;
    }
    conn_kinds[fd] = CONN_TLS;
    conn_let_go(c);
    return c;
}

static uint8_t text_number(const char *text)
{
    for (uint8_t i = 0; text != NULL && i < CONN_MAX_TEXTS; i++) {
        const char *known = NULL;
        if (atomic_compare_exchange_strong(&texts[i], &known, text) || strcmp(known, text) == 0)
            return (uint8_t)(i + 1);
    }
    return 0;
}

const char *conn_text(uint8_t number)
{
    return number != 0 ? atomic_load_explicit(&texts[number - 1], memory_order_acquire) : NULL;
}

void conn_set_tls(struct conn *c, const char *protocol_version, const char *next_protocol)
{
    if (!conn_hold(c))
        return;
    c->tls_version = text_number(protocol_version) & CONN_TEXT_MASK;
    c->tls_next = text_number(next_protocol) & CONN_TEXT_MASK;
    conn_let_go(c);
}
