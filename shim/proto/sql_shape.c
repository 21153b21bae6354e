/*
 * Where in a statement a token stands: names or literals, and the summary.
 * See sql.h for the rules.
 */
#include "sql_internal.h"

#include <string.h>

#define LONGEST_WORD 12

static const struct {
    char text[LONGEST_WORD + 1];
    uint8_t id;
} words[] = {
#define X(id, text) { text, KEYWORD_##id },
    SQL_WORDS(X)
#undef X
};

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static enum keyword keyword_of(const struct token *t)
{
    char text[LONGEST_WORD + 1];
    if (t->kind != TOKEN_WORD || t->len < 2 || t->len > LONGEST_WORD)
        return KEYWORD_NONE;
    for (size_t i = 0; i < t->len; i++)
        text[i] = upper(t->at[i]);
    text[t->len] = '\0';
    size_t low = 0, high = sizeof words / sizeof words[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(text, words[middle].text);
        if (order == 0)
            return words[middle].id;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return KEYWORD_NONE;
}

/* ---- Summary ---- */

/* Appends bytes; once something did not fit, nothing is appended any more. */
static void summary_add(struct shape *s, const char *bytes, size_t len)
{
    struct sql_result *out = s->out;
    if (s->full || s->muted)
        return;
    size_t max = out->summary_max < SQL_MAX_SUMMARY ? out->summary_max : SQL_MAX_SUMMARY;
    if (len > max - out->summary_len) {
        s->full = true;
        out->summary_len = s->target_start;
        return;
    }
    memcpy(out->summary + out->summary_len, bytes, len);
    out->summary_len += len;
}

/* Appends a word with the blank before it; it comes whole or not at all. */
static void summary_word(struct shape *s, const struct token *t)
{
    s->target_start = s->out->summary_len;
    if (s->out->summary_len > 0)
        summary_add(s, " ", 1);
    summary_add(s, t->at, t->len);
}

/* A statement equal to the one before it leaves no trace. */
static void summary_end_statement(struct shape *s)
{
    struct sql_result *out = s->out;
    size_t begin = s->statement_start;
    if (s->full || begin == out->summary_len)
        return;
    /* Without the blanks between them. */
    const char *now = out->summary + begin + (begin > 0);
    const char *before = out->summary + s->previous_start + (s->previous_start > 0);
    size_t now_len = (size_t)(out->summary + out->summary_len - now);
    size_t before_len = begin > s->previous_start ? (size_t)(out->summary + begin - before) : 0;
    if (now_len == before_len && memcmp(now, before, now_len) == 0) {
        out->summary_len = begin;
        return;
    }
    s->previous_start = begin;
    s->statement_start = out->summary_len;
}

/* ---- Position ---- */

static uint8_t level(const struct shape *s)
{
    return s->depth < SQL_MAX_DEPTH ? s->levels[s->depth] : 0;
}

static void level_set(struct shape *s, unsigned set, unsigned clear)
{
    if (s->depth < SQL_MAX_DEPTH)
        s->levels[s->depth] = (uint8_t)((s->levels[s->depth] & ~clear) | set);
}

static void expect_target(struct shape *s, enum target target)
{
    s->expect = EXPECT_TARGET;
    s->target = target;
}

static void end_statement(struct shape *s)
{
    summary_end_statement(s);
    s->depth = 0;
    s->levels[0] = 0;
    s->expect = EXPECT_NOTHING;
    s->at_start = true;
    s->skip_word = s->into = s->attach = s->secret = s->on_is_name = false;
    s->create = s->name_only = s->muted = false;
    s->trigger = s->trigger_end = false;
    s->nr_ctes = 0;
}

static bool is_after_dot(const struct shape *s)
{
    return s->prev == TOKEN_PUNCT && s->prev_punct == '.';
}

static bool same_name(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (upper(a[i]) != upper(b[i]))
            return false;
    return true;
}

static bool is_cte(const struct shape *s, const struct token *t)
{
    for (unsigned i = 0; i < s->nr_ctes; i++)
        if (s->ctes[i].len == t->len && same_name(s->sql + s->ctes[i].offset, t->at, t->len))
            return true;
    return false;
}

static bool ends_with_key(const struct token *t)
{
    return t->len >= 3 && upper(t->at[t->len - 3]) == 'K' && upper(t->at[t->len - 2]) == 'E' &&
           upper(t->at[t->len - 1]) == 'Y';
}

/* A name where a table was expected. */
static void take_target(struct shape *s, const struct token *t, bool dotted)
{
    s->expect = EXPECT_MORE_TARGET;
    s->secret = s->target == TARGET_PRAGMA && ends_with_key(t);
    if (is_after_dot(s))
        summary_add(s, t->at, t->len);
    else if (dotted || !is_cte(s, t))
        summary_word(s, t);
    if (s->target == TARGET_DDL && s->name_only && !dotted)
        s->muted = true;
}

/* Words that may stand between the command and the table. */
static bool is_before_target(struct shape *s, enum keyword word)
{
    switch (s->target) {
    case TARGET_DDL:
        return word == KEYWORD_IF || word == KEYWORD_EXPR /* NOT */ || word == KEYWORD_EXISTS;
    case TARGET_UPDATE: s->skip_word = word == KEYWORD_OR; return word == KEYWORD_OR;
    case TARGET_OTHER: return word == KEYWORD_OBJECT; /* DETACH DATABASE x, TRUNCATE TABLE t */
    default: return false;
    }
}

/* CREATE, DROP, ALTER: up to the kind of object. */
static void take_object_word(struct shape *s, const struct token *t, enum keyword word)
{
    switch (word) {
    case KEYWORD_TRIGGER:
        s->trigger = s->create;
        s->name_only = true;
        break;
    case KEYWORD_VIEW: s->name_only = true; break;
    case KEYWORD_INDEX:
    case KEYWORD_OBJECT: break;
    default: return; /* TEMP, UNIQUE, OR REPLACE ... */
    }
    summary_word(s, t);
    s->on_is_name = word == KEYWORD_INDEX || word == KEYWORD_TRIGGER;
    expect_target(s, TARGET_DDL);
}

/* A word that begins a statement. False: it does not. */
static bool take_command(struct shape *s, const struct token *t, enum keyword word)
{
    if (!s->at_start)
        return false;
    switch (word) {
    case KEYWORD_INSERT:
    case KEYWORD_REPLACE: s->into = true; break;
    case KEYWORD_UPDATE: expect_target(s, TARGET_UPDATE); break;
    case KEYWORD_DELETE:
    case KEYWORD_VALUES:
    case KEYWORD_PLAIN:
    case KEYWORD_BEGIN:
    case KEYWORD_END:
    case KEYWORD_EXPLAIN: break;
    case KEYWORD_DDL:
        s->expect = EXPECT_OBJECT;
        s->create = upper(*t->at) == 'C';
        break;
    case KEYWORD_ANALYZE:
    case KEYWORD_CALL:
    case KEYWORD_DETACH:
    case KEYWORD_TRUNCATE: expect_target(s, TARGET_OTHER); break;
    case KEYWORD_SAVEPOINT: s->expect = EXPECT_NAME; break;
    case KEYWORD_ATTACH: s->attach = true; break;
    case KEYWORD_PRAGMA: expect_target(s, TARGET_PRAGMA); break;
    default: return false;
    }
    level_set(s, LEVEL_QUERY, 0xFF);
    summary_word(s, t);
    return true;
}

/* A word inside a statement that moves the position. */
static void take_clause(struct shape *s, const struct token *t, enum keyword word)
{
    switch (word) {
    case KEYWORD_SELECT:
        level_set(s, LEVEL_QUERY, 0xFF);
        summary_word(s, t);
        break;
    case KEYWORD_FROM: /* not that of trim(x FROM y), IS DISTINCT FROM y */
        if (!(level(s) & LEVEL_QUERY) || s->prev_word == KEYWORD_DISTINCT)
            break;
        level_set(s, LEVEL_FROM, LEVEL_SET);
        expect_target(s, TARGET_FROM);
        break;
    case KEYWORD_JOIN:
        if (level(s) & LEVEL_FROM)
            expect_target(s, TARGET_FROM);
        break;
    case KEYWORD_INTO:
        if (s->into)
            expect_target(s, TARGET_INSERT);
        s->into = false;
        break;
    case KEYWORD_SET: level_set(s, LEVEL_SET, LEVEL_FROM); break;
    case KEYWORD_CLAUSE:
    case KEYWORD_VALUES: level_set(s, 0, LEVEL_FROM | LEVEL_SET | LEVEL_CTE); break;
    case KEYWORD_WITH:
        level_set(s, LEVEL_CTE, 0);
        s->expect = EXPECT_CTE;
        break;
    case KEYWORD_REFERENCES:
    case KEYWORD_SAVEPOINT: /* ROLLBACK TO SAVEPOINT s */ s->expect = EXPECT_NAME; break;
    case KEYWORD_ON:
        if (s->on_is_name)
            s->expect = EXPECT_NAME;
        s->on_is_name = false;
        break;
    case KEYWORD_AS:
        if (s->attach)
            expect_target(s, TARGET_OTHER);
        break;
    default: break;
    }
}

/* ---- Tokens ---- */

/* Values of ATTACH and PRAGMA key: strings and secrets, however they are spelt. */
static bool hides_names(const struct shape *s)
{
    bool target =
        s->expect == EXPECT_TARGET || (s->expect == EXPECT_MORE_TARGET && is_after_dot(s));
    return (s->secret || s->attach) && !target;
}

/* "x" where only a name can stand. */
static bool is_certainly_name(const struct shape *s, bool dotted)
{
    if (hides_names(s))
        return false;
    bool first = s->prev == TOKEN_PUNCT && (s->prev_punct == '(' || s->prev_punct == ',');
    uint8_t now = level(s);
    if (dotted || is_after_dot(s) || s->prev_word == KEYWORD_AS ||
        s->prev_word == KEYWORD_NAME_FOLLOWS)
        return true;
    switch (s->expect) {
    case EXPECT_TARGET: return s->target != TARGET_PRAGMA;
    case EXPECT_MORE_TARGET: /* an alias */ return s->target != TARGET_PRAGMA;
    case EXPECT_NAME:
    case EXPECT_CTE: return true;
    default: break;
    }
    if ((now & LEVEL_NAMES) && first)
        return true;
    if ((now & LEVEL_SET) && (first || s->prev_word == KEYWORD_SET))
        return true;
    /* the alias of a subquery */
    return (now & LEVEL_FROM) && s->prev == TOKEN_PUNCT && s->prev_punct == ')';
}

/* Any quoted or bare name. */
static void take_name(struct shape *s, const struct token *t, bool dotted)
{
    if (s->expect == EXPECT_TARGET || (s->expect == EXPECT_MORE_TARGET && is_after_dot(s))) {
        take_target(s, t, dotted);
    } else if (s->expect == EXPECT_NAME) {
        s->expect = dotted ? EXPECT_NAME : EXPECT_AFTER_NAME;
    } else if (s->expect == EXPECT_CTE) {
        s->expect = EXPECT_AFTER_CTE;
        if (s->nr_ctes < SQL_MAX_CTES) {
            s->ctes[s->nr_ctes].offset = (uint32_t)(t->at - s->sql);
            s->ctes[s->nr_ctes++].len = (uint32_t)t->len;
        }
    } else if (s->expect != EXPECT_OBJECT) {
        s->expect = EXPECT_NOTHING;
    }
}

static void open_level(struct shape *s)
{
    unsigned now = level(s), inside = 0;
    if (s->expect == EXPECT_TARGET)
        inside = s->target == TARGET_FROM ? LEVEL_FROM : 0;
    else if (s->expect == EXPECT_MORE_TARGET)
        inside = s->target == TARGET_INSERT || s->target == TARGET_DDL ? LEVEL_NAMES : 0;
    else if (s->expect == EXPECT_AFTER_NAME || s->expect == EXPECT_AFTER_CTE ||
             s->prev_word == KEYWORD_KEY || s->prev_word == KEYWORD_SET)
        inside = LEVEL_NAMES;
    else if (s->prev_word == KEYWORD_IN)
        inside = LEVEL_IN;
    else if ((now & LEVEL_CTE) &&
             (s->prev_word == KEYWORD_AS || s->prev_word == KEYWORD_MATERIALIZED))
        inside = LEVEL_BODY;
    if (!(inside & LEVEL_FROM))
        s->expect = EXPECT_NOTHING;
    s->at_start = inside == LEVEL_BODY;
    s->depth++;
    if (s->depth < SQL_MAX_DEPTH)
        s->levels[s->depth] = (uint8_t)inside;
}

static void take_punct(struct shape *s, char c, bool *ended)
{
    bool was_end = s->trigger_end && s->trigger;
    s->at_start = s->at_start && c == '{'; /* JDBC's {call x} */
    s->trigger_end = false;
    switch (c) {
    case '(': open_level(s); return;
    case ')':
        if (s->depth > 0)
            s->depth--;
        s->at_start = level(s) & LEVEL_CTE;
        s->expect = EXPECT_NOTHING;
        return;
    case ',':
        s->expect = EXPECT_NOTHING;
        if (level(s) & LEVEL_FROM)
            expect_target(s, TARGET_FROM);
        else if (level(s) & LEVEL_CTE)
            s->expect = EXPECT_CTE;
        return;
    case '.':
        if (s->expect == EXPECT_MORE_TARGET)
            summary_add(s, ".", 1);
        return;
    case ';':
        if (s->trigger && !was_end) {
            s->depth = 0;
            s->expect = EXPECT_NOTHING;
            s->at_start = true;
            return;
        }
        end_statement(s);
        *ended = true;
        return;
    default: s->expect = EXPECT_NOTHING;
    }
}

static enum verdict take_word(struct shape *s, const struct token *t, bool dotted,
                              enum keyword word)
{
    bool started = s->at_start;
    if (s->skip_word) {
        s->skip_word = false;
        return VERDICT_KEEP;
    }
    if (hides_names(s) && (s->secret || word == KEYWORD_NONE || dotted)) {
        s->expect = EXPECT_NOTHING;
        s->at_start = false; /* as for the `?` that stands there then */
        return VERDICT_LITERAL;
    }
    if (is_after_dot(s) || dotted) {
        take_name(s, t, dotted);
        s->at_start = false;
        return VERDICT_KEEP;
    }
    if (s->expect == EXPECT_OBJECT) {
        take_object_word(s, t, word);
        return VERDICT_KEEP;
    }
    bool query = word == KEYWORD_SELECT || word == KEYWORD_VALUES || word == KEYWORD_WITH;
    if (s->expect == EXPECT_TARGET && !query) {
        if (!is_before_target(s, word))
            take_name(s, t, dotted);
        return VERDICT_KEEP;
    }
    if (s->expect == EXPECT_NAME || (s->expect == EXPECT_CTE && word != KEYWORD_RECURSIVE)) {
        take_name(s, t, dotted);
        return VERDICT_KEEP;
    }
    if (word != KEYWORD_RECURSIVE)
        s->expect = EXPECT_NOTHING;
    /* `; END` closes a trigger, if a semicolon follows. */
    s->trigger_end = word == KEYWORD_END && s->prev == TOKEN_PUNCT && s->prev_punct == ';';
    if (!take_command(s, t, word))
        take_clause(s, t, word);
    s->at_start = (started && (word == KEYWORD_EXPLAIN || word == KEYWORD_PLAN)) ||
                  (s->trigger && word == KEYWORD_BEGIN);
    return word == KEYWORD_TRUE || word == KEYWORD_FALSE ? VERDICT_LITERAL : VERDICT_KEEP;
}

static enum verdict take(struct shape *s, const struct token *t, bool dotted, enum keyword word,
                         bool *ended)
{
    switch (t->kind) {
    case TOKEN_WORD: return take_word(s, t, dotted, word);
    case TOKEN_PUNCT: take_punct(s, *t->at, ended); return VERDICT_KEEP;
    case TOKEN_STRING:
        if (s->expect == EXPECT_TARGET && s->target != TARGET_PRAGMA)
            break;
        s->expect = EXPECT_NOTHING;
        return VERDICT_LITERAL;
    case TOKEN_DOUBLE:
        if (is_certainly_name(s, dotted))
            break;
        s->expect = EXPECT_NOTHING;
        return VERDICT_LITERAL;
    case TOKEN_NAME:
        if (!hides_names(s))
            break;
        s->expect = EXPECT_NOTHING;
        return VERDICT_LITERAL;
    default:
        s->expect = EXPECT_NOTHING;
        return t->kind == TOKEN_LITERAL || s->secret ? VERDICT_LITERAL : VERDICT_KEEP;
    }
    take_name(s, t, dotted);
    s->at_start = false;
    return VERDICT_KEEP;
}

void shape_init(struct shape *s, const char *sql, struct sql_result *out)
{
    memset(s, 0, sizeof *s);
    s->sql = sql;
    s->out = out;
    s->at_start = true;
}

enum verdict shape_token(struct shape *s, const struct token *token, bool dotted, bool *ended)
{
    enum keyword word = keyword_of(token);
    if (is_after_dot(s))
        word = KEYWORD_NONE; /* t.from */
    enum verdict verdict = take(s, token, dotted, word, ended);
    if (token->kind != TOKEN_WORD && token->kind != TOKEN_PUNCT)
        s->at_start = false;
    s->prev = token->kind;
    s->prev_punct = token->kind == TOKEN_PUNCT ? *token->at : '\0';
    s->prev_word = word;
    return verdict;
}

void shape_finish(struct shape *s)
{
    summary_end_statement(s);
}

bool shape_in_list(const struct shape *s)
{
    return level(s) & LEVEL_IN;
}

bool shape_operand_expected(const struct shape *s)
{
    switch (s->prev) {
    case TOKEN_NONE: return true;
    case TOKEN_WORD:
        return s->prev_word != KEYWORD_NONE && s->prev_word != KEYWORD_TRUE &&
               s->prev_word != KEYWORD_FALSE && s->prev_word != KEYWORD_KEY;
    case TOKEN_PUNCT: return s->prev_punct != ')';
    default: return false;
    }
}
