/*
 * The cells of console_line.h. Widths are those of Unicode's East Asian Width and
 * combining marks, in ranges: wcwidth would depend on the program's locale.
 */
#include "console_line.h"

#include <stdio.h>
#include <string.h>

#define US UINT64_C(1000)
#define MS (1000 * US)
#define S (1000 * MS)

static const char *const escapes[COLOUR_COUNT] = {
    [PLAIN] = "",         [BOLD] = "\x1b[1m",    [DIM] = "\x1b[2m",   [RED] = "\x1b[31m",
    [GREEN] = "\x1b[32m", [YELLOW] = "\x1b[33m", [CYAN] = "\x1b[36m",
};

static const struct {
    uint32_t first, last;
    uint8_t cells;
} odd_widths[] = {
    { 0x0300, 0x036F, 0 },   { 0x1100, 0x115F, 2 },   { 0x200B, 0x200F, 0 }, { 0x20D0, 0x20FF, 0 },
    { 0x2E80, 0x303E, 2 },   { 0x3041, 0xA4CF, 2 },   { 0xAC00, 0xD7A3, 2 }, { 0xF900, 0xFAFF, 2 },
    { 0xFE00, 0xFE0F, 0 },   { 0xFE30, 0xFE6F, 2 },   { 0xFF00, 0xFF60, 2 }, { 0xFFE0, 0xFFE6, 2 },
    { 0x1F300, 0x1FAFF, 2 }, { 0x20000, 0x3FFFD, 2 },
};

static unsigned cells_of(uint32_t c)
{
    for (size_t i = 0; i < sizeof odd_widths / sizeof odd_widths[0]; i++)
        if (c >= odd_widths[i].first && c <= odd_widths[i].last)
            return odd_widths[i].cells;
    return 1;
}

/* C0, DEL, C1, and the marks that reorder text. */
static bool commands_terminal(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

static uint32_t decode(const unsigned char *s, size_t n)
{
    static const unsigned char masks[5] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    uint32_t c = s[0] & masks[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3F);
    return c;
}

void line_begin(struct line *line, struct text_buffer *out, unsigned limit, bool colour)
{
    *line = (struct line){ .out = out, .limit = limit, .colour = colour };
}

static void put_cells(struct line *line, const unsigned char *s, size_t len)
{
    for (size_t i = 0, n; i < len && !line->cut; i += n) {
        n = utf8_sequence(s + i, len - i);
        uint32_t c = n ? decode(s + i, n) : ' ';
        bool blank = n == 0 || commands_terminal(c);
        unsigned cells = blank ? 1 : cells_of(c);
        n += n == 0;
        if (line->cells + cells >= line->limit) { /* the last cell is the ellipsis's */
            line->cut = true;
            if (line->cells < line->limit) {
                text_puts(line->out, "…");
                line->cells++;
            }
            return;
        }
        text_put(line->out, blank ? (const unsigned char *)" " : s + i, blank ? 1 : n);
        line->cells += cells;
    }
}

void line_put(struct line *line, enum colour colour, const void *text, size_t len)
{
    bool coloured = line->colour && colour != PLAIN && !line->cut && len;
    if (coloured)
        text_puts(line->out, escapes[colour]);
    put_cells(line, text, len);
    if (coloured)
        text_puts(line->out, "\x1b[0m");
}

void line_puts(struct line *line, enum colour colour, const char *text)
{
    line_put(line, colour, text, strlen(text));
}

void line_pad(struct line *line, unsigned column, unsigned limit)
{
    for (; line->cells < column; line->cells++)
        text_put(line->out, " ", 1);
    line->limit = limit;
    line->cut = false;
}

void duration_text(uint64_t ns, char out[static DURATION_BYTES])
{
    static const struct {
        uint64_t ns;
        const char *name;
    } units[] = { { US, "µs" }, { MS, "ms" }, { S, "s" } };
    if (ns < US) {
        snprintf(out, DURATION_BYTES, "%u ns", (unsigned)ns);
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        double v = (double)ns / (double)units[i].ns;
        double limit = i < 2 ? 999.5 : 99.5;
        if (v >= limit)
            continue;
        int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
        snprintf(out, DURATION_BYTES, "%.*f %s", decimals, v, units[i].name);
        return;
    }
    uint64_t seconds = (ns + S / 2) / S;
    if (seconds < 6000)
        snprintf(out, DURATION_BYTES, "%um %02us", (unsigned)(seconds / 60),
                 (unsigned)(seconds % 60));
    else
        snprintf(out, DURATION_BYTES, "%lluh %02um", (unsigned long long)(seconds / 3600),
                 (unsigned)(seconds / 60 % 60));
}

unsigned text_cells(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned cells = 0;
    for (size_t i = 0, n, len = strlen(text); i < len; i += n ? n : 1) {
        n = utf8_sequence(s + i, len - i);
        cells += n ? cells_of(decode(s + i, n)) : 1;
    }
    return cells;
}
