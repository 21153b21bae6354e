/*
 * otelshim check --connect through a proxy: which one is used, and what its refusals mean.
 * By libcurl's rules, which is what sends.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connect.h"

static const char *first_set(const char *const names[])
{
    for (; *names != NULL; names++) {
        const char *value = getenv(*names);
        if (value != NULL && *value != '\0')
            return *names;
    }
    return NULL;
}

/* Whether `entry` ("10.0.0.0/8", "::1") holds the address `host`. */
static bool holds_address(const char *entry, const char *host, int family)
{
    unsigned char in[16], at[16];
    unsigned size = family == AF_INET ? 4 : 16;
    char text[INET6_ADDRSTRLEN];
    size_t len = strcspn(entry, "/");
    unsigned bits = entry[len] == '/' ? (unsigned)strtoul(entry + len + 1, NULL, 10) : 8 * size;
    if (len >= sizeof text || bits > 8 * size)
        return false;
    memcpy(text, entry, len);
    text[len] = '\0';
    if (inet_pton(family, text, in) != 1 || inet_pton(family, host, at) != 1)
        return false;
    unsigned char rest = (unsigned char)(0xFF00u >> bits % 8);
    return memcmp(in, at, bits / 8) == 0 &&
           (bits % 8 == 0 || ((in[bits / 8] ^ at[bits / 8]) & rest) == 0);
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Whether `entry` ("example.com", ".example.com") is the name, or a domain that it is in. */
static bool holds_name(const char *entry, const char *host)
{
    entry += *entry == '.';
    size_t len = strlen(entry), host_len = strlen(host);
    if (len == 0 || len > host_len || strcasecmp(host + host_len - len, entry) != 0)
        return false;
    return len == host_len || host[host_len - len - 1] == '.';
}

static bool is_exempt(const char *host)
{
    static const char *const names[] = { "no_proxy", "NO_PROXY", NULL };
    const char *name = first_set(names), *value = name != NULL ? getenv(name) : NULL;
    char *list = value != NULL ? strdup(value) : NULL, *rest = NULL;
    bool exempt = list != NULL && strcmp(list, "*") == 0;
    for (char *entry = list != NULL ? strtok_r(list, ", ", &rest) : NULL; entry != NULL && !exempt;
         entry = strtok_r(NULL, ", ", &rest))
        exempt = holds_address(entry, host, AF_INET) || holds_address(entry, host, AF_INET6) ||
                 (!is_address(host) && holds_name(entry, host));
    free(list);
    return exempt;
}

const char *connect_proxy_variable(const struct probe *p)
{
    static const char *const http[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
    static const char *const https[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                         NULL };
    return p->unix_path != NULL || is_exempt(p->host) ? NULL : first_set(p->https ? https : http);
}

void connect_proxy_advise(const struct probe *p, long status)
{
    if (status == 0)
        report_advise("Is the proxy in %s right, and running?", p->proxy);
    else if (status == 407)
        report_advise("The proxy wants credentials: http://USER:PASSWORD@HOST:PORT in %s.",
                      p->proxy);
    else if (status == 403 || status == 405)
        report_advise("The proxy in %s does not allow connections to %s:%u: have it allow them, or "
                      "add %s to no_proxy.",
                      p->proxy, p->host, p->port, p->host);
    else
        report_advise(
            "The proxy in %s does not reach %s:%u: is the collector running, and is that its "
            "name where the proxy is?",
            p->proxy, p->host, p->port);
}
