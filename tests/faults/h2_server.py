"""
An HTTP/2 server by hand (RFC 9113), for what a decent one does not do. `script` gets a
Call for each request and answers with frames of its choice; headers go out as literals.
"""
import contextlib
import socket
import struct
import threading

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4
WINDOW = struct.pack(">HI", 4, 16 << 20)  # SETTINGS_INITIAL_WINDOW_SIZE
RESET_NOW = struct.pack("ii", 1, 0)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(value):
    """A string literal of HPACK: its length with a prefix of seven bits."""
    raw, n = value.encode(), len(value)
    if n < 127:
        return bytes([n]) + raw
    n, head = n - 127, b"\x7f"
    while n > 127:
        n, head = n >> 7, head + bytes([n & 127 | 128])
    return head + bytes([n]) + raw


def literal(name, value):
    """A header field that is never indexed."""
    return b"\x10" + text(name) + text(value)


class Call:
    """One request that has come whole; `number` counts from 0 over all connections."""

    def __init__(self, connection, stream, number, size):
        self.connection, self.stream, self.number, self.size = connection, stream, number, size

    def send(self, kind, flags, payload=b"", stream=None):
        self.connection.sendall(frame(kind, flags, self.stream if stream is None else stream, payload))

    @contextlib.contextmanager
    def at_once(self):
        """What is sent in it arrives together."""
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        yield
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def headers(self, fields, end=False):
        block = b"".join(literal(k, v) for k, v in fields)
        self.send(HEADERS, END_HEADERS | (END_STREAM if end else 0), block)

    def answer(self, status=0, body=b"\0\0\0\0\0"):
        self.headers([(":status", "200"), ("content-type", "application/grpc")])
        self.send(DATA, 0, body)
        self.headers([("grpc-status", str(status))], end=True)

    def goaway(self, last, error=0):
        self.send(GOAWAY, 0, struct.pack(">II", last, error), stream=0)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOW)
        self.connection.close()

    def close(self):
        self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class Server:
    def __init__(self, script):
        self.script = script
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.port = self.listener.getsockname()[1]
        self.closing = threading.Event()
        self.connections, self.calls, self.pings, self.threads = 0, 0, 0, []
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        while not self.closing.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                connection, _ = self.listener.accept()
                connection.settimeout(0.1)
                worker = threading.Thread(target=self.serve, args=(connection,))
                worker.start()
                self.threads.append(worker)

    def exactly(self, connection, n):
        data = b""
        while len(data) < n and not self.closing.is_set():
            with contextlib.suppress(TimeoutError):
                more = connection.recv(n - len(data))
                if not more:
                    raise ConnectionError
                data += more
        if len(data) < n:
            raise ConnectionError
        return data

    def serve(self, connection):
        with contextlib.suppress(OSError):
            if self.exactly(connection, len(PREFACE)) != PREFACE:
                return
            first, sizes = True, {}
            while True:
                head = self.exactly(connection, 9)
                size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
                stream = int.from_bytes(head[5:], "big")
                self.exactly(connection, size)
                if first:  # a look whether somebody listens counts for nothing
                    self.connections += 1
                    connection.sendall(frame(SETTINGS, 0, 0, WINDOW) + frame(8, 0, 0, struct.pack(">I", 16 << 20)))
                    first = False
                if kind == SETTINGS and not flags & ACK:
                    connection.sendall(frame(SETTINGS, ACK, 0))
                elif kind == PING and flags & ACK:
                    self.pings += 1
                elif kind in (DATA, HEADERS):
                    sizes[stream] = sizes.get(stream, 0) + (size if kind == DATA else 0)
                    if flags & END_STREAM:
                        self.calls += 1
                        self.script(Call(connection, stream, self.calls - 1, sizes[stream]))

    def close(self):
        self.closing.set()
        self.thread.join()
        for worker in self.threads:
            worker.join()
        self.listener.close()


@contextlib.contextmanager
def h2_server(script):
    server = Server(script)
    try:
        yield server, f"http://127.0.0.1:{server.port}/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    finally:
        server.close()
