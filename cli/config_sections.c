/* docs/CONFIGURATION.md below its table: what does not fit into one line. */
#include <stdio.h>

#include "cli.h"
#include "schema.h"

static void profiles(void)
{
    puts(
        "\n## Profiles\n\n"
        "`OTEL_SHIM_PROFILE` sets these variables where neither the environment nor the file does:\n\n"
        "| profile | variable | value |\n|---|---|---|");
#define DEFAULT(profile, variable, value, only_with) \
    printf("| `%s` | `%s` | `%s` |\n", profile, variable, value);
    CONFIG_PROFILE_DEFAULTS(DEFAULT)
#undef DEFAULT
}

static void sampling_rules(void)
{
    puts(
        "\n## Sampling rules\n\n"
        "`OTEL_SHIM_SAMPLING_RULES` is a list of rules between `;`. The first rule that matches a\n"
        "span when it starts decides; without one the sampler does. A rule is one to four\n"
        "conditions between commas, a blank, and what is done:\n\n"
        "    path=/healthz drop; route=/pay/{id},method=POST keep; host=*.example.com 10/s; * 0.5\n\n"
        "| condition | what it looks at |\n|---|---|\n"
        "| `instrumentation=` | `curl`, `http`, `sqlite3`, `dns`, `process`, `manual`, … |\n"
        "| `kind=` | `server`, `client`, `internal`; of a program's own spans also `producer`, `consumer` |\n"
        "| `name=` | of a program's own span (`manual`, docs/API.md), as it is when that starts |\n"
        "| `method=`, `url=`, `host=`, `path=` | of an HTTP request, and of libcurl's transfers; `url=` with its query, `path=` without |\n"
        "| `route=` | of a server's request, by `OTEL_SHIM_HTTP_ROUTES` |\n\n"
        "In a value `?` stands for any byte, `*` for any bytes; letter case matters. A span that\n"
        "lacks the attribute does not match. `*` instead of conditions matches all spans.\n\n"
        "| action | |\n|---|---|\n"
        "| `drop` | not recorded, nor is what is below it in this trace |\n"
        "| `keep` | recorded, also where the caller's trace is not |\n"
        "| `0.25` | this share of traces, decided by trace id as `traceidratio` does |\n"
        "| `10/s` | at most so many spans a second and process |\n\n"
        "Below a span of the same process a rule can only take away: what is below a span that is\n"
        "not recorded is not recorded. Whether a request fails is not known at its start: to keep\n"
        "traces with errors, record all and let a collector choose (tail sampling).");
}

static void config_file(void)
{
    puts(
        "\n## Configuration file\n\n"
        "`OTEL_CONFIG_FILE` names a file of OpenTelemetry's declarative configuration (YAML,\n"
        "`file_format` 1.x); [examples/otelshim.yaml](examples/otelshim.yaml) is one. Give an absolute path: every\n"
        "process of the tree reads it. Beside it only variables that begin with `OTEL_SHIM_` hold,\n"
        "and they beat it; all others can be referred to: `${NAME}`, `${env:NAME}`,\n"
        "`${NAME:-default}`, and `$$` for a `$`.\n\n"
        "| key | what it sets |\n|---|---|\n"
        "| `disabled`, `log_level` | `OTEL_SDK_DISABLED`, `OTEL_LOG_LEVEL` (severities: `trace` to `fatal4`) |\n"
        "| `resource:` `attributes`, `attributes_list` | `OTEL_RESOURCE_ATTRIBUTES`; of every `type`, lists as well; a value that is not of its type is left out |\n"
        "| `resource:` `detection/development:` `detectors` | `OTEL_EXPERIMENTAL_RESOURCE_DETECTORS` |\n"
        "| `attribute_limits:`, `tracer_provider:` `limits:` | `OTEL_ATTRIBUTE_*_LIMIT`; `OTEL_SPAN_*_LIMIT`, `OTEL_EVENT_…`, `OTEL_LINK_…` |\n"
        "| `propagator:` `composite`, `composite_list` | `OTEL_PROPAGATORS`; without `propagator` there is none |\n"
        "| `tracer_provider:` `processors:` `batch:` | `OTEL_BSP_*`, and its `exporter`; without `tracer_provider` no spans are exported |\n"
        "| `… simple:` | its `exporter`, `OTEL_BSP_SCHEDULE_DELAY=0` where no `batch` is: sent at once, but by our thread |\n"
        "| `exporter:` `otlp_http:`, `otlp_grpc:` | `endpoint` (as it is given), `tls`, `headers`, `headers_list`, `compression`, `timeout`, `encoding`: `OTEL_EXPORTER_OTLP_TRACES_*`; one of them |\n"
        "| `exporter:` `otlp_file/development:`, `console:`, `zipkin:` | `output_stream` (`stdout`, `file:///PATH`): `OTEL_SHIM_FILE_PATH`; –; `endpoint`, `timeout` |\n"
        "| `tracer_provider:` `sampler:` | `OTEL_TRACES_SAMPLER`, `…_ARG`: `always_on`, `always_off`, `trace_id_ratio_based`, `parent_based` with one of these as `root`; `OTEL_SHIM_PARENT_SAMPLERS`: and as its delegates |\n"
        "| `tracer_provider:` `id_generator:` | `OTEL_SHIM_ID_GENERATOR` |\n"
        "| `instrumentation/development:` `general:` `http:` `client:`, `server:` | `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_*`, `…_KNOWN_METHODS` |\n"
        "| `instrumentation/development:` `otelshim:` | every `OTEL_SHIM_` variable: in lower case, without the prefix; a list may be a list |\n\n"
        "A file that is missing, no YAML, or has a value that cannot be used turns telemetry off; one\n"
        "line tells file, line and column. A key that is not known, or that this version does not\n"
        "support, is told of and left out. Other signals' and languages' keys are not looked at.");
}

static void context_and_urls(void)
{
    puts(
        "\n`TRACEPARENT`, `TRACESTATE` and `BAGGAGE` (`B3`, `X_B3_TRACEID` …, `UBER_TRACE_ID`,\n"
        "`X_AMZN_TRACE_ID`, as `OTEL_PROPAGATORS` says) of the environment are the context that the\n"
        "program was started in. `DEPLOYMENT_ENVIRONMENT` is the resource's\n"
        "`deployment.environment.name` where the attributes do not say it (without either:\n"
        "`development`). `K8S_POD_NAME`, `K8S_NODE_NAME`, `K8S_NAMESPACE_NAME`, `K8S_CONTAINER_NAME`,\n"
        "`K8S_DEPLOYMENT_NAME` and `K8S_CLUSTER_NAME` (the downward API sets them) become the attributes of\n"
        "these names; the pod's name is else `HOSTNAME`, where a service account is mounted.\n"
        "`http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` (all but the first also in capitals) are\n"
        "libcurl's: proxies of OTLP and Zipkin.\n\n"
        "## Excluded URLs\n\n"
        "A comma list of regular expressions (PCRE2), each searched for anywhere in the absolute URL\n"
        "with its query, letter case told apart. A URL that one of them matches gets no span and no\n"
        "trace header. The first of these variables that is set holds, alone:\n"
        "`OTEL_SHIM_CURL_EXCLUDED_URLS` (or any other instrumentation's name),\n"
        "`OTEL_SHIM_EXCLUDED_URLS`, `OTEL_PYTHON_CURL_EXCLUDED_URLS`, `OTEL_PYTHON_EXCLUDED_URLS`.\n"
        "One pattern that cannot be compiled is reported and left out. At most 2,048 bytes of a URL\n"
        "are looked at, and a search that takes too many steps counts as no match.");
}

void config_sections(void)
{
    config_file();
    profiles();
    sampling_rules();
    context_and_urls();
}
