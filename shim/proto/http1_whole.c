/*
 * A head that lies in the buffer whole, as nearly all do: read line by line, without the
 * machine's states between. Takes nothing that the machine would not take in the same way;
 * whatever is unusual (a fold, a lone LF before the blank line, what is bad) is left to it.
 */
#include "http1_internal.h"

/* The first line; the next one's first byte, NULL: not here, or nothing for us. */
static const char *request_line_read(struct http1 *p, const char *at, const char *end,
                                     uint8_t *line_end)
{
    struct request_line line;
    if (!http1_request_line_is_whole(at, end, &line))
        return NULL;
    http1_method_read(p, at, (size_t)(line.method_end - at));
    http1_target_read(p, line.target, (size_t)(line.target_end - line.target));
    p->minor = line.minor;
    *line_end = line.line_end;
    return line.next;
}

static const char *status_line_read(struct http1 *p, struct cursor *c, uint8_t *line_end)
{
    struct cursor line = *c;
    if (!http1_status_read(p, &line))
        return NULL;
    const char *at = find_line_end(line.at, c->end);
    if (c->end - at < 2 || (*at != '\n' && (at[0] != '\r' || at[1] != '\n')))
        return NULL;
    *line_end = *at == '\n' ? 1 : 2;
    return at + *line_end;
}

#ifdef __SSE2__
#define LOOK_BYTES 32

/* A bit for each of 16 bytes: those below ' ', and those that end a header's name. */
struct marks {
    unsigned controls, ends;
};

static inline struct marks marks_of(__m128i bytes)
{
    __m128i control = _mm_min_epu8(bytes, _mm_set1_epi8(' ' - 1));
    __m128i blank = _mm_min_epu8(bytes, _mm_set1_epi8(' '));
    __m128i end =
        _mm_or_si128(_mm_cmpeq_epi8(blank, bytes), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(':')));
    return (struct marks){ (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(control, bytes)),
                           (unsigned)_mm_movemask_epi8(end) };
}

/*
 * As line_is_whole, for the plainest of lines: its colon is among its first 32 bytes, and it
 * ends with CR LF. One look for both, in half of the instructions. Close to the head's end
 * the look begins before the line, so that it never goes beyond: the head must have as many
 * bytes. Whether the next line folds it is for the caller to see.
 */
static inline bool line_is_plain(const char *at, const char *end, struct line *line)
{
    unsigned before = end - at >= LOOK_BYTES ? 0 : (unsigned)(LOOK_BYTES - (end - at));
    const char *from = at - before;
    struct marks low = marks_of(_mm_loadu_si128((const __m128i_u *)from));
    struct marks high = marks_of(_mm_loadu_si128((const __m128i_u *)(from + 16)));
    unsigned ends = (low.ends | high.ends << 16) >> before;
    unsigned controls = (low.controls | high.controls << 16) >> before;
    if (ends == 0)
        return false;
    line->colon = at + __builtin_ctz(ends);
    line->stop =
        controls != 0 ? at + __builtin_ctz(controls) : find_below(from + LOOK_BYTES, end, ' ');
    line->next = line->stop + 2;
    return *line->colon == ':' && line->colon != at && end - line->stop >= 3 &&
           memcmp(line->stop, "\r\n", 2) == 0;
}
#else
#define LOOK_BYTES 0
static inline bool line_is_plain(const char *at, const char *end, struct line *line)
{
    return line_is_whole(at, end, line);
}
#endif

/* The headers; behind the blank line, NULL: as above. */
static const char *headers_read(struct http1 *p, const char *at, const char *end, const char *base)
{
    bool captures = p->store != NULL && p->env != NULL && p->env->capture != NULL;
    bool looks = end - base >= LOOK_BYTES;
    struct line line;
    /* No name begins with a blank or a control byte: the blank line, a fold, or what is bad. */
    while (at < end && (unsigned char)*at > ' ') {
        if (!(looks && line_is_plain(at, end, &line)) && !line_is_whole(at, end, &line))
            return NULL;
        const char *name = at;
        at = line.next;
        if ((captures || http1_may_be_header(name, (size_t)(line.colon - name))) &&
            !http1_field_read(p, name, line, (uint32_t)(name - base)))
            return NULL;
    }
    return end - at >= 2 && memcmp(at, "\r\n", 2) == 0 ? at + 2 : NULL;
}

int http1_head_read(struct http1 *p, struct cursor *c)
{
    const char *at = c->at, *end = c->end;
    uint8_t line_end = 0;
    if ((size_t)(end - at) > HTTP1_MAX_HEAD)
        end = at + HTTP1_MAX_HEAD;
    struct cursor head = { at, end, at, 0 };
    at = p->side == PROTO_REQUESTS ? request_line_read(p, at, end, &line_end)
                                   : status_line_read(p, &head, &line_end);
    if (at == NULL)
        return GO_ON;
    if (p->store != NULL) {
        p->store->insert_at = (uint32_t)(at - head.base);
        p->store->line_end = line_end;
    }
    at = headers_read(p, at, end, head.base);
    if (at == NULL)
        return GO_ON;
    c->at = at;
    return http1_head_done(p, (uint32_t)(at - head.base));
}
