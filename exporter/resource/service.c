/* The service's instance: a random id (UUID, version 4) for each process. */
#include <stdio.h>
#include <sys/random.h>

#include "detector.h"

static void detect(const struct detection *d)
{
    unsigned char b[16];
    char text[UUID_BYTES + 1];
    if (getrandom(b, sizeof b, GRND_NONBLOCK) != sizeof b)
        return;
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    snprintf(text, sizeof text,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    detected_string(d, "service.instance.id", text);
}

const struct detector detect_service = { "service", DETECT_SERVICE, detect };
