/*
 * Who is at the other end of a connection: the socket's peer, and the client that a
 * PROXY header names in front of it.
 *
 * An address of IPv4 or IPv6 lies in the connection itself. What does not fit, the path of
 * a Unix socket and a PROXY header's source, has a block of a pool, which peer_forget gives
 * back: whoever drops a struct peer calls it. Copying one moves the block.
 *
 * No lock of its own: the connection's holder calls. No malloc, async-signal-safe.
 */
#ifndef OTELSHIM_CONN_PEER_H
#define OTELSHIM_CONN_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/http_attrs.h"
#include "proto/proxy.h"

/* Bounds, each a row in docs/LIMITS.md. */
#define PEER_MAX_FAR 8192u /* connections with a path or a PROXY header's source */
#define PEER_TEXT 112u     /* an address as text; a path has at most 108 bytes */

enum peer_flag {
    PEER_KNOWN = 1u << 0,   /* family is filled, and all that the kernel said with it */
    PEER_FAR = 1u << 1,     /* `far` is the number of a block */
    PEER_PROXIED = 1u << 2, /* the socket's peer is not the client */
};

struct peer {
    union {
        unsigned char address[16]; /* INET uses the first 4 bytes */
        uint32_t far;
    };
    uint16_t port;
    uint8_t family; /* AF_INET, AF_INET6, AF_UNIX */
    uint8_t flags;  /* enum peer_flag */
};

/* Takes over what accept, connect or getpeername said. Other families leave it unknown. */
void peer_set(struct peer *p, const struct sockaddr *address, socklen_t len);
/* Asks the kernel, once. False: not known. */
bool peer_ask(struct peer *p, int fd);
/* A PROXY header names another client. */
void peer_proxied(struct peer *p, const struct proxy *header);
void peer_forget(struct peer *p);

/*
 * The socket's peer as text: digits, a Unix socket's path ("@name" for an abstract one);
 * empty: not known, or without a name. Lies in `room`.
 */
struct text peer_address(const struct peer *p, char room[static PEER_TEXT]);
/* 0: none, or not known. */
uint16_t peer_port(const struct peer *p);
/* The client: a PROXY header's source, else the socket's peer. Empty: not known. */
struct text peer_client(const struct peer *p, char room[static PEER_TEXT]);

#endif
