/*
 * SQL text to what may leave the process: the text without its literals, and
 * the low-cardinality summary that names the span.
 *
 * One pass over any bytes, no allocation, no recursion, bounded time and output.
 * It is not a parser: it splits tokens exactly, follows parentheses and clauses
 * far enough to know where a table name stands, and where it is in doubt whether
 * something is a name or a literal it is a literal. Rules (conventions, section
 * "Sanitization of db.query.text", "Generating a summary"):
 *
 * Text: strings, blobs, numbers (with their sign) and TRUE/FALSE become `?`;
 * comments are dropped; IN (?, ?, ?) becomes IN (?); everything else, parameters
 * and blanks included, stays as it was. Outer blanks are trimmed. Parameterised
 * text is sanitised too, since a parameter beside a literal proves nothing.
 *
 * Summary: commands in the order of the text, each followed by its tables, in
 * the text's own spelling. No columns, aliases, names of WITH tables. Of CREATE,
 * DROP and ALTER the object's kind and name (`CREATE TABLE t`). Several
 * statements follow each other; a statement equal to the one before adds nothing.
 * Of a view or trigger its own name alone: what it holds is not run now. EXPLAIN
 * stays; of PRAGMA the name, of ATTACH and DETACH the schema's; savepoints have
 * too many names. Commands that are not in the list of words yield no summary:
 * a name must not be made of arbitrary text.
 *
 * SQLite reads "x" as a string when no column has that name, so outside of places
 * where only a name can stand it is a literal to us as well. 'x' is a name only
 * where a table must stand.
 */
#ifndef OTELSHIM_PROTO_SQL_H
#define OTELSHIM_PROTO_SQL_H

#include <stdbool.h>
#include <stddef.h>

#define SQL_MAX_SUMMARY 255u /* bytes, by the conventions; cut between tokens */
#define SQL_MAX_SCAN 65536u  /* bytes of the text that are looked at */
#define SQL_MAX_DEPTH 32u    /* parentheses whose meaning is followed; deeper: all literals */
#define SQL_MAX_CTES 8u      /* names of WITH tables remembered; more count as tables */

enum sql_flag {
    SQL_FIRST_ONLY = 1 << 0, /* stop behind the first statement */
};

/* Where the result goes. Buffers are the caller's; no terminating zero is written. */
struct sql_result {
    char *text;
    size_t text_max; /* bytes of room; cut on a UTF-8 boundary */
    size_t text_len;
    char *summary;
    size_t summary_max; /* bytes of room, SQL_MAX_SUMMARY for all of it */
    size_t summary_len;
};

/*
 * Reads `len` bytes of SQL, or up to the first zero byte. The text is never
 * longer than the input. Any thread, async-signal-safe.
 */
void sql_read(const char *sql, size_t len, unsigned flags, struct sql_result *out);

#endif
