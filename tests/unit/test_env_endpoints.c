/* Where spans go: URLs, gRPC targets, sockets, from the environment. */
#include "env_case.h"

Test(env_endpoints, endpoints_are_joined_by_the_rules)
{
    static const struct {
        const char *variable, *url;
    } rows[] = {
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "http://c:4318/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/", "http://c:4318/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/my/", "http://c:4318/my/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=https://c/my", "https://c/my/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT= HTTP://[::1]:99 ", "HTTP://[::1]:99/v1/traces" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c/a?k=v#f", "http://c/a/v1/traces?k=v" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://u:p@c", "http://u:p@c/v1/traces" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4318", "http://c:4318/" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4318/", "http://c:4318/" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c/x", "http://c/x" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c/x/", "http://c/x/" },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c?k=v", "http://c/?k=v" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config *c = LOAD(rows[i].variable);
        cr_assert_eq(nr_mistakes, 0, "%s: %s", rows[i].variable, mistakes[0]);
        cr_assert_str_eq(c->otlp.traces_url, rows[i].url, "%s: %s", rows[i].variable,
                         c->otlp.traces_url);
        cr_assert(c->otlp.url_valid);
    }
}

#define GRPC_PATH "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

Test(env_endpoints, grpc_endpoints_are_urls_or_targets)
{
    static const struct {
        const char *endpoint, *insecure, *url, *unix_path;
    } rows[] = {
        { "X=", "X=", "http://localhost:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "X=", "http://c:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=https://c/some/path?q", "X=", "https://c" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4317/", "X=", "http://c:4317" GRPC_PATH,
          NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=c:4317", "X=", "https://c:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=c:4317", "OTEL_EXPORTER_OTLP_INSECURE=true",
          "http://c:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=[::1]:1", "OTEL_EXPORTER_OTLP_TRACES_INSECURE=True",
          "http://[::1]:1" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4317", "OTEL_EXPORTER_OTLP_INSECURE=true",
          "https://c:4317" GRPC_PATH, NULL },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=unix:/run/o.sock", "X=", "http://localhost" GRPC_PATH,
          "/run/o.sock" },
        { "OTEL_EXPORTER_OTLP_ENDPOINT=UNIX:///run/o.sock", "X=", "http://localhost" GRPC_PATH,
          "/run/o.sock" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config *c =
            LOAD("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", rows[i].endpoint, rows[i].insecure);
        cr_assert_eq(nr_mistakes, 0, "%s: %s", rows[i].endpoint, mistakes[0]);
        cr_assert_str_eq(c->otlp.traces_url, rows[i].url, "%s", rows[i].endpoint);
        cr_assert(c->otlp.url_valid);
        if (rows[i].unix_path == NULL)
            cr_assert_null(c->otlp.unix_path);
        else
            cr_assert_str_eq(c->otlp.unix_path, rows[i].unix_path);
    }
    cr_assert_str_eq(LOAD("OTEL_EXPORTER_OTLP_ENDPOINT=unix:/run/o.sock")->otlp.traces_url,
                     "http://localhost/v1/traces");
}

Test(env_endpoints, what_is_no_grpc_target_sends_nothing)
{
    static const char *const values[] = { "ftp://c",   "c:x",     "a b:1",  "/c",       ":4317",
                                          "c:4317/v1", "unix:",   "unix:o", "unix://o", "unix:/",
                                          "http://",   "c:99999", "[::1" };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char variable[128];
        snprintf(variable, sizeof variable, "OTEL_EXPORTER_OTLP_ENDPOINT=%s", values[i]);
        const struct config *c = LOAD("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", variable);
        cr_assert(!c->otlp.url_valid, "%s gives %s", values[i], c->otlp.traces_url);
        cr_assert_eq(nr_mistakes, 1, "%s", values[i]);
    }
}

Test(env_endpoints, endpoint_that_is_no_url_sends_nothing)
{
    static const char *const values[] = {
        "localhost:4318", "c",
        "ftp://c",        "http:/c",
        "http://",        "http:///x",
        "http://c:99999", "http://c:0",
        "http://c:x",     "http://a b",
        "http://[::1",    "http://c\n",
        "://c",           "http://:80",
        "http://c\\x",    "http://h\xc3\xb6st",
        "http://[::1]x",  "http://user@",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char variable[128];
        snprintf(variable, sizeof variable, "OTEL_EXPORTER_OTLP_ENDPOINT=%s", values[i]);
        const struct config *c = LOAD(variable);
        cr_assert(!c->otlp.url_valid, "%s", values[i]);
        cr_assert_eq(nr_mistakes, 1, "%s", values[i]);
    }
    cr_assert_eq(LOAD("OTEL_EXPORTER_OTLP_ENDPOINT=ftp://joe:secret@c")->otlp.url_valid, false);
    cr_assert_null(strstr(mistakes[0], "secret"));
}
