/*
 * SQLite's tables of statements and connections, without SQLite: handles are any
 * numbers. Hook files are in no archive, so the file under test is included.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <uchar.h>
#include <unistd.h>

#include "hooks/sqlite_tables.c"
#include "no_hooks.h"

#define DB ((void *)0x5000)

static struct statement *add(uintptr_t handle, const char *sql)
{
    struct query q;
    return query_make(&q, DB, sql, strlen(sql), 0) ? statement_add(handle, DB, &q) : NULL;
}

static void expect_text(const struct query *q, const char *name, const char *summary,
                        const char *text)
{
    char want[8192];
    size_t n = (size_t)snprintf(want, sizeof want, "%s%s%s", name, summary, text);
    cr_assert_eq(q->namespace_len, strlen(name));
    cr_assert_eq(q->summary_len, strlen(summary));
    cr_assert_eq(q->text_len, strlen(text));
    cr_assert(memcmp(q->bytes, want, n) == 0);
}

Test(sqlite_tables, keeps_a_statement_with_its_text_until_it_is_freed)
{
    connection_add(DB, "x.db");
    cr_assert_not_null(add(0x1000, "SELECT a FROM t WHERE b = 'secret'"));
    cr_assert_null(statement_hold(0x1008));
    struct statement *s = statement_hold(0x1000);
    cr_assert_not_null(s);
    expect_text(&s->query, "x.db", "SELECT t", "SELECT a FROM t WHERE b = ?");
    statement_release(s);
    s = statement_take(0x1000);
    cr_assert_not_null(s);
    cr_assert_null(statement_hold(0x1000));
    statement_free(s);
    cr_assert_null(statement_hold(0x1000));
}

Test(sqlite_tables, replaces_a_stale_entry_of_a_handle_given_out_again)
{
    add(0x1000, "SELECT 1");
    add(0x1000, "SELECT a FROM b");
    struct statement *s = statement_take(0x1000);
    expect_text(&s->query, "", "SELECT b", "SELECT a FROM b");
    statement_free(s);
    cr_assert_null(statement_hold(0x1000));
}

Test(sqlite_tables, refuses_more_statements_than_it_has_room_for_and_takes_them_again)
{
    static bool kept[3 * STATEMENT_SLOTS];
    for (int round = 0; round < 3; round++) {
        unsigned count = 0;
        for (uintptr_t i = 0; i < 2 * STATEMENT_SLOTS; i++) {
            kept[i] = add(0x10000 + 16 * i, "SELECT 1") != NULL;
            count += kept[i];
        }
        cr_expect(count > STATEMENT_SLOTS / 2 && count <= STATEMENT_SLOTS, "%u kept", count);
        for (uintptr_t i = 0; i < 2 * STATEMENT_SLOTS; i++) {
            struct statement *s = statement_take(0x10000 + 16 * i);
            cr_assert_eq(s != NULL, kept[i]);
            if (s != NULL)
                statement_free(s);
        }
    }
}

Test(sqlite_tables, cuts_texts_when_only_smaller_blocks_are_left)
{
    static char sql[3000];
    memset(sql, 'x', sizeof sql - 1);
    memcpy(sql, "SELECT ", 7);
    unsigned cut = 0, kept = 0;
    for (uintptr_t i = 0; i < 2000; i++) {
        struct statement *s = add(0x10000 + 16 * i, sql);
        cut += s != NULL && s->query.text_len < sizeof sql - 1;
        kept += s != NULL;
    }
    cr_expect_eq(kept, 2000);
    cr_expect_eq(cut, 2000 - 64);
}

Test(sqlite_tables, moves_a_short_text_of_long_sql_into_a_small_block)
{
    static char sql[4000];
    memset(sql, 'x', sizeof sql - 1);
    memcpy(sql, "SELECT '", 8);
    sql[sizeof sql - 2] = '\'';
    for (uintptr_t i = 0; i < 1000; i++) { /* far more than large blocks */
        struct statement *s = add(0x10000 + 16 * i, sql);
        cr_assert_not_null(s);
        cr_assert_eq(s->query.size_class, 0);
        expect_text(&s->query, "", "SELECT", "SELECT ?");
    }
}

Test(sqlite_tables, reads_utf16)
{
    struct query q;
    const char16_t sql[] = u"SELECT \u00e9\u20ac\U0001F600 FROM t\0 secret";
    cr_assert(query_make_utf16(&q, DB, sql, sizeof sql, 0));
    expect_text(&q, "", "SELECT t", "SELECT \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 FROM t");
    query_free(&q);
    const char16_t halves[] = { 'A', 0xD83D, 'B', 0xDE00, 0xD83D };
    cr_assert(query_make_utf16(&q, DB, halves, sizeof halves, 0));
    expect_text(&q, "", "",
                "A\xef\xbf\xbd"
                "B\xef\xbf\xbd\xef\xbf\xbd");
    query_free(&q);
    cr_assert(query_make_utf16(&q, DB, sql, 3, 0)); /* half a character */
    expect_text(&q, "", "", "S");
}

Test(sqlite_tables, names_databases_without_the_parameters_of_a_uri)
{
    static char name[600];
    struct query q;
    const struct {
        const char *given, *kept;
    } names[] = {
        { ":memory:", ":memory:" },
        { "a?b", "a?b" },
        { "", "" },
        { "file:a?key=secret", "file:a" },
        { "file:a#secret", "file:a" },
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        connection_add(DB, names[i].given);
        query_make(&q, DB, "", 0, 0);
        expect_text(&q, names[i].kept, "", "");
    }
    memset(name, 'n', 254);
    strcpy(name + 254, "\xc3\xa9nd");
    connection_add(DB, name);
    query_make(&q, DB, "", 0, 0);
    cr_expect_eq(q.namespace_len, 254);
    connection_add_utf16(DB, u"w\u00e9.db");
    query_make(&q, DB, "", 0, 0);
    expect_text(&q, "w\xc3\xa9.db", "", "");
    connection_add(DB, NULL);
    query_make(&q, DB, "", 0, 0);
    cr_expect_eq(q.namespace_len, 0);
}

Test(sqlite_tables, puts_a_connection_back_that_was_not_closed)
{
    struct query q;
    connection_add(DB, "x");
    int taken = connection_take(DB);
    query_make(&q, DB, "", 0, 0);
    cr_expect_eq(q.namespace_len, 0);
    connection_put_back(taken, DB);
    query_make(&q, DB, "", 0, 0);
    cr_expect_eq(q.namespace_len, 1);
    connection_free(connection_take(DB));
    cr_expect_eq(connection_take(DB), -1);
}

static void *try_hold(void *arg)
{
    (void)arg;
    return statement_hold(0x1000);
}

Test(sqlite_tables, gives_a_held_statement_to_no_other_thread)
{
    pthread_t thread;
    void *seen;
    add(0x1000, "SELECT 1");
    struct statement *s = statement_hold(0x1000);
    pthread_create(&thread, NULL, try_hold, NULL);
    pthread_join(thread, &seen);
    cr_expect_null(seen);
    /* The holder left by longjmp and comes again. */
    cr_expect_eq(statement_hold(0x1000), s);
    /* A forked child: the holder is another process. */
    thread_state.generation++;
    cr_expect_eq(statement_hold(0x1000), s);
    s->span.open = true;
    s->span.process_generation = thread_state.generation - 1;
    cr_expect_not(statement_is_open(s));
}

#define THREADS 4
static void *churn(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    char sql[700];
    for (int i = 0; i < 20000; i++) {
        uintptr_t handle = 0x10000 + 16 * ((uintptr_t)rand_r(&seed) % 300); /* shared by all */
        struct statement *s = statement_hold(handle);
        if (s != NULL) {
            cr_assert(memcmp(s->query.bytes + s->query.summary_len, "SELECT ", 7) == 0);
            cr_assert_eq(s->query.bytes[s->query.summary_len + s->query.text_len - 1], 'z');
            statement_release(s);
            statement_forget(handle);
        } else {
            int len = snprintf(sql, sizeof sql, "SELECT %0*dz", rand_r(&seed) % 500 + 1, 0);
            sql[7] = 'a';
            (void)len;
            add(handle, sql);
        }
    }
    return NULL;
}

Test(sqlite_tables, survives_threads_that_share_handles, .timeout = 20)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* Every block came back: as many can be had as ever. Two threads that added one
     * handle at the same moment, which SQLite never does, have left it there twice. */
    for (uintptr_t i = 0; i < 300; i++) {
        for (struct statement *s; (s = statement_hold(0x10000 + 16 * i)) != NULL;) {
            statement_release(s);
            statement_forget(0x10000 + 16 * i);
        }
    }
    for (unsigned c = 0; c < COUNT(pool_sizes); c++) {
        unsigned count = 0;
        while (pool_pop(memory_get(), c) != NULL)
            count++;
        cr_expect_eq(count, pool_sizes[c].count, "%u of %u blocks of %u bytes", count,
                     pool_sizes[c].count, pool_sizes[c].bytes);
    }
}
