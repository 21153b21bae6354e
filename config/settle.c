/*
 * What no row says alone: batches within the queue, exporters that are allowed, numbers
 * worked out once. After all rows were read. Constructor only.
 */
#include <string.h>

#include "load.h"
#include "sdk/sampler.h"
#include "table.h"

/* A plugin's path, or its file's name without `.so`. */
static bool is_plugin_name(struct slice item, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct slice file = slice_of(slash != NULL ? slash + 1 : path);
    if (slice_is(item, path))
        return true;
    if (file.len > 3 && memcmp(file.at + file.len - 3, ".so", 3) == 0)
        file.len -= 3;
    return item.len == file.len && memcmp(item.at, file.at, file.len) == 0;
}

bool config_exporter_is_allowed(const struct config *c, const char *name, bool is_plugin)
{
    struct slice item, rest;
    if (c->allowed_exporters == NULL)
        return !is_plugin;
    rest = slice_of(c->allowed_exporters);
    while (parse_list_next(&rest, &item))
        if (is_plugin ? is_plugin_name(item, name) : slice_is_nocase(item, name))
            return true;
    return false;
}

/* Takes those away that OTEL_SHIM_ALLOWED_EXPORTERS does not name by any of their words. */
static void allow_exporters(struct config *c)
{
    uint32_t allowed = 0;
    const char *refused = NULL;
    for (size_t i = 0; config_words[i].text != NULL; i++)
        if (config_words[i].set == WORDS_EXPORTER &&
            config_exporter_is_allowed(c, config_words[i].text, false))
            allowed |= config_words[i].value;
    for (size_t i = 0; config_words[i].text != NULL && refused == NULL; i++)
        if (config_words[i].set == WORDS_EXPORTER &&
            (config_words[i].value & c->exporters & ~allowed) != 0)
            refused = config_words[i].text;
    if (refused != NULL)
        diag_config_mistake("OTEL_SHIM_ALLOWED_EXPORTERS does not name %s; it is not used",
                            refused);
    c->exporters &= allowed;
    if (c->exporter_plugins != NULL)
        c->exporters |= EXPORTER_PLUGINS;
}

/* What several variables say together; see load.h. */
void settle(struct config *c)
{
    const struct setting *batch = row_setting(row_find("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"));
    const struct setting *level = row_setting(row_find("OTEL_LOG_LEVEL"));
    c->log_level_set = level->text != NULL && !level->refused;
    if (c->bsp.max_export_batch_size > c->bsp.max_queue_size) {
        if (batch->text != NULL && !batch->refused)
            diag_config_mistake("OTEL_BSP_MAX_EXPORT_BATCH_SIZE=%u is more than "
                                "OTEL_BSP_MAX_QUEUE_SIZE; using %u",
                                c->bsp.max_export_batch_size, c->bsp.max_queue_size);
        c->bsp.max_export_batch_size = c->bsp.max_queue_size;
    }
    allow_exporters(c);
    run_id_settle(c);
    policy_settle(c);
    settle_endpoint(c);
    sampler_prepare(c);
}
