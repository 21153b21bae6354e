/* Whose request is it: several that are open on one thread. */
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
    request_inline_dispatch = true;
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
