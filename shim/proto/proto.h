/*
 * What the connection room and the protocols' parsers say to each other.
 *
 * A parser is a small machine over one direction of one connection. It is given
 * the bytes as they come, in any split, and tells what they mean, one event at a
 * time. Pure: no I/O, no clock, no allocation, no memory of bodies; bytes are
 * borrowed for the call. Any thread, one at a time per state; async-signal-safe.
 *
 *     for (;;) {
 *         n = proto->feed(state, bytes, len, &event);   // n <= len are dealt with
 *         bytes += n, len -= n;
 *         if (event == PROTO_MORE) break;               // then len is 0
 *         ...
 *     }
 *
 * The same bytes give the same events, however they are split. An event is told
 * when the byte that makes it certain has been looked at, before any byte behind
 * it: at an event the remaining bytes start exactly where the message ends.
 */
#ifndef OTELSHIM_PROTO_PROTO_H
#define OTELSHIM_PROTO_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which direction a parser stands on. */
enum proto_side {
    PROTO_REQUESTS,  /* what the client says */
    PROTO_RESPONSES, /* what the server says */
};

/* What the first bytes of a direction are. */
enum proto_guess {
    PROTO_UNLIKE,          /* not this protocol, whatever follows */
    PROTO_UNSURE,          /* could be: ask again with these and more bytes */
    PROTO_LIKELY_REQUEST,  /* a client speaks */
    PROTO_LIKELY_RESPONSE, /* a server answers: the connection was older than our look */
};

/*
 * In a message's order: BEGIN, (INTERIM, BEGIN)*, HEAD, then END or TUNNEL.
 * BAD may come at any point and is the last event of a direction.
 */
enum proto_event {
    PROTO_MORE,    /* all bytes are dealt with, nothing to tell */
    PROTO_BEGIN,   /* a message's first byte: looked at, not yet taken. The moment to note
                    * the time and to lend the parser what it keeps the head in */
    PROTO_INTERIM, /* an interim answer (1xx) is complete; the real one follows with BEGIN */
    PROTO_HEAD,    /* all headers are known; a body may follow */
    PROTO_END,     /* the message is complete; the next byte begins another one */
    PROTO_TUNNEL,  /* complete (as END), and what follows in both directions is another
                    * protocol: leave the connection alone */
    PROTO_CUT,     /* finish() only: the connection ended inside a message */
    PROTO_BAD,     /* not understood, or two readings are possible: give the connection up
                    * for good. feed() must not be called again before reset() */
};

struct proto {
    const char *name;   /* network.protocol.name */
    size_t state_bytes; /* of the parser's state, all zero but for what reset() sets */
    size_t detect_max;  /* detect() is sure with so many bytes */
    /* Looks at the first `len` bytes of a direction, nothing remembered. */
    enum proto_guess (*detect)(const char *bytes, size_t len);
    size_t (*feed)(void *state, const char *bytes, size_t len, enum proto_event *event);
    /* The direction has ended (read returned 0): END for a body that the close ends, CUT
     * inside a message, MORE between two. */
    enum proto_event (*finish)(void *state);
    /* Makes a state that awaits a message's first byte. */
    void (*reset)(void *state, enum proto_side side);
};

#endif
