#!/usr/bin/python3
"""
A connection that becomes a tunnel: HTTP up to the 101, then bytes as they come.

    http_tunnel.py serve PORT          one thread per connection; sends back what it gets; ends at SIGINT
    http_tunnel.py ask PORT [NAME]     asks for /tunnel, talks, prints what came back

What goes through the tunnel looks like HTTP: whole requests, answers, a head in pieces.
/hello is answered without an upgrade, on the same connection as often as one likes.
"""
import hashlib
import socket
import socketserver
import sys

FAKE = b"GET /inside HTTP/1.1\r\nHost: inside\r\n\r\n"
TALK = [FAKE, FAKE * 3, b"\x81\x05hello", b"POST /inside HTTP/1.1\r\nHost: inside\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"GET /in", b"side HTTP/1.1\r\nHost: inside\r\n\r\n",
        bytes(range(256)) * 1000, b"\x88\x00"]


def read_head(s):
    """Up to the blank line; not a byte of what follows."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = s.recv(1)
        if not byte:
            return b""
        head += byte
    return head


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while head := read_head(self.request):
            if b" /tunnel " not in head.split(b"\r\n")[0]:
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
                continue
            self.request.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
            while data := self.request.recv(65536):
                self.request.sendall(data)
            return


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def ask(port):
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
        print(read_head(s).split(b"\r\n")[0], s.recv(6, socket.MSG_WAITALL))
        s.sendall(b"GET /tunnel HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n" % port)
        print(read_head(s).split(b"\r\n")[0])
        for said in TALK:
            s.sendall(said)
            heard = b""
            while len(heard) < len(said):
                heard += s.recv(len(said) - len(heard))
            print(len(heard), hashlib.sha256(heard).hexdigest(), heard == said)


if sys.argv[1] == "ask":
    ask(int(sys.argv[2]))
else:
    try:
        Server(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever(0.1)
    except KeyboardInterrupt:
        pass
