"""`otelshim check --connect` at the real Collector: by each protocol, and at the other one's port; and at a
real Zipkin server."""
import os
import subprocess
from collections import namedtuple

import protocols
import tools
from tools import BUILD, Broken

Case = namedtuple("Case", "name body")


def ask(port, protocol):
    env = {"PATH": "/usr/bin:/bin", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    return run(env)


def run(env):
    return subprocess.run([os.path.join(BUILD, "otelshim"), "check", "--connect"], env=env, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)


def expect(answer, code, *texts):
    if answer.returncode != code or not all(text in answer.stdout for text in texts):
        raise Broken(f"exit {answer.returncode}, must be {code} with {texts}\n{answer.stdout}{answer.stderr}")


def tells_whether_the_collector_is_reached(directory):
    backend = protocols.Backend(directory)
    http, grpc = backend.ports["BACKEND_1_HTTP"], backend.ports["BACKEND_1_GRPC"]
    try:
        for protocol in ("http/protobuf", "http/json"):
            expect(ask(http, protocol), 0, "HTTP          ok      HTTP/1.1, status 200")
        expect(ask(grpc, "http/protobuf"), 1, "HTTP          FAILED", "speaks something else than HTTP")
        expect(ask(grpc, "grpc"), 0, "HTTP          ok      HTTP/2, status 200", "gRPC          ok      status 0, OK")
        expect(ask(http, "grpc"), 1, "gRPC          FAILED", "speaks something else than gRPC")
    finally:
        backend.close()


def tells_whether_zipkin_is_reached(directory):
    server = tools.Zipkin(tools.zipkin(), directory)
    try:
        env = {"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_ZIPKIN_ENDPOINT": server.endpoint}
        expect(run(env), 0, "HTTP          ok      HTTP/1.1, status 202")
        env["OTEL_EXPORTER_ZIPKIN_ENDPOINT"] = server.endpoint.replace("/spans", "/no-such-path")
        expect(run(env), 1, "HTTP          FAILED  HTTP/1.1, status 404", "a Zipkin server has")
    finally:
        server.close()


CASES = [Case("check_" + tells_whether_zipkin_is_reached.__name__, tells_whether_zipkin_is_reached),
         Case("check_" + tells_whether_the_collector_is_reached.__name__, tells_whether_the_collector_is_reached)]
