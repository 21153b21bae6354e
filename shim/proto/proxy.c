/*
 * The PROXY protocol, see proxy.h.
 *
 * The header is gathered in the parser's own text (107 bytes for version 1, 52 for
 * version 2) and read when whole; TLVs are skipped by length. The specification
 * says that a header comes in one piece, but a read may end anywhere.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#define V2_HEAD 16u /* signature, version and command, family, length */
#define V2_INET 12u /* bytes of addresses */
#define V2_INET6 36u

static const char signature_1[] = "PROXY ";
static const char signature_2[] = "\r\n\r\n\0\r\nQUIT\n";
#define SIGNATURE_1 (sizeof signature_1 - 1)
#define SIGNATURE_2 (sizeof signature_2 - 1)
_Static_assert(SIGNATURE_2 == PROXY_DETECT_MAX, "the longer signature decides");

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum proxy_guess proxy_detect(const char *bytes, size_t len)
{
    if (memcmp(bytes, signature_1, smaller(len, SIGNATURE_1)) == 0)
        return len < SIGNATURE_1 ? PROXY_UNSURE : PROXY_YES;
    if (memcmp(bytes, signature_2, smaller(len, SIGNATURE_2)) == 0)
        return len < SIGNATURE_2 ? PROXY_UNSURE : PROXY_YES;
    return PROXY_NO;
}

/* The next word of a version 1 line, ended by a zero byte in place; NULL: none. */
static char *next_word(char **at)
{
    char *word = *at;
    char *end = strchr(word, ' ');
    if (*word == 0 || end == word)
        return NULL;
    if (end != NULL)
        *end++ = 0;
    *at = end != NULL ? end : word + strlen(word);
    return word;
}

static bool read_port(const char *word, uint16_t *port)
{
    unsigned value = 0;
    if (word == NULL || (word[0] == '0' && word[1] != 0))
        return false;
    for (; *word != 0; word++) {
        unsigned digit = (unsigned char)*word - (unsigned)'0';
        if (digit > 9 || (value = value * 10 + digit) > UINT16_MAX)
            return false;
    }
    *port = (uint16_t)value;
    return true;
}

/* `line` behind "PROXY ", without its line end, which is a zero byte. */
static bool read_v1(struct proxy *p, char *line)
{
    char *family = next_word(&line);
    if (family == NULL)
        return false;
    if (strcmp(family, "UNKNOWN") == 0)
        return true; /* whatever follows */
    int af = strcmp(family, "TCP4") == 0 ? AF_INET : strcmp(family, "TCP6") == 0 ? AF_INET6 : -1;
    char *source = next_word(&line);
    char *destination = next_word(&line);
    if (af < 0 || source == NULL || destination == NULL || inet_pton(af, source, p->source) != 1 ||
        inet_pton(af, destination, p->destination) != 1 ||
        !read_port(next_word(&line), &p->source_port) ||
        !read_port(next_word(&line), &p->destination_port) || *line != 0)
        return false;
    p->family = af == AF_INET ? PROXY_INET : PROXY_INET6;
    return true;
}

static enum proxy_result feed_v1(struct proxy *p, const char *bytes, size_t len, size_t *taken)
{
    size_t want = smaller(len, PROXY_MAX_TEXT - (size_t)p->have);
    const char *lf = memchr(bytes, '\n', want);
    size_t n = lf != NULL ? (size_t)(lf - bytes) + 1 : want;
    memcpy(p->text + p->have, bytes, n);
    p->have = (uint8_t)(p->have + n);
    *taken = n;
    if (lf == NULL)
        return p->have == PROXY_MAX_TEXT ? PROXY_BAD : PROXY_MORE;
    if (p->have < SIGNATURE_1 + 2 || memcmp(p->text, signature_1, SIGNATURE_1) != 0 ||
        p->text[p->have - 2] != '\r' || memchr(p->text, 0, p->have) != NULL)
        return PROXY_BAD;
    p->text[p->have - 2] = 0;
    return read_v1(p, p->text + SIGNATURE_1) ? PROXY_DONE : PROXY_BAD;
}

static unsigned read_u16(const char *at)
{
    return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

/* Bytes of addresses that are read for this family and transport. */
static size_t v2_addresses(unsigned family)
{
    return family == 0x11 || family == 0x12   ? V2_INET
           : family == 0x21 || family == 0x22 ? V2_INET6
                                              : 0;
}

static bool read_v2_head(struct proxy *p)
{
    unsigned command = (unsigned char)p->text[12], family = (unsigned char)p->text[13];
    unsigned len = read_u16(p->text + 14);
    size_t addresses = command == 0x21 ? v2_addresses(family) : 0;
    if (memcmp(p->text, signature_2, SIGNATURE_2) != 0 || (command != 0x20 && command != 0x21) ||
        len < addresses)
        return false;
    p->skip = (uint32_t)(len - addresses);
    return true;
}

static void read_v2_addresses(struct proxy *p)
{
    const char *at = p->text + V2_HEAD;
    bool inet6 = p->have == V2_HEAD + V2_INET6;
    size_t len = inet6 ? 16 : 4;
    if (p->have == V2_HEAD)
        return; /* LOCAL, unix or unspecified: the socket's own peer holds */
    memcpy(p->source, at, len);
    memcpy(p->destination, at + len, len);
    p->source_port = (uint16_t)read_u16(at + 2 * len);
    p->destination_port = (uint16_t)read_u16(at + 2 * len + 2);
    p->family = inet6 ? PROXY_INET6 : PROXY_INET;
}

/* Takes bytes until `want` of them are in text. */
static bool gather(struct proxy *p, size_t want, const char *bytes, size_t len, size_t *taken)
{
    size_t n = smaller(want - p->have, len - *taken);
    memcpy(p->text + p->have, bytes + *taken, n);
    p->have = (uint8_t)(p->have + n);
    *taken += n;
    return p->have == want;
}

static enum proxy_result feed_v2(struct proxy *p, const char *bytes, size_t len, size_t *taken)
{
    if (p->have < V2_HEAD) {
        if (!gather(p, V2_HEAD, bytes, len, taken))
            return PROXY_MORE;
        if (!read_v2_head(p))
            return PROXY_BAD;
    }
    size_t addresses =
        (unsigned char)p->text[12] == 0x21 ? v2_addresses((unsigned char)p->text[13]) : 0;
    if (!gather(p, V2_HEAD + addresses, bytes, len, taken))
        return PROXY_MORE;
    size_t n = smaller(p->skip, len - *taken);
    p->skip -= (uint32_t)n;
    *taken += n;
    if (p->skip > 0)
        return PROXY_MORE;
    read_v2_addresses(p);
    return PROXY_DONE;
}

enum proxy_result proxy_feed(struct proxy *p, const char *bytes, size_t len, size_t *taken)
{
    *taken = 0;
    if (len == 0)
        return PROXY_MORE;
    char first = p->have > 0 ? p->text[0] : bytes[0];
    if (first != signature_2[0])
        return feed_v1(p, bytes, len, taken);
    return feed_v2(p, bytes, len, taken);
}
