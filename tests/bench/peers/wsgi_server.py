"""
wsgiref's server at PORT. Python's own servers have no automatic instrumentation: with
BENCH_WSGI set the application is wrapped by OpenTelemetry's middleware, as its manual says.
"""
import os
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def hello(_, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"hello\n"]


application = hello
if os.environ.get("BENCH_WSGI"):
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
    application = OpenTelemetryMiddleware(hello)
try:
    make_server("127.0.0.1", int(sys.argv[1]), application, handler_class=Quiet).serve_forever()
except KeyboardInterrupt:  # CPython would end itself by the signal, and send nothing more
    sys.exit(0)
