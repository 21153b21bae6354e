/*
 * A request and its answer over a connection of its own, for programs and libraries that use
 * the network where nobody expects it: in constructors, destructors and exit handlers.
 */
#ifndef LTP_TALK_H
#define LTP_TALK_H

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TALK_ASK "GET /ltp HTTP/1.1\r\nHost: ltp.test\r\n\r\n"
#define TALK_ANSWER "HTTP/1.1 204 No Content\r\n\r\n"

/* The functions it is done by: the program's own binding, or what the loader has found. */
struct talk_calls {
    int (*socket)(int, int, int);
    int (*connect)(int, const struct sockaddr *, socklen_t);
    int (*accept)(int, struct sockaddr *, socklen_t *);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*read)(int, void *, size_t);
    int (*close)(int);
};

/* How far it came; 7: to its end. */
static inline int talk_by(const struct talk_calls *by)
{
    char text[512];
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int listener = by->socket(AF_INET, SOCK_STREAM, 0),
        client = by->socket(AF_INET, SOCK_STREAM, 0);
    int server = -1, got = 0;
    if (listener >= 0 && client >= 0 && bind(listener, (struct sockaddr *)&at, len) == 0 &&
        listen(listener, 4) == 0 && getsockname(listener, (struct sockaddr *)&at, &len) == 0)
        got = 1;
    if (got == 1 && by->connect(client, (struct sockaddr *)&at, len) == 0)
        got = 2;
    if (got == 2 && (server = by->accept(listener, NULL, NULL)) >= 0)
        got = 3;
    if (got == 3 && by->write(client, TALK_ASK, sizeof TALK_ASK - 1) == sizeof TALK_ASK - 1)
        got = 4;
    ssize_t n = got == 4 ? by->read(server, text, sizeof text) : 0;
    if (n > 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0)
        got = 5;
    if (got == 5 &&
        by->write(server, TALK_ANSWER, sizeof TALK_ANSWER - 1) == sizeof TALK_ANSWER - 1)
        got = 6;
    if (got == 6 && by->read(client, text, sizeof text) == sizeof TALK_ANSWER - 1)
        got = 7;
    by->close(server);
    by->close(client);
    by->close(listener);
    return got;
}

static inline int talk_connect(int fd, const struct sockaddr *at, socklen_t len)
{
    return connect(fd, at, len);
}
static inline int talk_accept(int fd, struct sockaddr *at, socklen_t *len)
{
    return accept(fd, at, len);
}

static inline int talk(void)
{
    return talk_by(&(struct talk_calls){ socket, talk_connect, talk_accept, write, read, close });
}

static inline int talk_lookup(void)
{
    struct addrinfo hints = { .ai_family = AF_INET }, *list = NULL;
    int r = getaddrinfo("localhost", NULL, &hints, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

static void *talk_in_thread(void *result)
{
    *(int *)result = talk();
    return NULL;
}

/* All of it, told in one line that passes no buffer of stdio. */
static inline void talk_all(const char *where)
{
    int in_thread = -1;
    pthread_t thread;
    if (pthread_create(&thread, NULL, talk_in_thread, &in_thread) == 0)
        pthread_join(thread, NULL);
    dprintf(1, "%s: talk %d, lookup %d, thread %d\n", where, talk(), talk_lookup(), in_thread);
}

#endif
