/*
 * Bodies of HTTP/1: skipped by length, or from chunk-size line to chunk-size line.
 *
 * Only the lines between chunks are looked at byte by byte.
 */
#include "http1_internal.h"

static int skip_body(struct http1 *p, struct cursor *c)
{
    size_t len = (size_t)(c->end - c->at);
    if (p->state != CLOSE_BODY) {
        if (len > p->left)
            len = (size_t)p->left;
        p->left -= len;
    }
    p->body_bytes += len;
    c->at += len;
    if (p->state == CLOSE_BODY || p->left > 0)
        return PROTO_MORE;
    if (p->state == BODY) {
        p->state = START;
        return PROTO_END;
    }
    p->state = CHUNK_CR;
    return GO_ON;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

static int chunk_line_done(struct http1 *p)
{
    p->line_bytes = 0;
    if (p->left > 0) {
        p->state = CHUNK_DATA;
    } else {
        p->seen |= SEEN_TRAILER;
        p->field = HEADER_OTHER;
        p->state = LINE;
    }
    return GO_ON;
}

/* Behind the size. LF alone ends the line there, but not behind an extension: whether
 * that LF belongs to the extension is what smugglers ask. */
static int chunk_size_end(struct http1 *p, char c)
{
    if (is_blank(c))
        p->state = CHUNK_BLANKS;
    else if (c == ';')
        p->state = CHUNK_EXT;
    else if (c == '\r')
        p->state = CHUNK_SIZE_LF;
    else
        return c == '\n' ? chunk_line_done(p) : http1_bad(p);
    return GO_ON;
}

static int chunk_line_byte(struct http1 *p, char c)
{
    int digit;
    switch (p->state) {
    case CHUNK_SIZE:
        p->left = 0;
        p->state = CHUNK_DIGITS;
        if (hex_digit(c) < 0)
            return http1_bad(p);
        /* fall through */
    case CHUNK_DIGITS:
        digit = hex_digit(c);
        if (digit < 0)
            return chunk_size_end(p, c);
        if (p->left > INT64_MAX >> 4)
            return http1_bad(p);
        p->left = p->left << 4 | (unsigned)digit;
        return GO_ON;
    case CHUNK_BLANKS: return chunk_size_end(p, c);
    case CHUNK_EXT:
        if (c == '\r')
            p->state = CHUNK_SIZE_LF;
        return c == '\n' || c == 0 ? http1_bad(p) : GO_ON;
    default: /* CHUNK_SIZE_LF */ return c == '\n' ? chunk_line_done(p) : http1_bad(p);
    }
}

static int read_chunk_line(struct http1 *p, struct cursor *c)
{
    if (c->at == c->end)
        return PROTO_MORE;
    if (p->line_bytes++ == HTTP1_MAX_CHUNK_LINE)
        return http1_bad(p);
    return chunk_line_byte(p, *c->at++);
}

static int read_chunk_end(struct http1 *p, struct cursor *c)
{
    if (c->at == c->end)
        return PROTO_MORE;
    char end = *c->at++;
    if (end == '\r' && p->state == CHUNK_CR)
        p->state = CHUNK_LF;
    else if (end == '\n')
        p->state = CHUNK_SIZE;
    else
        return http1_bad(p);
    p->line_bytes = 0;
    return GO_ON;
}

int http1_body_step(struct http1 *p, struct cursor *c)
{
    switch (p->state) {
    case BODY:
    case CLOSE_BODY:
    case CHUNK_DATA: return skip_body(p, c);
    case CHUNK_CR:
    case CHUNK_LF: return read_chunk_end(p, c);
    default: return read_chunk_line(p, c);
    }
}
