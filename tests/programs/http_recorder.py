#!/usr/bin/python3
"""
A web server that keeps what it is sent, byte for byte, TLS undone.

    http_recorder.py PORT SEEN [CERT KEY]       ends at SIGINT

PORT with an `s` behind it: it reads slowly, from a small buffer.

At its end it prints each request in the order they came, but for the header that a traced client
puts behind the request line; where a proxy has handed on a caller's traceparent, its span id
is hidden. So what it prints of a traced client must be what it prints of a bare one. To SEEN
go the traceparents, one a line, and `wrong` for one that stands elsewhere.
"""
import hashlib
import re
import signal
import socket
import ssl
import sys
import threading
import time

SHOWN = 1500
# Bytes. From the smallest one (SO_RCVBUF 1) TCP can come to a window of 555 bytes with segments of 576: from then
# on the sender waits for its persist timer before each segment, 0.2 s, and a body of 300 kB takes two minutes.
SLOW_BUFFER = 4096
OURS = re.compile(rb"traceparent: (00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3])\r\n")
ANY = re.compile(rb"(?im)^traceparent:[^\n]*\n")
CALLERS = re.compile(rb"(?im)^(traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-)([0-9a-f]{16})(-0[0-3])\r\n")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n"

slow = sys.argv[1].endswith("s")
lock = threading.Lock()
requests, seen = [], []


class Connection:
    """The bytes of one; reads requests as they come, and answers them."""

    def __init__(self, s):
        self.s, self.buffer, self.kept = s, b"", bytearray()  # kept: of the request that is being read

    def more(self):
        piece = self.s.recv(700 if slow else 65536)
        if slow:
            time.sleep(0.0005)
        self.buffer += piece
        return piece

    def take(self, n):
        while len(self.buffer) < n:
            if not self.more():
                n = len(self.buffer)
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        self.kept += taken
        return taken

    def take_line(self):
        while b"\n" not in self.buffer:
            if not self.more():
                return self.take(len(self.buffer))
        return self.take(self.buffer.index(b"\n") + 1)

    def head(self):
        """Cleaned; empty at the end."""
        self.kept = bytearray()
        while b"\r\n\r\n" not in self.buffer and self.more():
            pass
        with lock:
            requests.append(self.kept)
        if b"\r\n\r\n" not in self.buffer:
            self.take(len(self.buffer))
            return b""
        end = self.buffer.index(b"\r\n\r\n") + 4
        head, self.buffer = self.buffer[:end], self.buffer[end:]
        clean = self.cleaned(head)
        self.kept += clean
        return clean

    def cleaned(self, head):
        line, rest = head.split(b"\r\n", 1)
        hit = OURS.match(rest)
        if hit and not CALLERS.match(rest):
            rest = rest[hit.end():]
            note(hit[1].decode())
        callers = CALLERS.findall(rest)
        for parts in callers:
            note(b"".join(parts).split(b": ")[1].decode())
        if len(ANY.findall(rest)) > len(callers):
            note("wrong")
        rest = CALLERS.sub(rb"\1----------------\3\r\n", rest)
        return line + b"\r\n" + rest

    def body(self, head):
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        if re.search(rb"(?im)^expect: 100-continue", head):
            self.s.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if length:
            self.take(int(length[1]))
        elif re.search(rb"(?im)^transfer-encoding: chunked", head):
            while size := int(self.take_line().split(b";")[0] or b"0", 16):
                self.take(size + 2)
            while self.take_line().strip():
                pass

    def serve(self):
        while head := self.head():
            self.body(head)
            closes = re.search(rb"(?im)^connection: *close", head) or head.split(b"\r\n")[0].endswith(b"/1.0")
            answer = ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") if closes else ANSWER
            self.s.sendall(answer + (b"" if head.startswith(b"HEAD ") else b"ok\n"))
            if closes:
                return


def note(text):
    with lock:
        seen.append(text)


def one(s, context):
    connection = Connection(s)
    try:
        if context:
            connection.s = s = context.wrap_socket(s, server_side=True)
        connection.serve()
    except OSError:
        pass
    finally:
        s.close()


def show(number, kept):
    print(f"request {number}: {len(kept)} bytes, {hashlib.sha256(kept).hexdigest()}")
    print(kept[:SHOWN].decode("latin-1").encode("unicode_escape").decode().replace("\\r\\n", "\n"))


def main():
    context = None
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        context.set_alpn_protocols(["http/1.1"])
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if slow:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
    listener.bind(("127.0.0.1", int(sys.argv[1].rstrip("s"))))
    listener.listen(64)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        while True:
            s, _ = listener.accept()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=one, args=(s, context), daemon=True).start()
    except KeyboardInterrupt:
        pass
    with lock:
        for number, kept in enumerate(filter(None, requests), 1):
            show(number, bytes(kept))
        with open(sys.argv[2], "w") as f:
            f.write("".join(line + "\n" for line in seen))


main()
