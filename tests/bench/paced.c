/*
 * Asks a web server at a fixed rate, whether it keeps up or not, and tells how long
 * each answer took from the moment its question was due.
 *
 *     paced PORT CONNECTIONS REQUESTS_PER_SECOND SECONDS PATH
 *     requests p50_ns p99_ns max_ns
 *
 * Questions are due at equal distances; one that finds no idle connection waits for
 * one, and its waiting counts. The server must answer with Content-Length.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 256
#define SECOND 1000000000u

static int fds[MAX_CONNECTIONS];
static uint64_t due[MAX_CONNECTIONS];  /* of the question under way */
static unsigned idle[MAX_CONNECTIONS]; /* connections without one */
static unsigned nr_idle;
static char question[512];
static int question_len;
static uint64_t *took;
static size_t nr_took;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * (uint64_t)SECOND + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void take_answers(const struct epoll_event *events, int count)
{
    char text[8192];
    for (int i = 0; i < count; i++) {
        unsigned c = events[i].data.u32;
        if (recv(fds[c], text, sizeof text, 0) <= 0) {
            fprintf(stderr, "paced: the server closed\n");
            exit(1);
        }
        if (due[c] == 0) /* answers are smaller than a segment */
            continue;
        took[nr_took++] = now_ns() - due[c];
        due[c] = 0;
        idle[nr_idle++] = c;
    }
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    int count = atoi(argv[2]), one = 1;
    uint64_t distance = (uint64_t)SECOND / (uint64_t)atoi(argv[3]);
    size_t total = (size_t)atoi(argv[3]) * (size_t)atoi(argv[4]), asked = 0;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((unsigned short)atoi(argv[1])),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    question_len =
        snprintf(question, sizeof question, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", argv[5]);
    took = calloc(total, sizeof *took);
    int all = epoll_create1(0);
    for (unsigned i = 0; i < (unsigned)count && i < MAX_CONNECTIONS; i++) {
        struct epoll_event answer = { .events = EPOLLIN, .data.u32 = i };
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fds[i], (struct sockaddr *)&to, sizeof to) != 0 ||
            epoll_ctl(all, EPOLL_CTL_ADD, fds[i], &answer) != 0)
            return 1;
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        idle[nr_idle++] = i;
    }
    struct epoll_event events[MAX_CONNECTIONS];
    uint64_t next = now_ns() + distance;
    while (nr_took < total) {
        uint64_t now = now_ns();
        while (asked < total && next <= now && nr_idle > 0) {
            unsigned c = idle[--nr_idle];
            due[c] = next;
            next += distance;
            asked++;
            if (send(fds[c], question, (size_t)question_len, MSG_NOSIGNAL) != question_len)
                return 1;
        }
        /* To the next question; with none to come, or no connection for it, to an answer. */
        struct timespec wait = { .tv_nsec = 100000000 };
        if (asked < total && nr_idle > 0 && next < now + 100000000)
            wait.tv_nsec = next > now ? (long)(next - now) : 0;
        take_answers(events, epoll_pwait2(all, events, MAX_CONNECTIONS, &wait, NULL));
    }
    qsort(took, nr_took, sizeof *took, compare);
    printf("%zu %llu %llu %llu\n", nr_took, (unsigned long long)took[nr_took / 2],
           (unsigned long long)took[nr_took - 1 - nr_took / 100],
           (unsigned long long)took[nr_took - 1]);
    return 0;
}
