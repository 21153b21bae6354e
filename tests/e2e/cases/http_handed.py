"""
Sockets that a program has neither accepted nor opened: passed over a Unix socket
(SCM_RIGHTS), activated by systemd, inherited by nginx's and HAProxy's own means.
"""
from harness import Failure
from http_case import PARENT, PARENT_ID, ask, get, haproxy, lighttpd, nginx, program, serve, served, server

# ---------------------------------------------------------------- SCM_RIGHTS
TWO = ask(1, "GET /kept?1 HTTP/1.1\r\nHost: 127.0.0.1:$PORT1\r\n\r\nGET /kept?2 HTTP/1.1\r\nHost: 127.0.0.1:$PORT1\r\n\r\n",
          "two requests of one connection", shut=True)
PASSED = [get(1, "/one", shut=True), get(1, "/two", f"traceparent: {PARENT}\r\n", shut=True), TWO]
PASSED_SPANS = [served("GET", "/one", 1, size=18), served("GET", "/two", 1, size=18, parent=PARENT_ID),
                served("GET", "/kept", 1, size=21, query="1"), served("GET", "/kept", 1, size=21, query="2")]


def passed(how, spans):
    def made_by_the_worker(run):
        """No process but one has made spans, and the acceptor has made none."""
        names = {s["resource"]["service.name"] for s in run.spans}
        if names != ({"worker"} if spans else set()):
            raise Failure(f"spans of {names}")
    worker = server("worker", ["$PROGRAMS/http_pass", "work", "$TMP/pass.sock"], [], stop="itself",
                    env={"OTEL_SERVICE_NAME": "worker"})
    acceptor = server("acceptor", ["$PROGRAMS/http_pass", "accept", "$PORT1", "$TMP/pass.sock", how], ["$PORT1"],
                      stop="INT", env={"OTEL_SERVICE_NAME": "acceptor"})
    serve(f"passed_{how}", [worker, acceptor], PASSED, spans, check=made_by_the_worker,
          shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"})


passed("at_once", PASSED_SPANS)
passed("peeked", PASSED_SPANS)
# Nobody has seen a whole head: docs/LIMITS.md. The next request of that connection is not looked at either.
passed("half", [])

# ---------------------------------------------------------------- systemd
ACTIVATE = ["systemd-socket-activate", "-l", "127.0.0.1:$PORT1"]
# What it tells of its children comes in any order, with pids and ports.
TOLD = [[r"(?m)^(Connection from|Spawned|Execing|Child|Communication attempt) .*\n", ""]]
NO_DNS = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"}


def activated(name, argv, steps, spans, stop="TERM", more=(), hide=(), shim_env=None, **options):
    """
    The socket is systemd-socket-activate's; it becomes the server at the first connection. Its libcap-ng reads a
    file in a constructor that runs before AddressSanitizer's own.
    """
    serve(f"activated_{name}", [server(name, [*ACTIVATE, *more, *argv], ["$PORT1"], stop=stop, hide=[*TOLD, *hide])],
          steps, spans, sanitized=False, needs=["systemd-socket-activate", *options.pop("needs", [])],
          shim_env={"OTEL_SHIM_PROCESS_SPAN": "never", **NO_DNS, **(shim_env or {})}, **options)


WSGI = """
def app(environ, start_response):
    body = environ["wsgi.input"].read() or environ["PATH_INFO"].encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]
"""
activated("gunicorn", ["/usr/bin/gunicorn", "--log-level", "error", "--graceful-timeout", "3", "wsgi:app"],
          [{"what": "workers start", "sleep_ms": 500}, get(1, "/path"), get(1, "/path", method="POST", body="some body"),
           get(1, "/path", f"traceparent: {PARENT}\r\n")],
          [served("GET", "/path", 1, size=5), served("POST", "/path", 1, size=9, body=9),
           served("GET", "/path", 1, size=5, parent=PARENT_ID)],
          site={"wsgi.py": WSGI}, more=["-E", "PYTHONPATH=$TMP"], needs=["gunicorn"])
one, files = lighttpd('server.systemd-socket-activation = "enable"')
activated("lighttpd", ["/usr/sbin/lighttpd", "-D", "-f", "$TMP/lighttpd.conf"], [get(1, "/hello"), get(1, "/missing")],
          [served("GET", "/hello", 1, size=6), served("GET", "/missing", 1, status=404, size=341)], site=files, stop="INT",
          hide=one["hide"], needs=["lighttpd"])
one, files = haproxy("frontend f\n    bind fd@3\n    http-request return status 200 content-type text/plain string x\n")
activated("haproxy", ["/usr/sbin/haproxy", "-db", "-f", "$TMP/haproxy.conf"], [get(1, "/x")], [served("GET", "/x", 1, size=1)],
          site=files, stop="USR1", hide=one["hide"], needs=["haproxy"])
# Accept=yes: descriptor 3 is the connection.
activated("connections", ["$PROGRAMS/http_activated"], [
    get(1, "/one", shut=True), get(1, "/two", f"traceparent: {PARENT}\r\n", shut=True), TWO],
    [served("GET", "/one", 1, size=24), served("GET", "/two", 1, size=24, parent=PARENT_ID),
     served("GET", "/kept", 1, size=27, query="1"),
     served("GET", "/kept", 1, size=27, query="2")], more=["--accept"])
