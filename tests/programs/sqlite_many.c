/* libs: -lsqlite3 */
/*
 * More than the shim's tables hold, used in ways that SQLite merely survives:
 * 6,000 open statements, one statement stepped by two threads at once, a fork in
 * the middle of a SELECT. Prints sums that must not change.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATEMENTS 6000
#define ROUNDS 20000

static sqlite3_stmt *statements[STATEMENTS];

static void *step_shared(void *stmt)
{
    for (int i = 0; i < ROUNDS; i++) {
        sqlite3_step(stmt);
        if (i % 3 == 0)
            sqlite3_reset(stmt);
    }
    return NULL;
}

static void *own_connection(void *arg)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    long sum = 0;
    sqlite3_open(":memory:", &db);
    for (int i = 0; i < 500; i++) {
        sqlite3_prepare_v2(db, "SELECT 1 UNION SELECT 2", -1, &s, NULL);
        while (sqlite3_step(s) == SQLITE_ROW)
            sum += sqlite3_column_int(s, 0);
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
    *(long *)arg = sum;
    return NULL;
}

int main(void)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    pthread_t threads[4];
    long sums[4], sum = 0;
    sqlite3_open_v2(":memory:", &db,
                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);
    sqlite3_exec(db, "CREATE TABLE t(a); INSERT INTO t VALUES(1),(2),(3)", NULL, NULL, NULL);
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_prepare_v2(db, "SELECT a FROM t WHERE a > 1", -1, &statements[i], NULL);
    for (int i = 0; i < STATEMENTS; i++)
        while (sqlite3_step(statements[i]) == SQLITE_ROW)
            sum += sqlite3_column_int(statements[i], 0);
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(statements[i]);
    printf("many: %ld\n", sum);

    sqlite3_prepare_v2(db, "SELECT a FROM t", -1, &s, NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, step_shared, s);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("shared: %d\n", sqlite3_finalize(s) == SQLITE_OK);

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, own_connection, &sums[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("own: %ld\n", sums[0] + sums[1] + sums[2] + sums[3]);

    sqlite3_prepare_v2(db, "SELECT a FROM t", -1, &s, NULL);
    sqlite3_step(s);
    fflush(stdout);
    pid_t child = fork();
    if (child > 0)
        waitpid(child, NULL, 0);
    int r = sqlite3_step(s);
    printf("%s: %d %d\n", child == 0 ? "child" : "parent", r, sqlite3_column_int(s, 0));
    fflush(stdout);
    sqlite3_finalize(s);
    if (child == 0)
        _exit(0);
    sqlite3_close(db);
    return 0;
}
