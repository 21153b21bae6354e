/* libs: -lsqlite3 */
/*
 * Leaves sqlite3_exec by a C++ exception thrown in its callback. Debian's
 * SQLite has unwind tables, so the exception reaches main through it and us.
 */
#include <cstdio>
#include <sqlite3.h>
#include <stdexcept>

static int leave(void *, int, char **, char **)
{
    throw std::runtime_error("enough");
}

int main()
{
    int left = 0;
    for (int i = 0; i < 3; i++) {
        sqlite3 *db; // not closed: its statement is still open
        if (sqlite3_open(":memory:", &db) != SQLITE_OK)
            return 1;
        try {
            sqlite3_exec(db, "SELECT 1 UNION SELECT 2", leave, nullptr, nullptr);
        } catch (const std::runtime_error &) {
            left++;
        }
    }
    sqlite3 *db;
    sqlite3_open(":memory:", &db);
    int r = sqlite3_exec(db, "SELECT 3", nullptr, nullptr, nullptr);
    std::printf("left %d times, then %d\n", left, r);
    sqlite3_close(db);
    return 0;
}
