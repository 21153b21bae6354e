/* libs: -lsqlite3 -ldl */
/*
 * Two SQLites in one process: the one this program is linked against, and a copy
 * of it that is opened RTLD_LOCAL and reached by dlsym. Each must get its own
 * handles back: a call that strays into the other one crashes.
 */
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *copy = dlopen(argc > 1 ? argv[1] : "./copy.so", RTLD_NOW | RTLD_LOCAL);
    if (copy == NULL) {
        puts(dlerror());
        return 1;
    }
    int (*open)(const char *, sqlite3 **);
    int (*exec)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
    int (*prepare)(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
    int (*step)(sqlite3_stmt *), (*finalize)(sqlite3_stmt *), (*close)(sqlite3 *);
    *(void **)&open = dlsym(copy, "sqlite3_open");
    *(void **)&exec = dlsym(copy, "sqlite3_exec");
    *(void **)&prepare = dlsym(copy, "sqlite3_prepare_v2");
    *(void **)&step = dlsym(copy, "sqlite3_step");
    *(void **)&finalize = dlsym(copy, "sqlite3_finalize");
    *(void **)&close = dlsym(copy, "sqlite3_close");
    sqlite3 *a, *b;
    sqlite3_stmt *s, *t;
    printf("%d %d\n", sqlite3_open("a.db", &a), open("b.db", &b));
    printf("%d\n", sqlite3_exec(a, "CREATE TABLE a(x)", NULL, NULL, NULL));
    printf("%d\n", exec(b, "CREATE TABLE b(x)", NULL, NULL, NULL));
    printf("%d\n", sqlite3_prepare_v2(a, "INSERT INTO a VALUES(1)", -1, &s, NULL));
    printf("%d\n", prepare(b, "INSERT INTO b VALUES(1)", -1, &t, NULL));
    for (int i = 0; i < 3; i++)
        printf("%d %d\n", sqlite3_step(s), step(t));
    sqlite3_finalize(s);
    finalize(t);
    printf("%d %d\n", sqlite3_close(a), close(b));
    return 0;
}
