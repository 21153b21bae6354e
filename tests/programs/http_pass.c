/*
 * An acceptor that passes each connection to a worker, another process, over a Unix
 * socket (SCM_RIGHTS), and never answers one itself: sshd's, systemd's, Unicorn's way.
 *
 *     http_pass accept PORT PATH HOW    ends at SIGINT
 *     http_pass work PATH               ends when the acceptor does
 *
 * HOW: `at_once` before a byte of it was read; `peeked` after a look at the first bytes
 * (MSG_PEEK); `half` after the first line was read, which is passed as well. The worker
 * answers every request of a connection with its first line.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX 2048

static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    return at;
}

/* ---- the acceptor ---- */

/* The descriptor and what has been read of it; at least one byte must go along. */
static void pass(int worker, int connection, const char *text, size_t len)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    char length = (char)len;
    struct iovec iov[2] = { { &length, 1 }, { (void *)(unsigned long)text, len } };
    struct msghdr message = {
        .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control
    };
    control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof connection),
                                       .cmsg_level = SOL_SOCKET,
                                       .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(&control.header), &connection, sizeof connection);
    if (sendmsg(worker, &message, MSG_NOSIGNAL) != (ssize_t)(1 + len))
        die("sendmsg");
}

/* The first line, byte by byte: not more than it may be taken away from the worker. */
static size_t first_line(int connection, char *line, size_t room)
{
    size_t len = 0;
    while (len < room && read(connection, line + len, 1) == 1)
        if (line[len++] == '\n')
            break;
    return len;
}

static int accept_main(const char *port, const char *path, const char *how)
{
    struct sigaction action = { .sa_handler = end }; /* no SA_RESTART: accept returns */
    sigaction(SIGINT, &action, NULL);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((unsigned short)atoi(port)),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_un to = address_of(path);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0),
        worker = socket(AF_UNIX, SOCK_STREAM, 0);
    while (connect(worker, (struct sockaddr *)&to, sizeof to) != 0)
        usleep(10000);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 8) != 0)
        die("listen");
    while (!ended) {
        char text[100];
        size_t len = 0;
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            continue;
        if (strcmp(how, "peeked") == 0)
            (void)!recv(connection, text, sizeof text, MSG_PEEK);
        else if (strcmp(how, "half") == 0)
            len = first_line(connection, text, sizeof text);
        pass(worker, connection, text, len);
        close(connection);
    }
    return 0;
}

/* ---- the worker ---- */

/* -1: the acceptor has ended. *len: bytes of the connection that came along. */
static int take(int acceptor, char *text, size_t *len)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    char length;
    struct iovec iov = { &length, 1 };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    if (recvmsg(acceptor, &message, 0) != 1 || message.msg_controllen < sizeof control.header)
        return -1;
    *len = (size_t)length;
    if (*len > 0 && recv(acceptor, text, *len, MSG_WAITALL) != length)
        die("recv");
    int connection;
    memcpy(&connection, CMSG_DATA(&control.header), sizeof connection);
    return connection;
}

static void answer(int connection, const char *head)
{
    char text[HEAD_MAX + 100];
    int line = (int)strcspn(head, "\r\n");
    int size = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%.*s\n",
                        line + 1, line, head);
    if (write(connection, text, (size_t)size) != size)
        die("write");
}

/* Every request on it, until the other side closes. */
static void serve(int connection, char *head, size_t len)
{
    for (;;) {
        head[len] = '\0';
        char *end_of_head = strstr(head, "\r\n\r\n");
        if (end_of_head != NULL) {
            answer(connection, head);
            len -= (size_t)(end_of_head + 4 - head);
            memmove(head, end_of_head + 4, len);
            continue;
        }
        ssize_t n = read(connection, head + len, HEAD_MAX - len);
        if (n <= 0)
            return;
        len += (size_t)n;
    }
}

static int work_main(const char *path)
{
    struct sockaddr_un at = address_of(path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 1) != 0)
        die("listen");
    int acceptor = accept(listener, NULL, NULL);
    char head[HEAD_MAX + 1];
    size_t len;
    for (int connection; (connection = take(acceptor, head, &len)) >= 0;) {
        serve(connection, head, len);
        close(connection);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "accept") == 0)
        return accept_main(argv[2], argv[3], argv[4]);
    if (argc == 3 && strcmp(argv[1], "work") == 0)
        return work_main(argv[2]);
    return 2;
}
