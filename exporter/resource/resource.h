/*
 * What every span of this process has in common: the OTLP Resource.
 */
#ifndef OTELSHIM_RESOURCE_H
#define OTELSHIM_RESOURCE_H

#include "exporter.h"

/* Bound: the user's attributes and our own. */
#define RESOURCE_MAX_OWN 40u
#define RESOURCE_MAX_ATTRIBUTES (CONFIG_MAX_RESOURCE_ATTRIBUTES + RESOURCE_MAX_OWN)

struct resource_attribute {
    const char *key;
    const char *text; /* valid UTF-8; NULL: `number` is the value */
    int64_t number;
};

struct resource {
    unsigned nr;
    struct resource_attribute attributes[RESOURCE_MAX_ATTRIBUTES]; /* keys unique */
};

/* Fills `resource`. Texts live as long as the process; a text that is no UTF-8
 * is repaired. Reads a few small files under `root` ("": the real ones). */
void resource_detect(struct resource *resource, const struct config *config,
                     const struct exporter_host *host, const char *root);

/* The text of service.name; never empty. */
const char *resource_service_name(const struct resource *resource);

#endif
