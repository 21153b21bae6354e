/*
 * The HTTP/1 machine, see http1.h.
 *
 * One state per thing that is awaited, so that it stops and goes on at any byte.
 * Within a state runs of bytes are taken at once: names by a table, values eight
 * bytes at a time, bodies by their length. A line that came whole passes through
 * its states without returning, a head that came whole (http1_whole.c) is not read by
 * states at all.
 */
#include "http1_internal.h"

#include "mem/clear.h"

_Static_assert(START == HTTP1_AT_START && BEGUN == HTTP1_AT_BEGIN, "as http1.h says");
_Static_assert(BODY == HTTP1_IN_BODY && CHUNK_DATA == HTTP1_IN_CHUNK, "as http1.h says");
_Static_assert(COMPLETE == HTTP1_AT_END, "as http1.h says");

/* ---- first line ---- */

static int await_message(struct http1 *p, struct cursor *c)
{
    if (p->state == START)
        p->line_bytes = 0;
    if (p->side == PROTO_REQUESTS) {
        const char *from = c->at;
        while (c->at < c->end && (*c->at == '\r' || *c->at == '\n'))
            c->at++;
        if (c->at > from) {
            p->state = EMPTY;
            if ((size_t)(c->at - from) > HTTP1_MAX_HEAD - p->line_bytes)
                return http1_bad(p);
            p->line_bytes += (uint32_t)(c->at - from);
        }
    }
    if (c->at == c->end)
        return PROTO_MORE;
    p->state = BEGUN;
    return PROTO_BEGIN;
}

static void begin_message(struct http1 *p, struct cursor *c)
{
    p->body_bytes = p->content_length = p->left = 0;
    p->head_bytes = p->line_bytes = 0;
    p->status = 0;
    p->minor = p->flags = p->seen = p->scratch_len = 0;
    p->index = 0;
    p->field = HEADER_OTHER;
    if (p->store != NULL) {
        uint16_t room = p->store->room;
        clear_bytes(p->store, sizeof *p->store);
        p->store->room = p->store->cap = room;
    }
    p->state = p->side == PROTO_REQUESTS ? METHOD : VERSION;
    c->before = 0;
}

static int first_line_done(struct http1 *p, struct cursor *c, uint8_t line_end)
{
    if (p->store != NULL) {
        p->store->insert_at = http1_offset(c);
        p->store->line_end = line_end;
    }
    p->state = LINE;
    return GO_ON;
}

static int read_method(struct http1 *p, struct cursor *c)
{
    const char *from = c->at;
    struct request_line line;
    if (p->scratch_len == 0 && http1_request_line_is_whole(from, c->end, &line)) {
        http1_method_read(p, from, (size_t)(line.method_end - from));
        http1_target_read(p, line.target, (size_t)(line.target_end - line.target));
        p->minor = line.minor;
        c->at = line.next;
        return first_line_done(p, c, line.line_end);
    }
    c->at = skip_token(from, c->end);
    size_t len = (size_t)(c->at - from);
    if (len > HTTP1_MAX_METHOD - (size_t)p->scratch_len)
        return http1_bad(p);
    memcpy(p->scratch + p->scratch_len, from, len);
    p->scratch_len = (uint8_t)(p->scratch_len + len);
    if (c->at == c->end)
        return PROTO_MORE;
    if (*c->at != ' ' || p->scratch_len == 0)
        return http1_bad(p);
    c->at++;
    http1_method_read(p, p->scratch, p->scratch_len);
    http1_text_open(p, HTTP1_TARGET);
    p->scratch_len = 0;
    p->state = TARGET;
    return GO_ON;
}

static int read_target(struct http1 *p, struct cursor *c)
{
    const char *from = c->at;
    c->at = find_below(from, c->end, ' ' + 1);
    if (c->at > from) {
        p->seen |= SEEN_VALUE;
        http1_value_put(p, from, (size_t)(c->at - from));
    }
    if (c->at == c->end)
        return PROTO_MORE;
    if (*c->at != ' ' || !(p->seen & SEEN_VALUE))
        return http1_bad(p);
    c->at++;
    http1_text_close(p);
    p->index = 0;
    p->state = VERSION;
    return GO_ON;
}

static const char version[] = "HTTP/1.";

bool http1_status_read(struct http1 *p, struct cursor *c)
{
    const char *at = c->at;
    if (c->end - at < 13 || memcmp(at, version, sizeof version - 1) != 0 || at[8] != ' ')
        return false;
    unsigned minor = (unsigned char)at[7] - (unsigned)'0', a = (unsigned char)at[9] - (unsigned)'0',
             b = (unsigned char)at[10] - (unsigned)'0', d = (unsigned char)at[11] - (unsigned)'0';
    if (minor > 9 || a - 1 > 8 || b > 9 || d > 9 ||
        (at[12] != ' ' && at[12] != '\r' && at[12] != '\n'))
        return false;
    p->minor = minor > 0;
    p->status = (uint16_t)(a * 100 + b * 10 + d);
    p->state = REASON;
    c->at = at + 12;
    return true;
}

static int read_version(struct http1 *p, struct cursor *c)
{
    if (p->side == PROTO_RESPONSES && p->index == 0 && http1_status_read(p, c))
        return GO_ON;
    for (; c->at < c->end; c->at++, p->index++) {
        if (p->index == sizeof version - 1) {
            if (*c->at < '0' || *c->at > '9')
                return http1_bad(p);
            p->minor = *c->at > '0';
            c->at++;
            p->index = 0;
            p->state = p->side == PROTO_REQUESTS ? FIRST_CR : STATUS;
            return GO_ON;
        }
        if (*c->at != version[p->index])
            return http1_bad(p);
    }
    return PROTO_MORE;
}

static int read_status(struct http1 *p, struct cursor *c)
{
    for (; c->at < c->end; c->at++) {
        unsigned digit = (unsigned char)*c->at - (unsigned)'0';
        if (p->index == 0) {
            if (*c->at != ' ')
                return http1_bad(p);
        } else if (p->index <= 3) {
            if (digit > 9 || (p->index == 1 && digit == 0))
                return http1_bad(p);
            p->status = (uint16_t)(p->status * 10 + digit);
        } else if (*c->at == ' ' || *c->at == '\r' || *c->at == '\n') {
            p->state = REASON;
            return GO_ON;
        } else {
            return http1_bad(p);
        }
        p->index++;
    }
    return PROTO_MORE;
}

/* The end of a line at *c->at: CR goes to state `lf`. */
static int first_line_end(struct http1 *p, struct cursor *c)
{
    if (c->at == c->end)
        return PROTO_MORE;
    char end = *c->at++;
    if (end == '\n')
        return first_line_done(p, c, 1);
    if (end != '\r')
        return http1_bad(p);
    p->state = FIRST_LF;
    return GO_ON;
}

static int read_reason(struct http1 *p, struct cursor *c)
{
    c->at = find_line_end(c->at, c->end);
    return first_line_end(p, c);
}

static int expect_lf(struct http1 *p, struct cursor *c, enum state next)
{
    if (c->at == c->end)
        return PROTO_MORE;
    if (*c->at != '\n')
        return http1_bad(p);
    c->at++;
    p->state = (uint8_t)next;
    return GO_ON;
}

static int first_line_lf(struct http1 *p, struct cursor *c)
{
    int step = expect_lf(p, c, LINE);
    return step == GO_ON ? first_line_done(p, c, 2) : step;
}

/* ---- headers and trailers ---- */

static int read_name(struct http1 *p, struct cursor *c)
{
    const char *from = c->at;
    c->at = skip_name(from, c->end);
    size_t len = (size_t)(c->at - from);
    bool whole = p->scratch_len == 0;
    if (!whole || c->at == c->end) { /* it came, or comes, in pieces */
        size_t room = sizeof p->scratch - p->scratch_len;
        memcpy(p->scratch + p->scratch_len, from, len < room ? len : room);
        /* One byte too many is remembered as a name that nobody knows. */
        if (len > room)
            p->index = 1;
        p->scratch_len = (uint8_t)(p->scratch_len + (len < room ? len : room));
    }
    if (c->at == c->end)
        return PROTO_MORE;
    if (*c->at != ':' || c->at + p->scratch_len == from)
        return http1_bad(p);
    c->at++;
    if (whole)
        http1_field_open(p, from, len);
    else
        http1_field_open(p, p->scratch, p->index ? HTTP1_MAX_NAME + 1u : p->scratch_len);
    p->state = LEAD;
    return GO_ON;
}

static int read_lead(struct http1 *p, struct cursor *c)
{
    c->at = skip_blanks(c->at, c->end);
    if (c->at == c->end)
        return PROTO_MORE;
    if (!(p->seen & SEEN_VALUE) && *c->at != '\r' && *c->at != '\n')
        http1_value_begin(p, http1_offset(c));
    p->state = VALUE;
    return GO_ON;
}

static int read_value(struct http1 *p, struct cursor *c)
{
    const char *from = c->at;
    c->at = find_line_end(from, c->end);
    if (c->at > from && !http1_field_is_skipped(p))
        http1_value_put(p, from, (size_t)(c->at - from));
    if (c->at == c->end)
        return PROTO_MORE;
    char end = *c->at++;
    p->state = end == '\r' ? VALUE_LF : NEXT;
    return end == 0 ? http1_bad(p) : GO_ON;
}

/* Response: whether a body follows is said by the request and the status. */
static bool has_no_body(const struct http1 *p)
{
    return p->method == HTTP_HEAD || p->status == 204 || p->status == 304;
}

static int request_head_done(struct http1 *p)
{
    bool framed = p->flags & (HTTP1_HAS_LENGTH | HTTP1_CHUNKED);
    if (p->method == HTTP_CONNECT) {
        if (framed && (p->flags & HTTP1_CHUNKED || p->content_length > 0))
            return http1_bad(p);
        p->state = COMPLETE;
    } else if (p->flags & HTTP1_CHUNKED) {
        p->state = CHUNK_SIZE;
    } else {
        p->left = p->content_length;
        p->state = p->left > 0 ? BODY : COMPLETE;
    }
    return PROTO_HEAD;
}

static int response_head_done(struct http1 *p)
{
    if (p->status == 101 || (p->method == HTTP_CONNECT && p->status / 100 == 2)) {
        p->state = TUNNEL_DUE;
    } else if (p->status < 200) {
        p->state = START;
        return PROTO_INTERIM;
    } else if (has_no_body(p)) {
        p->state = COMPLETE;
    } else if (p->flags & HTTP1_CHUNKED) {
        p->state = CHUNK_SIZE;
    } else if (p->flags & HTTP1_HAS_LENGTH) {
        p->left = p->content_length;
        p->state = p->left > 0 ? BODY : COMPLETE;
    } else {
        p->flags |= HTTP1_UNTIL_CLOSE;
        p->state = CLOSE_BODY;
    }
    return PROTO_HEAD;
}

int http1_head_done(struct http1 *p, uint32_t head_bytes)
{
    p->head_bytes = head_bytes;
    if ((p->flags & HTTP1_CHUNKED) && ((p->flags & HTTP1_HAS_LENGTH) || p->minor == 0))
        return http1_bad(p);
    return p->side == PROTO_REQUESTS ? request_head_done(p) : response_head_done(p);
}

static int blank_line_done(struct http1 *p, const struct cursor *c)
{
    if (p->seen & SEEN_TRAILER) {
        p->state = START;
        return PROTO_END;
    }
    return http1_head_done(p, http1_offset(c));
}

/* Headers that are here whole; most of all bytes of heads are read by this loop. Stops at
 * the blank line, or at a line that must be read step by step. False: bad. */
static bool read_whole_lines(struct http1 *p, struct cursor *c)
{
    const char *at = c->at, *end = c->end;
    bool captures = p->store != NULL && p->env != NULL && p->env->capture != NULL;
    struct line line;
    while (line_is_whole(at, end, &line)) {
        if (captures || http1_may_be_header(at, (size_t)(line.colon - at))) {
            c->at = at;
            if (!http1_field_read(p, at, line, http1_offset(c)))
                return false;
        }
        at = line.next;
        if ((unsigned char)*at < ' ')
            break;
    }
    c->at = at;
    return true;
}

/* The byte behind a line: another header, more of the one before, or the blank line. */
static int read_next(struct http1 *p, struct cursor *c)
{
    if (c->at == c->end)
        return PROTO_MORE;
    if (p->state == NEXT) {
        if (is_blank(*c->at)) {
            p->state = LEAD;
            return http1_value_fold(p) ? GO_ON : http1_bad(p);
        }
        if (!http1_field_close(p))
            return http1_bad(p);
    }
    if (*c->at == '\r' || *c->at == '\n') {
        p->state = BLANK_LF;
        c->at += *c->at == '\r';
        return GO_ON;
    }
    if (!read_whole_lines(p, c))
        return http1_bad(p);
    p->state = LINE;
    if (*c->at == '\r' || *c->at == '\n')
        return GO_ON;
    p->scratch_len = 0;
    p->index = 0;
    p->state = NAME;
    return GO_ON;
}

static int head_step(struct http1 *p, struct cursor *c)
{
    switch (p->state) {
    case METHOD: return read_method(p, c);
    case TARGET: return read_target(p, c);
    case VERSION: return read_version(p, c);
    case STATUS: return read_status(p, c);
    case REASON: return read_reason(p, c);
    case FIRST_CR: return first_line_end(p, c);
    case FIRST_LF: return first_line_lf(p, c);
    case LINE:
    case NEXT: return read_next(p, c);
    case NAME: return read_name(p, c);
    case LEAD: return read_lead(p, c);
    case VALUE: return read_value(p, c);
    case VALUE_LF: return expect_lf(p, c, NEXT);
    default: {
        int step = expect_lf(p, c, BLANK_LF);
        return step == GO_ON ? blank_line_done(p, c) : step;
    }
    }
}

/* A head or a trailer, as far as it is here and within its bound. */
static int read_head(struct http1 *p, struct cursor *c)
{
    uint32_t *bytes = p->seen & SEEN_TRAILER ? &p->line_bytes : &p->head_bytes;
    const char *end = c->end;
    int step = GO_ON;
    c->base = c->at;
    c->before = *bytes;
    if ((size_t)(c->end - c->at) > HTTP1_MAX_HEAD - *bytes)
        c->end = c->at + (HTTP1_MAX_HEAD - *bytes);
    while (step == GO_ON)
        step = head_step(p, c);
    *bytes = http1_offset(c);
    if (step == PROTO_MORE && c->at < end)
        step = http1_bad(p);
    c->end = end;
    return step;
}

/* ---- the whole ---- */

static int begin_head(struct http1 *p, struct cursor *c)
{
    begin_message(p, c);
    int told = http1_head_read(p, c);
    if (told == GO_ON)
        begin_message(p, c);
    return told;
}

static int complete(struct http1 *p)
{
    bool connect = p->side == PROTO_REQUESTS && p->method == HTTP_CONNECT;
    p->state = connect ? TUNNEL_MAYBE : START;
    return PROTO_END;
}

static int step(struct http1 *p, struct cursor *c)
{
    switch (p->state) {
    case START:
    case EMPTY: return await_message(p, c);
    case BEGUN:
        if (c->at == c->end)
            return PROTO_MORE;
        return begin_head(p, c);
    case BODY:
    case CLOSE_BODY:
    case CHUNK_SIZE:
    case CHUNK_DIGITS:
    case CHUNK_BLANKS:
    case CHUNK_EXT:
    case CHUNK_SIZE_LF:
    case CHUNK_DATA:
    case CHUNK_CR:
    case CHUNK_LF: return http1_body_step(p, c);
    case COMPLETE: return complete(p);
    case TUNNEL_DUE: p->state = TUNNEL; return PROTO_TUNNEL;
    case TUNNEL_MAYBE:
    case TUNNEL: c->at = c->end; return PROTO_MORE;
    case BROKEN: return PROTO_BAD;
    default: return read_head(p, c);
    }
}

/* Out of line: a head that came whole needs none of it. */
static __attribute__((noinline)) int steps(struct http1 *p, struct cursor *c)
{
    int told = GO_ON;
    while (told == GO_ON)
        told = step(p, c);
    return told;
}

size_t http1_feed(struct http1 *p, const char *bytes, size_t len, enum proto_event *event)
{
    struct cursor c = { bytes, bytes + len, bytes, 0 };
    int told = p->state == BEGUN && len > 0 ? begin_head(p, &c) : GO_ON;
    if (told == GO_ON)
        told = steps(p, &c);
    *event = (enum proto_event)told;
    return (size_t)(c.at - bytes);
}

enum proto_event http1_feed_unseen(struct http1 *p, uint64_t n)
{
    bool counted = p->state == BODY || p->state == CHUNK_DATA;
    if (n == 0 || p->state == TUNNEL || p->state == TUNNEL_MAYBE)
        return PROTO_MORE;
    if ((counted && n > p->left) || (!counted && p->state != CLOSE_BODY))
        return (enum proto_event)http1_bad(p);
    p->body_bytes += n;
    if (!counted || (p->left -= n) > 0)
        return PROTO_MORE;
    if (p->state == CHUNK_DATA) {
        p->state = CHUNK_CR;
        return PROTO_MORE;
    }
    p->state = START;
    return PROTO_END;
}

enum proto_event http1_finish(struct http1 *p)
{
    switch (p->state) {
    case START:
    case EMPTY:
    case TUNNEL:
    case TUNNEL_MAYBE: return PROTO_MORE;
    case CLOSE_BODY:
    case COMPLETE: p->state = START; return PROTO_END;
    case BROKEN: return PROTO_BAD;
    default: p->state = BROKEN; return PROTO_CUT;
    }
}

void http1_reset(struct http1 *p, enum proto_side side)
{
    memset(p, 0, offsetof(struct http1, scratch)); /* scratch_len of it is meant */
    p->side = (uint8_t)side;
    p->field = HEADER_OTHER;
}

void http1_tunnel_refused(struct http1 *p)
{
    if (p->state == TUNNEL_MAYBE)
        p->state = START;
}

uint64_t http1_body_ahead(const struct http1 *p)
{
    switch (p->state) {
    case BODY:
    case CHUNK_DATA: return p->left;
    case CLOSE_BODY:
    case TUNNEL: return UINT64_MAX;
    default: return 0;
    }
}

static size_t feed(void *state, const char *bytes, size_t len, enum proto_event *event)
{
    return http1_feed(state, bytes, len, event);
}

static enum proto_event finish(void *state)
{
    return http1_finish(state);
}

static void reset(void *state, enum proto_side side)
{
    http1_reset(state, side);
}

const struct proto proto_http1 = {
    .name = "http",
    .state_bytes = sizeof(struct http1),
    .detect_max = HTTP1_DETECT_MAX,
    .detect = http1_detect,
    .feed = feed,
    .finish = finish,
    .reset = reset,
};
