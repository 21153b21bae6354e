/*
 * The other end of a connection; see peer.h.
 */
#include "conn/peer.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "conn/pool.h"
#include "diag.h"

/* An address of any kind, and the one behind it. */
struct far_peer {
    struct peer near; /* what the struct peer held: address and port of INET and INET6 */
    struct peer source;
    uint8_t path_len;
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
};
_Static_assert(sizeof((struct far_peer *)NULL)->path <= PEER_TEXT, "a path fits its text");

/* Any thread; a forked child has a copy. */
STATIC_POOL(far_pool, sizeof(struct far_peer), 64, PEER_MAX_FAR);

static struct far_peer *far_of(const struct peer *p)
{
    return p->flags & PEER_FAR ? pool_at(&far_pool, p->far) : NULL;
}

/* The block of a peer, made when there is none. NULL: all are in use. */
static struct far_peer *far_make(struct peer *p)
{
    struct far_peer *far = far_of(p);
    if (far != NULL)
        return far;
    uint32_t number = pool_take(&far_pool);
    if (number == POOL_NONE) {
        diag_drop(DROP_TABLE_FULL, 1);
        return NULL;
    }
    far = pool_at(&far_pool, number);
    memset(far, 0, sizeof *far);
    far->near = *p;
    p->far = number;
    p->flags |= PEER_FAR;
    return far;
}

void peer_forget(struct peer *p)
{
    if (p->flags & PEER_FAR)
        pool_give(&far_pool, p->far);
    *p = (struct peer){ .flags = 0 };
}

static void set_path(struct peer *p, const struct sockaddr *address, socklen_t len)
{
    const size_t at = offsetof(struct sockaddr_un, sun_path);
    const char *path = (const char *)(const void *)address + at;
    size_t max = len > at ? len - at : 0;
    if (max == 0)
        return; /* a socketpair, or a client that was not bound */
    struct far_peer *far = max <= sizeof far->path ? far_make(p) : NULL;
    if (far == NULL)
        return;
    /* An abstract name is all of it, zeros included. */
    far->path_len = (uint8_t)(path[0] == 0 ? max : strnlen(path, max));
    memcpy(far->path, path, far->path_len);
    if (path[0] == 0)
        far->path[0] = '@';
}

void peer_set(struct peer *p, const struct sockaddr *address, socklen_t len)
{
    if (address == NULL || len < sizeof address->sa_family)
        return;
    const void *bytes = address;
    struct peer new = { .family = (uint8_t)address->sa_family, .flags = PEER_KNOWN };
    if (address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = bytes;
        memcpy(new.address, &in->sin_addr, sizeof in->sin_addr);
        new.port = ntohs(in->sin_port);
    } else if (address->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6 *in6 = bytes;
        memcpy(new.address, &in6->sin6_addr, sizeof in6->sin6_addr);
        new.port = ntohs(in6->sin6_port);
    } else if (address->sa_family == AF_UNIX) {
        set_path(&new, address, len);
    } else {
        return;
    }
    peer_forget(p);
    *p = new;
}

bool peer_ask(struct peer *p, int fd)
{
    if (!(p->flags & PEER_KNOWN) && fd >= 0) {
        struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
        socklen_t len = sizeof address;
        if (getpeername(fd, (struct sockaddr *)(void *)&address, &len) == 0)
            peer_set(p, (struct sockaddr *)(void *)&address, len);
    }
    return p->flags & PEER_KNOWN;
}

void peer_proxied(struct peer *p, const struct proxy *header)
{
    if (header->family == PROXY_UNKNOWN)
        return;
    p->flags |= PEER_PROXIED;
    struct far_peer *far = far_make(p);
    if (far == NULL)
        return;
    far->source.family = header->family == PROXY_INET ? AF_INET : AF_INET6;
    far->source.port = header->source_port;
    far->source.flags = PEER_KNOWN;
    memcpy(far->source.address, header->source, sizeof far->source.address);
}

/* ---- as text ---- */

/* Writes the digits of a byte; behind them. */
static char *put_byte(char *out, unsigned value)
{
    if (value < 10) { /* a third of all */
        *out++ = (char)('0' + value);
        return out;
    }
    if (value >= 100) {
        *out++ = (char)('0' + value / 100);
        value %= 100;
        *out++ = (char)('0' + value / 10);
    } else {
        *out++ = (char)('0' + value / 10);
    }
    *out++ = (char)('0' + value % 10);
    return out;
}

/* glibc's goes by way of sprintf: 1,200 instructions. */
static struct text inet_text(const unsigned char *address, char out[static PEER_TEXT])
{
    char *end = put_byte(out, address[0]);
    for (unsigned i = 1; i < 4; i++) {
        *end++ = '.';
        end = put_byte(end, address[i]);
    }
    return (struct text){ out, (size_t)(end - out) };
}

static struct text digits_of(const struct peer *p, char out[static PEER_TEXT])
{
    if (p->family == AF_INET)
        return inet_text(p->address, out);
    if (p->family != AF_INET6)
        return (struct text){ out, 0 };
    if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)p->address))
        return inet_text(p->address + 12, out);
    const char *digits = inet_ntop(p->family, p->address, out, PEER_TEXT);
    return (struct text){ out, digits != NULL ? strlen(digits) : 0 };
}

struct text peer_address(const struct peer *p, char room[static PEER_TEXT])
{
    const struct far_peer *far = far_of(p);
    if (!(p->flags & PEER_KNOWN))
        return (struct text){ room, 0 };
    if (p->family != AF_UNIX)
        return digits_of(far != NULL ? &far->near : p, room);
    size_t len = far != NULL ? far->path_len : 0;
    memcpy(room, far != NULL ? far->path : "", len);
    return (struct text){ room, len };
}

uint16_t peer_port(const struct peer *p)
{
    return p->port;
}

struct text peer_client(const struct peer *p, char room[static PEER_TEXT])
{
    const struct far_peer *far = far_of(p);
    if (!(p->flags & PEER_PROXIED))
        return peer_address(p, room);
    return far != NULL ? digits_of(&far->source, room) : (struct text){ room, 0 };
}
