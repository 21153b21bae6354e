/*
 * SQL sanitiser and summariser: the conventions' own examples, each rule of
 * sql.h, and inputs that no one writes on purpose.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/sql.h"

static char text[8192], summary[SQL_MAX_SUMMARY];
static struct sql_result result;

static void read_sql(const char *sql, unsigned flags)
{
    result = (struct sql_result){
        .text = text, .text_max = 4096, .summary = summary, .summary_max = sizeof summary
    };
    sql_read(sql, strlen(sql), flags, &result);
    text[result.text_len] = '\0';
}

static void check(const char *sql, const char *want_text, const char *want_summary)
{
    read_sql(sql, 0);
    cr_expect_str_eq(text, want_text, "of <%s>\n got <%s>\nwant <%s>", sql, text, want_text);
    cr_expect(result.summary_len == strlen(want_summary) &&
                  memcmp(summary, want_summary, result.summary_len) == 0,
              "of <%s>\n got summary <%.*s>\nwant <%s>", sql, (int)result.summary_len, summary,
              want_summary);
}

static void same(const char *sql, const char *want_summary)
{
    check(sql, sql, want_summary);
}

/* ---- The conventions ---- */

Test(sql, gives_the_conventions_summaries)
{
    same("SELECT * FROM wuser_table WHERE username = ?", "SELECT wuser_table");
    same("INSERT INTO shipping_details\n(order_id,\naddress)\nSELECT order_id,\naddress\n"
         "FROM orders\nWHERE order_id = ?",
         "INSERT shipping_details SELECT orders");
    same("SELECT *\nFROM songs,\n artists\nWHERE songs.artist_id == artists.id",
         "SELECT songs artists");
    same("SELECT order_date\nFROM (SELECT *\n FROM orders o\n JOIN customers c\n"
         " ON o.customer_id = c.customer_id)",
         "SELECT SELECT orders customers");
    same("SELECT *\nFROM \"song list\",\n 'artists'", "SELECT \"song list\" 'artists'");
    same("{call some_stored_procedure}", "call some_stored_procedure");
    same("EXECUTE some_stored_procedure", "EXECUTE some_stored_procedure");
}

Test(sql, replaces_every_kind_of_literal)
{
    check("SELECT 12, -12, +12", "SELECT ?, ?, ?", "SELECT");
    check("SELECT 12.34, -12.34, +12.34, .01, -.01, 5.", "SELECT ?, ?, ?, ?, ?, ?", "SELECT");
    check("SELECT 1e5, 12.34e56, -12.34e-56, 1E+3", "SELECT ?, ?, ?, ?", "SELECT");
    check("SELECT 0xDEADBEEF, 0Xdead, 1_000", "SELECT ?, ?, ?", "SELECT");
    check("SELECT 'hello', 'My name''s not important', ''", "SELECT ?, ?, ?", "SELECT");
    check("SELECT 'line\nbreak -- no comment /* nor this'", "SELECT ?", "SELECT");
    check("SELECT x'53514C', X'00'", "SELECT ?, ?", "SELECT");
    check("SELECT TRUE, false, NULL", "SELECT ?, ?, NULL", "SELECT");
    check("INSERT INTO X VALUES(1, 'a''b', 99+100, a-1, (2)-3)",
          "INSERT INTO X VALUES(?, ?, ?+?, a-?, (?)-?)", "INSERT X");
    check("SELECT c3po, r2d2 FROM covid19 WHERE n1h1=1234",
          "SELECT c3po, r2d2 FROM covid19 WHERE n1h1=?", "SELECT covid19");
    check("CREATE TABLE t (a DECIMAL(10,2) DEFAULT 'x')",
          "CREATE TABLE t (a DECIMAL(?,?) DEFAULT ?)", "CREATE TABLE t");
    check("SELECT 12ab FROM t", "SELECT ? FROM t", "SELECT t");
    check("SELECT 1-1, 2 - 1, a -1", "SELECT ?-?, ? - ?, a -?", "SELECT");
}

Test(sql, keeps_parameters)
{
    same("SELECT ?, ?1, ?23, :a, @b_1, $c FROM t WHERE x=:n1", "SELECT t");
    check("SELECT $a('secret')", "SELECT $a(?)", "SELECT");
    check("SELECT : a, x ? y", "SELECT : a, x ? y", "SELECT");
}

Test(sql, drops_comments_and_keeps_tokens_apart)
{
    check("SELECT c -- secret 'x\nFROM /* secret\n */ t", "SELECT c \nFROM  t", "SELECT t");
    check("SELECT/**/a/*x*/FROM/*y*/t--z", "SELECT a FROM t", "SELECT t");
    check("-- first\n  SELECT 1 ; -- last", "SELECT ? ;", "SELECT");
    check("SELECT 1 /* no end", "SELECT ?", "SELECT");
    check("SELECT a - -1, b->>'x', c /d", "SELECT a - ?, b->>?, c /d", "SELECT");
    check("SELECT 1 -- no end", "SELECT ?", "SELECT");
    check("/*/ SELECT 'x' */ SELECT 1", "SELECT ?", "SELECT");
}

Test(sql, collapses_lists_of_in)
{
    check("SELECT * FROM t WHERE v IN (123, 456, 'abc')", "SELECT * FROM t WHERE v IN (?)",
          "SELECT t");
    check("SELECT * FROM t WHERE v IN (?,?,?) AND w NOT IN (?)",
          "SELECT * FROM t WHERE v IN (?) AND w NOT IN (?)", "SELECT t");
    check("WHERE v IN (1, 2+3, 4)", "WHERE v IN (?, ?+?, ?)", "");
    check("WHERE v IN (1, a, 2)", "WHERE v IN (?, a, ?)", "");
    check("WHERE v IN (1,-a,3,4+5)", "WHERE v IN (?,-a,?,?+?)", "");
    check("WHERE v IN (:a, :b)", "WHERE v IN (:a, :b)", "");
    check("WHERE v IN (1, f(2, 3), 4)", "WHERE v IN (?, f(?, ?), ?)", "");
    check("WHERE (v, w) IN ((1,2),(3,4))", "WHERE (v, w) IN ((?,?),(?,?))", "");
    check("WHERE v IN (SELECT a FROM b)", "WHERE v IN (SELECT a FROM b)", "SELECT b");
    check("WHERE v IN (1 /* a */ , /* b */ 2)", "WHERE v IN (?  )", "");
}

Test(sql, tells_names_from_strings_in_double_quotes)
{
    /* A string to SQLite when no column has the name. */
    check("INSERT INTO t VALUES (\"secret\")", "INSERT INTO t VALUES (?)", "INSERT t");
    check("SELECT * FROM t WHERE name = \"secret\"", "SELECT * FROM t WHERE name = ?", "SELECT t");
    check("UPDATE \"t\" SET \"a\" = \"secret\", \"b\" = 2 WHERE \"t\".\"id\" = 1",
          "UPDATE \"t\" SET \"a\" = ?, \"b\" = ? WHERE \"t\".\"id\" = ?", "UPDATE \"t\"");
    check("CREATE TABLE \"t\" (\"id\" integer, \"n\" DEFAULT \"secret\", UNIQUE (\"id\", \"n\"))",
          "CREATE TABLE \"t\" (\"id\" integer, \"n\" DEFAULT ?, UNIQUE (\"id\", \"n\"))",
          "CREATE TABLE \"t\"");
    /* Only names can stand there. */
    same("SELECT \"a\".\"b\" AS \"c\" FROM \"a\" \"x\", (SELECT d FROM \"e\") \"y\"",
         "SELECT \"a\" SELECT \"e\"");
    same("INSERT INTO \"main\" . \"t\" (\"a\", \"b\") VALUES (?, ?)", "INSERT \"main\".\"t\"");
    same("ALTER TABLE \"t\" RENAME COLUMN \"a\" TO \"b\"", "ALTER TABLE \"t\"");
    same("SELECT `a`, [b c] FROM `t``x`, [u v]", "SELECT `t``x` [u v]");
    same("CREATE UNIQUE INDEX \"i\" ON \"t\" (\"a\")", "CREATE INDEX \"i\"");
    same("CREATE TABLE t (a REFERENCES \"u\" (\"id\") ON DELETE CASCADE)", "CREATE TABLE t");
}

Test(sql, takes_a_single_quoted_name_only_where_a_table_stands)
{
    same("SELECT * FROM 'artists'", "SELECT 'artists'");
    same("INSERT INTO 'a'(x) VALUES(?)", "INSERT 'a'");
    check("SELECT 'x' IS NOT DISTINCT FROM 'secret' FROM t",
          "SELECT ? IS NOT DISTINCT FROM ? FROM t", "SELECT t");
    check("SELECT trim('x' FROM 'secret') FROM t", "SELECT trim(? FROM ?) FROM t", "SELECT t");
    check("SELECT a FROM t ORDER BY 'x', 'secret'", "SELECT a FROM t ORDER BY ?, ?", "SELECT t");
    check("SELECT a FROM t LIMIT 1, 'secret'", "SELECT a FROM t LIMIT ?, ?", "SELECT t");
    check("SELECT * FROM f('secret', 'x'), (VALUES ('a','b'),('c','d'))",
          "SELECT * FROM f(?, ?), (VALUES (?,?),(?,?))", "SELECT f");
    check("VACUUM INTO 'secret'", "VACUUM INTO ?", "VACUUM");
    check("INSERT INTO t SELECT a FROM b WHERE true ON CONFLICT(x) DO UPDATE SET a='s', b='s'",
          "INSERT INTO t SELECT a FROM b WHERE ? ON CONFLICT(x) DO UPDATE SET a=?, b=?",
          "INSERT t SELECT b");
    check("DELETE FROM t RETURNING 'a', 'b'", "DELETE FROM t RETURNING ?, ?", "DELETE t");
}

Test(sql, hides_keys_and_file_names)
{
    check("ATTACH DATABASE 'secret.db' AS aux KEY 'secret'", "ATTACH DATABASE ? AS aux KEY ?",
          "ATTACH aux");
    check("ATTACH secretfile AS aux KEY secretword", "ATTACH ? AS aux KEY ?", "ATTACH aux");
    check("ATTACH \"secret.db\" AS \"aux\" KEY \"secret\"", "ATTACH ? AS \"aux\" KEY ?",
          "ATTACH \"aux\"");
    check("PRAGMA key = secret", "PRAGMA key = ?", "PRAGMA key");
    check("PRAGMA main.rekey('secret')", "PRAGMA main.rekey(?)", "PRAGMA main.rekey");
    check("PRAGMA key = \"x'secret'\"", "PRAGMA key = ?", "PRAGMA key");
    check("PRAGMA key = `secret`", "PRAGMA key = ?", "PRAGMA key");
    check("PRAGMA key = with secret", "PRAGMA key = ? ?", "PRAGMA key");
    check("PRAGMA key = secret.secret", "PRAGMA key = ?.?", "PRAGMA key");
    check("PRAGMA key `secret`.`secret`", "PRAGMA key ?.?", "PRAGMA key");
    check("PRAGMA key [secret].secret", "PRAGMA key ?.?", "PRAGMA key");
    check("ATTACH secret AS aux KEY on/* c */.secret", "ATTACH ? AS aux KEY ? .?", "ATTACH aux");
    check("ATTACH secret.secret AS aux", "ATTACH ?.? AS aux", "ATTACH aux");
    same("PRAGMA journal_mode=WAL", "PRAGMA journal_mode");
    same("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys");
    same("PRAGMA table_info(users)", "PRAGMA table_info");
    same("DETACH DATABASE aux", "DETACH aux");
}

/* ---- Summaries ---- */

Test(sql, summarises_commands)
{
    same("select distinct a from t", "select t");
    same("SELEcT x\nFROM (sELECT *\nFROM ORders o JOIN c ON o.i = c.i)", "SELEcT sELECT ORders c");
    same("SELECT a FROM dbo.Tab JOIN dbo . Other", "SELECT dbo.Tab dbo.Other");
    same("SELECT * FROM a LEFT OUTER JOIN b USING (x) CROSS JOIN c ON f(a, b), d e, g AS h WHERE i",
         "SELECT a b c d g");
    same("SELECT * FROM a, (SELECT * FROM b), c", "SELECT a SELECT b c");
    same("SELECT * FROM ((a JOIN b) JOIN c)", "SELECT a b c");
    same("SELECT a, (SELECT b FROM u), c FROM t WHERE EXISTS (SELECT d FROM v)",
         "SELECT SELECT u t SELECT v");
    same("SELECT a FROM t UNION SELECT b FROM u", "SELECT t SELECT u");
    same("SELECT \"from\" . x, y.from, z FROM t", "SELECT t");
    same("SELECT replace(a, b, c), \"t\".\"update\" FROM t", "SELECT t");
    same("SELECT * FROM table WHERE a", "SELECT table");
    same("SELECT * FROM SelectedData", "SELECT SelectedData");
    same("SELECT * FROM json_each(?)", "SELECT json_each");
    same("INSERT OR REPLACE INTO t VALUES (?)", "INSERT t");
    same("REPLACE INTO t VALUES (?)", "REPLACE t");
    same("INSERT INTO t DEFAULT VALUES", "INSERT t");
    same("INSERT INTO t(a) VALUES(?) ON CONFLICT(a) DO UPDATE SET a = excluded.a", "INSERT t");
    same("UPDATE OR IGNORE t SET a = ? FROM u WHERE t.x = u.x", "UPDATE t u");
    same("DELETE FROM main.t WHERE a = ?", "DELETE main.t");
    same("VALUES (?), (?)", "VALUES");
    same("EXPLAIN QUERY PLAN SELECT * FROM t", "EXPLAIN SELECT t");
    same("BEGIN IMMEDIATE", "BEGIN");
    same("COMMIT", "COMMIT");
    same("END TRANSACTION", "END");
    same("SAVEPOINT s140_x1", "SAVEPOINT");
    same("ROLLBACK TO SAVEPOINT \"s1\"", "ROLLBACK");
    same("RELEASE \"s1\"", "RELEASE");
    same("ANALYZE t", "ANALYZE t");
    same("REINDEX main.t", "REINDEX main.t");
    same("VACUUM", "VACUUM");
}

Test(sql, summarises_definitions_by_kind_and_name)
{
    same("CREATE TABLE IF NOT EXISTS t (a, b)", "CREATE TABLE t");
    same("CREATE TEMP TABLE main.t (a)", "CREATE TABLE main.t");
    same("CREATE TABLE t AS SELECT * FROM u", "CREATE TABLE t SELECT u");
    check("CREATE VIRTUAL TABLE v USING fts5(a, tokenize = 'porter')",
          "CREATE VIRTUAL TABLE v USING fts5(a, tokenize = ?)", "CREATE TABLE v");
    same("CREATE VIEW main.v AS SELECT * FROM u", "CREATE VIEW main.v");
    same("CREATE UNIQUE INDEX IF NOT EXISTS i ON t(a)", "CREATE INDEX i");
    same("DROP TABLE IF EXISTS t", "DROP TABLE t");
    same("DROP TRIGGER IF EXISTS g; SELECT a FROM t", "DROP TRIGGER g SELECT t");
    same("ALTER  TABLE t ADD COLUMN b text", "ALTER TABLE t");
    same("CREATE TRIGGER g AFTER UPDATE OF a ON t BEGIN UPDATE u SET x = CASE WHEN y THEN z END;"
         " DELETE FROM w; END; SELECT a FROM t",
         "CREATE TRIGGER g SELECT t");
}

Test(sql, leaves_names_of_with_tables_out)
{
    same("WITH c AS (SELECT * FROM a) SELECT * FROM c JOIN b", "SELECT a SELECT b");
    same("WITH RECURSIVE c(x) AS (SELECT ? UNION ALL SELECT x+y FROM C), \"d\" AS (SELECT * FROM e)"
         " INSERT INTO t SELECT * FROM c, \"d\"",
         "SELECT SELECT SELECT e INSERT t SELECT");
    same("WITH c AS NOT MATERIALIZED (DELETE FROM t RETURNING x) SELECT * FROM c",
         "DELETE t SELECT");
    same("WITH c AS (SELECT * FROM a) SELECT * FROM main.c; SELECT * FROM c",
         "SELECT a SELECT main.c SELECT c");
}

Test(sql, joins_statements_and_folds_repetitions)
{
    check(
        "CREATE TABLE t(a); INSERT INTO t VALUES(1); INSERT INTO t VALUES(2);INSERT INTO t VALUES(3)"
        "; SELECT * FROM t;",
        "CREATE TABLE t(a); INSERT INTO t VALUES(?); INSERT INTO t VALUES(?);INSERT INTO t VALUES(?)"
        "; SELECT * FROM t;",
        "CREATE TABLE t INSERT t SELECT t");
    check("SELECT 1; SELECT 2", "SELECT ?; SELECT ?", "SELECT");
    check(" ; ;", "; ;", "");
}

Test(sql, stops_behind_the_first_statement_when_told)
{
    read_sql("SELECT 1; SELECT 2", SQL_FIRST_ONLY);
    cr_expect_str_eq(text, "SELECT ?;");
    read_sql("CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END; SELECT 2", SQL_FIRST_ONLY);
    cr_expect_str_eq(text, "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT ?; END;");
}

/* ---- Bad input ---- */

Test(sql, hides_quotes_without_an_end)
{
    check("SELECT 'secret", "SELECT ?", "SELECT");
    check("SELECT * FROM \"secret", "SELECT * FROM ?", "SELECT");
    check("SELECT * FROM 'secret", "SELECT * FROM ?", "SELECT");
    check("SELECT * FROM [secret", "SELECT * FROM ?", "SELECT");
    check("SELECT * FROM `secret", "SELECT * FROM ?", "SELECT");
    check("SELECT x'secret", "SELECT ?", "SELECT");
    check("SELECT 'secret''", "SELECT ?", "SELECT");
}

Test(sql, survives_nonsense)
{
    check("", "", "");
    check("   \t\n", "", "");
    check("''", "?", "");
    check(")))) SELECT 1 FROM t", ")))) SELECT ? FROM t", "SELECT t");
    check("frobnicate the 'secret'", "frobnicate the ?", "");
    check("FROM FROM FROM", "FROM FROM FROM", "");
    check("SELECT * FROM", "SELECT * FROM", "SELECT");
    check("SELECT * FROM .. . t", "SELECT * FROM .. . t", "SELECT");
    check("INSERT INTO (1) VALUES", "INSERT INTO (?) VALUES", "INSERT");
    check("\xff\xfe SELECT '\xc3' FROM \xc3\xa9t\xc3\xa9",
          "\xff\xfe SELECT ? FROM \xc3\xa9t\xc3\xa9", "SELECT \xc3\xa9t\xc3\xa9");
    check("WITH WITH WITH (", "WITH WITH WITH (", "");
    check("-", "-", "");
    check("0x", "?", "");
    check("1e+", "?+", "");
}

Test(sql, stops_at_a_zero_byte)
{
    result = (struct sql_result){
        .text = text, .text_max = 100, .summary = summary, .summary_max = sizeof summary
    };
    sql_read("SELECT 1\0 FROM t", 16, 0, &result);
    cr_expect(result.text_len == 8 && memcmp(text, "SELECT ?", 8) == 0);
}

Test(sql, reads_only_len_bytes)
{
    const char sql[] = { 'S', 'E', 'L', 'E', 'C', 'T', ' ', '\'', 'a' };
    for (size_t n = 0; n <= sizeof sql; n++) {
        char *copy = malloc(n ? n : 1); /* for the sanitizers */
        memcpy(copy, sql, n);
        result = (struct sql_result){
            .text = text, .text_max = 100, .summary = summary, .summary_max = sizeof summary
        };
        sql_read(copy, n, 0, &result);
        cr_expect_leq(result.text_len, n);
        free(copy);
    }
}

Test(sql, follows_parentheses_to_its_bound_and_gives_literals_beyond)
{
    static char sql[4000];
    size_t n = 0;
    for (int i = 0; i < 200; i++)
        n += (size_t)sprintf(sql + n, "(SELECT a FROM ");
    n += (size_t)sprintf(sql + n, "'secret', \"secret\"");
    for (int i = 0; i < 200; i++)
        sql[n++] = ')';
    n += (size_t)sprintf(sql + n, " JOIN t");
    read_sql(sql, 0);
    cr_expect(strstr(text, "secret") == NULL);
    cr_expect_leq(result.summary_len, SQL_MAX_SUMMARY);
}

Test(sql, cuts_the_text_on_a_character_boundary)
{
    for (size_t max = 0; max < 40; max++) {
        result = (struct sql_result){
            .text = text, .text_max = max, .summary = summary, .summary_max = sizeof summary
        };
        const char *sql = "SELECT \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 FROM \xe2\x82\xac\xc3\xa9";
        sql_read(sql, strlen(sql), 0, &result);
        cr_expect_leq(result.text_len, max);
        cr_expect(memcmp(text, sql, result.text_len) == 0);
        /* The next byte of the input begins a character. */
        cr_expect(((unsigned char)sql[result.text_len] & 0xC0) != 0x80, "cut at %zu of %zu",
                  result.text_len, max);
        cr_expect(result.summary_len == strlen("SELECT \xe2\x82\xac\xc3\xa9"));
    }
}

Test(sql, cuts_the_summary_between_tokens)
{
    static char sql[2000];
    size_t n = (size_t)sprintf(sql, "SELECT * FROM ");
    memset(sql + n, 'x', 248); /* SELECT and it make 255 */
    sql[n + 248] = '\0';
    read_sql(sql, 0);
    cr_expect_eq(result.summary_len, 255);
    strcat(sql, "y, short");
    read_sql(sql, 0);
    cr_expect_eq(result.summary_len, 6);
    n = (size_t)sprintf(sql, "SELECT * FROM a, schema.");
    memset(sql + n, 'x', 300);
    sql[n + 300] = '\0';
    read_sql(sql, 0);
    cr_expect(result.summary_len == 8 && memcmp(summary, "SELECT a", 8) == 0);
}

Test(sql, bounds_time_and_output_for_a_megabyte, .timeout = 5)
{
    static char sql[1 << 20];
    const char *const fills[] = {
        "'",  "\"", "(",           "[",      "-- ",  "/*", "1,", "''", "SELECT a FROM t,",
        "a.", ";",  "WITH c AS (", "IN (1,", "\x80", "-1", "$"
    };
    for (size_t f = 0; f < sizeof fills / sizeof fills[0]; f++) {
        size_t len = strlen(fills[f]);
        for (size_t i = 0; i < sizeof sql; i++)
            sql[i] = fills[f][i % len];
        result = (struct sql_result){
            .text = text, .text_max = 4096, .summary = summary, .summary_max = sizeof summary
        };
        sql_read(sql, sizeof sql, 0, &result);
        cr_expect_leq(result.text_len, 4096);
        cr_expect_leq(result.summary_len, SQL_MAX_SUMMARY);
    }
}

Test(sql, hides_a_literal_that_the_scan_ends_in)
{
    static char sql[SQL_MAX_SCAN + 100];
    size_t n = (size_t)sprintf(sql, "INSERT INTO t VALUES ('");
    memset(sql + n, 's', sizeof sql - n);
    result = (struct sql_result){
        .text = text, .text_max = 4096, .summary = summary, .summary_max = sizeof summary
    };
    sql_read(sql, sizeof sql, 0, &result);
    text[result.text_len] = '\0';
    cr_expect_str_eq(text, "INSERT INTO t VALUES (?");
}
