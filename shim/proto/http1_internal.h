/*
 * Shared by http1.c (the machine), http1_whole.c (its way through a head that is here whole),
 * http1_body.c (its states within a body), http1_fields.c (headers and the store) and
 * http1_scan.c (a look at a whole head).
 */
#ifndef OTELSHIM_PROTO_HTTP1_INTERNAL_H
#define OTELSHIM_PROTO_HTTP1_INTERNAL_H

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "proto/http1.h"

/* What a header is to us: an enum http1_field, or one of these. */
enum {
    HEADER_CONTENT_LENGTH = HTTP1_FIELD_COUNT,
    HEADER_TRANSFER_ENCODING,
    HEADER_EXPECT,
    HEADER_UPGRADE,
    HEADER_OTHER,
};

/* struct http1.seen */
enum {
    SEEN_TRANSFER_ENCODING = 1 << 0,
    SEEN_CAPTURING = 1 << 1, /* the header being read is kept as captured, too */
    SEEN_FULL = 1 << 2,      /* the rest of the value being read is dropped */
    SEEN_VALUE = 1 << 3,     /* the value being read has begun */
    SEEN_TRAILER = 1 << 4,   /* the lines being read are a trailer's */
    SEEN_FOLD = 1 << 5,      /* the header being read has more than one line */
};

/* 1: may stand in a method (RFC 9110, token). */
extern const uint8_t http1_token[256] __attribute__((visibility("hidden")));

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* In a word of text, the top bit of each byte below `limit` (at most 128). A byte below the
 * limit borrows from the one above: only the lowest mark is certain. */
static inline uint64_t marks_below(uint64_t word, uint64_t limit)
{
    return (word - EACH_BYTE(limit)) & ~word & EACH_BYTE(0x80u);
}

/* The first byte below `limit`, or `end`: 16 bytes at a time, then 8, then each. A head of
 * 400 bytes is looked at in a third of the instructions that single bytes would take. */
static inline const char *find_below(const char *at, const char *end, unsigned char limit)
{
#ifdef __SSE2__
    const __m128i most = _mm_set1_epi8((char)(limit - 1));
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
        int marks = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(bytes, most), bytes));
        if (marks != 0)
            return at + __builtin_ctz((unsigned)marks);
    }
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t marks = marks_below(word, limit);
        if (marks != 0)
            return at + __builtin_ctzll(marks) / 8;
    }
#endif
    while (at < end && (unsigned char)*at >= limit)
        at++;
    return at;
}

/*
 * The first byte that cannot stand in a header's name, or `end`: ':', blanks and control
 * bytes. Laxer than a token, in bytes that mean nothing to any reader's framing.
 */
static inline const char *skip_name(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i most = _mm_set1_epi8(' '), colon = _mm_set1_epi8(':');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
        int marks = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(bytes, most), bytes),
                                                   _mm_cmpeq_epi8(bytes, colon)));
        if (marks != 0)
            return at + __builtin_ctz((unsigned)marks);
    }
#endif
    while (at < end && (unsigned char)*at > ' ' && *at != ':')
        at++;
    return at;
}

static inline const char *skip_token(const char *at, const char *end)
{
    while (at < end && http1_token[(unsigned char)*at])
        at++;
    return at;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* Where the line ends that holds `at`: at its CR, LF or a zero byte, or at `end`. */
static inline const char *find_line_end(const char *at, const char *end)
{
    while ((at = find_below(at, end, ' ')) < end && *at != '\r' && *at != '\n' && *at != 0)
        at++;
    return at;
}

/* A header's line. */
struct line {
    const char *colon; /* behind its name */
    const char *stop;  /* behind its value */
    const char *next;  /* the next line's first byte */
};

/*
 * Whether a header's line begins at `at` and lies before `end` whole, with the byte behind
 * it, which does not fold it. False says nothing but that it must be read step by step.
 */
static inline bool line_is_whole(const char *at, const char *end, struct line *line)
{
    const char *colon = skip_name(at, end);
    if (colon == end || *colon != ':' || colon == at)
        return false;
    const char *stop = find_below(colon + 1, end, ' ');
    if (end - stop >= 3 && *stop == '\t')
        stop = find_line_end(stop, end);
    if (end - stop < 3)
        return false;
    line->colon = colon;
    line->stop = stop;
    line->next = stop + 2;
    if (stop[0] != '\r' || stop[1] != '\n') {
        if (stop[0] != '\n')
            return false;
        line->next = stop + 1;
    }
    return !is_blank(*line->next);
}

/* The parts of a request line. */
struct request_line {
    const char *method_end, *target, *target_end, *next;
    uint8_t minor, line_end;
};

/* Whether a request line begins at `at` and lies before `end` whole, as above. */
bool http1_request_line_is_whole(const char *at, const char *end, struct request_line *line);

/* Lengths of the names that we know, a bit each, by their first letter. */
extern const uint32_t http1_name_lengths[32] __attribute__((visibility("hidden")));
/* False: no header that we know. Six instructions for most headers of most heads. */
static inline bool http1_may_be_header(const char *name, size_t len)
{
    return len < 32 && (http1_name_lengths[*name & 31] >> len & 1);
}
/* What header a name is, by its length and letters of either case. */
unsigned http1_header_of(const char *name, size_t len);

/* ---- the machine ---- */

/* Steps of the machine return a proto_event, or GO_ON where the next state has something to
 * do with the bytes that are left. A step that returns PROTO_MORE has taken all. */
#define GO_ON ((int)PROTO_BAD + 1)

enum state {
    START,        /* a message's first byte; nothing taken yet */
    EMPTY,        /* the same behind empty lines */
    BEGUN,        /* PROTO_BEGIN was told, the byte is still there */
    METHOD,       /* token, SP */
    TARGET,       /* up to SP */
    VERSION,      /* "HTTP/1.x"; http1.index bytes of it are taken */
    STATUS,       /* SP, three digits; http1.index of them are taken */
    REASON,       /* up to the line's end */
    FIRST_CR,     /* request line: the line's end */
    FIRST_LF,     /* ... its LF */
    LINE,         /* a header's first byte, or the blank line; no fold here */
    NAME,         /* token, ':' */
    LEAD,         /* blanks before a value */
    VALUE,        /* up to the line's end */
    VALUE_LF,     /* ... its LF */
    NEXT,         /* as LINE; a blank here folds the line before */
    BLANK_LF,     /* the blank line's LF */
    BODY,         /* `left` bytes */
    CLOSE_BODY,   /* up to the connection's end */
    CHUNK_SIZE,   /* first digit */
    CHUNK_DIGITS, /* more of them */
    CHUNK_BLANKS, /* blanks behind the size */
    CHUNK_EXT,    /* ";..." up to CR */
    CHUNK_SIZE_LF,
    CHUNK_DATA, /* `left` bytes */
    CHUNK_CR,
    CHUNK_LF,     /* the line end behind them */
    COMPLETE,     /* PROTO_END is to be told */
    TUNNEL_DUE,   /* PROTO_TUNNEL is to be told */
    TUNNEL_MAYBE, /* a CONNECT request waits for its answer */
    TUNNEL,
    BROKEN,
};

struct cursor {
    const char *at, *end, *base;
    uint32_t before; /* bytes of this head up to base */
};

static inline uint32_t http1_offset(const struct cursor *c)
{
    return c->before + (uint32_t)(c->at - c->base);
}

static inline int http1_bad(struct http1 *p)
{
    p->state = BROKEN;
    return PROTO_BAD;
}

/* http1.c: "HTTP/1.1 200" and the byte behind, all at once; false: step by step. */
bool http1_status_read(struct http1 *p, struct cursor *c);
/* http1.c: all of the head is read; what comes next. PROTO_HEAD, INTERIM or BAD. */
int http1_head_done(struct http1 *p, uint32_t head_bytes);
/* http1_whole.c: the head that begins at c->at, if it is here whole and plain: what
 * http1_head_done says of it. GO_ON: not so; nothing is taken, begin again step by step. */
int http1_head_read(struct http1 *p, struct cursor *c);
/* http1_body.c: the steps of a body's states, from BODY to CHUNK_LF. */
int http1_body_step(struct http1 *p, struct cursor *c);

/* ---- http1_fields.c: one header from its name to its end ---- */

/* The first line's texts, each at once. */
void http1_method_read(struct http1 *p, const char *method, size_t len);
void http1_target_read(struct http1 *p, const char *target, size_t len);
/* A whole header, its name `base` bytes behind the message's first: the same as
 * the steps below, which a header takes that comes in pieces. False: bad. */
bool http1_field_read(struct http1 *p, const char *name, struct line line, uint32_t base);
/* Next comes the value of `field`, by http1_value_put. */
void http1_text_open(struct http1 *p, enum http1_field field);
void http1_text_close(struct http1 *p);

/* The name is read. */
void http1_field_open(struct http1 *p, const char *name, size_t len);
/* Whether bytes of this value are of no interest. */
static inline bool http1_field_is_skipped(const struct http1 *p)
{
    return p->field == HEADER_OTHER && !(p->seen & SEEN_CAPTURING);
}
/* `offset`: of the value's first byte, from the message's. */
void http1_value_begin(struct http1 *p, uint32_t offset);
void http1_value_put(struct http1 *p, const char *bytes, size_t len);
/* The value goes on in the next line. False: bad. */
bool http1_value_fold(struct http1 *p);
/* The value is complete. False: bad. */
bool http1_field_close(struct http1 *p);

#endif
