"""
Bad values: one clear line each in our log, the default holds, and the program
does not notice. Without a log file that line goes to stderr, once, at start.
"""
import re

from harness import Failure, case

LOOKUP = ["$PROGRAMS/exit_in_flight"]
TREE = {"golden": "program_lookups", "vars": {"PROGRAM": "exit_in_flight", "LOOKUPS": 1}}

BAD = {
    "a_delay_that_is_no_number": ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
    "a_negative_delay": ("OTEL_BSP_SCHEDULE_DELAY", "-5"),
    "a_delay_beyond_32_bits": ("OTEL_BSP_SCHEDULE_DELAY", "99999999999999999999"),
    "a_queue_of_0": ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    "a_batch_larger_than_the_queue": ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000"),
    "an_unknown_sampler": ("OTEL_TRACES_SAMPLER", "sometimes"),
    "an_unknown_propagator": ("OTEL_PROPAGATORS", "pigeon,tracecontext"),
    "an_unknown_log_level": ("OTEL_LOG_LEVEL", "loud"),
    "a_bool_that_is_none": ("OTEL_SDK_DISABLED", "maybe"),
    "resource_attributes_without_value": ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c"),
    "resource_attributes_badly_encoded": ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"),
    "headers_without_value": ("OTEL_EXPORTER_OTLP_HEADERS", "token"),
    "an_invalid_regex": ("OTEL_SHIM_EXCLUDED_URLS", "(unclosed,ok"),
    "an_unknown_process_span_mode": ("OTEL_SHIM_PROCESS_SPAN", "perhaps"),
    "an_exit_timeout_that_is_no_number": ("OTEL_SHIM_EXIT_TIMEOUT", "1s"),
}
for name, (variable, value) in BAD.items():
    env = {variable: value.replace("$", "$$")}
    case(f"config_with_{name}", LOOKUP, shim_env=env, log=[variable], lost=None if variable == "OTEL_LOG_LEVEL" else 0,
         **TREE)

# The ratio is used only where a sampler is set, so it is only then a mistake.
case("config_with_a_ratio_of_2", LOOKUP, log=["OTEL_TRACES_SAMPLER_ARG"], **TREE,
     shim_env={"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"})
# Exported nowhere, or where nobody is: the program does not notice.
for name, value in {"no_url": "nonsense", "another_scheme": "ftp://127.0.0.1/", "no_host": "http://",
                    "a_port_too_large": "http://127.0.0.1:99999"}.items():
    case(f"config_endpoint_is_{name}", LOOKUP, shim_env={"OTEL_EXPORTER_OTLP_ENDPOINT": value}, golden=None,
         log=["OTEL_EXPORTER_OTLP_ENDPOINT"], log_any=["."], expect_drops=True)
case("config_exporter_is_unknown", LOOKUP, shim_env={"OTEL_TRACES_EXPORTER": "carrier"}, golden=None,
     log=["OTEL_TRACES_EXPORTER"], log_any=["."], expect_drops=True, lost=None)
case("config_exporter_object_is_missing", LOOKUP, shim_env={"OTEL_SHIM_EXPORTER_PATH": "/nowhere/exporter.so"},
     golden=None, log=["/nowhere/exporter.so"], expect_drops=True)
case("config_exporter_object_is_no_object", LOOKUP, shim_env={"OTEL_SHIM_EXPORTER_PATH": "/etc/hosts"},
     golden=None, log=["/etc/hosts"], expect_drops=True)
# Larger than one string of execve may be on some systems, so this stays below 128 KiB.
case("config_value_of_120_kib", LOOKUP, shim_env={"OTEL_RESOURCE_ATTRIBUTES": "a=" + "x" * 120_000},
     log=["OTEL_RESOURCE_ATTRIBUTES"], **TREE)
case("config_value_of_any_bytes", LOOKUP, log=["OTEL_SERVICE_NAME.*not UTF-8"], shim_env={"OTEL_SERVICE_NAME": "\udcff\udcfe\x01\x1b[31m"}, **TREE)


def one_line_on_stderr(run):
    if (run.shim.code, run.shim.out) != (run.bare.code, run.bare.out):
        raise Failure(f"differs: {run.shim.code} {run.shim.out!r}")
    if not re.fullmatch(rb"otelshim\[\d+\]: config: [^\n]*OTEL_BSP_SCHEDULE_DELAY[^\n]*\"soon\"[^\n]*\n", run.shim.err):
        raise Failure(f"stderr: {run.shim.err!r}")


case("config_mistake_goes_to_stderr_once", LOOKUP, compare=False, lost=None, check=one_line_on_stderr,
     shim_env={"OTEL_BSP_SCHEDULE_DELAY": "soon", "OTEL_SHIM_LOG_FILE": None, "OTEL_LOG_LEVEL": None}, **TREE)


# ---------------------------------------------------------------- good values
def resource_holds(**expected):
    def check(run):
        for span in run.spans:
            for key, value in expected.items():
                have = span["resource"].get(key.replace("__", "."))
                if have != value:
                    raise Failure(f"resource {key}: {have!r}, must be {value!r}")
    return check


case("config_service_name_defaults_to_the_executable", LOOKUP, check=resource_holds(service__name="exit_in_flight"), **TREE)
case("config_service_name_of_resource_attributes", LOOKUP, **TREE,
     shim_env={"OTEL_RESOURCE_ATTRIBUTES": "service.name=from%20attributes,team=a%2Cb"},
     check=resource_holds(service__name="from attributes", team="a,b"))
case("config_service_name_wins", LOOKUP, **TREE, check=resource_holds(service__name="named"),
     shim_env={"OTEL_RESOURCE_ATTRIBUTES": "service.name=x", "OTEL_SERVICE_NAME": "named"})


def headers_are(run):
    headers = {k.lower(): v for k, v in run.sink.requests[0]["headers"].items()}
    if headers.get("api-key") != "a b" or headers.get("x-two") != "2":
        raise Failure(f"headers {headers}")


case("config_headers_reach_the_collector", LOOKUP, check=headers_are, **TREE,
     shim_env={"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, X-Two = 2"})
case("config_traces_endpoint_is_used_as_given", LOOKUP, **TREE,
     shim_env={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:$SINK_PORT/v1/traces",
               "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:$CLOSED_PORT"})
case("config_process_span_never", LOOKUP, golden="lookup_alone", shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"})
case("config_process_span_always", ["true"], golden="true_alone", shim_env={"OTEL_SHIM_PROCESS_SPAN": "always"})
