/*
 * Connections as they begin and end: socket, socketpair, listen, accept, connect, shutdown in
 * every condition: ltp_connect [lowest descriptor]. See ltp.h.
 */
#include "ltp.h"

#include <poll.h>
#include <sys/eventfd.h>

int __connect(int, const struct sockaddr *, socklen_t);

#define ASK "GET /ltp HTTP/1.1\r\nHost: ltp.test\r\n\r\n"

/* ---- descriptors of all kinds ---- */

static int refusing_port(void)
{
    int fd = ltp_bound(SOCK_STREAM);
    int port = ntohs(ltp_name(fd).sin_port);
    close(fd);
    return port;
}

static int closed(void)
{
    int fd = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    close(fd);
    return fd;
}
static int minus_one(void)
{
    return -1;
}
static int largest(void)
{
    return INT32_MAX;
}
static int file(void)
{
    return ltp_up(open("/etc/hostname", O_RDONLY));
}
static int path(void)
{
    return ltp_up(open("/etc/hostname", O_PATH));
}
static int event(void)
{
    return ltp_up(eventfd(0, 0));
}
static int tcp_new(void)
{
    return ltp_up(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
}
static int tcp_bound(void)
{
    return ltp_up(ltp_bound(SOCK_STREAM | SOCK_NONBLOCK));
}
static int tcp_listening(void)
{
    int fd = tcp_bound();
    NEED(listen(fd, 1) == 0);
    return fd;
}
static int tcp_connected(void)
{
    int pair[2];
    ltp_tcp(pair); /* the other end stays open */
    ltp_nonblock(pair[0], true);
    return pair[0];
}
static int tcp_accepted(void)
{
    int pair[2];
    ltp_tcp(pair);
    ltp_nonblock(pair[1], true);
    return pair[1];
}
static int tcp_shut(void)
{
    int fd = tcp_connected();
    NEED(shutdown(fd, SHUT_RDWR) == 0);
    return fd;
}
static int tcp_reset(void)
{
    int pair[2];
    ltp_tcp(pair);
    ltp_nonblock(pair[0], true);
    ltp_reset(pair[1]);
    usleep(500);
    return pair[0];
}
static int tcp_refused(void)
{
    struct sockaddr_in at = ltp_loopback(refusing_port());
    int fd = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    NEED(connect(fd, (struct sockaddr *)&at, sizeof at) != 0);
    ltp_nonblock(fd, true);
    return fd;
}
static int tcp_refused_later(void)
{
    struct sockaddr_in at = ltp_loopback(refusing_port());
    int fd = tcp_new();
    NEED(connect(fd, (struct sockaddr *)&at, sizeof at) != 0);
    usleep(500);
    return fd;
}
static int udp_new(void)
{
    return ltp_up(socket(AF_INET, SOCK_DGRAM, 0));
}
static int unix_new(void)
{
    return ltp_up(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
}
static int unix_pair(void)
{
    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    return ltp_up(pair[0]);
}

static const struct {
    const char *name;
    int (*make)(void);
} kinds[] = {
    { "closed", closed },
    { "-1", minus_one },
    { "INT_MAX", largest },
    { "file", file },
    { "O_PATH", path },
    { "eventfd", event },
    { "tcp new", tcp_new },
    { "tcp bound", tcp_bound },
    { "tcp listening", tcp_listening },
    { "tcp connected", tcp_connected },
    { "tcp accepted", tcp_accepted },
    { "tcp shut", tcp_shut },
    { "tcp reset", tcp_reset },
    { "tcp refused", tcp_refused },
    { "tcp refused later", tcp_refused_later },
    { "udp new", udp_new },
    { "unix new", unix_new },
    { "unix pair", unix_pair },
    { 0 },
};

static void drop(int fd)
{
    if (fd >= 0 && fd != INT32_MAX)
        close(fd);
}

/* The connection works, both ways; what the program does not ask for must not come. */
static void works(const char *what, int client, int server)
{
    char text[512];
    ltp_nonblock(client, false);
    ltp_nonblock(server, false);
    CHECK(send(client, ASK, sizeof ASK - 1, MSG_NOSIGNAL), "%s, a request", what);
    ssize_t n = recv(server, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    printf("%s: %s, ends with the empty line: %d\n", what, strtok(text, "\r"),
           n > 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0);
    CHECK(send(server, "HTTP/1.1 204 No Content\r\n\r\n", 27, MSG_NOSIGNAL), "%s, an answer", what);
    CHECK(recv(client, text, sizeof text, 0), "%s, has come", what);
}

/* ---- */

static void sockets(void)
{
    static const struct {
        const char *name;
        int domain, type, protocol;
    } made[] = {
        { "tcp", AF_INET, SOCK_STREAM, IPPROTO_TCP },
        { "tcp as udp", AF_INET, SOCK_STREAM, IPPROTO_UDP },
        { "type 77", AF_INET, 77, 0 },
        { "type -1", AF_INET, -1, 0 },
        { "no type", AF_INET, 0, 0 },
        { "domain 99", 99, SOCK_STREAM, 0 },
        { "domain -1", -1, SOCK_STREAM, 0 },
        { "no domain", AF_UNSPEC, SOCK_STREAM, 0 },
        { "protocol 999", AF_INET, SOCK_STREAM, 999 },
        { "unix, protocol 5", AF_UNIX, SOCK_STREAM, 5 },
        { "unix seqpacket", AF_UNIX, SOCK_SEQPACKET, 0 },
        { "inet seqpacket", AF_INET, SOCK_SEQPACKET, 0 },
        { "cloexec", AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0 },
        { "inet6", AF_INET6, SOCK_STREAM, 0 },
    };
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        int fd = -1;
        CHECK((fd = socket(made[i].domain, made[i].type, made[i].protocol)), "socket, %s",
              made[i].name);
        drop(fd);
        int pair[2] = { -7, -7 };
        CHECK(socketpair(made[i].domain, made[i].type, made[i].protocol, pair), "socketpair, %s",
              made[i].name);
        printf("%d %d\n", pair[0], pair[1]);
        if (pair[0] >= 0) {
            drop(pair[0]);
            drop(pair[1]);
        }
    }
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ltp_any(ltp_unmapped)), "socketpair, unmapped");
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ltp_any(NULL)), "socketpair, NULL");
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ltp_any(ltp_hole - 4)), "socketpair, into a hole");
    int fd;
    CHECK((fd = socket(AF_INET, SOCK_STREAM, 0)), "socket, after these");
    drop(fd);
}

static void on_kinds(void)
{
    struct sockaddr_in refusing = ltp_loopback(refusing_port());
    for (int k = 0; kinds[k].name != NULL; k++) {
        int fd = kinds[k].make();
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        CHECK(accept(fd, NULL, NULL), "accept, %s", kinds[k].name);
        CHECK(accept(fd, (struct sockaddr *)&from, &len), "accept, %s, address", kinds[k].name);
        CHECK(accept(fd, (struct sockaddr *)&from, ltp_any(ltp_unmapped)),
              "accept, %s, length unmapped", kinds[k].name);
        CHECK(accept4(fd, NULL, NULL, SOCK_CLOEXEC), "accept4, %s", kinds[k].name);
        CHECK(accept4(fd, NULL, NULL, 1), "accept4, %s, flag 1", kinds[k].name);
        for (int how = -1; how <= 3; how++) {
            CHECK(shutdown(fd, how), "shutdown %d, %s", how, kinds[k].name);
        }
        drop(fd);

        fd = kinds[k].make();
        CHECK(connect(fd, ltp_any(ltp_unmapped), 16), "connect, %s, unmapped", kinds[k].name);
        CHECK(connect(fd, ltp_any(NULL), 16), "connect, %s, NULL", kinds[k].name);
        CHECK(connect(fd, (struct sockaddr *)&refusing, 3), "connect, %s, 3 bytes", kinds[k].name);
        CHECK(connect(fd, (struct sockaddr *)&refusing, 0), "connect, %s, no bytes", kinds[k].name);
        CHECK(connect(fd, (struct sockaddr *)&refusing, (socklen_t)-1), "connect, %s, -1 bytes",
              kinds[k].name);
        CHECK(connect(fd, (struct sockaddr *)&from, 1000), "connect, %s, 1000 bytes",
              kinds[k].name);
        CHECK(connect(fd, (struct sockaddr *)&refusing, sizeof refusing), "connect, %s",
              kinds[k].name);
        usleep(300);
        CHECK(connect(fd, (struct sockaddr *)&refusing, sizeof refusing), "connect, %s, again",
              kinds[k].name);
        CHECK(__connect(fd, (struct sockaddr *)&refusing, sizeof refusing), "__connect, %s",
              kinds[k].name);
        struct sockaddr none = { .sa_family = AF_UNSPEC };
        CHECK(connect(fd, &none, sizeof none), "connect, %s, AF_UNSPEC", kinds[k].name);
        none.sa_family = 99;
        CHECK(connect(fd, &none, sizeof none), "connect, %s, family 99", kinds[k].name);
        drop(fd);

        fd = kinds[k].make();
        CHECK(listen(fd, 0), "listen, %s", kinds[k].name);
        CHECK(listen(fd, -1), "listen, %s, -1", kinds[k].name);
        CHECK(listen(fd, INT32_MAX), "listen, %s, INT_MAX", kinds[k].name);
        drop(fd);
    }
}

/* A client of its own for each way to take it. */
static void accepted(void)
{
    static const char *const ways[] = { "no address",      "address",          "no room",
                                        "little room",     "negative room",    "length only",
                                        "address only",    "address unmapped", "length unmapped",
                                        "length read only" };
    int listener = tcp_listening();
    struct sockaddr_in at = ltp_name(listener);
    for (int four = 0; four < 2; four++) {
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
            struct sockaddr_storage from;
            memset(&from, 0, sizeof from);
            struct sockaddr *address = (struct sockaddr *)&from;
            socklen_t room = sizeof from, *len = &room;
            int client = ltp_up(socket(AF_INET, SOCK_STREAM, 0)), server;
            NEED(connect(client, (struct sockaddr *)&at, sizeof at) == 0);
            switch (i) {
            case 0: address = NULL, len = NULL; break;
            case 2: room = 0; break;
            case 3: room = 3; break;
            case 4: room = (socklen_t)-5; break;
            case 5: address = NULL; break;
            case 6: len = NULL; break;
            case 7: address = ltp_any(ltp_unmapped); break;
            case 8: len = ltp_any(ltp_unmapped); break;
            case 9: len = ltp_any(ltp_constant); break;
            default: break;
            }
            server = -1;
            CHECK((server = four ? accept4(listener, address, len, SOCK_CLOEXEC)
                                 : accept(listener, address, len)),
                  "accept%s, %s", four ? "4" : "", ways[i]);
            printf("room %d, family %d\n", (int)room, from.ss_family);
            if (server >= 0) {
                works(ways[i], client, server);
                close(server);
            } else {
                CHECK(recv(client, &from, 1, 0), "the client of %s", ways[i]);
            }
            close(client);
        }
    }
    int reset = ltp_up(socket(AF_INET, SOCK_STREAM, 0)), server = -1;
    NEED(connect(reset, (struct sockaddr *)&at, sizeof at) == 0);
    ltp_reset(reset);
    usleep(500);
    CHECK((server = accept(listener, NULL, NULL)), "accept, reset before");
    char byte;
    CHECK(read(server, &byte, 1), "read of it");
    CHECK(read(server, &byte, 1), "read of it, again");
    drop(server);
    ltp_nonblock(listener, false);
    ltp_handle(SIGALRM, 0);
    ltp_alarm_in(3);
    CHECK(accept(listener, NULL, NULL), "accept, interrupted");
    ltp_alarm_in(3);
    CHECK(accept4(listener, NULL, NULL, 0), "accept4, interrupted");
    struct timeval limit = { 0, 3000 };
    NEED(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    CHECK(accept(listener, NULL, NULL), "accept, SO_RCVTIMEO");
    CHECK(shutdown(listener, SHUT_RD), "shutdown, the listener");
    CHECK(accept(listener, NULL, NULL), "accept, after that");
    close(listener);
}

static void unix_sockets(void)
{
    char name[] = "/tmp/ltp.XXXXXX";
    NEED(mkdtemp(name) != NULL);
    struct sockaddr_un at = { .sun_family = AF_UNIX }, none = at, file_there = at;
    snprintf(at.sun_path, sizeof at.sun_path, "%s/socket", name);
    snprintf(none.sun_path, sizeof none.sun_path, "%s/none", name);
    snprintf(file_there.sun_path, sizeof file_there.sun_path, "%s/file", name);
    close(open(file_there.sun_path, O_CREAT | O_WRONLY, 0600));
    int listener = ltp_up(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    NEED(bind(listener, (struct sockaddr *)&at, sizeof at) == 0);
    int client = unix_new();
    CHECK(connect(client, (struct sockaddr *)&none, sizeof none), "connect, unix, no file");
    CHECK(connect(client, (struct sockaddr *)&file_there, sizeof file_there),
          "connect, unix, no socket");
    CHECK(connect(client, (struct sockaddr *)&at, sizeof at), "connect, unix, not listening");
    CHECK(connect(client, (struct sockaddr *)&at, 1), "connect, unix, a byte");
    CHECK(connect(client, (struct sockaddr *)&at, 2), "connect, unix, no name");
    CHECK(listen(listener, 0), "listen, unix");
    int dgram = ltp_up(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK(connect(dgram, (struct sockaddr *)&at, sizeof at), "connect, unix, another type");
    CHECK(connect(client, (struct sockaddr *)&at, sizeof at), "connect, unix");
    CHECK(connect(client, (struct sockaddr *)&at, sizeof at), "connect, unix, again");
    int others[4];
    for (int i = 0; i < 4; i++) {
        others[i] = unix_new();
        CHECK(connect(others[i], (struct sockaddr *)&at, sizeof at), "connect, unix, one more");
    }
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    int server = -1;
    CHECK((server = accept(listener, (struct sockaddr *)&from, &len)), "accept, unix");
    printf("length %d, family %d\n", (int)len, from.ss_family);
    works("unix", client, server);
    for (int i = 0; i < 4; i++)
        close(others[i]);
    close(client);
    close(server);
    close(dgram);
    close(listener);
    unlink(at.sun_path);
    unlink(file_there.sun_path);
    rmdir(name);
}

/* A listener whose queue is full answers nobody: a connection stays under way. */
static void under_way(void)
{
    int listener = ltp_up(ltp_bound(SOCK_STREAM));
    struct sockaddr_in at = ltp_name(listener);
    NEED(listen(listener, 0) == 0);
    int waiting[4];
    for (int i = 0; i < 4; i++) {
        waiting[i] = ltp_up(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        connect(waiting[i], (struct sockaddr *)&at, sizeof at);
    }
    int fd = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    ltp_handle(SIGALRM, 0);
    ltp_alarm_in(3);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at), "connect, interrupted");
    ltp_nonblock(fd, true);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at), "connect, after that");
    CHECK(connect(fd, ltp_any(ltp_unmapped), sizeof at), "connect, after that, unmapped");
    CHECK(send(fd, ASK, sizeof ASK - 1, MSG_NOSIGNAL), "send, under way");
    CHECK(send(fd, ASK, 0, MSG_NOSIGNAL), "send, under way, nothing");
    char byte;
    CHECK(recv(fd, &byte, 1, 0), "recv, under way");
    CHECK(shutdown(fd, SHUT_WR), "shutdown, under way");
    close(fd);
    fd = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    struct timeval limit = { 0, 3000 };
    NEED(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at), "connect, SO_SNDTIMEO");
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at), "connect, SO_SNDTIMEO, again");
    close(fd);
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    close(listener);
}

static void connected(void)
{
    int listener = ltp_up(ltp_listener(8));
    struct sockaddr_in at = ltp_name(listener);
    /* Without waiting, as event loops do. */
    int fd = ltp_up(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at), "connect, nonblocking");
    struct pollfd p = { fd, POLLOUT, 0 };
    CHECK(poll(&p, 1, 1000), "poll, nonblocking");
    int error = -1;
    socklen_t len = sizeof error;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), "getsockopt");
    printf("error %d\n", error);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at), "connect, nonblocking, asked");
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at), "connect, nonblocking, asked again");
    int server = ltp_up(accept(listener, NULL, NULL));
    works("nonblocking", fd, server);

    /* The same socket, dissolved and connected again. */
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    CHECK(connect(fd, &none, sizeof none), "connect, AF_UNSPEC");
    char byte;
    CHECK(recv(server, &byte, 1, MSG_DONTWAIT), "recv, dissolved");
    CHECK(send(fd, ASK, sizeof ASK - 1, MSG_NOSIGNAL), "send, dissolved");
    close(server);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at), "connect, once more");
    server = ltp_up(accept(listener, NULL, NULL));
    works("once more", fd, server);
    close(fd);
    close(server);

    /* Two of one address. */
    struct sockaddr_in own = ltp_loopback(0);
    int one = ltp_up(socket(AF_INET, SOCK_STREAM, 0)),
        two = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    int yes = 1;
    setsockopt(one, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(two, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    NEED(bind(one, (struct sockaddr *)&own, sizeof own) == 0);
    own = ltp_name(one);
    CHECK(bind(two, (struct sockaddr *)&own, sizeof own), "bind, the second");
    CHECK(connect(one, (struct sockaddr *)&at, sizeof at), "connect, the first");
    CHECK(connect(two, (struct sockaddr *)&at, sizeof at), "connect, the second");
    close(one);
    close(two);

    /* With itself. */
    fd = ltp_up(ltp_bound(SOCK_STREAM));
    own = ltp_name(fd);
    CHECK(connect(fd, (struct sockaddr *)&own, sizeof own), "connect, with itself");
    CHECK(send(fd, "0123456789", 10, 0), "send, to itself");
    char text[32];
    CHECK(recv(fd, text, sizeof text, 0), "recv, from itself");
    close(fd);

    /* Where nobody can be. */
    fd = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in nowhere = ltp_loopback(9);
    nowhere.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    CHECK(connect(fd, (struct sockaddr *)&nowhere, sizeof nowhere), "connect, broadcast");
    nowhere.sin_addr.s_addr = htonl(0xe0000001);
    CHECK(connect(fd, (struct sockaddr *)&nowhere, sizeof nowhere), "connect, multicast");
    close(fd);
    fd = udp_new();
    nowhere.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    CHECK(connect(fd, (struct sockaddr *)&nowhere, sizeof nowhere), "connect, udp, broadcast");
    close(fd);
    close(listener);
}

/* No descriptor left: what waits is taken afterwards. */
static void exhausted(void)
{
    int listener = tcp_listening(), fd = -1, pair[2] = { -7, -7 };
    struct sockaddr_in at = ltp_name(listener);
    int client = ltp_up(socket(AF_INET, SOCK_STREAM, 0));
    NEED(connect(client, (struct sockaddr *)&at, sizeof at) == 0);
    struct rlimit limit, none;
    NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = limit;
    none.rlim_cur = 0;
    NEED(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(socket(AF_INET, SOCK_STREAM, 0), "socket, none left");
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair, none left");
    printf("%d %d\n", pair[0], pair[1]);
    CHECK(accept(listener, NULL, NULL), "accept, none left");
    CHECK(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept4, none left");
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK((fd = accept(listener, NULL, NULL)), "accept, some left");
    if (fd >= 0)
        works("some left", client, fd);
    drop(fd);
    close(client);
    close(listener);
}

int main(int argc, char **argv)
{
    ltp_begin();
    ltp_memory();
    if (argc > 1)
        ltp_descriptors_from(atoi(argv[1]));
    ltp_handle(SIGPIPE, 0);
    sockets();
    on_kinds();
    accepted();
    unix_sockets();
    under_way();
    connected();
    exhausted();
    printf("end\n");
    return 0;
}
