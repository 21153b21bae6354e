/* libs: -lsqlite3 */
/*
 * Every form of open, prepare and execution that SQLite has, and every way an
 * execution can end. Prints what each call returned.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <uchar.h>

static sqlite3 *db;
static const char *tail;
static const void *tail16;

/* Steps a statement to its end and frees it. */
static void run(const char *what, int prepared, sqlite3_stmt **made)
{
    sqlite3_stmt *stmt = *made;
    int rows = 0, r = prepared;
    if (prepared == SQLITE_OK && stmt != NULL)
        while ((r = sqlite3_step(stmt)) == SQLITE_ROW)
            rows++;
    int extended = sqlite3_extended_errcode(db);
    printf("%s: %d (%d), %d rows, %d\n", what, r, extended, rows, sqlite3_finalize(stmt));
}

static void prepares(void)
{
    sqlite3_stmt *s;
    const char script[] =
        "CREATE TABLE t(a UNIQUE, b); /* secret */ INSERT INTO t VALUES(1, 'secret');"
        " SELECT 'secret', a FROM t WHERE a IN (1, 2)";
    tail = script;
    while (*tail != '\0') {
        int r = sqlite3_prepare_v2(db, tail, -1, &s, &tail);
        run("script", r, &s);
    }
    run("limited", sqlite3_prepare_v2(db, "SELECT 2 FROM t XXXX", 15, &s, NULL), &s);
    run("prepare", sqlite3_prepare(db, "SELECT 'secret'", -1, &s, NULL), &s);
    run("v3", sqlite3_prepare_v3(db, "SELECT :v", -1, SQLITE_PREPARE_PERSISTENT, &s, NULL), &s);
    run("16", sqlite3_prepare16(db, u"SELECT 'geheim\u00e9' AS \u00e9\U0001F600", -1, &s, &tail16),
        &s);
    run("16_v2", sqlite3_prepare16_v2(db, u"SELECT 16 FROM t", -1, &s, NULL), &s);
    run("16_v3", sqlite3_prepare16_v3(db, u"SELECT 163; SELECT 4", -1, 0, &s, NULL), &s);
    run("comment", sqlite3_prepare_v2(db, "-- secret", -1, &s, NULL), &s);
}

static void failures(void)
{
    sqlite3_stmt *s = NULL;
    run("syntax", sqlite3_prepare_v2(db, "SELEC 'secret' FROM t; SELECT 1", -1, &s, NULL), &s);
    run("no table", sqlite3_prepare(db, "SELECT 'secret' FROM missing", -1, &s, NULL), &s);
    run("no table 16", sqlite3_prepare16_v2(db, u"SELECT 'secret' FROM missing16", -1, &s, NULL),
        &s);
    run("unique", sqlite3_prepare_v2(db, "INSERT INTO t VALUES(1, 2)", -1, &s, NULL), &s);
    run("unique, old", sqlite3_prepare(db, "INSERT INTO t VALUES(1, 3)", -1, &s, NULL), &s);
}

static void endings(void)
{
    sqlite3_stmt *s;
    sqlite3_prepare_v2(db, "SELECT a FROM t UNION VALUES(?), (8), (9)", -1, &s, NULL);
    printf("reset before: %d\n", sqlite3_reset(s));
    printf("step: %d\n", sqlite3_step(s));
    printf("reset after one: %d\n", sqlite3_reset(s));
    printf("step: %d\n", sqlite3_step(s));
    printf("step: %d\n", sqlite3_step(s));
    printf("close while open: %d\n", sqlite3_close(db));
    printf("finalize after two: %d\n", sqlite3_finalize(s));
    sqlite3_prepare_v2(db, "UPDATE t SET b = ?", -1, &s, NULL);
    for (int i = 0; i < 3; i++) {
        sqlite3_bind_int(s, 1, i);
        printf("again without reset: %d\n", sqlite3_step(s)); /* SQLite resets by itself */
        if (i == 1)
            printf("reset: %d\n", sqlite3_reset(s));
    }
    sqlite3_finalize(s);
    printf("nothing: %d %d\n", sqlite3_finalize(NULL), sqlite3_reset(NULL));
}

static int count_rows(void *rows, int columns, char **values, char **names)
{
    (void)columns, (void)values, (void)names;
    return ++*(int *)rows == 3; /* the third aborts */
}

static void execs(void)
{
    int rows = 0, nr_rows, nr_columns;
    char **table, *error = NULL;
    int r = sqlite3_exec(db,
                         "DELETE FROM t; INSERT INTO t VALUES(1,'secret');"
                         "INSERT INTO t VALUES(2,\"secret\"); SELECT * FROM t",
                         count_rows, &rows, NULL);
    printf("exec: %d, %d rows\n", r, rows);
    r = sqlite3_exec(db, "SELECT * FROM t", count_rows, &rows, &error);
    printf("exec aborted: %d, %s\n", r, error);
    sqlite3_free(error);
    r = sqlite3_exec(db, "SELECT a FROM t; SELECT 'secret' FROM missing", NULL, NULL, &error);
    printf("exec failed: %d, %s\n", r, error);
    sqlite3_free(error);
    printf("exec of nothing: %d %d\n", sqlite3_exec(db, " -- secret", NULL, NULL, NULL),
           sqlite3_exec(db, NULL, NULL, NULL, NULL));
    r = sqlite3_get_table(db, "SELECT * FROM t", &table, &nr_rows, &nr_columns, NULL);
    printf("get_table: %d, %d x %d, %s\n", r, nr_rows, nr_columns, table[0]);
    sqlite3_free_table(table);
    r = sqlite3_get_table(db, "SELECT * FROM t", &table, NULL, NULL, NULL);
    printf("get_table: %d\n", r);
    sqlite3_free_table(table);
}

int main(void)
{
    printf("open: %d\n", sqlite3_open(":memory:", &db));
    prepares();
    failures();
    endings();
    execs();
    printf("close: %d\n", sqlite3_close(db));
    return 0;
}
