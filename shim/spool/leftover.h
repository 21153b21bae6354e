/*
 * One spool file, read record by record. Every byte of it may be wrong.
 */
#ifndef OTELSHIM_SPOOL_LEFTOVER_H
#define OTELSHIM_SPOOL_LEFTOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "spool_file.h"

struct leftover {
    int fd;
    struct spool_header header;                   /* a copy, checked */
    unsigned char identity[SPOOL_IDENTITY_BYTES]; /* `identity_bytes` of it */
    uint32_t identity_bytes;
    /* Where reading stands: the journal (part 0), then the rings. */
    unsigned part;
    unsigned char *data; /* the part's bytes, malloc'ed */
    uint32_t bytes, at;
    int64_t real_minus_mono_ns; /* of the record given last */
    uint8_t newest[24];         /* ids of the journal's newest record: may be in a ring, too */
    uint64_t corrupt;           /* parts that ended in nonsense */
    struct {
        bool begun;
        unsigned ring, mark; /* that is looked at next */
        uint64_t last_mono_ns;
        struct open_mark marks[RING_MARKS];
        _Alignas(struct record) unsigned char span[256]; /* the one given last, a struct record */
    } cut;                                               /* cut_off.c */
};

/* Opens a file of the directory that is ours alone; -1: it is not. */
int leftover_open_file(int directory, const char *name, struct stat *is);
/* Reads the header by `fd`, which stays the caller's. False: it is no spool file, or one of
 * another build. */
bool leftover_open(struct leftover *l, int fd);
/* The next span, finished or cut off, in memory of its own until the next call. NULL: the end. */
const struct record *leftover_next(struct leftover *l);
void leftover_close(struct leftover *l);
/* The file's name for this instrumentation, NULL: none. Lives until the next call. */
const char *leftover_scope_name(const struct leftover *l, unsigned scope);
/* The next record of any kind in a ring's bytes, *at behind it. NULL: the end, *at == bytes, or
 * no sense beyond. */
const struct record *leftover_record(const unsigned char *data, uint32_t bytes, uint32_t *at);

#endif
