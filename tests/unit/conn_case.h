/*
 * A connection without hooks, for tests of shim/conn: a real stream socket, what a program
 * reads and writes on it, what the kernel got, and the spans that were made.
 */
#ifndef TESTS_UNIT_CONN_CASE_H
#define TESTS_UNIT_CONN_CASE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "conn/conn_internal.h"
#include "context/process_context.h"
#include "context/request.h"
#include "no_hooks.h"
#include "ring.h"
#include "worker.h"

static struct instrumentation http = { .name = "http", .index = 4, .bit = 16 };

static int ends[2]; /* of a real stream socket: cookies are the kernel's */

/* A program that was started with OTEL_PROPAGATORS=`propagators`. */
static inline void conn_begin(const char *propagators)
{
    static char variable[128];
    snprintf(variable, sizeof variable, "OTEL_PROPAGATORS=%s", propagators);
    char *env[] = { (char[]){ "OTEL_TRACES_SAMPLER=always_on" },
                    (char[]){ "OTEL_SHIM_PROCESS_SPAN=never" }, variable, NULL };
    config_load(env);
    become_program();
    context_init();
    worker_end_of_process(); /* it must not take the records away */
    conn_init(&http);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static inline struct conn *server(void)
{
    conn_accepted(ends[0], NULL, 0);
    return conn_of_fd(ends[0]);
}

static inline struct conn *client(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    conn_socket_made(ends[1], AF_UNIX, SOCK_STREAM);
    conn_connecting(ends[1], (struct sockaddr *)(void *)&name, sizeof name);
    return conn_of_fd(ends[1]);
}

/* The next span of this thread, consumed; its memory stays for now. */
static inline const struct record *next_span(void)
{
    const struct record *r = thread_state.ring != NULL ? ring_peek(thread_state.ring) : NULL;
    if (r != NULL)
        ring_consume(thread_state.ring, r);
    return r;
}

static inline void reads(struct conn *c, const char *text)
{
    conn_read(c, text, strlen(text));
}

/* What a program writes, and what the kernel got of it, in pieces of at most `piece`. */
struct wire {
    char bytes[70000];
    size_t len;
    unsigned again; /* EAGAIN that only our remainder could be the reason of */
};

/* One write, of which the kernel takes at most `piece` bytes: what the program sees. Before the thread is
 * back, another one reads `meanwhile`, unless that is NULL. */
static inline ssize_t write_and_read(struct conn *c, struct wire *wire, const char *text,
                                     size_t len, size_t piece, const char *meanwhile)
{
    struct iovec iov = { (char *)(uintptr_t)text, len };
    struct iovec out[1 + CONN_EDIT_PIECES + 1];
    struct conn_write w;
    bool told = conn_write_begin(&w, c, &iov, 1, true);
    int nr = 1;
    if (told && w.edited)
        nr = conn_write_pieces(&w, out, COUNT(out));
    else
        out[0] = iov;
    size_t taken = 0;
    for (int i = 0; i < nr && taken < piece; i++) {
        size_t n = out[i].iov_len < piece - taken ? out[i].iov_len : piece - taken;
        memcpy(wire->bytes + wire->len, out[i].iov_base, n);
        wire->len += n;
        taken += n;
    }
    if (meanwhile != NULL)
        reads(c, meanwhile);
    int error = 0;
    ssize_t n = told ? conn_write_end(&w, (ssize_t)taken, &error) : (ssize_t)taken;
    cr_assert(n > 0 || error == EAGAIN || error == EINTR);
    cr_assert(n <= (ssize_t)len);
    return n;
}

static inline ssize_t write_once(struct conn *c, struct wire *wire, const char *text, size_t len,
                                 size_t piece)
{
    return write_and_read(c, wire, text, len, piece, NULL);
}

static inline void write_pieces(struct conn *c, struct wire *wire, const char *text, size_t len,
                                size_t piece)
{
    while (len > 0) {
        ssize_t n = write_once(c, wire, text, len, piece);
        wire->again += n < 0;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

static inline void writes(struct conn *c, const char *text)
{
    static struct wire wire;
    wire.len = 0;
    write_pieces(c, &wire, text, strlen(text), SIZE_MAX);
}

#define GET "GET /a?b=c HTTP/1.1\r\nHost: example.test:81\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* The answer to what `client` asked for the request at `server`, and on to there. The client's
 * span is the child of the server's; its ids go to `sent`. */
static inline void answered(struct conn *server, struct conn *client, struct record *sent)
{
    reads(client, OK);
    *sent = *next_span();
    writes(server, OK);
    const struct record *served = next_span();
    cr_assert_arr_eq(sent->parent_span_id, served->span_id, 8);
    cr_assert_arr_eq(sent->trace_id, served->trace_id, 16);
}

static inline bool has_field(const struct record *r, uint8_t key, const char *text)
{
    struct field_view f;
    for (size_t pos = 0; record_next_field(r, &pos, &f);)
        if (f.type == FIELD_STRING && f.key == key && f.len == strlen(text) &&
            memcmp(f.data, text, f.len) == 0)
            return true;
    return false;
}

static inline int64_t int_field(const struct record *r, uint8_t key)
{
    struct field_view f;
    for (size_t pos = 0; record_next_field(r, &pos, &f);)
        if (f.type == FIELD_INT && f.key == key) {
            int64_t value;
            memcpy(&value, f.data, sizeof value);
            return value;
        }
    return -1;
}

static inline bool has_key(const struct record *r, uint8_t key)
{
    struct field_view f;
    for (size_t pos = 0; record_next_field(r, &pos, &f);)
        if (f.key == key && (f.type == FIELD_STRING || f.type == FIELD_INT))
            return true;
    return false;
}

#define ANY_HEADER "traceparent: 00-********************************-****************-**\r\n"

/* The text with our line behind the first one; asserts that it is there once. */
static inline void expect_inserted(const struct wire *wire, const char *text, size_t len,
                                   const char *added)
{
    size_t line = (size_t)(strstr(text, "\r\n") - text) + 2, more = strlen(added);
    cr_assert_eq(wire->len, len + more, "%zu, not %zu", wire->len, len + more);
    cr_assert_arr_eq(wire->bytes, text, line);
    cr_assert_arr_eq(wire->bytes + line + more, text + line, len - line);
    for (size_t i = 0; i < more; i++) /* '*': any byte */
        cr_assert(added[i] == '*' || wire->bytes[line + i] == added[i], "byte %zu", i);
}

#endif
