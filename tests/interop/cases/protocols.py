"""
The Collector receives what the shim made, whole, by every protocol: the tree is the one written here
by hand.
"""
import os
from collections import namedtuple

import golden
import tools
from tools import HERE, Broken, free_ports
from traced import Traced, wait_for

Case = namedtuple("Case", "name body")
ENDINGS = {"http/protobuf": "BACKEND_1_HTTP", "http/json": "BACKEND_1_HTTP", "grpc": "BACKEND_1_GRPC"}
SCRIPT = ("curl -sS {url}/hello >out && curl -sS {url}/missing >>out && "
          "sqlite3 data.db \"create table t(a); insert into t values('secret'); select * from t where a='secret'\" >>out")


class Backend:
    """The Collector that keeps what it gets in files."""

    def __init__(self, directory):
        self.ports = dict(zip(("BACKEND_1_GRPC", "BACKEND_1_HTTP", "BACKEND_2_GRPC"), free_ports(3)))
        self.server = tools.run_collector(tools.collector(), "backend", os.path.join(HERE, "backend.yaml"), directory,
                                          self.ports, {"OUT": directory})
        self.traces = os.path.join(directory, "traces_1.jsonl")

    def close(self):
        self.server.close()


RUN = {"otelshim.run_id": "interop"}  # on every span


def process(name, children, code=0):
    return {"name": name, "kind": "INTERNAL", "scope": "otelshim.process", "children": children,
            "attributes": {**RUN, "process.executable.name": name, "process.pid": "$PID", "process.parent_pid": "$PPID",
                           "process.exit.code": code}}


SIZE = {"type": "int", "min": 1}


def request(path, status, body):
    """curl's request and, below it, nginx's answer to it."""
    error = {"error.type": str(status)} if status >= 400 else {}
    common = {**RUN, "http.request.method": "GET", "http.response.status_code": status, "network.protocol.version": "1.1",
              "server.address": "127.0.0.1", "server.port": "$PORT", "http.response.body.size": body,
              "network.peer.address": "127.0.0.1"}
    server = {"name": "GET", "kind": "SERVER", "scope": "otelshim.http",
              "attributes": {**common, "url.path": path, "url.scheme": "http", "client.address": "127.0.0.1",
                             "network.peer.port": SIZE, "user_agent.original": {"regex": "curl/.*"}}}
    client = {"name": "GET", "kind": "CLIENT", "scope": "otelshim.curl", "children": [server],
              "attributes": {**common, **error, "url.full": f"http://127.0.0.1:$PORT{path}", "network.peer.port": "$PORT",
                             "http.request.size": SIZE, "http.response.size": SIZE},
              "events": ["curl.connected", "curl.request_sent", "curl.first_byte"]}
    if error:
        client["status"] = "Error"
    return process("curl", [client])


def statement(text, summary, rows=None):
    attributes = {**RUN, "db.system.name": "sqlite", "db.namespace": "data.db", "db.query.text": text, "db.query.summary": summary,
                  "otelshim.db.step_time": {"type": "double", "min": 0}, "db.response.returned_rows": rows or 0}
    return {"name": summary, "kind": "CLIENT", "scope": "otelshim.sqlite3", "attributes": attributes}


def tree():
    return [process("bash", [request("/hello", 200, 6), request("/missing", 404, 8),
                           process("sqlite3", [statement("create table t(a);", "create table t"),
                                               statement("insert into t values(?);", "insert t"),
                                               statement("select * from t where a=?", "select t", 1)])])]


def scene(directory, protocol, exporters="otlp", backend=None, **more):
    """Programs that speak `protocol` to a backend. The spans that it has, and the shim's own log."""
    endpoint = f"http://127.0.0.1:{backend.ports[ENDINGS[protocol]]}"
    traced = Traced(directory, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
                    OTEL_TRACES_EXPORTER=exporters, OTEL_SHIM_RUN_ID="interop", **more)
    nginx = traced.nginx()
    try:
        traced.run("bash", "-c", SCRIPT.format(url=nginx.url))
    finally:
        nginx.close()
    made, delivered = traced.account()
    ways = len(exporters.split(","))
    if not made == delivered > 0:
        raise Broken(f"the shim made {made} spans and delivered {delivered} in each of {ways} ways")
    spans = wait_for(backend.traces, made)
    if len(spans) != made:
        raise Broken(f"the shim delivered {made} spans, the Collector has {len(spans)}")
    return spans, nginx.port


def check_tree(spans, port):
    problems = list(golden.check_spans(spans, ["secret"]))
    variables = {"PORT": port}
    problems += golden.compare(golden.expected(tree(), variables, "the expected tree"), golden.build_forest(spans), False)
    if problems:
        raise Broken("\n".join(problems))


def received_by(protocol):
    def body(directory):
        backend = Backend(directory)
        try:
            check_tree(*scene(directory, protocol, backend=backend))
        finally:
            backend.close()
        complaints = [l for l in backend.server.read_log().splitlines() if "\terror\t" in l or "\twarn\t" in l]
        if complaints:
            raise Broken("the Collector says: " + "\n".join(complaints[:5]))
    return body


CASES = [Case("collector_receives_" + p.replace("/", "_"), received_by(p)) for p in ENDINGS]
