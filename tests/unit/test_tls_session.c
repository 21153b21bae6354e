/*
 * TLS sessions: what a library is handed when our header joins a write, and when it
 * must be called again. The library here is a strict one: it remembers what it could
 * not send, and refuses another repetition, as OpenSSL does without moving buffers.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "conn/tls_session.h"
#include "context/process_context.h"
#include "diag.h"
#include "no_hooks.h"
#include "worker.h"

static struct instrumentation instr = { .name = "http", .index = 3, .bit = 8 };

static void setup(void)
{
    char *env[] = { (char[]){ "OTEL_SHIM_PROCESS_SPAN=never" }, NULL };
    config_load(env);
    become_program();
    context_init();
    worker_end_of_process(); /* nobody takes the records away */
    conn_init(&instr);
}

TestSuite(tls_session, .init = setup, .timeout = 30);

#define LONGEST (1u << 20)

struct library {
    struct tls_writer writer;
    bool short_writes;
    unsigned blocks; /* every so many calls are not taken, 0 = all are */
    size_t record;   /* bytes that one call takes at most */
    bool fails;
    unsigned calls, refused;
    const void *pending; /* of a call that was not taken */
    size_t pending_len;
    size_t len;
    unsigned char took[LONGEST + 4096];
};

static long library_send(struct tls_writer *writer, const void *bytes, size_t len)
{
    struct library *l = (struct library *)writer;
    l->calls++;
    if (l->fails)
        return TLS_FAILED;
    if (l->pending != NULL && (bytes != l->pending || len != l->pending_len)) {
        l->refused++;
        return TLS_FAILED;
    }
    if (l->blocks != 0 && l->calls % l->blocks != 0) {
        l->pending = bytes;
        l->pending_len = len;
        return TLS_AGAIN;
    }
    l->pending = NULL;
    size_t n = len < l->record && l->short_writes ? len : l->record;
    n = !l->short_writes || n > len ? len : n;
    memcpy(l->took + l->len, bytes, n);
    l->len += n;
    return (long)n;
}

static bool library_may_be_short(const struct tls_writer *writer)
{
    return ((const struct library *)writer)->short_writes;
}

static struct library library;

static struct library *library_of(bool short_writes, unsigned blocks)
{
    library = (struct library){ .writer = { library_send, library_may_be_short },
                                .short_writes = short_writes,
                                .blocks = blocks,
                                .record = 16384 };
    return &library;
}

static struct tls_session *client(const void *handle)
{
    struct tls_facts facts = {
        .fd = -1, .role = CONN_CLIENT, .is_complete = true, .version = "1.3"
    };
    struct tls_session *s = tls_session_add(handle);
    cr_assert_not_null(s);
    tls_session_begin(s, &facts);
    cr_assert_not_null(tls_session_conn(s));
    return s;
}

static unsigned char request[LONGEST];

/* A POST of `len` bytes in all. */
static size_t make_request(size_t len)
{
    char *text = (char *)request;
    int head = snprintf(text, 200,
                        "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: %06zu\r\n\r\n", len);
    head = snprintf(text, 200, "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: %06zu\r\n\r\n",
                    len - (size_t)head);
    for (size_t i = (size_t)head; i < len; i++)
        request[i] = (unsigned char)(i * 7 + i / 251);
    return len;
}

/* Writes all as a program does: the same again after TLS_AGAIN, the rest after a short write. */
static void write_all(struct tls_session *s, struct library *l, size_t len)
{
    size_t done = 0;
    for (unsigned i = 0; done < len; i++) {
        cr_assert_lt(i, 10000u);
        long n = tls_write(s, &l->writer, request + done, len - done);
        cr_assert_neq(n, TLS_FAILED);
        cr_assert(n == TLS_AGAIN || (n > 0 && (size_t)n <= len - done), "%ld", n);
        if (n > 0 && !l->short_writes)
            cr_assert_eq((size_t)n, len - done, "a library without short writes takes all");
        done += n > 0 ? (size_t)n : 0;
    }
}

/* One header of ours went in after the request line, and nothing else has changed. */
static void assert_injected(const struct library *l, size_t len)
{
    static const char name[] = "\r\ntraceparent: 00-";
    const unsigned char *line = memmem(l->took, l->len, name, sizeof name - 1);
    cr_assert_not_null(line);
    size_t at = (size_t)(line - l->took) + 2, header = 13 + 55 + 2;
    cr_assert_eq(l->len, len + header);
    cr_assert_arr_eq(l->took, request, at);
    cr_assert_arr_eq(l->took + at + header, request + at, len - at);
}

static void assert_every_size(bool short_writes, unsigned blocks)
{
    static const size_t sizes[] = { 90, 16313, 16314, 16315, 16383, 16384, 16385, 40000, 999999 };
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        struct tls_session *s = client(&library);
        struct library *l = library_of(short_writes, blocks);
        write_all(s, l, make_request(sizes[i]));
        assert_injected(l, sizes[i]);
        cr_assert_eq(l->refused, 0);
        tls_session_forget(&library);
    }
}

Test(tls_session, puts_the_header_into_a_write_of_any_size)
{
    assert_every_size(false, 0);
}

Test(tls_session, puts_it_into_short_writes)
{
    assert_every_size(true, 0);
}

Test(tls_session, repeats_the_very_same_bytes)
{
    assert_every_size(false, 3);
}

Test(tls_session, repeats_the_very_same_bytes_of_short_writes)
{
    assert_every_size(true, 3);
}

Test(tls_session, takes_records_smaller_than_the_header)
{
    struct tls_session *s = client(&library);
    struct library *l = library_of(true, 2);
    l->record = 5;
    write_all(s, l, make_request(400));
    assert_injected(l, 400);
}

Test(tls_session, needs_nothing_of_the_programs_buffer_for_a_repetition)
{
    struct tls_session *s = client(&library);
    struct library *l = library_of(true, 2);
    size_t len = make_request(300);
    static unsigned char before[300];
    memcpy(before, request, len);
    cr_assert_eq(tls_write(s, &l->writer, request, len), TLS_AGAIN);
    memset(request, 'x', len);
    cr_assert_eq(tls_write(s, &l->writer, NULL, 0), (long)len); /* as GnuTLS programs may */
    memcpy(request, before, len);
    assert_injected(l, len);
}

Test(tls_session, lets_the_library_judge_a_shorter_repetition)
{
    struct tls_session *s = client(&library);
    struct library *l = library_of(false, 1000);
    size_t len = make_request(300);
    cr_assert_eq(tls_write(s, &l->writer, request, len), TLS_AGAIN);
    cr_assert_eq(tls_write(s, &l->writer, request, len - 1), TLS_FAILED);
    cr_assert_eq(l->refused, 1);
}

/* Every copy is held by a session that waits. */
static void use_up_copies(char handles[static TLS_MAX_COPIES])
{
    for (unsigned i = 0; i < TLS_MAX_COPIES; i++) {
        struct library *l = library_of(false, 1000);
        cr_assert_eq(tls_write(client(&handles[i]), &l->writer, request, make_request(300)),
                     TLS_AGAIN);
    }
}

Test(tls_session, does_not_edit_what_the_library_has_begun_unedited)
{
    static char handles[TLS_MAX_COPIES];
    use_up_copies(handles);
    struct tls_session *s = client(&library);
    struct library *l = library_of(false, 2);
    size_t len = make_request(300);
    cr_assert_eq(tls_write(s, &l->writer, request, len), TLS_AGAIN);
    tls_session_forget(&handles[0]); /* from now on a copy could be had */
    cr_assert_eq(tls_write(s, &l->writer, request, len), (long)len);
    cr_assert_eq(l->refused, 0);
    cr_assert_eq(l->len, len);
    cr_assert_arr_eq(l->took, request, len);

    write_all(s, library_of(false, 2), make_request(400)); /* the next one is edited again */
    assert_injected(&library, 400);
}

Test(tls_session, gives_its_copies_back)
{
    for (unsigned i = 0; i < 4 * TLS_MAX_COPIES; i++) {
        struct tls_session *s = client(&library);
        struct library *l = library_of(false, 1000);
        l->fails = i % 2;
        cr_assert_eq(tls_write(s, &l->writer, request, make_request(300)),
                     l->fails ? TLS_FAILED : TLS_AGAIN);
        tls_session_forget(&library);
        cr_assert_null(tls_session_find(&library));
    }
    assert_every_size(false, 0);
}

Test(tls_session, sends_unedited_when_all_copies_are_in_use)
{
    static char handles[TLS_MAX_COPIES];
    use_up_copies(handles);
    struct tls_session *s = client(&library);
    struct library *l = library_of(false, 2);
    write_all(s, l, make_request(300));
    cr_assert_eq(l->len, 300);
    cr_assert_arr_eq(l->took, request, 300);
}

Test(tls_session, leaves_other_protocols_alone)
{
    struct tls_facts facts = {
        .fd = -1, .role = CONN_CLIENT, .is_complete = true, .is_other_protocol = true
    };
    struct tls_session *s = tls_session_add(&library);
    tls_session_begin(s, &facts);
    cr_assert_null(tls_session_conn(s));
    cr_assert_eq(tls_session_state(s), TLS_IGNORED);
    tls_session_begin(s, &facts);
    cr_assert_null(tls_session_conn(s));
    struct library *l = library_of(false, 0);
    write_all(s, l, make_request(300));
    cr_assert_arr_eq(l->took, request, 300);
    cr_assert_eq(l->len, 300);
}

Test(tls_session, leaves_alone_what_is_not_understood)
{
    static char handles[2 * CONN_MAX_DETACHED];
    for (unsigned i = 0; i < sizeof handles; i++) {
        struct tls_session *s = client(&handles[i]);
        conn_read(tls_session_conn(s), "220 mail.example ESMTP\r\n", 24);
        cr_assert_null(tls_session_conn(s));
        cr_assert_eq(tls_session_state(s), TLS_IGNORED);
        tls_session_forget(&handles[i]); /* and its place is another one's */
    }
}

Test(tls_session, runs_out_of_places_and_finds_them_again)
{
    static char handles[TLS_MAX_SESSIONS + 1];
    unsigned n = 0;
    while (n < sizeof handles && tls_session_add(&handles[n]) != NULL)
        n++;
    cr_assert_gt(n, TLS_MAX_SESSIONS / 2);
    cr_assert_leq(n, TLS_MAX_SESSIONS);
    cr_assert_eq(diag_dropped(DROP_TABLE_FULL), 1);
    for (unsigned i = 0; i < n; i++)
        tls_session_forget(&handles[i]);
    cr_assert_null(tls_session_find(&handles[0]));
    cr_assert_not_null(tls_session_add(&handles[n]));
}
