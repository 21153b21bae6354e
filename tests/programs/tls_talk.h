/*
 * A client and a server of one TLS library talk HTTP over a socket pair with the
 * smallest buffers, in one thread: nearly every write must be repeated. Prints what
 * both saw, without the headers of context propagation; those go to the file "headers".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGAIN (-1)
#define LARGE 200000u

/* One side; the library's part. More than 0: bytes; AGAIN; anything else ends the program. */
struct side {
    void *session;
    long (*write)(struct side *s, const void *bytes, size_t len);
    long (*read)(struct side *s, void *bytes, size_t len);
    int moves;         /* each try may come from another buffer */
    unsigned repeated; /* tries that were not the first */
};

static char to_server[2 * LARGE], to_client[1000];

static void fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void make_pair(int pair[2])
{
    int small = 1; /* the kernel takes its own minimum */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        fail("socketpair");
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
}

/* As the library's rule has it: from a fresh buffer, the old one overwritten. */
static long try_write(struct side *s, char **bytes, size_t len)
{
    long n = s->write(s, *bytes, len);
    if (n == AGAIN && s->moves) {
        char *other = malloc(len);
        memcpy(other, *bytes, len);
        memset(*bytes, '#', len);
        free(*bytes);
        *bytes = other;
    }
    return n;
}

static int is_ours(const char *line)
{
    return strncmp(line, "traceparent:", 12) == 0 || strncmp(line, "tracestate:", 11) == 0;
}

/* Prints the head, tells where the body begins. */
static size_t show_head(const char *head, FILE *ours)
{
    const char *end = strstr(head, "\r\n\r\n");
    for (const char *line = head; line < end; line = strstr(line, "\r\n") + 2)
        fprintf(is_ours(line) ? ours : stdout, "%.*s\n", (int)strcspn(line, "\r"), line);
    return (size_t)(end + 4 - head);
}

static unsigned long sum_of(const char *bytes, size_t len)
{
    unsigned long sum = 5381;
    for (size_t i = 0; i < len; i++)
        sum = sum * 33 + (unsigned char)bytes[i];
    return sum;
}

/* Writes all of it while the other side reads `piece` bytes a time until it has enough. */
static size_t carry(struct side *from, struct side *to, const char *text, size_t len, char *got,
                    size_t got_max, size_t piece, size_t (*enough)(const char *, size_t))
{
    char *bytes = malloc(len), *start = bytes;
    memcpy(bytes, text, len);
    size_t have = 0, done = 0;
    while (enough(got, have) == 0 || done < len) {
        if (done < len) {
            long n = try_write(from, &bytes, len - done);
            if (n != AGAIN && n <= 0)
                fail("write");
            from->repeated += n == AGAIN;
            if (n > 0) {
                done += (size_t)n;
                size_t rest = len - done;
                char *next = malloc(rest + 1);
                memcpy(next, bytes + n, rest);
                if (!from->moves && rest > 0) { /* the rest of one buffer, in place */
                    free(next);
                    bytes += n;
                } else {
                    free(from->moves ? bytes : start);
                    bytes = start = next;
                }
            }
        }
        if (have + piece > got_max)
            fail("too much");
        long n = to->read(to, got + have, piece);
        if (n != AGAIN && n <= 0)
            fail("read");
        have += n > 0 ? (size_t)n : 0;
        got[have] = 0;
    }
    free(from->moves ? bytes : start);
    return have;
}

/* Bytes of a complete message, 0 = not yet. */
static size_t complete(const char *message, size_t len)
{
    const char *end = len > 0 ? strstr(message, "\r\n\r\n") : NULL;
    const char *length = len > 0 ? strstr(message, "Content-Length: ") : NULL;
    if (end == NULL)
        return 0;
    size_t whole = (size_t)(end + 4 - message) + (length ? strtoul(length + 16, NULL, 10) : 0);
    return len >= whole ? whole : 0;
}

static void talk(struct side *client, struct side *server, const char *path, size_t body)
{
    static char request[LARGE + 1000];
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
    FILE *ours = fopen("headers", "a");
    size_t len = (size_t)sprintf(request,
                                 "POST /%s HTTP/1.1\r\nHost: example.test\r\n"
                                 "Content-Length: %zu\r\n\r\n",
                                 path, body);
    for (size_t i = 0; i < body; i++)
        request[len + i] = (char)('a' + i * 7 % 26);
    len += body;
    client->repeated = server->repeated = 0;
    size_t got = carry(client, server, request, len, to_server, sizeof to_server, 1000, complete);
    size_t at = show_head(to_server, ours);
    printf("body %zu bytes, sum %lx\n", got - at, sum_of(to_server + at, got - at));
    printf("writes were repeated: %s\n", client->repeated > 0 ? "yes" : "no");
    got =
        carry(server, client, answer, sizeof answer - 1, to_client, sizeof to_client, 7, complete);
    at = show_head(to_client, ours);
    printf("%.*s", (int)(got - at), to_client + at);
    fclose(ours);
}

static void talk_of_everything(struct side *client, struct side *server)
{
    talk(client, server, "small", 10);
    talk(client, server, "record", 16384);
    talk(client, server, "large", LARGE);
    talk(client, server, "again", 300);
}
