"""
OTEL_PROPAGATORS: each format in, through libcurl, sockets, a proxy, an application and the
environment of children, and out again; several at once; malformed ones.
"""
import json
import os
import re

from harness import ROOT, Failure, case
from http_case import PARENT_ID, THREADS, asked, called, get, nginx, process, program, serve, served

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

# What a caller sends: headers in their forms, and how they arrive.
FORMATS = {
    "tracecontext": {"traceparent": "00-{trace}-{span}-01"},
    "b3": {"b3": "{trace}-{span}-1"},
    "b3multi": {"x-b3-traceid": "{trace}", "x-b3-spanid": "{span}", "x-b3-sampled": "1"},
    "jaeger": {"uber-trace-id": "{trace}:{span}:0:1"},
    "xray": {"x-amzn-trace-id": "Root=1-{trace1}-{trace2};Parent={span};Sampled=1"},
}
ALL = ",".join(FORMATS)
NO_CURL = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl"}


def headers_of(name, trace=TRACE, span=PARENT_ID):
    ids = {"trace": trace, "span": span, "trace1": trace[:8], "trace2": trace[8:]}
    return {k: v.format(**ids) for n in name.split(",") for k, v in FORMATS[n].items()}


def lines_of(name):
    return "".join(f"{k}: {v}\r\n" for k, v in headers_of(name).items())


def variables_of(name):
    return {k.upper().replace("-", "_"): v for k, v in headers_of(name).items()}


def arrives(names):
    """The web server got the CLIENT spans' contexts in these formats, and no other."""
    known = {k for n in FORMATS for k in FORMATS[n]}

    def check(run):
        clients = [s for s in run.spans if s["kind"] == "CLIENT"]
        if len(clients) != len(run.web.requests):
            raise Failure(f"{len(clients)} spans of {len(run.web.requests)} requests")
        expected = [headers_of(names, s["trace_id"], s["span_id"]) if names else {} for s in clients]
        for request in run.web.requests:
            got = {k.lower(): v for k, v in request["headers"] if k.lower() in known}
            if "traceparent" in got:  # the random flag is ours to send
                got["traceparent"] = re.sub("-0[13]$", "-01", got["traceparent"])
            if got not in expected:
                raise Failure(f"the server got {got}, not one of {expected}")
    return check


def curls(name, propagators, names=None, argv=("curl", "-sS", "$WEB/hello"), golden="curl_hello", more=None, **options):
    case(f"propagators_{name}", list(argv), stdout="hello", injects=False, golden=golden,
         shim_env={"OTEL_PROPAGATORS": propagators, **(more or {})},
         check=arrives(propagators if names is None else names), **options)


def continued():
    with open(os.path.join(ROOT, "tests/golden/curl_hello.json")) as f:
        root = json.load(f)[0]
    return [{**root, "remote_parent": PARENT_ID}]


for one in FORMATS:
    curls(f"{one}_of_libcurl", one)
    curls(f"{one}_of_a_socket", one, golden=[process("curl", asked("GET", "/hello", size=6))], more=NO_CURL)
    curls(f"{one}_goes_on", one, golden=continued(), more=variables_of(one))
curls("all_of_libcurl", ALL)
curls("all_of_a_socket", ALL, golden=[process("curl", asked("GET", "/hello", size=6))], more=NO_CURL)
curls("none", "b3,none", names="")
curls("malformed_begin_a_trace", "b3,xray,jaeger",
      more={"B3": f"{TRACE}-{PARENT_ID}-7", "X_AMZN_TRACE_ID": f"Root=1-{TRACE};Parent={PARENT_ID}", "UBER_TRACE_ID": ":::"})
curls("others_are_not_read", "b3", more=variables_of("tracecontext,jaeger"))
# The last one that the list names and that is there counts.
curls("the_last_one_counts", "jaeger,b3", golden=continued(),
      more={**variables_of("b3"), "UBER_TRACE_ID": f"{'1' * 32}:{'2' * 16}:0:1"})
# Its own header stays, and is the parent.
OWN = f"b3: {TRACE}-{PARENT_ID}-1"


def own_stays(run):
    got = dict(run.web.requests[0]["headers"])
    if got.get("b3") != OWN[4:] or "uber-trace-id" in got:
        raise Failure(f"the server got {got}")


case("propagators_own_header_of_libcurl", ["curl", "-sS", "-H", OWN, "$WEB/hello"], stdout="hello", injects=False,
     golden=None, sdk_parents=[PARENT_ID], shim_env={"OTEL_PROPAGATORS": "jaeger,b3"}, check=own_stays)

# Children: the shell's and curl's spans are one trace only if the variable arrived.
for one in ("b3", "b3multi", "jaeger", "xray"):
    child = {k: v for k, v in continued()[0].items() if k != "remote_parent"}
    curls(f"{one}_in_the_environment", one, argv=["sh", "-c", "curl -sS $WEB/hello; exit 0"],
          golden=[{**process("dash", child), "remote_parent": PARENT_ID}], more=variables_of(one))

# A proxy that hands the caller's headers on, an application, its upstream.
PROXY = """
upstream app { server 127.0.0.1:$PORT2; keepalive 4; }
server { listen 127.0.0.1:$PORT1;
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
                 proxy_set_header Host $$http_host; } }
"""
conf, files = nginx(PROXY)


def chain(query, parent=None):
    inner = called("GET", f"/leaf?{query}", 3, size=5, children=[served("GET", "/leaf", 3, query=query, size=5)])
    behind = served("GET", "/chain", 1, query=query, size=5, children=[inner])
    return served("GET", "/chain", 1, query=query, size=5, parent=parent, children=[
        called("GET", f"http://127.0.0.1:$PORT1/chain?{query}", 2, size=5, more={"server.port": "$PORT1"}, children=[behind])])


for names in [*FORMATS, ALL, "b3multi,tracecontext"]:
    serve(f"propagators_{'all' if names == ALL else names.replace(',', '_')}_through_a_proxy",
          [program("app", THREADS, "$PORT2", "$PORT3"), program("leaf", THREADS, "$PORT3"), conf],
          [get(1, "/chain?id=7"), get(1, "/chain?id=8", lines_of(names)), get(1, "/chain?id=9", lines_of(names.split(",")[0]))],
          [chain("id=7"), chain("id=8", PARENT_ID), chain("id=9", PARENT_ID)], site=files,
          shim_env={"OTEL_PROPAGATORS": names})
