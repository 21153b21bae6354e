/*
 * What the files of this room share.
 *
 *   conn.c         descriptors: what is behind an fd, from its making to its close
 *   stream.c       bytes in both directions through the parsers; requests and answers matched
 *   write.c        what goes out in place of the program's bytes
 *   proxy_ahead.c  a PROXY header before the first request
 *   exchange.c     one request and its response: the span
 *   exchange_context.c  the context in its head: read, and written
 *   peer.c         who is at the other end
 *   pool.c         the blocks they lie in
 *
 * Two sizes of state: struct conn (always, while the fd is tracked), and while anything is
 * under way a block of a struct stream with its first struct exchange (a request that is
 * not yet answered): 1 KB with the connection. Requests that are pipelined behind it have
 * blocks of their own.
 *
 * Functions here that take a struct conn expect it held (conn_hold), but for those
 * that say otherwise.
 */
#ifndef OTELSHIM_CONN_INTERNAL_H
#define OTELSHIM_CONN_INTERNAL_H

#include "conn/conn.h"
#include "conn/peer.h"
#include "conn/pool.h"
#include "proto/http1.h"
#include "proto/proxy.h"

/* Bounds, each a row in docs/LIMITS.md. */
#define CONN_MAX (CONN_MAX_FDS + CONN_MAX_DETACHED) /* connections tracked at a time */
#define STREAM_MAX 32768u                           /* connections with anything under way */
#define EXCHANGE_MAX 8192u                          /* requests that wait behind another one */
#define STREAM_BYTES 328u
#define EXCHANGE_BYTES 624u
#define STREAM_CHUNK 128u /* blocks mapped at a time */
#define EXCHANGE_CHUNK 16u
#define HEAD_MAX 2048u /* exchanges whose head needs more room */
#define HEAD_BYTES 4096u
#define LARGE_HEAD_MAX 64u
#define LARGE_HEAD_BYTES 16384u

enum conn_flag {
    CONN_TLS_ABOVE = 1u << 0, /* plaintext comes from a TLS library */
    CONN_DETACHED = 1u << 1,  /* there is no descriptor */
    CONN_SPOKEN = 1u << 2,    /* first bytes were seen */
    CONN_WRITING = 1u << 3,   /* between conn_write_begin and _end */
    CONN_GIVEN_UP = 1u << 4,  /* nothing is parsed any more */
    CONN_BELOW = 1u << 5,     /* a library tells of it: its peer is kept for conn_begin_tls */
};

/* 64 bytes a connection with what an fd costs (its number here and its kind). */
struct conn {
    atomic_uchar held;           /* any thread; 1 while a thread is at it */
    atomic_uchar doomed;         /* another thread could not wait: give up when let go */
    uint8_t role;                /* enum conn_role */
    uint8_t flags;               /* enum conn_flag */
    _Atomic uint32_t generation; /* changes when the connection goes; any thread reads */
    uint64_t cookie;             /* SO_COOKIE, 0 = not asked yet */
    uint32_t stream;             /* number of its struct stream, 0 = nothing is under way */
    uint32_t begun_for;          /* server request that was current when it was connected */
    struct peer peer;
    uint16_t tls_version : 6, tls_next : 6; /* numbers of texts, see conn_text */
    uint16_t told : 4;  /* writes whose end was told by the next one, modulo 16 */
    atomic_ushort refs; /* descriptors that point here */
    int32_t fd;         /* one of them, for getsockopt */
    uint32_t number;    /* its own */
};
_Static_assert(sizeof(struct conn) + sizeof(uint32_t) + 1 <= 64, "64 bytes an idle connection");

/* Our bytes in the program's stream that are not all out yet. */
struct edit {
    uint8_t kind;      /* enum edit_kind */
    bool is_answered;  /* its exchange is over, and kept until these bytes are out */
    uint16_t skip;     /* program bytes that give way, still to come: no more than ours */
    uint16_t done;     /* bytes of ours that went out */
    uint16_t exchange; /* whose context it is */
    uint32_t at;       /* program bytes before it, from the next write on */
};
enum edit_kind {
    EDIT_NONE,
    EDIT_INSERT,  /* headers, behind the first line */
    EDIT_SPAN_ID, /* one span id, of a header that came with the server's request */
    EDIT_COPY,    /* part of the head with several of them, or with headers in front */
};

struct stream {
    struct http1 requests;
    union {
        struct http1 responses;
        struct proxy proxy; /* before the first request */
    };
    uint64_t first_byte_mono_ns; /* of the request that is being read */
    struct edit edit;
    uint32_t oldest, newest; /* exchanges in the order of their requests, 0 = none */
    uint32_t prepared;       /* made before its request was written, not in the queue */
    uint8_t nr_exchanges;
    uint8_t has_own;    /* the exchange in its block is in use */
    uint8_t in_proxy;   /* inside a PROXY header */
    uint8_t prefix_len; /* of first bytes that may be a PROXY header */
    char prefix[PROXY_DETECT_MAX];
};
_Static_assert(sizeof(struct stream) <= STREAM_BYTES, "stream fits its block");

enum exchange_flag {
    EXCHANGE_STARTED = 1u << 0,  /* its span was started, or it was excluded */
    EXCHANGE_EXCLUDED = 1u << 1, /* by URL: no span, no header */
    EXCHANGE_SERVER = 1u << 2,
    EXCHANGE_REQUEST_DONE = 1u << 3,
    EXCHANGE_ANSWERED = 1u << 4,   /* a final status was seen */
    EXCHANGE_FORWARDED = 1u << 5,  /* carries the very context its server request came with */
    EXCHANGE_OWN_PARENT = 1u << 6, /* carries a context that we leave alone */
};

/*
 * What is wanted of a request: decided once, by the configuration and then by its head. What
 * is not wanted is neither kept nor asked for; who wants more (a duration for metrics alone)
 * adds a bit, and says at its place what it needs.
 */
enum exchange_want {
    WANT_CONTEXT = 1u << 0, /* to be handed on: the caller's, and an id */
    WANT_RECORD = 1u << 1,  /* a span: its times, and all that the head says */
};

struct exchange {
    struct span span;
    struct http1_store *head; /* its own store, or a larger one */
    uint64_t request_body_bytes, response_body_bytes;
    uint32_t number, next;        /* next in the connection's queue */
    uint32_t large;               /* number of the larger block, 0 = none */
    uint32_t request;             /* server: its handle; client: that of the request it is for */
    uint32_t tracestate, baggage; /* carried texts, 0 = none */
    uint32_t answer;              /* block with the answer's captured headers, 0 = none */
    uint32_t edit_text;           /* carried text: other formats' lines, or an EDIT_COPY */
    uint16_t status;
    uint8_t method; /* enum http_method */
    uint8_t request_minor, response_minor;
    uint8_t flags;    /* enum exchange_flag */
    uint8_t nr_links; /* of candidates, behind the store's text */
    uint8_t is_large; /* of LARGE_HEAD_BYTES */
    uint8_t wants;    /* enum exchange_want */
    /* What goes in with our header (exchange_context.c). */
    uint8_t edit_w3c : 1, edit_state : 1, edit_baggage : 1;
    uint16_t edit_len; /* bytes of edit_text */
    uint16_t forks;    /* of this process, when it began */
    union {
        struct http1_store store;
        unsigned char memory[EXCHANGE_BYTES - 112 - 72];
    };
};
_Static_assert(STREAM_MAX + EXCHANGE_MAX <= UINT16_MAX, "a number fits struct edit");
_Static_assert(sizeof(struct exchange) <= EXCHANGE_BYTES, "exchange fits its block");
_Static_assert(STREAM_BYTES + EXCHANGE_BYTES + sizeof(uint32_t) + 64 <= 1024,
               "1 KB while a request is open, with the pool's link and the connection");

extern struct pool conn_pool, stream_pool, exchange_pool;
/* Whose spans messages become; constructor only. */
extern const struct instrumentation *conn_http;

static inline struct stream *stream_at(uint32_t number)
{
    return pool_block(&stream_pool, number, STREAM_CHUNK, STREAM_BYTES + EXCHANGE_BYTES);
}
static inline struct stream *stream_of(const struct conn *c)
{
    return c->stream != 0 ? stream_at(c->stream) : NULL;
}
/* One of this stream's, 0: NULL. Numbers up to STREAM_MAX say that it is the one in its block. */
static inline struct exchange *exchange_of(const struct stream *s, uint32_t number)
{
    if (number == 0)
        return NULL;
    if (unlikely(number > STREAM_MAX))
        return pool_block(&exchange_pool, number - STREAM_MAX, EXCHANGE_CHUNK, EXCHANGE_BYTES);
    return (struct exchange *)((uintptr_t)s + STREAM_BYTES);
}

/*
 * conn.c: takes the connection for this thread. False: given up, or to be given up, or
 * somebody has it (who will give it up). conn_hold_for_write also takes one that is
 * to be given up.
 */
bool conn_hold(struct conn *c);
bool conn_hold_for_write(struct conn *c);
/* The same for a thread that had it before: waits as long as it takes, and gives nothing up. False: the
 * connection is another one by now, or was given up. */
bool conn_hold_again(struct conn *c, uint32_t generation);
/* The same for the connection behind an fd, which it then certainly is. NULL: false. */
struct conn *conn_hold_fd(int fd);
struct conn *conn_hold_fd_for_write(int fd);
/* One that was given up, and has but one descriptor, is gone afterwards. */
void conn_let_go(struct conn *c);
/*
 * No more parsing: what is open ends, its fds are ignored. While bytes of ours are
 * under way or owed, that is put off until they are out: half a header would be worse.
 */
void conn_give_up(struct conn *c);
/* Whether the fd still is this connection, asked of the kernel. Not for detached ones. */
bool conn_is_same_socket(struct conn *c);
const char *conn_text(uint8_t number);

/* stream.c */
struct stream *stream_get(struct conn *c);
/* Gives the stream back when nothing is under way. */
void stream_settle(struct conn *c);
/* No more of the edit goes out: all of it has, or the rest never will. */
void stream_end_edit(struct stream *s);
/* The same behind what may stand ahead of HTTP. */
void stream_feed_http1(struct conn *c, enum proto_side side, const char *bytes, size_t len);
/* Bytes of one direction; `bytes` NULL: unseen. */
void stream_feed(struct conn *c, enum proto_side side, const char *bytes, size_t len);
/* The same for the first `n` bytes of several pieces, as far as they go. */
void stream_feed_pieces(struct conn *c, enum proto_side side, const struct iovec *iov, int nr_iov,
                        size_t n);
/* Instead of stream_feed, for bytes in the middle of a body: most of all bytes. False: they
 * must be fed. `c` is held. */
static inline bool stream_skip_body(struct conn *c, enum proto_side side, size_t len)
{
    struct stream *s = stream_of(c);
    return s != NULL && !s->in_proxy &&
           http1_skip_body(side == PROTO_REQUESTS ? &s->requests : &s->responses, len);
}
/* A direction has ended. `error`: an errno, 0 = in order. */
void stream_finish(struct conn *c, enum proto_side side, int error);
/* The connection goes: every exchange ends. */
void stream_end(struct conn *c, int error);
/* Tells what is open, and leaves everything as it is. */
void stream_tell_open(struct conn *c);
/* Nothing more will be understood. Requests that had begun are told; heads that were not
 * complete are forgotten. (A forked child tells nothing of its parent's: span_end.) */
void stream_drop(struct conn *c);
/* Requests parser, request side only, up to the head's end: bytes taken. Sets *complete. */
size_t stream_feed_head(struct conn *c, const char *bytes, size_t len, bool *complete);
/* The head that was fed before its write did not go out, or only in part: the parser
 * stands before it again. `keep`: the exchange stays for its second reading. */
void stream_unread_head(struct conn *c, bool keep);

/*
 * proxy_ahead.c: takes the bytes of a PROXY header, or of what may be one, ahead of the first
 * request. True: more bytes are there, or it was none; they are HTTP's.
 */
bool proxy_ahead_feed(struct conn *c, const char **bytes, size_t *len);
/* All of the header that proxy_ahead_look saw is out, and what was fed behind it. */
void proxy_ahead_passed(struct conn *c);
/* What a client is about to write: DONE: HTTP begins, or goes on, behind *len bytes of PROXY
 * header (0: there is none); MORE: the write ends inside it; BAD: not to be followed. */
enum proxy_result proxy_ahead_look(const struct conn *c, const struct iovec *iov, int nr,
                                   size_t *len);

/* conn.c */
/* What is behind a descriptor, as it is: not looked for. NULL: nothing. */
struct conn *conn_known(int fd);
/* The fd has a new connection of this role. NULL: ignored. */
struct conn *conn_attach(int fd, enum conn_role role);
/* Of SOL_SOCKET; below 0: it is none. */
int conn_socket_option(int fd, int option);

/* exchange.c */
/* One of the stream's, in its block if that is free. NULL: all are in use. */
struct exchange *exchange_take(struct stream *s, uint32_t stream_number, bool server);
void exchange_give(struct stream *s, struct exchange *e);
/* Lends the exchange's store to the parser, empty. */
void exchange_lend(struct exchange *e, struct http1 *request);
/* An answer begins: room for its captured headers, if any are wanted. */
void exchange_lend_answer(struct exchange *e, struct http1 *response);
/* The captured headers of the answer; NULL: none. */
const struct http1_store *exchange_answer(const struct exchange *e);
/* Texts of error.type beside status codes and errno names. */
#define EXCHANGE_ABORTED "aborted"  /* a server closed without an answer, or inside it */
#define EXCHANGE_NO_ANSWER "closed" /* a client got the end of the stream instead of it */
const char *exchange_errno_text(int error);
/* Counts this process's forks: a child may have answered in its parent's place. */
uint16_t exchange_forks(void);
/* The request's head is complete: excluded, or a span. */
void exchange_start(struct conn *c, struct exchange *e, const struct http1 *request);
/* Tells the span, once, and nobody works for the request any more. `error`: NULL or an error.type. */
void exchange_end(struct conn *c, struct exchange *e, const char *error);
/* Tells the span alone: it may be a parent still. */
void exchange_tell(struct conn *c, struct exchange *e, const char *error);
/* Forgets the span. */
void exchange_abandon(struct exchange *e);
/* exchange_context.c */
/* What the head carries, if it is well formed: ids, flags, no texts. */
bool exchange_caller(const struct exchange *e, struct span_context *out);
/* The texts that come along, kept for as long as the exchange lives. */
void exchange_carry_texts(struct exchange *e, struct span_context *caller);
/* Our bytes for an edit, from its `done` on; their number of pieces. */
unsigned exchange_edit_pieces(const struct exchange *e, const struct edit *edit,
                              struct iovec pieces[static CONN_EDIT_PIECES],
                              char text[static CONN_EDIT_TEXT]);
/* What is to be edited into the head that the exchange has just started with, and which
 * begins `head_at` bytes into the program's write. */
void exchange_plan_edit(struct exchange *e, const struct iovec *iov, int nr_iov, size_t head_at,
                        struct edit *edit);
/* A server request has become the oldest one of its connection: it is a parent now. */
void exchange_becomes_parent(const struct conn *c, struct exchange *e);
void exchange_init(void);

#endif
