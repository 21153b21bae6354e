/*
 * Memory for libyaml while one file is read: a mapping of our own, handed out upwards, given
 * back as a whole. The program's malloc is not used (it may not be ready in a constructor,
 * or count). The Makefile makes a copy of libyaml.a that calls these names instead of
 * libc's.
 */
#ifndef OTELSHIM_YAML_MEMORY_H
#define OTELSHIM_YAML_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define YAML_MEMORY_BYTES ((size_t)24 << 20) /* bound; pages are taken as they are used */

bool yaml_memory_begin(void);
void yaml_memory_end(void);

/*
 * Whether what follows is reached because an assertion of libyaml failed: the caller leaves
 * then. Used as setjmp is, in the function that calls libyaml.
 */
extern void *yaml_assertion[5] __attribute__((visibility("hidden")));
#define yaml_assertion_failed() (__builtin_setjmp(yaml_assertion) != 0)

/* What the copy of libyaml calls. */
void *otelshim_yaml_malloc(size_t size);
void *otelshim_yaml_realloc(void *old, size_t size);
void otelshim_yaml_free(void *memory);
char *otelshim_yaml_strdup(const char *text);
void otelshim_yaml_assert(const char *what, const char *file, unsigned line, const char *function)
    __attribute__((noreturn));

#endif
