/*
 * SQLite: one CLIENT span per execution of a statement, from its first step to
 * DONE, an error, reset or finalize; one per sqlite3_exec and sqlite3_get_table;
 * one per prepare that fails.
 *
 * A statement's text is sanitised once, when it is prepared, and kept with its
 * handle (sqlite_tables.h): a step costs a lookup, two clock reads and the record.
 * SQLite calls itself through the PLT (exec prepares and steps): such calls, and
 * those of user-defined functions, pass by the guard and make no span. Tables are
 * kept right all the same: a handle made or freed there is forgotten.
 *
 * A callback may leave by longjmp or exception. A statement's span then stays
 * open until reset or finalize; that of an exec ends when the thread calls exec,
 * get_table or close the next time.
 *
 * Helpers that ask SQLite about a handle get the caller's address, so that they
 * reach the same library as the hooked call: a process may hold two.
 */
#include <sqlite3.h>

#include "diag.h"
#include "sdk/ticks.h"
#include "sqlite_codes.h"
#include "sqlite_tables.h"

/* clang-format off */
#define SQLITE_HOOKS(X)                                                             \
    X(sqlite3_open) X(sqlite3_open16) X(sqlite3_open_v2) X(sqlite3_close)           \
    X(sqlite3_close_v2) X(sqlite3_prepare) X(sqlite3_prepare_v2) X(sqlite3_prepare_v3) \
    X(sqlite3_prepare16) X(sqlite3_prepare16_v2) X(sqlite3_prepare16_v3)            \
    X(sqlite3_step) X(sqlite3_reset) X(sqlite3_finalize) X(sqlite3_exec)            \
    X(sqlite3_get_table)
/* clang-format on */
HOOK_LIST(sqlite_hooks, SQLITE_HOOKS);
#define HOOK_TABLE sqlite_hooks
#define REAL_FOR(fn, caller) ((__typeof__(&fn))real_of(&sqlite_hooks[HOOK_##fn], caller))

static const char *const sonames[] = { "libsqlite3.so.0", NULL };

static long missing(void)
{
    return SQLITE_MISUSE;
}

struct instrumentation instr_sqlite = { .name = "sqlite3",
                                        .sonames = sonames,
                                        .hooks = sqlite_hooks,
                                        .nr_hooks = COUNT(sqlite_hooks),
                                        .missing = missing };

/* Functions of SQLite that we call and do not replace. */
enum { HELPER_SQL, HELPER_ERRCODE };
static struct hook helpers[] = { [HELPER_SQL] = { .name = "sqlite3_sql" },
                                 [HELPER_ERRCODE] = { .name = "sqlite3_extended_errcode" } };

static const char *real_sql(sqlite3_stmt *stmt, const void *caller)
{
    __typeof__(&sqlite3_sql) fn = (__typeof__(&sqlite3_sql))real_of(&helpers[HELPER_SQL], caller);
    return fn(stmt);
}

/* The extended code behind a result, which is 0 or a code of failure. */
static int failure_code(int result, sqlite3 *db, const void *caller)
{
    if (result == SQLITE_OK || result == SQLITE_MISUSE || db == NULL)
        return result;
    __typeof__(&sqlite3_extended_errcode) fn =
        (__typeof__(&sqlite3_extended_errcode))real_of(&helpers[HELPER_ERRCODE], caller);
    int code = fn(db);
    int primary = code & 0xFF;
    /* Another thread may have used the connection since. Statements of the old
     * sqlite3_prepare say ERROR for everything. */
    bool is_failure = primary != SQLITE_OK && primary != SQLITE_ROW && primary != SQLITE_DONE;
    bool same = primary == (result & 0xFF) || (result == SQLITE_ERROR && is_failure);
    return same ? code : result;
}

/* ---- Spans ---- */

static const char *code_name(int code)
{
    static const struct {
        int number;
        const char *name;
    } codes[] = {
#define X(number, name) { number, "SQLITE_" #name },
        SQLITE_CODES(X)
#undef X
    };
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].number == code)
            return codes[i].name;
    return code > 0xFF ? code_name(code & 0xFF) : "_OTHER";
}

static size_t format_decimal(char out[static 12], int value)
{
    char digits[12];
    size_t n = 0, len = 0;
    unsigned rest = value < 0 ? 0u - (unsigned)value : (unsigned)value;
    do
        digits[n++] = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0)
        out[len++] = '-';
    while (n > 0)
        out[len++] = digits[--n];
    return len;
}

static void write_query(struct span_writer *w, const struct query *q)
{
    const char *summary = q->bytes + q->namespace_len, *text = summary + q->summary_len;
    if (q->summary_len > 0)
        span_name(w, summary, q->summary_len);
    else if (q->namespace_len > 0)
        span_name(w, q->bytes, q->namespace_len);
    else
        span_name(w, "sqlite", 6);
    span_string(w, ATTR_DB_SYSTEM_NAME, "sqlite", 6, RECORD_MAX_VALUE);
    if (q->namespace_len > 0)
        span_string(w, ATTR_DB_NAMESPACE, q->bytes, q->namespace_len, RECORD_MAX_VALUE);
    span_string(w, ATTR_DB_QUERY_TEXT, text, q->text_len, RECORD_MAX_SQL);
    if (q->summary_len > 0)
        span_string(w, ATTR_DB_QUERY_SUMMARY, summary, q->summary_len, RECORD_MAX_VALUE);
}

static void write_failure(struct span_writer *w, int code)
{
    char text[12];
    if (code == SQLITE_OK)
        return;
    span_string(w, ATTR_DB_RESPONSE_STATUS_CODE, text, format_decimal(text, code),
                RECORD_MAX_VALUE);
    span_error(w, code_name(code));
}

/* Time inside SQLite is the whole less the time between steps: that is what many
 * rows make expensive to know, so it is counted in ticks. Any thread; a child's
 * copy stays good. */
static struct ticks_base pace;

static void left_with_row(struct statement *s)
{
    s->rows++;
    if (s->span.start_mono_ns == 0)
        return;
    ticks_begin(&pace);
    s->left_ticks = ticks_now();
}

static void came_back(struct statement *s)
{
    if (s->span.start_mono_ns == 0)
        return;
    uint64_t ticks = ticks_now();
    s->outside_ticks += ticks > s->left_ticks ? ticks - s->left_ticks : 0;
}

static double step_seconds(const struct statement *s, uint64_t now_ns)
{
    uint64_t whole = now_ns > s->span.start_mono_ns ? now_ns - s->span.start_mono_ns : 0;
    uint64_t outside = s->outside_ticks != 0 ? ticks_to_ns(&pace, s->outside_ticks, now_ns) : 0;
    return (double)(outside < whole ? whole - outside : 0) * 1e-9;
}

/* Ends the execution under way, now. `code`: SQLITE_OK or why it failed. */
static void end_execution(struct statement *s, int code)
{
    struct span_writer w;
    uint64_t now_ns = s->span.start_mono_ns != 0 ? clock_mono_ns() : 0;
    if (!span_end_at(&s->span, &w, now_ns))
        return;
    write_query(&w, &s->query);
    span_int(&w, ATTR_DB_RESPONSE_RETURNED_ROWS, s->rows);
    span_double(&w, ATTR_OTELSHIM_DB_STEP_TIME, step_seconds(s, now_ns));
    write_failure(&w, code);
    span_commit(&w);
}

/* ---- Connections ---- */

EXPORT int sqlite3_open(const char *name, sqlite3 **db)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return REAL(sqlite3_open)(name, db);
    int result = REAL(sqlite3_open)(name, db);
    call_returned(&call);
    if (db != NULL)
        connection_add(*db, name);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return REAL(sqlite3_open_v2)(name, db, flags, vfs);
    int result = REAL(sqlite3_open_v2)(name, db, flags, vfs);
    call_returned(&call);
    if (db != NULL)
        connection_add(*db, name);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_open16(const void *name, sqlite3 **db)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return REAL(sqlite3_open16)(name, db);
    int result = REAL(sqlite3_open16)(name, db);
    call_returned(&call);
    if (db != NULL)
        connection_add_utf16(*db, name);
    call_leave(&call);
    return result;
}

/* An exec of this thread that was left by longjmp or an exception. */
static void end_abandoned_exec(void)
{
    struct statement *s = statement_take(statement_handle_of_thread());
    if (s == NULL)
        return;
    struct span_writer w;
    if (statement_is_open(s) && span_end(&s->span, &w)) {
        write_query(&w, &s->query);
        span_commit(&w);
    }
    statement_free(s);
}

/* The handle may be given out again before the real call returns to us: the entry
 * is taken out first, and put back where the connection stays open. */
static int close_connection(sqlite3 *db, int (*real)(sqlite3 *))
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite)) {
        int taken = connection_take(db);
        int result = real(db);
        if (result == SQLITE_OK)
            connection_free(taken);
        else
            connection_put_back(taken, db);
        return result;
    }
    end_abandoned_exec();
    int taken = connection_take(db);
    int result = real(db);
    call_returned(&call);
    if (result == SQLITE_OK)
        connection_free(taken);
    else
        connection_put_back(taken, db);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_close(sqlite3 *db)
{
    return close_connection(db, REAL(sqlite3_close));
}

EXPORT int sqlite3_close_v2(sqlite3 *db)
{
    return close_connection(db, REAL(sqlite3_close_v2));
}

/* ---- Prepare ---- */

/* What a prepare was asked, in any of its forms. */
struct preparation {
    sqlite3 *db;
    const void *sql;
    int bytes; /* as passed: negative means up to the zero */
    bool utf16;
    sqlite3_stmt **stmt;
    const void *caller;
    uint64_t start_ns;
};
/* Of the arguments that all forms share. */
#define PREPARATION(utf16) \
    { \
        db, sql, bytes, utf16, stmt, __builtin_return_address(0), clock_mono_ns() \
    }

static bool query_of_input(struct query *q, const struct preparation *p)
{
    size_t max = p->bytes < 0 ? SQL_MAX_SCAN : (size_t)p->bytes;
    if (p->sql == NULL)
        return false;
    if (p->utf16)
        return query_make_utf16(q, p->db, p->sql, max, SQL_FIRST_ONLY);
    max = max < SQL_MAX_SCAN ? max : SQL_MAX_SCAN;
    return query_make(q, p->db, p->sql, strnlen(p->sql, max), SQL_FIRST_ONLY);
}

/* SQLite's own copy of the text: of this statement alone, in UTF-8. */
static bool query_of_statement(struct query *q, const struct preparation *p)
{
    const char *sql = real_sql(*p->stmt, p->caller);
    if (sql == NULL) /* sqlite3_prepare before 3.20 */
        return query_of_input(q, p);
    return query_make(q, p->db, sql, strnlen(sql, SQL_MAX_SCAN), 0);
}

/* Out of line: its span needs no stack while SQL is being read. */
static __attribute__((noinline)) void end_failed_prepare(const struct preparation *p,
                                                         const struct call *call,
                                                         const struct query *q, int code)
{
    struct span span;
    struct span_writer w;
    span_start(&span, &instr_sqlite, SPAN_CLIENT, call);
    if (span.start_mono_ns != 0)
        span_set_start(&span, p->start_ns);
    if (span_end(&span, &w)) {
        write_query(&w, q);
        write_failure(&w, code);
        span_commit(&w);
    }
}

static void prepare_ended(const struct preparation *p, const struct call *call, int result)
{
    struct query q;
    bool kept;
    if (result != SQLITE_OK) {
        int code = failure_code(result, p->db, p->caller);
        kept = query_of_input(&q, p);
        if (kept) {
            end_failed_prepare(p, call, &q, code);
            query_free(&q);
        }
    } else if (p->stmt != NULL && *p->stmt != NULL) {
        kept = query_of_statement(&q, p) && statement_add((uintptr_t)*p->stmt, p->db, &q) != NULL;
    } else {
        return; /* blanks or a comment */
    }
    if (!kept)
        diag_drop(DROP_TABLE_FULL, 1);
}

/* Of a prepare that passes by the guard: its handle may have been known before. */
static int prepare_passed(int result, sqlite3_stmt **stmt)
{
    if (result == SQLITE_OK && stmt != NULL)
        statement_forget((uintptr_t)*stmt);
    return result;
}

EXPORT int sqlite3_prepare(sqlite3 *db, const char *sql, int bytes, sqlite3_stmt **stmt,
                           const char **tail)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return prepare_passed(REAL(sqlite3_prepare)(db, sql, bytes, stmt, tail), stmt);
    struct preparation p = PREPARATION(false);
    int result = REAL(sqlite3_prepare)(db, sql, bytes, stmt, tail);
    call_returned(&call);
    prepare_ended(&p, &call, result);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int bytes, sqlite3_stmt **stmt,
                              const char **tail)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return prepare_passed(REAL(sqlite3_prepare_v2)(db, sql, bytes, stmt, tail), stmt);
    struct preparation p = PREPARATION(false);
    int result = REAL(sqlite3_prepare_v2)(db, sql, bytes, stmt, tail);
    call_returned(&call);
    prepare_ended(&p, &call, result);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_prepare_v3(sqlite3 *db, const char *sql, int bytes, unsigned flags,
                              sqlite3_stmt **stmt, const char **tail)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return prepare_passed(REAL(sqlite3_prepare_v3)(db, sql, bytes, flags, stmt, tail), stmt);
    struct preparation p = PREPARATION(false);
    int result = REAL(sqlite3_prepare_v3)(db, sql, bytes, flags, stmt, tail);
    call_returned(&call);
    prepare_ended(&p, &call, result);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_prepare16(sqlite3 *db, const void *sql, int bytes, sqlite3_stmt **stmt,
                             const void **tail)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return prepare_passed(REAL(sqlite3_prepare16)(db, sql, bytes, stmt, tail), stmt);
    struct preparation p = PREPARATION(true);
    int result = REAL(sqlite3_prepare16)(db, sql, bytes, stmt, tail);
    call_returned(&call);
    prepare_ended(&p, &call, result);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_prepare16_v2(sqlite3 *db, const void *sql, int bytes, sqlite3_stmt **stmt,
                                const void **tail)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return prepare_passed(REAL(sqlite3_prepare16_v2)(db, sql, bytes, stmt, tail), stmt);
    struct preparation p = PREPARATION(true);
    int result = REAL(sqlite3_prepare16_v2)(db, sql, bytes, stmt, tail);
    call_returned(&call);
    prepare_ended(&p, &call, result);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_prepare16_v3(sqlite3 *db, const void *sql, int bytes, unsigned flags,
                                sqlite3_stmt **stmt, const void **tail)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return prepare_passed(REAL(sqlite3_prepare16_v3)(db, sql, bytes, flags, stmt, tail), stmt);
    struct preparation p = PREPARATION(true);
    int result = REAL(sqlite3_prepare16_v3)(db, sql, bytes, flags, stmt, tail);
    call_returned(&call);
    prepare_ended(&p, &call, result);
    call_leave(&call);
    return result;
}

/* ---- Execution ---- */

/* Apart from the hook, so that one with nothing to do (call_is_nothing) saves no
 * registers. SQLite calls both itself, inside sqlite3_exec for one. */
static __attribute__((noinline)) int step(sqlite3_stmt *stmt, const void *caller)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return REAL_FOR(sqlite3_step, caller)(stmt);
    struct statement *s = statement_hold((uintptr_t)stmt);
    if (unlikely(s == NULL)) { /* no spans from inside of it either */
        int untraced = REAL_FOR(sqlite3_step, caller)(stmt);
        call_returned(&call);
        call_leave(&call);
        return untraced;
    }
    if (statement_is_open(s)) {
        came_back(s);
    } else {
        span_start(&s->span, &instr_sqlite, SPAN_CLIENT, &call);
        s->rows = 0;
        s->outside_ticks = 0;
    }
    call_make_current(&call, &s->span);
    int result = REAL_FOR(sqlite3_step, caller)(stmt);
    call_returned(&call);
    if (result == SQLITE_ROW)
        left_with_row(s);
    else if (likely(result == SQLITE_DONE))
        end_execution(s, SQLITE_OK);
    else
        end_execution(s, failure_code(result, s->db, caller));
    statement_release(s);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_step(sqlite3_stmt *stmt)
{
    if (call_is_nothing(&instr_sqlite))
        return REAL(sqlite3_step)(stmt);
    return step(stmt, __builtin_return_address(0));
}

static __attribute__((noinline)) int reset(sqlite3_stmt *stmt, const void *caller)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return REAL_FOR(sqlite3_reset, caller)(stmt);
    struct statement *s = statement_hold((uintptr_t)stmt);
    bool open = s != NULL && statement_is_open(s);
    if (open)
        came_back(s);
    int result = REAL_FOR(sqlite3_reset, caller)(stmt);
    call_returned(&call);
    if (open)
        end_execution(s, failure_code(result, s->db, caller));
    if (s != NULL)
        statement_release(s);
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_reset(sqlite3_stmt *stmt)
{
    if (call_is_nothing(&instr_sqlite))
        return REAL(sqlite3_reset)(stmt);
    return reset(stmt, __builtin_return_address(0));
}

EXPORT int sqlite3_finalize(sqlite3_stmt *stmt)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite)) {
        statement_forget((uintptr_t)stmt);
        return REAL(sqlite3_finalize)(stmt);
    }
    struct statement *s = stmt != NULL ? statement_take((uintptr_t)stmt) : NULL;
    bool open = s != NULL && statement_is_open(s);
    if (open)
        came_back(s);
    int result = REAL(sqlite3_finalize)(stmt);
    call_returned(&call);
    if (open) /* the connection may be gone with its last statement: no extended code */
        end_execution(s, result);
    if (s != NULL)
        statement_free(s);
    call_leave(&call);
    return result;
}

/* One span for all statements of an exec; NULL when there is nothing to execute. */
static struct statement *begin_exec(struct call *call, sqlite3 *db, const char *sql)
{
    struct query q;
    uintptr_t handle = statement_handle_of_thread();
    end_abandoned_exec();
    if (sql == NULL)
        return NULL;
    bool made = query_make(&q, db, sql, strnlen(sql, SQL_MAX_SCAN), 0);
    if (made && q.text_len == 0) {
        query_free(&q);
        return NULL;
    }
    if (!made || statement_add(handle, db, &q) == NULL) {
        diag_drop(DROP_TABLE_FULL, 1);
        return NULL;
    }
    struct statement *s = statement_hold(handle);
    if (s == NULL)
        return NULL;
    span_start(&s->span, &instr_sqlite, SPAN_CLIENT, call);
    call_make_current(call, &s->span);
    return s;
}

static void end_exec(struct statement *s, int result, const int *rows, const void *caller)
{
    struct span_writer w;
    int code = failure_code(result, s->db, caller);
    if (span_end(&s->span, &w)) {
        write_query(&w, &s->query);
        if (rows != NULL && result == SQLITE_OK)
            span_int(&w, ATTR_DB_RESPONSE_RETURNED_ROWS, *rows);
        write_failure(&w, code);
        span_commit(&w);
    }
    statement_free(s);
}

EXPORT int sqlite3_exec(sqlite3 *db, const char *sql,
                        int (*callback)(void *, int, char **, char **), void *data, char **error)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return REAL(sqlite3_exec)(db, sql, callback, data, error);
    struct statement *s = begin_exec(&call, db, sql);
    int result = REAL(sqlite3_exec)(db, sql, callback, data, error);
    call_returned(&call);
    if (s != NULL)
        end_exec(s, result, NULL, __builtin_return_address(0));
    call_leave(&call);
    return result;
}

EXPORT int sqlite3_get_table(sqlite3 *db, const char *sql, char ***table, int *rows, int *columns,
                             char **error)
{
    struct call call;
    if (!call_enter(&call, &instr_sqlite))
        return REAL(sqlite3_get_table)(db, sql, table, rows, columns, error);
    struct statement *s = begin_exec(&call, db, sql);
    int result = REAL(sqlite3_get_table)(db, sql, table, rows, columns, error);
    call_returned(&call);
    if (s != NULL)
        end_exec(s, result, rows, __builtin_return_address(0));
    call_leave(&call);
    return result;
}
