/*
 * A transport: each batch is one line, in a file that is rotated by size or on the
 * program's stdout. Processes may share a file: a line is one write, appended.
 */
#ifndef OTELSHIM_FILE_H
#define OTELSHIM_FILE_H

#include "transport.h"

struct file {
    const struct exporter_host *host;
    const char *path;   /* "-": stdout */
    uint64_t max_bytes; /* the file is rotated before it grows beyond */

    char absolute[4096], rotated[4096 + 8]; /* the program may change its directory */
    int fd;                                 /* -1: not open */
    bool is_regular;
    const struct body *body;
    size_t written; /* of the body and its newline, by all attempts */
    bool cut;       /* a part of a line was written last */
    char why[128];
};

/* `file` is filled up to `max_bytes`. */
struct transport file_transport(struct file *file);

#endif
