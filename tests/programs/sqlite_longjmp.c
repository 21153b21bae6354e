/* libs: -lsqlite3 */
/*
 * Leaves sqlite3_exec by longjmp out of its callback, as PHP, Ruby and Perl do:
 * what comes afterwards must be traced as if nothing had been open.
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdio.h>

static jmp_buf out;

static int leave(void *arg, int columns, char **values, char **names)
{
    (void)arg, (void)columns, (void)values, (void)names;
    longjmp(out, 1);
}

int main(void)
{
    volatile int left = 0;
    for (volatile int i = 0; i < 3; i++) {
        sqlite3 *db; /* not closed: its statement is still open */
        if (sqlite3_open(":memory:", &db) != SQLITE_OK)
            return 1;
        if (setjmp(out) == 0)
            sqlite3_exec(db, "SELECT 1 UNION SELECT 2", leave, NULL, NULL);
        else
            left++;
    }
    sqlite3 *db;
    sqlite3_open(":memory:", &db);
    int r = sqlite3_exec(db, "SELECT 3", NULL, NULL, NULL);
    printf("left %d times, then %d\n", left, r);
    sqlite3_close(db);
    return 0;
}
