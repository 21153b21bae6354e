/*
 * Policy: what must be there before a process tells anything, which programs tell anything
 * at all, and the defaults of a profile. Constructor only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load.h"
#include "sdk/rules.h"
#include "table.h"

/* ---- profiles ---- */

static const struct profile_default {
    const char *profile, *variable, *value, *only_with;
} defaults[] = {
#define DEFAULT(profile, variable, value, only_with) { profile, variable, value, only_with },
    CONFIG_PROFILE_DEFAULTS(DEFAULT)
#undef DEFAULT
};

void policy_profile(void)
{
    const struct setting *profile = row_setting(row_find("OTEL_SHIM_PROFILE"));
    if (profile->text == NULL)
        return;
    struct slice name = slice_trim(slice_of(profile->text));
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        const struct profile_default *d = &defaults[i];
        struct setting *s = row_setting(row_find(d->variable));
        if (!slice_is_nocase(name, d->profile) || s->text != NULL)
            continue;
        /* An argument belongs to the profile's sampler, not to the user's. */
        if (d->only_with != NULL && row_setting(row_find(d->only_with))->source != SOURCE_PROFILE)
            continue;
        *s = (struct setting){ d->value, d->variable, SOURCE_PROFILE, 0, false };
    }
}

/* ---- requirements ---- */

static bool has_attribute(const struct config *c, const char *key)
{
    for (unsigned i = 0; i < c->nr_resource; i++)
        if (strcmp(c->resource[i].key, key) == 0 && *c->resource[i].value != '\0')
            return true;
    return false;
}

static void require(struct config *c, bool required, bool there, const char *fault)
{
    if (!required || there || c->disabled)
        return;
    diag_config_mistake("%s; telemetry is off", fault);
    c->disabled = true;
}

static void check_requirements(struct config *c)
{
    require(c, c->require_service_name, c->service_name != NULL || has_attribute(c, "service.name"),
            "OTEL_SHIM_REQUIRE_SERVICE_NAME: there is neither OTEL_SERVICE_NAME nor service.name "
            "in OTEL_RESOURCE_ATTRIBUTES");
    require(c, c->require_environment,
            c->deployment_environment != NULL || has_attribute(c, "deployment.environment.name") ||
                has_attribute(c, "deployment.environment"),
            "OTEL_SHIM_REQUIRE_ENVIRONMENT: there is neither DEPLOYMENT_ENVIRONMENT nor "
            "deployment.environment.name in OTEL_RESOURCE_ATTRIBUTES");
}

/* ---- executables ---- */

struct executable {
    char path[4096];        /* absolute; empty: not known */
    const char *name;       /* its file's */
    const char *invoked_as; /* the file name that it was called by: a link has another one */
};

static void executable_find(struct executable *e)
{
    int saved_errno = errno;
    long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", e->path, sizeof e->path - 1);
    e->path[n > 0 ? n : 0] = '\0';
    const char *slash = strrchr(e->path, '/');
    e->name = slash != NULL ? slash + 1 : e->path;
    e->invoked_as = program_invocation_short_name;
    errno = saved_errno;
}

static bool is_glob_of(struct slice pattern, const char *text)
{
    return text != NULL && *text != '\0' &&
           glob_matches(pattern.at, pattern.len, text, strlen(text));
}

/* A pattern with a slash is one of paths. */
static bool is_listed(const char *list, const struct executable *e)
{
    struct slice rest = slice_of(list), item;
    while (parse_list_next(&rest, &item)) {
        bool is_path = slice_find(item, '/') < item.len;
        if (is_path ? is_glob_of(item, e->path)
                    : is_glob_of(item, e->name) || is_glob_of(item, e->invoked_as))
            return true;
    }
    return false;
}

static void choose_executables(struct config *c)
{
    struct executable e;
    if (c->include_executables == NULL && c->exclude_executables == NULL)
        return;
    executable_find(&e);
    bool included = c->include_executables == NULL || is_listed(c->include_executables, &e);
    bool excluded = c->exclude_executables != NULL && is_listed(c->exclude_executables, &e);
    if (included && !excluded)
        return;
    c->inert = true;
    c->exporters = 0;
    c->process_span = PROCESS_SPAN_NEVER;
}

void policy_settle(struct config *c)
{
    check_requirements(c);
    choose_executables(c);
}
