/*
 * What the files of the instrumentation `process` share: its table of functions,
 * and the spans of children that were started and not yet waited for.
 */
#ifndef OTELSHIM_HOOKS_PROCESS_INTERNAL_H
#define OTELSHIM_HOOKS_PROCESS_INTERNAL_H

#include <sys/types.h>

#include "call.h"
#include "sdk/process_names.h"

/* clang-format off */
#define PROCESS_HOOKS(X)                                                                  \
    X(execve) X(execv) X(execvp) X(execvpe) X(execl) X(execle) X(execlp) X(fexecve)       \
    X(execveat)                                                                           \
    X(posix_spawn) X(posix_spawnp) X(waitpid) X(wait) X(wait3) X(wait4) X(waitid)         \
    X(system) X(popen) X(pclose) X(fclose)
/* clang-format on */

enum { PROCESS_HOOKS(HOOK_INDEX_) };
extern struct hook process_hooks[] __attribute__((visibility("hidden")));
#define HOOK_TABLE process_hooks
extern struct instrumentation instr_process __attribute__((visibility("hidden")));

/* process.c: writes our own span before another program takes the process over. */
void process_span_before_exec(void);

/* exec.c */
void exec_init(void);
/* Basename of an executable's path; borrowed. */
const char *executable_basename(const char *path, size_t *len);
void exec_fork_child(void);

/*
 * spawn.c: a child's span, from its start until it is reaped. Held in a table by
 * pid; a span that finds no place there is told at once, without an exit code.
 */
void spawn_begins(void); /* around a start and spawn_started: a child reaped meanwhile is kept */
void spawn_ends(void);
void spawn_started(struct span *span, pid_t pid, const char *name, size_t name_len);
/* Some wait function returned this pid and status: the end of its span, if any. */
void spawn_reaped(pid_t pid, int wait_status);
/* Tells a child's span that could not be started. */
void spawn_failed(struct span *span, const char *name, size_t name_len, int error);
/* Tells a span with its end; `wait_status` NULL: not known. */
void spawn_tell(struct span *span, pid_t pid, const char *name, size_t name_len,
                const int *wait_status);
/* The process ends: tells what is open. */
void spawn_tell_open(void);
void spawn_fork_child(void);

/*
 * The environment of a child that will run `file`, and whose parent span is
 * `context`: `envp` itself when nothing changes or there is no room for it. Uses
 * the thread's scratch memory.
 */
char *const *spawn_environment(char *const envp[], const char *file, bool search,
                               const struct span_context *context);

/* system.c */
void system_fork_child(void);

#endif
