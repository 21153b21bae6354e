"""
The scenes of `make demo`, run by its own script: what it shows on the terminal,
and the spans behind that, as a collector gets them.
"""
import re

import golden
from harness import Failure, case
from http_case import called, process, served

PAGE, NOT_FOUND = b"apple 3\npear 4\n", b"no such page\n"
PORTS = re.compile(rb"http://127\.0\.0\.1:(\d+)/old .*bash shop\.sh (\d+) (\d+)", re.S)
SOME = {"type": "int", "min": 60}


def curl(path, port, size, *events, host="127.0.0.1", status=200, children=(), **more):
    """What libcurl's span tells of one transfer."""
    scheme = "https" if host == "localhost" else "http"
    span = {"name": "GET", "kind": "CLIENT", "scope": "otelshim.curl", "attributes": {
        "http.request.method": "GET", "url.full": f"{scheme}://{host}:{port}{path}", "server.address": host,
        "server.port": port, "network.peer.address": "127.0.0.1", "network.peer.port": port,
        "network.protocol.version": "1.1", "http.response.status_code": status, "http.request.size": SOME,
        "http.response.size": SOME, "http.response.body.size": size, **more},
        "events": [f"curl.{e}" for e in events], "children": list(children)}
    span["attributes"] = {k: v for k, v in span["attributes"].items() if v is not None}
    if status >= 400:
        span["status"], span["attributes"]["error.type"] = "Error", str(status)
    return span


def sql(summary, text, rows=0, code=None, error=None):
    span = {"name": summary, "kind": "CLIENT", "scope": "otelshim.sqlite3", "attributes": {
        "db.system.name": "sqlite", "db.namespace": "shop.db", "db.query.summary": summary, "db.query.text": text,
        "db.response.returned_rows": rows, "otelshim.db.step_time": {"type": "double", "min": 0}}}
    if error:
        span["status"] = "Error"
        span["attributes"].update({"db.response.status_code": code, "error.type": error})
    return span


INSERT = sql("INSERT price", "INSERT OR REPLACE INTO price VALUES (?, ?)")
LOOKED_UP = sql("SELECT price", "SELECT ?, cents - ? FROM price WHERE what = ?", 1)
ASKED = ["connected", "request_sent", "first_byte"]
SCENES = [
    process("curl",
            # Redirected: libcurl's sizes and times are of the last request alone, on a connection that was there.
            curl("/old", "$DEMO", len(PAGE), *ASKED[1:], **{
                "http.request.resend_count": 1, "http.request.size": None, "http.response.size": None}),
            curl("/prices", "$DEMO", len(PAGE), *ASKED[1:]),
            curl("/missing", "$DEMO", len(NOT_FOUND), *ASKED[1:], status=404)),
    process("sqlite3",
            sql("CREATE TABLE price", "CREATE TABLE price(what TEXT PRIMARY KEY, cents INTEGER);"),
            sql("INSERT price", "INSERT INTO price VALUES(?, ?);"),
            sql("INSERT price", "INSERT INTO price VALUES(?, ?);", 0, "1555", "SQLITE_CONSTRAINT_PRIMARYKEY"), code=19),
    process("python3.11",
            process("curl", curl("/prices", "$DEMO", len(PAGE), *ASKED)),
            sql("CREATE TABLE price", "CREATE TABLE IF NOT EXISTS price (what TEXT PRIMARY KEY, cents INTEGER)"),
            sql("BEGIN", "BEGIN"), INSERT, INSERT, sql("COMMIT", "COMMIT"),
            sql("SELECT price", "SELECT sum(cents) FROM price", 1)),
    process("bash",
            process("curl", curl("/prices", "$DEMO", len(PAGE), *ASKED)),
            process("sort"),
            process("bash", process("sqlite3", LOOKED_UP), process("sqlite3", LOOKED_UP))),
    process("bash", process("curl", curl(
        "/price?what=pear", "$SHOP_TLS", 13, "name_resolved", "connected", "tls_established", "request_sent", "first_byte",
        host="localhost", **{"tls.protocol.version": "1.2"}, children=[
            served("GET", "/price", "$SHOP_TLS", query="what=pear", size=13, scheme="https", host="localhost", tls="1.2",
                   alpn="http/1.1", agent={"regex": "curl/.*"}, children=[
                       called("GET", "http://127.0.0.1:$SHOP/price?what=pear", "", size=13, version="1.0",
                              more={"server.port": "$SHOP", "network.peer.port": "$SHOP"}, children=[
                                  served("GET", "/price", "$SHOP", query="what=pear", size=13, version="1.0",
                                         agent={"regex": "curl/.*"}, children=[
                                             sql("SELECT price", "SELECT cents FROM price WHERE what = ?", 1)])])])]))),
]
OUTPUT = (PAGE * 2 + NOT_FOUND + b"sum: 16\napple|0\npear|0\npear costs 4\n").decode()
SPANS_SHOWN = [4, 4, 9, 9, 7]


def shown_and_sent(run):
    """The terminal has one tree a scene, and the collector has the same spans."""
    for outcome in (run.bare, run.shim):
        trees = re.findall(rb"(?m)^trace [0-9a-f]{32} .* (\d+) spans ", outcome.err)
        if [int(n) for n in trees] != SPANS_SHOWN:
            raise Failure(f"traces of {trees} spans on the terminal, expected {SPANS_SHOWN}")
        if outcome.out.decode() != OUTPUT:
            raise Failure(f"the programs said {outcome.out.decode()!r}")
    if not run.made == len(run.spans) == run.delivered == run.accounts["console"]["delivered"]:
        raise Failure(f"made {run.made}, delivered {run.delivered}, {run.accounts}, received {len(run.spans)}")
    ports = PORTS.search(run.shim.err)
    if not ports:
        raise Failure("the demo does not show its commands")
    names = dict(zip(("DEMO", "SHOP", "SHOP_TLS"), map(int, ports.groups())))
    expected = golden.expected(SCENES, {**run.variables(), **names}, "demo")
    problems = golden.compare(expected, run.roots, True)
    if problems:
        raise Failure("\n".join(problems))


# Its two runs differ in the collector alone: the demo preloads by itself.
case("demo_scenes", ["bash", "$ROOT/scripts/demo.sh"], preload=False, injects=False, golden=None, compare=False, lost=None,
     early_children=True, run_ids=99, env={"BUILD": "$BUILD"}, shim_env={"DEMO_OPTIONS": "--exporter otlp"}, check=shown_and_sent,
     needs=["nginx", "sqlite3", "openssl", "curl"])
