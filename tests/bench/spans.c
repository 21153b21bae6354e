/* link: unit */
/*
 * What a span costs, apart from any hook: start, name, six attributes, end. Built
 * from the shim's own objects; `registry` and pthread_create stand in for hooks/.
 *
 *     spans time BATCHES ns per span into the ring, one line per batch:
 *                        WHAT ns   (root, child, linked, unsampled, floors, and the
 *                        same as a program's own span, by otelshim.h)
 *     spans step         the same for step.c, one counted run of STEP_SPANS each
 *     spans export N     N spans through the real worker and exporter; prints what
 *                        the whole process spent and how its memory grew
 *
 * In `time` and `step` the records are drained by this thread between batches,
 * outside of what is measured, as a worker on another core would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "attach.h"
#include "mark.h"
#include "otelshim.h" /* weak references: instr_manual below links them in */
#include "ring.h"
#include "sdk/id.h"
#include "stand_in.h"

#define BATCH 256u /* spans measured at once; they fit in a ring */
#define STEP_SPANS 64u

/* ---- no malloc: counted, not believed ---- */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static __thread unsigned long allocations;

void *malloc(size_t bytes)
{
    allocations++;
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    allocations++;
    return __libc_calloc(n, bytes);
}

void *realloc(void *old, size_t bytes)
{
    allocations++;
    return __libc_realloc(old, bytes);
}

/* ---- one span ---- */

/* Values as a hook has them: texts whose length the compiler does not know. */
static struct {
    const char *text;
    size_t len;
} method = { "GET", 3 }, url = { "http://inventory.example.com:8080/items/4711", 44 },
  host = { "inventory.example.com", 21 }, version = { "1.1", 3 };
static int64_t port = 8080, status = 200;

static __attribute__((noinline)) void one_span(const struct call *call)
{
    struct span span;
    struct span_writer w;
    /* The values could be any. */
    __asm__ volatile(""
                     : "+m"(method), "+m"(url), "+m"(host), "+m"(version), "+m"(port),
                       "+m"(status));
    span_start(&span, &instr_bench, SPAN_CLIENT, call);
    if (!span_end(&span, &w))
        return;
    span_name(&w, method.text, method.len);
    span_string(&w, ATTR_HTTP_REQUEST_METHOD, method.text, method.len, RECORD_MAX_VALUE);
    span_string(&w, ATTR_URL_FULL, url.text, url.len, RECORD_MAX_URL);
    span_string(&w, ATTR_SERVER_ADDRESS, host.text, host.len, RECORD_MAX_VALUE);
    span_int(&w, ATTR_SERVER_PORT, port);
    span_int(&w, ATTR_HTTP_RESPONSE_STATUS_CODE, status);
    span_string(&w, ATTR_NETWORK_PROTOCOL_VERSION, version.text, version.len, RECORD_MAX_VALUE);
    span_commit(&w);
}

static struct call call; /* what a hook has: this thread, nothing around it */
static struct span parent;

static void drain(void)
{
    struct ring *ring = ring_of_thread();
    const struct record *r;
    while ((r = ring_peek(ring)) != NULL)
        ring_consume(ring, r);
}

static void spans(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        one_span(&call);
}

static void manual_spans(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct otelshim_span span;
        otelshim_span_start(&span, method.text, OTELSHIM_CLIENT);
        otelshim_span_set(&span, otelshim_string("http.request.method", method.text));
        otelshim_span_set(&span, otelshim_string("url.full", url.text));
        otelshim_span_set(&span, otelshim_string("server.address", host.text));
        otelshim_span_set(&span, otelshim_int("server.port", port));
        otelshim_span_set(&span, otelshim_int("http.response.status_code", status));
        otelshim_span_set(&span, otelshim_string("network.protocol.version", version.text));
        otelshim_span_end(&span);
    }
}

/* ---- floors, in the same run ---- */

static uint64_t floor_bytes[2][32]; /* 256 B */
static volatile uint64_t sink_word;

static void two_clocks(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink_word = clock_mono_ns();
        sink_word = clock_mono_ns();
    }
}

static void ids(unsigned n)
{
    for (unsigned i = 0; i < 3 * n; i++)
        sink_word = id_random(&thread_state);
}

static void copy(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        memcpy(floor_bytes[0], floor_bytes[1], sizeof floor_bytes[0]);
        __asm__ volatile("" ::: "memory");
    }
}

static void nothing(unsigned n)
{
    (void)n;
}

/* ---- what is measured ---- */

static void set_root(void)
{
    atomic_store(&process_context.flags, 0);
    thread_state.current = NULL;
}

static void set_child(void)
{
    span_start_with_parent(&parent, &instr_bench, SPAN_INTERNAL, NULL);
    thread_state.current = &parent;
}

/* A long-lived program: its spans are roots that link to the process span. */
static void set_linked(void)
{
    thread_state.current = NULL;
    process_context_begin(&instr_bench, clock_mono_ns());
    process_context_mark_used();
    process_context.may_end = true;
    context_process_is_server();
    atomic_fetch_or(&process_context.flags, PROCESS_TOLD); /* hooks/process.c wrote it */
}

static const struct subject {
    const char *name;
    void (*prepare)(void);
    void (*run)(unsigned n);
    bool unsampled;
} subjects[] = {
    { "root", set_root, spans, false },     { "child", set_child, spans, false },
    { "linked", set_linked, spans, false }, { "clocks", set_root, two_clocks, false },
    { "ids", set_root, ids, false },        { "copy", set_root, copy, false },
    { "unsampled", set_root, spans, true }, { "manual", set_root, manual_spans, false },
};

static void set_up(void)
{
    stand_in_begin();
    instr_manual.bit = instr_manual.suppress_mask = 2;
    call_enabled_mask = 3;
    call.thread = &thread_state;
}

/* The configuration is constant for the shim, not for this program. */
static void choose_sampler(bool none)
{
    struct config *c = (struct config *)(uintptr_t)config;
    c->sampler = none ? SAMPLER_ALWAYS_OFF : SAMPLER_ALWAYS_ON;
    sampler_prepare(c);
}

static void prepare(const struct subject *s)
{
    choose_sampler(s->unsampled);
    s->prepare();
    s->run(BATCH);
    if (!s->unsampled)
        drain();
}

static void measure_time(unsigned long batches)
{
    for (unsigned long b = 0; b < batches; b++) {
        for (unsigned i = 0; i < COUNT(subjects); i++) {
            prepare(&subjects[i]);
            unsigned long allocated = allocations;
            uint64_t start = bench_now_ns();
            subjects[i].run(BATCH);
            double ns = (double)(bench_now_ns() - start) / BATCH;
            if (allocations != allocated) {
                printf("malloc on the span's way\n");
                exit(1);
            }
            drain();
            printf("%s %.2f\n", subjects[i].name, ns);
        }
    }
}

/* Prints a subject's name; step.c prints its count. First an empty pair: the marks. */
static void measure_steps(void)
{
    MARK();
    nothing(STEP_SPANS);
    MARK();
    for (unsigned i = 0; i < COUNT(subjects); i++) {
        prepare(&subjects[i]);
        MARK();
        subjects[i].run(STEP_SPANS);
        MARK();
        drain();
    }
}

/* ---- with worker and exporter ---- */

static long status_kb(const char *key)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            kb = strtol(line + strlen(key) + 1, NULL, 10);
    if (f != NULL)
        fclose(f);
    return kb;
}

static double cpu_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Waits while the worker is behind, so that nothing is dropped: sleeps, looks at the
 * ring, sleeps. What that costs is part of the figure. */
static unsigned long keep_pace(void)
{
    struct timespec pause = { 0, 300000 };
    struct ring *ring = ring_of_thread();
    unsigned long pauses = 0;
    if (ring == NULL || ring_used(ring) < RING_DATA_BYTES / 2)
        return 0;
    for (; ring_used(ring) > RING_DATA_BYTES / 8; pauses++)
        nanosleep(&pause, NULL);
    return pauses;
}

static void export(unsigned long n)
{
    unsigned long pauses = 0;
    thread_is_wanted = true;
    choose_sampler(false);
    long rss_before = status_kb("VmRSS");
    double process = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned long i = 0; i < n; i++) {
        one_span(&call);
        if (i % 128 == 127)
            pauses += keep_pace();
    }
    thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - thread;
    worker_flush();
    process = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - process;
    long rss_after = status_kb("VmRSS"), rss_peak = status_kb("VmHWM");
    worker_report();
    printf("spans %lu\nprocess_ns %.2f\nthread_ns %.2f\npauses %lu\n", n, process / (double)n,
           thread / (double)n, pauses);
    printf("rss_before_kb %ld\nrss_after_kb %ld\nrss_peak_kb %ld\ndropped", rss_before, rss_after,
           rss_peak);
    for (int i = 0; i < DROP_COUNT; i++)
        if (diag_dropped((enum drop_reason)i) != 0)
            printf(" %s=%llu", diag_drop_name((enum drop_reason)i),
                   (unsigned long long)diag_dropped((enum drop_reason)i));
    printf("\n");
}

int main(int argc, char **argv)
{
    set_up();
    if (argc == 3 && strcmp(argv[1], "export") == 0)
        export(strtoul(argv[2], NULL, 10));
    else if (argc == 2 && strcmp(argv[1], "step") == 0)
        measure_steps();
    else if (argc == 3 && strcmp(argv[1], "time") == 0)
        measure_time(strtoul(argv[2], NULL, 10));
    else
        return 2;
    return 0;
}
