/* libs: -lssl -lcrypto */
/*
 * Asks a web server many things at once, each with an id of its own, and sees
 * that each answer is the one to its question.
 *
 *     http_load PORT CONNECTIONS REQUESTS FIRST_ID PATH [traceparent] [tls] [rests]
 *
 * Request N is GET PATH?id=N, its answer's body must be "id=N\n". With
 * `traceparent`, request N comes from span N+1 of trace N+1 (as hexadecimal
 * numbers), so that a reader of the spans knows what is true. With `tls` the server's
 * certificate is not looked at. With `rests` it waits 3 ms between an answer and the next
 * question: servers are done with the one before. Connections are kept open; one that the
 * server closes between two answers is opened anew.
 * Prints `right=N wrong=N`; exit status 1 if not all were right.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define QUIET_TIMEOUT_MS 30000 /* no answer at all for so long: give up */
#define BUFFER 8192

struct connection {
    long id; /* of the question that waits for its answer; -1: none */
    char in[BUFFER];
    size_t used;
    SSL *tls;      /* NULL: plain */
    bool answered; /* has brought an answer: may be closed by the server */
};

static struct connection connections[MAX_CONNECTIONS];
static struct pollfd fds[MAX_CONNECTIONS];
static struct sockaddr_in address = { .sin_family = AF_INET };
static const char *path;
static bool with_parent, rests;
static SSL_CTX *tls; /* NULL: plain connections */
static long next_id, last_id, right, wrong, under_way;

static void die(const char *what)
{
    fprintf(stderr, "http_load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void open_connection(int i)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
    connections[i].used = 0;
    if (tls != NULL) {
        connections[i].tls = SSL_new(tls);
        SSL_set_fd(connections[i].tls, fd);
        if (SSL_connect(connections[i].tls) != 1)
            die("TLS handshake");
    }
    connections[i].answered = false;
}

static ssize_t send_some(int i, const char *text, size_t len)
{
    if (connections[i].tls != NULL)
        return SSL_write(connections[i].tls, text, (int)len);
    return send(fds[i].fd, text, len, MSG_NOSIGNAL);
}

/* 0: the connection is at its end, or broken; `no_data`: nothing for us came (a ticket). */
static ssize_t receive_some(int i, char *to, size_t room, bool *no_data)
{
    *no_data = false;
    if (connections[i].tls == NULL)
        return recv(fds[i].fd, to, room, 0);
    int n = SSL_read(connections[i].tls, to, (int)room);
    *no_data = n <= 0 && SSL_get_error(connections[i].tls, n) == SSL_ERROR_WANT_READ;
    return n;
}

static void put_question(int i)
{
    char text[512], parent[80] = "";
    long id = connections[i].id;
    if (with_parent)
        snprintf(parent, sizeof parent, "traceparent: 00-%032lx-%016lx-01\r\n", id + 1, id + 1);
    int len = snprintf(text, sizeof text, "GET %s?id=%ld HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n",
                       path, id, parent);
    if (send_some(i, text, (size_t)len) != len && errno != EPIPE && errno != ECONNRESET)
        die("send");
}

/* The connection's next id; false: all questions have been asked. */
static bool take_id(int i)
{
    if (connections[i].id >= 0)
        under_way--;
    connections[i].id = next_id == last_id ? -1 : next_id++;
    if (connections[i].id < 0)
        return false;
    under_way++;
    return true;
}

static void next_question(int i)
{
    if (take_id(i))
        put_question(i);
}

/* Whether the buffer holds a whole answer; its body. */
static bool whole_answer(struct connection *c, const char **body, size_t *len)
{
    c->in[c->used] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (end == NULL)
        return false;
    char *length = strcasestr(c->in, "\r\ncontent-length:");
    *len = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    *body = end + 4;
    return c->used >= (size_t)(*body - c->in) + *len;
}

static void take_answer(int i)
{
    struct connection *c = &connections[i];
    const char *body;
    char expected[32];
    size_t len;
    if (!whole_answer(c, &body, &len))
        return;
    int expected_len = snprintf(expected, sizeof expected, "id=%ld\n", c->id);
    bool good = strncmp(c->in, "HTTP/1.1 200 ", 13) == 0 && len == (size_t)expected_len &&
                memcmp(body, expected, len) == 0;
    if (good)
        right++;
    else if (wrong++ < 5)
        fprintf(stderr, "http_load: to id=%ld came: %.*s\n", c->id, (int)c->used, c->in);
    size_t all = (size_t)(body - c->in) + len;
    c->used -= all;
    memmove(c->in, c->in + all, c->used);
    c->answered = true;
    if (rests)
        usleep(3000);
    next_question(i);
}

static void closed(int i)
{
    SSL_free(connections[i].tls);
    connections[i].tls = NULL;
    close(fds[i].fd);
    fds[i].fd = -1;
    if (connections[i].id < 0)
        return;
    if (connections[i].used != 0 || !connections[i].answered) {
        if (wrong++ < 5)
            fprintf(stderr, "http_load: id=%ld: closed without an answer\n", connections[i].id);
        if (!take_id(i))
            return;
    }
    open_connection(i);
    put_question(i);
}

static void readable(int i)
{
    struct connection *c = &connections[i];
    if (c->used == BUFFER - 1)
        die("an answer too long");
    bool no_data;
    ssize_t n = receive_some(i, c->in + c->used, BUFFER - 1 - c->used, &no_data);
    if (no_data)
        return;
    if (n <= 0) {
        closed(i);
        return;
    }
    c->used += (size_t)n;
    if (c->id >= 0)
        take_answer(i);
}

static SSL_CTX *with_tls(void)
{
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    if (made == NULL)
        die("TLS");
    /* A session ticket makes the socket readable, too: then a read may come back empty. */
    SSL_CTX_clear_mode(made, SSL_MODE_AUTO_RETRY);
    signal(SIGPIPE, SIG_IGN);
    return made;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    int count = atoi(argv[2]);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    next_id = atol(argv[4]);
    last_id = next_id + atol(argv[3]);
    path = argv[5];
    for (int i = 6; i < argc; i++) {
        with_parent |= strcmp(argv[i], "traceparent") == 0;
        rests |= strcmp(argv[i], "rests") == 0;
        if (strcmp(argv[i], "tls") == 0)
            tls = with_tls();
    }
    if (count > MAX_CONNECTIONS)
        return 2;
    for (int i = 0; i < count; i++) {
        connections[i].id = -1;
        open_connection(i);
    }
    for (int i = 0; i < count; i++)
        next_question(i);
    while (under_way > 0) {
        if (poll(fds, (nfds_t)count, QUIET_TIMEOUT_MS) <= 0) {
            fprintf(stderr, "http_load: %ld questions got no answer\n", under_way);
            wrong += under_way;
            break;
        }
        for (int i = 0; i < count; i++)
            if (fds[i].fd >= 0 && fds[i].revents != 0)
                do
                    readable(i);
                while (connections[i].tls != NULL && SSL_pending(connections[i].tls) > 0);
    }
    printf("right=%ld wrong=%ld\n", right, wrong);
    return wrong != 0;
}
