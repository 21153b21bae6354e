/*
 * GnuTLS: as hooks/openssl.c, for sessions of gnutls_record_send and _recv.
 *
 * A write that found the socket full is buffered by the library; the program may ask
 * it to go on with NULL and 0 bytes. Whether a session is a server's is told to
 * gnutls_init alone.
 */
#include "hooks/gnutls_api.h"

#include <string.h>

#include "conn/tls_session.h"
#include "process_state.h"

#define GNUTLS_HOOKS(X) \
    X(gnutls_init) \
    X(gnutls_deinit) \
    X(gnutls_handshake) \
    X(gnutls_record_recv) \
    X(gnutls_record_recv_seq) \
    X(gnutls_record_recv_packet) \
    X(gnutls_record_recv_early_data) \
    X(gnutls_record_send) \
    X(gnutls_record_send2) \
    X(gnutls_record_send_range) \
    X(gnutls_record_send_file)
HOOK_LIST(gnutls_hooks, GNUTLS_HOOKS);
#define HOOK_TABLE gnutls_hooks

static const char *const gnutls_sonames[] = { "libgnutls.so.30", NULL };
static const char *const gnutls_suppresses[] = { "socket", NULL };

static long gnutls_missing(void)
{
    return GNUTLS_E_INTERNAL_ERROR;
}

struct instrumentation instr_gnutls = {
    .name = "gnutls",
    .hooks = gnutls_hooks,
    .nr_hooks = COUNT(gnutls_hooks),
    .sonames = gnutls_sonames,
    .suppresses = gnutls_suppresses,
    .missing = gnutls_missing,
    /* No fork_child: as in hooks/openssl.c. */
};

/* ---- what the library says of a session ---- */

/* Functions that we call. Any thread; see hook.h. */
enum { ASK_TRANSPORT, ASK_VERSION, ASK_ALPN, ASK_FATAL, ASK_PACKET };
static struct hook asked[] = {
    [ASK_TRANSPORT] = { .name = "gnutls_transport_get_ptr" },
    [ASK_VERSION] = { .name = "gnutls_protocol_get_version" },
    [ASK_ALPN] = { .name = "gnutls_alpn_get_selected_protocol" },
    [ASK_FATAL] = { .name = "gnutls_error_is_fatal" },
    [ASK_PACKET] = { .name = "gnutls_packet_get" },
};

/* The one that belongs to the library in which `near` lies, a real function. */
#define ASK(type, what, near) ((type *)real_of(&asked[what], (near)))

/* The transport is a pointer of the program's, which holds the fd unless the program
 * moves the bytes itself. 0 is nobody's pointer and hardly an fd. */
static int fd_of(gnutls_session_t session, const void *near)
{
    uintptr_t transport = (uintptr_t)ASK(gnutls_transport_get_ptr_fn, ASK_TRANSPORT, near)(session);
    return transport > 0 && transport < CONN_MAX_FDS ? (int)transport : -1;
}

static __attribute__((noinline)) void begin(struct tls_session *s, gnutls_session_t session,
                                            const void *near)
{
    static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3" };
    int version = ASK(gnutls_protocol_get_version_fn, ASK_VERSION, near)(session);
    struct tls_facts facts = { .fd = fd_of(session, near), .role = s->role, .is_complete = true };
    if (version >= GNUTLS_TLS1_0 && version <= GNUTLS_TLS1_3)
        facts.version = versions[version - GNUTLS_TLS1_0];
    gnutls_datum_t name = { NULL, 0 };
    if (ASK(gnutls_alpn_get_selected_protocol_fn, ASK_ALPN, near)(session, &name) == 0 &&
        name.data != NULL) {
        if (name.size == 8 && memcmp(name.data, "http/1.1", 8) == 0)
            facts.next_protocol = "http/1.1";
        else
            facts.is_other_protocol = name.size != 8 || memcmp(name.data, "http/1.0", 8) != 0;
    }
    tls_session_begin(s, &facts);
}

/* The session through which plaintext goes now. NULL: no room for it. */
static struct tls_session *session_of(gnutls_session_t session, const void *near)
{
    struct tls_session *s = tls_session_add(session);
    if (s == NULL)
        return NULL;
    enum tls_state state = tls_session_state(s);
    if (unlikely(state == TLS_NEW || state == TLS_GONE))
        begin(s, session, near);
    return s;
}

static struct conn *conn_of(gnutls_session_t session, const void *near)
{
    struct tls_session *s = session_of(session, near);
    return s != NULL ? tls_session_conn(s) : NULL;
}

/* ---- the life of a session ---- */

static void forget(gnutls_session_t session)
{
    if (!(call_enabled_mask & instr_gnutls.bit) || !thread_has_tls() ||
        thread_state.suppressed == THREAD_IS_OURS || tls_session_find(session) == NULL)
        return;
    int saved_errno = errno;
    if (process_enter())
        tls_session_forget(session);
    errno = saved_errno;
}

EXPORT int gnutls_init(gnutls_session_t *session, unsigned int flags)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_init)(session, flags);
    int result = REAL(gnutls_init)(session, flags);
    call_returned(&call);
    if (result == 0) {
        tls_session_forget(*session);
        struct tls_session *s = tls_session_add(*session);
        if (s != NULL)
            s->role = flags & GNUTLS_SERVER ? CONN_SERVER : CONN_CLIENT;
    }
    call_leave(&call);
    return result;
}

EXPORT void gnutls_deinit(gnutls_session_t session)
{
    forget(session);
    REAL(gnutls_deinit)(session);
}

EXPORT int gnutls_handshake(gnutls_session_t session)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_handshake)(session);
    int (*real)(gnutls_session_t) = REAL(gnutls_handshake);
    int result = real(session);
    call_returned(&call);
    if (result == 0)
        session_of(session, (const void *)(uintptr_t)real);
    call_leave(&call);
    return result;
}

/* ---- reading ---- */

static __attribute__((noinline)) void read_failed(gnutls_session_t session, ssize_t result,
                                                  const void *near)
{
    struct tls_session *s = tls_session_find(session);
    struct conn *c = s != NULL ? tls_session_conn(s) : NULL;
    if (c == NULL)
        return;
    if (result == 0 || result == GNUTLS_E_PREMATURE_TERMINATION) /* without a goodbye */
        conn_read_ended(c, 0);
    else if (ASK(gnutls_error_is_fatal_fn, ASK_FATAL, near)((int)result))
        conn_read_ended(c, result == GNUTLS_E_PULL_ERROR ? ECONNRESET : EPROTO);
}

static void was_read(gnutls_session_t session, const void *bytes, ssize_t result, size_t size,
                     const void *near)
{
    if (unlikely(result <= 0)) {
        if (size != 0) /* no bytes were asked for: 0 is no end */
            read_failed(session, result, near);
        return;
    }
    struct conn *c = conn_of(session, near);
    if (c != NULL)
        conn_read(c, bytes, (size_t)result);
}

EXPORT ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_record_recv)(session, data, size);
    ssize_t (*real)(gnutls_session_t, void *, size_t) = REAL(gnutls_record_recv);
    ssize_t result = real(session, data, size);
    call_returned(&call);
    was_read(session, data, result, size, (const void *)(uintptr_t)real);
    call_leave(&call);
    return result;
}

EXPORT ssize_t gnutls_record_recv_seq(gnutls_session_t session, void *data, size_t size,
                                      unsigned char *sequence)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_record_recv_seq)(session, data, size, sequence);
    ssize_t (*real)(gnutls_session_t, void *, size_t, unsigned char *) =
        REAL(gnutls_record_recv_seq);
    ssize_t result = real(session, data, size, sequence);
    call_returned(&call);
    was_read(session, data, result, size, (const void *)(uintptr_t)real);
    call_leave(&call);
    return result;
}

EXPORT ssize_t gnutls_record_recv_packet(gnutls_session_t session, gnutls_packet_t *packet)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_record_recv_packet)(session, packet);
    ssize_t (*real)(gnutls_session_t, gnutls_packet_t *) = REAL(gnutls_record_recv_packet);
    ssize_t result = real(session, packet);
    call_returned(&call);
    const void *near = (const void *)(uintptr_t)real;
    gnutls_datum_t data = { NULL, 0 };
    if (result > 0 && *packet != NULL)
        ASK(gnutls_packet_get_fn, ASK_PACKET, near)(*packet, &data, NULL);
    was_read(session, data.data, result > 0 ? (ssize_t)data.size : result, 1, near);
    call_leave(&call);
    return result;
}

EXPORT ssize_t gnutls_record_recv_early_data(gnutls_session_t session, void *data, size_t size)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_record_recv_early_data)(session, data, size);
    ssize_t (*real)(gnutls_session_t, void *, size_t) = REAL(gnutls_record_recv_early_data);
    ssize_t result = real(session, data, size);
    call_returned(&call);
    if (result > 0)
        was_read(session, data, result, size, (const void *)(uintptr_t)real);
    call_leave(&call);
    return result;
}

/* ---- writing ---- */

struct gnutls_writer {
    struct tls_writer writer;
    gnutls_session_t session;
    ssize_t (*send)(gnutls_session_t, const void *, size_t); /* either this one */
    ssize_t (*send2)(gnutls_session_t, const void *, size_t, size_t, unsigned); /* or this one */
    bool is_padded;
    size_t pad;
    unsigned flags;
    int program_errno; /* as the program left it, then as the library did */
    ssize_t result;    /* of the library's last call */
};

static bool may_be_short(const struct tls_writer *writer)
{
    (void)writer;
    return true;
}

static long send_bytes(struct tls_writer *writer, const void *bytes, size_t len)
{
    struct gnutls_writer *w = (struct gnutls_writer *)writer;
    errno = w->program_errno;
    w->result = w->is_padded ? w->send2(w->session, bytes, len, w->pad, w->flags)
                             : w->send(w->session, bytes, len);
    w->program_errno = errno;
    if (likely(w->result > 0))
        return w->result;
    bool again = w->result == GNUTLS_E_AGAIN || w->result == GNUTLS_E_INTERRUPTED;
    return again ? TLS_AGAIN : TLS_FAILED;
}

/* Bytes that went out by a call which our header cannot join; NULL: not to be seen. */
static void was_written(gnutls_session_t session, const void *bytes, ssize_t n, const void *near)
{
    struct conn *c = n > 0 ? conn_of(session, near) : NULL;
    struct iovec iov = { (void *)(uintptr_t)bytes, n > 0 ? (size_t)n : 0 };
    struct conn_write w;
    int error = 0;
    if (c == NULL)
        return;
    if (bytes == NULL)
        conn_written_unseen(c, (size_t)n);
    else if (conn_write_begin(&w, c, &iov, 1, false))
        conn_write_end(&w, n, &error);
}

static void write_bytes(struct gnutls_writer *w, struct call *call, const void *data, size_t size)
{
    const void *near = (const void *)(w->is_padded ? (uintptr_t)w->send2 : (uintptr_t)w->send);
    struct tls_session *s = session_of(w->session, near);
    w->writer.send = send_bytes;
    w->writer.short_writes = may_be_short;
    w->program_errno = call->saved_errno;
    if (s != NULL && (size != 0 || s->copy != POOL_NONE)) {
        long n = tls_write(s, &w->writer, data, size);
        w->result = n > 0 ? n : w->result;
    } else if (send_bytes(&w->writer, data, size) > 0 && s != NULL) {
        s->is_repeating = false; /* what an earlier call was given */
        was_written(w->session, NULL, w->result, near);
    }
    call->saved_errno = w->program_errno;
}

EXPORT ssize_t gnutls_record_send(gnutls_session_t session, const void *data, size_t size)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_record_send)(session, data, size);
    struct gnutls_writer w = { .session = session, .send = REAL(gnutls_record_send) };
    write_bytes(&w, &call, data, size);
    call_leave(&call);
    return w.result;
}

EXPORT ssize_t gnutls_record_send2(gnutls_session_t session, const void *data, size_t size,
                                   size_t pad, unsigned flags)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_record_send2)(session, data, size, pad, flags);
    struct gnutls_writer w = { .session = session,
                               .send2 = REAL(gnutls_record_send2),
                               .is_padded = true,
                               .pad = pad,
                               .flags = flags };
    write_bytes(&w, &call, data, size);
    call_leave(&call);
    return w.result;
}

EXPORT ssize_t gnutls_record_send_range(gnutls_session_t session, const void *data, size_t size,
                                        const struct gnutls_range *range)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_record_send_range)(session, data, size, range);
    ssize_t (*real)(gnutls_session_t, const void *, size_t, const struct gnutls_range *) =
        REAL(gnutls_record_send_range);
    ssize_t result = real(session, data, size, range);
    call_returned(&call);
    was_written(session, data, result, (const void *)(uintptr_t)real);
    call_leave(&call);
    return result;
}

EXPORT ssize_t gnutls_record_send_file(gnutls_session_t session, int fd, off_t *offset,
                                       size_t count)
{
    struct call call;
    if (!call_enter(&call, &instr_gnutls))
        return REAL(gnutls_record_send_file)(session, fd, offset, count);
    ssize_t (*real)(gnutls_session_t, int, off_t *, size_t) = REAL(gnutls_record_send_file);
    ssize_t result = real(session, fd, offset, count);
    call_returned(&call);
    was_written(session, NULL, result, (const void *)(uintptr_t)real);
    call_leave(&call);
    return result;
}
