/*
 * What every span of this process has in common: the OTLP Resource.
 */
#ifndef OTELSHIM_RESOURCE_H
#define OTELSHIM_RESOURCE_H

#include "exporter.h"
#include "utf8.h"

/* Bound: the user's attributes and our own. */
#define RESOURCE_MAX_OWN 40u
#define RESOURCE_MAX_ATTRIBUTES (CONFIG_MAX_RESOURCE_ATTRIBUTES + RESOURCE_MAX_OWN)

struct resource_attribute {
    const char *key;
    const char
        *text; /* valid UTF-8; NULL: `number` is the value; a list: its items, each terminated */
    int64_t number;
    uint8_t kind;          /* enum attribute_kind: what `text` says */
    size_t text_bytes;     /* of a list, all items */
    const char *as_config; /* a list as struct config has it; NULL: it came from a spool */
};

static inline bool resource_is_list(const struct resource_attribute *attribute)
{
    return attribute->kind >= 'A' && attribute->kind <= 'Z';
}

/* One value, or one of a list. */
struct resource_value {
    enum attribute_kind kind; /* that of no list: which of the following it is */
    const char *text;
    int64_t number;
    double real;
    bool truth;
};

/* value.c: the value of what is no list. */
struct resource_value resource_value_of(const struct resource_attribute *attribute);
/* The next item of a list; *at is NULL at first. False: there is none. */
bool resource_item_next(const struct resource_attribute *attribute, const char **at,
                        struct resource_value *out);
/* An attribute of struct config's or a spool's kind and value (`len` bytes), whose text it puts
 * into `room`, of RESOURCE_VALUE_MAX(len) bytes. Returns the bytes in use; 0: there is no such kind. */
#define RESOURCE_VALUE_MAX(len) (UTF8_REPAIR_GROWTH * (len) + 1)
size_t resource_attribute_read(struct resource_attribute *out, uint8_t kind, const char *value,
                               size_t len, char *room);

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
