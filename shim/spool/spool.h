/*
 * The spool: a private file under this process's rings, so that what had ended when the
 * process is killed is not lost. spool_file.h says what it looks like; recovery.h reads those of
 * the dead.
 *
 *   /dev/shm/otelshim-UID/PID-TIME.spool     made with the first record, removed at the end
 *
 * It is made by the program's thread that makes the first record, not by the worker: what
 * this thread has written must be in it at once. That costs a dozen system calls, once; no
 * descriptor is kept. Whatever fails leaves the rings in anonymous memory.
 */
#ifndef OTELSHIM_SPOOL_H
#define OTELSHIM_SPOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "sdk/record.h"

struct spool_header;

/* Bounds: the directory's path, and a file's in it. */
#define SPOOL_DIR_MAX 200u
#define SPOOL_PATH_MAX 256u

struct spool {
    struct spool_header *header; /* NULL: the rings are in anonymous memory only */
    const char *fault;           /* why, NULL: it was not wanted */
    int error;                   /* errno beside it, or 0 */
    dev_t device;
    ino_t inode;
    char path[SPOOL_PATH_MAX];
};

/* The program's name at its start (worker_thread.c), for the resource. */
const char *spool_program_name(void);

/*
 * Makes this process's file, with blocks for its header and first ring, and maps
 * SPOOL_MAPPED_BYTES of it over `memory`. False: nothing was changed there. Any thread; keeps no
 * descriptor.
 */
bool spool_create(struct spool *spool, const struct config *c, void *memory);
/*
 * Letting the file grow takes the kernel's lock of it: around it the caller says so. False, unless
 * it `waits`: another thread is at it, and would be waited for. Any thread, no signal handler.
 */
bool spool_grow_begin(bool waits);
void spool_grow_end(void);
bool spool_is_growing(void);
/* Gives ring `index` its blocks. False: there are none, its memory must not be touched. Any thread,
 * between the two. */
bool spool_grow_ring(const struct spool *spool, unsigned index);
/* Instead: takes the ring's memory out of the file. False: it must not be touched. Any thread. */
bool spool_leave_ring(void *ring);
void spool_fork_child(void);
/* The process context's flags have changed, or the file is new: a crash goes by them. Any thread. */
void spool_process_flags(struct spool *spool);
/* Removes the file; the mapping stays. Any thread. */
void spool_remove(struct spool *spool);

/* directory.c: opens the directory, made if need be; it must be ours alone. -1: *fault says
 * why, errno. `path` gets its name. */
int spool_open_directory(const struct config *c, char path[static SPOOL_DIR_MAX],
                         const char **fault);
/* Whether this configuration has a spool at all: spans that go to the program's own terminal
 * or output are of no use to another process. */
bool spool_is_wanted(const struct config *c);
/* Where spans go to, as a number: spans of one destination are never sent to another one. */
uint64_t spool_destination(const struct config *c);

/* ---- the worker's side (journal.c) ---- */

/* The worker has started, with descriptors of its own or not: locks the file, says where it
 * belongs to, makes its journal. `spool` may have no file. */
void spool_begin(struct spool *spool, bool own_fds);
/* The worker is at work, and how its clocks stand to each other. */
void spool_seen(struct spool *spool, int64_t real_minus_mono_ns);
/* The process ends in order, or becomes another program: nothing that is open was cut off. */
void spool_ended(struct spool *spool);
/* What the exporter calls this process replaces what was known at first. */
void spool_identify(struct spool *spool, size_t (*describe)(unsigned char *out, size_t max));

/* Keeps a record that the exporter is about to take. False: the journal is full. */
bool journal_append(const struct record *record, int64_t real_minus_mono_ns);
/* Takes the last one back: the exporter did not take it. */
void journal_take_back(void);
/* Records in it; all but the newest `left` are done with. */
uint64_t journal_count(void);
void journal_retire_to(uint64_t left);
/* Gives the oldest `count` records to `keep`, until it says no. They stay where they are. */
bool journal_read(uint64_t count, bool (*keep)(const struct record *record, int64_t offset_ns));
void journal_fork_child(void);

#endif
