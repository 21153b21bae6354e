/*
 * OTEL_CONFIG_FILE: OpenTelemetry's declarative configuration (YAML, file_format 1.x).
 *
 * What the file says becomes settings of the very rows that the environment fills in
 * (table.h): values are then read, checked and told of in one place. Where the
 * specification wants a program to fail, telemetry is off, and one line says why, with file,
 * line and column. Keys that nobody knows, and what this version does not do, are told of,
 * and the rest holds.
 *
 * Constructor only. libyaml gets memory of ours (yaml_memory.h), which is gone afterwards.
 */
#ifndef OTELSHIM_FILE_H
#define OTELSHIM_FILE_H

#include "config.h"

/* Bounds, each a row in docs/LIMITS.md. */
#define FILE_MAX_BYTES ((size_t)256 * 1024)
#define FILE_MAX_DEPTH 32u
#define FILE_MAX_NODES 65536u /* looked at, aliases counted each time */
#define FILE_MAX_NOTES 8u     /* lines about what is left out */

/* Fills in the settings of the file's rows. False: it cannot be used, and was told of. */
bool file_read(struct config *c, const char *path, char *const envp[]);
/* The same of a text; `path` is its name in messages. */
bool file_parse(struct config *c, const char *path, const char *text, size_t len,
                char *const envp[]);

#endif
