"""
`otelshim check`: the configuration in force with its sources, every mistake, no secret; and with
--connect the first step on the way to the collector that fails.
"""
import re

from aws_signature import CREDENTIALS, TOKEN, signed_headers
from harness import Failure, case

ALONE = {"preload": False, "golden": "none", "compare": False, "injects": False}


def joined(raw):
    """Wrapped texts as one line."""
    return re.sub(r"\n {8,}(?=\S)", " ", raw.decode())


def look(text, code, wanted, lines, secrets=("hunter2",)):
    if code != wanted:
        raise Failure(f"exit {code}, must be {wanted}\n{text}")
    for line in lines:
        if not re.search("^" + line + "$", text, re.M):
            raise Failure(f"no line {line!r} in\n{text}")
    for secret in secrets:
        if secret in text:
            raise Failure(f"{secret} is shown:\n{text}")


def check(name, env, *lines, code=1, **options):
    case(f"cli_check_{name}", ["$OTELSHIM", "check"], env=env, exit=code, lost=None, **{**ALONE, **options},
         check=lambda run: look(joined(run.bare.out), run.bare.code, code, lines))


# ---------------------------------------------------------------- what is in force
check("of_nothing", {}, "  telemetry +on", "  exporters +otlp", "  otlp +http://localhost:4318/v1/traces as http/protobuf, .*",
      "  sampler +parentbased_always_on", "  nothing: every default holds",
      r"  OTEL_BSP_SCHEDULE_DELAY = 5000  \(default\)", r"  1\. +`otelshim check --connect` tells .*", code=0)
check("of_the_environment", {"OTEL_SERVICE_NAME": "shop", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
                             "OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:hunter2@collector:4318/base",
                             "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer hunter2,x-team=hunter2",
                             "OTEL_RESOURCE_ATTRIBUTES": "team=a", "OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"},
      "  service.name +shop", "  team +a", "  sampler +traceidratio, 0.25 of all traces", "  off +dns",
      r"  otlp +https://\*\*\*@collector:4318/base/v1/traces as .*", r"  headers +authorization: \*\*\* +x-team: \*\*\*",
      r"  OTEL_EXPORTER_OTLP_HEADERS = authorization=\*\*\*,x-team=\*\*\* +\(environment\)",
      r"  OTEL_EXPORTER_OTLP_ENDPOINT = https://\*\*\*@collector:4318/base +\(environment\)", code=0)
check("of_a_key_in_a_query", {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector/a?api_key=hunter2&b&c=@hunter2"},
      r"  otlp +https://collector/a/v1/traces\?api_key=\*\*\*&\*\*\*&c=\*\*\* as .*",
      r"  OTEL_EXPORTER_OTLP_ENDPOINT = https://collector/a\?api_key=\*\*\*&\*\*\*&c=\*\*\* +\(environment\)", code=0)
check("of_credentials_without_a_scheme", {"OTEL_EXPORTER_OTLP_ENDPOINT": "user:hunter2@collector:4317",
                                          "OTEL_RESOURCE_ATTRIBUTES": "owner=a:b@c", "OTEL_SERVICE_NAME": "me@shop"},
      r"  OTEL_EXPORTER_OTLP_ENDPOINT = \*\*\*@collector:4317 +\(environment.*\)", "  OTEL_RESOURCE_ATTRIBUTES = owner=a:b@c +.*",
      r"  OTEL_SERVICE_NAME = me@shop +\(environment\)")
check("of_a_profile", {"OTEL_SHIM_PROFILE": "ci"}, r"  OTEL_SHIM_PROCESS_SPAN = always  \(profile\)", code=0)
check("of_a_file", {"OTEL_CONFIG_FILE": "$TMP/otel.yaml"}, "  sampler +always_off", r"  \w+ = always_off +\(\S*otel\.yaml:\d+:\d+\)",
      code=0, files={"otel.yaml": 'file_format: "1.0"\ntracer_provider:\n  processors:\n    - batch:\n        exporter:\n'
                                  "          otlp_http:\n  sampler:\n    always_off:\n"})
check("that_is_switched_off", {"OTEL_SDK_DISABLED": "true"}, "  telemetry +off", r"  1\. +Telemetry is off: .*", code=0)

# ---------------------------------------------------------------- mistakes
check("finds_every_mistake", {"OTEL_BSP_SCHEDULE_DELAY": "soon", "OTEL_TRACES_SAMPLER": "sometimes", "OTEL_SHIM_EXCLUDED_URLS": "(",
                              "OTEL_SHIM_HTTP_ROUTES": "user", "OTEL_EXPORTER_OTLP_HEADERS": "hunter2"},
      r"  \d\. +OTEL_BSP_SCHEDULE_DELAY=.*", r"  \d\. +OTEL_TRACES_SAMPLER=\"sometimes\".*", r"  \d\. +OTEL_SHIM_EXCLUDED_URLS.*",
      r"  \d\. +OTEL_SHIM_HTTP_ROUTES: .*", r"  \d\. +OTEL_EXPORTER_OTLP_HEADERS.*",
      r"  OTEL_BSP_SCHEDULE_DELAY = soon  \(environment, not used: see the mistakes\)", r"  1\. +Mend the mistakes above.*")
check("finds_typing_errors", {"OTEL_EXPORTER_OTLP_ENDPIONT": "x", "OTEL_SHIM_EXLUDED_URLS": "x", "OTEL_SHIM_COLOUR": "x",
                              "OTEL_METRICS_EXPORTER": "none", "OTEL_SHIM_CURL_EXCLUDED_URLS": "x"},
      r"  1\. +OTEL_EXPORTER_OTLP_ENDPIONT is read by nothing; did you mean OTEL_EXPORTER_OTLP_ENDPOINT\?",
      r"  2\. +OTEL_SHIM_EXLUDED_URLS is read by nothing; did you mean OTEL_SHIM_EXCLUDED_URLS\?",
      r"  3\. +OTEL_SHIM_COLOUR is no variable of otelshim; .*\n\n.*")
check("finds_files_that_are_not_there", {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/ca.pem", "OTEL_SHIM_LOG_FILE": "/no/log",
                                         "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/no/key", "LD_PRELOAD": ""},
      r"  \d\. +certificate of .*: /no/ca.pem cannot be read: No such file or directory",
      r"  \d\. +OTEL_SHIM_LOG_FILE: /no/log cannot be written: No such file or directory",
      r"  \d\. +client key: /no/key cannot be read: .*", r"  \d\. +client certificate and client key belong together.*")
check("finds_a_file_that_is_wrong", {"OTEL_CONFIG_FILE": "$TMP/otel.yaml"}, r"  \d\. +\S*otel\.yaml:\d+:\d+: .*",
      files={"otel.yaml": 'file_format: "1.0"\ntracer_provider:\n  sampler:\n    sometimes:\n'})
case("cli_check_finds_a_preload_that_is_not_there",
     ["sh", "-c", "LD_PRELOAD=/no/libotelshim.so exec $OTELSHIM check"], exit=1, lost=None, **ALONE,
     check=lambda run: look(joined(run.bare.out), run.bare.code, 1, [r"  1\. +LD_PRELOAD: /no/libotelshim.so cannot be read: .*"]))
case("cli_check_finds_what_is_odd_in_a_preload",
     ["sh", "-c", "LD_PRELOAD='/no/libotelshim.so libotelshim.so:there/libotelshim.so' exec $OTELSHIM check 2>/dev/null"], exit=1, lost=None, **ALONE,
     check=lambda run: look(joined(run.bare.out), run.bare.code, 1, [
         r"  \d\. +LD_PRELOAD names libotelshim.so more than once; only the first one works",
         r"  \d\. +LD_PRELOAD: libotelshim.so is not an absolute path: the loader looks for it among the system's libraries alone",
         r"  \d\. +LD_PRELOAD: there/libotelshim.so is not an absolute path: .* from each program's own directory"]))
check("finds_a_file_that_cannot_be_written", {"OTEL_TRACES_EXPORTER": "otlp_file", "OTEL_SHIM_FILE_PATH": "/no/spans.jsonl"},
      r"  1\. +OTEL_SHIM_FILE_PATH: /no/spans.jsonl cannot be written: No such file or directory")
check("of_samplers_below_parents", {"OTEL_SHIM_PARENT_SAMPLERS": "remote_parent_not_sampled=always_on"},
      "  below parents +remote_parent_not_sampled=always_on", code=0)
case("cli_check_lists_what_config_lists",
     ["sh", "-c", "$OTELSHIM check --list > a; $OTELSHIM config --list | cmp - a && grep -c ^OTEL_ a"], stdout=r"^\d\d+$",
     preload=False, golden="none")
case("cli_check_knows_no_other_argument", ["$OTELSHIM", "check", "--bogus"], exit=125, stderr="^usage: otelshim check",
     preload=False, golden="none")


# ---------------------------------------------------------------- --connect
def connect(name, sink, *lines, code, env=None, **options):
    """Against the sink (not there in the bare run: refused)."""
    if sink is not None:
        options["sink"] = sink
    case(f"cli_connect_{name}", ["$OTELSHIM", "check", "--connect"], exit=1, lost=None,
         bare_env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:$CLOSED_PORT"}, shim_env={"OTEL_SHIM_SPOOL_DIR": None, **(env or {})}, **{**ALONE, **options},
         check=lambda run: look(joined(run.shim.out), run.shim.code, code, lines))


TCP = r"  TCP +ok +connected to 127\.0\.0\.1 port \d+ \(\S+ ms\)"
connect("reaches_a_collector", "ok", r"  name +ok +127\.0\.0\.1 is 127\.0\.0\.1 .*", TCP, r"  HTTP +ok +HTTP/1\.1, status 200 .*", code=0)
connect("reaches_it_over_tls", "ok", r"  name +ok +localhost is .*", TCP, r"  TLS +ok +TLSv1\.[23] / \S+, the certificate is trusted",
        r"  HTTP +ok .*", code=0, sink_tls=True)
connect("is_refused", "refused", r"  TCP +FAILED +127\.0\.0\.1 port \d+: Connection refused", r"  \d\. +Nobody listens at .*", code=1)
connect("finds_no_such_name", "ok", "  name +FAILED +no-such-host.invalid is not found: .*", r"  \d\. +Is the collector's name .*", code=1,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://no-such-host.invalid:4318"})
connect("does_not_trust_a_certificate", "ok", TCP, "  TLS +FAILED +SSL certificate problem: .*",
        r"  \d\. +Set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file .*", code=1, sink_tls=True,
        env={"OTEL_EXPORTER_OTLP_CERTIFICATE": None})
connect("speaks_tls_to_a_port_without", "ok", TCP, "  TLS +FAILED .*", r"  \d\. +Does the collector speak TLS on port \d+\?.*", code=1,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:$SINK_PORT"})
connect("has_no_credentials", "status:401", TCP, r"  HTTP +FAILED +HTTP/1\.1, status 401 .*", r"  \d\. +Set OTEL_EXPORTER_OTLP_HEADERS=.*", code=1)
connect("finds_no_traces_there", "status:404", r"  HTTP +FAILED .*status 404 .*", r"  \d\. +Nothing takes traces at this path\..*", code=1)
connect("finds_it_overloaded", "status:503:30", r"  HTTP +FAILED .*status 503 .*", r"  \d\. +The collector has too much to do.*", code=1)
for status, advice in ((413, "The collector refuses large requests: lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE."),
                       (415, "It does not take this encoding: choose another OTEL_EXPORTER_OTLP_PROTOCOL."),
                       (429, "The collector has too much to do, .* tries again later."),
                       (502, "A proxy answers, but the collector behind it does not."), (500, "See the collector's log.")):
    connect(f"gets_a_{status}", f"status:{status}", rf"  HTTP +FAILED .*status {status} .*", rf"  \d\. +{advice}", code=1)
connect("is_redirected", "redirect", r"  HTTP +FAILED .*status 307 .* to /v1/traces", r"  \d\. +Redirects are not followed.*", code=1)
connect("gets_no_answer", "hang", TCP, "  HTTP +FAILED .*", r"  \d\. +It takes connections, but does not answer.*", code=1,
        env={"OTEL_EXPORTER_OTLP_TIMEOUT": "300"})
connect("is_closed_upon", "close", "  HTTP +FAILED .*", r"  \d\. +It speaks something else than HTTP.*", code=1)


# ---------------------------------------------------------------- signed for AWS
def connect_signed(name, protocol, body, token, *lines):
    """The test's request must be one that AWS takes."""
    def check(run):
        look(joined(run.shim.out), run.shim.code, 0, lines)
        request, = run.sink.requests
        signed = signed_headers(request["headers"], body, "eu-west-1", "xray")
        if ("x-amz-security-token" in signed) != bool(token):
            raise Failure(f"signed headers {signed}")

    case(f"cli_connect_{name}", ["$OTELSHIM", "check", "--connect"], exit=1, lost=None, sink_protocol=protocol, check=check,
         bare_env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:$CLOSED_PORT"}, **ALONE,
         shim_env={"OTEL_SHIM_SPOOL_DIR": None, "OTEL_SHIM_OTLP_AWS_SIGV4": "eu-west-1:xray", **CREDENTIALS, **token})


connect_signed("signs_for_aws", "http/protobuf", b"", {}, r"  AWS +signed +for eu-west-1:xray", "  HTTP +ok .*")
connect_signed("signs_for_aws_with_a_token", "http/json", b"{}", {"AWS_SESSION_TOKEN": TOKEN},
               r"  AWS +signed +for eu-west-1:xray, with AWS_SESSION_TOKEN", "  HTTP +ok .*")
AWS = {"OTEL_SHIM_OTLP_AWS_SIGV4": "eu-west-1:xray"}
connect("has_nothing_to_sign_with", "ok", r"  AWS +FAILED +AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: nothing is sent",
        r"  \d\. +Requests are to be signed for AWS .*", code=1, env=AWS)
connect("is_refused_by_aws", "status:403", r"  HTTP +FAILED .*status 403 .*", r"  \d\. +AWS does not take the signature: .*", code=1,
        env={**AWS, **CREDENTIALS})
connect("does_not_sign_grpc", "ok", r"  AWS +none +OTEL_SHIM_OTLP_AWS_SIGV4 signs OTLP/HTTP only", r"  gRPC +ok .*", code=0,
        env={**AWS, **CREDENTIALS}, sink_protocol="grpc")
connect("has_nothing_to_reach", "ok", "  nothing is sent over the network.*", code=0, env={"OTEL_TRACES_EXPORTER": "console"})
