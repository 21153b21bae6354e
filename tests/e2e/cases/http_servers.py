"""
Servers that nobody can recompile: what they answer, log and end with is the
same under the shim, and each request they answered is a SERVER span.

Expectations are written from docs: semantic conventions for HTTP, and the
shapes that the project chose (scope otelshim.http, body sizes as on the wire).
"""
from http_case import (ASYNCIO, NODE, PARENT, PARENT_ID, THREADS, apache, ask, called, get, haproxy, lighttpd,
                       nginx, program, serve, served, server)

LISTEN = "server { listen 127.0.0.1:$PORT1; %s }"
STATIC_QUESTIONS = [
    get(1, "/hello"), get(1, "/hello", "User-Agent: driver\r\n", method="HEAD"), get(1, "/missing?a=1&b=2"),
    get(1, "/hello", f"traceparent: {PARENT}\r\n"), get(1, "/hello", "Range: bytes=1-3\r\n")]


def static_spans(missing):
    """Of STATIC_QUESTIONS; missing: bytes of the server's page for 404."""
    return [served("GET", "/hello", 1, size=6), served("HEAD", "/hello", 1, size=0, agent="driver"),
            served("GET", "/missing", 1, status=404, size=missing, query="a=1&b=2"),
            served("GET", "/hello", 1, size=6, parent=PARENT_ID),
            served("GET", "/hello", 1, status=206, size=3)]


def static(name, pair, missing, **options):
    one, files = pair
    serve(name, [one], STATIC_QUESTIONS, static_spans(missing), site=files, **options)


# ---------------------------------------------------------------- nginx
static("nginx_static", nginx(LISTEN % ""), 153, needs=["nginx"])
static("nginx_static_four_workers", nginx(LISTEN % "", top="worker_processes 4;"), 153)
static("nginx_static_sendfile_threads", nginx(LISTEN % "sendfile on; tcp_nopush on; aio threads;"), 153)
static("nginx_one_process", nginx(LISTEN % "", top="master_process off;"), 153)

RETURNS = "location = /r { return 200 'returned\\n'; } location = /gone { return 410; } location = /moved { return 301 /hello; }"
one, files = nginx(LISTEN % RETURNS)
serve("nginx_keepalive_and_pipelining", [one], [
    ask(1, "GET /r?1 HTTP/1.1\r\nHost: a.example:81\r\n\r\nGET /gone HTTP/1.1\r\nHost: a.example\r\n\r\n"
           "GET /moved HTTP/1.1\r\nHost: a.example\r\nUser-Agent: u\r\nConnection: close\r\n\r\n", "pipelined"),
    ask(1, "GET /r?2 HTTP/1.1\r\nHost: b\r\n\r\nGET /r?3 HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
        "in pieces", pieces=1)],
    [served("GET", "/r", 81, size=9, query="1", host="a.example", more={"server.port": 81}),
     served("GET", "/gone", 80, status=410, size=143, host="a.example", more={"server.port": 80}),
     served("GET", "/moved", 80, status=301, size=169, host="a.example", agent="u", more={"server.port": 80}),
     served("GET", "/r", 80, size=9, query="2", host="b", more={"server.port": 80}),
     served("GET", "/r", 80, size=9, query="3", host="b", more={"server.port": 80})], site=files)

serve("nginx_methods_and_versions", [one], [
    get(1, "/r", version="1.0"), get(1, "/r", method="PUT", body="abc"), get(1, "/r", method="OPTIONS"),
    ask(1, "GET http://127.0.0.1:$PORT1/r?x HTTP/1.1\r\nHost: 127.0.0.1:$PORT1\r\nConnection: close\r\n\r\n", "absolute"),
    ask(1, "GET /r HTTP/1.0\n\n", "bare line feeds")],
    [served("GET", "/r", 1, size=9, version="1.0"), served("PUT", "/r", 1, size=9, body=3),
     served("OPTIONS", "/r", 1, size=9), served("GET", "/r", 1, size=9, query="x"),
     served("GET", "/r", 1, size=9, version="1.0", more={"server.address": None, "server.port": None})], site=files)

# Slow requests: the span covers the first byte read to the last byte written.
one, files = nginx(LISTEN % "location / { proxy_pass http://127.0.0.1:$PORT2; proxy_buffering off; }")


def long_enough(milliseconds):
    from harness import Failure

    def check(run):
        for span in run.spans:
            took = (span["end"] - span["start"]) / 1e6
            if not milliseconds <= took < milliseconds + 5000:
                raise Failure(f"{span['name']} {span['kind']} took {took:.1f} ms, at least {milliseconds} expected")
    return check


serve("nginx_slow_requests_take_their_time", [program("app", THREADS, "$PORT2"), one], [get(1, "/slow/300")],
      [served("GET", "/slow/300", 1, size=5, children=[
          called("GET", "/slow/300", 2, version="1.0", size=5, children=[
              served("GET", "/slow/300", 2, version="1.0", size=5)])])],
      site=files, check=long_enough(295))

# ---------------------------------------------------------------- nginx as a proxy
PROXY = """
upstream app { server 127.0.0.1:$PORT2; keepalive 4; }
server { listen 127.0.0.1:$PORT1;
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
                 proxy_set_header Host $$http_host; } }
"""
one, files = nginx(PROXY)


def proxied(path, through=(), parent=None, method="GET", **fields):
    """A request at $PORT1, forwarded with its Host to $PORT2."""
    inner = dict(fields)
    return served(method, path, 1, parent=parent, **fields, children=[
        called(method, "http://127.0.0.1:$PORT1" + path + ("?" + fields["query"] if fields.get("query") else ""), 2,
               more={"server.port": "$PORT1"}, **{k: v for k, v in fields.items() if k in ("size", "status", "body")},
               children=[served(method, path, 1, **inner, children=through)])])


serve("nginx_proxy_with_keepalive_upstream", [program("app", THREADS, "$PORT2", "$PORT3"),
                                              program("leaf", THREADS, "$PORT3"), one],
      [get(1, "/hello"), get(1, "/echo", method="POST", body="some body"),
       get(1, "/chain?id=7"), get(1, "/chain?id=8", f"traceparent: {PARENT}\r\n"),
       get(1, "/status/503"), get(1, "/status/404")],
      [proxied("/hello", size=6), proxied("/echo", method="POST", size=9, body=9),
       proxied("/chain", query="id=7", size=5, through=[
           called("GET", "/leaf?id=7", 3, size=5, children=[served("GET", "/leaf", 3, query="id=7", size=5)])]),
       proxied("/chain", query="id=8", size=5, parent=PARENT_ID, through=[
           called("GET", "/leaf?id=8", 3, size=5, children=[served("GET", "/leaf", 3, query="id=8", size=5)])]),
       proxied("/status/503", status=503, size=7), proxied("/status/404", status=404, size=7)], site=files)

serve("nginx_proxy_cannot_reach_its_upstream", [one], [get(1, "/hello")],
      [served("GET", "/hello", 1, status=502, size=157)], site=files)

# ---------------------------------------------------------------- nginx reloaded
one, files = nginx(LISTEN % RETURNS, top="worker_processes 2;")
serve("nginx_reload", [one], [get(1, "/r?before"), {"what": "reload", "signal": "HUP", "server": "nginx"},
                              get(1, "/r?after"), {"what": "reload", "signal": "HUP", "server": "nginx"},
                              get(1, "/r?twice")],
      [served("GET", "/r", 1, size=9, query=q) for q in ("before", "after", "twice")], site=files)

# ---------------------------------------------------------------- apache2
for mpm in ("prefork", "worker", "event"):
    static(f"apache_{mpm}", apache("Listen 127.0.0.1:$PORT1", mpm), 236, needs=["apache2"])
one, files = apache("Listen 127.0.0.1:$PORT1", "event")
serve("apache_graceful", [one], [get(1, "/hello?before"), {"what": "graceful", "signal": "USR1", "server": "apache2"},
                                 get(1, "/hello?after")],
      [served("GET", "/hello", 1, size=6, query=q) for q in ("before", "after")], site=files)
one, files = apache("Listen 127.0.0.1:$PORT1\nProxyPass / http://127.0.0.1:$PORT2/\nProxyPreserveHost On", "event",
                    ["proxy", "proxy_http"])
serve("apache_proxy", [program("app", THREADS, "$PORT2"), one],
      [get(1, "/hello"), get(1, "/echo", method="POST", body="some body"),
       get(1, "/hello", f"traceparent: {PARENT}\r\n")],
      [proxied("/hello", size=6), proxied("/echo", method="POST", size=9, body=9),
       proxied("/hello", size=6, parent=PARENT_ID)], site=files)
# ---------------------------------------------------------------- lighttpd, haproxy
static("lighttpd_static", lighttpd(), 341, needs=["lighttpd"])
one, files = lighttpd('proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => $PORT2 ) ) )', '"mod_proxy"')
serve("lighttpd_proxy", [program("app", THREADS, "$PORT2"), one],
      [get(1, "/hello"), get(1, "/hello", f"traceparent: {PARENT}\r\n")],
      [proxied("/hello", size=6), proxied("/hello", size=6, parent=PARENT_ID)], site=files)
FRONT = "frontend f\n    bind 127.0.0.1:$PORT1%s\n    default_backend b\nbackend b\n    server s 127.0.0.1:$PORT2\n"
for threads in (1, 2):
    one, files = haproxy(FRONT % "", threads)
    serve(f"haproxy_{threads}_threads", [program("app", THREADS, "$PORT2"), one],
          [get(1, "/hello"), get(1, "/echo", method="POST", body="some body"), get(1, "/status/503"),
           get(1, "/hello", f"traceparent: {PARENT}\r\n")],
          [proxied("/hello", size=6), proxied("/echo", method="POST", size=9, body=9),
           proxied("/status/503", status=503, size=7), proxied("/hello", size=6, parent=PARENT_ID)],
          site=files, needs=["haproxy"])
one, files = haproxy("frontend f\n    bind 127.0.0.1:$PORT1\n"
                     "    http-request return status 200 content-type text/plain string proxied\n",
                     ports=["$PORT1"])
serve("haproxy_answers_itself", [one], [get(1, "/x")], [served("GET", "/x", 1, size=7)], site=files)

# ---------------------------------------------------------------- Python
MODULE = server("module", ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "-d", "root", "$PORT1"],
                ["$PORT1"], stop="INT", hide=[[r"\[\d\d/\w+/\d{4} \d\d:\d\d:\d\d\]", "[date]"]])
serve("python_http_server", [MODULE], [get(1, "/hello"), get(1, "/"), get(1, "/missing", method="HEAD")],
      [served("GET", "/hello", 1, size=6, version="1.1"),
       served("GET", "/", 1, size=13, version="1.1"),
       served("HEAD", "/missing", 1, status=404, size=0, version="1.1")],
      shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"})

serve("python_threads", [program("app", THREADS, "$PORT1")],
      [get(1, "/hello"), get(1, "/chunks/3"), get(1, "/sql"), get(1, "/lookup"), get(1, "/run"),
       get(1, "/hello", method="BREW"), get(1, "/status/204"),
       ask(1, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
              "Connection: close\r\n\r\nabc", "expects to be told to continue")],
      [served("GET", "/hello", 1, size=6), served("GET", "/chunks/3", 1, size=15),
       served("GET", "/sql", 1, size=2, children=[
           {"name": "CREATE TABLE t", "kind": "CLIENT", "scope": "otelshim.sqlite3", "attributes": {
               "db.system.name": "sqlite", "db.namespace": ":memory:", "db.query.summary": "CREATE TABLE t",
               "db.query.text": "CREATE TABLE t(a)", "db.response.returned_rows": 0,
               "otelshim.db.step_time": {"type": "double"}}},
           {"name": "SELECT t", "kind": "CLIENT", "scope": "otelshim.sqlite3", "attributes": {
               "db.system.name": "sqlite", "db.namespace": ":memory:", "db.query.summary": "SELECT t",
               "db.query.text": "SELECT count(*) FROM t", "db.response.returned_rows": 1,
               "otelshim.db.step_time": {"type": "double"}}}]),
       served("GET", "/lookup", 1, size=9, children=[
           {"name": "dns.lookup", "kind": "CLIENT", "scope": "otelshim.dns", "attributes": {
               "dns.question.name": "localhost", "dns.answers": ["127.0.0.1"]}}]),
       served("GET", "/run", 1, size=4, children=[
           {"name": "echo", "kind": "INTERNAL", "scope": "otelshim.process", "attributes": {
               "process.executable.name": "echo", "process.pid": "$PID", "process.parent_pid": "$PPID",
               "process.exit.code": 0}}]),
       served("_OTHER", "/hello", 1, size=6, original="BREW"), served("GET", "/status/204", 1, status=204, size=0),
       served("POST", "/echo", 80, size=3, body=3, host="x", more={"server.port": 80})])

serve("python_asyncio", [program("app", ASYNCIO, "$PORT1", "$PORT2"), program("leaf", THREADS, "$PORT2")],
      [get(1, "/hello"), get(1, "/chain?id=1"), get(1, "/executor?id=2")],
      [served("GET", "/hello", 1, size=6),
       served("GET", "/chain", 1, query="id=1", size=5, children=[
           called("GET", "/leaf?id=1", 2, size=5, children=[served("GET", "/leaf", 2, query="id=1", size=5)])]),
       served("GET", "/executor", 1, query="id=2", size=5, children=[
           called("GET", "/leaf?id=2", 2, size=5, children=[served("GET", "/leaf", 2, query="id=2", size=5)])])])

WSGI = """
def app(environ, start_response):
    body = environ["wsgi.input"].read() or environ["PATH_INFO"].encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]
"""
for kind, more in (("sync", ["-w", "2"]), ("gthread", ["-w", "1", "--threads", "4"])):
    gunicorn = server("gunicorn", ["gunicorn", "-k", kind, *more, "-b", "127.0.0.1:$PORT1", "--log-level", "error", "--graceful-timeout", "3",
                                   "wsgi:app"], ["$PORT1"])
    serve(f"gunicorn_{kind}", [gunicorn], [{"what": "workers start", "sleep_ms": 300}, get(1, "/path"), get(1, "/path", method="POST", body="some body")],
          [served("GET", "/path", 1, size=5), served("POST", "/path", 1, size=9, body=9)], site={"wsgi.py": WSGI},
          needs=["gunicorn"], shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"})

# ---------------------------------------------------------------- other languages
SIMPLE = [get(1, "/hello"), get(1, "/echo", method="POST", body="some body"),
          get(1, "/hello", f"traceparent: {PARENT}\r\n")]


def simple_spans():
    return [served("GET", "/hello", 1, size=6), served("POST", "/echo", 1, size=9, body=9),
            served("GET", "/hello", 1, size=6, parent=PARENT_ID)]


serve("node_http", [program("node", NODE, "$PORT1", "$PORT2"), program("leaf", THREADS, "$PORT2")],
      SIMPLE + [get(1, "/chain?id=1")], simple_spans() + [
          served("GET", "/chain", 1, query="id=1", size=5, children=[
              called("GET", "/leaf?id=1", 2, size=5, children=[served("GET", "/leaf", 2, query="id=1", size=5)])])],
      needs=["node"], sanitized=False)
JVM = server("jvm", ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                     "$ROOT/tests/programs/http_jvm.java", "$PORT1", "$PORT2"], ["$PORT1"], stop="TERM")
serve("jvm_http_server", [program("leaf", THREADS, "$PORT2"), JVM],
      SIMPLE + [get(1, "/chain?id=1")], simple_spans() + [
          served("GET", "/chain", 1, query="id=1", size=5, children=[
              called("GET", "/leaf?id=1", 2, size=5, children=[
                  served("GET", "/leaf", 2, query="id=1", size=5, agent={"regex": "Java/.*"})])])],
      needs=["java"], timeout=120, slack=30)
PHP_PAGE = """<?php
if ($$_SERVER["REQUEST_METHOD"] === "POST") echo file_get_contents("php://input");
else if (isset($$_GET["sql"])) echo (new SQLite3(":memory:"))->querySingle("SELECT 1 + 1"), "\\n";
else echo "hello\\n";
"""
PHP = server("php", ["php", "-S", "127.0.0.1:$PORT1", "-t", "root"], ["$PORT1"], stop="INT",
             # Who is closed first, an old connection or the one that only asked whether it is there?
             hide=[[r"\[\w{3} \w{3} +\d+ [\d:]+ \d{4}\]", "[date]"], [r":\d{5} ", ":PORT "],
                   [r"(?m)^.* (Accepted|Closing|Closed without .*)\n", ""]])
serve("php_builtin_server", [PHP], [get(1, "/page.php"), get(1, "/page.php", method="POST", body="some body"),
                                    get(1, "/hello"), get(1, "/page.php?sql=1")],
      [served("GET", "/page.php", 1, size=6), served("POST", "/page.php", 1, size=9, body=9),
       served("GET", "/hello", 1, size=6),
       served("GET", "/page.php", 1, query="sql=1", size=2, children=[
           {"name": "SELECT", "kind": "CLIENT", "scope": "otelshim.sqlite3", "attributes": {
               "db.system.name": "sqlite", "db.namespace": ":memory:", "db.query.summary": "SELECT",
               "db.query.text": "SELECT ? + ?", "db.response.returned_rows": 1,
               "otelshim.db.step_time": {"type": "double"}}}])],
      site={"root/page.php": PHP_PAGE}, needs=["php"])
serve("ruby_webrick", [server("webrick", ["ruby", "$ROOT/tests/programs/http_webrick.rb", "$PORT1"], ["$PORT1"],
                              stop="INT")], SIMPLE, simple_spans(), needs=["ruby"],
      shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"})

# ---------------------------------------------------------------- inetd: each connection is a program's standard input and output
def inetd(name, out, spans, **options):
    one = server("inetd", ["$PROGRAMS/http_inetd", "$PORT1", out], ["$PORT1"]) if isinstance(out, str) else out
    serve(name, [one], [get(1, "/old"), get(1, "/old?caller", f"traceparent: {PARENT}\r\n", version="1.0")], spans,
          shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"}, **options)


OLD = [served("GET", "/old", 1, size=18), served("GET", "/old", 1, query="caller", size=25, version="1.0", parent=PARENT_ID)]
inetd("inetd_style_one_descriptor", "0", OLD)
inetd("inetd_style_two_descriptors", "1", OLD)
# inetd clears its environment. socat hands the connection on, or passes its bytes to and fro over a pair of its own.
SERVICE = "127.0.0.1:$PORT1 stream tcp nowait root $PROGRAMS/http_inetd http_inetd 1\n"
inetd("inetd_real", server("inetd", ["/usr/sbin/inetd", "-i", "$TMP/inetd.conf"], ["$PORT1"]), OLD,
      site={"inetd.conf": SERVICE}, needs=["inetd"], sanitized=False)  # libcap calls prctl before the run-time is there
SOCAT = ["socat", "TCP-LISTEN:$PORT1,bind=127.0.0.1,reuseaddr,fork"]
inetd("inetd_by_socat", server("socat", [*SOCAT, "EXEC:$PROGRAMS/http_inetd 1,nofork"], ["$PORT1"]), OLD, needs=["socat"])
PAIR = {"network.peer.address": None, "network.peer.port": None, "client.address": None, "network.transport": "unix"}


def relayed(version, size, query=None, **fields):
    """The bytes go on over a socketpair: for socat, they are a request of its own."""
    url = f"http://127.0.0.1:$PORT1/old{'?' + query if query else ''}"
    return served("GET", "/old", 1, size=size, version=version, query=query, **fields, children=[
        called("GET", url, 1, size=size, version=version, more=PAIR, children=[
            served("GET", "/old", 1, size=size, version=version, query=query, more=PAIR)])])


inetd("inetd_by_socat_over_a_pair", server("socat", [*SOCAT, "EXEC:$PROGRAMS/http_inetd 1"], ["$PORT1"]),
      [relayed("1.1", 18), relayed("1.0", 25, query="caller", parent=PARENT_ID)], needs=["socat"])
