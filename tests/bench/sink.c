/* link: -lz -lnghttp2 */
/*
 * The collector of the benchmarks: OTLP over HTTP/1.1 on loopback, as cheap as
 * can be, gzip and chunks included; and by gRPC (sink_h2.h). It walks each request's protobuf down to the spans and counts them: what
 * is printed as delivered was counted here, not believed.
 *
 *     sink answer    prints its port; answers 200; GET /spans tells spans and requests
 *     sink hang      prints its port; takes connections and requests, never answers
 *
 * Ends when standard input ends.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_CLIENTS 64
#define MAX_REQUEST (8u << 20)

#include "sink_h2.h"

static struct client {
    unsigned char *data; /* MAX_REQUEST and a zero byte */
    size_t used;
    struct h2_session *h2; /* NULL: HTTP/1.1 */
} clients[MAX_CLIENTS + 2];
static struct pollfd fds[MAX_CLIENTS + 2]; /* listener, stdin, clients */
static unsigned nr_fds = 2;
static unsigned long spans, requests;

/* One protobuf field: its number, and its bytes when it is length-delimited. */
struct wire {
    const unsigned char *at, *end;
};

static bool varint(struct wire *w, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && w->at < w->end; shift += 7) {
        unsigned char c = *w->at++;
        *out |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return true;
    }
    return false;
}

static bool next_field(struct wire *w, unsigned *number, struct wire *body)
{
    uint64_t tag, len = 0;
    if (!varint(w, &tag))
        return false;
    *number = (unsigned)(tag >> 3);
    switch (tag & 7) {
    case 0: return varint(w, &len);
    case 1: len = 8; break;
    case 2:
        if (!varint(w, &len))
            return false;
        break;
    case 5: len = 4; break;
    default: return false;
    }
    if (len > (size_t)(w->end - w->at))
        return false;
    *body = (struct wire){ w->at, w->at + len };
    w->at += len;
    return true;
}

/* ExportTraceServiceRequest.resource_spans = 1, .scope_spans = 2, .spans = 2. */
static unsigned long count_spans(struct wire message, unsigned depth)
{
    static const unsigned path[] = { 1, 2, 2 };
    unsigned long n = 0;
    unsigned number;
    struct wire body;
    while (next_field(&message, &number, &body)) {
        if (number == path[depth])
            n += depth == 2 ? 1 : count_spans(body, depth + 1);
    }
    return n;
}

/* The body of a request with Content-Encoding: gzip. */
static struct wire gunzipped(struct wire body)
{
    static unsigned char plain[MAX_REQUEST];
    static z_stream stream;
    stream.next_in = (unsigned char *)(uintptr_t)body.at;
    stream.avail_in = (uInt)(body.end - body.at);
    stream.next_out = plain;
    stream.avail_out = sizeof plain;
    if (inflateInit2(&stream, 15 + 16) != Z_OK || inflate(&stream, Z_FINISH) != Z_STREAM_END)
        exit(1);
    inflateEnd(&stream);
    return (struct wire){ plain, stream.next_out };
}

static void h2_call(struct h2_session *h2)
{
    struct wire message = { h2->message + 5, h2->message + h2->used };
    requests++;
    spans += count_spans(h2->message[0] ? gunzipped(message) : message, 0);
}

static void answer(int fd, const unsigned char *head)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
                             "Content-Length: 0\r\n\r\n";
    char told[128], text[256];
    if (memcmp(head, "GET ", 4) != 0) {
        send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL);
        return;
    }
    int len = snprintf(told, sizeof told, "%lu %lu\n", spans, requests);
    len = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len, told);
    send(fd, text, (size_t)len, MSG_NOSIGNAL);
}

/* The body of a request with Transfer-Encoding: chunked, put together in place. Its length
 * and, in *used, that of its chunks; -1: more bytes are needed. */
static long unchunk(unsigned char *data, size_t have, size_t *used)
{
    size_t at = 0, body = 0, length;
    do {
        unsigned char *line = memchr(data + at, '\n', have - at);
        if (line == NULL)
            return -1;
        length = strtoul((char *)data + at, NULL, 16);
        at = (size_t)(line + 1 - data);
        if (have - at < length + 2)
            return -1;
        at += length + 2;
    } while (length != 0);
    *used = at;
    for (size_t from = 0; from < at;) {
        unsigned char *line = memchr(data + from, '\n', at - from);
        length = strtoul((char *)data + from, NULL, 16);
        memmove(data + body, line + 1, length);
        body += length;
        from = (size_t)(line + 1 - data) + length + 2;
    }
    return (long)body;
}

/* Takes one complete request off the front. False: more bytes are needed. */
static bool take_request(struct client *c, int fd)
{
    c->data[c->used] = 0;
    unsigned char *end = memmem(c->data, c->used, "\r\n\r\n", 4);
    if (end == NULL)
        return false;
    *end = 0;
    const char *length = strcasestr((char *)c->data, "\r\ncontent-length:");
    size_t body = length != NULL ? strtoul(length + 17, NULL, 10) : 0;
    size_t head = (size_t)(end + 4 - c->data);
    bool gzip = strcasestr((char *)c->data, "\r\ncontent-encoding: gzip") != NULL;
    bool chunked = strcasestr((char *)c->data, "\r\ntransfer-encoding: chunked") != NULL;
    *end = '\r';
    if (body > MAX_REQUEST - head)
        exit(1);
    size_t used = body;
    if (chunked) {
        long found = unchunk(c->data + head, c->used - head, &used);
        if (found < 0)
            return false;
        body = (size_t)found;
    }
    if (c->used < head + used)
        return false;
    if (body != 0) {
        requests++;
        struct wire message = { c->data + head, c->data + head + body };
        spans += count_spans(gzip ? gunzipped(message) : message, 0);
    }
    answer(fd, c->data);
    c->used -= head + used;
    memmove(c->data, c->data + head + used, c->used);
    return true;
}

static bool serve(struct client *c, int fd, bool hang)
{
    ssize_t n = recv(fd, c->data + c->used, MAX_REQUEST - c->used, 0);
    if (n <= 0)
        return false;
    if (hang)
        return true;
    c->used += (size_t)n;
    if (c->h2 == NULL && c->used >= 4 && memcmp(c->data, "PRI ", 4) == 0)
        c->h2 = h2_new();
    if (c->h2 != NULL) {
        n = (ssize_t)c->used;
        c->used = 0;
        return h2_serve(c->h2, fd, c->data, (size_t)n);
    }
    while (take_request(c, fd))
        ;
    return true;
}

static void accept_client(void)
{
    int fd = accept(fds[0].fd, NULL, NULL), one = 1;
    if (fd < 0)
        return;
    if (nr_fds == MAX_CLIENTS + 2) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (clients[nr_fds].data == NULL && (clients[nr_fds].data = malloc(MAX_REQUEST + 1)) == NULL)
        exit(1);
    clients[nr_fds].used = 0;
    fds[nr_fds++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void drop_client(unsigned i)
{
    close(fds[i].fd);
    if (clients[i].h2 != NULL)
        h2_free(clients[i].h2);
    clients[i].h2 = NULL;
    nr_fds--;
    struct client gone = clients[i];
    fds[i] = fds[nr_fds];
    clients[i] = clients[nr_fds];
    clients[nr_fds] = gone;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof address;
    bool hang = argc > 1 && strcmp(argv[1], "hang") == 0;
    fds[0] = (struct pollfd){ .fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = 0, .events = POLLIN };
    if (bind(fds[0].fd, (struct sockaddr *)&address, len) != 0 || listen(fds[0].fd, 64) != 0 ||
        getsockname(fds[0].fd, (struct sockaddr *)&address, &len) != 0)
        return 1;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (poll(fds, nr_fds, -1) > 0) {
        char byte;
        if (fds[1].revents != 0 && read(0, &byte, 1) <= 0)
            break;
        for (unsigned i = nr_fds; i-- > 2;) {
            if (fds[i].revents != 0 && !serve(&clients[i], fds[i].fd, hang))
                drop_client(i);
        }
        if (fds[0].revents != 0)
            accept_client();
    }
    return 0;
}
