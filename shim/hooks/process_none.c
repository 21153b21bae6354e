/* Weak stand-ins until the process instrumentation is linked in. */
#include "context/context.h"
#include "hooks/process.h"
#define WEAK __attribute__((weak))
WEAK void process_span_before_fork(struct span_context *c) { memset(c, 0, sizeof *c); }
WEAK void process_span_parent_forked(void) {}
WEAK void process_span_fork_child(const struct span_context *c) { (void)c; }
WEAK void process_span_before_vfork(void) {}
WEAK void process_span_end(int code) { (void)code; }
WEAK uint32_t context_publish(struct span *s) { (void)s; return 0; }
WEAK void context_unpublish(uint32_t h) { (void)h; }
WEAK bool context_parent(const struct call *call, struct span_context *p, struct record_link *l, bool *has)
{ (void)call; (void)p; (void)l; *has = false; return false; }
