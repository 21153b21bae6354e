/*
 * What is remembered of SQLite's handles: connections' names, statements' texts
 * and their open spans.
 *
 * All of it lies in one mapping of fixed size, made at first use and touched page
 * by page. No malloc, no lock that anyone waits for: a slot is claimed by compare
 * and swap, and belongs to its user until it is given back; a second thread on
 * the same statement (SQLite's serialized mode allows it) finds it taken and
 * passes by untraced. A forked child keeps the tables; spans that were open, and
 * slots that other threads held, are recognised by their process generation.
 */
#ifndef OTELSHIM_HOOKS_SQLITE_TABLES_H
#define OTELSHIM_HOOKS_SQLITE_TABLES_H

#include "call.h"
#include "proto/sql.h"

#define STATEMENT_SLOTS 4096u    /* prepared statements; a power of two */
#define CONNECTION_SLOTS 512u    /* open connections; a power of two */
#define TABLE_PROBES 32u         /* places a handle may be in */
#define CONNECTION_MAX_NAME 255u /* bytes of a database's name */

/* What a span tells of its SQL. `bytes` holds namespace, summary and text, in this
 * order, in a block of the pool. */
struct query {
    char *bytes;
    uint16_t text_len;
    uint8_t namespace_len;
    uint8_t summary_len;
    uint8_t size_class;
};

/* One prepared statement, or one sqlite3_exec that runs. */
struct statement {
    _Atomic uintptr_t handle; /* sqlite3_stmt *, or SLOT_*; any thread */
    _Atomic uint64_t user;    /* who holds the slot, 0 = nobody; any thread */
    /* The rest is the holder's. */
    int64_t rows;           /* returned by the execution under way */
    uint64_t left_ticks;    /* when the last step returned a row */
    uint64_t outside_ticks; /* between steps, this execution */
    void *db;
    struct query query;
    struct span span; /* of the execution under way */
} __attribute__((aligned(64)));

/*
 * Makes the query of `len` bytes of SQL (sql.h's flags). False without memory.
 * The database's name is that of the connection, if it was seen to be opened.
 */
bool query_make(struct query *q, const void *db, const char *sql, size_t len, unsigned flags);
/* As query_make for UTF-16 in host order, of `bytes` at most or up to its zero. */
bool query_make_utf16(struct query *q, const void *db, const void *sql, size_t bytes,
                      unsigned flags);
void query_free(struct query *q);

/* Enters a statement that was just prepared; a stale entry of the same handle is
 * replaced. It takes `q` over. The slot is not held. NULL: no room, `q` is freed. */
struct statement *statement_add(uintptr_t handle, void *db, const struct query *q);
/* The statement, held by the calling thread; NULL: unknown, or another thread's. */
struct statement *statement_hold(uintptr_t handle);
void statement_release(struct statement *s);
/* Takes a statement out of the table, so that its handle may be used again, and
 * holds it. To be given to statement_free. */
struct statement *statement_take(uintptr_t handle);
void statement_free(struct statement *s);
/* Whether an execution is under way in this process. Holder only. */
bool statement_is_open(const struct statement *s);
/* A handle was made or freed where no span is made: what was known of it is old. */
void statement_forget(uintptr_t handle);

/* The handle under which the calling thread's sqlite3_exec runs. */
uintptr_t statement_handle_of_thread(void);

void connection_add(const void *db, const char *name);
void connection_add_utf16(const void *db, const void *name);
void connection_forget(const void *db);
/* Around a close that may fail: takes the entry out, and puts it back. -1: unknown. */
int connection_take(const void *db);
void connection_put_back(int taken, const void *db);
void connection_free(int taken);

#endif
