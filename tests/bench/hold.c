/*
 * Opens connections to a server, says one thing on each, and holds them.
 *
 *     hold PORT CONNECTIONS TEXT ANSWERED     prints `held`, ends when standard input ends
 *
 * TEXT may hold \r and \n as two characters. ANSWERED 1: waits until each connection
 * has brought an answer, so that the server is done with all of them.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static char text[4096];

static size_t unescape(const char *in)
{
    size_t len = 0;
    for (; *in != 0 && len < sizeof text; in++)
        if (in[0] == '\\' && (in[1] == 'r' || in[1] == 'n'))
            text[len++] = *++in == 'r' ? '\r' : '\n';
        else
            text[len++] = *in;
    return len;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    int count = atoi(argv[2]), answered = atoi(argv[4]);
    size_t len = unescape(argv[3]);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((unsigned short)atoi(argv[1])),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct rlimit files;
    char byte[4096];
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int *fds = calloc((size_t)count, sizeof *fds);
    for (int i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&to, sizeof to) != 0 ||
            send(fds[i], text, len, MSG_NOSIGNAL) != (ssize_t)len) {
            perror("hold");
            return 1;
        }
    }
    for (int i = 0; answered && i < count; i++)
        if (recv(fds[i], byte, sizeof byte, 0) <= 0)
            return 1;
    printf("held\n");
    fflush(stdout);
    while (read(0, byte, sizeof byte) > 0)
        ;
    return 0;
}
