/*
 * One line of a terminal: cells are counted, colours are not, and what does not
 * fit is cut with an ellipsis.
 */
#ifndef OTELSHIM_CONSOLE_LINE_H
#define OTELSHIM_CONSOLE_LINE_H

#include <stdint.h>

#include "span_view.h"
#include "text_buffer.h"

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN, COLOUR_COUNT };

struct line {
    struct text_buffer *out;
    unsigned cells, limit; /* written; at most */
    bool colour;
    bool cut; /* the ellipsis is written: nothing more before line_pad */
};

void line_begin(struct line *line, struct text_buffer *out, unsigned limit, bool colour);
/* UTF-8 text; control characters become blanks, so that nothing in an attribute
 * can command the terminal. */
void line_put(struct line *line, enum colour colour, const void *text, size_t len);
void line_puts(struct line *line, enum colour colour, const char *text);
/* Blanks up to cell `column`; the limit is `limit` from then on. */
void line_pad(struct line *line, unsigned column, unsigned limit);

/* "850 ns", "12.3 µs", "1.23 ms", "2.05 s", "3m 20s": three digits, aligned by the
 * caller. `out` has room for DURATION_BYTES. */
#define DURATION_BYTES 24u
#define DURATION_CELLS 8u
void duration_text(uint64_t ns, char out[static DURATION_BYTES]);
unsigned text_cells(const char *text);

#endif
