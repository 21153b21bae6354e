"""The public API (shim/otelshim.h): the same program with and without the shim, and what it is for."""
from harness import Failure, case
from http_case import PARENT, PARENT_ID, get, process, program, serve, served

LOOKUP = {"name": "dns.lookup", "kind": "CLIENT", "scope": "otelshim.dns",
          "attributes": {"dns.question.name": "localhost", "dns.answers": ["127.0.0.1"]}}
DONE = {"job.kind": "attached", "job.found": True}
# docs/examples/api/handoff.c: what a worker does for a request is the request's, if it attaches the context.
serve("api_hand_off", [program("handoff", ["$PROGRAMS/handoff"], "$PORT1")],
      [get(1, "/attached"), get(1, "/plain"), get(1, "/attached", f"traceparent: {PARENT}\r\n")],
      [served("GET", "/attached", 1, size=6, children=[LOOKUP], more=DONE),
       served("GET", "/plain", 1, size=6, more={"job.kind": "plain"}), LOOKUP,
       served("GET", "/attached", 1, size=6, parent=PARENT_ID, children=[LOOKUP], more=DONE)], parallel=True)

TRACE = PARENT.split("-")[1]


def told(run):
    """The process's own context, which came in: the same trace, another span."""
    span, = (s for s in run.spans if s["scope"] == "otelshim.process")
    if run.shim.err.decode().split() != [f"00-{span['trace_id']}-{span['span_id']}-01"] or span["trace_id"] != TRACE:
        raise Failure(f"it says {run.shim.err!r} of {span}")


def process_span(name):
    return {"name": name, "kind": "INTERNAL", "scope": "otelshim.process", "remote_parent": PARENT_ID, "attributes": {
        "process.executable.name": name, "process.pid": "$PID", "process.parent_pid": "$PPID", "process.exit.code": 0}}


def of_cxx():
    """What it says of the process, and a span of its own."""
    out = process_span("api_cxx")
    out["attributes"]["language"], out["attributes"]["process.exit.code"] = "C++", 0
    out["children"] = [{"name": "step", "kind": "CONSUMER", "scope": "otelshim.manual", "status": "Ok", "links": 1,
                        "events": ["thrown"], "attributes": {"text": "value", "big": -(1 << 63), "share": 0.25, "last": False}}]
    return [out]


case("api_of_cxx", ["$PROGRAMS/api_cxx"], stdout="whole\nalike\nboth", shim_env={"TRACEPARENT": PARENT}, check=told,
     filter=lambda raw: raw if raw.startswith(b"whole") else b"", golden=of_cxx())
case("api_off", ["$PROGRAMS/api_cxx"], stdout="whole\nalike\nboth", golden="none",
     shim_env={"TRACEPARENT": PARENT, "OTEL_SDK_DISABLED": "true"})


# ---------------------------------------------------------------- spans of the program's own
def manual(name, attributes=None, *children, kind="INTERNAL", **fields):
    return {"name": name, "kind": kind, "scope": "otelshim.manual", "attributes": attributes or {},
            "children": list(children), **fields}


def alone(name, *children, more=None):
    """The program's own life around them."""
    out = process(name, *children)
    out["attributes"].update(more or {})
    return out


BAKERY = [manual("bake", {"loaf.number": 1, "loaf.weight": 0.75}),
          manual("bake", {"loaf.number": 2, "loaf.weight": 1.0, "error.type": "burnt"}, events=["smelled"], status="Error",
                 status_message="it burnt"),
          manual("bake", {"loaf.number": 3, "loaf.weight": 1.25}),
          manual("deliver", {"delivery.loaves": 3}, kind="PRODUCER")]


def smelled(run):
    event, = (e for s in run.spans for e in s["events"])
    if event["attributes"] != {"colour": "black", "smoke": True}:
        raise Failure(f"the event has {event['attributes']}")


# docs/examples/api/spans.c, by every format.
SPANS = ["$PROGRAMS/spans", "3"]
DAY = [alone("spans", manual("day", {}, *BAKERY, status="Ok"), more={"bakery.name": "Zum alten Ofen"})]
case("api_spans", SPANS, stdout="delivered 3", golden=DAY, check=smelled)
case("api_spans_as_json", SPANS, golden=DAY, check=smelled, sink_protocol="http/json")
case("api_spans_by_grpc", SPANS, golden=DAY, check=smelled, sink_protocol="grpc")
# Without the process's span they are traces of their own.
case("api_spans_alone", SPANS, golden=DAY[0]["children"], shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"})
case("api_spans_unsampled", SPANS, golden="none", shim_env={"OTEL_TRACES_SAMPLER": "always_off"})
case("api_spans_off", SPANS, golden="none", shim_env={"OTEL_SDK_DISABLED": "true"})
case("api_spans_disabled", SPANS, golden="none", shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "manual"})
case("api_spans_by_rule", SPANS, shim_env={"OTEL_SHIM_SAMPLING_RULES": "name=bake drop; name=day,kind=internal keep"},
     golden=[alone("spans", manual("day", {}, BAKERY[3], status="Ok"), more={"bakery.name": "Zum alten Ofen"})])
case("api_spans_dropped_by_rule", SPANS, golden=[alone("spans", more={"bakery.name": "Zum alten Ofen"})],
     shim_env={"OTEL_SHIM_SAMPLING_RULES": "instrumentation=manual drop"})

# ---------------------------------------------------------------- around libraries, and of their spans
API = "$PROGRAMS/api_spans"
TRANSFER = {"name": "GET", "kind": "CLIENT", "scope": "otelshim.curl",
            "events": ["curl.connected", "curl.request_sent", "curl.first_byte", "parsed"],
            "attributes": {"http.request.method": "OURS", "app.part": "body", "url.full": "http://127.0.0.1:$WEB_PORT/hello",
                           "server.address": "127.0.0.1", "server.port": "$WEB_PORT", "http.response.status_code": 200,
                           "network.protocol.version": "1.1", "network.peer.address": "127.0.0.1",
                           "network.peer.port": "$WEB_PORT", "http.response.body.size": 6,
                           "http.response.size": {"type": "int", "min": 50}, "http.request.size": {"type": "int", "min": 100}},
            "children": [manual("parse", {"bytes": 6})]}
STATEMENT = {"name": "CREATE TABLE t", "kind": "CLIENT", "scope": "otelshim.sqlite3",
             "attributes": {"db.system.name": "sqlite", "db.namespace": ":memory:", "db.query.text": "CREATE TABLE t(x)",
                            "db.query.summary": "CREATE TABLE t"}}
case("api_spans_around_libraries", [API, "libraries", "$WEB/hello"], stdout="curl 0\nsqlite 0",
     golden=[alone("api_spans", manual("all", {}, manual("fetch", {}, TRANSFER), manual("store", {}, STATEMENT)))])


# ---------------------------------------------------------------- misuse, bounds, ends
HANDLER = manual("handler")
case("api_spans_misused", [API, "misuse"], stdout="child 0\nvforked 0\nmisused",
     golden=[alone("api_spans", manual("outer", {"handled": 3}, process("api_spans", manual("child")), HANDLER, HANDLER, HANDLER))])
case("api_spans_at_exit", [API, "exit"], stdout="bye",
     golden=[alone("api_spans", manual("outer", {"last": False}, manual("inner", {"last": True})))])


def counted(attributes, dropped, events, of_event):
    def check(run):
        span, = (s for s in run.spans if s["name"] == "limits")
        got = ({k: v for k, v in span["attributes"].items() if k != "otelshim.run_id"}, span["dropped_attributes"],
               span["dropped_events"], [e["attributes"] for e in span["events"]])
        if got != (attributes, dropped, events, of_event):
            raise Failure(f"attributes, dropped and events {got}")
    return check


def limited(attributes, events):
    return [alone("api_spans", manual("limits", attributes, events=[f"key.{i}" for i in range(events)]))]


WHOLE = "\u00e4" * 512
ALL = {"a": "b\u00e4cd", "key.0": 0, "key.1": 1, "key.2": 2}
case("api_spans_without_limits", [API, "limits"], golden=limited(ALL, 3), check=counted(ALL, 0, 0, [{"a": WHOLE, f"key.{i}": i} for i in range(3)]))
case("api_spans_attribute_limit", [API, "limits"], golden=None, shim_env={"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "2"},
     check=counted({"a": "b\u00e4cd", "key.0": 0}, 2, 0, [{"a": WHOLE, f"key.{i}": i} for i in range(3)]))
case("api_spans_value_limit", [API, "limits"], golden=None,
     shim_env={"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "2"},
     check=counted({**ALL, "a": "b\u00e4"}, 0, 0, [{"a": "\u00e4\u00e4", f"key.{i}": i} for i in range(3)]))
case("api_spans_event_limits", [API, "limits"], golden=limited(ALL, 2),
     shim_env={"OTEL_SPAN_EVENT_COUNT_LIMIT": "2", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "1"},
     check=counted(ALL, 0, 1, [{"a": WHOLE}] * 2))
