/* See parse.h. */
#include "parse.h"
#include "layout.h"

#include <string.h>

#define SHOWN_INPUT_BYTES 48u /* of a value: 4 characters each at worst, and the length */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

struct slice slice_of(const char *text)
{
    return (struct slice){ text, strlen(text) };
}

struct slice slice_from(struct slice s, size_t start)
{
    return start >= s.len ? (struct slice){ s.at + s.len, 0 }
                          : (struct slice){ s.at + start, s.len - start };
}

struct slice slice_until(struct slice s, size_t end)
{
    return end >= s.len ? s : (struct slice){ s.at, end };
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

bool slice_is(struct slice s, const char *text)
{
    return strlen(text) == s.len && memcmp(s.at, text, s.len) == 0;
}

bool slice_is_nocase(struct slice s, const char *text)
{
    if (strlen(text) != s.len)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (ascii_lower(s.at[i]) != ascii_lower(text[i]))
            return false;
    return true;
}

size_t slice_find(struct slice s, char c)
{
    const char *hit = s.len ? memchr(s.at, c, s.len) : NULL;
    return hit ? (size_t)(hit - s.at) : s.len;
}

bool parse_bool(struct slice s, bool *out)
{
    s = slice_trim(s);
    *out = slice_is_nocase(s, "true");
    return *out || slice_is_nocase(s, "false");
}

bool parse_uint(struct slice s, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    s = slice_trim(s);
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(s.at[i] - '0');
        if (value > max)
            return false;
    }
    if (value < min)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* Digits into *mantissa; *scale counts the places that they are short or over. */
static size_t parse_digits(struct slice s, uint64_t *mantissa, int *scale, bool fraction)
{
    size_t i = 0;
    for (; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
        if (*mantissa < UINT64_MAX / 10 - 1) {
            *mantissa = *mantissa * 10 + (uint64_t)(s.at[i] - '0');
            *scale -= fraction;
        } else { /* more digits than a double holds */
            *scale += !fraction;
        }
    }
    return i;
}

static bool parse_exponent(struct slice s, int *scale)
{
    if (s.len == 0)
        return true;
    if (s.at[0] != 'e' && s.at[0] != 'E')
        return false;
    s = slice_from(s, 1);
    bool minus = s.len > 0 && s.at[0] == '-';
    if (s.len > 0 && (minus || s.at[0] == '+'))
        s = slice_from(s, 1);
    uint32_t exponent;
    if (s.len == 0 || is_blank(s.at[0]) || !parse_uint(s, 0, 999, &exponent))
        return false;
    *scale += minus ? -(int)exponent : (int)exponent;
    return true;
}

bool parse_number(struct slice s, double min, double max, double *out)
{
    uint64_t mantissa = 0;
    int scale = 0;
    s = slice_trim(s);
    if (s.len > 0 && s.at[0] == '+')
        s = slice_from(s, 1);
    if (s.len > 512) /* keeps the scale within an int */
        return false;
    size_t digits = parse_digits(s, &mantissa, &scale, false);
    s = slice_from(s, digits);
    if (s.len > 0 && s.at[0] == '.') {
        size_t more = parse_digits(slice_from(s, 1), &mantissa, &scale, true);
        s = slice_from(s, more + 1);
        digits += more;
    }
    if (digits == 0 || !parse_exponent(s, &scale))
        return false;
    /* One division of exact numbers is correctly rounded: 0.1 is the 0.1 of
     * every other SDK (up to 15 digits, 22 places). */
    double value = (double)mantissa, power = 1;
    for (int i = 0; i < (scale < 0 ? -scale : scale) && power < 1e300; i++)
        power *= 10;
    value = scale < 0 ? value / power : value * power;
    if (!(value >= min && value <= max))
        return false;
    *out = value;
    return true;
}

bool parse_ratio(struct slice s, double *out)
{
    return parse_number(s, 0, 1, out);
}

bool parse_list_next(struct slice *rest, struct slice *item)
{
    while (rest->len > 0) {
        size_t comma = slice_find(*rest, ',');
        *item = slice_trim(slice_until(*rest, comma));
        *rest = slice_from(*rest, comma + 1);
        if (item->len > 0)
            return true;
    }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long percent_decode(struct slice s, char *out)
{
    long n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] != '%') {
            out[n++] = s.at[i];
            continue;
        }
        int high = i + 2 < s.len ? hex_digit(s.at[i + 1]) : -1;
        int low = i + 2 < s.len ? hex_digit(s.at[i + 2]) : -1;
        if (high < 0 || low < 0 || (high | low) == 0)
            return -1;
        out[n++] = (char)(high << 4 | low);
        i += 2;
    }
    return n;
}

/* Bytes of the well-formed UTF-8 sequence at p (no surrogates, no overlong forms), 0 = none. */
static size_t utf8_sequence(const unsigned char *p, size_t len)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
        return 0;
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

AT_START bool utf8_is_valid(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    while (len > 0) {
        size_t n = utf8_sequence(p, len);
        if (n == 0)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

static size_t put(char *out, size_t at, const char *text)
{
    while (*text != '\0')
        out[at++] = *text++;
    return at;
}

static size_t put_number(char *out, size_t at, size_t n)
{
    char digits[24];
    size_t i = sizeof digits;
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    memcpy(out + at, digits + i, sizeof digits - i);
    return at + sizeof digits - i;
}

void text_shown(struct slice s, char out[static SHOWN_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    size_t at_sign = slice_find(s, '@');
    if (at_sign < s.len && slice_find(s, ':') < at_sign) { /* user:password@host */
        for (size_t i = at_sign; i < s.len; i++)
            if (s.at[i] == '@')
                at_sign = i;
        n = put(out, n, "REDACTED");
        s = slice_from(s, at_sign);
    }
    for (size_t i = 0; i < s.len && i < SHOWN_INPUT_BYTES; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c >= 0x20 && c < 0x7f) {
            out[n++] = (char)c;
        } else {
            n = put(out, n, "\\x");
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    if (s.len > SHOWN_INPUT_BYTES) {
        n = put(out, n, "... (");
        n = put_number(out, n, s.len);
        n = put(out, n, " bytes)");
    }
    out[n] = '\0';
}
