/*
 * Parts of `otelshim doctor`.
 */
#ifndef OTELSHIM_CLI_DOCTOR_H
#define OTELSHIM_CLI_DOCTOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli.h"
#include "report.h"

#define DOCTOR_MAX_OBJECTS 1024u /* ELF files of one program that are looked at */

/* The files that a program is made of. */
struct objects {
    struct object {
        char *path;
        bool certain; /* loaded at its start (or now); else the program may ask for it */
    } list[DOCTOR_MAX_OBJECTS];
    unsigned count;
};

/* doctor_objects.c. A path that is there already stays as it is. */
void objects_add(struct objects *objects, const char *path, bool certain);
/* What the loader loads with `path`, and the modules that its kind of program may load later. */
void objects_of_program(struct objects *objects, const char *path);
/* What is mapped in a process. False, errno: it cannot be looked at. */
bool objects_of_process(struct objects *objects, pid_t pid);

/* doctor_sight.c: which instrumentations will see something of these, and what none will. */
void doctor_sight(const struct objects *objects, const char *shim);
/* `--instrumentations`: their names, one a line, for the test that holds them to the registry. */
void doctor_list_instrumentations(void);

/* doctor_process.c: exit status. */
int doctor_process(pid_t pid);

/* The version that an object of ours was built as; false: it is none. */
bool doctor_shim_version(const char *path, char out[static 64]);

#endif
