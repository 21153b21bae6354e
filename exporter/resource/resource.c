/*
 * Builds the Resource. Precedence, low to high: our defaults, what we detect,
 * OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME. A service name is never empty:
 * without one it is the executable's name.
 */
#include "resource.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "utf8.h"

#define SERVICE_NAME "service.name"

/* The text itself or a repaired copy; NULL when out of memory. */
static const char *valid_utf8(const char *text)
{
    size_t len = strlen(text);
    if (utf8_is_well_formed((const unsigned char *)text, len))
        return text;
    unsigned char *copy = malloc(UTF8_REPAIR_GROWTH * len + 1);
    if (copy)
        copy[utf8_repair((const unsigned char *)text, len, copy)] = '\0';
    return (const char *)copy;
}

/* A later value of a key replaces an earlier one. */
static void set(struct resource *resource, struct resource_attribute attribute)
{
    unsigned i = 0;
    while (i < resource->nr && strcmp(resource->attributes[i].key, attribute.key) != 0)
        i++;
    if (i == RESOURCE_MAX_ATTRIBUTES)
        return;
    resource->attributes[i] = attribute;
    if (i == resource->nr)
        resource->nr++;
}

static void set_text(struct resource *resource, const char *key, const char *text)
{
    const char *valid_key = valid_utf8(key), *valid_text = valid_utf8(text);
    if (valid_key && valid_text && *valid_key)
        set(resource, (struct resource_attribute){ .key = valid_key, .text = valid_text });
}

static const char *find_text(const struct resource *resource, const char *key)
{
    for (unsigned i = 0; i < resource->nr; i++)
        if (strcmp(resource->attributes[i].key, key) == 0)
            return resource->attributes[i].text;
    return NULL;
}

/* uname, not gethostname: one syscall, no resolver behind it. */
static void detect_host(struct resource *resource)
{
    static struct utsname names; /* background thread; the child fills it anew */
    if (uname(&names) == 0 && names.nodename[0])
        set_text(resource, "host.name", names.nodename);
}

void resource_detect(struct resource *resource, const struct config *c,
                     const struct exporter_host *host)
{
    const char *executable = host->executable_name;
    resource->nr = 0;
    set_text(resource, SERVICE_NAME, executable && *executable ? executable : "unknown_service");
    set_text(resource, "telemetry.sdk.name", "otelshim");
    set_text(resource, "telemetry.sdk.language", "c");
    set_text(resource, "telemetry.sdk.version", host->version);
    set(resource, (struct resource_attribute){ .key = "process.pid", .number = host->pid });
    if (executable && *executable)
        set_text(resource, "process.executable.name", executable);
    detect_host(resource);

    for (unsigned i = 0; i < c->nr_resource; i++) {
        const struct config_pair *pair = &c->resource[i];
        if (strcmp(pair->key, SERVICE_NAME) != 0 || *pair->value)
            set_text(resource, pair->key, pair->value);
    }
    if (c->service_name && *c->service_name)
        set_text(resource, SERVICE_NAME, c->service_name);
}

const char *resource_service_name(const struct resource *resource)
{
    return find_text(resource, SERVICE_NAME);
}
