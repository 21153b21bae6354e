/*
 * OpenSSL: what a program says and hears through a session is plain HTTP; it is given
 * to the connection room (conn/), with our header in what goes out.
 *
 * The guard keeps the socket hooks below quiet: what they would see is ciphertext. A
 * session's connection is its descriptor's where it has one (SSL_set_fd), else its own
 * (memory BIOs: nginx' and CPython's way, Apache's filters). The descriptor is asked for
 * when the handshake is done or plaintext comes, so that SSL_set_fd, SSL_set_bio and
 * BIO_new_ssl_connect are all the same.
 *
 * Two kinds of hooks. Those through which plaintext goes ask the guard: sessions of
 * libcurl and of our own exporter pass through. Those that keep the books (new, up_ref,
 * free, clear) run at any depth: an address may be another session's the next moment.
 *
 * SSL_get_error reads the session's state and the thread's error queue and changes
 * neither: the program's own question gets the same answer after ours.
 */
#include "hooks/openssl_api.h"

#include <string.h>

#include "conn/tls_session.h"
#include "process_state.h"

#define OPENSSL_HOOKS(X) \
    X(SSL_new) \
    X(SSL_up_ref) \
    X(SSL_free) \
    X(SSL_clear) \
    X(SSL_accept) \
    X(SSL_connect) \
    X(SSL_do_handshake) \
    X(SSL_read) \
    X(SSL_read_ex) \
    X(SSL_peek) \
    X(SSL_peek_ex) \
    X(SSL_read_early_data) \
    X(SSL_write) \
    X(SSL_write_ex) \
    X(SSL_write_early_data) \
    X(SSL_sendfile)
HOOK_LIST(openssl_hooks, OPENSSL_HOOKS);
#define HOOK_TABLE openssl_hooks

static const char *const openssl_sonames[] = { "libssl.so.3", "libssl.so.1.1", NULL };
static const char *const openssl_suppresses[] = { "socket", NULL };

struct instrumentation instr_openssl = {
    .name = "openssl",
    .hooks = openssl_hooks,
    .nr_hooks = COUNT(openssl_hooks),
    .sonames = openssl_sonames,
    .suppresses = openssl_suppresses,
    /* No `missing`: 0 and NULL are failures of all of these. */
    /* No fork_child: the tables are the child's own copy; conn/ tells what goes on in it. */
};

/* ---- what the library says of a session ---- */

/* Functions that we call. Any thread; see hook.h. */
enum asked_function {
    ASK_ERROR,
    ASK_WANT,
    ASK_CTRL,
    ASK_FD,
    ASK_BIO,
    ASK_BIO_NAME,
    ASK_SERVER,
    ASK_FINISHED,
    ASK_VERSION,
    ASK_ALPN,
    ASK_QUEUE,
};
static struct hook asked[] = {
    [ASK_ERROR] = { .name = "SSL_get_error" },
    [ASK_WANT] = { .name = "SSL_want" },
    [ASK_CTRL] = { .name = "SSL_ctrl" },
    [ASK_FD] = { .name = "SSL_get_rfd" },
    [ASK_BIO] = { .name = "SSL_get_rbio" },
    [ASK_BIO_NAME] = { .name = "BIO_method_name" },
    [ASK_SERVER] = { .name = "SSL_is_server" },
    [ASK_FINISHED] = { .name = "SSL_is_init_finished" },
    [ASK_VERSION] = { .name = "SSL_get_version" },
    [ASK_ALPN] = { .name = "SSL_get0_alpn_selected" },
    [ASK_QUEUE] = { .name = "ERR_peek_last_error" },
};

/* The one that belongs to the library in which `near` lies, a real function. */
#define ASK(type, what, near) ((type *)real_of(&asked[what], (near)))

/* Why a call failed for good, as errno; 0: the stream has ended; EAGAIN: it has not failed. */
static __attribute__((noinline)) int failure_of(const SSL *ssl, int result, int system_error,
                                                const void *near)
{
    switch (ASK(ssl_get_error_fn, ASK_ERROR, near)(ssl, result)) {
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL: /* 1.1: without errno at an end without close_notify */
        return system_error;
    case SSL_ERROR_SSL: break;
    default: return EAGAIN;
    }
    /* OpenSSL 3 calls the end without close_notify an error; programs take it for an end. */
    unsigned long code = ASK(err_peek_last_error_fn, ASK_QUEUE, near)();
    if ((code & ERR_REASON_MASK) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return 0;
    /* The error in the queue is an older one of the program's. */
    return ASK(ssl_ask_fn, ASK_WANT, near)(ssl) != SSL_NOTHING ? EAGAIN : EPROTO;
}

static const char *version_of(const SSL *ssl, const void *near)
{
    static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3" };
    const char *text = ASK(ssl_get_version_fn, ASK_VERSION, near)(ssl); /* "TLSv1.3", "TLSv1" */
    if (text == NULL || strncmp(text, "TLSv1", 5) != 0)
        return NULL;
    if (text[5] == 0)
        return versions[0];
    return text[5] == '.' && text[6] >= '1' && text[6] <= '3' ? versions[text[6] - '0'] : NULL;
}

static void alpn_of(const SSL *ssl, const void *near, struct tls_facts *facts)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    ASK(ssl_get0_alpn_selected_fn, ASK_ALPN, near)(ssl, &name, &len);
    if (name == NULL || len == 0)
        return;
    if (len == 8 && memcmp(name, "http/1.1", 8) == 0)
        facts->next_protocol = "http/1.1";
    else if (len != 8 || memcmp(name, "http/1.0", 8) != 0)
        facts->is_other_protocol = true;
}

/*
 * The descriptor below. Apache, HAProxy and libcurl give the session a BIO of their own,
 * which hides it: then it is the socket that the handshake used first; in front of a
 * memory buffer the handshake uses none, and what its callbacks do says nothing.
 */
static int fd_of(const struct tls_session *s, const SSL *ssl, const void *near)
{
    int fd = ASK(ssl_ask_fn, ASK_FD, near)(ssl);
    if (fd >= 0 || s->fd < 0)
        return fd;
    const BIO *bio = ASK(ssl_get_rbio_fn, ASK_BIO, near)(ssl);
    const char *name = bio != NULL ? ASK(bio_method_name_fn, ASK_BIO_NAME, near)(bio) : NULL;
    bool is_memory = name == NULL || strcmp(name, "memory buffer") == 0 ||
                     strcmp(name, "secure memory buffer") == 0 || strcmp(name, "BIO pair") == 0;
    return is_memory ? -1 : s->fd;
}

/* Tells conn/ of the session what is known by now. */
static __attribute__((noinline)) void begin(struct tls_session *s, const SSL *ssl, const void *near)
{
    struct tls_facts facts = {
        .fd = fd_of(s, ssl, near),
        .role = ASK(ssl_ask_fn, ASK_SERVER, near)(ssl) ? CONN_SERVER : CONN_CLIENT,
        .is_complete = ASK(ssl_ask_fn, ASK_FINISHED, near)(ssl) != 0,
    };
    if (facts.is_complete) {
        facts.version = version_of(ssl, near);
        alpn_of(ssl, near, &facts);
    }
    tls_session_begin(s, &facts);
}

static bool must_begin(const struct tls_session *s)
{
    enum tls_state state = tls_session_state(s);
    return state == TLS_NEW || state == TLS_GONE || (state == TLS_TRACED && !s->is_told);
}

/* The session through which plaintext goes now. NULL: no room for it. */
static struct tls_session *session_of(const SSL *ssl, const void *near)
{
    struct tls_session *s = tls_session_add(ssl);
    if (unlikely(s != NULL && must_begin(s)))
        begin(s, ssl, near);
    return s;
}

/* ---- the books ---- */

static bool is_on(void)
{
    return (call_enabled_mask & instr_openssl.bit) != 0;
}

/* Sessions of our own threads are not known; a vforked child changes nothing. */
static void forget(const SSL *ssl)
{
    if (!is_on() || !thread_has_tls() || thread_state.suppressed == THREAD_IS_OURS ||
        tls_session_find(ssl) == NULL)
        return;
    int saved_errno = errno;
    if (process_enter())
        tls_session_forget(ssl);
    errno = saved_errno;
}

EXPORT SSL *SSL_new(SSL_CTX *ctx)
{
    SSL *ssl = REAL(SSL_new)(ctx);
    if (ssl != NULL)
        forget(ssl); /* freed where we did not see it: inside libssl, by a BIO */
    return ssl;
}

EXPORT int SSL_up_ref(SSL *ssl)
{
    struct tls_session *s = is_on() ? tls_session_find(ssl) : NULL;
    if (s != NULL && s->references < UINT8_MAX)
        s->references++;
    return REAL(SSL_up_ref)(ssl);
}

EXPORT void SSL_free(SSL *ssl)
{
    struct tls_session *s = is_on() ? tls_session_find(ssl) : NULL;
    if (s != NULL && s->references > 0)
        s->references--;
    else if (s != NULL)
        forget(ssl);
    REAL(SSL_free)(ssl);
}

EXPORT int SSL_clear(SSL *ssl)
{
    forget(ssl);
    return REAL(SSL_clear)(ssl);
}

/* ---- handshakes and looks ---- */

/* The first call of a handshake tells by which socket it goes. */
static void note_socket(const SSL *ssl, uint32_t used_below)
{
    struct tls_session *s = tls_session_add(ssl);
    if (s != NULL && tls_session_state(s) == TLS_NEW && s->fd < 0)
        s->fd = (int32_t)used_below - 1;
}

static int handshake(SSL *ssl, int (*real)(SSL *))
{
    struct call call;
    if (!call_enter(&call, &instr_openssl))
        return real(ssl);
    call.thread->used_below = 0;
    int result = real(ssl);
    call_returned(&call);
    if (call.thread->used_below != 0)
        note_socket(ssl, call.thread->used_below);
    if (result == 1)
        session_of(ssl, (const void *)(uintptr_t)real);
    call_leave(&call);
    return result;
}

EXPORT int SSL_accept(SSL *ssl)
{
    return handshake(ssl, REAL(SSL_accept));
}

EXPORT int SSL_connect(SSL *ssl)
{
    return handshake(ssl, REAL(SSL_connect));
}

EXPORT int SSL_do_handshake(SSL *ssl)
{
    return handshake(ssl, REAL(SSL_do_handshake));
}

/* Nothing is told of what stays in the library; the socket below must not be looked at. */
EXPORT int SSL_peek(SSL *ssl, void *buf, int num)
{
    struct call call;
    if (!call_enter(&call, &instr_openssl))
        return REAL(SSL_peek)(ssl, buf, num);
    int result = REAL(SSL_peek)(ssl, buf, num);
    call_returned(&call);
    call_leave(&call);
    return result;
}

EXPORT int SSL_peek_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes)
{
    struct call call;
    if (!call_enter(&call, &instr_openssl))
        return REAL(SSL_peek_ex)(ssl, buf, num, readbytes);
    int result = REAL(SSL_peek_ex)(ssl, buf, num, readbytes);
    call_returned(&call);
    call_leave(&call);
    return result;
}

/* ---- reading ---- */

static void read_failed(const SSL *ssl, int result, int system_error, const void *near)
{
    struct tls_session *s = tls_session_find(ssl);
    struct conn *c = s != NULL ? tls_session_conn(s) : NULL;
    if (c == NULL)
        return;
    int error = failure_of(ssl, result, system_error, near);
    if (error != EAGAIN)
        conn_read_ended(c, error);
}

static void was_read(const SSL *ssl, const void *bytes, size_t n, const void *near)
{
    struct tls_session *s = session_of(ssl, near);
    struct conn *c = s != NULL ? tls_session_conn(s) : NULL;
    if (c != NULL)
        conn_read(c, bytes, n);
}

EXPORT int SSL_read(SSL *ssl, void *buf, int num)
{
    struct call call;
    int (*real)(SSL *, void *, int) = REAL(SSL_read);
    if (!call_enter(&call, &instr_openssl))
        return real(ssl, buf, num);
    const void *near = (const void *)(uintptr_t)real;
    int result = real(ssl, buf, num);
    call_returned(&call);
    if (likely(result > 0))
        was_read(ssl, buf, (size_t)result, near);
    else
        read_failed(ssl, result, call.saved_errno, near);
    call_leave(&call);
    return result;
}

EXPORT int SSL_read_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes)
{
    struct call call;
    int (*real)(SSL *, void *, size_t, size_t *) = REAL(SSL_read_ex);
    if (!call_enter(&call, &instr_openssl))
        return real(ssl, buf, num, readbytes);
    const void *near = (const void *)(uintptr_t)real;
    int result = real(ssl, buf, num, readbytes);
    call_returned(&call);
    if (likely(result == 1))
        was_read(ssl, buf, *readbytes, near);
    else
        read_failed(ssl, result, call.saved_errno, near);
    call_leave(&call);
    return result;
}

EXPORT int SSL_read_early_data(SSL *ssl, void *buf, size_t num, size_t *readbytes)
{
    struct call call;
    if (!call_enter(&call, &instr_openssl))
        return REAL(SSL_read_early_data)(ssl, buf, num, readbytes);
    int (*real)(SSL *, void *, size_t, size_t *) = REAL(SSL_read_early_data);
    int result = real(ssl, buf, num, readbytes);
    call_returned(&call);
    if (result != 0 && *readbytes > 0) /* SSL_READ_EARLY_DATA_SUCCESS and _FINISH */
        was_read(ssl, buf, *readbytes, (const void *)(uintptr_t)real);
    call_leave(&call);
    return result;
}

/* ---- writing ---- */

struct openssl_writer {
    struct tls_writer writer;
    SSL *ssl;
    int (*write)(SSL *, const void *, int);                 /* either this one */
    int (*write_ex)(SSL *, const void *, size_t, size_t *); /* or this one */
    const void *near;
    int program_errno; /* as the program left it, then as the library did */
    int result;        /* of the library's last call */
};

static long send_bytes(struct tls_writer *writer, const void *bytes, size_t len)
{
    struct openssl_writer *w = (struct openssl_writer *)writer;
    size_t written = 0;
    errno = w->program_errno;
    if (w->write != NULL) {
        w->result = w->write(w->ssl, bytes, (int)len);
        written = w->result > 0 ? (size_t)w->result : 0;
    } else {
        w->result = w->write_ex(w->ssl, bytes, len, &written);
    }
    w->program_errno = errno;
    if (likely(written > 0))
        return (long)written;
    int error = failure_of(w->ssl, w->result, w->program_errno, w->near);
    return error == EAGAIN ? TLS_AGAIN : TLS_FAILED;
}

static bool may_be_short(const struct tls_writer *writer)
{
    const struct openssl_writer *w = (const struct openssl_writer *)writer;
    return ASK(ssl_ctrl_fn, ASK_CTRL, w->near)(w->ssl, SSL_CTRL_MODE, 0, NULL) &
           SSL_MODE_ENABLE_PARTIAL_WRITE;
}

static long write_bytes(struct openssl_writer *w, struct tls_session *s, const void *buf,
                        size_t num)
{
    w->writer.send = send_bytes;
    w->writer.short_writes = may_be_short;
    return tls_write(s, &w->writer, buf, num);
}

EXPORT int SSL_write(SSL *ssl, const void *buf, int num)
{
    struct call call;
    int (*real)(SSL *, const void *, int) = REAL(SSL_write);
    if (!call_enter(&call, &instr_openssl))
        return real(ssl, buf, num);
    struct openssl_writer w = { .ssl = ssl,
                                .write = real,
                                .near = (const void *)(uintptr_t)real,
                                .program_errno = call.saved_errno };
    struct tls_session *s = num > 0 ? session_of(ssl, w.near) : NULL;
    if (s == NULL) {
        errno = call.saved_errno;
        w.result = real(ssl, buf, num);
        call_returned(&call);
    } else {
        long n = write_bytes(&w, s, buf, (size_t)num);
        call.saved_errno = w.program_errno;
        w.result = n > 0 ? (int)n : w.result;
    }
    call_leave(&call);
    return w.result;
}

EXPORT int SSL_write_ex(SSL *ssl, const void *buf, size_t num, size_t *written)
{
    struct call call;
    int (*real)(SSL *, const void *, size_t, size_t *) = REAL(SSL_write_ex);
    if (!call_enter(&call, &instr_openssl))
        return real(ssl, buf, num, written);
    struct openssl_writer w = { .ssl = ssl,
                                .write_ex = real,
                                .near = (const void *)(uintptr_t)real,
                                .program_errno = call.saved_errno };
    struct tls_session *s = num > 0 ? session_of(ssl, w.near) : NULL;
    if (s == NULL) {
        errno = call.saved_errno;
        w.result = real(ssl, buf, num, written);
        call_returned(&call);
    } else {
        long n = write_bytes(&w, s, buf, num);
        call.saved_errno = w.program_errno;
        if (n > 0)
            *written = (size_t)n;
        w.result = n > 0;
    }
    call_leave(&call);
    return w.result;
}

/* Without our header: the server says how many early bytes there may be. */
EXPORT int SSL_write_early_data(SSL *ssl, const void *buf, size_t num, size_t *written)
{
    struct call call;
    int (*real)(SSL *, const void *, size_t, size_t *) = REAL(SSL_write_early_data);
    if (!call_enter(&call, &instr_openssl))
        return real(ssl, buf, num, written);
    int result = real(ssl, buf, num, written);
    call_returned(&call);
    struct tls_session *s = result == 1 ? session_of(ssl, (const void *)(uintptr_t)real) : NULL;
    struct conn *c = s != NULL ? tls_session_conn(s) : NULL;
    struct iovec iov = { (void *)(uintptr_t)buf, result == 1 ? *written : 0 };
    struct conn_write w;
    int error = 0;
    if (c != NULL && conn_write_begin(&w, c, &iov, 1, false))
        conn_write_end(&w, (ssize_t)iov.iov_len, &error);
    call_leave(&call);
    return result;
}

EXPORT ssize_t SSL_sendfile(SSL *ssl, int fd, off_t offset, size_t size, int flags)
{
    struct call call;
    if (!call_enter(&call, &instr_openssl))
        return REAL(SSL_sendfile)(ssl, fd, offset, size, flags);
    ssize_t (*real)(SSL *, int, off_t, size_t, int) = REAL(SSL_sendfile);
    ssize_t result = real(ssl, fd, offset, size, flags);
    call_returned(&call);
    struct tls_session *s = result > 0 ? session_of(ssl, (const void *)(uintptr_t)real) : NULL;
    struct conn *c = s != NULL ? tls_session_conn(s) : NULL;
    if (c != NULL)
        conn_written_unseen(c, (size_t)result);
    call_leave(&call);
    return result;
}
