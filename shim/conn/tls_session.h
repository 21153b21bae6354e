/*
 * TLS sessions: from a library's session object (SSL *, gnutls_session_t) to its
 * connection, and writes that carry our header through a TLS library.
 *
 * A session is found by the object's address. Where a descriptor is known the
 * connection is that descriptor's; where the program moves the ciphertext itself
 * (memory BIOs) it stands by itself. Sessions that are not traced (HTTP/2, no
 * stream socket) are kept as well: they cost a search per call, nothing more.
 *
 * Writing. A TLS library that could not send a record must be called again with the
 * very same bytes. So the head of a write that our header joins is copied, header
 * included, to a block of TLS_COPY_BYTES, and that block is handed over until the
 * library has taken all of it, whatever the program's own buffer does meanwhile;
 * what does not fit in is sent from the program's buffer afterwards. To the program
 * it is one write all the while.
 *
 * Threads: a library lets one thread at a time use a session (GnuTLS: one that reads
 * and one that writes), and so do we. No malloc, no lock, no system call but one mmap.
 */
#ifndef OTELSHIM_CONN_TLS_SESSION_H
#define OTELSHIM_CONN_TLS_SESSION_H

#include "conn/conn.h"
#include "conn/pool.h"

/* Bounds, rows in docs/LIMITS.md. */
#define TLS_MAX_SESSIONS 32768u /* from about 20,000 on some find no place */
#define TLS_COPY_BYTES 16384u   /* one TLS record */
#define TLS_MAX_COPIES 64u      /* writes with our header under way at one time */

enum tls_state {
    TLS_NEW,     /* nothing was asked yet */
    TLS_TRACED,  /* `conn` is its connection */
    TLS_GONE,    /* the connection was given up, closed, or the fd is another one's by now */
    TLS_IGNORED, /* for good */
};

struct tls_session {
    struct conn *conn;
    uint32_t generation; /* of the connection */
    int32_t fd;          /* -1: memory buffers; of a new session: what its handshake used */
    uint32_t copy;       /* block of a write under way, POOL_NONE */
    /* Set once by whoever begins the session first; any thread. */
    _Atomic uint8_t state;
    uint8_t role;       /* enum conn_role, where the library tells only at the session's making */
    uint8_t references; /* beyond the first */
    bool is_told;       /* conn_set_tls was called */
    bool is_repeating;  /* an unedited write waits to be repeated: it must stay unedited */
    size_t done;        /* bytes of the program's write that the library has taken with the copy */
};

/* NULL: not known. */
struct tls_session *tls_session_find(const void *handle);
/* Found or made. NULL: no room, counted. */
struct tls_session *tls_session_add(const void *handle);
/* The object is freed or starts over: ends what is open. Before the real free. */
void tls_session_forget(const void *handle);

/* What a library knows of a session; after the handshake `is_complete`. Texts are constants. */
struct tls_facts {
    int fd; /* -1: none */
    enum conn_role role;
    bool is_complete;
    const char *version;       /* "1.3"; NULL: unknown */
    const char *next_protocol; /* ALPN, "http/1.1"; NULL: none */
    bool is_other_protocol;    /* ALPN chose what is not HTTP/1 */
};

/* Takes the session's connection over; again after the handshake, or when the fd is
 * another one: no harm. */
void tls_session_begin(struct tls_session *s, const struct tls_facts *facts);

/* The connection, NULL: not traced, or not begun. */
struct conn *tls_session_conn(struct tls_session *s);

static inline enum tls_state tls_session_state(const struct tls_session *s)
{
    return atomic_load_explicit(&s->state, memory_order_acquire);
}

/* ---- writing ---- */

/* What a write came to, when it is not a number of bytes. */
enum { TLS_AGAIN = -1, TLS_FAILED = -2 };

/* How to write; at the head of a structure of the library's hook. */
struct tls_writer {
    /*
     * One call of the library: bytes taken (more than 0), TLS_AGAIN (it must be called
     * with the same bytes again), TLS_FAILED. Keeps what the library returned.
     */
    long (*send)(struct tls_writer *w, const void *bytes, size_t len);
    /* Whether the program expects that less than all may be taken. Asked when it matters. */
    bool (*short_writes)(const struct tls_writer *w);
};

/*
 * The program writes (len > 0, unless a write is under way: then GnuTLS's "repeat" is 0
 * bytes). Returns the bytes that the program shall see as taken, TLS_AGAIN or TLS_FAILED:
 * then it shall see what the library returned last.
 */
long tls_write(struct tls_session *s, struct tls_writer *w, const void *bytes, size_t len);

/* GnuTLS: whether a write that was not edited waits to be repeated. */
static inline bool tls_is_repeating(const struct tls_session *s)
{
    return s->is_repeating;
}

#endif
