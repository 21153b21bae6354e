/*
 * Programs' files as the exporter process works on them (cli/export_clients.h), for its units: the records are
 * written by ring.h into files that are mapped, as programs do; the exporter is one that counts what it is handed.
 */
#ifndef TESTS_UNIT_EXPORT_CLIENTS_CASE_H
#define TESTS_UNIT_EXPORT_CLIENTS_CASE_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../cli/export_client_identity.h"
#include "../../cli/export_clients.h"
#include "config.h"
#include "make_record.h"
#include "no_hooks.h"
#include "sdk/clocks.h"
#include "spool/identity.h"
#include "spool/recovery.h"
#include "spool/spool.h"

/* ---- the exporter ---- */

#define SPANS_MAX 20000u
static unsigned times[SPANS_MAX]; /* that a span came, by its number */
static struct {
    uint32_t pending[CLIENTS_CHUNK];
    unsigned nr_pending, room, identities, accepted;
    bool refuses, fails;
} sink;

static inline size_t describe(unsigned char *out, size_t max)
{
    struct identity_writer w = { out, out + max };
    identity_put(&w, "host.name", IDENTITY_TEXT, "here");
    return (size_t)(w.at - out);
}

static inline bool adopt(const unsigned char *identity, size_t bytes)
{
    sink.identities += identity != NULL && bytes > 0;
    return !sink.refuses;
}

static inline bool accept_adopted(const struct record *r, int64_t real_minus_mono_ns)
{
    if (sink.nr_pending == sink.room)
        return false;
    sink.accepted++;
    memcpy(&sink.pending[sink.nr_pending++], r->span_id, sizeof sink.pending[0]);
    return true;
}

static const struct exporter_ops exporter = { .describe = describe,
                                              .adopt = adopt,
                                              .accept_adopted = accept_adopted };

void exporter_host_wait(const struct exporter_ops *ops)
{
    for (unsigned i = 0; i < sink.nr_pending && !sink.fails; i++)
        if (sink.pending[i] < SPANS_MAX)
            times[sink.pending[i]]++;
    if (sink.fails)
        recovery_account.drops[DROP_RETRIES] += sink.nr_pending;
    else
        recovery_account.delivered += sink.nr_pending;
    sink.nr_pending = 0;
}

void exporter_host_take_in_hand(const struct leftover *l)
{
}

/* ---- its log ---- */

static char last_line[256], counts[256];
static unsigned nr_lines;

static inline void __attribute__((format(printf, 2, 3)))
log_line(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(last_line, sizeof last_line, format, args);
    va_end(args);
    nr_lines++;
}

static inline void __attribute__((format(printf, 2, 3))) tell(int pid, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(counts, sizeof counts, format, args);
    va_end(args);
}

/* ---- the directory ---- */

static char directory[] = "/tmp/otelshim-test-XXXXXX";
static struct config mine;
static struct clients_host host;

static inline void begin(void)
{
    become_program();
    cr_assert_not_null(mkdtemp(directory));
    mine = (struct config){ .exporters = EXPORTER_OTLP,
                            .spool_dir = directory,
                            .spool_max_bytes = UINT32_MAX,
                            .spool_max_age_s = 3600,
                            .detectors = DETECT_PROCESS,
                            .bsp = { .max_export_batch_size = CLIENTS_CHUNK } };
    config = &mine;
    sink.room = CLIENTS_CHUNK;
    signal(SIGXFSZ, SIG_IGN);
    host = (struct clients_host){ open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &exporter,
                                  tell, log_line };
    cr_assert_geq(host.directory, 0);
}

static inline void end(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

/* A program that does nothing, so that there is a process of that number. */
static inline int process(void)
{
    int parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent)
            pause();
        _exit(0);
    }
    cr_assert_gt(pid, 0);
    return pid;
}

static inline void kill_process(int pid)
{
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

struct program {
    int pid, fd;
    char name[64];
    struct spool_header *header;
    struct ring *rings[2];
};

static inline struct program program_of(int pid)
{
    static uint64_t later_ns; /* two are never made at the same moment */
    struct program p = { .pid = pid };
    uint64_t boot_ns = (uint64_t)clock_ns(CLOCK_BOOTTIME) + ++later_ns;
    snprintf(p.name, sizeof p.name, SPOOL_NAME, pid, (unsigned long long)boot_ns,
             (unsigned long long)spool_destination(config));
    p.fd = openat(host.directory, p.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cr_assert_geq(p.fd, 0);
    cr_assert_eq(ftruncate(p.fd, SPOOL_RINGS_AT + COUNT(p.rings) * SPOOL_RING_BYTES), 0);
    p.header = mmap(NULL, SPOOL_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, p.fd, 0);
    cr_assert_neq(p.header, MAP_FAILED);
    for (unsigned i = 0; i < COUNT(p.rings); i++) {
        p.rings[i] = mmap(NULL, SPOOL_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, p.fd,
                          SPOOL_RINGS_AT + i * SPOOL_RING_BYTES);
        cr_assert_neq(p.rings[i], MAP_FAILED);
    }
    memcpy(p.header->magic, SPOOL_MAGIC, sizeof SPOOL_MAGIC);
    p.header->format = SPOOL_FORMAT;
    p.header->numbers = SPOOL_NUMBERS;
    memcpy(p.header->version, OTELSHIM_VERSION, sizeof OTELSHIM_VERSION);
    p.header->pid = pid;
    p.header->created_boot_ns = boot_ns + 20000000; /* a start is known by the clock's ticks only */
    p.header->destination = spool_destination(config);
    p.header->reader = SPOOL_READ_BY_PROCESS;
    return p;
}

/* One span more in its ring, of this number. False: it has no room. */
static inline bool record(struct program *p, unsigned ring, uint32_t number)
{
    struct made_record *r = record_begin(1, 1, 0);
    record_name(r, "something that has a name of a length");
    memcpy(r->u.head.span_id, &number, sizeof number);
    void *room = ring_reserve(p->rings[ring], r->u.head.size);
    if (room != NULL) {
        memcpy(room, r, r->u.head.size);
        p->rings[ring]->made++;
        ring_commit(p->rings[ring], r->u.head.size);
    }
    free(r);
    return room != NULL;
}

static inline void records(struct program *p, unsigned ring, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n++)
        cr_assert(record(p, ring, n));
}

static inline bool is_there(const struct program *p)
{
    return faccessat(host.directory, p->name, F_OK, 0) == 0;
}

static inline bool is_locked(const struct program *p)
{
    int fd = openat(host.directory, p->name, O_RDWR | O_CLOEXEC);
    bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

static inline struct round scan(void)
{
    struct round round = { 0 };
    clients_scan(&host, &round);
    return round;
}

static inline struct round send(void)
{
    struct round round = { 0 };
    clients_send(&host, &round);
    return round;
}

static inline void assert_times(uint32_t from, uint32_t to, unsigned wanted)
{
    for (uint32_t n = from; n < to; n++)
        cr_assert_eq(times[n], wanted, "span %u came %u times", n, times[n]);
}

static inline void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
