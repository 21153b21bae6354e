"""
OTEL_CONFIG_FILE with real programs: what the file says holds, in every process of a tree;
what is wrong with it is one line, and the program does not notice.
"""
import os

import otlp_json
from harness import Failure, case

LOOKUP = ["$PROGRAMS/exit_in_flight"]
TREE = {"golden": "program_lookups", "vars": {"PROGRAM": "exit_in_flight", "LOOKUPS": 1}}
NOTHING = {"golden": "none", "lost": None}
EXPORT = """
file_format: "1.0"
log_level: debug
resource: {attributes: [{name: service.name, value: "${NAME:-from file}"}]}
propagator: {composite: [tracecontext: ]}
tracer_provider:
  processors: [batch: {exporter: {otlp_http: {endpoint: "http://127.0.0.1:${SINK_PORT}/v1/traces"}}}]
"""
ENV = {"OTEL_CONFIG_FILE": "$TMP/otel.yaml", "SINK_PORT": "$SINK_PORT"}


def filed(name, text, argv=LOOKUP, env=None, **options):
    text = (EXPORT + text).replace("${", "$${")  # the harness fills in $NAMES, too
    case(f"file_{name}", argv, files={"otel.yaml": text}, shim_env={**ENV, **(env or {})}, **options)


def service_is(name):
    def check(run):
        for s in run.spans:
            if s["resource"]["service.name"] != name:
                raise Failure(f"service.name {s['resource']['service.name']!r}")
    return check


def fail(run):
    raise Failure(f"spans {[s['scope'] for s in run.spans]}")


filed("sets_what_variables_set", "", check=service_is("from file"), **TREE)
filed("refers_to_variables", "", env={"NAME": "given"}, check=service_is("given"), **TREE)
# Standard variables are for references alone; ours hold, and beat it.
filed("beats_standard_variables", "", env={"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_off"},
      check=service_is("from file"), **TREE)
filed("gives_way_to_variables_of_ours", "instrumentation/development: {otelshim: {process_span: always}}",
      env={"OTEL_SHIM_PROCESS_SPAN": "never"}, golden="lookup_alone")
filed("has_a_section_of_ours", "instrumentation/development: {otelshim: {process_span: never}}", golden="lookup_alone")
filed("sampler", "  sampler: {always_off: }\n", **NOTHING)
filed("parent_based_sampler", "  sampler: {parent_based: {root: {always_off: }, remote_parent_not_sampled: {always_on: }}}\n",
      env={"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}, golden=None,
      check=lambda run: None if sorted(s["scope"] for s in run.spans) == ["otelshim.dns", "otelshim.process"] else fail(run))
filed("sampling_rules", "instrumentation/development: {otelshim: {sampling_rules: [path=/x drop, instrumentation=dns drop]}}",
      golden=None, check=lambda run: None if [s["scope"] for s in run.spans] == ["otelshim.process"] else fail(run))
filed("disabled", "disabled: true\n", **NOTHING)
filed("is_followed_where_the_environment_is_cleared", "", argv=["sh", "-c", "env -i SINK_PORT=$SINK_PORT $PROGRAMS/exit_in_flight"],
      golden=None, check=service_is("from file"))


# ---------------------------------------------------------------- attributes of every type
TYPES = '''
resource:
  attributes:
    - {name: zones, value: [eu-1, "b,c;d%", "", "ü"], type: string_array}
    - {name: flags, value: [true, false], type: bool_array}
    - {name: numbers, value: [1, -9223372036854775808, 7], type: int_array}
    - {name: reals, value: [0.5, -1e3, 2], type: double_array}
    - {name: none, value: [], type: string_array}
    - {name: one, value: 5, type: int}
    - {name: truth, value: true, type: bool}
    - {name: half, value: .5, type: double}
    - {name: text, value: 5}
'''
OF_TYPES = {"zones": ["eu-1", "b,c;d%", "", "ü"], "flags": [True, False], "numbers": [1, -(1 << 63), 7],
            "reals": [0.5, -1000.0, 2.0], "none": [], "one": 5, "truth": True, "half": 0.5, "text": "5"}


def has_types(run):
    if not run.spans:
        raise Failure("no span")
    for span in run.spans:
        for key, value in OF_TYPES.items():
            have = span["resource"].get(key)
            if repr(have) != repr(value):
                raise Failure(f"resource {key}: {have!r}, must be {value!r}")


def of_types(name, argv=LOOKUP, encoding="protobuf", processors=None, check=has_types, **options):
    text = EXPORT.replace('resource: {attributes: [{name: service.name, value: "${NAME:-from file}"}]}', TYPES)
    text = text.replace("/v1/traces\"", f"/v1/traces\", encoding: {encoding}")
    if processors:
        text = text.rstrip().removesuffix("]") + f", {processors}]\n"
    case(name, argv, files={"otel.yaml": text.replace("${", "$${")}, check=check, golden=None,
         shim_env={**ENV, "PROGRAMS": "$PROGRAMS", **options.pop("env", {})}, **options)


of_types("file_attributes_have_types")


def has_types_in_the_file(run):
    with open(os.path.join(run.tmp, "spans.jsonl"), "rb") as f:
        written = [span for line in f for span in otlp_json.decode_traces(line)]
    has_types(run)
    ours, theirs = ({s["span_id"]: repr(s["resource"]) for s in spans} for spans in (written, run.spans))
    if ours != theirs:
        raise Failure(f"the file has {ours}, the collector {theirs}")


of_types("file_attributes_have_types_in_a_file", processors="simple: {exporter: {otlp_file/development: {output_stream: "
         "file:///$TMP/spans.jsonl}}}", check=has_types_in_the_file)
of_types("file_attributes_have_types_in_json", encoding="json", sink_protocol="http/json")
of_types("file_attributes_have_types_from_the_exporter_process",
         env={"OTEL_SHIM_EXPORTER": "process", "OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "300"})
# Nobody but the file in the spool says what a killed process was: its exporter has written that, or, where there
# is none yet, the process itself.
for moment, env in (("", {}), ("_before_its_exporter", {"OTEL_SHIM_EXPORTER_PATH": "/nowhere"})):
    of_types("file_attributes_have_types_after_a_kill" + moment, preload=False, lost=None, orphans=True, twice=True, slack=30.0,
             argv=["$HERE/spool_kill.py", "1", "1", "200", "300", "env", "-u", "OTEL_SHIM_EXPORTER_PATH", "$OTELSHIM", "recover"],
             env={"SPOOL_PRELOAD": "$SHIM", "OTEL_SHIM_SPOOL_DIR": "$TMP/spool", **env}, run_ids=10,
             bare_env={"PROGRAMS": "$PROGRAMS"}, sanitized=False, log_any=["."], filter=lambda out: b"")


# ---------------------------------------------------------------- what is wrong
def wrong(name, text, line, **options):
    filed(name, text, log=[line], **options)


wrong("with_an_unknown_key", "vendor: 1\n", r"otel\.yaml:8:1: the key `vendor` is not known here; left out$", **TREE)
wrong("with_a_bad_value", "  limits: {event_count_limit: -1}\n",
      r"otel\.yaml:8:31: event_count_limit=\"-1\" is not a whole number from 0 to 2147483647; telemetry is off$", **NOTHING)
wrong("with_a_text_for_a_number", "  limits: {event_count_limit: many}\n",
      r"otel\.yaml:8:31: `event_count_limit` is not a whole number; telemetry is off$", **NOTHING)
wrong("that_is_no_yaml", "a: [\n", r"otel\.yaml:\d+:\d+: .*; telemetry is off$", **NOTHING)
case("file_is_missing", LOOKUP, shim_env={"OTEL_CONFIG_FILE": "$TMP/none.yaml"}, **NOTHING,
     log=["none.yaml: there is no such file; telemetry is off"])
case("file_is_a_directory", LOOKUP, shim_env={"OTEL_CONFIG_FILE": "$TMP"}, **NOTHING,
     log=["it is not a regular file; telemetry is off"])


def one_line_on_stderr(run):
    if (run.shim.code, run.shim.out) != (run.bare.code, run.bare.out):
        raise Failure(f"differs: {run.shim.code} {run.shim.out!r}")
    if run.shim.err.count(b"\n") != 1 or b"there is no such file" not in run.shim.err:
        raise Failure(f"stderr: {run.shim.err!r}")


case("file_mistake_goes_to_stderr_once", LOOKUP, compare=False, check=one_line_on_stderr, **NOTHING,
     shim_env={"OTEL_CONFIG_FILE": "/nowhere.yaml", "OTEL_SHIM_LOG_FILE": None, "OTEL_LOG_LEVEL": None})

def example_holds(run):
    if "otelshim.process" not in {s["scope"] for s in run.spans}:
        raise Failure("no process span")
    service_is("checkout")(run)


# The example that we ship can be used as it is (it records a tenth of all lookups).
case("file_of_the_documentation", LOOKUP, check=example_holds, lost=None, golden=None,
     shim_env={"OTEL_CONFIG_FILE": "$ROOT/docs/examples/otelshim.yaml", "COLLECTOR": "http://127.0.0.1:$SINK_PORT"})
