/*
 * Shared by sql.c (tokens and text) and sql_shape.c (clauses and summary).
 */
#ifndef OTELSHIM_PROTO_SQL_INTERNAL_H
#define OTELSHIM_PROTO_SQL_INTERNAL_H

#include <stdint.h>
#include "proto/sql.h"

enum token_kind {
    TOKEN_NONE,
    TOKEN_WORD,    /* keyword or bare name */
    TOKEN_NAME,    /* `x` or [x]: a name and nothing else */
    TOKEN_DOUBLE,  /* "x": a name, or SQLite's misfeature of a string */
    TOKEN_STRING,  /* 'x': a literal, or a table's name */
    TOKEN_LITERAL, /* number, blob, unterminated quote */
    TOKEN_PARAM,   /* ? ?1 :a @a $a */
    TOKEN_PUNCT,   /* one byte of anything else */
};

struct token {
    enum token_kind kind;
    const char *at;
    size_t len;
};

/* WORD(id, "TEXT") sorted by text: looked up by binary search. KEYWORD_EXPR are
 * words that an operand follows; they mean nothing else to us. */
#define SQL_WORDS(WORD)                                                          \
    WORD(DDL, "ALTER") WORD(ANALYZE, "ANALYZE") WORD(EXPR, "AND") WORD(AS, "AS") \
    WORD(ATTACH, "ATTACH") WORD(BEGIN, "BEGIN") WORD(EXPR, "BETWEEN") WORD(EXPR, "BY") \
    WORD(CALL, "CALL") WORD(EXPR, "CASE") WORD(NAME_FOLLOWS, "COLLATE")          \
    WORD(NAME_FOLLOWS, "COLUMN") WORD(PLAIN, "COMMIT") WORD(NAME_FOLLOWS, "CONSTRAINT") \
    WORD(DDL, "CREATE") WORD(OBJECT, "DATABASE") WORD(EXPR, "DEFAULT")           \
    WORD(DELETE, "DELETE") WORD(DETACH, "DETACH") WORD(DISTINCT, "DISTINCT")     \
    WORD(DDL, "DROP") WORD(EXPR, "ELSE") WORD(END, "END") WORD(CLAUSE, "EXCEPT") \
    WORD(CALL, "EXEC") WORD(CALL, "EXECUTE") WORD(EXISTS, "EXISTS")              \
    WORD(EXPLAIN, "EXPLAIN") WORD(FALSE, "FALSE") WORD(FROM, "FROM")             \
    WORD(OBJECT, "FUNCTION") WORD(CLAUSE, "GROUP") WORD(CLAUSE, "HAVING")        \
    WORD(IF, "IF") WORD(IN, "IN") WORD(INDEX, "INDEX") WORD(INSERT, "INSERT")    \
    WORD(CLAUSE, "INTERSECT") WORD(INTO, "INTO") WORD(JOIN, "JOIN") WORD(KEY, "KEY") \
    WORD(EXPR, "LIKE") WORD(CLAUSE, "LIMIT") WORD(MATERIALIZED, "MATERIALIZED")  \
    WORD(INSERT, "MERGE") WORD(EXPR, "NOT") WORD(EXPR, "OFFSET") WORD(ON, "ON")  \
    WORD(OR, "OR") WORD(CLAUSE, "ORDER") WORD(PLAN, "PLAN") WORD(PRAGMA, "PRAGMA") \
    WORD(OBJECT, "PROCEDURE") WORD(PLAN, "QUERY") WORD(RECURSIVE, "RECURSIVE")   \
    WORD(REFERENCES, "REFERENCES") WORD(ANALYZE, "REINDEX") WORD(SAVEPOINT, "RELEASE") \
    WORD(NAME_FOLLOWS, "RENAME") WORD(REPLACE, "REPLACE") WORD(CLAUSE, "RETURNING") \
    WORD(PLAIN, "ROLLBACK") WORD(SAVEPOINT, "SAVEPOINT") WORD(OBJECT, "SCHEMA")  \
    WORD(SELECT, "SELECT") WORD(OBJECT, "SEQUENCE") WORD(SET, "SET") WORD(OBJECT, "TABLE") \
    WORD(EXPR, "THEN") WORD(NAME_FOLLOWS, "TO") WORD(TRIGGER, "TRIGGER") WORD(TRUE, "TRUE") \
    WORD(TRUNCATE, "TRUNCATE") WORD(CLAUSE, "UNION") WORD(KEY, "UNIQUE") WORD(UPDATE, "UPDATE") \
    WORD(KEY, "USING") WORD(PLAIN, "VACUUM") WORD(VALUES, "VALUES") WORD(VIEW, "VIEW") \
    WORD(EXPR, "WHEN") WORD(CLAUSE, "WHERE") WORD(CLAUSE, "WINDOW") WORD(WITH, "WITH")

enum keyword {
    KEYWORD_NONE, /* a name, or a word that changes nothing */
    KEYWORD_ANALYZE, KEYWORD_AS, KEYWORD_ATTACH, KEYWORD_BEGIN, KEYWORD_CALL, KEYWORD_CLAUSE,
    KEYWORD_DDL, KEYWORD_DELETE, KEYWORD_DETACH, KEYWORD_DISTINCT, KEYWORD_END, KEYWORD_EXISTS,
    KEYWORD_EXPLAIN, KEYWORD_EXPR, KEYWORD_FALSE, KEYWORD_FROM, KEYWORD_IF, KEYWORD_IN,
    KEYWORD_INDEX, KEYWORD_INSERT, KEYWORD_INTO, KEYWORD_JOIN, KEYWORD_KEY,
    KEYWORD_MATERIALIZED, KEYWORD_NAME_FOLLOWS, KEYWORD_OBJECT, KEYWORD_ON, KEYWORD_OR,
    KEYWORD_PLAIN, KEYWORD_PLAN, KEYWORD_PRAGMA, KEYWORD_RECURSIVE, KEYWORD_REFERENCES,
    KEYWORD_REPLACE, KEYWORD_SAVEPOINT, KEYWORD_SELECT, KEYWORD_SET, KEYWORD_TRIGGER,
    KEYWORD_TRUE, KEYWORD_TRUNCATE, KEYWORD_UPDATE, KEYWORD_VALUES, KEYWORD_VIEW, KEYWORD_WITH,
};

/* What the next name is. */
enum expect {
    EXPECT_NOTHING,
    EXPECT_TARGET,      /* a table: goes into the summary */
    EXPECT_MORE_TARGET, /* it was one; a dot may go on with it, an alias may follow */
    EXPECT_NAME,        /* a name that does not: REFERENCES t, SAVEPOINT s */
    EXPECT_AFTER_NAME,
    EXPECT_CTE,         /* WITH, and the commas after it */
    EXPECT_AFTER_CTE,
    EXPECT_OBJECT,      /* CREATE: TABLE, INDEX ... */
};

enum target {
    TARGET_FROM,
    TARGET_INSERT, /* a column list may follow */
    TARGET_UPDATE, /* OR conflict-action may come first */
    TARGET_DDL,    /* IF NOT EXISTS may come first, definitions may follow */
    TARGET_PRAGMA, /* only a bare word */
    TARGET_OTHER,
};

/* Meaning of one level of parentheses, bits. */
enum level {
    LEVEL_QUERY = 1 << 0, /* FROM opens a list of tables */
    LEVEL_FROM = 1 << 1,  /* in that list: a comma or JOIN is followed by a table */
    LEVEL_NAMES = 1 << 2, /* each element begins with a name: columns, definitions */
    LEVEL_SET = 1 << 3,   /* assignments: each begins with a name */
    LEVEL_IN = 1 << 4,    /* list of an IN */
    LEVEL_CTE = 1 << 5,   /* between WITH and the statement */
    LEVEL_BODY = 1 << 6,  /* of a WITH table: a statement may begin */
};

/* What a token is to the text. */
enum verdict {
    VERDICT_KEEP,
    VERDICT_LITERAL,
};

struct shape {
    struct sql_result *out;
    const char *sql;
    /* Previous token. */
    enum token_kind prev;
    char prev_punct;
    enum keyword prev_word;
    /* Position. */
    enum expect expect;
    enum target target;
    bool at_start;   /* a statement may begin with the next word */
    bool skip_word;  /* the next word belongs to the one before */
    bool into;       /* INTO names a table */
    bool attach;     /* bare words are strings, too */
    bool secret;     /* PRAGMA key: bare words are secrets */
    bool on_is_name; /* CREATE INDEX i ON t */
    bool create;     /* CREATE, as opposed to DROP and ALTER */
    bool name_only;  /* of a view or trigger: what it holds is not run now */
    bool muted;      /* the rest of this statement adds nothing to the summary */
    bool trigger;    /* inside CREATE TRIGGER: a semicolon does not end it ... */
    bool trigger_end;/* ... but for the one behind `; END` */
    unsigned depth;
    uint8_t levels[SQL_MAX_DEPTH];
    unsigned nr_ctes;
    struct {
        uint32_t offset, len;
    } ctes[SQL_MAX_CTES]; /* where their names stand in the SQL */
    /* Summary. */
    bool full;
    size_t target_start;    /* where the target being written begins, its blank included */
    size_t statement_start; /* of this statement's part, its blank included */
    size_t previous_start;  /* of the one before */
};

void shape_init(struct shape *s, const char *sql, struct sql_result *out);
/* Takes the next token in; `dotted`: a dot follows it. Yields what the text shows
 * of it. *ended: a statement ended with it. */
enum verdict shape_token(struct shape *s, const struct token *token, bool dotted, bool *ended);
/* End of input. */
void shape_finish(struct shape *s);
/* Whether the current parenthesis is the list of an IN. */
bool shape_in_list(const struct shape *s);
/* Whether a sign here belongs to the number behind it. */
bool shape_operand_expected(const struct shape *s);

#endif
