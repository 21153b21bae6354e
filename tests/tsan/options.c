/*
 * Options of ThreadSanitizer's run-time for `make tsan`, found by it under this name: a program
 * that forks while it has threads goes on in its child, as it does without.
 */
#define VISIBLE __attribute__((visibility("default")))

VISIBLE const char *__tsan_default_options(void);
VISIBLE const char *__tsan_default_options(void)
{
    return "die_after_fork=0:second_deadlock_stack=1:history_size=4";
}
