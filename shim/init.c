/*
 * The constructor: the first of ours to run, before the program's main.
 *
 * What it costs is paid by every /bin/true: one page, a look at the environment,
 * the addresses of libc's functions. No thread, no file, no malloc.
 */
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "call.h"
#include "config.h"
#include "context/process_context.h"
#include "elf_object.h"
#include "exporter_process.h"
#include "layout.h"
#include "process_state.h"
#include "proto/http_attrs.h"
#include "sdk/sampler.h"
#include "worker.h"

/* The version of this object, for whoever looks at its file (`otelshim doctor`): an ELF note. */
static const struct {
    Elf64_Nhdr head;
    char owner[(sizeof "otelshim" + 3) & ~3u], version[(sizeof OTELSHIM_VERSION + 3) & ~3u];
} version_note __attribute__((section(".note.otelshim"), aligned(4), used)) = {
    .head = { .n_namesz = sizeof "otelshim", .n_descsz = sizeof OTELSHIM_VERSION, .n_type = 1 },
    .owner = "otelshim",
    .version = OTELSHIM_VERSION,
};

/* Two copies of us in one process (an installed and a built one, say): the one
 * that the loader put first works, the other keeps quiet. */
AT_START static int find_twin(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    extern const char __ehdr_start __attribute__((visibility("hidden")));
    if (info->dlpi_addr == (uintptr_t)&__ehdr_start)
        return 1;
    const char *slash = info->dlpi_name != NULL ? strrchr(info->dlpi_name, '/') : NULL;
    if (slash != NULL && strcmp(slash, "/libotelshim.so") == 0) {
        *(bool *)data = true;
        return 1;
    }
    return 0;
}

static bool is_second_copy(void)
{
    bool twin = false;
    real_walk_objects(find_twin, &twin);
    return twin;
}

/*
 * ThreadSanitizer and MemorySanitizer in the program: our calls of memcpy and the like are theirs, our
 * stores and atomics they do not see, so they would take what we hand from thread to thread for faults
 * of the program. It is left alone; its children are not. Nothing is said: a run-time that is linked
 * in statically begins after us, and before that its snprintf, which stands before libc's, crashes.
 */
extern void __tsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));

static bool is_watched(void)
{
#if defined(__SANITIZE_THREAD__)
    return false; /* so are we: make tsan */
#else
    /* gcc's -static-libtsan exports no name of its own, but what it replaces. */
    return __tsan_init != NULL || __msan_init != NULL ||
           (real_is_in_program("dl_iterate_phdr") && real_is_in_program("__tls_get_addr"));
#endif
}

/*
 * A program with more rights than whoever started it (set-user-ID, set-group-ID, file capabilities): the
 * environment is that one's, and ours would have the program write to files and load plugins of his choice.
 * The loader ignores LD_PRELOAD there, but not /etc/ld.so.preload. What it starts is traced.
 */
static bool has_more_rights_than_its_user(void)
{
    return getauxval(AT_SECURE) != 0;
}

static bool is_wanted(const struct instrumentation *instr)
{
    return instr->core || config_instrumentation_enabled(config, instr->name);
}

AT_START __attribute__((constructor)) static void init(void)
{
    int saved_errno = errno;
    real_init();
    if (is_watched() || has_more_rights_than_its_user())
        return;
    registry_init();
    if (!is_second_copy() && (config = config_load(environ)) != NULL && !config->disabled &&
        process_state_create()) {
        context_init();
        worker_name_program();
        remote_init(environ);
        http_attrs_init(config);
        uint32_t mask = 0;
        for (unsigned i = 0; i < registry_count; i++) {
            if (!is_wanted(registry[i]))
                continue;
            if (registry[i]->init != NULL)
                registry[i]->init();
            mask |= registry[i]->bit;
        }
        call_enabled_mask = mask;
    }
    errno = saved_errno;
}
