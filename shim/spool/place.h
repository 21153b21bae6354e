/*
 * Where a process runs (its boot, its pid namespace), and room for its files.
 */
#ifndef OTELSHIM_SPOOL_PLACE_H
#define OTELSHIM_SPOOL_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "spool_file.h"

/* What the first read of `path` gives, terminated; -1: it cannot be read. */
ssize_t place_read_text(const char *path, char *text, size_t size);
bool place_read_boot_id(char out[static SPOOL_BOOT_ID_BYTES + 1]);
/* 0: it is not to be had. */
ino_t place_pid_namespace(void);
/* Says in this process's file what its number means, and until when. */
void place_say(struct spool_header *header);
/* Real blocks for a part of a file, so that writing through a mapping is no SIGBUS. The limit is
 * looked at first: beyond it the kernel would send SIGXFSZ. */
bool place_allocate(int fd, uint64_t at, uint64_t bytes);

#endif
