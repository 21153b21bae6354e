/* Whose request is it: several that are open on one thread. */
#include <pthread.h>

#include "conn_case.h"

static void setup(void)
{
    conn_begin("tracecontext,baggage");
}

TestSuite(conn_parents, .init = setup, .timeout = 60);

Test(conn_parents, several_open_requests_on_a_thread_are_nobodys_parent_without_evidence)
{
    static struct wire wire;
    int more[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, more), 0);
    reads(server(), "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    conn_accepted(more[0], NULL, 0);
    reads(conn_of_fd(more[0]), "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_eq(request_current(&thread_state), 0);

    struct conn *c = client();
    write_pieces(c, &wire, "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n", 28, SIZE_MAX);
    reads(c, OK);
    const struct record *r = next_span();
    cr_assert_eq(r->flags & RECORD_HAS_PARENT, 0);
    unsigned links = 0;
    struct field_view f;
    for (size_t pos = 0; record_next_field(r, &pos, &f);)
        links += f.type == FIELD_LINK;
    cr_assert_eq(links, 2);

    writes(c, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"); /* the only one with this target */
    reads(c, OK);
    struct record sent = *next_span();
    writes(conn_of_fd(more[0]), OK);
    cr_assert_arr_eq(sent.parent_span_id, next_span()->span_id, 8);
}

Test(conn_parents, a_connection_begun_for_a_request_carries_its_first_message)
{
    int more[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, more), 0);
    reads(server(), "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *c = client(); /* while /1 is the only one */
    conn_accepted(more[0], NULL, 0);
    reads(conn_of_fd(more[0]), "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    writes(c, GET);
    reads(c, OK);
    struct record first = *next_span();
    writes(c, GET);
    reads(c, OK);
    struct record second = *next_span();
    writes(conn_of_fd(ends[0]), OK);
    cr_assert_arr_eq(first.parent_span_id, next_span()->span_id, 8);
    cr_assert_eq(second.flags & RECORD_HAS_PARENT, 0);
}

Test(conn_parents, inline_dispatch_follows_the_last_read_of_the_turn)
{
    int more[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, more), 0);
    request_dispatch_inline();
    request_new_turn(&thread_state, -1);
    reads(server(), "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    uint32_t first = request_current(&thread_state);
    conn_accepted(more[0], NULL, 0);
    reads(conn_of_fd(more[0]), "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    uint32_t second = request_current(&thread_state);
    cr_assert(first != 0 && second != 0 && first != second);
    struct conn *c = client(); /* for /2 */
    writes(c, GET);
    request_turn(&thread_state, 0);
    cr_assert_eq(request_current(&thread_state), 0);
    reads(c, OK); /* /2's upstream has answered: /2 goes on */
    cr_assert_eq(request_current(&thread_state), second);
}

/* ---- inline dispatch ---- */

static struct conn *second_server(const char *text)
{
    int more[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, more), 0);
    conn_accepted(more[0], NULL, 0);
    reads(conn_of_fd(more[0]), text);
    return conn_of_fd(more[0]);
}

Test(conn_parents, a_turn_in_which_a_timer_may_be_due_says_nothing)
{
    request_dispatch_inline();
    usleep(2000); /* the pace is to be known */
    reads(server(), "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    second_server("GET /0 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_neq(request_current(&thread_state), 0, "no loop, no timers");
    request_new_turn(&thread_state, -1);
    usleep(10); /* a counter that had not moved would say nothing */
    request_new_turn(&thread_state, 60000);
    second_server("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_neq(request_current(&thread_state), 0);
    usleep(30000);
    request_new_turn(&thread_state, 35);
    second_server("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_eq(request_current(&thread_state), 0);
    request_new_turn(&thread_state, 0);
    second_server("GET /4 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_eq(request_current(&thread_state), 0);
    request_new_turn(&thread_state, 60000);
    second_server("GET /5 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_neq(request_current(&thread_state), 0);
}

/* It was begun on a timer, or when a name server had answered; then it is there, in another's turn. */
Test(conn_parents, a_first_message_goes_out_in_anybodys_turn)
{
    request_dispatch_inline();
    request_new_turn(&thread_state, -1);
    reads(server(), "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *s = second_server("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    request_turn(&thread_state, 0);
    struct conn *c = client();
    second_server("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_neq(request_current(&thread_state), 0);
    writes(c, GET);
    cr_assert_eq(request_current(&thread_state), 0);
    reads(c, OK);
    cr_assert_eq(next_span()->flags & RECORD_HAS_PARENT, 0);
    writes(s, OK);
}

/* ---- several threads ---- */

#define ASKED "GET /%c HTTP/1.1\r\nHost: a\r\n\r\n"

static struct conn *asked[4]; /* server connections, each with a request */

static void read_request(unsigned i)
{
    int pair[2];
    char text[64];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    conn_accepted(pair[0], NULL, 0);
    asked[i] = conn_of_fd(pair[0]);
    snprintf(text, sizeof text, ASKED, '0' + (int)i);
    reads(asked[i], text);
}

static void answer(unsigned i)
{
    writes(asked[i], OK);
    next_span();
}

/* Another thread does one thing after the other, each when it is told to. */
static struct {
    pthread_t thread;
    pthread_barrier_t step;
    void (*what)(unsigned);
    unsigned of;
} other;

static void *be_other(void *unused)
{
    for (;;) {
        pthread_barrier_wait(&other.step);
        if (other.what == NULL)
            return unused;
        other.what(other.of);
        pthread_barrier_wait(&other.step);
    }
}

static void let_other(void (*what)(unsigned), unsigned of)
{
    if (other.thread == 0) {
        pthread_barrier_init(&other.step, NULL, 2);
        cr_assert_eq(pthread_create(&other.thread, NULL, be_other, NULL), 0);
    }
    other.what = what;
    other.of = of;
    pthread_barrier_wait(&other.step);
    if (what != NULL)
        pthread_barrier_wait(&other.step);
    else
        pthread_join(other.thread, NULL);
}

static uint32_t others_current;
static void ask_current(unsigned unused)
{
    (void)unused;
    others_current = request_current(&thread_state);
}

Test(conn_parents, where_threads_answer_each_others_requests_only_one_that_is_alone_is_a_parent)
{
    read_request(0);
    let_other(read_request, 1);
    cr_assert_neq(request_current(&thread_state), 0, "a thread for each, as far as is known");
    let_other(answer, 0); /* with one of its own open */
    read_request(2);
    cr_assert_eq(request_current(&thread_state), 0);
    let_other(ask_current, 0);
    cr_assert_eq(others_current, 0);
    answer(1);
    cr_assert_neq(request_current(&thread_state), 0, "no other is open");
    struct conn *c = client();
    writes(c, GET);
    reads(c, OK);
    const struct record *r = next_span();
    cr_assert_neq(r->flags & RECORD_HAS_PARENT, 0);
    let_other(NULL, 0);
}

Test(conn_parents, threads_that_answer_their_own_stay_parents_beside_an_acceptor)
{
    read_request(0);
    answer(0);
    let_other(read_request, 1); /* the acceptor */
    answer(1);
    let_other(read_request, 2);
    read_request(3);
    cr_assert_neq(request_current(&thread_state), 0);
    let_other(ask_current, 0);
    cr_assert_eq(others_current, 0, "what an acceptor has read is not what it is at");
    let_other(NULL, 0);
}

/* Any task may be the next one that a loop's thread does, until requests are seen to stay. */
Test(conn_parents, several_loops_have_no_parent_beside_others_until_requests_are_seen_to_stay)
{
    thread_state.is_loop = 1;
    read_request(0);
    let_other(read_request, 1);
    cr_assert_eq(request_current(&thread_state), 0);
    let_other(ask_current, 0);
    cr_assert_eq(others_current, 0, "nor has a thread that has not waited yet");
    answer(0);
    for (unsigned i = 1; i < 256; i++) {
        read_request(0);
        cr_assert_eq(request_current(&thread_state), 0);
        answer(0);
    }
    read_request(0);
    cr_assert_neq(request_current(&thread_state), 0);
    let_other(ask_current, 0);
    cr_assert_neq(others_current, 0);
    let_other(answer, 0); /* not so, after all */
    read_request(0);
    cr_assert_eq(request_current(&thread_state), 0);
    let_other(NULL, 0);
}

Test(conn_parents, the_only_loop_has_a_parent)
{
    thread_state.is_loop = 1;
    read_request(0);
    cr_assert_neq(request_current(&thread_state), 0);
    answer(0);
    read_request(1);
    cr_assert_neq(request_current(&thread_state), 0);
}

/* Requests that one after the other are answered where they were read say nothing of a crowd. */
Test(conn_parents, what_is_alone_is_no_proof)
{
    thread_state.is_loop = 1;
    let_other(read_request, 1);
    let_other(answer, 1);
    for (unsigned i = 0; i < 300; i++) {
        read_request(0);
        cr_assert_neq(request_current(&thread_state), 0, "no other is open");
        answer(0);
    }
    read_request(0);
    let_other(read_request, 1);
    cr_assert_eq(request_current(&thread_state), 0);
    let_other(NULL, 0);
}

Test(conn_parents, where_connections_are_pooled_a_new_one_may_be_anothers)
{
    struct conn *pooled = client();
    writes(pooled, GET);
    reads(pooled, OK);
    next_span();
    read_request(0);
    int pair[2];
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    conn_socket_made(pair[1], AF_UNIX, SOCK_STREAM);
    conn_connecting(pair[1], (struct sockaddr *)(void *)&name, sizeof name); /* for /0 */
    writes(pooled, GET); /* which has this one */
    reads(pooled, OK);
    cr_assert_neq(next_span()->flags & RECORD_HAS_PARENT, 0);
    read_request(1);
    writes(conn_of_fd(pair[1]), GET);
    reads(conn_of_fd(pair[1]), OK);
    cr_assert_eq(next_span()->flags & RECORD_HAS_PARENT, 0);
}
