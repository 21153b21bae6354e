/* Resources that travel through a spool file. */
#include "identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "spool/identity.h"
#include "utf8.h"

size_t identity_write(const struct resource *resource, const char *run_id,
                      const char *(*scope_name)(unsigned), unsigned char *out, size_t max)
{
    struct identity_writer w = { out, out + max };
    identity_put_scopes(&w, scope_name);
    if (run_id != NULL)
        identity_put(&w, IDENTITY_RUN_ID, IDENTITY_TEXT, run_id);
    for (unsigned i = 0; i < resource->nr; i++) {
        const struct resource_attribute *a = &resource->attributes[i];
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, a->number);
        char kind = a->kind != ATTRIBUTE_TEXT ? (char)a->kind : IDENTITY_TEXT;
        identity_put(&w, a->key, a->text ? kind : IDENTITY_NUMBER,
                     !a->text              ? number
                     : resource_is_list(a) ? a->as_config
                                           : a->text);
    }
    return (size_t)(w.at - out);
}

/* A terminated, repaired copy in `texts`, whose end it moves. */
static const char *copy_text(char **texts, const char *from, size_t len)
{
    char *to = *texts;
    len = strnlen(from, len);
    *texts += utf8_repair((const unsigned char *)from, len, (unsigned char *)to);
    *(*texts)++ = '\0';
    return to;
}

static void take(struct adopted *adopted, char **texts, const struct identity_pair *pair)
{
    struct resource *r = &adopted->resource;
    const char *key = copy_text(texts, pair->key, pair->key_len);
    struct resource_attribute typed = { .key = key };
    const char *value = *texts;
    size_t used = strchr("\"=", pair->kind) != NULL
                      ? 0
                      : resource_attribute_read(&typed, (uint8_t)pair->kind, pair->value,
                                                strnlen(pair->value, pair->value_len), *texts);
    *texts += used;
    if (used == 0)
        value = copy_text(texts, pair->value, pair->value_len);
    unsigned i = 0;
    if (strcmp(key, IDENTITY_RUN_ID) == 0 && strlen(value) <= CONFIG_MAX_RUN_ID)
        adopted->run_id = value;
    if (*key == '#' || *key == '\0')
        return;
    while (i < r->nr && strcmp(r->attributes[i].key, key) != 0)
        i++;
    if (i == RESOURCE_MAX_ATTRIBUTES)
        return;
    bool number = pair->kind == IDENTITY_NUMBER;
    r->attributes[i] = used > 0
                           ? typed
                           : (struct resource_attribute){ .key = key,
                                                          .text = number ? NULL : value,
                                                          .number = number ? atoll(value) : 0 };
    if (i == r->nr)
        r->nr++;
}

bool identity_read(struct adopted *adopted, const unsigned char *data, size_t bytes)
{
    struct identity_pair pair;
    free(adopted->texts);
    memset(adopted, 0, sizeof *adopted);
    char *at = adopted->texts = malloc((UTF8_REPAIR_GROWTH + 1) * bytes + 64);
    if (at == NULL)
        return false;
    for (size_t pos = 0; identity_next(data, bytes, &pos, &pair);)
        take(adopted, &at, &pair);
    if (resource_service_name(&adopted->resource) == NULL)
        take(adopted, &at,
             &(struct identity_pair){ .key = "service.name",
                                      .value = "unknown_service",
                                      .key_len = strlen("service.name"),
                                      .value_len = strlen("unknown_service"),
                                      .kind = IDENTITY_TEXT });
    return true;
}
