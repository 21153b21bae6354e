/* The spool's file, as the program's threads make it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "no_hooks.h"
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
    size_t bytes = SPOOL_HEADER_BYTES + SPOOL_RING_BYTES;
    char *memory = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    spool_create(&spool, &c, memory, memory + SPOOL_HEADER_BYTES);
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
