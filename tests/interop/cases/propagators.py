"""
The context in every format, from OpenTelemetry Python's own propagators (PyPI) to us and back: in
requests that a traced application serves and sends, and in the environment of a traced curl.
"""
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections import namedtuple

import tools
from tools import BUILD, HERE, OUT, ROOT, Broken, Missing, free_port

Case = namedtuple("Case", "name body")
PACKAGES = ["opentelemetry-api==1.36.0", "opentelemetry-sdk==1.36.0", "opentelemetry-propagator-b3==1.36.0",
            "opentelemetry-propagator-jaeger==1.36.0", "opentelemetry-propagator-aws-xray==1.0.2"]
TRACE, SPAN = "68fd508a0af7651916cd43dd8448eb21", "b7ad6b7169203331"
SERVER, CLIENT = 2, 3  # OTLP's Span.kind


def python():
    """An interpreter that has the packages."""
    path = os.path.join(OUT, "venv")
    ready = os.path.join(path, "ready")
    if not os.path.exists(ready):
        shutil.rmtree(path, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", path], capture_output=True, text=True)
        if made.returncode:
            raise Missing("python3-venv is not installed: no propagators of OpenTelemetry Python")
        tools.build([os.path.join(path, "bin/pip"), "install", "-q", "--disable-pip-version-check", *PACKAGES])
        open(ready, "w").close()
    return os.path.join(path, "bin/python")


def ask(*questions):
    """What OpenTelemetry Python says."""
    said = subprocess.run([python(), os.path.join(HERE, "otel_propagators.py")], input=json.dumps(questions),
                          capture_output=True, text=True)
    if said.returncode:
        raise Broken(said.stderr)
    return json.loads(said.stdout)


class Upstream:
    """Keeps the headers of what is asked of it."""

    def __init__(self):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(dict(self.headers.items()))
                self.send_response(200)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"ok\n")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def environment(directory, names):
    return {"LD_PRELOAD": os.path.join(BUILD, "libotelshim.so"), "OTEL_PROPAGATORS": names,
            "OTEL_TRACES_EXPORTER": "otlp_file", "OTEL_SHIM_FILE_PATH": os.path.join(directory, "spans.jsonl"),
            "OTEL_SHIM_LOG_FILE": os.path.join(directory, "shim.log")}


def spans(directory, kind):
    path = os.path.join(directory, "spans.jsonl")
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [span for line in f for r in json.loads(line)["resourceSpans"] for s in r["scopeSpans"]
                for span in s["spans"] if span["kind"] == kind]


def through_an_application(directory, names, headers):
    """The headers of its request at the upstream."""
    upstream, port = Upstream(), free_port()
    app = tools.Server("app", ["/usr/bin/python3", os.path.join(ROOT, "tests/programs/http_threads.py"), str(port),
                               str(upstream.port)], environment(directory, names), directory, [port])
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/chain?x", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
    finally:
        app.process.send_signal(2)
        app.process.wait(20)
        app.close()
        upstream.close()
    return upstream.seen[0]


def through_the_environment(directory, names, headers):
    upstream = Upstream()
    variables = {re.sub("[^A-Z0-9_]", "_", name.upper()): value for name, value in headers.items()}
    try:
        subprocess.run(["curl", "-sS", f"http://127.0.0.1:{upstream.port}/"], check=True, capture_output=True, timeout=20,
                       env={"PATH": os.environ["PATH"], **variables, **environment(directory, names)})
    finally:
        upstream.close()
    return upstream.seen[0]


def goes_through(way, names, sampled):
    def body(directory):
        carried = {"user": "a b"} if "baggage" in names else {}
        headers, = ask({"inject": names, "trace_id": TRACE, "span_id": SPAN, "sampled": sampled, "baggage": carried})
        sent = way(directory, names, headers)
        found, = ask({"extract": names, "headers": sent})
        made = spans(directory, CLIENT)
        if not found or found["trace_id"] != TRACE or found["span_id"] == SPAN or found["sampled"] != sampled:
            raise Broken(f"Python sent {headers}, we sent {sent}, Python has {found}")
        if found["baggage"] != carried:
            raise Broken(f"baggage {carried} arrived as {found['baggage']}")
        if [s["spanId"] for s in made] != ([found["span_id"]] if sampled else []):
            raise Broken(f"Python has {found}, the CLIENT spans are {made}")
        if sampled and way is through_an_application:
            served = spans(directory, SERVER)
            if [(s["traceId"], s["parentSpanId"]) for s in served] != [(TRACE, SPAN)]:
                raise Broken(f"Python sent {headers}, the SERVER spans are {served}")
    return body


CASES = [Case(f"propagators_{names.replace(',', '_')}_{'sampled' if sampled else 'unsampled'}_{where}",
              goes_through(way, names, sampled))
         for names in ("tracecontext,baggage", "b3", "b3multi", "jaeger", "xray", "b3,xray,tracecontext,jaeger,b3multi")
         for sampled in (True, False)
         for where, way in (("in_requests", through_an_application), ("in_the_environment", through_the_environment))]
