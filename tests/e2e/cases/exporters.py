"""Exporters beside OTLP over the network: chosen by variables, fed by a real program."""
import os
import struct

import otlp_json
import otlp_wire
from harness import BUILD, Failure, case

PROGRAM = ["$PROGRAMS/exit_in_flight", "0"]  # two spans: its own and one lookup
NAMES = ["dns.lookup", "exit_in_flight"]


def exporter(name, variables, check, **options):
    case(f"exporter_{name}", PROGRAM, golden=None, lost=None, check=check, shim_env=variables,
         **({"sink": "refused"} | options))


def both_spans(spans):
    if sorted(s["name"] for s in spans) != NAMES:
        raise Failure(f"spans {[s['name'] for s in spans]}")


def lines_of(text):
    return [span for line in text.splitlines() for span in otlp_json.decode_traces(line)]


def in_file(run):
    with open(os.path.join(run.tmp, "spans.jsonl"), "rb") as f:
        both_spans(lines_of(f.read()))


exporter("otlp_file", {"OTEL_TRACES_EXPORTER": "otlp_file", "OTEL_SHIM_FILE_PATH": "spans.jsonl"}, in_file)
exporter("otlp_file_development", {"OTEL_TRACES_EXPORTER": "otlp_file/development",
                                   "OTEL_SHIM_FILE_PATH": "$TMP/spans.jsonl"}, in_file)


def file_and_collector(run):
    in_file(run)
    both_spans(run.spans)


exporter("list", {"OTEL_TRACES_EXPORTER": "otlp,otlp_file", "OTEL_SHIM_FILE_PATH": "spans.jsonl"},
         file_and_collector, sink="ok")


def accounts_are(**wanted):
    """A line for each exporter at the end: made, delivered, and dropped there, by reason."""
    def check(run):
        both_spans(run.spans)
        for name, counts in wanted.items():
            line = f": debug: spans to {name}: {counts}"
            if not any(told.endswith(line) for told in run.log_lines):
                raise Failure(f"no line {line!r} among {run.summaries}")
        if len(run.summaries) != len(wanted):
            raise Failure(f"lines {run.summaries}")
    return check


exporter("list_each_has_an_account", {"OTEL_TRACES_EXPORTER": "otlp,otlp_file", "OTEL_SHIM_FILE_PATH": "spans.jsonl"},
         accounts_are(otlp="made=2 delivered=2 dropped=0", otlp_file="made=2 delivered=2 dropped=0"), sink="ok")
exporter("list_with_a_file_that_cannot_be", {"OTEL_TRACES_EXPORTER": "otlp,otlp_file",
                                             "OTEL_SHIM_FILE_PATH": "no/such/folder/spans.jsonl"},
         accounts_are(otlp="made=2 delivered=2 dropped=0", otlp_file="made=2 delivered=0 dropped=2 no_exporter=2"),
         sink="ok", log=["no/such/folder/spans.jsonl cannot be written"])


def file_beside_zipkin_that_hangs(run):
    in_file(run)
    if run.accounts != {"otlp_file": {"made": 2, "delivered": 2, "dropped": 0},
                        "zipkin": {"made": 2, "delivered": 0, "dropped": 2}}:
        raise Failure(f"accounts {run.accounts}")


exporter("list_with_zipkin_that_hangs", {"OTEL_TRACES_EXPORTER": "otlp_file,zipkin", "OTEL_SHIM_FILE_PATH": "spans.jsonl"},
         file_beside_zipkin_that_hangs, sink="hang", sink_protocol="zipkin", expect_drops=True, log=["no answer from where spans go"])


def rotated(run):
    for name in ("spans.jsonl", "spans.jsonl.1"):
        with open(os.path.join(run.tmp, name), "rb") as f:
            if len(lines_of(f.read())) != 1:
                raise Failure(f"{name} does not have one span")


exporter("otlp_file_rotates", {"OTEL_TRACES_EXPORTER": "otlp_file", "OTEL_SHIM_FILE_PATH": "spans.jsonl",
                               "OTEL_SHIM_FILE_MAX_BYTES": "1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}, rotated)


def on_stdout(run):
    before = run.bare.out
    text = run.shim.out
    told = b"\n".join(line for line in text.splitlines() if line.startswith(b'{"resourceSpans"'))
    both_spans(lines_of(told))
    if b"\n".join(line for line in text.splitlines() if not line.startswith(b"{")).strip() != before.strip():
        raise Failure("the program's own output is not whole")


exporter("otlp_stdout", {"OTEL_TRACES_EXPORTER": "otlp/stdout"}, on_stdout, compare=False)
exporter("otlp_file_dash", {"OTEL_TRACES_EXPORTER": "otlp_file", "OTEL_SHIM_FILE_PATH": "-"}, on_stdout,
         compare=False)


def zipkin_spans(run):
    both_spans(run.spans)
    own = next(s for s in run.spans if s["name"] == "exit_in_flight")
    lookup = next(s for s in run.spans if s["name"] == "dns.lookup")
    if lookup.get("parentId") != own["id"] or lookup.get("kind") != "CLIENT":
        raise Failure(f"spans {run.spans}")


exporter("zipkin", {}, zipkin_spans, sink="ok", sink_protocol="zipkin")


def in_plugin(run):
    with open(os.path.join(run.tmp, "spans"), "rb") as f:
        data = f.read()
    (size,) = struct.unpack(">I", data[:4])
    both_spans(otlp_wire.decode_traces(data[4:4 + size]))


PLUGIN = f"{BUILD}/programs/length_prefixed.so"
exporter("plugin", {"OTEL_TRACES_EXPORTER": "none", "OTEL_SHIM_EXPORTER_PLUGINS": PLUGIN,
                    "OTEL_SHIM_ALLOWED_EXPORTERS": "none,length_prefixed", "SPANS_FILE": "$TMP/spans"}, in_plugin)


def plugin_refused(run):
    if os.path.exists(os.path.join(run.tmp, "spans")):
        raise Failure("a plugin ran that nobody allowed")


exporter("plugin_that_is_not_allowed", {"OTEL_TRACES_EXPORTER": "none", "OTEL_SHIM_EXPORTER_PLUGINS": PLUGIN,
                                        "SPANS_FILE": "$TMP/spans"}, plugin_refused,
         log_any=["OTEL_SHIM_ALLOWED_EXPORTERS"], expect_drops=True)


def signed(run):
    both_spans(run.spans)
    authorization = run.sink.requests[0]["headers"]["Authorization"]
    if "Credential=AKID/" not in authorization or "/eu-west-1/xray/aws4_request" not in authorization:
        raise Failure(f"Authorization: {authorization}")


exporter("signs_for_aws", {"OTEL_SHIM_OTLP_AWS_SIGV4": "eu-west-1:xray", "AWS_ACCESS_KEY_ID": "AKID",
                           "AWS_SECRET_ACCESS_KEY": "secret"}, signed, sink="ok")


# ---------------------------------------------------------------- forks
FORKS = """
import os, socket, time
socket.getaddrinfo("localhost", 1)
time.sleep(0.3)  # the first batch is sent, its connection is open
for i in range(3):
    pid = os.fork()
    if pid == 0:
        socket.getaddrinfo("localhost", 2)
        os._exit(0)
    os.waitpid(pid, 0)
socket.getaddrinfo("localhost", 3)
"""


def each_process_has_a_connection(run):
    lookups = [s for s in run.spans if s["name"] == "dns.lookup"]
    pids = {s["resource"]["process.pid"] for s in lookups}
    if len(lookups) != 5 or len(pids) != 4 or len(run.sink.peers) != 4:
        raise Failure(f"{len(lookups)} lookups of {len(pids)} processes over {len(run.sink.peers)} connections")


case("exporter_grpc_over_forks", ["python3", "-c", FORKS], golden=None, check=each_process_has_a_connection,
     sink_protocol="grpc", shim_env={"OTEL_BSP_SCHEDULE_DELAY": "50"})
