/*
 * The program's side of an exporter process; see exporter_process.h.
 *
 * The exporter process gets the configuration by its environment, so one serves the programs
 * whose variables are the same: the bell's name is a hash of them. Left out is what concerns a
 * program's own spans only, its name above all.
 */
#include "exporter_process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"
#include "config.h"
#include "diag.h"
#include "hook.h"
#include "layout.h"
#include "proc_stat.h"
#include "ring.h"
#include "sdk/clocks.h"
#include "spool/bell.h"
#include "spool/identity.h"
#include "spool/place.h"
#include "spool/spool.h"
#include "spool/spool_file.h"

/* Bounds: variables for the exporter process, and the bytes of those that are not OTEL_*. */
#define MAX_VARIABLES (CONFIG_MAX_FOLLOW_VARS + CONFIG_MAX_FILE_REFERENCES + 40)
#define MAX_TEXT 16384u
/* What an exporter process needs, besides one for each further program. Measured: 10 by HTTP, with its log. */
#define EXPORTER_LEAST_DESCRIPTORS 16u

/* What stays as the constructor made it, in forked children, too. */
UNUSED_AT_START static struct {
    const char *environment[MAX_VARIABLES + 1];
    unsigned nr;
    uint64_t key;
    char command[PATH_MAX]; /* empty: there is none */
    char text[MAX_TEXT];
    size_t used;
} made;

/* Written by the thread that begins, read by all; zeroed in a forked child. */
static struct {
    _Atomic(struct bell *)
        bell; /* once mapped, always there: another file may come into its place */
    char path[SPOOL_PATH_MAX];
    char name[BELL_NAME_MAX];
    _Atomic ino_t inode;
    atomic_bool told;
} remote;

/* ---- constructor ---- */

static bool begins_with(const char *text, const char *const *with, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(text, with[i], strlen(with[i])) == 0)
            return true;
    return false;
}

/* Of a program's own spans, or of whether it is traced at all. */
static bool is_programs_own(const char *entry)
{
    static const char *const own[] = {
        "OTEL_SERVICE_NAME=",  "OTEL_RESOURCE_ATTRIBUTES=",      "OTEL_SHIM_RUN_ID=",
        "OTEL_TRACES_SAMPLER", "OTEL_SHIM_INCLUDE_EXECUTABLES=", "OTEL_SHIM_EXCLUDE_EXECUTABLES=",
        "OTEL_SHIM_REQUIRE_"
    };
    return begins_with(entry, own, COUNT(own));
}

/* Libcurl's, OpenSSL's, the resource detectors'. */
static bool is_needed(const char *entry)
{
    static const char *const needed[] = {
        "http_proxy=",
        "https_proxy=",
        "no_proxy=",
        "all_proxy=",
        "HTTPS_PROXY=",
        "NO_PROXY=",
        "ALL_PROXY=",
        "SSL_CERT_FILE=",
        "SSL_CERT_DIR=",
        "CURL_CA_BUNDLE=",
        "AWS_",
        "K8S_",
        "KUBERNETES_SERVICE_HOST=",
        "HOSTNAME=",
        "DEPLOYMENT_ENVIRONMENT=",
        "PATH=",
    };
    return begins_with(entry, needed, COUNT(needed));
}

static void add(const char *entry)
{
    uint64_t hash = 14695981039346656037u;
    if (made.nr == MAX_VARIABLES)
        return;
    made.environment[made.nr++] = entry;
    for (const char *at = entry; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    made.key += hash; /* in whatever order they come */
}

static void add_copy(const char *entry)
{
    size_t len = strlen(entry) + 1;
    if (len > sizeof made.text - made.used)
        return;
    add(memcpy(made.text + made.used, entry, len));
    made.used += len;
}

static bool try_command(const char *directory, size_t len, const char *name)
{
    int n = snprintf(made.command, sizeof made.command, "%.*s%s", (int)len, directory, name);
    if (n > 0 && (size_t)n < sizeof made.command &&
        syscall(SYS_faccessat, AT_FDCWD, made.command, X_OK) == 0)
        return true;
    made.command[0] = '\0';
    return false;
}

/* Beside us in a build tree, else where `make install` puts it. */
static void find_command(void)
{
    Dl_info info;
    if (config->exporter_command != NULL) {
        try_command("", 0, config->exporter_command);
        return;
    }
    if (!dladdr((void *)find_command, &info) || info.dli_fname == NULL || info.dli_fname[0] != '/')
        return;
    size_t len = (size_t)(strrchr(info.dli_fname, '/') + 1 - info.dli_fname);
    if (!try_command(info.dli_fname, len, "otelshim"))
        try_command(info.dli_fname, len, "../../bin/otelshim");
}

AT_START void remote_init(char *const *environment)
{
    if (config->exporter_runs != EXPORTER_IS_PROCESS)
        return;
    add("OTELSHIM=" OTELSHIM_VERSION);
    for (unsigned i = 0; i < config->nr_follow_vars; i++)
        if (!is_programs_own(config->follow_vars[i]))
            add(config->follow_vars[i]);
    for (unsigned i = 0; i < config->nr_file_references; i++)
        if (!is_needed(config->file_references[i]))
            add_copy(config->file_references[i]);
    for (; *environment != NULL; environment++)
        if (is_needed(*environment))
            add_copy(*environment);
    find_command();
}

/* ---- the bell ---- */

/* It is written to by whoever runs as this user: theirs alone, and as long as it must be. */
static int open_bell(struct stat *is)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, remote.path,
                          O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0)
        return -1;
    bool there = syscall(SYS_newfstatat, fd, "", is, AT_EMPTY_PATH) == 0 && S_ISREG(is->st_mode) &&
                 is->st_uid == (uid_t)syscall(SYS_geteuid) && (is->st_mode & 077) == 0;
    if (there &&
        (is->st_size == BELL_BYTES || (is->st_size == 0 && place_allocate(fd, 0, BELL_BYTES))))
        return fd;
    syscall(SYS_close, fd);
    return -1;
}

/* An owner whom the kernel had no time to remove: the machine was switched off. */
static void look_at_lock(struct bell *bell, int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
    uint32_t owner = atomic_load(&bell->owner);
    if ((owner & FUTEX_TID_MASK) != 0 && syscall(SYS_fcntl, fd, F_OFD_GETLK, &lock) == 0 &&
        lock.l_type == F_UNLCK)
        atomic_compare_exchange_strong(&bell->owner, &owner, 0);
}

/* Maps the file that lies there now, over the one before. */
static bool attach(void)
{
    struct stat is;
    struct bell *before = atomic_load(&remote.bell);
    int fd = open_bell(&is);
    if (fd < 0)
        return false;
    bool mapped = before != NULL && is.st_ino == atomic_load(&remote.inode);
    if (!mapped) {
        void *p = mmap(before, BELL_BYTES, PROT_READ | PROT_WRITE,
                       MAP_SHARED | (before != NULL ? MAP_FIXED : 0), fd, 0);
        mapped = p != MAP_FAILED;
        if (mapped) {
            madvise(p, BELL_BYTES, MADV_DONTFORK);
            atomic_store(&remote.inode, is.st_ino);
            atomic_store(&remote.bell, p);
        }
    }
    if (mapped)
        look_at_lock(atomic_load(&remote.bell), fd);
    syscall(SYS_close, fd);
    return mapped;
}

static void start(struct bell *bell)
{
    uint32_t now_s = (uint32_t)(clock_ns(CLOCK_BOOTTIME) / 1000000000) + 1;
    uint32_t started_s = atomic_load(&bell->starting_s);
    if ((started_s != 0 && now_s - started_s < BELL_START_AGAIN_S) ||
        !atomic_compare_exchange_strong(&bell->starting_s, &started_s, now_s))
        return; /* another thread or program does, or has just tried */
    int error = exporter_start(made.command, remote.name, made.environment);
    if (error != 0 && !atomic_exchange(&remote.told, true))
        diag_log(LOG_WARN, "the exporter process cannot be started (%s): spans stay in the spool",
                 strerrordesc_np(error));
}

/* Says what has come, and wakes an exporter that sleeps less deep than `until`. */
static void ask(uint32_t what, enum bell_state until)
{
    struct bell *bell = atomic_load_explicit(&remote.bell, memory_order_relaxed);
    if ((atomic_load_explicit(&bell->asked, memory_order_relaxed) & what) != what)
        atomic_fetch_or(&bell->asked, what);
    /* Pairs with the fences of the exporter's sleep and of its end (cli/export.c). */
    atomic_thread_fence(memory_order_seq_cst);
    if (unlikely(!bell_has_owner(bell))) {
        uint32_t started_s = atomic_load(&bell->starting_s);
        if (started_s != 0 &&
            (uint32_t)(clock_ns(CLOCK_BOOTTIME) / 1000000000) + 1 - started_s < BELL_START_AGAIN_S)
            return;
        if (!attach())
            return;
        atomic_fetch_or(&bell->asked, what | ASK_JOINED);
        atomic_thread_fence(memory_order_seq_cst);
        if (!bell_has_owner(bell)) {
            start(bell);
            return;
        }
    }
    uint32_t state = atomic_load_explicit(&bell->state, memory_order_relaxed);
    if (state < (uint32_t)until && atomic_compare_exchange_strong(&bell->state, &state, BELL_AWAKE))
        syscall(SYS_futex, &bell->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- what the file says of this process ---- */

static void put_start(struct identity_writer *w)
{
    char text[1024], *end;
    const char *at = place_read_text("/proc/self/stat", text, sizeof text) > 0
                         ? proc_stat_field(text, STAT_STARTED)
                         : NULL;
    if (at == NULL || (end = strchr(at, ' ')) == NULL)
        return;
    *end = '\0';
    identity_put(w, IDENTITY_STARTED, IDENTITY_TEXT, at);
}

/* What only the process itself can say for sure: it may be gone when it is asked for. */
static void identify(struct spool_header *h)
{
    char text[PATH_MAX];
    unsigned char *out = (unsigned char *)h + SPOOL_IDENTITY_AT;
    struct identity_writer w = { out + h->identity_bytes[0], out + SPOOL_IDENTITY_BYTES };
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", text, sizeof text - 1);
    if (n > 0) {
        text[n] = '\0';
        identity_put(&w, "process.executable.path", IDENTITY_TEXT, text);
    }
    snprintf(text, sizeof text, "%ld", syscall(SYS_getppid));
    identity_put(&w, "process.parent_pid", IDENTITY_NUMBER, text);
    put_start(&w);
    h->identity_bytes[0] = (uint32_t)(w.at - out);
}

/* ---- for worker.c ---- */

static bool is_relative(const char *path)
{
    return path != NULL && *path != '/';
}

/* It runs within our hard limits, and works for others, too. */
static bool limits_suffice(void)
{
    struct rlimit descriptors, file;
    return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &descriptors) == 0 &&
           syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &file) == 0 &&
           descriptors.rlim_max >= EXPORTER_LEAST_DESCRIPTORS && file.rlim_max >= SPOOL_MAX_BYTES;
}

/* The exporter process runs elsewhere: it can neither write to this program's terminal nor find what
 * is named from its directory. */
static const char *why_not(const struct spool *spool)
{
    int reaper = 0;
    if (spool == NULL || spool->header == NULL)
        return "there is no spool";
    if ((config->exporters & ~(uint32_t)(EXPORTER_OTLP | EXPORTER_ZIPKIN)) != 0)
        return "a destination is this program's own";
    if (is_relative(config->config_file) || is_relative(config->log_file) ||
        is_relative(config->exporter_path) || is_relative(config->otlp.certificate) ||
        is_relative(config->otlp.client_key) || is_relative(config->otlp.client_certificate))
        return "a path in the configuration is relative";
    if (made.command[0] == '\0')
        return "the command otelshim is not there (OTEL_SHIM_EXPORTER_COMMAND)";
    if (!limits_suffice())
        return "this program's hard limits on descriptors or files are too low for it";
    /* Who has no parent becomes this program's child: it would see it end. */
    if (syscall(SYS_getpid) == 1 || syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, &reaper) != 0 ||
        reaper != 0)
        return "this program is given the children of others";
    return NULL;
}

/* Processes are looked for in our pid namespace, collectors in our network. */
static bool find_bell(const struct spool *spool)
{
    ino_t pids = place_pid_namespace();
    struct stat network = { 0 };
    const char *slash = strrchr(spool->path, '/');
    syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/net", &network, 0);
    uint64_t key = made.key ^ (uint64_t)pids * 0x9e3779b97f4a7c15u ^
                   (uint64_t)network.st_ino * 0xbf58476d1ce4e5b9u;
    snprintf(remote.name, sizeof remote.name, BELL_NAME, (unsigned long long)key);
    int n = snprintf(remote.path, sizeof remote.path, "%.*s/%s", (int)(slash - spool->path),
                     spool->path, remote.name);
    return pids != 0 && n > 0 && (size_t)n < sizeof remote.path && attach();
}

bool remote_begin(void)
{
    if (config->exporter_runs != EXPORTER_IS_PROCESS)
        return false;
    struct spool *spool = ring_spool();
    const char *why = why_not(spool);
    if (why == NULL && atomic_load(&remote.bell) == NULL && !find_bell(spool))
        why = "its file cannot be made";
    if (why != NULL) {
        diag_log(LOG_INFO, "the exporter is a thread of this program, not a process: %s", why);
        return false;
    }
    struct spool_header *h = spool->header;
    if (atomic_load(&h->reader) == SPOOL_READ_BY_WORKER) {
        identify(h);
        place_say(h);
        /* The last word: a reader does not look at the file before it. */
        atomic_store_explicit(&h->reader, SPOOL_READ_BY_PROCESS, memory_order_release);
    }
    atomic_store(&h->ended, 0);
    atomic_store(&h->end, SPOOL_GOES_ON);
    atomic_fetch_or(&atomic_load(&remote.bell)->asked, ASK_JOINED);
    return true;
}

void remote_notify(bool urgent)
{
    if (urgent)
        ask(ASK_RECORDS | ASK_NOW, BELL_AWAKE);
    else
        ask(ASK_RECORDS, BELL_ARMED);
}

void remote_hurry(void)
{
    ask(ASK_RECORDS | ASK_SOON, BELL_SOON);
}

static bool all_is_delivered(void)
{
    for (unsigned i = 0; i < RING_COUNT; i++) {
        struct ring *ring = ring_at(i);
        if (ring != NULL && ring_used(ring) != 0)
            return false;
    }
    return true;
}

bool remote_end(bool for_good)
{
    struct spool_header *h = ring_spool()->header;
    for (int i = 0; i < DROP_COUNT; i++)
        h->drops[i] = diag_dropped((enum drop_reason)i);
    bool delivered = all_is_delivered();
    atomic_store(&h->ended, 1); /* for others than the exporter process: nothing was cut off */
    atomic_store_explicit(&h->end, for_good ? SPOOL_ENDED : SPOOL_HANDED_ON, memory_order_release);
    if (delivered && !bell_has_owner(atomic_load(&remote.bell)))
        return true; /* none is started for an empty file */
    remote_hurry();
    return false;
}

void remote_account(uint64_t *delivered, uint64_t *rejected)
{
    const struct spool_header *h = ring_spool()->header;
    *delivered = h->delivered;
    *rejected = h->rejected;
}

void remote_fork_child(void)
{
    memset(&remote, 0, sizeof remote);
}
