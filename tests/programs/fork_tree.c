/* libs: -lsqlite3 */
/*
 * A process that makes one span and two of its kind, down to DEPTH: 2^(DEPTH + 1) - 1
 * processes, the leaves at once. Prints how many went wrong.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int one_span(void)
{
    sqlite3 *db;
    int failed = sqlite3_open(":memory:", &db) != SQLITE_OK ||
                 sqlite3_exec(db, "SELECT 1", NULL, NULL, NULL) != SQLITE_OK;
    sqlite3_close(db);
    return failed;
}

/* Whether anything failed in this process or below it: more than an exit code can count. */
static int grow(int depth)
{
    pid_t children[2] = { 0, 0 };
    int failed = 0;
    for (int i = 0; depth > 0 && i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(grow(depth - 1));
        failed |= children[i] < 0;
    }
    failed |= one_span();
    for (int i = 0; i < 2; i++) {
        int status = 0;
        if (children[i] > 0)
            failed |= waitpid(children[i], &status, 0) != children[i] || status != 0;
    }
    return failed;
}

int main(int argc, char **argv)
{
    printf("failed %d\n", grow(argc > 1 ? atoi(argv[1]) : 3));
    return 0;
}
