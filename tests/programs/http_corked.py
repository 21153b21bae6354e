#!/usr/bin/python3
"""
Heads and bodies that the kernel is told to put together: MSG_MORE, TCP_CORK with
sendfile, splice from a pipe. One thread per connection.

    http_corked.py serve PORT FILE    /more /cork /splice answer with the file; POST: with the body's hash
    http_corked.py ask PORT           as a client, the same ways; prints answers' hashes
"""
import hashlib
import os
import socket
import socketserver
import sys

BODY = bytes(range(256)) * 300


def read_message(s, buffer):
    """(head, body, rest) of one message with a Content-Length, or none."""
    while b"\r\n\r\n" not in buffer:
        piece = s.recv(65536)
        if not piece:
            return None
        buffer += piece
    head, _, buffer = buffer.partition(b"\r\n\r\n")
    length = int(next((line.split(b":")[1] for line in head.split(b"\r\n")[1:]
                       if line.lower().startswith(b"content-length:")), b"0"))
    while len(buffer) < length:
        piece = s.recv(65536)
        if not piece:
            return None
        buffer += piece
    return head, buffer[:length], buffer[length:]


def splice_file(s, fd, size):
    """By a pipe, whose end goes into the socket without a write."""
    out, into = os.pipe()
    at = 0
    while at < size:
        n = os.splice(fd, into, size - at, offset_src=at)
        at += n
        while n > 0:
            n -= os.splice(out, s.fileno(), n)
    os.close(out)
    os.close(into)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        s, rest = self.request, b""
        while message := read_message(s, rest):
            head, body, rest = message
            what = head.split()[1]
            if body:
                answer = hashlib.sha256(body).hexdigest().encode()
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
                continue
            with open(sys.argv[3], "rb") as f:
                size = os.fstat(f.fileno()).st_size
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
                if what == b"/more":
                    s.sendall(answer, socket.MSG_MORE)
                    s.sendall(f.read())
                elif what == b"/cork":
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                    s.sendall(answer)
                    at = 0
                    while at < size:
                        at += os.sendfile(s.fileno(), f.fileno(), at, size - at)
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
                else:
                    s.sendall(answer, socket.MSG_MORE)
                    splice_file(s, f.fileno(), size)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def head_of(method, path, length=0):
    more = f"Content-Length: {length}\r\n" if length else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{sys.argv[2]}\r\n{more}\r\n".encode()


def ask():
    with socket.create_connection(("127.0.0.1", int(sys.argv[2])), 20) as s:
        def answered(rest=b""):
            head, body, rest = read_message(s, rest)
            print(head.split(b"\r\n")[0], len(body), hashlib.sha256(body).hexdigest())
            return rest

        for path in ("/more", "/cork", "/splice"):
            s.sendall(head_of("GET", path), socket.MSG_MORE)  # nothing leaves yet
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            answered()
        s.sendall(head_of("POST", "/body", len(BODY)), socket.MSG_MORE)
        s.sendall(BODY)
        answered()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        s.sendall(head_of("GET", "/cork"))
        s.sendall(head_of("POST", "/body", 3) + b"abc")
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        answered(answered())
    print("done")


if sys.argv[1] == "ask":
    ask()
else:
    try:
        Server(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever(0.1)
    except KeyboardInterrupt:
        pass
