/* libs: -lsqlite3 */
/*
 * Functions of the program that SQLite calls from inside sqlite3_step: one looks
 * a name up (a child of the statement's span), one runs SQL itself (no span of
 * its own), one leaves by longjmp.
 */
#include <netdb.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdio.h>

static jmp_buf out;
static sqlite3 *db;

static void look_up(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct addrinfo *found = NULL;
    (void)n;
    int r =
        getaddrinfo((const char *)sqlite3_value_text(values[0]), NULL,
                    &(struct addrinfo){ .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, &found);
    if (r == 0)
        freeaddrinfo(found);
    sqlite3_result_int(context, r);
}

static void nested(sqlite3_context *context, int n, sqlite3_value **values)
{
    sqlite3_stmt *s;
    (void)n, (void)values;
    sqlite3_prepare_v2(db, "SELECT 'nested'", -1, &s, NULL);
    int r = sqlite3_step(s);
    sqlite3_finalize(s);
    sqlite3_exec(db, "SELECT 'nested exec'", NULL, NULL, NULL);
    sqlite3_result_int(context, r);
}

static void leave(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)context, (void)n, (void)values;
    longjmp(out, 1);
}

static int first_value(const char *sql)
{
    sqlite3_stmt *s;
    int value = -1;
    sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    while (sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return value;
}

int main(void)
{
    sqlite3_stmt *volatile s;
    sqlite3_stmt *made;
    sqlite3_open_v2(":memory:", &db,
                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_create_function(db, "look_up", 1, SQLITE_UTF8, NULL, look_up, NULL, NULL);
    sqlite3_create_function(db, "nested", 0, SQLITE_UTF8, NULL, nested, NULL, NULL);
    sqlite3_create_function(db, "leave", 0, SQLITE_UTF8, NULL, leave, NULL, NULL);
    printf("look_up: %d\n", first_value("SELECT look_up('localhost')"));
    printf("nested: %d\n", first_value("SELECT nested()"));
    printf("after: %d\n", first_value("SELECT 7"));

    sqlite3_prepare_v2(db, "SELECT leave()", -1, &made, NULL);
    s = made;
    if (setjmp(out) == 0)
        sqlite3_step(s);
    else
        printf("left\n");
    printf("after: %d\n", first_value("SELECT 8"));
    fflush(stdout);
    return 0; /* the statement that was left is never finalized: SQLite could not bear it */
}
