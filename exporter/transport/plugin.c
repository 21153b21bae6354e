/*
 * OTEL_SHIM_EXPORTER_PLUGINS: shared objects by the interface of otelshim_exporter.h,
 * each a destination like any other: its own queue, attempts and counters.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "delivery.h"
#include "otelshim_exporter.h"
#include "otlp/otlp.h"

#define MAX_PLUGINS 4u
#define STEP_NS UINT64_C(100000000) /* a pending batch is asked about at least so often */

struct plugin {
    const char *path;
    struct otelshim_plugin ops; /* our copy: members that it does not have are NULL */
    void *self;
    bool pending;
    uint64_t deadline_ns;
    enum otelshim_result result;
    struct delivery delivery;
};

/* Background thread; a forked child starts over with open. */
static struct {
    const struct exporter_host *host;
    struct otelshim_plugin_host facts;
    struct plugin list[MAX_PLUGINS];
    unsigned nr;
    char *paths; /* those of the list point into it */
} plugins;

static void log_for_plugin(enum otelshim_log_level level, const char *text)
{
    plugins.host->log((enum log_level)level, "%.400s", text);
}

/* ---- the transport ---- */

static bool plugin_open(void *self)
{
    struct plugin *plugin = self;
    plugin->pending = false;
    plugin->self = plugin->ops.open(&plugins.facts);
    if (!plugin->self)
        plugins.host->log(LOG_ERROR, "the exporter %.256s does not start", plugin->path);
    return plugin->self != NULL;
}

static void plugin_start(void *self, const struct body *body, uint64_t now_ns, uint64_t deadline_ns)
{
    struct plugin *plugin = self;
    const struct otelshim_batch batch = { sizeof batch, body->nr_spans, body->data, body->bytes };
    (void)now_ns;
    plugin->deadline_ns = deadline_ns;
    plugin->result = plugin->ops.take(plugin->self, &batch);
    plugin->pending = plugin->result == OTELSHIM_PENDING;
}

static const char *error_of(const struct plugin *plugin)
{
    const char *error = plugin->ops.error ? plugin->ops.error(plugin->self) : NULL;
    return error ? error : "it did not say why";
}

static bool plugin_step(void *self, uint64_t now_ns, struct answer *answer)
{
    struct plugin *plugin = self;
    if (plugin->pending && plugin->ops.step)
        plugin->result = plugin->ops.step(plugin->self);
    if (plugin->result == OTELSHIM_PENDING && now_ns < plugin->deadline_ns)
        return false;
    if (plugin->result == OTELSHIM_PENDING && plugin->ops.cancel)
        plugin->ops.cancel(plugin->self);
    plugin->pending = false;
    plugins.host->progress();
    switch (plugin->result) {
    case OTELSHIM_DELIVERED: answer->verdict = VERDICT_DELIVERED; return true;
    case OTELSHIM_PENDING: answer->why = "it took too long"; break;
    default: answer->why = error_of(plugin);
    }
    answer->verdict = plugin->result == OTELSHIM_REJECTED ? VERDICT_REJECTED : VERDICT_RETRY;
    return true;
}

static uint64_t plugin_due_at(void *self, uint64_t now_ns)
{
    const struct plugin *plugin = self;
    return plugin->deadline_ns < now_ns + STEP_NS ? plugin->deadline_ns : now_ns + STEP_NS;
}

static unsigned plugin_fds(void *self, struct pollfd *fds, unsigned max)
{
    const struct plugin *plugin = self;
    short events = POLLIN;
    int fd =
        plugin->pending && plugin->ops.wait_fd ? plugin->ops.wait_fd(plugin->self, &events) : -1;
    if (fd < 0 || max == 0)
        return 0;
    fds[0] = (struct pollfd){ .fd = fd, .events = events };
    return 1;
}

static const struct transport_ops plugin_ops = {
    .open = plugin_open,
    .start = plugin_start,
    .step = plugin_step,
    .due_at = plugin_due_at,
    .fds = plugin_fds,
};

/* ---- loading ---- */

static const char *fault_of(const struct otelshim_plugin *ops)
{
    if (!ops || ops->abi != OTELSHIM_PLUGIN_ABI ||
        ops->size < offsetof(struct otelshim_plugin, step))
        return "is of another version than otelshim";
    if (!ops->open || !ops->take ||
        (ops->format != OTELSHIM_OTLP_PROTOBUF && ops->format != OTELSHIM_OTLP_JSON))
        return "is not whole";
    return NULL;
}

static bool load(struct plugin *plugin)
{
    const struct otelshim_plugin *(*entry)(void) = NULL;
    void *handle = plugins.host->dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle ? plugins.host->dlsym(handle, OTELSHIM_PLUGIN_ENTRY) : NULL;
    memcpy(&entry, &symbol, sizeof entry);
    const struct otelshim_plugin *ops = entry ? entry() : NULL;
    const char *fault = !handle  ? "cannot be loaded"
                        : !entry ? "has no " OTELSHIM_PLUGIN_ENTRY
                                 : fault_of(ops);
    if (fault) {
        plugins.host->log(LOG_ERROR, "the exporter %.256s %s", plugin->path, fault);
        return false;
    }
    memset(&plugin->ops, 0, sizeof plugin->ops);
    memcpy(&plugin->ops, ops, ops->size < sizeof plugin->ops ? ops->size : sizeof plugin->ops);
    return true;
}

/* `path` lives as long as the process. */
static void add(const char *path, const struct config *c, const struct resource *resource)
{
    const struct exporter_host *host = plugins.host;
    if (!host->plugin_is_allowed(path)) {
        host->log(LOG_ERROR, "OTEL_SHIM_ALLOWED_EXPORTERS does not name %.256s; it is not used",
                  path);
        return;
    }
    if (plugins.nr == MAX_PLUGINS) {
        host->log(LOG_ERROR, "more than %u plugins: %.256s is not used", MAX_PLUGINS, path);
        return;
    }
    struct plugin *plugin = &plugins.list[plugins.nr];
    plugin->path = path;
    if (!load(plugin)) {
        sink_account(path);
        return;
    }
    plugins.nr++;
    struct delivery_plan plan = {
        .name = path,
        .receiver = plugin->ops.name ? plugin->ops.name : path,
        .format = plugin->ops.format == OTELSHIM_OTLP_JSON ? &otlp_json : &otlp_protobuf,
        .transport = { &plugin_ops, plugin },
    };
    delivery_open(&plugin->delivery, &plan, c, host, resource);
}

static void plugin_sink_open(const struct config *c, const struct exporter_host *host,
                             const struct resource *resource)
{
    memset(&plugins, 0, sizeof plugins);
    plugins.host = host;
    plugins.facts = (struct otelshim_plugin_host){
        .size = sizeof plugins.facts,
        .abi = OTELSHIM_PLUGIN_ABI,
        .version = host->version,
        .service_name = resource_service_name(resource),
        .executable_name = host->executable_name,
        .pid = host->pid,
        .log = log_for_plugin,
    };
    char *rest = NULL;
    plugins.paths = strdup(c->exporter_plugins);
    for (char *path = plugins.paths ? strtok_r(plugins.paths, ", \t", &rest) : NULL; path;
         path = strtok_r(NULL, ", \t", &rest))
        add(path, c, resource);
}

const struct sink_kind plugin_sink = { EXPORTER_PLUGINS, plugin_sink_open };
