"""OTLP/HTTP over a Unix socket."""
import os
import tempfile

import sink as sinks
from harness import account, case, drive, expect


@case
def http_over_a_unix_socket():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "otel.sock")
        url = "http://localhost/v1/traces"
        result = drive(url, unix=path, spans=3, export_timeout_ms=1000)
        account(result, None, 3, dropped=3)
        sink = sinks.Sink("ok", unix=path)
        try:
            # No proxy stands before a socket of this machine.
            result = drive(url, unix=path, spans=700, env={"http_proxy": "http://127.0.0.1:1"})
            account(result, sink, 700)
            expect("host", sink.requests[0]["headers"]["Host"], "localhost")
        finally:
            sink.close()
