/*
 * Makes `N` lookups before and `M` after it becomes a server, by the call named:
 *     server_calls listen|accept|accept4|unix_listen|none N M
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "lookup.h"

static void become_server(const char *how)
{
    if (strcmp(how, "none") == 0)
        return;
    int family = strcmp(how, "unix_listen") == 0 ? AF_UNIX : AF_INET;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (family == AF_UNIX) {
        struct sockaddr name = { .sa_family = AF_UNIX };
        bind(fd, &name, sizeof(sa_family_t)); /* a name of the kernel's choice */
        printf("listen %d\n", listen(fd, 1));
    } else if (strcmp(how, "listen") == 0) {
        printf("listen %d\n", listen(fd, 1));
    } else if (strcmp(how, "accept") == 0) {
        printf("accept %d\n", accept(fd, NULL, NULL)); /* it does not listen: EINVAL */
    } else {
        printf("accept4 %d\n", accept4(fd, NULL, NULL, 0));
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    for (int i = 0; i < atoi(argv[2]); i++)
        lookup();
    become_server(argv[1]);
    for (int i = 0; i < atoi(argv[3]); i++)
        lookup();
    return 0;
}
