/*
 * The look of loopback.h: a connection is opened and closed again. Reads only URLs
 * of the plainest form; libcurl judges all others.
 */
#include "loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HOST_MAX_BYTES 64u

struct endpoint {
    char host[HOST_MAX_BYTES];
    uint16_t port;
};

/* http[s]://host[:port][/path], host without brackets. */
static bool parse(const char *url, struct endpoint *out)
{
    bool https = strncasecmp(url, "https://", 8) == 0;
    if (!https && strncasecmp(url, "http://", 7) != 0)
        return false;
    const char *start = url + (https ? 8 : 7), *end;
    size_t authority = strcspn(start, "/?#");
    if (memchr(start, '@', authority))
        return false;
    bool brackets = *start == '[';
    start += brackets;
    end = start + strcspn(start, brackets ? "]" : ":/?#");
    if ((brackets && *end != ']') || (size_t)(end - start) >= HOST_MAX_BYTES)
        return false;
    memcpy(out->host, start, (size_t)(end - start));
    out->host[end - start] = '\0';
    end += brackets;
    out->port = https ? 443 : 80;
    if (*end != ':')
        return true;
    char *rest;
    unsigned long port = strtoul(end + 1, &rest, 10);
    out->port = (uint16_t)port;
    return rest != end + 1 && port > 0 && port <= UINT16_MAX && strchr("/?#", *rest) != NULL;
}

/* The answer of a connect to loopback is there when the call returns, but told as
 * EINPROGRESS: the kernel takes it in with the socket's lock given back. */
static int connect_error(int fd, const struct sockaddr *address, socklen_t bytes)
{
    struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t error_bytes = sizeof error;
    if (connect(fd, address, bytes) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (poll(&pollfd, 1, 0) <= 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes))
        return 0;
    return error;
}

static bool refuses(int family, const struct sockaddr *address, socklen_t bytes)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT;
    int error = connect_error(fd, address, bytes);
    close(fd);
    return error == ECONNREFUSED || error == EADDRNOTAVAIL || error == ENETUNREACH ||
           error == ENOENT;
}

static bool refuses_v4(struct in_addr address, uint16_t port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address };
    return refuses(AF_INET, (const struct sockaddr *)&v4, sizeof v4);
}

static bool refuses_v6(uint16_t port)
{
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons(port),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    return refuses(AF_INET6, (const struct sockaddr *)&v6, sizeof v6);
}

bool loopback_refuses(const char *url)
{
    struct endpoint endpoint;
    struct in_addr v4 = { htonl(INADDR_LOOPBACK) };
    if (!parse(url, &endpoint))
        return false;
    if (strcasecmp(endpoint.host, "localhost") == 0)
        return refuses_v4(v4, endpoint.port) && refuses_v6(endpoint.port);
    if (strcmp(endpoint.host, "::1") == 0)
        return refuses_v6(endpoint.port);
    return inet_pton(AF_INET, endpoint.host, &v4) == 1 &&
           ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET && refuses_v4(v4, endpoint.port);
}

bool loopback_refuses_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path)
        return false; /* libcurl says what is wrong with it */
    memcpy(address.sun_path, path, len);
    return refuses(AF_UNIX, (const struct sockaddr *)&address, sizeof address);
}
