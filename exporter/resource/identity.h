/*
 * A resource as bytes (spool/identity.h), for a process's spool file, and back.
 */
#ifndef OTELSHIM_RESOURCE_IDENTITY_H
#define OTELSHIM_RESOURCE_IDENTITY_H

#include "resource.h"

/* What another process is called. Owns its texts. */
struct adopted {
    struct resource resource;
    const char *run_id; /* NULL: its spans have none */
    char *texts;
};

/* Returns the bytes written; what finds no room is left out. */
size_t identity_write(const struct resource *resource, const char *run_id,
                      const char *(*scope_name)(unsigned), unsigned char *out, size_t max);
/* Hostile bytes in. Replaces what is in `adopted`. False: no memory. */
bool identity_read(struct adopted *adopted, const unsigned char *data, size_t bytes);

#endif
