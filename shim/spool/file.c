/*
 * This process's spool file: made, mapped, removed. Raw system calls, on the program's
 * threads; errno is the caller's business.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"
#include "context/process_context.h"
#include "identity.h"
#include "place.h"
#include "sdk/clocks.h"
#include "spool_file.h"
#include "spool.h"

/* Threads that let this process's file grow: spool_grow_begin. */
static _Atomic uint32_t growing;

/* Names that are tried: more than there are processors that can be at it at once. */
#define NAME_TRIES 64u

/*
 * Over memory that is there already, and not for forked children. Without access at first: under
 * mlockall(MCL_FUTURE) all of it would get blocks.
 */
static bool map_over(int fd, void *memory)
{
    void *p = mmap(memory, SPOOL_MAPPED_BYTES, PROT_NONE, MAP_SHARED | MAP_FIXED, fd, 0);
    return p != MAP_FAILED && madvise(p, SPOOL_MAPPED_BYTES, MADV_DONTFORK) == 0 &&
           mprotect(p, SPOOL_MAPPED_BYTES, PROT_READ | PROT_WRITE) == 0;
}

static const char *scope_name(unsigned scope)
{
    return scope < registry_count ? registry[scope]->name : NULL;
}

void spool_process_flags(struct spool *spool)
{
    if (spool != NULL && spool->header != NULL)
        atomic_store(&spool->header->process_flags, atomic_load(&process_context.flags));
}

/* What is known of this process before its exporter is there. */
static uint32_t identify(unsigned char *out, const struct config *c, int pid)
{
    struct identity_writer w = { out, out + SPOOL_IDENTITY_BYTES };
    char number[16];
    snprintf(number, sizeof number, "%d", pid);
    const char *name = spool_program_name();
    identity_put(&w, "service.name", IDENTITY_TEXT, c->service_name ? c->service_name : name);
    identity_put(&w, "process.pid", IDENTITY_NUMBER, number);
    identity_put(&w, "process.executable.name", IDENTITY_TEXT, name);
    identity_put(&w, "telemetry.sdk.name", IDENTITY_TEXT, "otelshim");
    identity_put(&w, "telemetry.sdk.language", IDENTITY_TEXT, "c");
    identity_put(&w, "telemetry.sdk.version", IDENTITY_TEXT, OTELSHIM_VERSION);
    identity_put(&w, "deployment.environment.name", IDENTITY_TEXT,
                 c->deployment_environment ? c->deployment_environment : "development");
    identity_put_scopes(&w, scope_name);
    if (c->run_id != NULL)
        identity_put(&w, IDENTITY_RUN_ID, IDENTITY_TEXT, c->run_id);
    /* As exporter/resource/resource.c has them: the environment's old name counts as its new one. */
    for (unsigned i = 0; i < c->nr_resource; i++)
        if (strcmp(c->resource[i].key, "deployment.environment") == 0 && *c->resource[i].value)
            identity_put(&w, "deployment.environment.name", IDENTITY_TEXT, c->resource[i].value);
    for (unsigned i = 0; i < c->nr_resource; i++)
        if (strcmp(c->resource[i].key, "service.name") != 0 ||
            (c->service_name == NULL && *c->resource[i].value))
            identity_put(&w, c->resource[i].key,
                         c->resource_kind[i] != ATTRIBUTE_TEXT ? (char)c->resource_kind[i]
                                                               : IDENTITY_TEXT,
                         c->resource[i].value);
    return (uint32_t)(w.at - out);
}

/* The process span is older than the file. */
static void fill_process(struct spool_header *h)
{
    const struct process_context *p = &process_context;
    const char *name = spool_program_name();
    h->process_may_end = p->may_end;
    if (p->span.open && (p->span.head.flags & RECORD_SAMPLED))
        open_mark_write(&h->process, &p->span, name, strlen(name));
}

static void fill(struct spool_header *h, const struct config *c, int pid, uint64_t boot_ns)
{
    memcpy(h->magic, SPOOL_MAGIC, sizeof SPOOL_MAGIC);
    h->format = SPOOL_FORMAT;
    h->numbers = SPOOL_NUMBERS;
    memcpy(h->version, OTELSHIM_VERSION, sizeof OTELSHIM_VERSION);
    h->pid = pid;
    h->created_boot_ns = boot_ns;
    h->destination = spool_destination(c);
    h->real_minus_mono_ns = clock_real_minus_mono_ns();
    h->seen_mono_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC);
    h->identity_bytes[0] = identify((unsigned char *)h + SPOOL_IDENTITY_AT, c, pid);
    fill_process(h);
}

/* The file's first part, under `directory`. Its descriptor, or -1. */
static int make_file(struct spool *spool, int directory, const char *name)
{
    struct stat is;
    int fd = (int)syscall(SYS_openat, directory, name,
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    spool->fault = "its file cannot be made";
    if (fd < 0)
        return -1;
    if (place_allocate(fd, 0, SPOOL_RINGS_AT + SPOOL_RING_BYTES) &&
        syscall(SYS_newfstatat, fd, "", &is, AT_EMPTY_PATH) == 0) {
        spool->device = is.st_dev;
        spool->inode = is.st_ino;
        return fd;
    }
    spool->fault = "there is no room for it";
    spool->error = errno;
    syscall(SYS_unlinkat, directory, name, 0);
    syscall(SYS_close, fd);
    errno = spool->error;
    return -1;
}

/* What was mapped over the rings' memory is made anonymous again. */
static bool map_nothing(void *memory, size_t bytes, int protection)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    void *made = mmap(memory, bytes, protection, flags, -1, 0);
    return made != MAP_FAILED && madvise(made, bytes, MADV_DONTFORK) == 0;
}

bool spool_create(struct spool *spool, const struct config *c, void *memory)
{
    char *path = spool->path;
    *spool = (struct spool){ 0 };
    if (c == NULL || !spool_is_wanted(c))
        return false;
    int directory = spool_open_directory(c, path, &spool->fault);
    int pid = (int)syscall(SYS_getpid), fd = -1;
    uint64_t boot_ns = (uint64_t)clock_ns(CLOCK_BOOTTIME), latest = boot_ns + NAME_TRIES;
    size_t at = strlen(path);
    if (directory >= 0) {
        /* Two threads that record first may do so in the same nanosecond, one of which wins. */
        do {
            snprintf(path + at, SPOOL_PATH_MAX - at, "/" SPOOL_NAME, pid,
                     (unsigned long long)boot_ns, (unsigned long long)spool_destination(c));
            fd = make_file(spool, directory, path + at + 1);
            spool->error = errno;
        } while (fd < 0 && spool->error == EEXIST && ++boot_ns < latest);
        syscall(SYS_close, directory);
    } else {
        spool->error = errno;
    }
    if (fd < 0)
        return false;
    bool mapped = map_over(fd, memory);
    spool->error = errno;
    syscall(SYS_close, fd);
    if (!mapped) {
        spool->fault = "it cannot be mapped";
        map_nothing(memory, SPOOL_MAPPED_BYTES, PROT_NONE);
        syscall(SYS_unlinkat, AT_FDCWD, path, 0);
        return false;
    }
    spool->header = memory;
    spool->fault = NULL;
    fill(memory, c, pid, boot_ns);
    return true;
}

bool spool_is_growing(void)
{
    return atomic_load_explicit(&growing, memory_order_relaxed) != 0;
}

bool spool_grow_begin(bool waits)
{
    uint32_t nobody = 0;
    if (!waits)
        return atomic_compare_exchange_strong(&growing, &nobody, 1);
    atomic_fetch_add(&growing, 1);
    return true;
}

void spool_grow_end(void)
{
    atomic_fetch_sub(&growing, 1);
}

void spool_fork_child(void)
{
    atomic_store(&growing, 0); /* who was at it is not here */
}

bool spool_grow_ring(const struct spool *spool, unsigned index)
{
    struct stat is;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, spool->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);
    uint64_t at = SPOOL_RINGS_AT + (uint64_t)index * SPOOL_RING_BYTES;
    if (fd < 0)
        return false;
    bool ours = syscall(SYS_newfstatat, fd, "", &is, AT_EMPTY_PATH) == 0 &&
                is.st_dev == spool->device && is.st_ino == spool->inode;
    bool grown = ours && place_allocate(fd, at, SPOOL_RING_BYTES);
    syscall(SYS_close, fd);
    return grown;
}

bool spool_leave_ring(void *ring)
{
    return map_nothing(ring, SPOOL_RING_BYTES, PROT_READ | PROT_WRITE);
}

void spool_remove(struct spool *spool)
{
    if (spool->path[0] != '\0' && spool->header != NULL)
        syscall(SYS_unlinkat, AT_FDCWD, spool->path, 0);
}
