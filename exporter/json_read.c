/* The reader of json_read.h. */
#include "json_read.h"

#include <stdlib.h>
#include <string.h>

static void skip_blanks(struct json_value *in)
{
    while (in->at < in->end && strchr(" \t\r\n", *in->at) != NULL && *in->at)
        in->at++;
}

static bool skip_char(struct json_value *in, char c)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool skip_text(struct json_value *in)
{
    if (!skip_char(in, '"'))
        return false;
    for (; in->at < in->end && *in->at != '"'; in->at++) {
        if ((unsigned char)*in->at < 0x20)
            return false;
        if (*in->at == '\\' && ++in->at == in->end)
            return false;
    }
    return skip_char(in, '"');
}

/* A number or one of true, false, null: its letters are not judged. */
static bool skip_word(struct json_value *in)
{
    const char *start = in->at;
    while (in->at < in->end && *in->at && strchr(",]} \t\r\n", *in->at) == NULL)
        in->at++;
    return in->at > start;
}

static bool skip_value(struct json_value *in, unsigned depth);

static bool skip_members(struct json_value *in, bool object, unsigned depth)
{
    const char close = object ? '}' : ']';
    in->at++;
    if (skip_char(in, close))
        return true;
    do {
        if (object && !(skip_text(in) && skip_char(in, ':')))
            return false;
        if (!skip_value(in, depth + 1))
            return false;
    } while (skip_char(in, ','));
    return skip_char(in, close);
}

static bool skip_value(struct json_value *in, unsigned depth)
{
    skip_blanks(in);
    if (in->at == in->end || depth == JSON_MAX_DEPTH)
        return false;
    switch (*in->at) {
    case '"': return skip_text(in);
    case '{': return skip_members(in, true, depth);
    case '[': return skip_members(in, false, depth);
    default: return skip_word(in);
    }
}

/* The next value, without the blanks before it. */
static bool take_value(struct json_value *in, struct json_value *out)
{
    skip_blanks(in);
    out->at = in->at;
    if (!skip_value(in, 0))
        return false;
    out->end = in->at;
    return true;
}

bool json_read(const void *data, size_t len, struct json_value *out)
{
    struct json_value in = { data, (const char *)data + len };
    if (!take_value(&in, out))
        return false;
    skip_blanks(&in);
    return in.at == in.end;
}

bool json_member(struct json_value object, const char *key, struct json_value *out)
{
    size_t len = strlen(key);
    struct json_value name;
    if (!skip_char(&object, '{'))
        return false;
    do {
        skip_blanks(&object);
        name.at = object.at;
        if (!skip_text(&object))
            return false;
        name.end = object.at;
        if (!skip_char(&object, ':') || !take_value(&object, out))
            return false;
        if ((size_t)(name.end - name.at) == len + 2 && memcmp(name.at + 1, key, len) == 0)
            return true;
    } while (skip_char(&object, ','));
    return false;
}

bool json_integer(struct json_value value, int64_t *out)
{
    char digits[24];
    size_t len;
    if (value.at < value.end && *value.at == '"')
        value = (struct json_value){ value.at + 1, value.end - 1 };
    len = (size_t)(value.end - value.at);
    if (len == 0 || len >= sizeof digits)
        return false;
    memcpy(digits, value.at, len);
    digits[len] = '\0';
    if (strspn(digits, "-0123456789") != len)
        return false;
    char *end;
    long long number = strtoll(digits, &end, 10);
    *out = number;
    return *end == '\0';
}

/* One character behind a backslash; *at is left at its last byte. */
static char unescaped(const char **at, const char *end)
{
    char code[5] = "", *rest;
    switch (**at) {
    case 'n':
    case 'r':
    case 't':
    case 'b':
    case 'f': return ' ';
    case 'u':
        if (end - *at < 5)
            return '?';
        memcpy(code, *at + 1, 4);
        *at += 4;
        unsigned long number = strtoul(code, &rest, 16);
        return *rest == '\0' && number >= 0x20 && number < 0x7F ? (char)number : '?';
    default: return **at;
    }
}

bool json_text(struct json_value value, char *out, size_t room)
{
    size_t n = 0;
    if (value.end - value.at < 2 || *value.at != '"')
        return false;
    const char *end = value.end - 1;
    for (const char *at = value.at + 1; at < end && n < room - 1; at++) {
        if (*at == '\\') {
            at++;
            out[n++] = unescaped(&at, end);
        } else {
            out[n++] = *at;
        }
    }
    out[n] = '\0';
    return true;
}
