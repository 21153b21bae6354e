"""What a user switches off stays off: no span, no header, no effect. And what comes in goes on."""
import re

from harness import Failure, case

CURL = ["curl", "-sS", "$WEB/hello"]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def traceparents(run):
    return [value for _, value in run.web.seen()]


def curl(name, **options):
    case(f"control_{name}", CURL, stdout="hello", needs=["curl"], **options)


def no_header(run):
    if any(traceparents(run)):
        raise Failure(f"the server got {traceparents(run)}")


for name, env in {
        "excluded_urls": {"OTEL_SHIM_EXCLUDED_URLS": "nothing,/hello$$"},
        "excluded_urls_of_curl": {"OTEL_SHIM_CURL_EXCLUDED_URLS": "127.0.0.1:\\d+/hel+o",
                                  "OTEL_SHIM_EXCLUDED_URLS": "nothing"},
        "excluded_urls_by_pythons_name": {"OTEL_PYTHON_EXCLUDED_URLS": "hello"},
        "disabled_instrumentations": {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "sqlite3, curl, http"},
        "disabled_instrumentations_all": {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "*"},
        "disabled_instrumentations_by_pythons_name": {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "curl,process,http"},
        "sdk_disabled": {"OTEL_SDK_DISABLED": "TRUE"}}.items():
    curl(name, shim_env=env, golden="none", injects=False, check=no_header)

curl("excluded_urls_of_curl_hide_the_general_list", golden="curl_hello",
     shim_env={"OTEL_SHIM_CURL_EXCLUDED_URLS": "nothing", "OTEL_SHIM_EXCLUDED_URLS": "hello"})


def unsampled_header(run):
    if not re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[02]", traceparents(run)[0]):
        raise Failure(f"the server got {traceparents(run)}")


for name, env in {"sampler_ratio_0": {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
                  "sampler_follows_its_parent": {"TRACEPARENT": f"00-{TRACE}-{SPAN}-00"}}.items():
    curl(name, shim_env=env, golden="none", injects=False, check=unsampled_header)

curl("sampler_ratio_1", golden="curl_hello",
     shim_env={"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.0"})
curl("exporter_none", shim_env={"OTEL_TRACES_EXPORTER": "none"}, golden="none", injects=False, lost=None)


def same_trace(run):
    seen = traceparents(run)
    if len(seen) != 1 or not seen[0].startswith(f"00-{TRACE}-"):
        raise Failure(f"the server got {seen}")


curl("continues_a_trace", golden="curl_continues_a_trace", check=same_trace,
     shim_env={"TRACEPARENT": f"00-{TRACE}-{SPAN}-01", "TRACESTATE": "vendor=1", "BAGGAGE": "user=1"})
