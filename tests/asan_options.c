/*
 * Options of the sanitizers' run-time for `make asan`, found by it under these
 * names. The program is a stranger, which knows nothing of a sanitizer: leaks are
 * its own affair, its signals stay its own, and the run-time comes after libc.
 */
#define VISIBLE __attribute__((visibility("default")))

VISIBLE const char *__asan_default_options(void);
VISIBLE const char *__asan_default_options(void)
{
    return "detect_leaks=0:verify_asan_link_order=0:abort_on_error=1:handle_segv=0:handle_sigbus=0:"
           "handle_sigfpe=0:handle_sigill=0:handle_abort=0:use_sigaltstack=0:"
           "detect_stack_use_after_return=0";
}

VISIBLE const char *__ubsan_default_options(void);
VISIBLE const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:halt_on_error=1";
}
