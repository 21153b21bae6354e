/*
 * otelshim export: the exporter process. It sends what the programs of one user and one
 * configuration record that have OTEL_SHIM_EXPORTER=process; one of them has started it
 * (shim/exporter_process.c), and it ends when nothing has come for a while.
 *
 * It sleeps on the bell (shim/spool/bell.h), not at all while there is nothing to do but that
 * one wait; a batch is due a schedule delay after its first record, as in a program.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "export_clients.h"
#include "spool/bell.h"
#include "spool/recovery.h"
#include "spool/spool.h"

#define NEVER UINT64_MAX
#define NS_PER_MS 1000000ull
/* After the end of a program, for those that end with it. */
#define SOON_NS (100 * NS_PER_MS)
/* After the collector has taken nothing: the exporter has made its attempts then. */
#define BACK_OFF_NS (1000 * NS_PER_MS)
/* How often leftovers of killed programs are looked for, where something is being sent. */
#define RECOVERY_LOOK_NS (10000 * NS_PER_MS)
/* How long one that is about to end keeps the lock, at most. */
#define LOCK_TRIES 100u
#define LOCK_TRY_NS (10 * NS_PER_MS)

static struct {
    struct bell *bell;
    const char *name;
    int directory, bell_fd;
    const struct exporter_ops *exporter;
    uint64_t due_ns;           /* when to look at the rings */
    uint64_t active_ns;        /* when something was asked or sent last */
    uint64_t looked_ns;        /* for leftovers */
    bool backing_off;          /* the collector took nothing */
    bool rescan;               /* programs have come */
    volatile sig_atomic_t cut; /* the bell's file was, by somebody else */
} self = { .directory = -1, .bell_fd = -1 };

/* ---- our log ---- */

static void __attribute__((format(printf, 3, 0)))
write_line(int pid, enum log_level level, const char *format, va_list args)
{
    static const char *const names[] = { "", "error", "warn", "info", "debug", "trace" };
    char line[1024];
    int fd =
        config->log_file != NULL
            ? open(config->log_file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644)
            : -1;
    if (fd < 0)
        return;
    int n = snprintf(line, sizeof line, "otelshim[%d]: %s: ", pid, names[level]);
    n += vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    if (n > (int)sizeof line - 2)
        n = (int)sizeof line - 2;
    line[n++] = '\n';
    ssize_t written = write(fd, line, (size_t)n);
    (void)written; /* there is nobody to tell */
    close(fd);
}

static void __attribute__((format(printf, 2, 3)))
log_line(enum log_level level, const char *format, ...)
{
    va_list args;
    if (level > config->log_level)
        return;
    va_start(args, format);
    write_line(getpid(), level, format, args);
    va_end(args);
}

static void __attribute__((format(printf, 2, 3))) tell(int pid, const char *format, ...)
{
    va_list args;
    if (config->log_level < LOG_DEBUG)
        return;
    va_start(args, format);
    write_line(pid, LOG_DEBUG, format, args);
    va_end(args);
}

/* ---- becoming the one ---- */

/* The bell is mapped, and whoever runs as this user can cut its file: a page of our own takes its
 * place, so that serve() comes to its end. Any other fault is met again, and ends us. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    void *page = MAP_FAILED;
    if ((uintptr_t)info->si_addr - (uintptr_t)self.bell < BELL_BYTES)
        page = mmap(self.bell, BELL_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (page != MAP_FAILED)
        self.cut = true;
    else
        signal(signal_number, SIG_DFL);
}

/* What the program that started us has left in force. */
static void leave_program(void)
{
    sigset_t none;
    struct rlimit limit;
    cpu_set_t all;
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a hard limit of its on files: what is written beyond fails */
    sigaction(SIGBUS, &(struct sigaction){ .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO },
              NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    syscall(SYS_close_range, 0u, ~0u, 0);
    while (open("/dev/null", O_RDWR) < 2)
        ;
    umask(077);
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
            continue;
        limit.rlim_cur = limit.rlim_max;
        setrlimit((__rlimit_resource_t)resource, &limit);
    }
    /* Not on the processor that the program is bound to, nor with its right of way. */
    memset(&all, 0xff, sizeof all);
    sched_setaffinity(0, sizeof all, &all);
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
    if (getpriority(PRIO_PROCESS, 0) < 0)
        setpriority(PRIO_PROCESS, 0, 0);
    if (chdir("/") != 0)
        return;
}

static int try_lock(int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* Opens and locks the file of that name. False: another process is the one, or it cannot be. */
static bool take_bell(void)
{
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        struct stat is;
        int fd = openat(self.directory, self.name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || fstat(fd, &is) != 0 || !S_ISREG(is.st_mode) || is.st_uid != geteuid() ||
            (is.st_mode & 077) != 0 || posix_fallocate(fd, 0, BELL_BYTES) != 0)
            return false;
        void *p = mmap(NULL, BELL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            return false;
        self.bell = p;
        self.bell_fd = fd;
        if (try_lock(fd) == 0) {
            /* Whoever had it may have removed it. */
            if (fstat(fd, &is) == 0 && is.st_nlink == 1)
                return true;
        } else if (bell_has_owner(self.bell)) {
            return false;
        } else {
            nanosleep(&(struct timespec){ .tv_nsec = LOCK_TRY_NS }, NULL);
        }
        munmap(p, BELL_BYTES);
        close(fd);
    }
    return false;
}

/* The kernel takes our number out of the word when we end, however that is. */
static void own_bell(void)
{
    static struct robust_list entry;
    static struct robust_list_head head;
    entry.next = &head.list;
    head.list.next = &entry;
    head.futex_offset = (long)((uintptr_t)&self.bell->owner - (uintptr_t)&entry);
    syscall(SYS_set_robust_list, &head, sizeof head);
    atomic_store(&self.bell->state, BELL_AWAKE);
    atomic_store(&self.bell->owner, (uint32_t)syscall(SYS_gettid));
}

/* ---- the work ---- */

static void recover(uint64_t now_ns, struct round *round)
{
    if (!round->deaths && self.looked_ns != 0 && now_ns - self.looked_ns < RECOVERY_LOOK_NS)
        return;
    self.looked_ns = now_ns;
    uint64_t destination = spool_destination(config);
    if (recovery_look(config, destination) == 0)
        return;
    while (recovery_feed(config, destination, self.exporter) > 0) {
        round->sent = true;
        exporter_host_wait(self.exporter);
    }
}

static void work(uint64_t now_ns)
{
    struct round round = { 0 };
    const struct clients_host host = { self.directory, self.exporter, tell, log_line };
    if (self.rescan)
        clients_scan(&host, &round);
    self.rescan = round.overflow;
    clients_send(&host, &round);
    if (!round.failed && !round.more)
        recover(now_ns, &round);
    self.backing_off = round.failed;
    self.due_ns = round.failed ? exporter_host_now_ns() + BACK_OFF_NS : round.more ? now_ns : NEVER;
    if (round.sent)
        self.active_ns = exporter_host_now_ns();
}

static void sooner(uint64_t ns)
{
    if (ns < self.due_ns)
        self.due_ns = ns;
}

/* What programs have asked since the last look; before their rings are looked at. */
static void take_asked(uint64_t now_ns)
{
    uint32_t asked = atomic_exchange(&self.bell->asked, 0);
    if (asked == 0)
        return;
    self.rescan |= (asked & ASK_JOINED) != 0;
    /* What keeps us from the collector may be the sandbox of the program that has started us. When nothing
     * is delivered for so long as we would idle, we end, and another program's exporter may reach it. */
    if (self.backing_off)
        return;
    self.active_ns = now_ns;
    if (asked & ASK_NOW)
        sooner(now_ns);
    if (asked & ASK_SOON)
        sooner(now_ns + SOON_NS);
    if (asked & ASK_RECORDS)
        sooner(now_ns + (uint64_t)config->bsp.schedule_delay_ms * NS_PER_MS);
}

/* ---- sleep and end ---- */

static enum bell_state depth(uint64_t now_ns)
{
    if (self.backing_off)
        return BELL_AWAKE; /* nothing makes the collector take more */
    if (self.due_ns == NEVER)
        return BELL_IDLE;
    return self.due_ns - now_ns > SOON_NS ? BELL_ARMED : BELL_SOON;
}

static void sleep_until(uint64_t until_ns, uint64_t now_ns, enum bell_state state)
{
    static const uint32_t wakes[] = { [BELL_IDLE] = ASK_RECORDS | ASK_SOON | ASK_NOW,
                                      [BELL_ARMED] = ASK_SOON | ASK_NOW,
                                      [BELL_SOON] = ASK_NOW,
                                      [BELL_AWAKE] = 0 };
    uint64_t ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
    atomic_store(&self.bell->state, state);
    /* Pairs with the fence in ask(), shim/exporter_process.c. */
    atomic_thread_fence(memory_order_seq_cst);
    if ((atomic_load(&self.bell->asked) & wakes[state]) == 0)
        syscall(SYS_futex, &self.bell->state, FUTEX_WAIT, state, &t, NULL, 0);
    atomic_store(&self.bell->state, BELL_AWAKE);
}

/* A program that asks from here on sees that there is nobody. */
static bool may_end(void)
{
    atomic_store(&self.bell->owner, 0);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&self.bell->asked) != 0) {
        own_bell();
        return false;
    }
    unlinkat(self.directory, self.name, 0);
    return true;
}

/* Nobody reaches us any more, and those who look find a file that is locked: it goes, and the next
 * record starts another exporter. What has come until now is sent. */
static void end_of_cut(uint64_t now_ns)
{
    self.rescan = true;
    work(now_ns);
    unlinkat(self.directory, self.name, 0);
    log_line(LOG_WARN, "the file %s was cut: exporter process ends", self.name);
}

static void serve(void)
{
    uint64_t idle_ns = (uint64_t)config->exporter_idle_ms * NS_PER_MS;
    log_line(LOG_DEBUG, "exporter process begins");
    self.rescan = true;
    self.active_ns = exporter_host_now_ns();
    self.due_ns = self.active_ns + SOON_NS;
    for (;;) {
        uint64_t now_ns = exporter_host_now_ns();
        take_asked(now_ns);
        if (self.cut) {
            end_of_cut(now_ns);
            return;
        }
        if (self.due_ns <= now_ns) {
            work(now_ns);
            /* Not before: what ends us in the middle must not start us at every record. */
            atomic_store(&self.bell->starting_s, 0);
            continue;
        }
        uint64_t end_ns = self.active_ns + idle_ns;
        if (end_ns <= now_ns && (self.due_ns == NEVER || self.backing_off) && may_end()) {
            log_line(LOG_DEBUG, "exporter process ends");
            return;
        }
        uint64_t until_ns = self.due_ns < end_ns || self.due_ns != NEVER ? self.due_ns : end_ns;
        sleep_until(until_ns, now_ns, depth(now_ns));
    }
}

static int export(const char *name)
{
    char path[SPOOL_DIR_MAX];
    const char *fault;
    leave_program();
    config_load(environ);
    prctl(PR_SET_NAME, "otelshim-export");
    self.name = name;
    self.directory = spool_open_directory(config, path, &fault);
    if (self.directory < 0)
        return CLI_FAILED;
    if (!take_bell())
        return 0;
    own_bell();
    self.exporter = exporter_host_open(log_line);
    if (self.exporter == NULL) {
        log_line(LOG_ERROR,
                 "the exporter process cannot use its exporter object: spans stay in the spool");
        return CLI_FAILED;
    }
    serve();
    return 0;
}

int cli_export(int argc, char *argv[])
{
    if (argc == 1 && strncmp(argv[0], "exporter-", 9) == 0 && strchr(argv[0], '/') == NULL)
        return export(argv[0]);
    bool asked = argc == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);
    fputs("usage: otelshim export BELL\n\n"
          "The exporter process. It is started by programs that are traced with\n"
          "OTEL_SHIM_EXPORTER=process, and ends by itself (OTEL_SHIM_EXPORTER_IDLE_TIMEOUT).\n",
          asked ? stdout : stderr);
    return asked ? 0 : CLI_FAILED;
}
