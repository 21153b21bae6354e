/*
 * Spans as a tree per trace, for people: one line a span, with what matters of
 * it, its duration, and where it lies within the trace.
 *
 * Used by the console exporter for the spans of its process, and by the command
 * (`otelshim run --console`) for those of all processes of a run: each of them
 * appends chunks of records to one file, and the command renders it at the end.
 */
#ifndef OTELSHIM_CONSOLE_TREE_H
#define OTELSHIM_CONSOLE_TREE_H

#include "span_view.h"
#include "text_buffer.h"

#define CONSOLE_DEFAULT_WIDTH 100u
#define CONSOLE_MIN_WIDTH 40u
#define CONSOLE_MAX_WIDTH 400u

struct tree_process {
    const char *executable, *service;
    int pid;
};

struct tree_span {
    const struct record *record;
    const struct tree_process *process;
};

struct tree_style {
    unsigned width; /* cells of a line */
    bool colour;
};

/* Width and colour for `fd`: colour on a terminal unless NO_COLOR is set. */
struct tree_style console_tree_style(int fd);

/* Appends the trees to `out`. False: no memory, nothing appended. Allocates. */
bool console_tree_render(const struct tree_span *spans, unsigned nr_spans, struct tree_style style,
                         struct text_buffer *out);

/*
 * The file of `otelshim run --console`: chunks of a header, two texts (executable
 * and service name) and records. Written by the processes with one write each,
 * O_APPEND; read on the same machine by the same build.
 */
#define COLLECT_MAGIC 0x314C4C4Fu /* "OLL1" */
#define COLLECT_MAX_NAME 255u     /* bytes of one text, the rest is cut */

struct collect_header {
    uint32_t magic;        /* COLLECT_MAGIC */
    uint32_t record_bytes; /* records that follow the texts */
    int32_t pid;
    uint16_t executable_bytes, service_bytes; /* texts, not terminated, then padding to 8 */
    int64_t real_minus_mono_ns;
};

/*
 * Reads the file at `fd_in` from its start and writes one merged tree to `fd_out`.
 * 0, or -1: unreadable, or fd_out cannot be written. A torn last chunk is left out.
 * For the command; blocks.
 */
int console_render_collected(int fd_in, int fd_out);

#endif
