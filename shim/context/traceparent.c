/* See traceparent.h. Rules: W3C Trace Context Level 2, W3C Baggage. */
#include "context/traceparent.h"

#include "context/hex.h"

/* Bounds of the specifications. */
#define TRACESTATE_MAX_MEMBERS 32u
#define TRACESTATE_MAX_KEY 256u
#define TRACESTATE_MAX_VALUE 256u
#define BAGGAGE_MAX_MEMBERS 180u

#define KNOWN_FLAGS (SPAN_FLAG_SAMPLED | SPAN_FLAG_RANDOM)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(const char **text, size_t *len)
{
    while (*len > 0 && is_blank(**text)) {
        ++*text;
        --*len;
    }
    while (*len > 0 && is_blank((*text)[*len - 1]))
        --*len;
}

#define BAD HEX_BAD
#define UP(value) (HEX_UPPER | (value))
const uint8_t hex_digits[256] = {
    [0 ... '/'] = BAD,   ['0'] = 0,           ['1'] = 1,       ['2'] = 2,           ['3'] = 3,
    ['4'] = 4,           ['5'] = 5,           ['6'] = 6,       ['7'] = 7,           ['8'] = 8,
    ['9'] = 9,           [':' ... '@'] = BAD, ['A'] = UP(10u), ['B'] = UP(11u),     ['C'] = UP(12u),
    ['D'] = UP(13u),     ['E'] = UP(14u),     ['F'] = UP(15u), ['G' ... '`'] = BAD, ['a'] = 10,
    ['b'] = 11,          ['c'] = 12,          ['d'] = 13,      ['e'] = 14,          ['f'] = 15,
    ['g' ... 255] = BAD,
};
#undef UP
#undef BAD

/* VV-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT-SSSSSSSSSSSSSSSS-FF, then nothing in version 00,
 * nothing or `-...` in later ones. */
bool traceparent_parse(const char *text, size_t len, struct span_context *out)
{
    struct span_context found = { .remote = true };
    uint8_t version, flags;
    trim(&text, &len);
    if (len < TRACEPARENT_LEN || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!hex_read_lower(text, &version, 1) || !hex_read_lower(text + 3, found.trace_id, 16) ||
        !hex_read_lower(text + 36, found.span_id, 8) || !hex_read_lower(text + 53, &flags, 1))
        return false;
    if (version == 0xff || (len > TRACEPARENT_LEN && (version == 0 || text[55] != '-')))
        return false;
    if (!span_context_is_valid(&found))
        return false;
    found.flags = flags & KNOWN_FLAGS;
    *out = found;
    return true;
}

void traceparent_format(const struct span_context *context, char out[static TRACEPARENT_LEN + 1])
{
    uint8_t flags = context->flags & KNOWN_FLAGS;
    char *to = out;
    *to++ = '0';
    *to++ = '0';
    *to++ = '-';
    to = hex_write(to, context->trace_id, 16);
    *to++ = '-';
    to = hex_write(to, context->span_id, 8);
    *to++ = '-';
    to = hex_write(to, &flags, 1);
    *to = '\0';
}

/* The next comma-separated member, trimmed, empty ones skipped. False at the end. */
static bool next_member(const char **at, const char *end, const char **member, size_t *len)
{
    while (*at < end) {
        const char *comma = memchr(*at, ',', (size_t)(end - *at));
        *member = *at;
        *len = (size_t)((comma ? comma : end) - *at);
        *at = comma ? comma + 1 : end;
        trim(member, len);
        if (*len > 0)
            return true;
    }
    return false;
}

static bool is_key_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_key_char(char c)
{
    return is_key_start(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

/* Bytes of the key of a well-formed `key=value`, 0 if it is none. */
static size_t tracestate_key(const char *member, size_t len)
{
    size_t key = 0;
    while (key < len && (key == 0 ? is_key_start(member[0]) : is_key_char(member[key])))
        key++;
    size_t value = len - key - 1;
    if (key == 0 || key > TRACESTATE_MAX_KEY || key == len || member[key] != '=' || value == 0 ||
        value > TRACESTATE_MAX_VALUE)
        return 0;
    for (size_t i = key + 1; i < len; i++)
        if (member[i] < 0x20 || member[i] > 0x7e || member[i] == '=')
            return 0;
    return key;
}

bool tracestate_is_valid(const char *text, size_t len)
{
    struct {
        const char *at;
        size_t len;
    } keys[TRACESTATE_MAX_MEMBERS];
    unsigned nr_keys = 0;
    const char *at = text, *member;
    size_t member_len;
    while (next_member(&at, text + len, &member, &member_len)) {
        size_t key = tracestate_key(member, member_len);
        if (key == 0 || nr_keys == TRACESTATE_MAX_MEMBERS)
            return false;
        for (unsigned i = 0; i < nr_keys; i++)
            if (keys[i].len == key && memcmp(keys[i].at, member, key) == 0)
                return false;
        keys[nr_keys].at = member;
        keys[nr_keys++].len = key;
    }
    return nr_keys > 0;
}

size_t tracestate_fit(const char *text, size_t len, size_t max)
{
    const char *at = text, *member;
    size_t fit = 0, member_len;
    while (next_member(&at, text + len, &member, &member_len)) {
        size_t end = (size_t)(member - text) + member_len;
        if (end > max)
            break;
        fit = end;
    }
    return fit;
}

bool baggage_is_valid(const char *text, size_t len)
{
    const char *at = text, *member;
    unsigned nr_members = 0;
    size_t member_len;
    if (len > BAGGAGE_MAX)
        return false;
    for (size_t i = 0; i < len; i++) /* nothing may end the header line */
        if ((text[i] < 0x20 && text[i] != '\t') || text[i] > 0x7e)
            return false;
    while (next_member(&at, text + len, &member, &member_len))
        nr_members++;
    return nr_members > 0 && nr_members <= BAGGAGE_MAX_MEMBERS;
}
