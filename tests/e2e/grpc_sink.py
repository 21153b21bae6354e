"""
An OTLP/gRPC collector on loopback, by grpcio's server (python3-grpcio): GrpcSink has the
fields of sink.Sink.

Behaviours, separated by `;`: one per request, the last one stays in force.
    ok, slow:MS, hang      as there
    status:CODE            that gRPC status, "it broke: 100 %"
    retry:CODE:MS          the same with a RetryInfo of so many milliseconds
    partial:N              N spans are rejected
    garbage                a message that is no protobuf
    large:BYTES            an answer of that size
"""
import os
import threading
import time
from concurrent import futures

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"  # its handlers abort when a test starts a program
os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # handshakes that fail are wanted here
import grpc  # noqa: E402
import otlp_wire  # noqa: E402
from otlp_wire import WireError  # noqa: E402
from sink import otlp_partial_success, otlp_varint  # noqa: E402

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
CODES = {code.value[0]: code for code in grpc.StatusCode}


def field(number, payload):
    return otlp_varint(number << 3 | 2) + otlp_varint(len(payload)) + payload


def retry_info(code, ms):
    """google.rpc.Status with one RetryInfo among other details."""
    duration = b"\x08" + otlp_varint(ms // 1000) + b"\x10" + otlp_varint(ms % 1000 * 1000000)
    info = field(1, b"type.googleapis.com/google.rpc.RetryInfo") + field(2, field(1, duration))
    other = field(1, b"type.googleapis.com/google.rpc.DebugInfo") + field(2, b"\x12\x01x")
    return b"\x08" + otlp_varint(code) + field(2, b"later") + field(3, other) + field(3, info)


class GrpcSink:
    def __init__(self, behaviour="ok", address="127.0.0.1:0", cert=None, key=None, client_ca=None):
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.behaviours = behaviour.split(";")
        self.bodies, self.decoded, self.requests, self.errors, self.peers = [], [], [], [], set()
        self.server = grpc.server(futures.ThreadPoolExecutor(4), options=[
            ("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 64 << 20)])
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {
            "Export": grpc.unary_unary_rpc_method_handler(self.export)}),))
        if cert:
            read = lambda path: open(path, "rb").read()
            credentials = grpc.ssl_server_credentials(
                [(read(key), read(cert))], read(client_ca) if client_ca else None, bool(client_ca))
            self.port = self.server.add_secure_port(address, credentials)
        else:
            self.port = self.server.add_insecure_port(address)
        self.server.start()

    def export(self, raw, context):
        with self.lock:
            behaviour = self.behaviours[0]
            if len(self.behaviours) > 1:
                self.behaviours.pop(0)
            self.peers.add(context.peer())
            self.requests.append({"headers": dict(context.invocation_metadata()), "bytes": len(raw),
                                  "behaviour": behaviour, "timeout": context.time_remaining()})
        name, _, arg = behaviour.partition(":")
        refused = int(arg) if name == "partial" else 0
        accepted = name in ("ok", "slow", "garbage", "partial")
        probe = not raw and "(check)" in self.requests[-1]["headers"].get("user-agent", "")  # `otelshim check --connect`
        with self.lock:
            self.bodies += [] if probe else [(raw, accepted, refused)]
        return self.answer(name, arg, context)

    def answer(self, name, arg, context):
        if name == "slow":
            time.sleep(int(arg) / 1000)
        elif name == "hang":
            self.closing.wait()
        elif name == "partial":
            return otlp_partial_success(int(arg), "no room", "")
        elif name == "garbage":
            return b"\xff\xfenot protobuf"
        elif name == "large":
            return b"\x0a" + otlp_varint(int(arg)) + b"\0" * int(arg)
        elif name in ("status", "retry"):
            code, _, ms = arg.partition(":")
            if ms:
                details = (("grpc-status-details-bin", retry_info(int(code), int(ms))),)
                context.set_trailing_metadata(details)
            context.set_code(CODES[int(code)])
            context.set_details("it broke: 100 %")
        return b""

    def settle(self):
        """Decodes what has come since the last look."""
        with self.lock:
            while self.bodies:
                raw, accepted, refused = self.bodies.pop(0)
                try:
                    spans = otlp_wire.decode_traces(raw)
                except WireError as error:
                    self.errors.append(str(error))
                    continue
                self.decoded += [s | {"accepted": accepted and i >= refused} for i, s in enumerate(spans)]
            return self.decoded

    spans = property(settle)
    received = property(lambda self: sum(s["accepted"] for s in self.settle()))

    def accepted_spans(self):
        return [s for s in self.spans if s["accepted"]]

    def close(self):
        self.closing.set()
        self.server.stop(0).wait()
