/*
 * A client that passes memory which cannot be read: the kernel's EFAULT, or the part
 * before it, and never a crash. Each way on a connection of its own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int listener;

static int connection(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    if (listener == 0) {
        listener = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 64) != 0)
            return -1;
    }
    getsockname(listener, (struct sockaddr *)&address, &len);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, len) == 0 ? fd : -1;
}

static void say(const char *what, ssize_t n)
{
    printf("%s: %zd%s%s\n", what, n, n < 0 ? " " : "", n < 0 ? strerrorname_np(errno) : "");
}

int main(void)
{
    /* Readable up to `end`, nothing behind it. */
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + 4096, 4096, PROT_NONE);
    char *end = page + 4096;
    void *volatile bad = (void *)8; /* what the compiler must not know */
    void *nowhere = bad;
    static const char head[] = "GET /efault HTTP/1.1\r\n";
    char *cut = end - (sizeof head - 1);
    memcpy(cut, head, sizeof head - 1);

    say("write of nothing readable", write(connection(), nowhere, 100));
    say("send of nothing readable", send(connection(), nowhere, 100, 0));
    say("write that runs into a hole", write(connection(), cut, 4096));
    say("send that runs into a hole", send(connection(), cut, 4096, 0));
    say("writev with a bad table", writev(connection(), nowhere, 2));
    struct iovec two[] = { { cut, sizeof head - 1 }, { nowhere, 10 } };
    say("writev with a bad second buffer", writev(connection(), two, 2));
    say("sendmsg with a bad header", sendmsg(connection(), nowhere, 0));
    struct msghdr msg = { .msg_iov = nowhere, .msg_iovlen = 2 };
    say("sendmsg with a bad table", sendmsg(connection(), &msg, 0));
    msg = (struct msghdr){ .msg_iov = two, .msg_iovlen = 2 };
    say("sendmsg with a bad second buffer", sendmsg(connection(), &msg, 0));
    say("accept with a bad length", accept(listener, (struct sockaddr *)&msg, nowhere));
    say("recv into nothing", recv(connection(), nowhere, 16, MSG_DONTWAIT));
    return 0;
}
