/*
 * Routes: from a request's path to a name of low cardinality.
 *
 * OTEL_SHIM_HTTP_ROUTES is a comma list of templates, the first one that matches
 * holds. In a template `{name}` stands for one or more bytes other than '/', `*` at
 * the end for anything (also nothing); all else is itself, letter case included. No
 * escapes are undone: the path is compared as it came.
 *
 *     OTEL_SHIM_HTTP_ROUTES=/user/{id},/files/{name}.{ext},/static/(star),auto
 *
 * (where (star) is a star, which a comment in C cannot show). The word `auto` in the list (or alone) makes a route of
 * paths that no template matches: a segment that looks like an identifier is `*`; of
 * any other segment the first ROUTES_MAX_VALUES different values below one place are
 * kept, all later ones are `*`. What was learned stays for the process's life.
 *
 * Matching: no allocation, no lock, any thread, async-signal-safe, time bounded by the
 * number of templates and the path's length.
 */
#ifndef OTELSHIM_PROTO_ROUTES_H
#define OTELSHIM_PROTO_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

/* Bounds, each a row in docs/LIMITS.md. */
#define ROUTES_MAX_TEMPLATES 128u
#define ROUTES_MAX_BYTES 255u   /* of one template, and of a route that is made */
#define ROUTES_MAX_VALUES 10u   /* different values kept below one place */
#define ROUTES_MAX_SEGMENTS 8u  /* of a path; what is deeper is one `*` */
#define ROUTES_MAX_PLACES 4096u /* places that are remembered; beyond them all is `*` */

struct routes;

/*
 * The routes of a list; NULL: none (an empty list, or no memory). What cannot be used is
 * reported as a mistake of `variable` and left out. Constructor only. `list` must stay.
 */
const struct routes *routes_make(const char *variable, const char *list);

/*
 * Writes the route of a path (without query, beginning with '/') to `out`; its length,
 * 0: none. `learn`: the path is one that the program knows (its answer was no 4xx), so
 * `auto` may remember it.
 */
size_t routes_find(const struct routes *routes, const char *path, size_t len, bool learn,
                   char out[static ROUTES_MAX_BYTES]);

#endif
