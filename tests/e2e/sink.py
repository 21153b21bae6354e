#!/usr/bin/python3
"""
The receiving side of the tests: an OTLP/HTTP collector on loopback (protobuf, or JSON
where the test says so).

    sink.py [--behaviour B] [--out FILE] [--port N] [--cert PEM --key PEM]

prints the port it listens on, writes every span it received to FILE as one
line of JSON (with "accepted": whether the client was told 200), and ends at
SIGTERM with one line: `received=N rejected=N requests=N protocol_errors=N`.
As a module: Sink(behaviour), then .port, .spans, .errors, .close().

Behaviours, separated by `;`: one per request, the last one stays in force.
    ok                    200 and an empty answer
    slow:MS               ok after MS milliseconds
    hang                  accepts, reads, never answers
    reset                 reads the request, then resets the connection
    close                 reads the request, then closes without an answer
    status:N[:RETRY]      status N, with Retry-After: RETRY
    partial:N             200, partial success with N spans rejected
    garbage               200 with bytes that are no protobuf
    flood                 200 with a body that never ends
    large:BYTES           200 with a body of that size, which is told before
    redirect              307 to itself
"""
import argparse
import gzip
import http.server
import json
import os
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import otlp_json  # noqa: E402
import otlp_wire  # noqa: E402

MAX_BODY = 64 << 20
RESET_NOW = struct.pack("ii", 1, 0)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        # A client that goes away is no error of ours; everything else is.
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, ssl.SSLError, TimeoutError)):
            self.sink.error(f"{type(error).__name__}: {error}")


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    handle_error = Server.handle_error


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.disable_nagle_algorithm = self.request.family != socket.AF_UNIX
        super().setup()

    def log_message(self, *args):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding"):
            self.server.sink.error("Transfer-Encoding in a request of known size")
        size = int(self.headers.get("Content-Length", "0"))
        if size > MAX_BODY:
            self.server.sink.error(f"request of {size} bytes")
            return b""
        self.raw = raw = self.rfile.read(size)
        if len(raw) < size:
            raise ConnectionError("the client went away")  # killed in the middle of it: no request
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        return raw

    def do_POST(self):
        sink = self.server.sink
        # Expect: 100-continue costs a round trip; the standard library answers it.
        raw = self.body()
        behaviour = sink.take(self, raw)
        name, _, arg = behaviour.partition(":")
        if name == "slow":
            time.sleep(int(arg) / 1000)
            name = "ok"
        if name == "ok":
            self.answer(200, b"")
        elif name == "partial":
            rejected = otlp_partial_success(int(arg), "no room", sink.content_type)
            self.answer(200, rejected)
        elif name == "garbage":
            self.answer(200, b"\xff\xfe<html>\x00not protobuf" * 16)
        elif name == "status":
            status, _, retry = arg.partition(":")
            self.answer(int(status), b"", {"Retry-After": retry} if retry else {})
        elif name == "redirect":
            self.answer(307, b"", {"Location": self.path})
        elif name == "hang":
            sink.closing.wait()
            self.close_connection = True
        elif name == "flood":
            self.flood()
        elif name == "large":
            self.answer(200, bytes(int(arg)))
        elif name == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOW)
            self.connection.close()
            self.close_connection = True
        elif name == "close":
            self.close_connection = True

    def do_GET(self):
        self.server.sink.error(f"GET {self.path}")
        self.answer(405, b"")

    def answer(self, status, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", self.server.sink.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def flood(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        while not self.server.sink.closing.is_set():
            self.wfile.write(b"\x00" * 65536)


def otlp_partial_success(rejected, why, content_type):
    if content_type == "application/json":
        return json.dumps({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}}).encode()
    inner = b"\x08" + otlp_varint(rejected) + b"\x12" + otlp_varint(len(why)) + why.encode()
    return b"\x0a" + otlp_varint(len(inner)) + inner


def otlp_varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


class Sink:
    """
    Fields are read by the test after close() or under no traffic: bodies are kept as they
    came and decoded then. Decoded while more come, in Python, they would make a collector
    that is slower than an exit waits (100 ms without progress).
    """

    def __init__(self, behaviour="ok", port=0, out=None, cert=None, key=None, client_ca=None,
                 path="/v1/traces", content_type="application/x-protobuf", decode_traces=None, unix=None):
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.behaviours = behaviour.split(";")
        for b in self.behaviours:
            if b.partition(":")[0] not in ("ok", "slow", "hang", "reset", "close", "status", "partial",
                                           "garbage", "flood", "large", "redirect"):
                raise ValueError(f"no behaviour {b}")
        self.bodies = []  # (entry of requests, raw bytes, how many are refused, accepted)
        self._spans, self._errors, self._requests = [], [], []
        self._received = self._rejected = 0
        self.path = path
        self.content_type = content_type
        otlp = otlp_json if content_type == "application/json" else otlp_wire
        self.decode_traces = decode_traces or otlp.decode_traces
        self.out = open(out, "w", buffering=1) if out else None
        self.server = UnixServer(unix, Handler) if unix else Server(("127.0.0.1", port), Handler)
        self.server.sink = self
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            if client_ca:
                context.load_verify_locations(client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = None if unix else self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    spans = property(lambda self: self.settle()._spans)
    errors = property(lambda self: self.settle()._errors)
    requests = property(lambda self: self.settle()._requests)
    received = property(lambda self: self.settle()._received)
    rejected = property(lambda self: self.settle()._rejected)

    def error(self, what):
        with self.lock:
            self._errors.append(what)

    def take(self, handler, raw):
        """Files one request, says how to answer."""
        for what in self.header_mistakes(handler):
            self.error(what)
        with self.lock:
            behaviour = self.behaviours[0]
            if len(self.behaviours) > 1:
                self.behaviours.pop(0)
            name, _, arg = behaviour.partition(":")
            accepted = name in ("ok", "slow", "garbage", "partial", "flood", "large")
            refused = int(arg) if name == "partial" else 0
            entry = {"headers": dict(handler.headers.items()), "bytes": len(raw),
                     "behaviour": behaviour, "number": len(self._requests) + 1}
            self._requests.append(entry)
            self.bodies.append((entry, raw, refused, accepted))
            if self.out:
                self.out.write("\n")  # a sign of life; the spans follow when they are decoded
        return behaviour

    def settle(self):
        """Decodes what has come since the last look."""
        with self.lock:
            while self.bodies:
                self.decode(*self.bodies.pop(0))
        return self

    def decode(self, entry, raw, refused, accepted):
        if raw in (b"", b"{}") and entry["headers"].get("User-Agent", "").endswith("(check)"):
            entry["spans"] = 0  # `otelshim check --connect`
            return
        try:
            spans = self.decode_traces(raw)
        except otlp_wire.WireError as error:
            self._errors.append(f"{error} (request of {len(raw)} bytes)")
            spans = []
        entry["spans"] = len(spans)
        for index, span in enumerate(spans):
            span["accepted"] = accepted and index >= refused
            span["request"] = entry["number"]
            self._spans.append(span)
            if span["accepted"]:
                self._received += 1
            else:
                self._rejected += 1
            if self.out:
                self.out.write(json.dumps(span) + "\n")

    def header_mistakes(self, handler):
        if handler.path != self.path:
            yield f"path {handler.path}"
        content_type = handler.headers.get("Content-Type")
        if content_type != self.content_type:
            yield f"Content-Type {content_type}"
        if "OTel-OTLP-Exporter-" not in handler.headers.get("User-Agent", ""):
            yield f"User-Agent {handler.headers.get('User-Agent')}"
        if handler.headers.get("traceparent"):
            yield "the exporter's own request carries a traceparent"

    def accepted_spans(self):
        return [s for s in self.spans if s["accepted"]]

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.settle()
        if self.out:
            self.out.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--behaviour", default="ok")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--out")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    args = parser.parse_args()
    sink = Sink(args.behaviour, args.port, args.out, args.cert, args.key)
    print(sink.port, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    sink.close()
    for error in sink.errors:
        print(f"protocol error: {error}")
    print(f"received={sink.received} rejected={sink.rejected} requests={len(sink.requests)} "
          f"protocol_errors={len(sink.errors)}")
    return 1 if sink.errors else 0


if __name__ == "__main__":
    # Before any thread exists, so that all of them leave these to main().
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main())
