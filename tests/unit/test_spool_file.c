/* The spool's file, as the program's threads make it. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "no_hooks.h"
#include "ring.h"
#include "spool/spool.h"
#include "spool/spool_file.h"

static bool clock_stands;

/* The shim's objects in this program take this one for libc's. */
int clock_gettime(clockid_t id, struct timespec *t)
{
    if (clock_stands) {
        *t = (struct timespec){ 1000, 42 };
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, id, t);
}

static struct spool made_in(const char *directory)
{
    const struct config c = { .exporters = EXPORTER_OTLP, .spool_dir = directory };
    struct spool spool;
    void *memory = mmap(NULL, SPOOL_MAPPED_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    spool_create(&spool, &c, memory);
    return spool;
}

/* Threads that record first do so at once, and one of their files becomes the process's. */
Test(spool_file, made_in_the_same_nanosecond_is_another_one, .init = become_program)
{
    char directory[] = "/tmp/otelshim-test-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    clock_stands = true;
    struct spool first = made_in(directory), second = made_in(directory);
    clock_stands = false;
    cr_assert_not_null(first.header, "%s", first.fault);
    cr_assert_not_null(second.header, "%s", second.fault);
    cr_assert_str_neq(first.path, second.path);
    cr_assert_eq(second.header->created_boot_ns, first.header->created_boot_ns + 1);
    spool_remove(&first);
    cr_assert_neq(access(first.path, F_OK), 0);
    cr_assert_eq(access(second.path, F_OK), 0);
    spool_remove(&second);
    cr_assert_eq(rmdir(directory), 0);
}

/* A process that has recorded, with its spool in `directory`. Returns its thread's ring. */
static struct ring *ring_in(char *directory)
{
    cr_assert_not_null(mkdtemp(directory));
    static struct config c = { .exporters = EXPORTER_OTLP };
    c.spool_dir = directory;
    config = &c;
    struct ring *ring = ring_of_thread();
    cr_assert_not_null(ring);
    cr_assert_not_null(ring_spool()->header, "%s", ring_spool()->fault);
    return ring;
}

static void end_of(char *directory)
{
    spool_remove(ring_spool());
    cr_assert_eq(rmdir(directory), 0);
}

static bool push(struct ring *ring)
{
    struct record *r = ring_reserve(ring, 256);
    if (r != NULL) {
        *r = (struct record){ .size = (uint32_t)sizeof *r, .type = RECORD_SPAN };
        ring_commit(ring, r->size);
    }
    return r != NULL;
}

/* Lines of /proc/self/maps that lie within the rings and their scratch. */
static unsigned mappings(const struct ring *first)
{
    char line[512];
    unsigned n = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *end;
        uintptr_t from = strtoul(line, &end, 16), to = strtoul(end + 1, NULL, 16);
        uintptr_t at = (uintptr_t)first;
        n += from < at + RING_COUNT * (SPOOL_RING_BYTES + RING_SCRATCH_BYTES) && to > at;
    }
    fclose(maps);
    return n;
}

/* One that maps waits for whoever else does: libcurl is loaded just then. */
Test(spool_file, all_rings_are_mapped_with_the_first_record, .init = become_program)
{
    char directory[] = "/tmp/otelshim-test-XXXXXX";
    struct ring *ring = ring_in(directory), *spill = ring;
    unsigned before = mappings(ring);
    while (push(ring))
        ;
    while (ring_reserve_spill(&spill, 256) != NULL) {
        while (push(spill))
            ;
        spill = ring;
    }
    cr_assert_eq(mappings(ring), before);
    struct stat is;
    cr_assert_eq(stat(ring_spool()->path, &is), 0);
    cr_assert_eq((uint64_t)is.st_size, SPOOL_RINGS_AT + RING_THREAD_COUNT * SPOOL_RING_BYTES);
    cr_assert_geq((uint64_t)is.st_blocks * 512, (1 + RING_SPILL_COUNT) * SPOOL_RING_BYTES);
    cr_assert_lt((uint64_t)is.st_blocks * 512, (2 + RING_SPILL_COUNT) * SPOOL_RING_BYTES,
                 "no more than is used");
    end_of(directory);
}

static void *fill(void *filled)
{
    struct ring *ring = ring_of_thread();
    while (ring != NULL && push(ring))
        ++*(unsigned *)filled;
    return NULL;
}

Test(spool_file, a_ring_that_finds_no_room_is_no_part_of_it, .init = become_program)
{
    char directory[] = "/tmp/otelshim-test-XXXXXX";
    ring_in(directory);
    struct rlimit unlimited, limit;
    getrlimit(RLIMIT_FSIZE, &unlimited);
    limit = (struct rlimit){ SPOOL_RINGS_AT + SPOOL_RING_BYTES, unlimited.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    unsigned filled = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, fill, &filled);
    pthread_join(thread, NULL);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    cr_assert_gt(filled, 1000, "it works all the same");
    struct stat is;
    cr_assert_eq(stat(ring_spool()->path, &is), 0);
    cr_assert_eq((uint64_t)is.st_size, SPOOL_RINGS_AT + SPOOL_RING_BYTES);
    end_of(directory);
}
