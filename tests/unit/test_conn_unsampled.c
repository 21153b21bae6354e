/* Requests that are not sampled: no span, but their context is handed on (conn/exchange.c). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "conn/conn.h"
#include "context/process_context.h"
#include "context/request.h"
#include "no_hooks.h"
#include "ring.h"
#include "worker.h"

static struct instrumentation http = { .name = "http", .index = 4, .bit = 16 };
static int ends[2];

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void start(const char *sampler)
{
    static char variable[64];
    snprintf(variable, sizeof variable, "OTEL_TRACES_SAMPLER=%s", sampler);
    char *env[] = { variable, (char[]){ "OTEL_SHIM_PROCESS_SPAN=never" }, NULL };
    config_load(env);
    become_program();
    context_init();
    worker_end_of_process();
    conn_init(&http);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void reads(struct conn *c, const char *text)
{
    conn_read(c, text, strlen(text));
}

/* What the connection makes of a write that the kernel takes whole. */
static const char *writes(struct conn *c, const char *text)
{
    static char wire[1024];
    struct iovec iov = { (char *)(uintptr_t)text, strlen(text) }, out[1 + CONN_EDIT_PIECES + 1];
    struct conn_write w;
    size_t len = 0;
    int error = 0, nr = 1;
    cr_assert(conn_write_begin(&w, c, &iov, 1, true));
    out[0] = iov;
    if (w.edited)
        nr = conn_write_pieces(&w, out, COUNT(out));
    for (int i = 0; i < nr; i++) {
        memcpy(wire + len, out[i].iov_base, out[i].iov_len);
        len += out[i].iov_len;
    }
    wire[len] = 0;
    cr_assert_eq(conn_write_end(&w, (ssize_t)len, &error), (ssize_t)strlen(text));
    return wire;
}

static struct conn *served(const char *flags)
{
    char text[200];
    conn_accepted(ends[0], NULL, 0);
    struct conn *s = conn_of_fd(ends[0]);
    snprintf(text, sizeof text,
             "GET /a HTTP/1.1\r\nHost: h\r\ntraceparent: 00-" TRACE "-b7ad6b7169203331-%s\r\n\r\n",
             flags);
    reads(s, text);
    return s;
}

static struct conn *client(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    conn_socket_made(ends[1], AF_UNIX, SOCK_STREAM);
    conn_connecting(ends[1], (struct sockaddr *)(void *)&name, sizeof name);
    return conn_of_fd(ends[1]);
}

static unsigned spans(void)
{
    const struct record *r;
    unsigned n = 0;
    for (; thread_state.ring != NULL && (r = ring_peek(thread_state.ring)) != NULL; n++)
        ring_consume(thread_state.ring, r);
    return n;
}

/* The request that is asked inside of one: in the caller's trace, with these flags. */
static void expect_handed_on(const char *came_with, const char *goes_with, unsigned nr_spans)
{
    struct conn *s = served(came_with);
    cr_assert(request_current(&thread_state) != 0);
    struct conn *c = client();
    const char *head = writes(c, "GET /b HTTP/1.1\r\nHost: i\r\n\r\n");
    const char *header = strstr(head, "traceparent: 00-" TRACE "-");
    cr_assert_not_null(header, "%s", head);
    cr_expect_eq(memcmp(header + 66, goes_with, 2), 0, "%s", header);
    cr_expect_neq(memcmp(header + 49, "b7ad6b7169203331", 16), 0, "an id of its own");
    reads(c, OK);
    writes(s, OK);
    cr_expect_eq(request_current(&thread_state), 0, "answered: it is gone");
    cr_expect_eq(spans(), nr_spans);
    conn_closing(ends[0]);
    conn_closing(ends[1]);
}

Test(conn_unsampled, always_off_hands_the_trace_on)
{
    start("always_off");
    expect_handed_on("01", "00", 0);
    expect_handed_on("00", "00", 0);
    cr_expect_null(thread_state.ring, "no record was ever begun");
}

Test(conn_unsampled, a_parent_decides_for_each_request)
{
    start("parentbased_always_off");
    expect_handed_on("00", "00", 0);
    expect_handed_on("01", "01", 2);
    expect_handed_on("00", "00", 0);
}

Test(conn_unsampled, without_an_exporter_nothing_is_recorded)
{
    start("always_on");
    expect_handed_on("01", "01", 2);
    ((struct config *)(uintptr_t)config)->exporters = 0;
    conn_init(&http);
    expect_handed_on("01", "01", 0);
}
