/* One socket under several descriptors. */
#include "conn_case.h"

static void setup(void)
{
    conn_begin("tracecontext,baggage");
}

TestSuite(conn_numbers, .init = setup, .timeout = 60);

Test(conn_numbers, a_duplicate_keeps_the_connection_alive)
{
    struct conn *c = server();
    int copy = dup(ends[0]);
    conn_duplicated(ends[0], copy);
    cr_assert_eq(conn_of_fd(copy), c);
    reads(c, GET);
    conn_closing(ends[0]);
    cr_assert_null(next_span());
    writes(conn_of_fd(copy), OK);
    cr_assert_not_null(next_span());
    conn_closing(copy);
    cr_assert_eq(conn_kinds[copy], CONN_IGNORED);
}

/* ends[0] under two low numbers, as a program that inetd started has it. */
static void as_input_and_output(int in, int out)
{
    conn_closing(in);
    conn_closing(out);
    cr_assert_eq(dup2(ends[0], in), in);
    cr_assert_eq(dup2(ends[0], out), out);
    conn_appeared(in);
    conn_appeared(out);
}

Test(conn_numbers, two_numbers_of_one_socket_are_one_connection)
{
    const int in = CONN_TWIN_FDS - 2, out = CONN_TWIN_FDS - 1;
    as_input_and_output(in, out);
    struct conn *c = conn_of_fd(in);
    reads(c, GET);
    cr_assert_eq(conn_of_fd(out), c);
    writes(conn_of_fd(out), OK);
    const struct record *r = next_span();
    cr_assert_not_null(r);
    cr_assert_eq(int_field(r, ATTR_HTTP_RESPONSE_STATUS_CODE), 200);
    conn_closing(in);
    cr_assert_eq(conn_of_fd(out), c);
    conn_closing(out);
    cr_assert_eq(conn_kinds[out], CONN_IGNORED);
}

Test(conn_numbers, the_second_number_of_an_ignored_socket_is_ignored_as_well)
{
    const int in = CONN_TWIN_FDS - 2, out = CONN_TWIN_FDS - 1;
    as_input_and_output(in, out);
    conn_of_fd(out);
    reads(conn_of_fd(in), "*1\r\n$4\r\nPING\r\n");
    cr_assert(conn_is_given_up(conn_of_fd(in)));
    cr_assert_eq(conn_kinds[out], CONN_IGNORED);

    as_input_and_output(in, out); /* nothing of the first is left when the second is used */
    reads(conn_of_fd(in), "*1\r\n$4\r\nPING\r\n");
    writes(conn_of_fd(out), "+PONG\r\n");
    cr_assert_eq(conn_kinds[out], CONN_IGNORED);
    cr_assert_null(next_span());
}

Test(conn_numbers, numbers_beyond_the_bound_are_connections_of_their_own)
{
    const int in = CONN_TWIN_FDS, out = CONN_TWIN_FDS + 1;
    as_input_and_output(in, out);
    struct conn *c = conn_of_fd(in);
    reads(c, GET);
    cr_assert_neq(conn_of_fd(out), c);
    cr_assert_not_null(conn_of_fd(out));
}
