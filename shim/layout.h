/*
 * Where things lie in our object. Every process pays for the pages that its start and end
 * touch, and the kernel maps what lies around them as well: 64 KB of code for one function.
 *
 * The functions that run for each request, statement or span lie together, too, by the list in
 * shim/request.order: 8 pages of code instead of 22; and what they look at (PER_REQUEST below), 7
 * pages instead of 17. A processor forgets where pages lie each time
 * that another process runs on it, unless it can tell their address spaces apart.
 */
#ifndef OTELSHIM_LAYOUT_H
#define OTELSHIM_LAYOUT_H

/* A function that runs at the start or end of every process, whatever the program does:
 * all of them lie together. */
#define AT_START __attribute__((section(".text.startup")))

/* A variable of a page or more that no process touches before it has a use for it: behind all
 * the small ones (scripts/layout.sh), which so share few pages. Zero at first. */
#define UNUSED_AT_START __attribute__((section(".bss.late")))

/*
 * Variables and constants that each request of a server, or each statement, looks at: together in
 * a few pages, like the functions. The kind of section follows from the start value: _ZERO has
 * none, of _TABLE only the beginning is in use as a rule, and it may be large.
 */
#define PER_REQUEST __attribute__((section(".data.request")))
#define PER_REQUEST_ZERO __attribute__((section(".bss.request")))
#define PER_REQUEST_TABLE __attribute__((section(".bss.request.tables")))
#define PER_REQUEST_CONST __attribute__((section(".rodata.request")))

#endif
