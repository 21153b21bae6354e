/*
 * SQL tokens, and the text that may leave the process. See sql.h.
 *
 * The scanner follows SQLite's own tokenizer. Input is never cut before it is
 * understood: a quote that has no end (also because the scan stopped inside)
 * is a literal, never text. What a token means is asked of sql_shape.c; text
 * and summary come from the same walk.
 */
#include "sql_internal.h"

#include <string.h>

/* A list of an IN: what is held back until it is known whether it collapses. */
enum in_run {
    IN_NONE,
    IN_OPEN,         /* `(` was written */
    IN_FIRST,        /* `(?` was written */
    IN_COMMA_HELD,   /* `(?` was written, a comma is held */
    IN_ELEMENT_HELD, /* `(?` was written, a comma and a `?` are held */
};

struct scanner {
    const char *at, *end;
    struct sql_result *out;
    bool text_full;
    bool gap; /* a comment was dropped: tokens must not grow together */
    enum in_run in_run;
    bool held_blank; /* a blank followed the held comma */
    struct shape shape;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* SQLite's IdChar: bytes of a multi-byte character are all letters. */
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* The byte `n` after the current one, 0 behind the end. */
static char peek(const struct scanner *s, size_t n)
{
    return n < (size_t)(s->end - s->at) ? s->at[n] : '\0';
}

/* Takes back a multi-byte character whose end did not fit. */
static void cut_at_character(struct sql_result *out)
{
    size_t back = 0;
    while (back < 3 && back < out->text_len &&
           ((unsigned char)out->text[out->text_len - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back == out->text_len)
        return;
    unsigned char lead = (unsigned char)out->text[out->text_len - 1 - back];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (need > back + 1)
        out->text_len -= back + 1;
}

static void write_raw(struct scanner *s, const char *bytes, size_t len)
{
    struct sql_result *out = s->out;
    if (s->text_full)
        return;
    size_t room = out->text_max - out->text_len;
    size_t n = len < room ? len : room;
    memcpy(out->text + out->text_len, bytes, n);
    out->text_len += n;
    if (n < len) {
        s->text_full = true;
        cut_at_character(out);
    }
}

static void write_text(struct scanner *s, const char *bytes, size_t len)
{
    if (s->gap && s->out->text_len > 0 && !is_space(s->out->text[s->out->text_len - 1]) &&
        !is_space(bytes[0]))
        write_raw(s, " ", 1);
    s->gap = false;
    write_raw(s, bytes, len);
}

/* The list does not collapse after all: what was held back comes out. */
static void release_held(struct scanner *s)
{
    if (s->in_run == IN_COMMA_HELD || s->in_run == IN_ELEMENT_HELD)
        write_text(s, ", ", s->held_blank ? 2 : 1);
    if (s->in_run == IN_ELEMENT_HELD)
        write_text(s, "?", 1);
    s->in_run = IN_NONE;
}

/* Writes a token, holding back what IN (?, ?, ?) can do without. */
static void write_token(struct scanner *s, const struct token *t, enum verdict verdict)
{
    bool placeholder = verdict == VERDICT_LITERAL || (t->kind == TOKEN_PARAM && t->len == 1);
    bool punct = t->kind == TOKEN_PUNCT;
    if (placeholder && s->in_run == IN_COMMA_HELD) {
        s->in_run = IN_ELEMENT_HELD;
        return;
    }
    if (punct && *t->at == ',' && (s->in_run == IN_FIRST || s->in_run == IN_ELEMENT_HELD)) {
        s->in_run = IN_COMMA_HELD;
        s->held_blank = false;
        return;
    }
    enum in_run next = IN_NONE;
    if (punct && *t->at == '(' && shape_in_list(&s->shape))
        next = IN_OPEN;
    else if (placeholder && s->in_run == IN_OPEN)
        next = IN_FIRST;
    else if (punct && *t->at == ')' && s->in_run == IN_ELEMENT_HELD)
        s->in_run = IN_NONE; /* collapsed */
    release_held(s);
    if (verdict == VERDICT_LITERAL)
        write_text(s, "?", 1);
    else
        write_text(s, t->at, t->len);
    s->in_run = next;
}

/* Where the comment that begins here ends; `at` itself where none does. */
static const char *behind_comment(const char *at, const char *end)
{
    if (end - at < 2)
        return at;
    if (at[0] == '-' && at[1] == '-') {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        return stop ? stop : end;
    }
    if (at[0] != '/' || at[1] != '*')
        return at;
    for (const char *p = at + 2; p + 1 < end; p++)
        if (p[0] == '*' && p[1] == '/')
            return p + 2;
    return end;
}

/* Blanks and comments. False when there is none here. */
static bool skip_blank(struct scanner *s)
{
    const char *from = s->at;
    while (s->at < s->end && is_space(*s->at))
        s->at++;
    if (s->at > from) {
        if (s->in_run == IN_COMMA_HELD)
            s->held_blank = true;
        else if (s->in_run != IN_ELEMENT_HELD && s->out->text_len > 0)
            write_text(s, from, (size_t)(s->at - from));
        return true;
    }
    from = behind_comment(s->at, s->end);
    if (from == s->at)
        return false;
    s->at = from;
    s->gap = true;
    return true;
}

/* A quoted token; a doubled closing quote is part of it, except in [x]. */
static void scan_quoted(struct scanner *s, struct token *t)
{
    char open = *s->at, close = open == '[' ? ']' : open;
    t->kind = open == '\'' ? TOKEN_STRING : open == '"' ? TOKEN_DOUBLE : TOKEN_NAME;
    s->at++;
    for (;;) {
        const char *stop = memchr(s->at, close, (size_t)(s->end - s->at));
        if (!stop) {
            s->at = s->end;
            t->kind = TOKEN_LITERAL;
            break;
        }
        s->at = stop + 1;
        if (close == ']' || peek(s, 0) != close)
            break;
        s->at++;
    }
}

/* Everything that SQLite takes for one number, or refuses as one: 1.5e-3 0xFF 1_0 12ab */
static void scan_number(struct scanner *s, struct token *t)
{
    bool hex = peek(s, 0) == '0' && (peek(s, 1) | 0x20) == 'x';
    t->kind = TOKEN_LITERAL;
    while (s->at < s->end) {
        char c = *s->at;
        bool exponent = !hex && (c | 0x20) == 'e' && (peek(s, 1) == '+' || peek(s, 1) == '-') &&
                        is_digit(peek(s, 2));
        if (exponent)
            s->at += 2;
        else if (is_word(c) || c == '.')
            s->at++;
        else
            break;
    }
}

static void scan_token(struct scanner *s, struct token *t)
{
    char c = *s->at, next = peek(s, 1);
    t->at = s->at;
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
        scan_quoted(s, t);
    } else if ((c | 0x20) == 'x' && next == '\'') {
        s->at++;
        scan_quoted(s, t);
        t->kind = TOKEN_LITERAL;
    } else if (is_digit(c) || (c == '.' && is_digit(next))) {
        scan_number(s, t);
    } else if ((c == '-' || c == '+') &&
               (is_digit(next) || (next == '.' && is_digit(peek(s, 2)))) &&
               shape_operand_expected(&s->shape)) {
        s->at++;
        scan_number(s, t);
    } else if (c == '?' || ((c == ':' || c == '@' || c == '$') && is_word(next))) {
        t->kind = TOKEN_PARAM;
        s->at++;
        while (s->at < s->end && (c == '?' ? is_digit(*s->at) : is_word(*s->at)))
            s->at++;
    } else if (is_word(c)) {
        t->kind = TOKEN_WORD;
        while (s->at < s->end && is_word(*s->at))
            s->at++;
    } else {
        t->kind = TOKEN_PUNCT;
        s->at++;
    }
    t->len = (size_t)(s->at - t->at);
}

/* Whether the next token is the dot of a qualified name: comments are no part of the text. */
static bool dot_follows(const struct scanner *s)
{
    const char *p = s->at, *from;
    do {
        from = p;
        while (p < s->end && is_space(*p))
            p++;
        p = behind_comment(p, s->end);
    } while (p != from);
    return p < s->end && *p == '.' && !(p + 1 < s->end && is_digit(p[1]));
}

void sql_read(const char *sql, size_t len, unsigned flags, struct sql_result *out)
{
    struct scanner s = { .at = sql, .out = out };
    s.end = sql + strnlen(sql, len < SQL_MAX_SCAN ? len : SQL_MAX_SCAN);
    out->text_len = 0;
    out->summary_len = 0;
    shape_init(&s.shape, sql, out);
    while (s.at < s.end && !(s.text_full && s.shape.full)) {
        if (skip_blank(&s))
            continue;
        struct token token;
        bool ended = false;
        scan_token(&s, &token);
        enum verdict verdict = shape_token(&s.shape, &token, dot_follows(&s), &ended);
        write_token(&s, &token, verdict);
        if (ended && (flags & SQL_FIRST_ONLY))
            break;
    }
    shape_finish(&s.shape);
    while (out->text_len > 0 && is_space(out->text[out->text_len - 1]))
        out->text_len--;
}
