/*
 * What ltp_io tries its reads and writes on: all their names behind one signature, the states of
 * a connection, the kinds of descriptor that are none, and what has arrived at the other end.
 */
#ifndef LTP_IO_H
#define LTP_IO_H

#include "ltp.h"

#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

ssize_t __read(int, void *, size_t);
ssize_t __write(int, const void *, size_t);
ssize_t __send(int, const void *, size_t, int);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);

/* ---- one signature for all ---- */

typedef ssize_t form(int fd, void *bytes, size_t len, int flags);

static ssize_t by_write(int fd, void *b, size_t n, int flags)
{
    (void)flags;
    return write(fd, b, n);
}
static ssize_t by___write(int fd, void *b, size_t n, int flags)
{
    (void)flags;
    return __write(fd, b, n);
}
static ssize_t by_send(int fd, void *b, size_t n, int flags)
{
    return send(fd, b, n, flags);
}
static ssize_t by___send(int fd, void *b, size_t n, int flags)
{
    return __send(fd, b, n, flags);
}
static ssize_t by_sendto(int fd, void *b, size_t n, int flags)
{
    return sendto(fd, b, n, flags, NULL, 0);
}

/* In two pieces, the second one the longer. */
static struct iovec *pieces(void *b, size_t n)
{
    static __thread struct iovec two[2];
    size_t first = n > 8 ? 8 : n / 2;
    two[0] = (struct iovec){ b, first };
    two[1] = (struct iovec){ (char *)b + first, n - first };
    return two;
}
static ssize_t by_writev(int fd, void *b, size_t n, int flags)
{
    (void)flags;
    return writev(fd, pieces(b, n), 2);
}
static ssize_t by_sendmsg(int fd, void *b, size_t n, int flags)
{
    struct msghdr m = { .msg_iov = pieces(b, n), .msg_iovlen = 2 };
    return sendmsg(fd, &m, flags);
}
static ssize_t by_sendmmsg(int fd, void *b, size_t n, int flags)
{
    struct mmsghdr one = { .msg_hdr = { .msg_iov = pieces(b, n), .msg_iovlen = 2 } };
    int r = sendmmsg(fd, &one, 1, flags);
    return r == 1 ? (ssize_t)one.msg_len : r;
}

static ssize_t by_read(int fd, void *b, size_t n, int flags)
{
    (void)flags;
    return read(fd, b, n);
}
static ssize_t by___read(int fd, void *b, size_t n, int flags)
{
    (void)flags;
    return __read(fd, b, n);
}
static ssize_t by___read_chk(int fd, void *b, size_t n, int flags)
{
    (void)flags;
    return __read_chk(fd, b, n, SIZE_MAX);
}
static ssize_t by_readv(int fd, void *b, size_t n, int flags)
{
    (void)flags;
    return readv(fd, pieces(b, n), 2);
}
static ssize_t by_recv(int fd, void *b, size_t n, int flags)
{
    return recv(fd, b, n, flags);
}
static ssize_t by___recv_chk(int fd, void *b, size_t n, int flags)
{
    return __recv_chk(fd, b, n, SIZE_MAX, flags);
}
static ssize_t by_recvfrom(int fd, void *b, size_t n, int flags)
{
    return recvfrom(fd, b, n, flags, NULL, NULL);
}
static ssize_t by___recvfrom_chk(int fd, void *b, size_t n, int flags)
{
    return __recvfrom_chk(fd, b, n, SIZE_MAX, flags, NULL, NULL);
}
static ssize_t by_recvmsg(int fd, void *b, size_t n, int flags)
{
    struct msghdr m = { .msg_iov = pieces(b, n), .msg_iovlen = 2 };
    return recvmsg(fd, &m, flags);
}
static ssize_t by_recvmmsg(int fd, void *b, size_t n, int flags)
{
    struct mmsghdr one = { .msg_hdr = { .msg_iov = pieces(b, n), .msg_iovlen = 2 } };
    int r = recvmmsg(fd, &one, 1, flags, NULL);
    return r == 1 ? (ssize_t)one.msg_len : r;
}

struct named {
    const char *name;
    form *call;
    bool has_flags, is_mmsg;
};
#define N(what, ...) \
    { \
#what, by_##what, __VA_ARGS__ \
    }
static const struct named writers[] = {
    N(write, false, false),  N(__write, false, false), N(writev, false, false),
    N(send, true, false),    N(__send, true, false),   N(sendto, true, false),
    N(sendmsg, true, false), N(sendmmsg, true, true),  { 0 }
};
static const struct named readers[] = { N(read, false, false),
                                        N(__read, false, false),
                                        N(__read_chk, false, false),
                                        N(readv, false, false),
                                        N(recv, true, false),
                                        N(__recv_chk, true, false),
                                        N(recvfrom, true, false),
                                        N(__recvfrom_chk, true, false),
                                        N(recvmsg, true, false),
                                        N(recvmmsg, true, true),
                                        { 0 } };
#undef N

/* ---- states of a connection; pair[0] is what is tested, pair[1] the other end ---- */

#define ASK "GET /ltp?a=1 HTTP/1.1\r\nHost: ltp.test\r\nAccept: */*\r\n\r\n"
#define POST "POST /ltp HTTP/1.1\r\nHost: ltp.test\r\nContent-Length: 100000000\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"

static void say(int fd, const char *text)
{
    NEED(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Takes what comes until `end` has come. */
static void hear(int fd, const char *end)
{
    char text[4096] = "";
    size_t have = 0;
    while (strstr(text, end) == NULL) {
        ssize_t n = read(fd, text + have, sizeof text - 1 - have);
        NEED(n > 0);
        text[have += (size_t)n] = 0;
    }
}

static void fresh(int pair[2])
{
    ltp_tcp(pair);
}
static void half_a_head(int pair[2])
{
    ltp_tcp(pair);
    say(pair[0], "GET /half HTTP/1.1\r\nHo");
    hear(pair[1], "\r\nHo");
}
static void client_in_body(int pair[2])
{
    ltp_tcp(pair);
    say(pair[0], POST);
    hear(pair[1], "\r\n\r\n");
}
static void client_awaits(int pair[2])
{
    ltp_tcp(pair);
    say(pair[0], ASK);
    hear(pair[1], "\r\n\r\n");
}
static void server_fresh(int pair[2])
{
    int ends[2];
    ltp_tcp(ends);
    pair[0] = ends[1];
    pair[1] = ends[0];
}
static void server_asked(int pair[2])
{
    server_fresh(pair);
    say(pair[1], ASK);
    hear(pair[0], "\r\n\r\n");
}
static void server_in_body(int pair[2])
{
    server_asked(pair);
    say(pair[0], ANSWER);
    hear(pair[1], "\r\n\r\n");
}
static void given_up(int pair[2])
{
    ltp_tcp(pair);
    say(pair[0], "\1\2no protocol of ours");
    hear(pair[1], "ours");
}
static void unix_stream(int pair[2])
{
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    pair[0] = ltp_up(pair[0]);
    pair[1] = ltp_up(pair[1]);
}
static void unix_seqpacket(int pair[2])
{
    NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    pair[0] = ltp_up(pair[0]);
    pair[1] = ltp_up(pair[1]);
}
static void udp(int pair[2])
{
    pair[0] = ltp_up(ltp_bound(SOCK_DGRAM));
    pair[1] = ltp_up(ltp_bound(SOCK_DGRAM));
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in at = ltp_name(pair[1 - i]);
        NEED(connect(pair[i], (struct sockaddr *)&at, sizeof at) == 0);
    }
}

struct state {
    const char *name;
    void (*make)(int pair[2]);
    bool stream;
};
static const struct state states[] = {
    { "fresh", fresh, true },
    { "half a head", half_a_head, true },
    { "client in body", client_in_body, true },
    { "client awaits", client_awaits, true },
    { "server fresh", server_fresh, true },
    { "server asked", server_asked, true },
    { "server in body", server_in_body, true },
    { "given up", given_up, true },
    { "unix stream", unix_stream, true },
    { "unix seqpacket", unix_seqpacket, false },
    { "udp", udp, false },
    { 0 },
};

static void finish(int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

/* ---- descriptors that are no connections ---- */

static int refusing_port(void)
{
    int fd = ltp_bound(SOCK_STREAM);
    int port = ntohs(ltp_name(fd).sin_port);
    close(fd);
    return port;
}

static int kind_closed(void)
{
    int fd = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    close(fd);
    return fd;
}
static int kind_minus_one(void)
{
    return -1;
}
static int kind_largest(void)
{
    return INT32_MAX;
}
static int kind_smallest(void)
{
    return INT32_MIN;
}
static int kind_read_only(void)
{
    return ltp_up(open("/etc/hostname", O_RDONLY));
}
static int kind_write_only(void)
{
    return ltp_up(open("/dev/null", O_WRONLY));
}
static int kind_directory(void)
{
    return ltp_up(open("/", O_RDONLY));
}
static int kind_path(void)
{
    return ltp_up(open("/etc/hostname", O_PATH));
}
static int kind_pipe_in(void)
{
    int ends[2];
    NEED(pipe2(ends, O_NONBLOCK) == 0);
    close(ends[1]);
    return ltp_up(ends[0]);
}
static int kind_pipe_out(void)
{
    int ends[2];
    NEED(pipe2(ends, O_NONBLOCK) == 0);
    close(ends[0]);
    return ltp_up(ends[1]);
}
static int kind_event(void)
{
    return ltp_up(eventfd(0, EFD_NONBLOCK));
}
static int kind_epoll(void)
{
    return ltp_up(epoll_create1(0));
}
static int kind_tcp_new(void)
{
    return ltp_up(socket(AF_INET, SOCK_STREAM, 0));
}
static int kind_tcp_bound(void)
{
    return ltp_up(ltp_bound(SOCK_STREAM));
}
static int kind_tcp_listening(void)
{
    return ltp_up(ltp_listener(1));
}
static int kind_tcp_refused(void)
{
    struct sockaddr_in at = ltp_loopback(refusing_port());
    int fd = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    NEED(connect(fd, (struct sockaddr *)&at, sizeof at) != 0);
    return fd;
}
/* The refusal is what the next call is told. */
static int kind_tcp_refused_later(void)
{
    struct sockaddr_in at = ltp_loopback(refusing_port());
    int fd = ltp_up(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    NEED(connect(fd, (struct sockaddr *)&at, sizeof at) != 0 && errno == EINPROGRESS);
    usleep(2000);
    return fd;
}
static int kind_udp_new(void)
{
    return ltp_up(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
}
static int kind_udp_refused(void)
{
    struct sockaddr_in at = ltp_loopback(refusing_port());
    int fd = ltp_up(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    NEED(connect(fd, (struct sockaddr *)&at, sizeof at) == 0 && send(fd, "x", 1, 0) == 1);
    usleep(2000);
    return fd;
}
static int kind_unix_new(void)
{
    return ltp_up(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
}

static const struct {
    const char *name;
    int (*make)(void);
} kinds[] = {
    { "closed", kind_closed },
    { "-1", kind_minus_one },
    { "INT_MAX", kind_largest },
    { "INT_MIN", kind_smallest },
    { "read only", kind_read_only },
    { "write only", kind_write_only },
    { "directory", kind_directory },
    { "O_PATH", kind_path },
    { "pipe without writer", kind_pipe_in },
    { "pipe without reader", kind_pipe_out },
    { "eventfd", kind_event },
    { "epoll", kind_epoll },
    { "tcp new", kind_tcp_new },
    { "tcp bound", kind_tcp_bound },
    { "tcp listening", kind_tcp_listening },
    { "tcp refused", kind_tcp_refused },
    { "tcp refused later", kind_tcp_refused_later },
    { "udp new", kind_udp_new },
    { "udp refused", kind_udp_refused },
    { "unix new", kind_unix_new },
    { 0 },
};

static void on_kinds(const struct named *list)
{
    for (; list->name != NULL; list++) {
        for (int k = 0; kinds[k].name != NULL; k++) {
            char bytes[64] = "GET / HTTP/1.1\r\n\r\n";
            int fd = kinds[k].make();
            ltp_pipes = 0;
            CHECK(list->call(fd, bytes, 18, 0), "%s, %s", list->name, kinds[k].name);
            CHECK(list->call(fd, bytes, 0, 0), "%s, %s, nothing", list->name, kinds[k].name);
            CHECK(list->call(fd, ltp_unmapped, 18, 0), "%s, %s, unmapped", list->name,
                  kinds[k].name);
            if (ltp_pipes != 0)
                printf("%d SIGPIPE\n", (int)ltp_pipes);
            if (fd >= 0 && fd != INT32_MAX)
                close(fd);
        }
    }
}

/* ---- what the other end has got ---- */

/* Without the header that is put into requests. */
static size_t without_header(char *text, size_t len)
{
    static const char name[] = "traceparent: ";
    char *at = memmem(text, len, name, sizeof name - 1);
    if (at == NULL)
        return len;
    char *end = memmem(at, len - (size_t)(at - text), "\r\n", 2);
    if (end == NULL)
        return len;
    memmove(at, end + 2, len - (size_t)(end + 2 - text));
    return len - (size_t)(end + 2 - at);
}

static void arrived(const char *what, int fd)
{
    static char text[1 << 16];
    size_t have = 0;
    unsigned hash = 5381;
    ltp_nonblock(fd, true);
    for (;;) {
        ssize_t n = recv(fd, text + have, sizeof text - have, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    have = without_header(text, have);
    for (size_t i = 0; i < have; i++)
        hash = hash * 33 + (unsigned char)text[i];
    printf("%s: %zu bytes arrived, %08x\n", what, have, hash);
}

#endif
