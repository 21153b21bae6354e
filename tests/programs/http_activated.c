/*
 * A service of systemd's with Accept=yes: each connection starts one, as descriptor 3
 * (LISTEN_FDS=1, LISTEN_PID is ours). It answers every request on it with its first line,
 * and ends when the other side closes; `wrong` stands in the answer where the descriptor
 * is not what was promised.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTION 3

static int is_promised(void)
{
    const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    return fds != NULL && pid != NULL && strcmp(fds, "1") == 0 && atoi(pid) == (int)getpid();
}

static void answer(const char *head)
{
    char text[4096];
    int line = (int)strcspn(head, "\r\n");
    int size = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s %.*s\n",
                        line + 7, is_promised() ? "right" : "wrong", line, head);
    if (write(CONNECTION, text, (size_t)size) != size)
        exit(1);
}

int main(void)
{
    char head[2048];
    size_t len = 0;
    for (;;) {
        ssize_t n = read(CONNECTION, head + len, sizeof head - 1 - len);
        if (n <= 0)
            return 0;
        head[len += (size_t)n] = '\0';
        for (char *end; (end = strstr(head, "\r\n\r\n")) != NULL;) {
            answer(head);
            len -= (size_t)(end + 4 - head);
            memmove(head, end + 4, len + 1);
        }
    }
}
