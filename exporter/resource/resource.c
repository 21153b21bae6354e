/*
 * Builds the Resource. Precedence, low to high: our defaults, what detectors find,
 * OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME. A service name is never empty:
 * without one it is the executable's name.
 */
#include "resource.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detector.h"
#include "utf8.h"

#define SERVICE_NAME "service.name"
#define ENVIRONMENT_NAME "deployment.environment.name"
#define ENVIRONMENT_OLD_NAME "deployment.environment"
#define DEFAULT_ENVIRONMENT "development"

static const struct detector *const detectors[] = {
    &detect_process, &detect_os, &detect_host, &detect_container, &detect_k8s, &detect_service,
};

/* ---- attributes ---- */

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

/* A later value of a key replaces an earlier one. False: there is no room. */
static bool set(struct resource *resource, struct resource_attribute attribute)
{
    unsigned i = 0;
    while (i < resource->nr && strcmp(resource->attributes[i].key, attribute.key) != 0)
        i++;
    if (i == RESOURCE_MAX_ATTRIBUTES)
        return false;
    resource->attributes[i] = attribute;
    if (i == resource->nr)
        resource->nr++;
    return true;
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

/* ---- for detectors ---- */

void detected_text(const struct detection *d, const char *key, const char *text, size_t len)
{
    unsigned char *copy = len ? malloc(UTF8_REPAIR_GROWTH * len + 1) : NULL;
    if (!copy)
        return;
    copy[utf8_repair((const unsigned char *)text, len, copy)] = '\0';
    if (!set(d->resource, (struct resource_attribute){ .key = key, .text = (const char *)copy }))
        free(copy);
}

void detected_string(const struct detection *d, const char *key, const char *text)
{
    detected_text(d, key, text, strlen(text));
}

void detected_number(const struct detection *d, const char *key, int64_t number)
{
    set(d->resource, (struct resource_attribute){ .key = key, .number = number });
}

static bool rooted(const struct detection *d, const char *path, char out[static PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s%s", d->root, path) < PATH_MAX;
}

bool detection_exists(const struct detection *d, const char *path)
{
    char whole[PATH_MAX];
    return rooted(d, path, whole) && access(whole, F_OK) == 0;
}

/* Never blocks: what is no file of the kernel's or on a disk is not there. */
char *detection_read(const struct detection *d, const char *path, size_t *len)
{
    char whole[PATH_MAX];
    int fd = rooted(d, path, whole) ? open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    char *data = fd >= 0 ? malloc(DETECTOR_MAX_FILE + 1) : NULL;
    ssize_t n = 0;
    *len = 0;
    while (data && *len < DETECTOR_MAX_FILE &&
           (n = read(fd, data + *len, DETECTOR_MAX_FILE - *len)) > 0)
        *len += (size_t)n;
    if (fd >= 0)
        close(fd);
    if (!data || n < 0) {
        d->host->log(LOG_DEBUG, "%.256s is not there (error %d)", path, errno);
        free(data);
        return NULL;
    }
    data[*len] = '\0';
    return data;
}

/* ---- the whole ---- */

static void set_defaults(const struct detection *d)
{
    const char *executable = d->host->executable_name;
    set_text(d->resource, SERVICE_NAME, executable && *executable ? executable : "unknown_service");
    set_text(d->resource, "telemetry.sdk.name", "otelshim");
    set_text(d->resource, "telemetry.sdk.language", "c");
    set_text(d->resource, "telemetry.sdk.version", d->host->version);
    set_text(d->resource, ENVIRONMENT_NAME,
             d->config->deployment_environment ? d->config->deployment_environment
                                               : DEFAULT_ENVIRONMENT);
}

static void set_configured(struct resource *resource, const struct config *c, unsigned i,
                           const char *key)
{
    const char *value = c->resource[i].value;
    struct resource_attribute attribute = { .as_config = value };
    if (c->resource_kind[i] == ATTRIBUTE_TEXT) {
        set_text(resource, key, value);
        return;
    }
    char *room = malloc(RESOURCE_VALUE_MAX(strlen(value)));
    attribute.key = valid_utf8(key);
    if (!room || !attribute.key || !*attribute.key ||
        !resource_attribute_read(&attribute, c->resource_kind[i], value, strlen(value), room) ||
        !set(resource, attribute))
        free(room);
}

/* Attributes of the user's; the environment's old name counts as its new one. */
static void set_users(struct resource *resource, const struct config *c)
{
    for (unsigned i = 0; i < c->nr_resource; i++) {
        const struct config_pair *pair = &c->resource[i];
        if (strcmp(pair->key, ENVIRONMENT_OLD_NAME) == 0 && *pair->value)
            set_configured(resource, c, i, ENVIRONMENT_NAME);
    }
    for (unsigned i = 0; i < c->nr_resource; i++) {
        const struct config_pair *pair = &c->resource[i];
        if (strcmp(pair->key, SERVICE_NAME) != 0 || *pair->value)
            set_configured(resource, c, i, pair->key);
    }
    if (c->service_name && *c->service_name)
        set_text(resource, SERVICE_NAME, c->service_name);
}

void resource_detect(struct resource *resource, const struct config *c,
                     const struct exporter_host *host, const char *root)
{
    const struct detection detection = { resource, c, host, root };
    resource->nr = 0;
    set_defaults(&detection);
    for (size_t i = 0; i < sizeof detectors / sizeof detectors[0]; i++) {
        unsigned before = resource->nr;
        if (!(c->detectors & detectors[i]->bit))
            continue;
        detectors[i]->detect(&detection);
        if (resource->nr == before)
            host->log(LOG_DEBUG, "resource detector %s: nothing found", detectors[i]->name);
    }
    if (c->unknown_detector != NULL)
        host->log(LOG_DEBUG, "resource detector %.48s: not known here", c->unknown_detector);
    set_users(resource, c);
}

const char *resource_service_name(const struct resource *resource)
{
    return find_text(resource, SERVICE_NAME);
}
