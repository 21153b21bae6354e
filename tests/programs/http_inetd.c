/*
 * A server of 1999: a super-server like inetd accepts, and for each connection starts
 * a program that has it as standard input and output and knows nothing of sockets.
 *
 *     http_inetd PORT OUT      the super-server, ends at SIGTERM
 *     http_inetd OUT           one request from descriptor 0, its answer to OUT: 0 or 1
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static int answer(int out)
{
    char head[2048], text[4096];
    size_t length = 0;
    head[0] = '\0';
    while (strstr(head, "\r\n\r\n") == NULL && length < sizeof head - 1) {
        ssize_t n = read(0, head + length, sizeof head - 1 - length);
        if (n <= 0)
            return 0; /* somebody knocked and went */
        head[length += (size_t)n] = '\0';
    }
    head[strcspn(head, "\r")] = '\0';
    int body = (int)strlen(head) + 1;
    int size = snprintf(text, sizeof text, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s\n",
                        body, head);
    return write(out, text, (size_t)size) == size ? 0 : 1;
}

static void start(char **argv, int connection)
{
    pid_t child = fork();
    if (child == 0) {
        dup2(connection, 0);
        dup2(connection, 1);
        close(connection);
        execl(argv[0], argv[0], argv[2], (char *)NULL);
        _exit(127);
    }
    close(connection);
    while (waitpid(child, NULL, 0) < 0 && !ended)
        ;
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return answer(atoi(argv[1]));
    if (argc != 3)
        return 2;
    struct sigaction action = { .sa_handler = end }; /* no SA_RESTART: accept returns */
    sigaction(SIGTERM, &action, NULL);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((unsigned short)atoi(argv[1])),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 8) != 0)
        return 1;
    while (!ended) {
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0)
            start(argv, connection);
    }
    return close(listener);
}
