/*
 * Writes that the kernel takes in part, wherever it likes: in a request's line,
 * in what stands before its end, in its body.
 *
 *     http_partial send PORT ROUNDS    pipelined requests through a tiny send buffer
 *     http_partial take PORT FILE      the other side: reads slowly, answers, ends with the connection
 *
 * The sender is non-blocking and uses write, writev, send and sendmsg in turn,
 * each told of fewer bytes than it gave more often than not. The taker answers
 * each request; it hashes all bytes but for traceparent header lines, prints the
 * hash, and writes to FILE how many of those lines there were, and how many
 * requests had more than one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PIPELINED 8
#define TINY 1 /* the kernel makes the least it can of it */
/* Bytes. From the smallest one TCP can come to a window below its segments: it waits 0.2 s before each, from then on. */
#define TAKEN_FROM 4096
#define BODY_MAX 9000
#define HEAD_PADDING 1500
#define LARGEST (HEAD_PADDING + BODY_MAX + 400)

static uint32_t dice_state = 12345;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 8) % sides;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)atoi(port)),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

/* ---- the sender ---- */

static size_t make_request(char *out, unsigned number)
{
    static char padding[HEAD_PADDING];
    size_t body = dice(3) == 0 ? 0 : 1 + dice(BODY_MAX);
    memset(padding, 'p', sizeof padding);
    int head = sprintf(
        out, "%s /r/%u HTTP/1.1\r\nHost: partial\r\nX-Padding: %.*s\r\nContent-Length: %zu\r\n\r\n",
        body != 0 ? "POST" : "GET", number, (int)dice(HEAD_PADDING), padding, body);
    for (size_t i = 0; i < body; i++)
        out[(size_t)head + i] = (char)(i * 7 + number);
    return (size_t)head + body;
}

/* One attempt by one of four functions, as one, two or three entries. */
static ssize_t attempt(int fd, char *data, size_t len, unsigned how)
{
    size_t first = len / 3, second = len / 2 - first;
    struct iovec iov[3] = { { data, first },
                            { data + first, second },
                            { data + first + second, len - first - second } };
    struct msghdr message = { .msg_iov = iov, .msg_iovlen = 3 };
    switch (how % 4) {
    case 0: return write(fd, data, len);
    case 1: return writev(fd, iov, 3);
    case 2: return send(fd, data, len, MSG_NOSIGNAL);
    default: return sendmsg(fd, &message, MSG_NOSIGNAL);
    }
}

static unsigned long short_writes;

static void send_all(int fd, char *data, size_t len, unsigned how)
{
    struct pollfd waits = { .fd = fd, .events = POLLOUT };
    while (len > 0) {
        ssize_t n = attempt(fd, data, len, how++);
        if (n > (ssize_t)len) {
            printf("a write of %zu bytes told of %zd\n", len, n);
            exit(1);
        }
        if (n < 0 && errno != EAGAIN)
            die("write");
        if (n < (ssize_t)len)
            short_writes++;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (poll(&waits, 1, 20000) != 1) {
            die("the other side does not read");
        }
    }
}

static void read_answers(int fd, unsigned count)
{
    char text[4096];
    struct pollfd waits = { .fd = fd, .events = POLLIN };
    for (unsigned seen = 0; seen < count;) {
        if (poll(&waits, 1, 20000) != 1)
            die("no answer");
        ssize_t n = read(fd, text, sizeof text);
        if (n <= 0)
            die("closed");
        for (ssize_t i = 0; i < n; i++)
            seen += text[i] == '!';
    }
}

static int send_main(const char *port, unsigned rounds)
{
    struct sockaddr_in to = loopback(port);
    static char data[PIPELINED * LARGEST];
    int tiny = TINY, one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &tiny, sizeof tiny);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (unsigned round = 0; round < rounds; round++) {
        size_t at[PIPELINED + 1] = { 0 };
        for (unsigned i = 0; i < PIPELINED; i++)
            at[i + 1] = at[i] + make_request(data + at[i], round * PIPELINED + i);
        /* Head and body together, or several requests at once. */
        if (round % 2 == 0)
            for (unsigned i = 0; i < PIPELINED; i++)
                send_all(fd, data + at[i], at[i + 1] - at[i], round + i);
        else
            send_all(fd, data, at[PIPELINED], round);
        read_answers(fd, PIPELINED);
    }
    close(fd);
    printf("sent %u requests, %s\n", rounds * PIPELINED,
           short_writes > rounds ? "in many parts" : "too few parts");
    return 0;
}

/* ---- the taker ---- */

struct taken {
    uint64_t hash;
    unsigned long requests, parents, doubled, bytes;
};

static void hash(struct taken *t, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        t->hash = (t->hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    t->bytes += n;
}

/* One whole request at the front of the buffer: its length, or 0. */
static size_t take_request(struct taken *t, char *data, size_t used)
{
    char *end = memmem(data, used, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end + 4 - data), body = 0;
    unsigned parents = 0;
    char *length = memmem(data, head, "Content-Length: ", 16);
    body = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
    if (used < head + body)
        return 0;
    for (char *line = data; line < end + 2;) {
        char *next = (char *)memmem(line, (size_t)(end + 2 - line), "\r\n", 2) + 2;
        if (strncasecmp(line, "traceparent:", 12) == 0)
            parents++;
        else
            hash(t, line, (size_t)(next - line));
        line = next;
    }
    hash(t, end + 2, 2 + body);
    t->requests++;
    t->parents += parents;
    t->doubled += parents > 1;
    return head + body;
}

static int take_main(const char *port, const char *path)
{
    struct sockaddr_in from = loopback(port);
    struct taken t = { .hash = 14695981039346656037u };
    static char data[PIPELINED * LARGEST * 2];
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!";
    size_t used = 0;
    int small = TAKEN_FROM, one = 1, fd = -1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (bind(listener, (struct sockaddr *)&from, sizeof from) != 0 || listen(listener, 8) != 0)
        die("listen");
    /* Whoever only looks whether we are there sends nothing: that one does not count. */
    while (t.requests == 0) {
        if ((fd = accept(listener, NULL, NULL)) < 0)
            die("accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        for (;;) {
            ssize_t n = read(fd, data + used, 1 + dice(700));
            if (n <= 0)
                break;
            used += (size_t)n;
            for (size_t len; (len = take_request(&t, data, used)) != 0;) {
                used -= len;
                memmove(data, data + len, used);
                if (write(fd, answer, sizeof answer - 1) != (ssize_t)sizeof answer - 1)
                    die("write");
            }
        }
        close(fd);
    }
    printf("%lu requests, %lu bytes, hash %016llx, %zu left over\n", t.requests, t.bytes,
           (unsigned long long)t.hash, used);
    FILE *f = fopen(path, "w");
    fprintf(f, "%lu %lu %lu\n", t.requests, t.parents, t.doubled);
    fclose(f);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    return strcmp(argv[1], "send") == 0 ? send_main(argv[2], (unsigned)atoi(argv[3]))
                                        : take_main(argv[2], argv[3]);
}
