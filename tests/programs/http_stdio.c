/*
 * A client of the old kind: stdio on a socket. libc's own reads and writes reach
 * no hook; the program must come to no harm.
 *
 *     http_stdio PORT [PATH]...      prints the bodies
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(const char *port, const char *path)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((unsigned short)atoi(port)),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    char line[1024];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        return 1;
    FILE *out = fdopen(fd, "w"), *in = fdopen(dup(fd), "r");
    fprintf(out, "GET %s HTTP/1.0\r\n", path);
    fflush(out); /* the head leaves in two writes */
    fprintf(out, "Host: 127.0.0.1\r\n\r\n");
    fflush(out);
    shutdown(fd, SHUT_WR);
    while (fgets(line, sizeof line, in) != NULL && strcmp(line, "\r\n") != 0)
        ;
    while (fgets(line, sizeof line, in) != NULL)
        fputs(line, stdout);
    fclose(in);
    return fclose(out);
}

int main(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (ask(argv[1], argv[i]) != 0)
            return 1;
    return 0;
}
