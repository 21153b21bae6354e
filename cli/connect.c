/*
 * otelshim check --connect: the way to the collector step by step, so that the first step
 * that fails is known: name, TCP, then what libcurl says of TLS and HTTP.
 */
#include "connect.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_TRIED 8u /* addresses of one name */

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- name ---- */

static struct addrinfo *look_up(const struct probe *p)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    char port[16], addresses[512] = "", text[64];
    snprintf(port, sizeof port, "%u", p->port);
    double start = now_ms();
    int error = getaddrinfo(p->host, port, &hints, &found);
    if (error != 0) {
        report_row("name", "FAILED  %s is not found: %s", p->host, gai_strerror(error));
        report_advise(
            "Is the collector's name %s right, and known on this machine (`getent hosts %s`)? "
            "In a container its name is that of the service.",
            p->host, p->host);
        return NULL;
    }
    unsigned n = 0;
    for (struct addrinfo *a = found; a != NULL && n < MAX_TRIED; a = a->ai_next, n++) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
            continue;
        size_t used = strlen(addresses);
        snprintf(addresses + used, sizeof addresses - used, "%s%s", n > 0 ? ", " : "", text);
    }
    report_row("name", "ok      %s is %s (%.1f ms)", p->host, addresses, now_ms() - start);
    return found;
}

/* ---- TCP ---- */

/* 0 or the errno of connecting within the time that one attempt has. */
static int try_connect(const struct sockaddr *to, socklen_t len, unsigned timeout_ms)
{
    int error = 0, fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = sizeof error;
    if (fd < 0)
        return errno;
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    if (connect(fd, to, len) != 0 && errno != EINPROGRESS)
        error = errno;
    else if (poll(&p, 1, timeout_ms > 0 ? (int)timeout_ms : -1) == 0)
        error = ETIMEDOUT;
    else
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    close(fd);
    return error;
}

static void advise_unreached(const struct probe *p, int error)
{
    if (error == ECONNREFUSED)
        report_advise(
            "Nobody listens at %s:%u. Is the collector running? OTLP over HTTP usually has "
            "port 4318, gRPC 4317, Zipkin 9411.",
            p->host, p->port);
    else if (error == ETIMEDOUT)
        report_advise("%s:%u does not answer: a firewall or a network policy may drop what is sent "
                      "there, or the host is down.",
                      p->host, p->port);
    else
        report_advise("Is there a route from here to %s (`ip route get`)?", p->host);
}

static bool try_addresses(const struct probe *p, const struct addrinfo *a)
{
    int error = 0;
    double start = now_ms();
    for (unsigned n = 0; a != NULL && n < MAX_TRIED; a = a->ai_next, n++) {
        char text[64] = "?";
        getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
        error = try_connect(a->ai_addr, a->ai_addrlen, p->timeout_ms);
        if (error == 0) {
            report_row("TCP", "ok      connected to %s port %u (%.1f ms)", text, p->port,
                       now_ms() - start);
            return true;
        }
        report_row("TCP", "%s  %s port %u: %s", a->ai_next != NULL ? "failed" : "FAILED", text,
                   p->port, strerror(error));
    }
    advise_unreached(p, error);
    return false;
}

static bool try_socket(const struct probe *p)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int error = ENAMETOOLONG;
    if (strlen(p->unix_path) < sizeof to.sun_path) {
        memcpy(to.sun_path, p->unix_path, strlen(p->unix_path) + 1);
        error = try_connect((struct sockaddr *)&to, sizeof to, p->timeout_ms);
    }
    if (error == 0) {
        report_row("socket", "ok      connected to %s", p->unix_path);
        return true;
    }
    report_row("socket", "FAILED  %s: %s", p->unix_path, strerror(error));
    report_advise("Does the collector listen at the socket %s, and may this user connect to it?",
                  p->unix_path);
    return false;
}

/* ---- the whole way ---- */

static bool split_url(struct probe *p)
{
    char *host = NULL, *port = NULL;
    CURLU *url = p->curl->url();
    bool good = url != NULL && p->curl->url_set(url, CURLUPART_URL, p->url, 0) == CURLUE_OK &&
                p->curl->url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                p->curl->url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    if (good) {
        size_t len = strlen(host);
        bool v6 = host[0] == '[' && len > 2;
        snprintf(p->host, sizeof p->host, "%.*s", (int)(v6 ? len - 2 : len), host + v6);
        p->port = (unsigned)strtoul(port, NULL, 10);
        p->https = strncasecmp(p->url, "https:", 6) == 0;
    }
    p->curl->free(host);
    p->curl->free(port);
    p->curl->url_cleanup(url);
    return good;
}

static bool reach(const struct probe *p)
{
    char masked[256];
    if (p->unix_path != NULL)
        return try_socket(p);
    if (p->proxy != NULL) {
        check_masked(getenv(p->proxy), false, masked, sizeof masked);
        report_row("proxy", "%s=%s: name and connection are its business", p->proxy, masked);
        return true;
    }
    struct addrinfo *addresses = look_up(p);
    bool reached = addresses != NULL && try_addresses(p, addresses);
    if (addresses != NULL)
        freeaddrinfo(addresses);
    return reached;
}

static bool run(struct probe *p, const char *what)
{
    char heading[2200], masked[2048];
    check_masked(p->url, false, masked, sizeof masked);
    snprintf(heading, sizeof heading, "Trying %s at %s", what, masked);
    report_section(heading);
    if (!split_url(p)) {
        report_row("URL", "FAILED  libcurl cannot read it");
        return false;
    }
    p->proxy = connect_proxy_variable(p);
    return reach(p) && connect_request(p);
}

static const struct curl_api *load_curl(void)
{
    static struct exporter_host host = { .log = cli_log, .dlopen = dlopen, .dlsym = dlsym };
    return curl_open(&host);
}

static enum probe_kind kind_of(const struct config *c)
{
    return c->otlp.protocol == OTLP_GRPC        ? PROBE_GRPC
           : c->otlp.protocol == OTLP_HTTP_JSON ? PROBE_OTLP_JSON
                                                : PROBE_OTLP_PROTOBUF;
}

bool check_connect(const struct config *c)
{
    bool otlp = c->exporters & EXPORTER_OTLP, zipkin = c->exporters & EXPORTER_ZIPKIN, good = true;
    struct probe p = { .config = c, .timeout_ms = c->otlp.timeout_ms };
    if (!otlp && !zipkin) {
        report_section("Trying the collector");
        report_row("", "nothing is sent over the network: no exporter that does is chosen");
        return true;
    }
    if ((p.curl = load_curl()) == NULL)
        return false;
    if (otlp && c->otlp.url_valid) {
        p.kind = kind_of(c);
        p.url = c->otlp.traces_url;
        p.unix_path = c->otlp.unix_path;
        p.aws_sigv4 = p.kind != PROBE_GRPC ? c->otlp.aws_sigv4 : NULL;
        good = run(&p, p.kind == PROBE_GRPC ? "OTLP over gRPC" : "OTLP over HTTP");
    }
    if (zipkin && c->zipkin.url != NULL) {
        struct probe z = { .kind = PROBE_ZIPKIN,
                           .config = c,
                           .curl = p.curl,
                           .url = c->zipkin.url,
                           .timeout_ms = c->zipkin.timeout_ms };
        good = run(&z, "Zipkin") && good;
    }
    return good && (!otlp || c->otlp.url_valid);
}
