/*
 * Options of ThreadSanitizer's run-time for `make tsan`, found by it under this name: programs end as
 * they do without it (when they are told, with their own status), and go on in a child that was forked
 * off several threads. What a report says is counted by who runs them.
 */
#define VISIBLE __attribute__((visibility("default")))

VISIBLE const char *__tsan_default_options(void);
VISIBLE const char *__tsan_default_options(void)
{
    return "die_after_fork=0:atexit_sleep_ms=0:exitcode=0:report_signal_unsafe=0:"
           "history_size=4:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:"
           "use_sigaltstack=0";
}
