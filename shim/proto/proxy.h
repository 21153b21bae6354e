/*
 * The PROXY protocol, versions 1 (text) and 2 (binary): one header ahead of a
 * connection's first request that names the real client.
 *
 * Pure and resumable at every byte, as all of proto/. Use: proxy_detect on the
 * connection's first bytes; when it says YES, feed them and all that follow to
 * proxy_feed until it is done; the bytes behind belong to the next protocol.
 */
#ifndef OTELSHIM_PROTO_PROXY_H
#define OTELSHIM_PROTO_PROXY_H

#include <stddef.h>
#include <stdint.h>

#define PROXY_DETECT_MAX 12u  /* proxy_detect is sure with so many bytes */
#define PROXY_MAX_TEXT 107u   /* version 1, with its line end */
#define PROXY_MAX_SKIP 65535u /* version 2: addresses and TLVs */

enum proxy_guess { PROXY_NO, PROXY_UNSURE, PROXY_YES };

enum proxy_result {
    PROXY_MORE, /* all bytes are taken, the header goes on */
    PROXY_DONE, /* complete; *taken says where the next protocol begins */
    PROXY_BAD,  /* malformed: give the connection up */
};

enum proxy_family {
    PROXY_UNKNOWN, /* the sender did not say (UNKNOWN, LOCAL, unix): the socket's own peer holds */
    PROXY_INET,
    PROXY_INET6,
};

struct proxy {
    /* For the caller to read after PROXY_DONE. Addresses in network order, ports in host
     * order; INET uses the first 4 bytes. */
    uint8_t family; /* enum proxy_family */
    uint16_t source_port, destination_port;
    uint8_t source[16], destination[16];
    /* The parser's own. */
    uint8_t have;  /* bytes in text */
    uint32_t skip; /* bytes of TLVs to come */
    char text[PROXY_MAX_TEXT];
};

enum proxy_guess proxy_detect(const char *bytes, size_t len);
/* `p` all zero at first. *taken: bytes dealt with. */
enum proxy_result proxy_feed(struct proxy *p, const char *bytes, size_t len, size_t *taken);

#endif
