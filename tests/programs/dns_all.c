/*
 * Every name lookup of the C library, with what it gives; then those that look
 * nothing up, of which nobody is to hear. 127.0.0.1 and ::1 stand in /etc/hosts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static void say(const char *what, int result)
{
    printf("%s: %d, errno %d, h_errno %d\n", what, result, errno, h_errno);
    errno = 0;
    h_errno = 0;
}

static void resolve(const char *host, const char *service, int family, int flags)
{
    struct addrinfo hints = { .ai_family = family, .ai_flags = flags, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    int r = getaddrinfo(host, service, &hints, &list);
    char text[NI_MAXHOST] = "-";
    if (r == 0) {
        getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
        freeaddrinfo(list);
    }
    printf("getaddrinfo %s %s: %d %s\n", host ? host : "NULL", service ? service : "NULL", r, text);
    errno = 0;
}

static int is_localhost(const struct hostent *h)
{
    return h != NULL && h->h_addrtype == AF_INET && h->h_length == 4 &&
           !memcmp(h->h_addr_list[0], "\177\0\0\1", 4);
}

int main(void)
{
    char buffer[4096], small[8], host[NI_MAXHOST] = "";
    struct hostent entry, *found = NULL;
    struct in_addr four = { htonl(INADDR_LOOPBACK) };
    struct sockaddr_in sa4 = { .sin_family = AF_INET, .sin_addr = four, .sin_port = htons(80) };
    struct sockaddr_in6 sa6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int error = 0, r;

    resolve("localhost", NULL, AF_INET, 0);
    resolve("localhost", "80", AF_INET, 0);
    resolve("localhost", NULL, AF_INET6, AI_V4MAPPED);
    resolve("nonexistent.invalid", NULL, AF_UNSPEC, 0);

    say("gethostbyname", is_localhost(gethostbyname("localhost")));
    say("gethostbyname2", is_localhost(gethostbyname2("localhost", AF_INET)));
    r = gethostbyname_r("localhost", &entry, small, sizeof small, &found, &error);
    say("gethostbyname_r in too small a buffer", r);
    r = gethostbyname_r("localhost", &entry, buffer, sizeof buffer, &found, &error);
    say("gethostbyname_r", r == 0 && is_localhost(found));
    r = gethostbyname2_r("localhost", AF_INET, &entry, buffer, sizeof buffer, &found, &error);
    say("gethostbyname2_r", r == 0 && is_localhost(found));
    say("gethostbyname fails", gethostbyname("nonexistent.invalid") == NULL);
    r = gethostbyname_r("nonexistent.invalid", &entry, buffer, sizeof buffer, &found, &error);
    printf("gethostbyname_r fails: %d %d\n", found == NULL, error);
    errno = h_errno = 0;

    say("gethostbyaddr", gethostbyaddr(&four, sizeof four, AF_INET) != NULL);
    r = gethostbyaddr_r(&four, sizeof four, AF_INET, &entry, buffer, sizeof buffer, &found, &error);
    say("gethostbyaddr_r", r == 0 && found != NULL);
    r = getnameinfo((struct sockaddr *)&sa6, sizeof sa6, host, sizeof host, NULL, 0, 0);
    printf("getnameinfo: %d %s\n", r, host);
    r = getnameinfo((struct sockaddr *)&sa4, sizeof sa4, host, sizeof host, small, sizeof small,
                    NI_NAMEREQD | NI_NUMERICSERV);
    printf("getnameinfo: %d %s %s\n", r, host, small);

    puts("no lookups");
    resolve("127.0.0.1", NULL, AF_UNSPEC, 0);
    resolve("127.1", NULL, AF_INET, 0);
    resolve("::1", NULL, AF_UNSPEC, 0);
    resolve("fe80::1%1", NULL, AF_INET6, 0);
    resolve(NULL, "80", AF_UNSPEC, AI_PASSIVE);
    resolve(NULL, NULL, AF_UNSPEC, 0);
    resolve("localhost", NULL, AF_INET, AI_NUMERICHOST);
    resolve("localhost", NULL, AF_UNIX, 0);
    say("gethostbyname of an address", is_localhost(gethostbyname("127.0.0.1")));
    say("gethostbyaddr of nothing", gethostbyaddr(&four, 2, AF_INET) != NULL);
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/x" };
    r = getnameinfo((struct sockaddr *)&un, sizeof un, host, sizeof host, NULL, 0, 0);
    printf("getnameinfo of a path: %d\n", r);
    r = getnameinfo((struct sockaddr *)&sa4, sizeof sa4, NULL, 0, small, sizeof small,
                    NI_NUMERICSERV);
    printf("getnameinfo of a port: %d %s\n", r, small);
    r = getnameinfo((struct sockaddr *)&sa4, 2, host, sizeof host, NULL, 0, 0);
    printf("getnameinfo of half an address: %d\n", r);
    return 0;
}
