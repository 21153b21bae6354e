/*
 * What the background thread does: leave the program's fds alone, open the
 * exporter object, drain rings into it, and wait, on its futex or on the network.
 *
 * Its fd table is its own (CLOSE_RANGE_UNSHARE): the program can neither see,
 * close nor inherit what it opens, and it keeps no pipe of the program's open.
 */
#include "worker_thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "config.h"
#include "diag.h"
#include "exporter.h"
#include "layout.h"
#include "process_state.h"
#include "ring.h"
#include "sdk/clocks.h"
#include "spool/deferred.h"
#include "spool/reaped.h"
#include "spool/recovery.h"
#include "spool/spool.h"
#include "worker.h"
#include "worker_report.h"

/* While a request is under way the worker looks at the rings this often: it can
 * sleep on the network or on its futex, not on both. Grows while nothing comes. */
#define NETWORK_SLICE_MIN_NS 1000000ull
#define NETWORK_SLICE_MAX_NS 100000000ull
/* A burst that moved so many records says that more come soon, and fill a ring before
 * the network has answered: then the worker waits on its futex, where a half full
 * ring wakes it, and looks at the network this often. */
#define BUSY_RECORDS 128u
#define BUSY_SLICE_NS 1000000ull
/* How often leftovers of other processes are looked for, where spans are being delivered; how
 * long an exit goes on with those that there are. */
#define RECOVERY_LOOK_NS 10000000000ull
#define RECOVERY_AT_EXIT_NS 100000000ull
/* After the main thread has ended: how often to look whether others live on. */
#define LAST_THREAD_LOOK_NS 1000000000ull

/* The worker's own; reset in a forked child. */
static struct {
    const struct exporter_ops *exporter;
    bool exporter_failed;
    uint64_t due_mono_ns; /* when the records that wait shall be sent, 0 = none wait */
    uint64_t wanted_ns;   /* when the exporter wants to run */
    bool queue_full;      /* the exporter took no more at the last look */
    /* Of what the exporter has: records of others' spool files come first, then our own. */
    uint64_t recovered, own;
    uint64_t looked_ns; /* when leftovers were last looked for, 0 = never */
    bool leftovers;     /* there are some */
    bool reaped;        /* of a child that was killed */
    bool catching_up;   /* they are our own, put off while the collector was away */
    bool own_fds, has_spool;
} self;

/* The program's, as it was started: setproctitle writes over argv[0], which glibc's own name
 * points into. Constructor; the same in a forked child. */
static char program_name[256];

AT_START void worker_name_program(void)
{
    strncpy(program_name, program_invocation_short_name, sizeof program_name - 1);
}

const char *spool_program_name(void)
{
    return program_name;
}

static const char *scope_name(unsigned scope)
{
    return scope < registry_count ? registry[scope]->name : NULL;
}

/*
 * A program that exports OpenSSL's names (built -rdynamic, Node) would capture our
 * libcurl's calls: then it is bound to its own libraries first. Not always so:
 * under an allocator of the program's, bound to libc's malloc it would free what
 * the other one gave. With both there is no safe way in.
 */
static bool binding_flags(int *flags)
{
    if (!real_is_foreign("SSL_CTX_new", "libssl.") && !real_is_foreign("SSL_new", "libssl.") &&
        !real_is_foreign("SSL_CTX_free", "libssl.") &&
        !real_is_foreign("OPENSSL_init_ssl", "libssl.") &&
        !real_is_foreign("EVP_MD_CTX_new", "libcrypto.") &&
        !real_is_foreign("CRYPTO_free", "libcrypto."))
        return true;
    *flags |= RTLD_DEEPBIND;
    return !real_is_foreign("malloc", "libc.so.") && !real_is_foreign("free", "libc.so.");
}

/* The loader's hooks pass calls of this thread through; named here for the exporter. */
static void *host_dlopen(const char *name, int flags)
{
    if (!binding_flags(&flags)) {
        diag_log(LOG_ERROR,
                 "the program has an OpenSSL and an allocator of its own: %s cannot "
                 "be loaded beside them, spans are lost; OTEL_SHIM_EXPORTER=process sends them",
                 name);
        return NULL;
    }
    void *handle = dlopen(name, flags);
    real_objects_changed(); /* a second libcurl may be here now */
    return handle;
}

static void *host_dlsym(void *handle, const char *name)
{
    return dlsym(handle, name);
}

static bool plugin_is_allowed(const char *path)
{
    return config_exporter_is_allowed(config, path, true);
}

static bool defer_batch(uint64_t spans);

static const struct exporter_host *host(void)
{
    static struct exporter_host h;
    h = (struct exporter_host){
        .log = diag_log,
        .drop = diag_drop,
        .progress = worker_progress,
        .defer = defer_batch,
        .account = worker_account,
        .scope_name = scope_name,
        .version = OTELSHIM_VERSION,
        .executable_name = program_name,
        .pid = process_state->pid,
        .console_fd = fcntl(2, F_GETFD) >= 0 ? 2 : -1,
        .stdout_fd = fcntl(1, F_GETFD) >= 0 ? 1 : -1,
        .plugin_is_allowed = plugin_is_allowed,
        .dlopen = host_dlopen,
        .dlsym = host_dlsym,
        .recovery = &recovery_account,
    };
    return &h;
}

/* The exporter object: named by the user, else beside us. */
static bool exporter_file(char path[static 4096])
{
    if (config->exporter_path != NULL)
        return (size_t)snprintf(path, 4096, "%s", config->exporter_path) < 4096;
    Dl_info info;
    if (!dladdr((void *)exporter_file, &info) || info.dli_fname == NULL)
        return false;
    const char *slash = strrchr(info.dli_fname, '/');
    size_t dir = slash != NULL ? (size_t)(slash + 1 - info.dli_fname) : 0;
    return (size_t)snprintf(path, 4096, "%.*slibotelshim-exporter.so", (int)dir, info.dli_fname) <
           4096;
}

static const struct exporter_ops *open_exporter(void)
{
    char path[4096];
    if (worker_opens_late() && real_object_is_loaded("libcrypto.so")) {
        diag_log(LOG_WARN, "the process ended on a way that leaves no time to open the "
                           "exporter: spans are lost");
        return NULL;
    }
    if (!exporter_file(path)) {
        diag_log(LOG_ERROR, "where the exporter object lies is unknown: spans are lost; set "
                            "OTEL_SHIM_EXPORTER_PATH");
        return NULL;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        diag_log(LOG_ERROR, "the exporter object cannot be loaded, spans are lost: %s", dlerror());
        return NULL;
    }
    const struct exporter_ops *(*entry)(void) =
        (const struct exporter_ops *(*)(void))dlsym(handle, EXPORTER_ENTRY);
    const struct exporter_ops *ops = entry != NULL ? entry() : NULL;
    if (ops == NULL || ops->abi != EXPORTER_ABI) {
        diag_log(LOG_ERROR, "%s is of another version than the shim: spans are lost", path);
        return NULL;
    }
    worker_accounts_begin();
    if (ops->open(config, host()) != 0)
        return NULL;
    spool_identify(ring_spool(), ops->describe);
    return ops;
}

/* Under the lock. */
static bool have_exporter(void)
{
    if (self.exporter == NULL && !self.exporter_failed) {
        self.exporter = open_exporter();
        self.exporter_failed = self.exporter == NULL;
        real_objects_changed();
        worker_exit_handlers();
        worker_progress();
    }
    return self.exporter != NULL;
}

AT_START bool worker_records_wait(void)
{
    for (unsigned i = 0; i < RING_COUNT; i++) {
        struct ring *ring = ring_at(i);
        if (ring != NULL && ring_used(ring) != 0)
            return true;
    }
    return false;
}

bool worker_is_behind(void)
{
    for (unsigned i = 0; i < RING_COUNT; i++) {
        struct ring *ring = ring_at(i);
        if (ring != NULL && ring_used(ring) > RING_DATA_BYTES / 2)
            return true;
    }
    return false;
}

/* The exporter has a record of ours from now on, and the journal until it is delivered. */
static bool hand_over(const struct record *r, int64_t offset_ns)
{
    if (!journal_append(r, offset_ns))
        return false;
    if (!self.exporter->accept(r, offset_ns)) {
        journal_take_back();
        return false;
    }
    self.own++;
    return true;
}

/* What the exporter is done with. It keeps the order in which it took them. */
static void settle(void)
{
    uint64_t pending = self.exporter->pending(), had = self.recovered + self.own;
    uint64_t done = had > pending ? had - pending : 0;
    uint64_t recovered = done < self.recovered ? done : self.recovered;
    self.recovered -= recovered;
    self.own -= done - recovered;
    journal_retire_to(self.own);
}

static bool defer(const struct record *r, int64_t offset_ns)
{
    return deferred_put(config, ring_spool(), r, offset_ns);
}

/* For the exporter: what it gives up is still in the journal; others' is in their files. */
static bool defer_batch(uint64_t spans)
{
    settle();
    return spans >= self.recovered && journal_read(spans - self.recovered, defer);
}

/* What the exporter takes; or, where it is full because its receiver is away, a file. */
static bool take(const struct record *r, int64_t offset_ns)
{
    if (hand_over(r, offset_ns))
        return true;
    if (!self.exporter->failing() || !defer(r, offset_ns))
        return false;
    diag_drop(DROP_SPOOLED, 1);
    return true;
}

/* Moves records from one ring to the exporter. False: the exporter's queue is full. */
static bool drain_ring(struct ring *ring, int64_t offset_ns, uint64_t *moved)
{
    const struct record *r;
    while ((r = ring_peek(ring)) != NULL) {
        if (self.exporter == NULL)
            diag_drop(DROP_NO_EXPORTER, 1);
        else if (r->type == RECORD_SPAN && (r->flags & RECORD_SAMPLED) && !take(r, offset_ns))
            return false;
        ring_consume(ring, r);
        ++*moved;
    }
    return true;
}

/* Under the lock. Number of records moved. Starts at another ring each time, so
 * that a full queue starves no thread. */
static uint64_t drain(void)
{
    static unsigned first; /* the worker's; harmless in a child */
    uint64_t moved = 0;
    int64_t offset_ns = clock_real_minus_mono_ns();
    spool_seen(ring_spool(), offset_ns);
    first++;
    self.queue_full = false;
    for (unsigned i = 0; i < RING_COUNT && !self.queue_full; i++) {
        struct ring *ring = ring_at((first + i) % RING_COUNT);
        if (ring != NULL)
            self.queue_full = !drain_ring(ring, offset_ns, &moved);
    }
    ring_reap();
    return moved;
}

/* A worker that was started for something else than a record was there before the file. */
static void find_spool(void)
{
    if (self.has_spool)
        return;
    self.has_spool = worker_begin_spool(self.own_fds);
    if (self.has_spool && self.exporter != NULL)
        spool_identify(ring_spool(), self.exporter->describe);
}

/* One burst: rings into the exporter, exporter forward. */
static uint64_t burst(bool flush)
{
    worker_take_lock();
    find_spool();
    uint64_t moved = 0;
    if (have_exporter() || worker_records_wait())
        moved = drain();
    self.wanted_ns = UINT64_MAX;
    if (self.exporter != NULL) {
        for (;;) {
            self.wanted_ns = self.exporter->run(clock_mono_ns(), flush);
            settle();
            uint64_t more = self.exporter->in_flight() ? 0 : drain();
            moved += more;
            if (more == 0)
                break;
        }
    }
    worker_drop_lock();
    return moved;
}

/* Children that were killed: their files wait, whether anything was delivered yet or not. */
static void look_at_reaped(void)
{
    struct reaped child;
    if (!reaped_waits())
        return;
    worker_take_lock();
    find_spool();
    unsigned found = 0;
    while (reaped_take(&child))
        found += recovery_reaped(config, spool_destination(config), child.pid, child.signal,
                                 child.mono_ns);
    if (found > 0 && have_exporter())
        self.leftovers = self.reaped = true;
    worker_drop_lock();
}

/*
 * Goes on with what other processes have left, once the collector has shown that it takes
 * spans and has all of ours. True: the exporter was given some.
 */
static bool recover(void)
{
    uint64_t now = clock_mono_ns();
    uint64_t destination = spool_destination(config);
    look_at_reaped();
    if (self.exporter == NULL || self.exporter->pending() != 0 ||
        (worker_delivered() == 0 && !self.reaped) || self.exporter->failing())
        return false;
    bool look = self.looked_ns == 0 || now - self.looked_ns >= RECOVERY_LOOK_NS;
    if (!look && !self.leftovers && !deferred_any())
        return false;
    worker_take_lock();
    find_spool();
    /* The collector is back: ours are leftovers now. */
    if (deferred_any()) {
        deferred_finish();
        deferred_none();
        look = self.catching_up = true;
    }
    if (look) {
        self.looked_ns = now;
        self.leftovers = recovery_look(config, destination) > 0;
    }
    if (self.leftovers)
        self.recovered = recovery_feed(config, destination, self.exporter);
    self.leftovers = self.recovered > 0;
    self.reaped &= self.leftovers;
    self.catching_up &= self.leftovers;
    worker_drop_lock();
    return self.recovered > 0;
}

/*
 * What was put off goes out between our own batches: a part of one is sent at once, for else
 * a busy program would never have an empty queue.
 */
static bool must_make_way(void)
{
    return (deferred_any() || self.catching_up) && self.exporter != NULL &&
           self.exporter->pending() != 0 && !self.exporter->failing();
}

static bool in_flight(void)
{
    return self.exporter != NULL && self.exporter->in_flight();
}

static void wait_for_network(uint64_t *slice_ns)
{
    uint64_t now = clock_mono_ns();
    uint64_t ns = self.wanted_ns > now ? self.wanted_ns - now : 0;
    worker_on_network(true);
    self.exporter->wait(ns < *slice_ns ? ns : *slice_ns);
    worker_on_network(false);
    *slice_ns *= 2;
    if (*slice_ns > NETWORK_SLICE_MAX_NS)
        *slice_ns = NETWORK_SLICE_MAX_NS;
}

/*
 * Sends all there is: done when nothing is pending, or when the exporter has given
 * up for now (it waits for a retry): whoever waits for the flush waits no more.
 */
static void flush(void)
{
    uint32_t ticket = worker_flush_ticket();
    uint64_t slice_ns = NETWORK_SLICE_MIN_NS;
    uint64_t left = UINT64_MAX;
    uint64_t recover_until_ns = clock_mono_ns() + RECOVERY_AT_EXIT_NS;
    look_at_reaped();
    if (self.exporter != NULL || worker_records_wait() || worker_open_is_wanted())
        burst(true);
    while (!worker_must_stop() && self.exporter != NULL) {
        if (in_flight()) {
            wait_for_network(&slice_ns);
        } else {
            uint64_t now_left = self.exporter->pending();
            if (now_left >= left)
                break;
            if (now_left == 0 && (clock_mono_ns() >= recover_until_ns || !recover()))
                break;
            left = now_left > 0 ? now_left : UINT64_MAX;
        }
        burst(true);
    }
    self.due_mono_ns = 0;
    worker_flush_finished(ticket);
}

/*
 * The main thread is gone. If ours is the only one left, the program is over and
 * must not be kept. Its status is that of the thread that ended last: the main
 * thread's, unless others lived on, who end with 0 but for a raw exit.
 */
static void end_if_alone(void)
{
    static bool others_lived; /* the worker's; a child's main thread is the forking one */
    worker_take_lock();
    bool alone = worker_count_threads() <= 2; /* ours, and the main thread's remains */
    int code = alone && !others_lived ? worker_main_thread_exit_code() : 0;
    worker_drop_lock();
    others_lived = !alone;
    if (!alone)
        return;
    worker_process_ends(code);
    flush();
    worker_leave_spool();
    worker_report();
    syscall(SYS_exit, code);
}

/* Records or a partial batch wait: they are due a schedule delay from now. */
static void arm(void)
{
    if (self.due_mono_ns == 0)
        self.due_mono_ns = clock_mono_ns() + (uint64_t)config->bsp.schedule_delay_ms * 1000000u;
}

/* Sleeps until a batch is due, the exporter wants to run, or somebody wakes us; does
 * what is due then. */
static void rest(void)
{
    uint64_t now = clock_mono_ns();
    uint64_t until = self.due_mono_ns != 0 ? self.due_mono_ns : UINT64_MAX;
    until = self.wanted_ns < until ? self.wanted_ns : until;
    if (worker_main_thread_ended() && until > now + LAST_THREAD_LOOK_NS)
        until = now + LAST_THREAD_LOOK_NS;
    uint64_t ns = until == UINT64_MAX ? UINT64_MAX : until > now ? until - now : 0;

    bool idle = self.due_mono_ns == 0 && (self.exporter == NULL || self.exporter->pending() == 0);
    switch (worker_sleep(ns, self.queue_full ? REST_BLOCKED : idle ? REST_IDLE : REST_ARMED)) {
    case WAKE_RECORD: arm(); break;
    case WAKE_NOW:
        if (worker_flush_is_wanted() || worker_must_stop() || reaped_waits())
            break;
        burst(false);
        break;
    case WAKE_TIMEOUT:
        now = clock_mono_ns();
        if (self.due_mono_ns != 0 && now >= self.due_mono_ns) {
            self.due_mono_ns = 0;
            burst(false); /* a flush would end the exporter's waits between retries */
        } else if (self.wanted_ns <= now) {
            burst(false);
        }
        break;
    }
}

/* The connections of the exporter go with this thread's fd table: what it still has
 * is lost, and the next worker opens it anew. */
static void close_exporter(void)
{
    if (self.exporter != NULL)
        self.exporter->close();
    recovery_stop();
    deferred_finish(); /* its descriptor goes, too */
    self.exporter = NULL;
    self.own = self.recovered = 0;
    self.has_spool = false;
    self.due_mono_ns = 0;
}

void worker_thread_run(void)
{
    prctl(PR_SET_NAME, "otelshim");
    self.own_fds = worker_leave_fds();
    self.has_spool = worker_begin_spool(self.own_fds);
    uint64_t slice_ns = NETWORK_SLICE_MIN_NS, moved = 0;
    self.wanted_ns = UINT64_MAX;
    arm();
    worker_set_running();
    while (!worker_must_stop()) {
        if (worker_flush_is_wanted()) {
            flush();
        } else if (in_flight()) {
            if (moved >= BUSY_RECORDS && !self.queue_full)
                worker_sleep(BUSY_SLICE_NS, REST_ARMED);
            else
                wait_for_network(&slice_ns);
            moved = burst(false);
            if (moved != 0)
                slice_ns = NETWORK_SLICE_MIN_NS;
        } else {
            moved = BUSY_RECORDS; /* a batch is complete as a rule because they come fast */
            slice_ns = NETWORK_SLICE_MIN_NS;
            if (worker_main_thread_ended())
                end_if_alone();
            if (recover() || must_make_way())
                burst(true);
            else
                rest();
        }
    }
    close_exporter();
    worker_flush_finished(worker_flush_ticket()); /* whoever waits for one waits for nobody */
}

void worker_thread_fork_child(void)
{
    memset(&self, 0, sizeof self); /* the parent's handles are dropped, not freed */
    worker_report_fork_child();
    worker_spool_fork_child();
}
