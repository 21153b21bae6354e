/*
 * The lookups of names.h. A channel of c-ares is made for one round of lookups
 * and taken down after it: rounds are rare, and the next one reads
 * /etc/resolv.conf anew.
 */
#include "names.h"

#include <ares.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define NS_PER_MS UINT64_C(1000000)
#define QUERY_TIMEOUT_MS 2000
#define QUERY_TRIES 2
#define LOOPBACK_LIST "127.0.0.1,[::1]"
/* For a name that was not found and need not be: a connect there fails at once. Without
 * an entry libcurl would look the name up itself, when it takes no proxy for it. */
#define NOWHERE "255.255.255.255"

#define ARES_FUNCTIONS(X) \
    X(library_init) \
    X(init_options) \
    X(destroy) X(getaddrinfo) X(freeaddrinfo) X(getsock) X(process_fd) X(timeout) X(strerror)

struct ares_api {
#define X(fn) __typeof__(ares_##fn) *fn;
    ARES_FUNCTIONS(X)
#undef X
};

/* c-ares, for all of them. Background thread; a forked child starts over with names_start_over. */
static struct {
    struct ares_api ares;
    bool loaded, unusable;
} library;

void names_start_over(void)
{
    memset(&library, 0, sizeof library);
}

void names_init(struct names *names, const struct exporter_host *host)
{
    memset(names, 0, sizeof *names);
    names->host = host;
    names->error = "";
}

static bool is_numeric(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return host[0] == '[' || inet_pton(AF_INET, host, address) == 1 ||
           inet_pton(AF_INET6, host, address) == 1;
}

/* RFC 6761: these never reach a resolver. */
static bool is_localhost(const char *host)
{
    size_t len = strlen(host);
    if (len && host[len - 1] == '.')
        len--;
    if (len < 9 || strncasecmp(host + len - 9, "localhost", 9) != 0)
        return false;
    return len == 9 || host[len - 10] == '.';
}

void names_add(struct names *names, const char *host, unsigned port, bool optional)
{
    size_t len = strlen(host);
    if (is_numeric(host) || len >= NAME_MAX_BYTES || names->nr == NAMES_MAX)
        return; /* a name too long for DNS fails in libcurl without a lookup */
    struct name *name = &names->list[names->nr++];
    memcpy(name->host, host, len + 1);
    name->port = port;
    name->optional = optional;
    name->owner = names;
    if (is_localhost(host)) {
        snprintf(name->text, sizeof name->text, "%s:%u:%s", host, port, LOOPBACK_LIST);
        name->known = true;
    }
}

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define X(fn) { "ares_" #fn, offsetof(struct ares_api, fn) },
    ARES_FUNCTIONS(X)
#undef X
};

static bool load(struct names *names)
{
    if (library.loaded || library.unusable)
        return library.loaded;
    library.unusable = true;
    names->error = "libcares.so.2, which looks names up, cannot be loaded";
    void *handle = names->host->dlopen("libcares.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return false;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *fn = names->host->dlsym(handle, functions[i].name);
        if (!fn)
            return false;
        memcpy((char *)&library.ares + functions[i].offset, &fn, sizeof fn);
    }
    if (library.ares.library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return false;
    library.unusable = false;
    library.loaded = true;
    return true;
}

/* "name:port:1.2.3.4,[::1]" */
static void make_list(struct name *name, const struct ares_addrinfo *result)
{
    size_t used = (size_t)snprintf(name->text, sizeof name->text, "%s:%u:", name->host, name->port);
    unsigned n = 0;
    for (const struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next) {
        char text[INET6_ADDRSTRLEN];
        const struct sockaddr_in *v4 = (const void *)node->ai_addr;
        const struct sockaddr_in6 *v6 = (const void *)node->ai_addr;
        bool is_v6 = node->ai_family == AF_INET6;
        if (n == NAMES_MAX_ADDRESSES || (!is_v6 && node->ai_family != AF_INET))
            continue;
        if (!inet_ntop(node->ai_family, is_v6 ? (const void *)&v6->sin6_addr : &v4->sin_addr, text,
                       sizeof text))
            continue;
        used += (size_t)snprintf(name->text + used, sizeof name->text - used,
                                 is_v6 ? "%s[%s]" : "%s%s", n ? "," : "", text);
        n++;
    }
    name->known = n > 0;
    name->failed = n == 0;
}

static void looked_up(void *argument, int status, int timeouts, struct ares_addrinfo *result)
{
    struct name *name = argument;
    struct names *names = name->owner;
    (void)timeouts;
    name->asked = false;
    name->failed = status != ARES_SUCCESS;
    if (status == ARES_SUCCESS && result)
        make_list(name, result);
    else if (status != ARES_EDESTRUCTION)
        names->error = library.ares.strerror(status);
    if (result)
        library.ares.freeaddrinfo(result);
}

static bool open_channel(struct names *names)
{
    struct ares_options options = { .timeout = QUERY_TIMEOUT_MS, .tries = QUERY_TRIES };
    if (!load(names))
        return false;
    int status =
        library.ares.init_options(&names->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status != ARES_SUCCESS)
        names->error = library.ares.strerror(status);
    names->channel_open = status == ARES_SUCCESS;
    return names->channel_open;
}

static void close_channel(struct names *names)
{
    if (names->channel_open)
        library.ares.destroy(names->channel);
    names->channel_open = false;
}

/* Whether there is a name to be asked for at all. */
static bool any_real(const struct names *names)
{
    bool real = false;
    for (unsigned i = 0; i < names->nr; i++)
        real |= !is_localhost(names->list[i].host);
    return real;
}

static bool any_asked(struct names *names)
{
    bool asked = false;
    for (unsigned i = 0; i < names->nr; i++)
        asked |= names->list[i].asked;
    return asked;
}

static void ask(struct names *names)
{
    const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC };
    bool usable = open_channel(names);
    for (unsigned i = 0; i < names->nr; i++) {
        struct name *name = &names->list[i];
        if (is_localhost(name->host))
            continue;
        name->failed = !usable;
        name->asked = usable;
        if (usable)
            library.ares.getaddrinfo(names->channel, name->host, NULL, &hints, looked_up, name);
    }
}

static void make_nowhere(struct name *name)
{
    size_t len = strlen(name->host);
    memcpy(name->text, name->host, len);
    snprintf(name->text + len, sizeof name->text - len, ":%u:" NOWHERE, name->port);
}

/* After a round: an address known from before is better than none. */
static enum names_state outcome(struct names *names, uint64_t now_mono_ns)
{
    close_channel(names);
    bool failed = false;
    for (unsigned i = 0; i < names->nr; i++) {
        struct name *name = &names->list[i];
        failed |= name->failed && !name->optional;
        if (!name->known && !name->optional)
            return NAMES_FAILED;
        if (!name->known)
            make_nowhere(name);
    }
    names->fresh_until_ns = failed ? 0 : now_mono_ns + NAMES_FRESH_MS * NS_PER_MS;
    return NAMES_READY;
}

enum names_state names_step(struct names *names, uint64_t now_mono_ns)
{
    if (!any_real(names) || now_mono_ns < names->fresh_until_ns)
        return NAMES_READY;
    if (!names->channel_open) {
        ask(names);
    } else {
        struct curl_waitfd fds[NAMES_MAX_FDS];
        unsigned n = names_fds(names, fds);
        for (unsigned i = 0; i < n; i++)
            library.ares.process_fd(names->channel, fds[i].fd,
                                    fds[i].events & CURL_WAIT_POLLOUT ? fds[i].fd
                                                                      : ARES_SOCKET_BAD);
        library.ares.process_fd(names->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
    return any_asked(names) ? NAMES_BUSY : outcome(names, now_mono_ns);
}

void names_forget(struct names *names)
{
    names->fresh_until_ns = 0;
}

void names_cancel(struct names *names)
{
    close_channel(names);
    for (unsigned i = 0; i < names->nr; i++)
        names->list[i].asked = false;
}

const char *names_error(const struct names *names)
{
    return names->error;
}

struct curl_slist *names_resolve_list(struct names *names)
{
    struct curl_slist *list = NULL;
    for (unsigned i = 0; i < names->nr; i++) {
        struct name *name = &names->list[i];
        if (!name->text[0])
            continue;
        name->node = (struct curl_slist){ name->text, list };
        list = &name->node;
    }
    return list;
}

unsigned names_fds(const struct names *names, struct curl_waitfd fds[static NAMES_MAX_FDS])
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    unsigned n = 0;
    if (!names->channel_open)
        return 0;
    /* Not ARES_GETSOCK_WRITABLE, which shifts an int into its sign. */
    unsigned mask = (unsigned)library.ares.getsock(names->channel, sockets, ARES_GETSOCK_MAXNUM);
    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM && n < NAMES_MAX_FDS; i++) {
        short events = 0;
        if (mask >> i & 1)
            events |= CURL_WAIT_POLLIN;
        if (mask >> (i + ARES_GETSOCK_MAXNUM) & 1)
            events |= CURL_WAIT_POLLOUT;
        if (events)
            fds[n++] = (struct curl_waitfd){ .fd = sockets[i], .events = events };
    }
    return n;
}

uint64_t names_due_at(const struct names *names, uint64_t now_mono_ns)
{
    struct timeval room, limit = { .tv_sec = QUERY_TIMEOUT_MS / 1000 };
    if (!names->channel_open)
        return now_mono_ns;
    const struct timeval *due = library.ares.timeout(names->channel, &limit, &room);
    return now_mono_ns + (uint64_t)due->tv_sec * 1000 * NS_PER_MS + (uint64_t)due->tv_usec * 1000;
}
