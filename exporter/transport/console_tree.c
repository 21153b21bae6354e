/*
 * The trees of console_tree.h: spans are sorted by trace and id, linked to their
 * parents, and printed in the order of their start. All times are CLOCK_MONOTONIC,
 * which all processes of a machine share.
 *
 * A span whose parent is not here is a root. Records are hostile: parents in a
 * circle are each printed once, depth is bounded.
 */
#include "console_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "console_line.h"

#define MAX_INDENT 20u /* levels shown; deeper spans stand below each other */
#define MAX_ANSWERS 3u /* addresses of a lookup that are shown */
#define BAR_CELLS_WIDE 24u
#define BAR_CELLS_NARROW 12u
#define NARROW 100u /* below: the narrow bar */
#define NO_BAR 72u  /* below: none */

struct trace;

struct node {
    const struct record *record;
    const struct tree_process *process;
    struct trace *trace;
    struct node *parent, *first_child, *next; /* next: sibling, or root of the trace */
    bool printed;
};

struct trace {
    struct node *nodes; /* sorted by span id */
    unsigned nr_nodes;
    struct node *roots;
    uint64_t start_mono_ns, end_mono_ns;
};

struct tree {
    struct node *nodes, **by_start;
    struct trace *traces;
    unsigned nr_nodes, nr_traces;
    bool several_processes;
    struct tree_style style;
    unsigned text_cells, bar_cells; /* of a line */
    struct span_view *view;
    struct text_buffer *out;
    bool more[MAX_INDENT + 1]; /* whether the ancestor on this level has a younger sibling */
};

static int compare_ids(const void *a, const void *b)
{
    const struct record *x = ((const struct node *)a)->record,
                        *y = ((const struct node *)b)->record;
    int order = memcmp(x->trace_id, y->trace_id, sizeof x->trace_id);
    return order ? order : memcmp(x->span_id, y->span_id, sizeof x->span_id);
}

static int compare_times(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Youngest first: putting each in front of its siblings leaves them in order. */
static int compare_starts(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    int order = compare_times(y->record->start_mono_ns, x->record->start_mono_ns);
    return order ? order : compare_ids(y, x);
}

static int compare_traces(const void *a, const void *b)
{
    const struct trace *x = a, *y = b;
    return compare_times(x->start_mono_ns, y->start_mono_ns);
}

static bool same_process(const struct tree_process *a, const struct tree_process *b)
{
    return a == b || (a->pid == b->pid && strcmp(a->executable, b->executable) == 0);
}

static uint64_t end_of(const struct record *record)
{
    return record->end_mono_ns > record->start_mono_ns ? record->end_mono_ns
                                                       : record->start_mono_ns;
}

static void add_to_trace(struct trace *trace, const struct record *record)
{
    if (trace->nr_nodes++ == 0 || record->start_mono_ns < trace->start_mono_ns)
        trace->start_mono_ns = record->start_mono_ns;
    if (end_of(record) > trace->end_mono_ns)
        trace->end_mono_ns = end_of(record);
}

/* Nodes are sorted by ids: a trace is a run of them. */
static void find_traces(struct tree *tree)
{
    struct trace *trace = NULL;
    for (unsigned i = 0; i < tree->nr_nodes; i++) {
        struct node *node = &tree->nodes[i];
        if (!trace || memcmp(trace->nodes->record->trace_id, node->record->trace_id, 16) != 0) {
            trace = &tree->traces[tree->nr_traces++];
            *trace = (struct trace){ .nodes = node };
        }
        add_to_trace(trace, node->record);
    }
    qsort(tree->traces, tree->nr_traces, sizeof tree->traces[0], compare_traces);
    for (unsigned i = 0; i < tree->nr_traces; i++)
        for (unsigned j = 0; j < tree->traces[i].nr_nodes; j++)
            tree->traces[i].nodes[j].trace = &tree->traces[i];
}

static struct node *find_parent(const struct tree *tree, const struct node *node)
{
    struct record key = *node->record;
    if (!(key.flags & RECORD_HAS_PARENT))
        return NULL;
    memcpy(key.span_id, key.parent_span_id, sizeof key.span_id);
    struct node wanted = { .record = &key };
    struct node *parent =
        bsearch(&wanted, tree->nodes, tree->nr_nodes, sizeof tree->nodes[0], compare_ids);
    return parent == node ? NULL : parent;
}

static void link_nodes(struct tree *tree)
{
    qsort(tree->by_start, tree->nr_nodes, sizeof(struct node *), compare_starts);
    for (unsigned i = 0; i < tree->nr_nodes; i++) {
        struct node *node = tree->by_start[i];
        node->parent = find_parent(tree, node);
        struct node **list = node->parent ? &node->parent->first_child : &node->trace->roots;
        node->next = *list;
        *list = node;
    }
}

/* ---- one line ---- */

static bool text_is(struct text text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

static struct text find_text(const struct span_view *view, enum attr_key key)
{
    const struct field_view *field = span_view_find(view, key);
    return field && field->type == FIELD_STRING ? (struct text){ field->data, field->len }
                                                : (struct text){ NULL, 0 };
}

static bool find_int(const struct span_view *view, enum attr_key key, int64_t *out)
{
    const struct field_view *field = span_view_find(view, key);
    if (!field || field->type != FIELD_INT)
        return false;
    memcpy(out, field->data, sizeof *out);
    return true;
}

/* Two blanks before each fact. */
static void put_fact(struct line *line, enum colour colour, struct text text)
{
    if (text.len == 0)
        return;
    line_puts(line, PLAIN, "  ");
    line_put(line, colour, text.data, text.len);
}

static void put_number(struct line *line, enum colour colour, const char *before, int64_t number,
                       const char *after)
{
    char text[48];
    int len = snprintf(text, sizeof text, "%s%" PRId64 "%s", before, number, after);
    put_fact(line, colour, (struct text){ (unsigned char *)text, (size_t)len });
}

static void put_http(struct line *line, const struct span_view *view)
{
    int64_t status;
    if (find_int(view, ATTR_HTTP_RESPONSE_STATUS_CODE, &status))
        put_number(line, status < 300 ? GREEN : status < 400 ? YELLOW : RED, "", status, "");
    put_fact(line, PLAIN, find_text(view, ATTR_URL_FULL));
}

static void put_db(struct line *line, const struct span_view *view)
{
    int64_t rows;
    struct text query = find_text(view, ATTR_DB_QUERY_TEXT);
    if (find_int(view, ATTR_DB_RESPONSE_RETURNED_ROWS, &rows) && rows > 0)
        put_number(line, CYAN, "", rows, rows == 1 ? " row" : " rows");
    if (query.len != view->name.len || memcmp(query.data, view->name.data, query.len) != 0)
        put_fact(line, PLAIN, query);
}

static void put_dns(struct line *line, const struct span_view *view)
{
    const struct field_view *answers = span_view_find(view, ATTR_DNS_ANSWERS);
    struct text answer;
    size_t pos = 0;
    put_fact(line, PLAIN, find_text(view, ATTR_DNS_QUESTION_NAME));
    if (!answers || answers->type != FIELD_STRING_ARRAY)
        return;
    for (unsigned n = 0; string_array_next(answers, &pos, &answer); n++) {
        line_puts(line, DIM, n == MAX_ANSWERS ? ", …" : n ? ", " : " → ");
        if (n == MAX_ANSWERS)
            break;
        line_put(line, CYAN, answer.data, answer.len);
    }
}

static void put_exit(struct line *line, const struct span_view *view)
{
    int64_t code;
    if (find_int(view, ATTR_PROCESS_EXIT_CODE, &code))
        put_number(line, code ? RED : DIM, "exit ", code, "");
}

/* The error's type, unless it is what the line says anyway (a status, an exit code). */
static void put_error(struct line *line, const struct span_view *view)
{
    struct text type = find_text(view, ATTR_ERROR_TYPE);
    bool number = type.len > 0;
    for (size_t i = 0; i < type.len; i++)
        number &= type.data[i] >= '0' && type.data[i] <= '9';
    if (view->record->flags & RECORD_ERROR && !number)
        put_fact(line, RED, type);
}

/* Who made the span, where that changes on the way down. */
static void put_process(const struct tree *tree, struct line *line, const struct node *node)
{
    char pid[16];
    const struct tree_process *process = node->process;
    if (!tree->several_processes || (node->parent && same_process(node->parent->process, process)))
        return;
    line_puts(line, DIM, " [");
    if (!text_is(tree->view->name, process->executable)) {
        line_puts(line, DIM, process->executable);
        line_puts(line, DIM, " ");
    }
    snprintf(pid, sizeof pid, "%d]", process->pid);
    line_puts(line, DIM, pid);
}

static void put_branches(const struct tree *tree, struct line *line, unsigned depth)
{
    unsigned shown = depth < MAX_INDENT ? depth : MAX_INDENT;
    for (unsigned level = 1; level < shown; level++)
        line_puts(line, DIM, tree->more[level] ? "│  " : "   ");
    if (shown)
        line_puts(line, DIM, tree->more[shown] ? "├─ " : "└─ ");
}

static void put_duration(struct line *line, uint64_t ns, unsigned column)
{
    char text[DURATION_BYTES];
    duration_text(ns, text);
    unsigned cells = text_cells(text);
    line_pad(line, column + (cells < DURATION_CELLS ? DURATION_CELLS - cells : 0), UINT32_MAX);
    line_puts(line, PLAIN, text);
}

/* A block from start to end in eighths of a cell: whole cells, and the last one as
 * far as it reaches. The start is rounded down to a cell. */
static void put_bar(const struct tree *tree, struct line *line, const struct node *node)
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    const struct trace *trace = node->trace;
    double total = (double)(trace->end_mono_ns - trace->start_mono_ns);
    double scale = total > 0 ? tree->bar_cells * 8 / total : 0;
    unsigned from =
        (unsigned)((double)(node->record->start_mono_ns - trace->start_mono_ns) * scale);
    unsigned to = (unsigned)((double)(end_of(node->record) - trace->start_mono_ns) * scale);
    unsigned cell = from / 8, last = tree->bar_cells - 1;
    if (total <= 0)
        to = tree->bar_cells * 8;
    if (cell > last)
        cell = last;
    if (to <= cell * 8)
        to = cell * 8 + 1; /* nothing is too short to be seen */
    enum colour colour = node->record->flags & RECORD_ERROR ? RED : GREEN;

    line_puts(line, DIM, " ▕");
    unsigned first_column = line->cells;
    line_pad(line, first_column + cell, UINT32_MAX);
    for (; cell < to / 8; cell++)
        line_puts(line, colour, "█");
    line_puts(line, colour, eighths[to % 8]);
    line_pad(line, first_column + tree->bar_cells, UINT32_MAX);
    line_puts(line, DIM, "▏");
}

static void put_line(struct tree *tree, const struct node *node, unsigned depth)
{
    struct line line;
    struct span_view *view = tree->view;
    if (!span_view_of(node->record, 0, view))
        return;
    line_begin(&line, tree->out, tree->text_cells, tree->style.colour);
    put_branches(tree, &line, depth);
    line_put(&line, node->record->flags & RECORD_ERROR ? RED : BOLD, view->name.data,
             view->name.len);
    put_process(tree, &line, node);
    put_error(&line, view);
    put_http(&line, view);
    put_db(&line, view);
    put_dns(&line, view);
    put_exit(&line, view);
    put_duration(&line, end_of(node->record) - node->record->start_mono_ns, tree->text_cells + 1);
    if (tree->bar_cells)
        put_bar(tree, &line, node);
    text_puts(tree->out, "\n");
}

/* ---- traces ---- */

static struct node *not_printed(struct node *node)
{
    while (node && node->printed)
        node = node->next;
    return node;
}

/* Depth first, by the links: no recursion. NULL: all below `root` is printed. */
static struct node *next_node(struct node *node, const struct node *root, unsigned *depth)
{
    struct node *next = not_printed(node->first_child);
    if (next) {
        ++*depth;
        return next;
    }
    for (; node && node != root; node = node->parent, --*depth) {
        next = not_printed(node->next);
        if (next)
            return next;
    }
    return NULL;
}

static void put_subtree(struct tree *tree, struct node *root)
{
    unsigned depth = 0;
    for (struct node *node = root; node; node = next_node(node, root, &depth)) {
        if (depth && depth <= MAX_INDENT)
            tree->more[depth] = not_printed(node->next) != NULL;
        put_line(tree, node, depth);
        node->printed = true;
    }
}

static void put_header(struct tree *tree, const struct trace *trace)
{
    char text[96], id[2 * 16 + 1], duration[DURATION_BYTES];
    const char *service = (trace->roots ? trace->roots : trace->nodes)->process->service;
    struct line line;
    /* Never cut: an id that is not whole is of no use. */
    line_begin(&line, tree->out, UINT32_MAX, tree->style.colour);
    line_puts(&line, BOLD, "trace ");
    for (unsigned i = 0; i < 16; i++)
        snprintf(id + (size_t)2 * i, 3, "%02x", trace->nodes->record->trace_id[i]);
    line_puts(&line, CYAN, id);
    duration_text(trace->end_mono_ns - trace->start_mono_ns, duration);
    snprintf(text, sizeof text, " · %s · %u span%s · ", duration, trace->nr_nodes,
             trace->nr_nodes == 1 ? "" : "s");
    line_puts(&line, PLAIN, text);
    line_puts(&line, BOLD, service);
    text_puts(tree->out, "\n");
}

static void put_trace(struct tree *tree, struct trace *trace)
{
    put_header(tree, trace);
    for (struct node *node = trace->roots; node; node = node->next)
        put_subtree(tree, node);
    for (unsigned i = 0; i < trace->nr_nodes; i++) /* parents in a circle */
        if (!trace->nodes[i].printed)
            put_subtree(tree, &trace->nodes[i]);
}

static bool allocate(struct tree *tree, unsigned nr_spans)
{
    tree->nodes = calloc(nr_spans, sizeof tree->nodes[0]);
    tree->by_start = calloc(nr_spans, sizeof(struct node *));
    tree->traces = calloc(nr_spans, sizeof tree->traces[0]);
    tree->view = malloc(sizeof *tree->view);
    return tree->nodes && tree->by_start && tree->traces && tree->view;
}

static void release(struct tree *tree)
{
    free(tree->nodes);
    free(tree->by_start);
    free(tree->traces);
    free(tree->view);
}

static void lay_out_columns(struct tree *tree)
{
    unsigned width = tree->style.width;
    tree->bar_cells = width >= NARROW ? BAR_CELLS_WIDE : width >= NO_BAR ? BAR_CELLS_NARROW : 0;
    unsigned bar = tree->bar_cells ? tree->bar_cells + 3 : 0; /* a blank and the frame */
    tree->text_cells = width - bar - DURATION_CELLS - 1;
}

static void take_spans(struct tree *tree, const struct tree_span *spans, unsigned nr_spans)
{
    for (unsigned i = 0; i < nr_spans; i++) {
        if (!record_is_span(spans[i].record))
            continue;
        tree->nodes[tree->nr_nodes++] =
            (struct node){ .record = spans[i].record, .process = spans[i].process };
        tree->several_processes |= !same_process(spans[i].process, tree->nodes[0].process);
    }
    qsort(tree->nodes, tree->nr_nodes, sizeof tree->nodes[0], compare_ids);
    for (unsigned i = 0; i < tree->nr_nodes; i++)
        tree->by_start[i] = &tree->nodes[i];
}

bool console_tree_render(const struct tree_span *spans, unsigned nr_spans, struct tree_style style,
                         struct text_buffer *out)
{
    struct tree tree = { .style = style, .out = out };
    size_t len_before = out->len;
    if (nr_spans == 0)
        return true;
    if (!allocate(&tree, nr_spans)) {
        release(&tree);
        return false;
    }
    lay_out_columns(&tree);
    take_spans(&tree, spans, nr_spans);
    find_traces(&tree);
    link_nodes(&tree);
    for (unsigned i = 0; i < tree.nr_traces; i++) {
        if (i)
            text_puts(out, "\n");
        put_trace(&tree, &tree.traces[i]);
    }
    release(&tree);
    if (!out->failed)
        return true;
    out->len = len_before;
    return false;
}

struct tree_style console_tree_style(int fd)
{
    struct winsize size = { 0 };
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    struct tree_style style = { CONSOLE_DEFAULT_WIDTH, false };
    if (isatty(fd))
        style.colour = !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
        style.width = size.ws_col;
    if (style.width < CONSOLE_MIN_WIDTH)
        style.width = CONSOLE_MIN_WIDTH;
    if (style.width > CONSOLE_MAX_WIDTH)
        style.width = CONSOLE_MAX_WIDTH;
    return style;
}
