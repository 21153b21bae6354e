"""
The effect of variables that no other case shows, each with a real program and collector.
tests/variables.txt says for every variable where its effect is shown; the last case here
holds it against the variables that there are.
"""
import os
import re

import harness
from harness import ROOT, Failure, case

MANY = ["$PROGRAMS/server_calls", "listen", "0", "100"]
SLOW = ["python3", "-c", "import socket, time; socket.getaddrinfo('localhost', 1); time.sleep(2.5); "
                         "socket.getaddrinfo('localhost', 1)"]
LOOKUP = ["$PROGRAMS/exit_in_flight"]
TREE = {"golden": "program_lookups", "vars": {"PROGRAM": "exit_in_flight", "LOOKUPS": 1}}


def variable(name, argv, env, check, **options):
    options.setdefault("golden", None)
    case(f"variable_{name}", argv, shim_env=env, check=check, **options)


# ---------------------------------------------------------------- batches and attempts
def requests_are(low, high, spans=10 ** 6):
    def check(run):
        n, most = len(run.sink.requests), max(r["spans"] for r in run.sink.requests)
        if not low <= n <= high or most > spans:
            raise Failure(f"{n} requests, not {low} to {high}, with at most {most} spans")
    return check


def attempts_are(n):
    """The first request is never answered; what the program's end waits for is not what is looked at."""
    def check(run):
        lookups = [s for s in run.spans if s["scope"] == "otelshim.dns"]
        if len(run.sink.requests) < n or len(lookups) < n - 1:
            raise Failure(f"{len(run.sink.requests)} requests, {len(lookups)} spans of lookups")
    return check


NOW = {"OTEL_BSP_SCHEDULE_DELAY": "0", "OTEL_SHIM_PROCESS_SPAN": "never"}
AGAIN = {"sink": "hang;ok", "lost": None, "expect_drops": True, "needs": ["python3"], "log_any": ["."]}
variable("otlp_timeout_ends_an_attempt", SLOW, {**NOW, "OTEL_EXPORTER_OTLP_TIMEOUT": "200"}, attempts_are(2), **AGAIN)
variable("otlp_traces_timeout_beats_the_general_one", SLOW,
         {**NOW, "OTEL_EXPORTER_OTLP_TIMEOUT": "60000", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "200"}, attempts_are(2), **AGAIN)


def zipkin_attempts(run):
    if len(run.sink.requests) < 2 or not run.spans:
        raise Failure(f"{len(run.sink.requests)} requests, {len(run.spans)} spans")


ZIPKIN = {**NOW, "OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_ZIPKIN_ENDPOINT": "http://127.0.0.1:$SINK_PORT/api/v2/spans",
          "OTEL_EXPORTER_ZIPKIN_TIMEOUT": "200"}
variable("zipkin_timeout_ends_an_attempt", SLOW, ZIPKIN, zipkin_attempts, sink_protocol="zipkin", **AGAIN)


def gave_up(run):
    if run.reasons.get("retries_exhausted", 0) != 1 or len(run.sink.requests) != 2:
        raise Failure(f"dropped for {run.reasons}, {len(run.sink.requests)} requests")


# The wait for the second attempt would pass the batch's time.
variable("export_timeout_ends_a_batch", SLOW, {**NOW, "OTEL_BSP_EXPORT_TIMEOUT": "500", "OTEL_SHIM_SPOOL_DIR": "none"}, gave_up, sink="status:503;ok",
         expect_drops=True, log_any=["export failed after 1 attempts"], needs=["python3"])
variable("schedule_delay_sends_what_waits", SLOW, {**NOW, "OTEL_BSP_SCHEDULE_DELAY": "50"}, requests_are(2, 2),
         needs=["python3"])
variable("schedule_delay_lets_spans_wait", SLOW, {**NOW, "OTEL_BSP_SCHEDULE_DELAY": "60000"}, requests_are(1, 1),
         needs=["python3"])
# The sink takes spans at /v1/traces only.
variable("endpoint_gets_the_path_of_traces", LOOKUP, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:$SINK_PORT/"},
         requests_are(1, 1), **TREE)
variable("batch_size_bounds_a_request", MANY, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}, requests_are(10, 100, spans=10))
variable("queue_size_bounds_a_batch", MANY, {"OTEL_BSP_MAX_QUEUE_SIZE": "7"}, requests_are(15, 100, spans=7))


def too_late(run):
    if set(run.reasons) != {"spooled"} or run.spans:
        raise Failure(f"dropped for {run.reasons}, {len(run.spans)} received")


# The collector answers in time for the default, and too late for this.
variable("exit_timeout_ends_the_wait", LOOKUP, {"OTEL_SHIM_EXIT_TIMEOUT": "1"}, too_late, sink="slow:60",
         golden="none", expect_drops=True, lost=None)
variable("exit_timeout_is_long_enough_by_default", LOOKUP, {}, None, sink="slow:60", **TREE)
variable("experimental_config_file", LOOKUP, {"OTEL_EXPERIMENTAL_CONFIG_FILE": "$TMP/otel.yaml"}, None, golden="none",
         lost=None, files={"otel.yaml": "file_format: '1.0'\ndisabled: true\n"})


# ---------------------------------------------------------------- requests
def header_is(name, value):
    def check(run):
        for r in run.sink.requests:
            have = {k.lower(): v for k, v in r["headers"].items()}.get(name)
            if have != value:
                raise Failure(f"{name}: {have!r}, not {value!r}")
    return check


variable("traces_headers_replace_the_general_ones", LOOKUP,
         {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=general", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "api-key=traces"},
         header_is("api-key", "traces"), **TREE)
variable("traces_compression_beats_the_general_one", LOOKUP,
         {"OTEL_EXPORTER_OTLP_COMPRESSION": "none", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip"},
         header_is("content-encoding", "gzip"), **TREE)
variable("compression_gzip", LOOKUP, {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, header_is("content-encoding", "gzip"),
         **TREE)

variable("protocol", LOOKUP, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, header_is("content-type", "application/json"),
         sink_protocol="http/json", **TREE)
variable("traces_protocol_beats_the_general_one", LOOKUP,
         {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
         header_is("content-type", "application/json"), sink_protocol="http/json", **TREE)

GRPC = {"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:$SINK_PORT"}
variable("insecure", LOOKUP, {**GRPC, "OTEL_EXPORTER_OTLP_INSECURE": "true"}, None, sink_protocol="grpc", **TREE)
variable("traces_insecure_beats_the_general_one", LOOKUP,
         {**GRPC, "OTEL_EXPORTER_OTLP_INSECURE": "false", "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "true"}, None,
         sink_protocol="grpc", **TREE)
variable("without_insecure_it_is_tls", LOOKUP, GRPC, None, sink_protocol="grpc", golden="none", lost=None,
         expect_drops=True, log_any=["."])

# ---------------------------------------------------------------- TLS
variable("certificate", LOOKUP, {"OTEL_EXPORTER_OTLP_CERTIFICATE": "$CA"}, None, sink_tls=True, **TREE)
variable("traces_certificate_beats_the_general_one", LOOKUP,
         {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/dev/null", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "$CA"}, None,
         sink_tls=True, **TREE)
MUTUAL = {"sink_tls": "mutual", **TREE}
variable("client_certificate_and_key", LOOKUP,
         {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "$CLIENT_CERT", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "$CLIENT_KEY"}, None,
         **MUTUAL)
variable("traces_client_certificate_and_key_beat_the_general_ones", LOOKUP,
         {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/dev/null", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/dev/null",
          "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "$CLIENT_CERT",
          "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": "$CLIENT_KEY"}, None, **MUTUAL)
variable("without_client_certificate_nothing_arrives", LOOKUP, {}, None, sink_tls="mutual", golden="none", lost=None,
         expect_drops=True, log_any=["."])


# ---------------------------------------------------------------- console
def console_is_json(run):
    lines = [line for line in run.shim.err.decode().splitlines() if line.startswith("{")]
    if not any('"dns.lookup"' in line for line in lines) or run.shim.out != run.bare.out:
        raise Failure(f"stderr {run.shim.err!r}, stdout {run.shim.out!r}")


variable("console_format_json", LOOKUP, {"OTEL_TRACES_EXPORTER": "console", "OTEL_SHIM_CONSOLE_FORMAT": "json"},
         console_is_json, compare=False, lost=None)


def collected(run):
    if os.path.getsize(os.path.join(run.tmp, "collected")) < 100:
        raise Failure("nothing was collected")
    if run.shim.err:
        raise Failure(f"stderr {run.shim.err!r}")


variable("console_collect", LOOKUP, {"OTEL_TRACES_EXPORTER": "console", "OTEL_SHIM_CONSOLE_COLLECT": "$TMP/collected"},
         collected, lost=None, prepare=lambda run: open(os.path.join(run.tmp, "collected"), "w").close())


# ---------------------------------------------------------------- our log
def levels_are(*wanted):
    """A header that is not sent is a warning, a detector that finds nothing is for debugging."""
    def check(run):
        have = {level for line in run.log_lines for level in ("warn", "debug") if f": {level}: " in line}
        if have != set(wanted):
            raise Failure(f"lines of {have}, not of {set(wanted)}: {run.log_lines}")
    return check


for level, wanted in (("debug", ["warn", "debug"]), ("warn", ["warn"]), ("error", [])):
    variable(f"log_level_{level}", LOOKUP, {"OTEL_LOG_LEVEL": level, "OTEL_EXPORTER_OTLP_HEADERS": "content-type=x"},
             levels_are(*wanted), lost=None, log_any=["content-type"])

# ---------------------------------------------------------------- the program
# A loop that has two requests open when it looks a name up: whose lookup is it?
INLINE = """
import os, socket, time
listener = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    asked = []
    for path in ("/a", "/b"):
        c = socket.create_connection(listener.getsockname())
        c.sendall(f"GET {path} HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n".encode())
        asked.append(c)
        time.sleep(0.2)
    for c in asked:
        c.recv(999)
    os._exit(0)
open_ones = []
for _ in range(2):
    c, _ = listener.accept()
    c.recv(999)
    open_ones.append(c)
socket.getaddrinfo("localhost", 1)
for c in open_ones:
    c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    c.close()
os.wait()
"""


def lookup_is_of(path):
    def check(run):
        server = {s["span_id"]: s["attributes"]["url.path"] for s in run.spans if s["kind"] == "SERVER"}
        lookup = [s for s in run.spans if s["scope"] == "otelshim.dns"]
        if len(server) != 2 or len(lookup) != 1:
            raise Failure(f"{len(server)} requests, {len(lookup)} lookups")
        of = server.get(lookup[0]["parent_span_id"])
        if of != path:
            raise Failure(f"the lookup is of {of}, not of {path}")
    return check


# By itself nginx counts as such a loop, and python3 does not.
for program, value, path in (("python3", "true", "/b"), ("python3", "auto", None), ("nginx", "false", None), ("nginx", "auto", "/b")):
    variable(f"inline_dispatch_{value}_of_{program}", ["bash", "-c", f'exec -a {program} /usr/bin/python3 -c "$$0"', INLINE],
             {"OTEL_SHIM_INLINE_DISPATCH": value, "OTEL_SHIM_PROCESS_SPAN": "never"}, lookup_is_of(path), needs=["python3"])


def sqlite_is(seen):
    def check(run):
        if any(s["scope"] == "otelshim.sqlite3" for s in run.spans) != seen:
            raise Failure(f"spans of {[s['scope'] for s in run.spans]}")
    return check


# Debian's PHP opens its extensions with RTLD_DEEPBIND: they bind past us where it is kept.
PDO = ["php", "-r", "$$d = new PDO('sqlite::memory:'); $$d->exec('create table t(a)'); echo 'done';"]
for value in ("true", "false"):
    variable(f"keep_deepbind_{value}", PDO, {"OTEL_SHIM_KEEP_DEEPBIND": value}, sqlite_is(value == "false"), needs=["php"],
             stdout="done")


# ---------------------------------------------------------------- no variable without a test
def listed(run):
    """Variables, and whether this version reads them."""
    text = run.bare.out.decode()
    rows = re.findall(r"^(OTEL_\w+)\n    (.*)$", text, re.M)
    if len(rows) < 70:
        raise Failure(f"`otelshim config --list` has {len(rows)} variables")
    return {name: not effect.startswith("Not read by this version") for name, effect in rows}


def source_of(kind, name):
    """The text of a test, in which its variable must stand."""
    if kind == "e2e":
        found = [c for c in harness.CASES if c.name == name]
        return repr([vars(c) for c in found]) + repr([c.check.__code__.co_consts for c in found if c.check]) if found else None
    if kind == "unit":
        suite, _, test = name.partition(".")
        for file in sorted(os.listdir(os.path.join(ROOT, "tests/unit"))):
            with open(os.path.join(ROOT, "tests/unit", file)) as f:
                text = f.read()
            m = re.search(rf"^Test\({suite}, {test}\b.*?^}}", text, re.M | re.S)
            if m:
                return m[0]
    return None


def every_variable_has_a_test(run):
    rows, have, wrong = listed(run), set(), []
    with open(os.path.join(ROOT, "tests/variables.txt")) as f:
        lines = [line.split() for line in f if line.strip() and not line.startswith("#")]
    for name, *tests in lines:
        have.add(name)
        if not tests:
            wrong.append(f"{name}: no test")
        for test in tests:
            source = source_of(*test.split(":", 1))
            if source is None:
                wrong.append(f"{name}: there is no {test}")
            elif name not in source:
                wrong.append(f"{name}: does not stand in {test}")
    wrong += [f"{name}: stands not in tests/variables.txt" for name, is_read in rows.items() if is_read and name not in have]
    wrong += [f"{name}: there is no such variable" for name in sorted(have - set(rows))]
    if wrong:
        raise Failure("\n".join(wrong))


case("variable_each_has_a_test_of_its_effect", ["$OTELSHIM", "config", "--list"], preload=False, golden="none", lost=None,
     check=every_variable_has_a_test)
