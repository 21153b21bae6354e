/*
 * Every name that libc gives to reading, writing, waiting and copying a descriptor: a
 * client and a server in one thread say one request and one answer by each of them.
 *
 *     socket_forms by        each writer and each reader
 *     socket_forms blind     those whose bytes nobody can look at
 *     socket_forms waits     each way to wait, and each way to copy and close
 *     socket_forms errors    each of them on a descriptor that is closed
 *
 * Prints what came back, and what the server was asked, without our headers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Names without a declaration: what fortified programs and libraries call. */
ssize_t __read(int, void *, size_t);
ssize_t __write(int, const void *, size_t);
ssize_t __send(int, const void *, size_t, int);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
int __dprintf_chk(int, int, const char *, ...);
int __vdprintf_chk(int, int, const char *, va_list);
int __poll(struct pollfd *, nfds_t, int);
int __poll_chk(struct pollfd *, nfds_t, int, size_t);
int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
int __select(int, fd_set *, fd_set *, fd_set *, struct timeval *);
int __dup2(int, int);
int __close(int);

typedef ssize_t form(int fd, char *bytes, size_t len);

static struct iovec halves[2];

static struct msghdr message_of(char *bytes, size_t len)
{
    halves[0] = (struct iovec){ bytes, len / 2 };
    halves[1] = (struct iovec){ bytes + len / 2, len - len / 2 };
    return (struct msghdr){ .msg_iov = halves, .msg_iovlen = 2 };
}

/* ---- writers ---- */

static ssize_t by_write(int fd, char *b, size_t n)
{
    return write(fd, b, n);
}
static ssize_t by___write(int fd, char *b, size_t n)
{
    return __write(fd, b, n);
}
static ssize_t by_send(int fd, char *b, size_t n)
{
    return send(fd, b, n, 0);
}
static ssize_t by___send(int fd, char *b, size_t n)
{
    return __send(fd, b, n, 0);
}
static ssize_t by_sendto(int fd, char *b, size_t n)
{
    return sendto(fd, b, n, 0, NULL, 0);
}

static ssize_t by_writev(int fd, char *b, size_t n)
{
    message_of(b, n);
    return writev(fd, halves, 2);
}

static ssize_t by_sendmsg(int fd, char *b, size_t n)
{
    struct msghdr message = message_of(b, n);
    return sendmsg(fd, &message, 0);
}

static ssize_t by_sendmmsg(int fd, char *b, size_t n)
{
    struct mmsghdr one = { .msg_hdr = message_of(b, n) };
    return sendmmsg(fd, &one, 1, 0) == 1 ? (ssize_t)one.msg_len : -1;
}

static ssize_t by_dprintf(int fd, char *b, size_t n)
{
    return dprintf(fd, "%.*s", (int)n, b);
}
static ssize_t by___dprintf_chk(int fd, char *b, size_t n)
{
    return __dprintf_chk(fd, 1, "%.*s", (int)n, b);
}

static ssize_t listed(int (*print)(int, const char *, va_list), int fd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = print(fd, format, args);
    va_end(args);
    return n;
}

static int checked(int fd, const char *format, va_list args)
{
    return __vdprintf_chk(fd, 1, format, args);
}
static ssize_t by_vdprintf(int fd, char *b, size_t n)
{
    return listed(vdprintf, fd, "%.*s", (int)n, b);
}
static ssize_t by___vdprintf_chk(int fd, char *b, size_t n)
{
    return listed(checked, fd, "%.*s", (int)n, b);
}

/* A file with these bytes. */
static int file_of(const char *bytes, size_t len)
{
    int file = memfd_create("request", 0);
    if (pwrite(file, bytes, len, 0) != (ssize_t)len)
        exit(3);
    return file;
}

static ssize_t by_sendfile(int fd, char *b, size_t n)
{
    int file = file_of(b, n);
    ssize_t done = sendfile(fd, file, NULL, n);
    int saved = errno;
    close(file);
    errno = saved;
    return done;
}

static ssize_t by_sendfile64(int fd, char *b, size_t n)
{
    int file = file_of(b, n);
    off64_t from = 0;
    ssize_t done = sendfile64(fd, file, &from, n);
    int saved = errno;
    close(file);
    errno = saved;
    return done;
}

/* ---- readers ---- */

static ssize_t by_read(int fd, char *b, size_t n)
{
    return read(fd, b, n);
}
static ssize_t by___read(int fd, char *b, size_t n)
{
    return __read(fd, b, n);
}
static ssize_t by___read_chk(int fd, char *b, size_t n)
{
    return __read_chk(fd, b, n, n);
}
static ssize_t by_recv(int fd, char *b, size_t n)
{
    return recv(fd, b, n, 0);
}
static ssize_t by___recv_chk(int fd, char *b, size_t n)
{
    return __recv_chk(fd, b, n, n, 0);
}
static ssize_t by_recvfrom(int fd, char *b, size_t n)
{
    return recvfrom(fd, b, n, 0, NULL, NULL);
}
static ssize_t by___recvfrom_chk(int fd, char *b, size_t n)
{
    return __recvfrom_chk(fd, b, n, n, 0, NULL, NULL);
}

static ssize_t by_readv(int fd, char *b, size_t n)
{
    message_of(b, n);
    return readv(fd, halves, 2);
}

static ssize_t by_recvmsg(int fd, char *b, size_t n)
{
    struct msghdr message = message_of(b, n);
    return recvmsg(fd, &message, 0);
}

static ssize_t by_recvmmsg(int fd, char *b, size_t n)
{
    struct mmsghdr one = { .msg_hdr = message_of(b, n) };
    return recvmmsg(fd, &one, 1, 0, NULL) == 1 ? (ssize_t)one.msg_len : -1;
}

/* ---- ways to wait for `fd`, and to go on with another descriptor ---- */

static struct timespec second = { 1, 0 };

static ssize_t by_poll(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    struct pollfd p = { fd, POLLIN, 0 };
    return poll(&p, 1, 1000);
}
static ssize_t by___poll(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    struct pollfd p = { fd, POLLIN, 0 };
    return __poll(&p, 1, 1000);
}
static ssize_t by___poll_chk(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    struct pollfd p = { fd, POLLIN, 0 };
    return __poll_chk(&p, 1, 1000, sizeof p);
}
static ssize_t by_ppoll(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    struct pollfd p = { fd, POLLIN, 0 };
    return ppoll(&p, 1, &second, NULL);
}
static ssize_t by___ppoll_chk(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    struct pollfd p = { fd, POLLIN, 0 };
    return __ppoll_chk(&p, 1, &second, NULL, sizeof p);
}

static ssize_t selected(int (*wait)(int, fd_set *, fd_set *, fd_set *, struct timeval *), int fd)
{
    struct timeval limit = { 1, 0 };
    fd_set in;
    FD_ZERO(&in);
    FD_SET(fd, &in);
    return wait(fd + 1, &in, NULL, NULL, &limit);
}

static ssize_t by_select(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    return selected(select, fd);
}
static ssize_t by___select(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    return selected(__select, fd);
}

static ssize_t by_pselect(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    fd_set in;
    FD_ZERO(&in);
    FD_SET(fd, &in);
    return pselect(fd + 1, &in, NULL, NULL, &second, NULL);
}

enum epoll_way { EPOLL_WAIT, EPOLL_PWAIT, EPOLL_PWAIT2 };

static ssize_t awaited(enum epoll_way way, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    int set = epoll_create1(0), got = epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    if (got == 0)
        got = way == EPOLL_WAIT    ? epoll_wait(set, &event, 1, 1000)
              : way == EPOLL_PWAIT ? epoll_pwait(set, &event, 1, 1000, NULL)
                                   : epoll_pwait2(set, &event, 1, &second, NULL);
    int saved = errno;
    close(set);
    errno = saved;
    return got;
}

static ssize_t by_epoll_wait(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    return awaited(EPOLL_WAIT, fd);
}
static ssize_t by_epoll_pwait(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    return awaited(EPOLL_PWAIT, fd);
}
static ssize_t by_epoll_pwait2(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    return awaited(EPOLL_PWAIT2, fd);
}

/* ---- copies: the new descriptor takes the place of the old one ---- */

#define FREE_FD 200

static ssize_t by_dup2(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    return dup2(fd, FREE_FD);
}
static ssize_t by___dup2(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    return __dup2(fd, FREE_FD);
}
static ssize_t by_dup3(int fd, char *b, size_t n)
{
    (void)b, (void)n;
    return dup3(fd, FREE_FD, SOCK_CLOEXEC);
}

/* ---- */

struct named {
    const char *name;
    form *call;
};
#define N(what) \
    { \
#what, by_##what \
    }
static const struct named writers[] = { N(write),  N(__write), N(writev),  N(send),
                                        N(__send), N(sendto),  N(sendmsg), { 0 } };
static const struct named readers[] = { N(read),    N(__read),     N(__read_chk), N(readv),
                                        N(recv),    N(__recv_chk), N(recvfrom),   N(__recvfrom_chk),
                                        N(recvmsg), { 0 } };
static const struct named blind[] = { N(sendmmsg),       N(dprintf),  N(__dprintf_chk), N(vdprintf),
                                      N(__vdprintf_chk), N(sendfile), N(sendfile64),    { 0 } };
static const struct named blind_readers[] = { N(recvmmsg), { 0 } };
static const struct named waits[] = { N(poll),        N(__poll),      N(__poll_chk),   N(ppoll),
                                      N(__ppoll_chk), N(select),      N(__select),     N(pselect),
                                      N(epoll_wait),  N(epoll_pwait), N(epoll_pwait2), { 0 } };
static const struct named copies[] = { N(dup2), N(__dup2), N(dup3), { 0 } };
#undef N

static int listener;
static struct sockaddr_in at = { .sin_family = AF_INET };

static void listen_somewhere(void)
{
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        exit(3);
}

/* The end of headers may come in a second piece. Prints all but our headers. */
static void take(int fd, form *reader, form *wait, const char *end)
{
    char text[2000] = "";
    size_t have = 0;
    while (strstr(text, end) == NULL) {
        if (wait != NULL && wait(fd, NULL, 0) != 1)
            exit(4);
        ssize_t n = reader(fd, text + have, sizeof text - 1 - have);
        if (n <= 0)
            exit(5);
        text[have += (size_t)n] = 0;
    }
    for (char *line = strtok(text, "\r\n"); line != NULL; line = strtok(NULL, "\r\n"))
        if (strncmp(line, "traceparent:", 12) != 0)
            printf(" | %s", line);
}

struct way {
    const struct named *asks, *answers, *reads_question, *reads_answer, *waits, *copies;
};

static void say(int fd, const struct named *by, const char *text)
{
    char bytes[200];
    size_t len = strlen(text);
    memcpy(bytes, text, len);
    ssize_t n = by->call(fd, bytes, len);
    if (n != (ssize_t)len)
        printf(" [%s gave %zd errno %d]", by->name, n, errno);
}

static void talk(const char *what, const struct way *way)
{
    char question[200];
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, (struct sockaddr *)&at, sizeof at) != 0)
        exit(3);
    int server = accept(listener, NULL, NULL);
    if (way->copies != NULL) {
        int other = (int)way->copies->call(client, NULL, 0);
        __close(client);
        client = other;
    }
    snprintf(question, sizeof question, "GET /%s HTTP/1.1\r\nHost: forms.test\r\n\r\n", what);
    printf("%s:", what);
    form *wait = way->waits != NULL ? way->waits->call : NULL;
    say(client, way->asks, question);
    take(server, way->reads_question->call, wait, "\r\n\r\n");
    say(server, way->answers, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
    take(client, way->reads_answer->call, wait, "ok\n");
    printf("\n");
    close(client);
    close(server);
}

static void errors(const struct named *list)
{
    for (; list->name != NULL; list++) {
        char byte[2] = "x";
        errno = 0;
        ssize_t n = list->call(FREE_FD + 1, byte, 1);
        printf("%s: %zd errno %d\n", list->name, n, errno);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const struct named *w = writers, *r = readers;
    listen_somewhere();
    if (strcmp(what, "by") == 0) {
        for (w = writers; w->name != NULL; w++)
            talk(w->name, &(struct way){ w, w, r, r, NULL, NULL });
        for (w = writers; r->name != NULL; r++)
            talk(r->name, &(struct way){ w, w, r, r, NULL, NULL });
    } else if (strcmp(what, "blind") == 0) {
        for (const struct named *b = blind; b->name != NULL; b++)
            talk(b->name, &(struct way){ b, w, r, r, NULL, NULL });
        talk("recvmmsg", &(struct way){ w, w, blind_readers, r, NULL, NULL });
    } else if (strcmp(what, "waits") == 0) {
        for (const struct named *p = waits; p->name != NULL; p++)
            talk(p->name, &(struct way){ w, w, r, r, p, NULL });
        for (const struct named *c = copies; c->name != NULL; c++)
            talk(c->name, &(struct way){ w, w, r, r, NULL, c });
    } else if (strcmp(what, "errors") == 0) {
        const struct named *lists[] = { writers, readers, blind, blind_readers, copies };
        for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
            errors(lists[i]);
    } else {
        return 2;
    }
    return 0;
}
