/*
 * A server whose worker thread does the work of requests that another thread has accepted:
 * the worker attaches the context that came along with the job, so that what it does (here
 * a name lookup) and what it says (an attribute) belongs to the request. Runs the same with and without otelshim.
 *
 *     cc -o handoff handoff.c -lpthread && LD_PRELOAD=…/libotelshim.so ./handoff 8080
 *
 * GET /plain: without attaching, to see the difference. Ends at SIGINT.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <otelshim.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct job {
    struct otelshim_context context;
    int attaches, is_there, is_done, found;
    char traceparent[OTELSHIM_TRACEPARENT_SIZE];
} job;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void do_work(struct job *j)
{
    struct addrinfo hints = { .ai_family = AF_INET }, *list = NULL;
    struct otelshim_context before;
    if (j->attaches)
        otelshim_context_attach(&j->context, &before);
    otelshim_current_traceparent(j->traceparent);
    j->found = getaddrinfo("localhost", "80", &hints, &list) == 0;
    if (list != NULL)
        freeaddrinfo(list);
    otelshim_set(otelshim_bool("job.found", j->found)); /* of the request, if it is attached */
    if (j->attaches)
        otelshim_context_detach(&before);
}

static void *work(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!job.is_there || job.is_done)
            pthread_cond_wait(&changed, &lock);
        do_work(&job);
        job.is_done = 1;
        pthread_cond_broadcast(&changed);
    }
    return NULL;
}

static void serve(int fd)
{
    char request[4096], answer[128];
    ssize_t n = read(fd, request, sizeof request - 1);
    if (n <= 0) {
        close(fd);
        return;
    }
    request[n] = 0;
    pthread_mutex_lock(&lock);
    job = (struct job){ .attaches = strncmp(request, "GET /plain", 10) != 0, .is_there = 1 };
    otelshim_context_capture(&job.context);
    otelshim_set(otelshim_string("job.kind", job.attaches ? "attached" : "plain"));
    pthread_cond_broadcast(&changed);
    while (!job.is_done)
        pthread_cond_wait(&changed, &lock);
    job.is_there = 0;
    int len = snprintf(answer, sizeof answer, "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n%s",
                       job.found ? "found\n" : "lost!\n");
    pthread_mutex_unlock(&lock);
    if (write(fd, answer, (size_t)len) != len)
        perror("write");
    close(fd);
}

static void end(int signal)
{
    (void)signal;
    exit(0);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t worker;
    address.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 8080));
    signal(SIGINT, end);
    pthread_create(&worker, NULL, work, NULL);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 16) != 0) {
        perror("listen");
        return 1;
    }
    for (;;)
        serve(accept(listener, NULL, NULL));
}
