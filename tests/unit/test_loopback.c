/* Whether somebody listens on this machine, known without libcurl. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/loopback.h"

/* A port on 127.0.0.1 that is taken and, unless `listening`, refuses. */
static int bound(bool listening, unsigned *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (listening)
        cr_assert_eq(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&address, &bytes);
    *port = ntohs(address.sin_port);
    return fd;
}

/* `pattern` with the port in the place of its P. */
static bool check(const char *pattern, unsigned port)
{
    char url[128];
    size_t before = strcspn(pattern, "P");
    const char *after = pattern[before] ? pattern + before + 1 : "";
    snprintf(url, sizeof url, "%.*s%u%s", (int)before, pattern, port, after);
    return loopback_refuses(url);
}

TestSuite(loopback, .timeout = 10);

Test(loopback, a_port_without_listener_refuses_in_every_spelling)
{
    static const char *const urls[] = {
        "http://127.0.0.1:P/v1/traces", "http://127.0.0.1:P",  "https://127.0.0.1:P/",
        "http://localhost:P/v1/traces", "hTTp://LocalHost:P?", "http://[::1]:P/v1/traces",
    };
    unsigned port;
    int fd = bound(false, &port);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        cr_assert(check(urls[i], port), "%s", urls[i]);
    close(fd);
}

Test(loopback, a_listener_does_not_refuse)
{
    unsigned port;
    int fd = bound(true, &port);
    cr_assert_not(check("http://127.0.0.1:P/v1/traces", port));
    cr_assert_not(check("http://localhost:P/v1/traces", port));
    close(fd);
}

Test(loopback, what_is_not_plainly_loopback_is_not_known)
{
    static const char *const urls[] = {
        "",
        "127.0.0.1:P",
        "ftp://127.0.0.1:P/",
        "http://user@127.0.0.1:P/",
        "http://10.0.0.1:P/",
        "http://localhost.example:P/",
        "http://[::2]:P/",
        "http://[::1:P/",
        "http://127.0.0.1:Px/",
        "http://127.0.0.1:/P",
        "http://127.0.0.1:0P999999/",
        "http://127.0.0.1.P/",
        "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:P/",
    };
    unsigned port;
    int fd = bound(false, &port);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        cr_assert_not(check(urls[i], port), "%s", urls[i]);
    close(fd);
}
