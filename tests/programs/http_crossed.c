/*
 * One thread writes, another reads, and the answer lets a third one write at once: on a busy
 * machine the first is not back from its write by then.
 *
 *     http_crossed PORT CONNECTIONS ROUNDS
 *
 * Prints `answers=N odd=N`: odd is a write whose count is not what was asked for.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char question[] = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
static atomic_int answers, odd;
static int port, rounds;

struct connection {
    int fd;
    sem_t turns[2]; /* of the two that write, by turns */
};

struct writer {
    struct connection *connection;
    int turn;
};

static void *write_by_turns(void *data)
{
    struct writer *w = data;
    for (int i = w->turn; i < rounds; i += 2) {
        sem_wait(&w->connection->turns[w->turn]);
        if (write(w->connection->fd, question, sizeof question - 1) != sizeof question - 1)
            odd++;
    }
    return NULL;
}

/* Until "\r\n\r\n" and as many bytes as Content-Length says. */
static int read_answer(int fd)
{
    char text[2048];
    size_t used = 0;
    for (;;) {
        ssize_t n = read(fd, text + used, sizeof text - 1 - used);
        if (n <= 0)
            return 0;
        used += (size_t)n;
        text[used] = 0;
        const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
        if (end != NULL && length != NULL &&
            used >= (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10))
            return strncmp(text, "HTTP/1.1 200 ", 13) == 0;
    }
}

static void *read_answers(void *data)
{
    struct connection *c = data;
    for (int i = 0; i < rounds; i++) {
        sem_post(&c->turns[i % 2]);
        answers += read_answer(c->fd);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    port = atoi(argv[1]);
    rounds = atoi(argv[3]);
    int nr = atoi(argv[2]);
    struct connection *connections = calloc((size_t)nr, sizeof *connections);
    struct writer *writers = calloc((size_t)nr * 2, sizeof *writers);
    pthread_t *threads = calloc((size_t)nr * 3, sizeof *threads);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    for (int i = 0; i < nr; i++) {
        struct connection *c = &connections[i];
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
            return 1;
        for (int turn = 0; turn < 2; turn++) {
            sem_init(&c->turns[turn], 0, 0);
            writers[2 * i + turn] = (struct writer){ c, turn };
            pthread_create(&threads[3 * i + turn], NULL, write_by_turns, &writers[2 * i + turn]);
        }
        pthread_create(&threads[3 * i + 2], NULL, read_answers, c);
    }
    for (int i = 0; i < 3 * nr; i++)
        pthread_join(threads[i], NULL);
    printf("answers=%d odd=%d\n", answers, odd);
    return 0;
}
