/*
 * dlsym, dlvsym, dlopen, dlclose: programs that look functions up by name get our
 * hook, and what is loaded later is found.
 *
 * The exported functions are in dlsym.S; these are their first halves.
 */
#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "config.h"
#include "hooks/core.h"
#include "process_state.h"

/* Called by dlsym.S. */
void *loader_dlsym(void *handle, const char *name, void *unused, void **jump);
void *loader_dlvsym(void *handle, const char *name, const char *version, void **jump);
int loader_dlopen(const char *file, int flags, void **jump);
void *loader_dlclose(void *handle);

#define LOADER_HOOKS(X) X(dlsym) X(dlvsym) X(dlopen) X(dlclose)
HOOK_LIST(loader_hooks, LOADER_HOOKS);
#define HOOK_TABLE loader_hooks

struct instrumentation instr_loader = {
    .name = "loader", .core = true, .hooks = loader_hooks, .nr_hooks = COUNT(loader_hooks)
};

/* Ours only when the hook's instrumentation is on and the thread is not our own. */
static struct hook *hook_for(const char *name, struct instrumentation **owner)
{
    struct hook *hook = name != NULL ? registry_find_hook(name, owner) : NULL;
    if (hook == NULL || !(call_enabled_mask & (*owner)->bit) || !thread_has_tls() ||
        thread_state.suppressed == THREAD_IS_OURS)
        return NULL;
    return hook;
}

/*
 * Our wrapper in the place of `found`, if that is what it wraps: a plugin may have
 * a function of its own called `connect`. With two libraries of one name (two
 * SQLites) the wrapper could not know which one was meant: then the real one.
 */
static void *wrapper_for(struct hook *hook, void *found)
{
    if (found == NULL || found == hook->wrapper)
        return found;
    return found == real_of(hook, found) && !real_is_ambiguous(hook) ? hook->wrapper : found;
}

void *loader_dlsym(void *handle, const char *name, void *unused, void **jump)
{
    (void)unused;
    int saved_errno = errno;
    void *result = NULL;
    void *(*real)(void *, const char *) = REAL(dlsym);
    struct instrumentation *owner;
    struct hook *hook = hook_for(name, &owner);
    *jump = (void *)real;
    if (hook != NULL && (handle == RTLD_DEFAULT || owner->sonames != NULL) && !real_exists(hook)) {
        /* The loader would find our hook, though no library is behind it: by RTLD_DEFAULT, by
         * RTLD_NEXT, by the program's own handle. */
        result = real(real_libc_handle(), name); /* NULL, and dlerror() says so */
        *jump = NULL;
    } else if (hook != NULL && handle != RTLD_NEXT && handle != RTLD_DEFAULT) {
        result = wrapper_for(hook, real(handle, name));
        *jump = NULL;
    }
    errno = saved_errno;
    return result;
}

void *loader_dlvsym(void *handle, const char *name, const char *version, void **jump)
{
    int saved_errno = errno;
    void *result = NULL;
    void *(*real)(void *, const char *, const char *) = REAL(dlvsym);
    struct instrumentation *owner;
    struct hook *hook = hook_for(name, &owner);
    *jump = (void *)real;
    if (hook != NULL && handle != RTLD_NEXT && handle != RTLD_DEFAULT) {
        result = wrapper_for(hook, real(handle, name, version));
        *jump = NULL;
    }
    errno = saved_errno;
    return result;
}

/* Returns the flags for the real call. RTLD_DEEPBIND would let the opened library
 * bind past us: PHP opens its extensions so. */
int loader_dlopen(const char *file, int flags, void **jump)
{
    *jump = (void *)REAL(dlopen);
    if (call_enabled_mask != 0 && thread_has_tls() && thread_state.suppressed != THREAD_IS_OURS &&
        file != NULL) {
        real_objects_changed();
        if (!config->keep_deepbind)
            flags &= ~RTLD_DEEPBIND;
    }
    return flags;
}

void *loader_dlclose(void *handle)
{
    (void)handle;
    if (call_enabled_mask != 0)
        real_objects_changed();
    return (void *)REAL(dlclose);
}
