/* The writer of json.h. */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

unsigned char *json_put(unsigned char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

unsigned char *json_put_escaped(unsigned char *at, struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) {
            *at++ = c;
        } else if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = c;
        } else {
            at = json_put(at, "\\u00");
            *at++ = (unsigned char)digits[c >> 4];
            *at++ = (unsigned char)digits[c & 15];
        }
    }
    return at;
}

unsigned char *json_put_text(unsigned char *at, struct text text)
{
    *at++ = '"';
    at = json_put_escaped(at, text);
    *at++ = '"';
    return at;
}

unsigned char *json_put_string(unsigned char *at, const char *text)
{
    return json_put_text(at, (struct text){ (const unsigned char *)text, strlen(text) });
}

unsigned char *json_put_u64(unsigned char *at, uint64_t v)
{
    unsigned char reversed[20];
    size_t n = 0;
    do
        reversed[n++] = (unsigned char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (n > 0)
        *at++ = reversed[--n];
    return at;
}

unsigned char *json_put_i64(unsigned char *at, int64_t v)
{
    if (v < 0)
        *at++ = '-';
    return json_put_u64(at, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

unsigned char *json_put_double(unsigned char *at, double v)
{
    char number[JSON_NUMBER_MAX];
    if (isnan(v))
        return json_put(at, "\"NaN\"");
    if (isinf(v))
        return json_put(at, v < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    snprintf(number, sizeof number, "%.17g", v);
    return json_put(at, number);
}

unsigned char *json_put_hex(unsigned char *at, const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *at++ = (unsigned char)digits[data[i] >> 4];
        *at++ = (unsigned char)digits[data[i] & 15];
    }
    return at;
}
