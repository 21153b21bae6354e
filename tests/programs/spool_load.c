/* libs: -lsqlite3 */
/*
 * Makes spans until it is killed, and says how many had ended: spool_load COUNTS LABEL THREADS
 * [STATEMENTS]. Statement n of thread t is `select 1 as LABEL_t_n`; when it has ended, the t-th
 * number in the file COUNTS becomes n. With STATEMENTS each thread ends after so many.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS_MAX 64

static _Atomic uint64_t *counts;
static const char *label;
static uint64_t statements = UINT64_MAX;

static void *run(void *arg)
{
    uintptr_t thread = (uintptr_t)arg;
    sqlite3 *db;
    char sql[128];
    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        abort();
    for (uint64_t n = 1; n <= statements; n++) {
        snprintf(sql, sizeof sql, "select 1 as %s_%u_%llu", label, (unsigned)thread,
                 (unsigned long long)n);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
            abort();
        counts[thread] = n;
        usleep(100);
    }
    sqlite3_close(db);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    int fd = argc > 3 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
    unsigned n = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    if (fd < 0 || n > THREADS_MAX || ftruncate(fd, sizeof *counts * THREADS_MAX) != 0)
        return 2;
    counts = mmap(NULL, sizeof *counts * THREADS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    label = argv[2];
    if (argc > 4)
        statements = strtoull(argv[4], NULL, 10);
    for (uintptr_t i = 1; i < n; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)i) != 0)
            return 3;
    run(NULL);
    for (unsigned i = 1; i < n; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
