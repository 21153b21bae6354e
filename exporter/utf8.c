/*
 * UTF-8 check and repair (RFC 3629: no overlong forms, no surrogates, nothing
 * above U+10FFFF). Texts are ASCII nearly always: that is asked first.
 */
#include "utf8.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

size_t utf8_sequence(const unsigned char *s, size_t len)
{
    unsigned char c = s[0];
    if (c < 0x80)
        return 1;
    if (c < 0xC2)
        return 0;
    if (c < 0xE0)
        return len >= 2 && is_tail(s[1]) ? 2 : 0;
    if (c < 0xF0) {
        if (len < 3 || !is_tail(s[1]) || !is_tail(s[2]))
            return 0;
        bool overlong = c == 0xE0 && s[1] < 0xA0;
        bool surrogate = c == 0xED && s[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (c > 0xF4 || len < 4 || !is_tail(s[1]) || !is_tail(s[2]) || !is_tail(s[3]))
        return 0;
    bool overlong = c == 0xF0 && s[1] < 0x90;
    bool too_high = c == 0xF4 && s[1] >= 0x90;
    return overlong || too_high ? 0 : 4;
}

bool utf8_is_well_formed(const unsigned char *s, size_t len)
{
    if (utf8_is_ascii(s, len))
        return true;
    for (size_t i = 0; i < len;) {
        size_t n = utf8_sequence(s + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

size_t utf8_prefix(const unsigned char *s, size_t len, size_t chars)
{
    if (len <= chars) /* a character is a byte at least */
        return len;
    size_t i = 0;
    for (; i < len; i++) {
        if (!is_tail(s[i]) && chars-- == 0)
            break;
    }
    return i;
}

size_t utf8_repair(const unsigned char *s, size_t len, unsigned char *out)
{
    unsigned char *at = out;
    for (size_t i = 0; i < len;) {
        size_t n = utf8_sequence(s + i, len - i);
        if (n == 0) {
            *at++ = 0xEF;
            *at++ = 0xBF;
            *at++ = 0xBD;
            i++;
        } else {
            memcpy(at, s + i, n);
            at += n;
            i += n;
        }
    }
    return (size_t)(at - out);
}
