/*
 * What stands between a program and libotelshim.so: told by its file, before it is run.
 */
#ifndef OTELSHIM_CLI_TARGET_H
#define OTELSHIM_CLI_TARGET_H

#include <stdbool.h>

#include "elf_file.h"

#define TARGET_MAX_SCRIPTS 4u /* interpreters that are scripts themselves: the kernel's limit */

/*
 * VERDICT(id, what LD_PRELOAD does: TAKEN, IGNORED or HARMFUL, why nothing is seen, what to do).
 * IGNORED: the program's children may still take it. HARMFUL: the program's loader complains
 * on its stderr, or does not start it at all.
 */
/* clang-format off */
#define TARGET_VERDICTS(VERDICT) \
    VERDICT(SEEN, TAKEN, "", "") \
    VERDICT(STATIC, IGNORED, "it is statically linked: no loader runs that could preload anything", \
        "use a dynamically linked build of it, or trace the programs around it") \
    VERDICT(STATIC_PIE, IGNORED, "it is statically linked (static-PIE): no loader runs that could " \
        "preload anything", "use a dynamically linked build of it, or trace the programs around it") \
    VERDICT(STATIC_GO, IGNORED, "it is a statically linked Go program: no loader runs that could " \
        "preload anything", "use OpenTelemetry's own library for Go in it, or trace the programs around it") \
    VERDICT(GO, TAKEN, "it is a Go program, which makes its system calls itself: only what it calls " \
        "in C libraries is seen", "use OpenTelemetry's own library for Go in it") \
    VERDICT(MUSL, HARMFUL, "it uses the C library musl: an object for glibc cannot be preloaded", \
        "use a build of it for glibc (an image based on Debian instead of Alpine)") \
    VERDICT(OTHER_LIBC, HARMFUL, "its loader is not glibc's: an object for glibc cannot be preloaded", \
        "use a build of it for glibc") \
    VERDICT(BITS_32, HARMFUL, "it is a 32-bit program: a loader takes objects of its own kind only, and " \
        "libotelshim.so is 64-bit", "use a 64-bit build of it, or trace the programs around it") \
    VERDICT(OTHER_MACHINE, HARMFUL, "it is built for another kind of processor than libotelshim.so", \
        "use a build of it for this machine") \
    VERDICT(SETUID, IGNORED, "it is set-user-ID or set-group-ID: the loader ignores LD_PRELOAD", \
        "run it as the user that it changes to, or start it by a service manager that sets that user") \
    VERDICT(CAPABILITIES, IGNORED, "it has file capabilities: the loader ignores LD_PRELOAD", \
        "give it the capabilities as ambient ones (setpriv --ambient-caps, systemd's " \
        "AmbientCapabilities=) instead of in its file") \
    VERDICT(SANITIZED, IGNORED, "it is built with ThreadSanitizer or MemorySanitizer, which would take " \
        "libotelshim.so's work for its faults: libotelshim.so leaves it alone", \
        "use a build of it without, or with AddressSanitizer") \
    VERDICT(UNREADABLE, TAKEN, "", "")
/* clang-format on */

enum target_verdict {
#define VERDICT(id, preload, why, advice) TARGET_##id,
    TARGET_VERDICTS(VERDICT)
#undef VERDICT
};

enum target_preload { PRELOAD_TAKEN, PRELOAD_IGNORED, PRELOAD_HARMFUL };

struct target {
    enum target_verdict verdict;
    const char *why, *advice; /* "" when it will be seen */
    enum target_preload preload;
    unsigned scripts;      /* #! lines that were followed */
    bool user_bound;       /* the verdict holds for this user, not for all */
    char loaded[4096];     /* the file that the kernel loads in the end */
    char first_line[4096]; /* of a script, without #! */
};

/* Judges a file that can be executed. */
void target_judge(const char *path, struct target *out);

#endif
