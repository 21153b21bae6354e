/*
 * Ends while it is at a request: one connection's request is read, another is asked of an
 * upstream, and neither is answered when the process goes, in one of the ways to go.
 *
 *     http_open PORT UPSTREAM_PORT
 *
 * The request's path says how: /exit /return /_exit /quick_exit /thread (the last thread
 * returns) /signal (SIGTERM's handler calls _exit) /fork (a child exits, then the parent).
 * With ?half the answer's head and half of its body have gone out by then, with ?close all of
 * an answer that the end of the connection ends.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char head[2048];

static struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((unsigned short)atoi(port)),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int read_head(int fd)
{
    size_t n = 0;
    while (strstr(head, "\r\n\r\n") == NULL) {
        ssize_t got = read(fd, head + n, sizeof head - 1 - n);
        if (got <= 0)
            return -1; /* somebody knocked and went */
        head[n += (size_t)got] = 0;
    }
    return 0;
}

static int accept_request(const char *port)
{
    struct sockaddr_in at = loopback(port);
    int on = 1, fd, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 8) != 0)
        exit(1);
    while ((fd = accept(listener, NULL, NULL)) < 0 || read_head(fd) != 0)
        close(fd);
    return fd;
}

/* A request with half of its body: there is no answer yet. */
static int ask(const char *port)
{
    static const char request[] = "POST /ask HTTP/1.1\r\nHost: upstream.example:81\r\n"
                                  "Content-Length: 10\r\n\r\n";
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        write(fd, request, sizeof request - 1) != sizeof request - 1)
        return -1;
    return write(fd, "half!", 5) == 5 ? 0 : -1;
}

static void *sleeps(void *unused)
{
    usleep(50000);
    return unused;
}

static void ends_here(int number)
{
    (void)number;
    _exit(3);
}

static int is(const char *way)
{
    return strncmp(head + 5, way, strlen(way)) == 0;
}

static int go(void)
{
    pthread_t thread;
    if (is("exit"))
        exit(3);
    if (is("_exit"))
        _exit(3);
    if (is("quick_exit"))
        quick_exit(3);
    if (is("signal")) {
        signal(SIGTERM, ends_here);
        raise(SIGTERM);
    }
    if (is("thread")) {
        pthread_create(&thread, NULL, sleeps, NULL);
        pthread_exit(NULL);
    }
    if (is("fork")) {
        pid_t child = fork();
        if (child == 0)
            exit(0);
        waitpid(child, NULL, 0);
    }
    return 3;
}

int main(int argc, char **argv)
{
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!";
    static const char whole[] = "HTTP/1.0 200 OK\r\n\r\nwhole\n";
    if (argc != 3)
        return 2;
    int fd = accept_request(argv[1]);
    if (ask(argv[2]) < 0)
        return 1;
    const char *answer = strstr(head, "?half") != NULL    ? half
                         : strstr(head, "?close") != NULL ? whole
                                                          : "";
    if (write(fd, answer, strlen(answer)) < 0)
        return 1;
    return go();
}
