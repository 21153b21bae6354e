/* Connections: bytes in both directions to spans. */
#include "conn_case.h"

static void setup(void)
{
    conn_begin("tracecontext,baggage");
}

TestSuite(conn, .init = setup, .timeout = 60);

Test(conn, a_server_request_in_any_split_is_one_span)
{
    for (size_t split = 1; split < sizeof GET - 1; split++) {
        struct conn *c = server();
        conn_read(c, GET, split);
        cr_assert_eq(thread_state.last_request != 0 && request_is_open(thread_state.last_request),
                     false);
        conn_read(c, &GET[split], sizeof GET - 1 - split);
        cr_assert(request_is_open(request_current(&thread_state)));
        writes(c, OK);
        cr_assert_eq(request_current(&thread_state), 0);
        const struct record *r = next_span();
        cr_assert_not_null(r, "split at %zu", split);
        cr_assert_eq(r->kind, SPAN_SERVER);
        cr_assert(has_field(r, ATTR_URL_PATH, "/a"));
        cr_assert(has_field(r, ATTR_URL_QUERY, "b=c"));
        cr_assert_eq(int_field(r, ATTR_HTTP_RESPONSE_STATUS_CODE), 200);
        cr_assert_null(next_span());
    }
}

Test(conn, pipelined_requests_are_answered_in_their_order)
{
    struct conn *c = server();
    reads(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    uint32_t first = request_current(&thread_state);
    cr_assert_neq(first, 0);
    writes(c, OK);
    cr_assert(has_field(next_span(), ATTR_URL_PATH, "/1"));
    uint32_t second = request_current(&thread_state);
    cr_assert(second != 0 && second != first);
    writes(c, OK);
    cr_assert(has_field(next_span(), ATTR_URL_PATH, "/2"));
    cr_assert_eq(request_current(&thread_state), 0);
}

Test(conn, more_pipelined_requests_than_the_bound_give_the_connection_up)
{
    struct conn *c = server();
    for (unsigned i = 0; i <= CONN_MAX_PIPELINED; i++)
        reads(c, GET);
    cr_assert_null(conn_of_fd(ends[0]));
    cr_assert_eq(request_current(&thread_state), 0);
}

Test(conn, what_is_not_http_is_ignored_from_its_first_byte)
{
    struct conn *c = server();
    reads(c, "*1\r\n$4\r\nPING\r\n");
    cr_assert_eq(conn_kinds[ends[0]], CONN_IGNORED);
    cr_assert_null(conn_of_fd(ends[0]));
    cr_assert_null(next_span());
}

Test(conn, what_is_ignored_keeps_no_memory)
{
    struct conn *c = server();
    uint32_t generation = conn_generation(c);
    reads(c, "no such protocol\r\n");
    cr_assert_null(conn_still(c, generation), "its block is another one's");
    conn_accepted(ends[1], NULL, 0);
    cr_assert_eq(conn_of_fd(ends[1]), c, "the very next one's");
    cr_assert(!conn_is_given_up(c));
    conn_closing(ends[0]);
    conn_closing(ends[1]);
}

Test(conn, what_is_ignored_under_two_numbers_keeps_it_until_both_are_closed)
{
    struct conn *c = server();
    uint32_t generation = conn_generation(c);
    int other = dup(ends[0]);
    conn_duplicated(ends[0], other);
    cr_assert_eq(conn_of_fd(other), c);
    reads(c, "no such protocol\r\n");
    cr_assert_eq(conn_still(c, generation), c);
    cr_assert(conn_is_given_up(c));
    conn_closing(ends[0]);
    cr_assert_eq(conn_still(c, generation), c);
    conn_closing(other);
    cr_assert_null(conn_still(c, generation));
    close(other);
}

Test(conn, a_number_of_what_is_ignored_leads_to_nothing)
{
    struct iovec get = { (char[]){ GET }, sizeof GET - 1 };
    struct conn_answer answer;
    struct conn *c = server();
    reads(c, GET);
    cr_assert(conn_answers(&answer, ends[0]));
    writes(c, "no such protocol\r\n");
    cr_assert_not_null(next_span()); /* of the request */
    conn_accepted(ends[1], NULL, 0);
    cr_assert_eq(conn_of_fd(ends[1]), c);
    reads(c, GET);
    /* A thread that was on its way to the old one meets the new one in its block. */
    conn_answered(&answer, &(struct iovec){ (char[]){ OK }, sizeof OK - 1 }, 1, sizeof OK - 1, 0);
    conn_fd_readv(ends[0], &get, 1, get.iov_len);
    cr_assert_null(next_span());
    writes(c, OK);
    cr_assert_not_null(next_span());
    cr_assert_null(next_span());
}

Test(conn, a_server_that_closes_without_an_answer_has_aborted)
{
    struct conn *c = server();
    reads(c, GET);
    conn_closing(ends[0]);
    const struct record *r = next_span();
    cr_assert_not_null(r);
    cr_assert(has_field(r, ATTR_ERROR_TYPE, "aborted"));
    cr_assert(r->flags & RECORD_ERROR);
}

Test(conn, a_body_up_to_the_close_ends_with_it)
{
    struct conn *c = server();
    reads(c, "GET / HTTP/1.0\r\n\r\n");
    writes(c, "HTTP/1.0 200 OK\r\n\r\nsome");
    cr_assert_null(next_span());
    conn_closing(ends[0]);
    const struct record *r = next_span();
    cr_assert_not_null(r);
    cr_assert_eq(r->flags & RECORD_ERROR, 0);
    cr_assert_eq(int_field(r, ATTR_HTTP_RESPONSE_BODY_SIZE), 4);
}

Test(conn, what_is_open_at_the_end_is_told_once_and_goes_on)
{
    struct conn *s = server();
    struct conn *c = client();
    reads(s, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc");
    uint32_t request = request_current(&thread_state);
    writes(c, GET);
    writes(s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    conn_tell_open();
    conn_tell_open();
    const struct record *told[3] = { next_span(), next_span(), next_span() };
    cr_assert_null(next_span());
    cr_assert(has_field(told[0], ATTR_URL_PATH, "/1"));
    cr_assert(has_field(told[0], ATTR_ERROR_TYPE, "aborted"));
    cr_assert_eq(int_field(told[0], ATTR_HTTP_RESPONSE_STATUS_CODE), 200);
    cr_assert_eq(int_field(told[0], ATTR_HTTP_RESPONSE_BODY_SIZE), 2);
    cr_assert(has_field(told[1], ATTR_URL_PATH, "/2"));
    cr_assert(has_field(told[1], ATTR_ERROR_TYPE, "aborted"));
    cr_assert_eq(int_field(told[1], ATTR_HTTP_RESPONSE_STATUS_CODE), -1);
    cr_assert_eq(int_field(told[1], ATTR_HTTP_REQUEST_BODY_SIZE), 3);
    cr_assert_eq(told[2]->kind, SPAN_CLIENT);
    cr_assert_eq(told[2]->flags & RECORD_ERROR, 0);
    cr_assert_arr_eq(told[2]->parent_span_id, told[0]->span_id, 8);

    /* Other threads go on until the kernel ends them; a request begun since is told, too. */
    cr_assert(request_is_open(request));
    writes(s, "cde");
    cr_assert(!request_is_open(request));
    reads(c, OK);
    cr_assert_null(next_span());
    writes(c, GET);
    conn_tell_open();
    cr_assert_eq(next_span()->kind, SPAN_CLIENT);
}

Test(conn, an_answer_that_the_end_completes_is_no_error)
{
    struct conn *c = server();
    reads(c, "GET / HTTP/1.0\r\n\r\n");
    writes(c, "HTTP/1.0 200 OK\r\n\r\nsome");
    conn_tell_open();
    const struct record *r = next_span();
    cr_assert_eq(r->flags & RECORD_ERROR, 0);
    cr_assert_eq(int_field(r, ATTR_HTTP_RESPONSE_BODY_SIZE), 4);
}

Test(conn, what_another_thread_holds_at_the_end_is_counted)
{
    uint64_t before = diag_dropped(DROP_CONTENDED);
    struct conn *c = server();
    reads(c, GET);
    atomic_store(&c->held, 1);
    conn_tell_open();
    cr_assert_null(next_span());
    cr_assert_eq(diag_dropped(DROP_CONTENDED), before + 1);
    atomic_store(&c->held, 0);
    writes(c, OK); /* not given up for it */
    cr_assert_not_null(next_span());
}

Test(conn, a_forked_child_tells_nothing_of_its_parents)
{
    reads(server(), GET);
    thread_state.generation++; /* call.c does */
    conn_fork_child();
    conn_tell_open();
    cr_assert_null(next_span());
}

Test(conn, what_had_begun_is_told_when_the_rest_makes_no_sense)
{
    struct conn *c = server();
    reads(c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    cr_assert_null(next_span());
    reads(c, "xyz\r\n");
    const struct record *r = next_span();
    cr_assert_not_null(r);
    cr_assert_eq(r->flags & RECORD_ERROR, 0);
    cr_assert(conn_is_given_up(c) || conn_of_fd(ends[0]) == NULL);
    cr_assert_null(next_span());
}

Test(conn, a_head_that_makes_no_sense_is_nothing)
{
    struct conn *c = server();
    reads(c, "GET / HTTP/1.1\r\nHost h\r\n\r\n");
    cr_assert_null(next_span());
    conn_closing(ends[0]);
    cr_assert_null(next_span());
}

Test(conn, a_reset_ends_what_is_open_with_its_name)
{
    struct conn *c = client();
    writes(c, GET);
    conn_read_ended(c, ECONNRESET);
    cr_assert(has_field(next_span(), ATTR_ERROR_TYPE, "ECONNRESET"));
}

Test(conn, a_unix_socket_has_a_path_and_no_port)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "/run/app.sock" };
    conn_socket_made(ends[1], AF_UNIX, SOCK_STREAM);
    conn_connecting(ends[1], (struct sockaddr *)(void *)&name, sizeof name);
    struct conn *c = conn_of_fd(ends[1]);
    writes(c, "GET /a HTTP/1.0\r\n\r\n");
    reads(c, OK);
    const struct record *r = next_span();
    cr_assert(has_field(r, ATTR_NETWORK_PEER_ADDRESS, "/run/app.sock"));
    cr_assert(has_field(r, ATTR_NETWORK_TRANSPORT, "unix"));
    cr_assert(has_field(r, ATTR_SERVER_ADDRESS, "/run/app.sock")); /* no Host */
    cr_assert(!has_key(r, ATTR_SERVER_PORT));
    cr_assert(!has_key(r, ATTR_NETWORK_PEER_PORT));
    writes(c, "GET /a HTTP/1.0\r\nHost: shop.example\r\n\r\n");
    reads(c, OK);
    r = next_span();
    cr_assert(has_field(r, ATTR_SERVER_ADDRESS, "shop.example"));
    cr_assert(!has_key(r, ATTR_SERVER_PORT));
}

Test(conn, behind_a_proxy_header_peer_and_client_differ)
{
    struct conn *c = server();
    reads(c, "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" GET);
    writes(c, OK);
    const struct record *r = next_span();
    cr_assert(has_field(r, ATTR_CLIENT_ADDRESS, "1.2.3.4"));
    cr_assert(!has_key(r, ATTR_NETWORK_PEER_ADDRESS)); /* a socketpair has no names */
    cr_assert(has_field(r, ATTR_NETWORK_TRANSPORT, "unix"));
}
