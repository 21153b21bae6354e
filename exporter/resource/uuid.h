/* A random UUID, version 4 (RFC 9562), as text. */
#ifndef OTELSHIM_RESOURCE_UUID_H
#define OTELSHIM_RESOURCE_UUID_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>

#define UUID_BYTES 36u

/* False: the kernel has no random bytes yet. */
static inline bool uuid_make(char text[static UUID_BYTES + 1])
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, GRND_NONBLOCK) != sizeof b)
        return false;
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    snprintf(text, UUID_BYTES + 1,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return true;
}

#endif
