/* libs: -Ishim -Iconfig -Iexporter */
/*
 * Drives the exporter object as the background thread does: opens it, hands it
 * records, runs and waits until nothing is pending, and prints what became of
 * them. Settings are key=value arguments, see `settings`.
 */
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exporter.h"
#include "sdk/semconv.h"

static struct config settings = {
    .exporters = EXPORTER_OTLP,
    .bsp = { .schedule_delay_ms = 5000,
             .export_timeout_ms = 30000,
             .max_queue_size = 2048,
             .max_export_batch_size = 512 },
    .limits = { UINT32_MAX, 128, 128, 128, 128, 128 },
    .file = { .path = "otelshim-traces.jsonl", .max_bytes = 64 << 20 },
    .zipkin = { .timeout_ms = 10000 },
    .otlp = { .url_valid = true, .timeout_ms = 10000 },
};
static const char *allowed = "";
static const char *object = "build/libotelshim-exporter.so";
static long nr_spans = 1, attributes = 1, flush_at_ms, give_up_ms = 10000, verbose, burst = 1 << 30;
static long pause_ms, console = -1, flush_once;
static long rich, fixed, pid, stdout_fd = -1;
static uint64_t progress, lost_before[DROP_COUNT], refused, max_run_ns;
static struct exporter_account accounts[EXPORTER_MAX_ACCOUNTS];
static unsigned nr_accounts;

static void host_log(enum log_level level, const char *format, ...)
{
    va_list args;
    if (!verbose)
        return;
    va_start(args, format);
    fprintf(stderr, "log[%d]: ", level);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static void host_drop(enum drop_reason reason, uint64_t n)
{
    lost_before[reason] += n;
}
static void host_progress(void)
{
    progress++;
}
static struct exporter_account *host_account(const char *name)
{
    if (nr_accounts == EXPORTER_MAX_ACCOUNTS)
        return NULL;
    accounts[nr_accounts].name = name;
    return &accounts[nr_accounts++];
}
static bool host_plugin_is_allowed(const char *path)
{
    return strstr(path, allowed) != NULL;
}
static void *host_dlopen(const char *name, int flags)
{
    return dlopen(name, flags);
}
static void *host_dlsym(void *handle, const char *name)
{
    return dlsym(handle, name);
}

static const char *host_scope_name(unsigned scope)
{
    static const char *const names[] = { "curl", "sqlite3", "dns", "process" };
    return scope < 4 ? names[scope] : NULL;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static unsigned char *put(unsigned char *at, uint8_t type, uint8_t key, const void *data,
                          size_t len)
{
    struct field head = { type, key, (uint16_t)len };
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, data, len);
    return at + sizeof head + len;
}

/* An event of the program's own with an attribute of every kind. */
static unsigned char *put_event(unsigned char *at, uint64_t when)
{
    static const char name[] = "own \"event\"";
    static const double values[] = { 0.5, -INFINITY };
    unsigned char payload[512], *end = payload;
    struct record_event head = { when, sizeof name - 1, 3 };
    memcpy(end, &head, sizeof head);
    memcpy(end + sizeof head, name, sizeof name - 1);
    end += sizeof head + sizeof name - 1;
    end = put(end, FIELD_NAMED, FIELD_STRING, "\1\0s\1\"\\\303\244", 8);
    end = put(end, FIELD_NAMED, FIELD_INT, "\1\0i\377\377\377\377\377\377\377\377", 11);
    end = put(end, FIELD_NAMED, FIELD_BOOL, "\1\0b\0", 4);
    for (int i = 0; i < 2; i++) {
        char value[3 + sizeof values[0]] = "\1\0";
        value[2] = (char)('0' + i);
        memcpy(value + 3, &values[i], sizeof values[0]);
        end = put(end, FIELD_NAMED, FIELD_DOUBLE, value, sizeof value);
    }
    return put(at, FIELD_NAMED_EVENT, 0, payload, (size_t)(end - payload));
}

/* A field of every kind, with texts that are hard to write down. */
static unsigned char *put_all_kinds(struct record *r, unsigned char *at)
{
    static const char texts[] = "\1\0a\0\0\4\0\"b\\\n";
    static const char named[] = "\7\0x-thing\2\0v1\2\0v2";
    static const double real = 0.1;
    static const int64_t low = INT64_MIN;
    static const unsigned char yes = 1;
    struct record_link link = { .flags = 1, .remote = 1 };
    uint64_t when = r->start_mono_ns;
    memset(link.trace_id, 0x12, sizeof link.trace_id);
    memset(link.span_id, 0x34, sizeof link.span_id);
    r->kind = SPAN_SERVER;
    r->flags |= RECORD_HAS_PARENT | RECORD_PARENT_REMOTE | RECORD_ERROR;
    r->dropped_attributes = 2;
    memset(r->parent_span_id, 0xcd, sizeof r->parent_span_id);
    at = put(at, FIELD_TRACESTATE, 0, "a=1,b=2", 7);
    at = put(at, FIELD_STATUS_MESSAGE, 0, "it \"broke\"", 10);
    at = put(at, FIELD_STRING, ATTR_USER_AGENT_ORIGINAL, "gr\303\274n \360\237\246\212 \1\177\\",
             14);
    at = put(at, FIELD_STRING, ATTR_URL_QUERY, "bad \377\376", 6);
    at = put(at, FIELD_STRING, ATTR_URL_PATH, "", 0);
    at = put(at, FIELD_INT, ATTR_SERVER_PORT, &low, 8);
    at = put(at, FIELD_DOUBLE, ATTR_OTELSHIM_DB_STEP_TIME, &real, 8);
    at = put(at, FIELD_BOOL, ATTR_HTTP_REQUEST_SIZE, &yes, 1);
    at = put(at, FIELD_STRING_ARRAY, ATTR_DNS_ANSWERS, texts, sizeof texts - 1);
    at = put(at, FIELD_NAMED_ARRAY, ATTR_HTTP_REQUEST_HEADER, named, sizeof named - 1);
    at = put(at, FIELD_EVENT, EVENT_CURL_CONNECTED, &when, 8);
    at = put(at, FIELD_NAMED, FIELD_STRING, "\10\0own \"key\"v\n", 12);
    at = put(at, FIELD_NAMED, FIELD_BOOL, "\10\0own.bool\1", 11);
    at = put_event(at, when);
    return put(at, FIELD_LINK, 0, &link, sizeof link);
}

static const struct record *make_record(uint64_t number)
{
    static union {
        struct record record;
        unsigned char bytes[4096];
    } u;
    struct record *r = &u.record;
    uint64_t id = __builtin_bswap64(number + 1);
    int64_t status = 200;
    static const char url[] = "http://localhost:8080/some/path?with=query";
    memset(r, 0, sizeof *r);
    r->type = RECORD_SPAN;
    r->scope = (uint8_t)(number % 2);
    r->kind = SPAN_CLIENT;
    r->flags = RECORD_SAMPLED | RECORD_RANDOM_TRACE_ID;
    r->end_mono_ns = clock_ns(CLOCK_MONOTONIC);
    r->start_mono_ns = r->end_mono_ns - 1000000;
    memset(r->trace_id, 0xab, 16);
    memcpy(r->span_id, &id, 8);
    unsigned char *at = put(r->fields, FIELD_NAME, 0, "GET", 3);
    static const struct {
        uint8_t key;
        const char *text;
    } texts[] = {
        { ATTR_URL_FULL, url },
        { ATTR_HTTP_REQUEST_METHOD, "GET" },
        { ATTR_SERVER_ADDRESS, "localhost" },
        { ATTR_NETWORK_PROTOCOL_VERSION, "1.1" },
        { ATTR_NETWORK_PEER_ADDRESS, "127.0.0.1" },
    };
    for (long i = 0; i < attributes && i < 5; i++)
        at = put(at, FIELD_STRING, texts[i].key, texts[i].text, strlen(texts[i].text));
    if (fixed) {
        r->start_mono_ns = 1000000000;
        r->end_mono_ns = 1000000000 + number * 1000;
    }
    if (rich)
        at = put_all_kinds(r, at);
    if (attributes > 5)
        at = put(at, FIELD_INT, ATTR_HTTP_RESPONSE_STATUS_CODE, &status, 8);
    r->fields_bytes = (uint32_t)(at - r->fields);
    r->size = (uint32_t)(sizeof *r + r->fields_bytes + 7) & ~7u;
    return r;
}

static void set(char *argument)
{
    static const struct {
        const char *key;
        const char **text;
    } texts[] = {
        { "object", &object },
        { "url", &settings.otlp.traces_url },
        { "ca", &settings.otlp.certificate },
        { "key", &settings.otlp.client_key },
        { "cert", &settings.otlp.client_certificate },
        { "unix", &settings.otlp.unix_path },
        { "sigv4", &settings.otlp.aws_sigv4 },
        { "service", &settings.service_name },
        { "collect", &settings.console_collect },
        { "file", &settings.file.path },
        { "zipkin", &settings.zipkin.url },
        { "plugins", &settings.exporter_plugins },
        { "allowed", &allowed },
    };
    static const struct {
        const char *key;
        long *number;
    } numbers[] = {
        { "spans", &nr_spans },
        { "attributes", &attributes },
        { "flush_at_ms", &flush_at_ms },
        { "give_up_ms", &give_up_ms },
        { "verbose", &verbose },
        { "burst", &burst },
        { "pause_ms", &pause_ms },
        { "console", &console },
        { "flush_once", &flush_once },
        { "rich", &rich },
        { "fixed", &fixed },
        { "pid", &pid },
        { "stdout", &stdout_fd },
    };
    static const struct {
        const char *key;
        uint32_t *number;
    } words[] = {
        { "queue", &settings.bsp.max_queue_size },
        { "batch", &settings.bsp.max_export_batch_size },
        { "delay_ms", &settings.bsp.schedule_delay_ms },
        { "export_timeout_ms", &settings.bsp.export_timeout_ms },
        { "timeout_ms", &settings.otlp.timeout_ms },
        { "exporters", &settings.exporters },
        { "file_bytes", &settings.file.max_bytes },
        { "protocol", &settings.otlp.protocol },
        { "compression", &settings.otlp.compression },
    };
    char *value = strchr(argument, '=');
    if (!value)
        exit(2);
    *value++ = '\0';
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(argument, texts[i].key) == 0) {
            *texts[i].text = value;
            return;
        }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(argument, numbers[i].key) == 0) {
            *numbers[i].number = atol(value);
            return;
        }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(argument, words[i].key) == 0) {
            *words[i].number = (uint32_t)atol(value);
            return;
        }
    if (strcmp(argument, "json") == 0) {
        settings.console_format = atol(value) ? CONSOLE_JSON : CONSOLE_TREE;
        return;
    }
    if (strcmp(argument, "header") == 0) {
        char *colon = strchr(value, ':');
        if (!colon)
            exit(2);
        *colon = '\0';
        settings.otlp.headers[settings.otlp.nr_headers++] =
            (struct config_pair){ value, colon + 1 };
        return;
    }
    fprintf(stderr, "unknown setting %s\n", argument);
    exit(2);
}

/* Not ru_maxrss: that one is inherited over exec. */
static long peak_rss_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmHWM: %ld", &kb);
    if (status)
        fclose(status);
    return kb;
}

/* What was lost before it came to any destination is lost at this one, too. */
static void print_account(const struct exporter_account *account)
{
    unsigned long long dropped[DROP_COUNT];
    for (int i = 0; i < DROP_COUNT; i++)
        dropped[i] = account->drops[i] + lost_before[i];
    printf("to %s: usable=%d delivered=%llu rejected=%llu retries=%llu queue_full=%llu "
           "no_exporter=%llu exit=%llu\n",
           account->name, account->usable, (unsigned long long)account->delivered,
           dropped[DROP_REJECTED], dropped[DROP_RETRIES], dropped[DROP_QUEUE_FULL],
           dropped[DROP_NO_EXPORTER], dropped[DROP_EXIT]);
}

static void print_result(uint64_t started_ns, uint64_t accepted, uint64_t pending)
{
    for (unsigned i = 0; i < nr_accounts; i++)
        print_account(&accounts[i]);
    printf(
        "accepted=%llu pending=%llu refused=%llu progress=%llu ms=%llu max_run_us=%llu rss_kb=%ld\n",
        (unsigned long long)accepted, (unsigned long long)pending, (unsigned long long)refused,
        (unsigned long long)progress,
        (unsigned long long)((clock_ns(CLOCK_MONOTONIC) - started_ns) / 1000000),
        (unsigned long long)(max_run_ns / 1000), peak_rss_kb());
}

static uint64_t timed_run(const struct exporter_ops *ops, bool flush)
{
    uint64_t before = clock_ns(CLOCK_MONOTONIC);
    uint64_t due = ops->run(before, flush);
    uint64_t took = clock_ns(CLOCK_MONOTONIC) - before;
    if (took > max_run_ns)
        max_run_ns = took;
    return due;
}

int main(int argc, char **argv)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* as the background thread does */
    for (int i = 1; i < argc; i++)
        set(argv[i]);
    void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    const struct exporter_ops *(*entry)(void);
    *(void **)&entry = dlsym(handle, EXPORTER_ENTRY);
    const struct exporter_ops *ops = entry();
    struct exporter_host host = {
        .log = host_log,
        .drop = host_drop,
        .progress = host_progress,
        .account = host_account,
        .scope_name = host_scope_name,
        .version = "0.1.0",
        .executable_name = "export_records",
        .pid = pid ? (int)pid : getpid(),
        .console_fd = (int)console,
        .stdout_fd = (int)stdout_fd, /* 1 has our own words */
        .plugin_is_allowed = host_plugin_is_allowed,
        .dlopen = host_dlopen,
        .dlsym = host_dlsym,
    };
    if (ops->abi != EXPORTER_ABI || ops->open(&settings, &host) != 0) {
        puts("open=-1");
        return 1;
    }
    int64_t offset = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
    if (fixed)
        offset = 1700000000000000000;
    uint64_t started = clock_ns(CLOCK_MONOTONIC), accepted = 0, paused_until = 0;
    bool flushed = false;
    for (;;) {
        uint64_t now = clock_ns(CLOCK_MONOTONIC), elapsed_ms = (now - started) / 1000000;
        while (accepted < (uint64_t)nr_spans && now >= paused_until) {
            if (!ops->accept(make_record(accepted), offset)) {
                refused++;
                break;
            }
            if (++accepted % (uint64_t)burst == 0)
                paused_until = clock_ns(CLOCK_MONOTONIC) + (uint64_t)pause_ms * 1000000;
        }
        bool flush = elapsed_ms >= (uint64_t)flush_at_ms && accepted == (uint64_t)nr_spans;
        uint64_t due = timed_run(ops, flush && !(flush_once && flushed));
        flushed |= flush;
        if ((accepted == (uint64_t)nr_spans && ops->pending() == 0) ||
            elapsed_ms > (uint64_t)give_up_ms)
            break;
        now = clock_ns(CLOCK_MONOTONIC);
        uint64_t wait_ns = due > now ? due - now : 0;
        if (wait_ns > 10000000)
            wait_ns = 10000000;
        if (ops->in_flight())
            ops->wait(wait_ns);
        else
            nanosleep(&(struct timespec){ .tv_nsec = (long)wait_ns }, NULL);
    }
    uint64_t pending = ops->pending();
    ops->close();
    print_result(started, accepted, pending);
    return 0;
}
