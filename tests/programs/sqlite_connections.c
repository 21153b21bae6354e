/* libs: -lsqlite3 */
/*
 * Connections: every form of open and close, two at once on one file that lock
 * each other out, statements that outlive close_v2.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <uchar.h>

static void exec(sqlite3 *db, const char *sql)
{
    printf("%s: %d\n", sql, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int main(void)
{
    sqlite3 *a, *b, *uri, *temporary, *wide, *none;
    sqlite3_stmt *s;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    printf("open: %d", sqlite3_open("x.db", &a));
    printf(" %d", sqlite3_open_v2("x.db", &b, flags, NULL));
    printf(" %d",
           sqlite3_open_v2("file:y?mode=memory&key=secret", &uri, flags | SQLITE_OPEN_URI, NULL));
    printf(" %d", sqlite3_open("", &temporary));
    printf(" %d", sqlite3_open16(u"\u00e9\U0001F600.db", &wide));
    printf(" %d\n", sqlite3_open("missing/directory", &none));

    exec(a, "CREATE TABLE t(x)");
    exec(uri, "SELECT 'uri'");
    exec(temporary, "SELECT 'temporary'");
    exec(wide, "SELECT 'wide'");
    exec(none, "SELECT 'none'"); /* refused: this connection never opened */

    /* BUSY, then the retry that works. */
    exec(a, "BEGIN EXCLUSIVE");
    int r = sqlite3_prepare_v2(a, "INSERT INTO t VALUES(1)", -1, &s, NULL);
    printf("step: %d %d\n", r, sqlite3_step(s));
    sqlite3_finalize(s);
    exec(b, "BEGIN IMMEDIATE");
    exec(a, "COMMIT");
    exec(b, "BEGIN IMMEDIATE");
    r = sqlite3_prepare_v2(a, "INSERT INTO t VALUES(2)", -1, &s, NULL);
    printf("busy: %d %d", r, sqlite3_step(s));
    exec(b, "COMMIT");
    printf("retry: %d\n", sqlite3_step(s));
    sqlite3_finalize(s);

    /* A statement keeps its connection alive after close_v2. */
    r = sqlite3_prepare_v2(b, "SELECT x FROM t", -1, &s, NULL);
    printf("close with a statement: %d %d\n", r, sqlite3_close(b));
    printf("close_v2: %d\n", sqlite3_close_v2(b));
    printf("step: %d\n", sqlite3_step(s));
    printf("finalize: %d\n", sqlite3_finalize(s));
    printf("close: %d %d %d %d %d\n", sqlite3_close(a), sqlite3_close_v2(uri), sqlite3_close(wide),
           sqlite3_close(temporary), sqlite3_close(none));
    printf("nothing: %d %d\n", sqlite3_close(NULL), sqlite3_close_v2(NULL));
    return 0;
}
