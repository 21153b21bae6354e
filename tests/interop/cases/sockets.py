"""The Collector at a Unix socket: by each protocol it receives what the otlp_file exporter wrote beside it."""
import os
import re
import time
from collections import namedtuple

import equality
import protocols
import tools
from tools import Broken, free_port
from traced import Traced, wait_for

Case = namedtuple("Case", "name body")
# Laid over backend.yaml: its first receiver listens at sockets.
OVERLAY = """
receivers:
  otlp/1:
    protocols:
      grpc: {{endpoint: {grpc}, transport: unix}}
      http: {{endpoint: {http}, transport: unix}}
"""
WORK = "sqlite3 data.db \"create table t(a); select * from t where a='secret'\"; sleep 0; :"


def backend(directory, sockets):
    overlay, port = os.path.join(directory, "sockets.yaml"), free_port()
    with open(overlay, "w") as f:
        f.write(OVERLAY.format(**sockets))
    env = {"OUT": directory, "BACKEND_1_GRPC": "", "BACKEND_1_HTTP": "", "BACKEND_2_GRPC": f"127.0.0.1:{port}"}
    configs = ["--config", os.path.join(tools.HERE, "backend.yaml"), "--config", overlay]
    server, deadline = tools.Server("backend", [tools.collector(), *configs], env, directory, [port]), time.monotonic() + 20
    while not all(os.path.exists(path) for path in sockets.values()):
        if time.monotonic() > deadline:
            server.close()
            raise Broken(f"no sockets:\n{server.read_log()[-3000:]}")
        time.sleep(0.05)
    return server


def received_at_a_socket(protocol):
    def body(directory):
        sockets = {way: os.path.join(directory, way + ".sock") for way in ("grpc", "http")}
        written, server = os.path.join(directory, "spans.jsonl"), backend(directory, sockets)
        try:
            traced = Traced(directory, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_TRACES_EXPORTER="otlp,otlp_file",
                            OTEL_EXPORTER_OTLP_ENDPOINT="unix:" + sockets[protocol.split("/")[0]], OTEL_SHIM_FILE_PATH=written)
            traced.run("sh", "-c", WORK)
            made, delivered = traced.account()
            if not made == delivered > 2:
                raise Broken(f"the shim made {made} spans and delivered {delivered}")
            spans = wait_for(os.path.join(directory, "traces_1.jsonl"), made)
        finally:
            server.close()
        equality.compare(equality.by_id(spans), equality.by_id(equality.in_file(written)), "otlp_file")
    return body


CASES = [Case("unix_socket_by_" + re.sub(r"\W", "_", p), received_at_a_socket(p)) for p in protocols.ENDINGS]
