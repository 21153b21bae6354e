/*
 * UTF-8 as OTLP demands it. Programs hand us bytes of any encoding; a collector
 * refuses a whole request for one bad byte in a string.
 */
#ifndef OTELSHIM_UTF8_H
#define OTELSHIM_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A repaired text is at most this many times as long: U+FFFD takes 3 bytes. */
#define UTF8_REPAIR_GROWTH 3u

/* What nearly all texts are. Words, of which the last may overlap the one before it. */
static inline bool utf8_is_ascii(const unsigned char *s, size_t len)
{
    uint64_t any = 0, word;
    uint32_t half;
    if (len >= sizeof word) {
        for (size_t i = 0; i < len - sizeof word; i += sizeof word) {
            memcpy(&word, s + i, sizeof word);
            any |= word;
        }
        memcpy(&word, s + len - sizeof word, sizeof word);
        any |= word;
    } else if (len >= sizeof half) {
        memcpy(&half, s, sizeof half);
        any |= half;
        memcpy(&half, s + len - sizeof half, sizeof half);
        any |= half;
    } else if (len > 0) { /* first, middle, last: all that there are */
        any = s[0] | s[len / 2] | s[len - 1];
    }
    return (any & UINT64_C(0x8080808080808080)) == 0;
}

/* Bytes of the well-formed sequence at `s` (room of `len` bytes), 0 if there is none. */
size_t utf8_sequence(const unsigned char *s, size_t len);
bool utf8_is_well_formed(const unsigned char *s, size_t len);
/* Bytes of the first `chars` characters (code points) of well-formed text. */
size_t utf8_prefix(const unsigned char *s, size_t len, size_t chars);
/* Copies `s`, each byte that belongs to no sequence replaced by U+FFFD. `out` has
 * room for UTF8_REPAIR_GROWTH * len. Returns the bytes written. */
size_t utf8_repair(const unsigned char *s, size_t len, unsigned char *out);

#endif
