/*
 * Ends in the middle of things: cut_off program|server SIGNAL|exec, and without a signal it goes on to
 * an orderly end. `program`: one lookup is over, a span of its own, "work", is open. `server`:
 * besides, a request to itself without an answer, that is, a client's and a server's.
 */
#include <arpa/inet.h>
#include <otelshim.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lookup.h"

static const char request[] = "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n";

static void leave_request_open(void)
{
    char bytes[4096];
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&name, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &size) != 0 ||
        connect(client, (struct sockaddr *)&name, size) != 0 ||
        write(client, request, sizeof request - 1) != sizeof request - 1)
        abort();
    int server = accept(listener, NULL, NULL);
    if (read(server, bytes, sizeof bytes) <= 0)
        abort();
}

int main(int argc, char **argv)
{
    struct otelshim_span span;
    int r = lookup();
    if (argc > 1 && strcmp(argv[1], "server") == 0)
        leave_request_open();
    otelshim_span_start(&span, "work", OTELSHIM_INTERNAL);
    printf("lookup %d\n", r);
    fflush(stdout);
    if (argc > 2 && strcmp(argv[2], "exec") == 0)
        execlp("true", "true", (char *)NULL);
    if (argc > 2) {
        struct sigaction plain = { .sa_handler = SIG_DFL };
        sigaction(atoi(argv[2]), &plain, NULL);
        kill(getpid(), atoi(argv[2]));
    }
    otelshim_span_end(&span);
    return 0;
}
