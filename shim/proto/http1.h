/*
 * HTTP/1.0 and HTTP/1.1, one direction of a connection: bytes to messages.
 *
 * Heads are read line by line; of the headers only what a span or a context needs
 * is kept, in a store that the caller lends for as long as it wants the head.
 * Bodies are counted and skipped by length: the cost of a feed does not depend on
 * the bytes of body in it, only on its chunk-size lines.
 *
 * What can be read in two ways is PROTO_BAD (request smuggling is made of it):
 * Content-Length beside Transfer-Encoding, two different Content-Length, a coding
 * other than chunked, Transfer-Encoding in HTTP/1.0, a chunk size that is no
 * number, a blank before the colon, a name that is no token, zero bytes, a CR that
 * is no line's end, a folded framing header. Lines may end with LF alone, folded
 * lines (obs-fold) are joined by a blank, empty lines before a request are skipped.
 *
 * The response parser must be told, at PROTO_BEGIN, which request is answered
 * (http1_answers): HEAD has no body, CONNECT opens a tunnel. After a CONNECT
 * request the request parser takes everything in silence until it is told that
 * there is no tunnel (http1_tunnel_refused) or the connection is left alone.
 *
 * Shared with nobody: one thread at a time, see proto.h.
 */
#ifndef OTELSHIM_PROTO_HTTP1_H
#define OTELSHIM_PROTO_HTTP1_H

#include "context/context_fields.h"
#include "proto/http_method.h"
#include "proto/proto.h"

/* Bounds, each a row in docs/LIMITS.md. */
#define HTTP1_MAX_HEAD 65536u      /* bytes of one head, of one trailer; beyond it: bad */
#define HTTP1_MAX_METHOD 24u       /* longer: bad */
#define HTTP1_MAX_NAME 48u         /* bytes of a header's name that can be kept */
#define HTTP1_MAX_CHUNK_LINE 4096u /* bytes of a chunk's size line; beyond it: bad */
#define HTTP1_MAX_CAPTURED 16u     /* headers kept because env->capture says so, per head */
#define HTTP1_MAX_CAPTURED_VALUE 1024u
#define HTTP1_DETECT_MAX 64u /* first bytes that http1_detect needs at most */

/*
 * FIELD(id, header, bytes kept, LIST or SINGLE, CUT or WHOLE): LIST headers that come
 * several times are joined by a comma, of a SINGLE one the first counts. Longer values
 * are CUT, or dropped where only the WHOLE has a meaning.
 */
#define HTTP1_FIELDS(FIELD) \
    FIELD(METHOD, "", HTTP1_MAX_METHOD, SINGLE, WHOLE) \
    FIELD(TARGET, "", 2048, SINGLE, CUT) \
    FIELD(HOST, "host", 255, SINGLE, WHOLE) \
    FIELD(USER_AGENT, "user-agent", 256, SINGLE, CUT) \
    CONTEXT_FIELDS(FIELD) \
    FIELD(FORWARDED, "forwarded", 512, LIST, CUT) \
    FIELD(X_FORWARDED_FOR, "x-forwarded-for", 256, LIST, CUT) \
    FIELD(X_FORWARDED_PROTO, "x-forwarded-proto", 32, LIST, CUT) \
    FIELD(X_FORWARDED_HOST, "x-forwarded-host", 255, LIST, CUT) \
    FIELD(X_REAL_IP, "x-real-ip", 64, SINGLE, WHOLE)

enum http1_field {
#define X(id, header, bytes, many, over) HTTP1_##id,
    HTTP1_FIELDS(X)
#undef X
        HTTP1_FIELD_COUNT
};

#define HTTP1_FIELD_BIT(field) (1u << (field))
/* A context's field (context_fields.h), and a set of them as HTTP1_FIELD_BITs. */
#define HTTP1_CONTEXT(field) ((enum http1_field)((unsigned)HTTP1_TRACEPARENT + (field)))
#define HTTP1_CONTEXT_BITS(set) ((uint32_t)(set) << HTTP1_TRACEPARENT)

/* Where a kept text lies: text + at, len bytes, no terminating zero. */
struct http1_text {
    uint16_t at, len;
};

/* A header that is kept because env->capture says so. */
struct http1_captured {
    struct http1_text name; /* in lower case */
    struct http1_text value;
};

/*
 * What is kept of one head. Holds offsets only: may be moved between two feeds
 * (http1_store_move). Lent by the caller at PROTO_BEGIN, emptied when the message's first
 * byte is taken, taken back whenever the caller likes. Fields that found no room are cut or
 * missing, never wrong.
 */
struct http1_store {
    uint16_t room; /* bytes of text[]: texts from its beginning, captured ones from its end */
    uint16_t cap;  /* of them for texts */
    uint16_t used;
    uint32_t cut;           /* HTTP1_FIELD_BIT: the value was longer than what is kept */
    uint32_t seen;          /* HTTP1_FIELD_BIT: the header was there, kept or not */
    uint8_t nr_traceparent; /* stays at 255 */
    uint8_t nr_captured;
    uint8_t line_end; /* bytes of the first line's end: 2, or 1 for LF alone */
    /* For the writer's side, counted from the message's first byte (PROTO_BEGIN). */
    uint32_t insert_at; /* right behind the first line's end */
    /* The first value of each context field that holds a span id; 0: none, or a folded one. */
    uint16_t value_at[CONTEXT_SPAN_FIELDS];
    struct http1_text fields[HTTP1_FIELD_COUNT]; /* len 0: not there */
    char text[];
};

/* Makes an empty store of `bytes` of memory aligned to 4 (at least sizeof(struct
 * http1_store), at most UINT16_MAX are used). */
struct http1_store *http1_store_init(void *memory, size_t bytes);
/* Bytes in use: what another store must have for the same content. */
static inline size_t http1_store_bytes(const struct http1_store *store)
{
    return sizeof *store + store->used + (size_t)(store->room - store->cap);
}
/* Copies all content to `to`, an empty one of at least so many bytes. */
void http1_store_move(struct http1_store *to, const struct http1_store *from);
/* Captures a header that came whole, not by a parser; `wants` as http1_env.capture. False:
 * not wanted, or no room. A value that is too long is cut. */
bool http1_store_capture(struct http1_store *store, bool (*wants)(const char *name, size_t len),
                         const char *name, size_t name_len, const char *value, size_t len);
/* The captured header of number `i`, in the head's order. */
static inline struct http1_captured *http1_captured_at(const struct http1_store *store, unsigned i)
{
    const char *end = store->text + store->room;
    return (struct http1_captured *)(uintptr_t)end - (i + 1);
}
static inline const char *http1_store_text(const struct http1_store *store, struct http1_text t)
{
    return store->text + t.at;
}

/* What a direction's parsers of the same kind share; constant while any parser has it. */
struct http1_env {
    uint32_t keep; /* HTTP1_FIELD_BIT of the fields wanted; METHOD and TARGET come with it */
    /* Whether a header is to be captured. `name` in lower case, at most HTTP1_MAX_NAME
     * bytes. NULL: none. Cost: called for every header that is no framing header. */
    bool (*capture)(const char *name, size_t len);
    /*
     * A value needs `more` bytes of room that the store does not have. Returns a store with
     * the same content (http1_store_move) and that room, the old one is the caller's again;
     * or NULL.
     * Called inside feed; the function pointer may be NULL.
     */
    struct http1_store *(*grow)(void *owner, struct http1_store *store, size_t more);
};

enum http1_flag {
    HTTP1_HAS_LENGTH = 1 << 0,  /* Content-Length was there */
    HTTP1_CHUNKED = 1 << 1,     /* the body is chunked */
    HTTP1_UNTIL_CLOSE = 1 << 2, /* the body ends with the connection */
    HTTP1_EXPECTS = 1 << 3,     /* Expect: 100-continue */
    HTTP1_UPGRADE = 1 << 4,     /* an Upgrade header was there */
};

struct http1 {
    /* For the caller to set at any time between feeds; owner is handed to env->grow. */
    const struct http1_env *env; /* NULL: nothing is kept */
    struct http1_store *store;   /* NULL: nothing is kept; the framing is followed all the same */
    void *owner;

    /* For the caller to read. Valid from PROTO_HEAD (status also at PROTO_INTERIM) to the
     * next PROTO_BEGIN. */
    uint64_t body_bytes;     /* of payload so far: without chunk lines and trailers */
    uint64_t content_length; /* with HTTP1_HAS_LENGTH */
    uint32_t head_bytes;     /* from the first byte to the blank line, which counts */
    uint16_t status;         /* of a response */
    uint8_t method;          /* enum http_method: of the request, or of the one answered */
    uint8_t minor;           /* 1.0 or 1.1: the digit behind the dot */
    uint8_t flags;           /* enum http1_flag */

    /* The parser's own. */
    uint8_t side;  /* enum proto_side */
    uint8_t state; /* enum state of http1.c */
    uint8_t field; /* the header that is being read */
    uint8_t seen;
    uint8_t scratch_len;
    uint16_t index;
    uint32_t line_bytes; /* of the trailer, or the chunk-size line */
    uint64_t left;       /* bytes of body or chunk to come */
    char scratch[HTTP1_MAX_NAME];
};

extern const struct proto proto_http1 __attribute__((visibility("hidden")));

/* detect, feed, finish and reset of proto_http1, to call them directly. */
enum proto_guess http1_detect(const char *bytes, size_t len);
size_t http1_feed(struct http1 *p, const char *bytes, size_t len, enum proto_event *event);
enum proto_event http1_finish(struct http1 *p);
/* Sets env, store and owner to NULL, too. */
void http1_reset(struct http1 *p, enum proto_side side);

/*
 * `n` bytes that nobody has seen went by (sendfile, splice, MSG_TRUNC): taken where
 * they are certain to be body (of known length, of a chunk, up to the close). MORE,
 * END when they complete the message, BAD otherwise. Zero bytes are always MORE.
 */
enum proto_event http1_feed_unseen(struct http1 *p, uint64_t n);

/* Response parser, at PROTO_BEGIN: which request is answered. Stays until told anew. */
static inline void http1_answers(struct http1 *p, enum http_method method)
{
    p->method = (uint8_t)method;
}
/* Request parser after CONNECT: the answer was no 2xx, requests go on. */
void http1_tunnel_refused(struct http1 *p);
/* Whether the next byte can only begin a message: no bytes of one, or of the empty lines
 * before one, have been taken. All state is then what http1_reset makes of it but for
 * env, store, owner and the numbers for the caller: it need not be kept. */
#define HTTP1_AT_START 0u /* http1.state */
#define HTTP1_AT_BEGIN 2u
#define HTTP1_IN_BODY 17u
#define HTTP1_IN_CHUNK 24u
#define HTTP1_AT_END 27u
static inline bool http1_at_message_start(const struct http1 *p)
{
    return p->state == HTTP1_AT_START;
}
/*
 * Instead of PROTO_BEGIN, for who has done already what is to be done then: the byte that
 * comes next begins a message. False: it does not, or feed must find out (empty lines).
 */
static inline bool http1_begin(struct http1 *p, char next)
{
    if (p->state != HTTP1_AT_START || (p->side == PROTO_REQUESTS && (next == '\r' || next == '\n')))
        return false;
    p->state = HTTP1_AT_BEGIN;
    return true;
}
/* All of a message is here, and its end not told yet. */
static inline bool http1_at_message_end(const struct http1 *p)
{
    return p->state == HTTP1_AT_END;
}
/* Whether bytes of a body, or of a chunk's data, are missing: without any there is nothing to
 * tell. */
static inline bool http1_awaits_body(const struct http1 *p)
{
    return p->state == HTTP1_IN_BODY || p->state == HTTP1_IN_CHUNK;
}
/*
 * Instead of http1_feed, for bytes in the middle of a body or chunk: counted, without a look
 * at them. False: they are not, or are its last ones, which tell something.
 */
static inline bool http1_skip_body(struct http1 *p, size_t len)
{
    if (!http1_awaits_body(p) || len >= p->left)
        return false;
    p->left -= len;
    p->body_bytes += len;
    return true;
}
/*
 * Instead of http1_feed, where nothing but the rest of a body of known length, if any, is
 * missing: *taken bytes of `len` are it, and PROTO_END is told. False: feed must be asked.
 */
static inline bool http1_take_end(struct http1 *p, size_t len, size_t *taken)
{
    if (p->state == HTTP1_AT_END && p->method != HTTP_CONNECT)
        *taken = 0;
    else if (p->state == HTTP1_IN_BODY && len >= p->left)
        *taken = (size_t)p->left;
    else
        return false;
    p->body_bytes += *taken;
    p->left = 0;
    p->state = HTTP1_AT_START;
    return true;
}
/* Bytes of body that come next for certain, as they stand in the stream; UINT64_MAX up to
 * the close, 0 inside heads and chunk lines. */
uint64_t http1_body_ahead(const struct http1 *p);

/* ---- a request head in a buffer that is about to be written ---- */

enum http1_scan {
    HTTP1_SCAN_COMPLETE, /* a whole head lies in the buffer */
    HTTP1_SCAN_PARTIAL,  /* a head begins, and goes on behind the buffer's end */
    HTTP1_SCAN_NOT,      /* no request head that we would touch */
};

/* Offsets count from the buffer's first byte. Values are without blanks around them. */
struct http1_span {
    uint32_t at, len;
};

struct http1_head {
    enum http_method method;
    uint8_t minor;
    uint8_t line_end;   /* bytes of the request line's end: 2, or 1 for LF alone */
    uint32_t insert_at; /* right behind the request line's end */
    uint32_t end;       /* right behind the blank line */
    uint16_t nr_traceparent, nr_tracestate, nr_baggage, nr_host;
    struct http1_span target;
    struct http1_span host, traceparent, tracestate, baggage; /* the first one of each;
                         * len 0: none, or one that is folded over lines */
};

/*
 * Reads the request head that begins with the first byte of `buf` (empty lines before it
 * are allowed). One pass, no state. A head in several pieces (writev): feed a parser of
 * its own with them, its store has the same offsets (insert_at, value_at).
 */
enum http1_scan http1_scan_head(const char *buf, size_t len, struct http1_head *out);

#endif
