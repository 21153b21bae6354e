/* Ids in hexadecimal digits, to bytes and back. Inline: they are read and written with every
 * request that goes through. */
#ifndef OTELSHIM_CONTEXT_HEX_H
#define OTELSHIM_CONTEXT_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A digit's value; with HEX_UPPER a capital's; HEX_BAD: no digit. Digits in a table: a third of
 * the instructions that comparisons take, and no branch that ids would mislead. */
#define HEX_UPPER 0x10u
#define HEX_BAD 0x80u
extern const uint8_t hex_digits[256] __attribute__((visibility("hidden")));

/* 2 * `bytes` digits in lower case. False: others; `out` is undefined then. */
static inline bool hex_read_lower(const char *text, uint8_t *out, size_t bytes)
{
    unsigned seen = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned high = hex_digits[(unsigned char)text[2 * i]];
        unsigned low = hex_digits[(unsigned char)text[2 * i + 1]];
        seen |= high | low;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return !(seen & (HEX_UPPER | HEX_BAD));
}

/*
 * 1 to 2 * `bytes` digits of either case become a number of `bytes` bytes, zeros in front. False: other
 * characters, or another number of them; `out` is undefined then.
 */
static inline bool hex_read_padded(const char *text, size_t len, uint8_t *out, size_t bytes)
{
    if (len == 0 || len > 2 * bytes)
        return false;
    memset(out, 0, bytes);
    for (size_t i = 0; i < len; i++) {
        unsigned digit = hex_digits[(unsigned char)text[len - 1 - i]];
        if (digit & HEX_BAD)
            return false;
        out[bytes - 1 - i / 2] |= (uint8_t)((digit & 15) << (i % 2 * 4));
    }
    return true;
}

/* Lower case; returns what is behind them. */
static inline char *hex_write(char *to, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return to;
}

#endif
