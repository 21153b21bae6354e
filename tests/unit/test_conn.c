/* Connections: bytes in both directions to spans, and our header in what goes out. */
#include "conn_case.h"

static void setup(void)
{
    conn_begin("tracecontext,baggage");
}

TestSuite(conn, .init = setup, .timeout = 60);

static bool has_field(const struct record *r, uint8_t key, const char *text)
{
    struct field_view f;
    for (size_t pos = 0; record_next_field(r, &pos, &f);)
        if (f.type == FIELD_STRING && f.key == key && f.len == strlen(text) &&
            memcmp(f.data, text, f.len) == 0)
            return true;
    return false;
}

static int64_t int_field(const struct record *r, uint8_t key)
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

static bool has_key(const struct record *r, uint8_t key)
{
    struct field_view f;
    for (size_t pos = 0; record_next_field(r, &pos, &f);)
        if (f.key == key && (f.type == FIELD_STRING || f.type == FIELD_INT))
            return true;
    return false;
}

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

Test(conn, a_duplicate_keeps_the_connection_alive)
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

Test(conn, two_numbers_of_one_socket_are_one_connection)
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

Test(conn, the_second_number_of_an_ignored_socket_is_ignored_as_well)
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

Test(conn, numbers_beyond_the_bound_are_connections_of_their_own)
{
    const int in = CONN_TWIN_FDS, out = CONN_TWIN_FDS + 1;
    as_input_and_output(in, out);
    struct conn *c = conn_of_fd(in);
    reads(c, GET);
    cr_assert_neq(conn_of_fd(out), c);
    cr_assert_not_null(conn_of_fd(out));
}

/* The text with our line behind the first one; asserts that it is there once. */
static void expect_inserted(const struct wire *wire, const char *text, size_t len,
                            const char *added)
{
    size_t line = (size_t)(strstr(text, "\r\n") - text) + 2, more = strlen(added);
    cr_assert_eq(wire->len, len + more, "%zu, not %zu", wire->len, len + more);
    cr_assert_arr_eq(wire->bytes, text, line);
    cr_assert_arr_eq(wire->bytes + line + more, text + line, len - line);
    for (size_t i = 0; i < more; i++) /* '*': any byte */
        cr_assert(added[i] == '*' || wire->bytes[line + i] == added[i], "byte %zu", i);
}

#define ANY_HEADER "traceparent: 00-********************************-****************-**\r\n"

Test(conn, a_header_goes_in_whole_however_little_the_kernel_takes)
{
    static struct wire wire;
    for (size_t piece = 1; piece < 200; piece++) {
        struct conn *c = client();
        wire.len = wire.again = 0;
        write_pieces(c, &wire, GET, sizeof GET - 1, piece);
        expect_inserted(&wire, GET, sizeof GET - 1, ANY_HEADER);
        cr_assert(piece >= 35 || wire.again > 0);
        reads(c, OK);
        const struct record *r = next_span();
        cr_assert_not_null(r, "pieces of %zu", piece);
        cr_assert_eq(r->kind, SPAN_CLIENT);
        static const char hex[] = "0123456789abcdef";
        for (unsigned i = 0; i < 8; i++) { /* the header names the very span */
            const char *at = strstr(wire.bytes, "traceparent: ") + 13 + 36 + 2 * i;
            cr_assert_eq(at[0], hex[r->span_id[i] >> 4]);
            cr_assert_eq(at[1], hex[r->span_id[i] & 15]);
        }
    }
}

Test(conn, requests_after_the_first_get_headers_of_their_own)
{
    static struct wire wire;
    struct conn *c = client();
    for (unsigned i = 0; i < 3; i++) {
        wire.len = 0;
        write_pieces(c, &wire, GET, sizeof GET - 1, SIZE_MAX);
        expect_inserted(&wire, GET, sizeof GET - 1, ANY_HEADER);
        reads(c, OK);
        cr_assert_not_null(next_span());
    }
}

Test(conn, a_body_is_never_touched)
{
    static struct wire wire;
    static char post[40000];
    int head = snprintf(post, sizeof post, "POST /p HTTP/1.1\r\nContent-Length: 30000\r\n\r\n");
    for (int i = head; i < head + 30000; i += 37) /* bodies may look like requests */
        memcpy(post + i, "GET / HTTP/1.1\r\nHost: evil\r\n\r\n.......", 37);
    size_t len = (size_t)head + 30000;
    static const size_t pieces[] = { 1, 13, 64, 71, 4096, SIZE_MAX };
    for (unsigned p = 0; p < COUNT(pieces); p++) {
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, post, len, pieces[p]);
        expect_inserted(&wire, post, len, ANY_HEADER);
    }
}

Test(conn, a_head_in_several_writes_has_a_span_and_no_header)
{
    static struct wire wire;
    struct conn *c = client();
    write_pieces(c, &wire, GET, 10, SIZE_MAX);
    write_pieces(c, &wire, &GET[10], sizeof GET - 11, SIZE_MAX);
    cr_assert_eq(wire.len, sizeof GET - 1);
    cr_assert_arr_eq(wire.bytes, GET, wire.len);
    reads(c, OK);
    cr_assert_not_null(next_span());
}

#define PROXY_V1 "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"
#define PROXY_V2 "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\1\2\3\4\5\6\7\x08\0\1\0\2tlv"

/* The header, then the request with our line in it. */
static void expect_behind(const struct wire *wire, const char *header, size_t len)
{
    static struct wire rest;
    cr_assert_arr_eq(wire->bytes, header, len);
    rest.len = wire->len - len;
    memcpy(rest.bytes, wire->bytes + len, rest.len);
    expect_inserted(&rest, GET, sizeof GET - 1, ANY_HEADER);
}

static void answers(struct conn *c)
{
    reads(c, OK);
    const struct record *r = next_span();
    cr_assert_not_null(r);
    cr_assert_eq(r->kind, SPAN_CLIENT);
    cr_assert_null(next_span());
}

static void introduces(const char *header, size_t len)
{
    static struct wire wire;
    static char both[512];
    memcpy(both, header, len);
    memcpy(both + len, GET, sizeof GET - 1);
    for (size_t piece = 1; piece < 250; piece++) {
        struct conn *c =
            client(); /* in one write, of which the kernel takes as little as it likes */
        wire.len = 0;
        write_pieces(c, &wire, both, len + sizeof GET - 1, piece);
        expect_behind(&wire, header, len);
        answers(c);
        wire.len = 0; /* and the next request */
        write_pieces(c, &wire, GET, sizeof GET - 1, piece);
        expect_inserted(&wire, GET, sizeof GET - 1, ANY_HEADER);
        answers(c);
    }
    for (size_t split = 1; split <= len; split++) { /* in two, the first inside the header */
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, both, split, SIZE_MAX);
        write_pieces(c, &wire, both + split, len - split + sizeof GET - 1,
                     split % 7 ? SIZE_MAX : 5);
        expect_behind(&wire, header, len);
        answers(c);
    }
}

Test(conn, a_proxy_header_of_a_client_stays_in_front_of_the_request)
{
    introduces(PROXY_V1, sizeof PROXY_V1 - 1);
    introduces(PROXY_V2, sizeof PROXY_V2 - 1);
}

Test(conn, a_proxy_header_and_a_head_may_lie_in_pieces_of_one_write)
{
    static char wire[512];
    struct conn *c = client();
    struct iovec iov[] = { { (char[]){ "PRO" }, 3 },
                           { (char[]){ "XY UNKNOWN\r\nGET /a" }, 18 },
                           { (char[]){ "" }, 0 },
                           { (char[]){ " HTTP/1.1\r\nHost: h\r\n\r\n" }, 22 } };
    struct iovec out[4 + CONN_EDIT_PIECES + 1];
    struct conn_write w;
    int error = 0;
    size_t len = 0;
    cr_assert(conn_write_begin(&w, c, iov, COUNT(iov), true));
    cr_assert(w.edited);
    int nr = conn_write_pieces(&w, out, COUNT(out));
    for (int i = 0; i < nr; i++) {
        memcpy(wire + len, out[i].iov_base, out[i].iov_len);
        len += out[i].iov_len;
    }
    cr_assert_eq(conn_write_end(&w, (ssize_t)len, &error), 43);
    wire[len] = 0;
    static const char before[] = "PROXY UNKNOWN\r\nGET /a HTTP/1.1\r\ntraceparent: 00-";
    cr_assert_arr_eq(wire, before, sizeof before - 1);
    cr_assert_str_eq(strstr(wire, "Host"), "Host: h\r\n\r\n");
    answers(c);
}

Test(conn, a_refused_write_of_a_proxy_header_is_made_again)
{
    static struct wire wire;
    static const char both[] = PROXY_V1 GET;
    struct conn *c = client();
    struct iovec iov = { (char *)(uintptr_t)both, sizeof both - 1 };
    struct conn_write w;
    int error = EAGAIN;
    cr_assert(conn_write_begin(&w, c, &iov, 1, true));
    cr_assert_eq(conn_write_end(&w, -1, &error), -1);
    wire.len = 0;
    write_pieces(c, &wire, both, sizeof both - 1, SIZE_MAX);
    expect_behind(&wire, PROXY_V1, sizeof PROXY_V1 - 1);
    answers(c);
}

Test(conn, a_client_that_was_inherited_may_begin_with_a_proxy_header)
{
    static struct wire wire;
    conn_appeared(ends[1]);
    struct conn *c = conn_of_fd(ends[1]);
    wire.len = 0;
    write_pieces(c, &wire, PROXY_V1 GET, sizeof PROXY_V1 GET - 1, SIZE_MAX);
    expect_behind(&wire, PROXY_V1, sizeof PROXY_V1 - 1);
    answers(c);
}

Test(conn, what_only_looks_like_a_proxy_header_is_a_request_or_nothing)
{
    static struct wire wire;
    struct conn *c = client();
    wire.len = 0;
    write_pieces(c, &wire, "PROPFIND /a HTTP/1.1\r\nHost: h\r\n\r\n", 33, SIZE_MAX);
    cr_assert_eq(wire.len, 33 + sizeof ANY_HEADER - 1);
    answers(c);
    c = client();
    writes(c, "PROXY TCP4 nobody\r\n" GET);
    cr_assert(conn_is_given_up(c));
    cr_assert_null(next_span());
    c = client(); /* not HTTP behind it */
    writes(c, PROXY_V1 "*1\r\n$4\r\nPING\r\n");
    cr_assert(conn_is_given_up(c));
    cr_assert_null(next_span());
}

#define CALLER "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Test(conn, a_forwarded_traceparent_gets_the_span_id_in_place)
{
    static struct wire wire;
    static const char in[] = "GET /x HTTP/1.1\r\nTraceparent: " CALLER "\r\nHost: h\r\n\r\n";
    for (size_t piece = 1; piece < sizeof in + 2; piece++) {
        struct conn *s = server();
        reads(s, in);
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, in, sizeof in - 1, piece);
        cr_assert_eq(wire.len, sizeof in - 1);
        size_t id = (size_t)(strstr(in, "b7ad") - in);
        cr_assert_arr_eq(wire.bytes, in, id);
        cr_assert_arr_eq(wire.bytes + id + 16, in + id + 16, wire.len - id - 16);
        cr_assert_neq(memcmp(wire.bytes + id, "b7ad6b7169203331", 16), 0);
        cr_assert_eq(wire.again, 0);
        reads(c, OK);
        struct record sent = *next_span();
        writes(s, OK);
        const struct record *served = next_span();
        cr_assert_arr_eq(sent.parent_span_id, served->span_id, 8);
        cr_assert_arr_eq(sent.trace_id, served->trace_id, 16);
    }
}

Test(conn, a_traceparent_of_another_sdk_stays_and_is_the_parent)
{
    static struct wire wire;
    static const char out[] = "GET /x HTTP/1.1\r\ntraceparent: " CALLER "\r\nHost: h\r\n\r\n";
    struct conn *c = client();
    write_pieces(c, &wire, out, sizeof out - 1, SIZE_MAX);
    cr_assert_eq(wire.len, sizeof out - 1);
    cr_assert_arr_eq(wire.bytes, out, wire.len);
    reads(c, OK);
    static const uint8_t parent[8] = { 0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31 };
    cr_assert_arr_eq(next_span()->parent_span_id, parent, 8);
}

Test(conn, tracestate_and_baggage_go_along)
{
    static struct wire wire;
    struct conn *s = server();
    reads(s, "GET / HTTP/1.1\r\nHost: h\r\ntraceparent: " CALLER
             "\r\ntracestate: v=1\r\nbaggage: k=2\r\n\r\n");
    for (size_t piece = 1; piece < 220; piece++) {
        struct conn *c = client();
        wire.len = 0;
        write_pieces(c, &wire, GET, sizeof GET - 1, piece);
        expect_inserted(&wire, GET, sizeof GET - 1,
                        ANY_HEADER "tracestate: v=1\r\nbaggage: k=2\r\n");
        reads(c, OK);
        cr_assert_not_null(next_span());
    }
}

Test(conn, a_stale_number_is_never_written_into)
{
    static struct wire wire;
    struct conn *c = client();
    int other[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    cr_assert_eq(dup2(other[0], ends[1]), ends[1]); /* behind our back */
    write_pieces(c, &wire, GET, sizeof GET - 1, SIZE_MAX);
    cr_assert_eq(wire.len, sizeof GET - 1);
    cr_assert_arr_eq(wire.bytes, GET, wire.len);
}

Test(conn, a_refused_write_is_no_request)
{
    struct conn *c = client();
    struct iovec iov = { (char[]){ GET }, sizeof GET - 1 };
    struct conn_write w;
    int error = EAGAIN;
    cr_assert(conn_write_begin(&w, c, &iov, 1, true));
    cr_assert_eq(conn_write_end(&w, -1, &error), -1);
    cr_assert_eq(error, EAGAIN);
    cr_assert_null(next_span());
    writes(c, GET);
    reads(c, OK);
    cr_assert_not_null(next_span());
    cr_assert_null(next_span());
}

Test(conn, several_open_requests_on_a_thread_are_nobodys_parent_without_evidence)
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

Test(conn, a_connection_begun_for_a_request_carries_its_first_message)
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

Test(conn, inline_dispatch_follows_the_last_read_of_the_turn)
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
