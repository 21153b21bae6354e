"""The public API (shim/otelshim.h): the same program with and without the shim, and what it is for."""
from harness import Failure, case
from http_case import PARENT, PARENT_ID, get, program, serve, served

LOOKUP = {"name": "dns.lookup", "kind": "CLIENT", "scope": "otelshim.dns",
          "attributes": {"dns.question.name": "localhost", "dns.answers": ["127.0.0.1"]}}
# docs/examples/api/handoff.c: what a worker does for a request is the request's, if it attaches the context.
serve("api_hand_off", [program("handoff", ["$PROGRAMS/handoff"], "$PORT1")],
      [get(1, "/attached"), get(1, "/plain"), get(1, "/attached", f"traceparent: {PARENT}\r\n")],
      [served("GET", "/attached", 1, size=6, children=[LOOKUP]), served("GET", "/plain", 1, size=6), LOOKUP,
       served("GET", "/attached", 1, size=6, parent=PARENT_ID, children=[LOOKUP])], parallel=True)

TRACE = PARENT.split("-")[1]


def told(run):
    """The process's own context, which came in: the same trace, another span."""
    span, = run.spans
    if run.shim.err.decode().split() != [f"00-{span['trace_id']}-{span['span_id']}-01"] or span["trace_id"] != TRACE:
        raise Failure(f"it says {run.shim.err!r} of {span}")


def process_span(name):
    return {"name": name, "kind": "INTERNAL", "scope": "otelshim.process", "remote_parent": PARENT_ID, "attributes": {
        "process.executable.name": name, "process.pid": "$PID", "process.parent_pid": "$PPID", "process.exit.code": 0}}


case("api_of_cxx", ["$PROGRAMS/api_cxx"], stdout="whole\nalike", shim_env={"TRACEPARENT": PARENT}, check=told,
     filter=lambda raw: raw if raw.startswith(b"whole") else b"", golden=[process_span("api_cxx")])
case("api_off", ["$PROGRAMS/api_cxx"], stdout="whole\nalike", golden="none",
     shim_env={"TRACEPARENT": PARENT, "OTEL_SDK_DISABLED": "true"})
