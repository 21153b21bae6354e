/*
 * memcpy for texts that are short as a rule, of a length that the compiler does not know: from
 * both ends, overlapping, in a third of the instructions of a call.
 */
#ifndef OTELSHIM_MEM_COPY_TEXT_H
#define OTELSHIM_MEM_COPY_TEXT_H

#include <stddef.h>
#include <string.h>

static inline void copy_text(void *to, const void *from, size_t len)
{
    unsigned char *out = to;
    const unsigned char *text = from;
    if (len < 8) {
        if (len >= 4) {
            memcpy(out, text, 4);
            memcpy(out + len - 4, text + len - 4, 4);
        } else if (len >= 2) {
            memcpy(out, text, 2);
            memcpy(out + len - 2, text + len - 2, 2);
        } else if (len == 1) { /* an empty text may be NULL */
            out[0] = text[0];
        }
    } else if (len <= 16) {
        memcpy(out, text, 8);
        memcpy(out + len - 8, text + len - 8, 8);
    } else if (len <= 32) {
        memcpy(out, text, 16);
        memcpy(out + len - 16, text + len - 16, 16);
    } else {
        memcpy(out, text, len);
    }
}

#endif
