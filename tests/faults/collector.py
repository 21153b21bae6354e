"""
A collector that fails in the middle of things: it goes away with all its connections and comes
back at the same port, reads or answers byte by byte. It keeps each request that came whole,
and knows which of them it has answered.
"""
import contextlib
import socket
import threading
import time

import otlp_wire

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


class Collector:
    """`pace`: seconds between two bytes that it reads, or writes."""

    def __init__(self, up=True, read_pace=0, write_pace=0):
        self.read_pace, self.write_pace = read_pace, write_pace
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.bodies, self.answered, self.connections, self.threads = [], [], set(), []
        self.listener, self.port = None, 0
        self.come()
        if not up:
            self.go()

    def come(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.listener.settimeout(0.05)
        self.port = self.listener.getsockname()[1]
        self.accepting = threading.Thread(target=self.accept, args=(self.listener,), daemon=True)
        self.accepting.start()

    def go(self):
        """As when it is killed: nobody listens, connections are reset or closed."""
        listener, self.listener = self.listener, None
        listener.close()
        self.accepting.join()
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def flap(self, up_s, down_s, times):
        """Comes and goes, then stays."""
        for _ in range(times):
            if self.closing.wait(up_s):
                return
            self.go()
            self.closing.wait(down_s)
            self.come()

    def accept(self, listener):
        while listener is self.listener:
            with contextlib.suppress(TimeoutError, OSError):
                connection, _ = listener.accept()
                connection.settimeout(None)
                with self.lock:
                    self.connections.add(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def read(self, connection):
        if not self.read_pace:
            return connection.recv(1 << 20)
        self.closing.wait(self.read_pace)
        return connection.recv(1)

    def serve(self, connection):
        data = b""
        with contextlib.suppress(OSError), connection:
            while more := self.read(connection):
                data += more
                head, end, rest = data.partition(b"\r\n\r\n")
                if not end:
                    continue
                size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                            if line.startswith(b"content-length:"))
                if len(rest) < size:
                    continue
                data = rest[size:]
                self.take(connection, rest[:size])
        with self.lock:
            self.connections.discard(connection)

    def take(self, connection, body):
        with self.lock:
            self.bodies.append(body)
            self.answered.append(False)
            number = len(self.bodies) - 1
        if self.write_pace:
            for byte in ANSWER:
                self.closing.wait(self.write_pace)
                connection.sendall(bytes([byte]))
        else:
            connection.sendall(ANSWER)
        self.answered[number] = True

    def close(self):
        self.closing.set()
        if self.listener:
            self.go()

    def spans(self):
        """All that came, in the order in which it came; as often as it came."""
        return [span for body in self.bodies for span in otlp_wire.decode_traces(body)]


@contextlib.contextmanager
def failing_collector(flap=None, down_s=0, up=True, **options):
    """flap: (seconds up, seconds down, how often); down_s: nobody is there at first."""
    collector = Collector(up=up and not down_s, **options)
    todo = None
    if flap:
        todo = threading.Thread(target=collector.flap, args=flap)
    elif down_s:
        todo = threading.Timer(down_s, collector.come)
    if todo:
        todo.start()
    try:
        yield collector
    finally:
        if isinstance(todo, threading.Timer):
            todo.join()
        collector.closing.set()
        if flap:
            todo.join()
        time.sleep(0.05)  # what was answered last is filed
        collector.close()
