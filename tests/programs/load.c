/* libs: -lsqlite3 */
/*
 * Makes spans: SELECTs on databases in memory, which need nothing from the kernel.
 *
 *     load THREADS COUNT RATE [FAULT]
 *
 * COUNT of them in all, RATE a second (0: as fast as they go), shared by THREADS. FAULT is done
 * to this very process, and the work goes on:
 *
 *     emfile     before the first one: every descriptor number is taken
 *     closing    every 100 ms all descriptors above 2 are closed
 *     no_memory  before the first one: no address space is left
 *     no_mmap    before the first one: mmap, mremap and brk answer ENOMEM
 *     no_mmap_at_half
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLICE 16u /* statements of a thread between two looks at the clock; of many threads one */
#define STACK_BYTES 65536u

static unsigned long threads, count, rate, slice = SLICE;
static const char *fault = "";
static atomic_ulong done;
static atomic_bool over;
static struct timespec begun;
static pthread_barrier_t ready;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)(t.tv_sec - begun.tv_sec) * 1000000000u + (uint64_t)t.tv_nsec -
           (uint64_t)begun.tv_nsec;
}

static void until(uint64_t ns)
{
    uint64_t now = now_ns();
    if (ns <= now)
        return;
    struct timespec t = { (time_t)((ns - now) / 1000000000u), (long)((ns - now) % 1000000000u) };
    nanosleep(&t, NULL);
}

/* By the instruction: a guest that knew of it would keep quiet, and it is memory that is to fail. */
static long raw_syscall(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

#define FAILS(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM)

static void no_mmap(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        FAILS(SYS_mmap),
        FAILS(SYS_mremap),
        FAILS(SYS_brk),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof rules / sizeof rules[0], rules };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                    (long)&filter) != 0)
        abort();
}

static void do_fault(void)
{
    if (strcmp(fault, "emfile") == 0)
        while (open("/dev/null", O_RDONLY) >= 0)
            ;
    if (strcmp(fault, "no_memory") == 0)
        setrlimit(RLIMIT_AS, &(struct rlimit){ 4096, 4096 });
    if (strcmp(fault, "no_mmap") == 0)
        no_mmap();
}

static void *closes(void *unused)
{
    while (!atomic_load(&over)) {
        usleep(100000);
        closefrom(3);
    }
    return unused;
}

static void *work(void *unused)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT 1", -1, &s, NULL) != SQLITE_OK)
        abort();
    pthread_barrier_wait(&ready); /* all have the memory they need */
    pthread_barrier_wait(&ready); /* the fault is there */
    for (;;) {
        unsigned long first = atomic_fetch_add(&done, slice);
        for (unsigned long i = first; i < first + slice && i < count; i++) {
            if (strcmp(fault, "no_mmap_at_half") == 0 && i == count / 2)
                no_mmap();
            if (sqlite3_step(s) != SQLITE_ROW || sqlite3_column_int(s, 0) != 1)
                abort();
            sqlite3_reset(s);
        }
        if (first + slice >= count)
            break;
        if (rate != 0)
            until((uint64_t)((double)(first + slice) * 1e9 / (double)rate));
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return unused;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    threads = strtoul(argv[1], NULL, 10);
    count = strtoul(argv[2], NULL, 10);
    rate = strtoul(argv[3], NULL, 10);
    if (threads > SLICE)
        slice = 1;
    if (argc > 4)
        fault = argv[4];
    pthread_t closer, *made = calloc(threads, sizeof *made);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    pthread_barrier_init(&ready, NULL, (unsigned)threads + 1);
    for (unsigned long i = 0; i < threads; i++)
        if (pthread_create(&made[i], &small, work, NULL) != 0)
            return 1;
    pthread_barrier_wait(&ready);
    do_fault();
    clock_gettime(CLOCK_MONOTONIC, &begun);
    pthread_barrier_wait(&ready);
    int is_closing = strcmp(fault, "closing") == 0;
    if (is_closing && pthread_create(&closer, NULL, closes, NULL) != 0)
        return 1;
    for (unsigned long i = 0; i < threads; i++)
        pthread_join(made[i], NULL);
    atomic_store(&over, true);
    if (is_closing)
        pthread_join(closer, NULL);
    printf("%lu statements\n", count);
    return 0;
}
