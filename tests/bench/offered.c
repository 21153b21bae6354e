/* link: unit */
/*
 * Spans by many threads at once, into the real rings, worker and exporter.
 *
 *     offered THREADS SECONDS RATE BYTES
 *
 * RATE: spans a second of all threads together; 0: as fast as they can. A span has the six
 * attributes of spans.c; BYTES: the length of its URL. Nobody waits for the worker: what it
 * cannot take is dropped and counted. Prints
 *     made N  wall_ns N  thread_ns N (CPU of a span on its thread)  process_ns N (of a
 *     span received or dropped, all threads)  switches N (times that such a thread slept or
 *     waited while it made spans: 0, but for the pauses of a RATE)
 * The line of counts (delivered, dropped by reason) goes to our log.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "mark.h"
#include "stand_in.h"

#define MAX_THREADS 256
#define BURST 64u         /* spans between two looks at the clock */
#define PAUSE_NS 1000000l /* of a thread that is ahead of its rate */
#define SECOND 1e9

static char url[RECORD_MAX_URL + 1];
static size_t url_len;
static double seconds, rate_of_thread;
static pthread_barrier_t ready;

static struct maker {
    pthread_t thread;
    unsigned long made, switches, pauses;
    double cpu_ns;
} makers[MAX_THREADS];

static void one_span(const struct call *call)
{
    struct span span;
    struct span_writer w;
    span_start(&span, &instr_bench, SPAN_CLIENT, call);
    if (!span_end(&span, &w))
        return;
    span_name(&w, "GET", 3);
    span_string(&w, ATTR_HTTP_REQUEST_METHOD, "GET", 3, RECORD_MAX_VALUE);
    span_string(&w, ATTR_URL_FULL, url, url_len, RECORD_MAX_URL);
    span_string(&w, ATTR_SERVER_ADDRESS, "inventory.example.com", 21, RECORD_MAX_VALUE);
    span_int(&w, ATTR_SERVER_PORT, 8080);
    span_int(&w, ATTR_HTTP_RESPONSE_STATUS_CODE, 200);
    span_string(&w, ATTR_NETWORK_PROTOCOL_VERSION, "1.1", 3, RECORD_MAX_VALUE);
    span_commit(&w);
}

static double cpu_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * SECOND + (double)t.tv_nsec;
}

static unsigned long sleeps_of_thread(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (unsigned long)usage.ru_nvcsw;
}

static void *make_spans(void *arg)
{
    struct maker *m = arg;
    struct call call = { .thread = &thread_state };
    one_span(&call);
    m->made++;
    pthread_barrier_wait(&ready);
    unsigned long slept = sleeps_of_thread();
    double cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t start = bench_now_ns();
    double passed = 0;
    while (passed < seconds * SECOND) {
        if (rate_of_thread != 0 && (double)m->made > rate_of_thread * passed / SECOND) {
            nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
            m->pauses++;
        } else {
            for (unsigned i = 0; i < BURST; i++)
                one_span(&call);
            m->made += BURST;
        }
        passed = (double)(bench_now_ns() - start);
    }
    m->cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    m->switches = sleeps_of_thread() - slept - m->pauses;
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    unsigned threads = (unsigned)atoi(argv[1]);
    seconds = atof(argv[2]);
    rate_of_thread = atof(argv[3]) / threads;
    url_len = strtoul(argv[4], NULL, 10);
    if (threads == 0 || threads > MAX_THREADS || url_len > RECORD_MAX_URL)
        return 2;
    memset(url, 'u', url_len);
    stand_in_begin();
    thread_is_wanted = true;
    pthread_barrier_init(&ready, NULL, threads);
    double process = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), cpu = 0;
    uint64_t start = bench_now_ns();
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&makers[i].thread, NULL, make_spans, &makers[i]) != 0)
            return 1;
    unsigned long made = 0, switches = 0;
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(makers[i].thread, NULL);
        made += makers[i].made;
        switches += makers[i].switches;
        cpu += makers[i].cpu_ns;
    }
    uint64_t wall = bench_now_ns() - start;
    worker_flush();
    process = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - process;
    worker_report();
    printf("made %lu\nwall_ns %llu\nthread_ns %.1f\nprocess_ns %.1f\nswitches %lu\n", made,
           (unsigned long long)wall, cpu / (double)made, process / (double)made, switches);
    return 0;
}
