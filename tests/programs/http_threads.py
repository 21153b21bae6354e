#!/usr/bin/python3
"""
An application server of the threaded kind: one thread per connection, one
connection to the upstream per thread, kept open (http.client, then SQLite).

    http_threads.py PORT [UPSTREAM_PORT [CERT KEY CA]]        ends at SIGINT

With a certificate it speaks TLS, and to its upstream, too.
/hello  /echo (the body)  /status/N  /slow/MS  /bytes/N  /chunks/N  /sql
/chain?QUERY (asks the upstream for /leaf?QUERY)  /leaf?QUERY (answers QUERY)
/lookup (a getaddrinfo)  /run (a child process)  /urllib?QUERY (as /chain, by urllib)
/pool?QUERY (as /chain, in a pool of threads)  /helper?QUERY (as /chain, in a thread of its own)
"""
import concurrent.futures
import http.client
import http.server
import os
import socket
import socketserver
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

PORT = int(sys.argv[1])
UPSTREAM = int(sys.argv[2]) if len(sys.argv) > 2 else 0
CERT, KEY, CA = sys.argv[3:6] if len(sys.argv) > 5 else (None, None, None)
TRUST = ssl.create_default_context(cafile=CA) if CA else None
local = threading.local()
workers = concurrent.futures.ThreadPoolExecutor(8)


def upstream(target, body=None):
    """A thread's own connection; opened anew when the upstream has closed it."""
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPSConnection("localhost", UPSTREAM, timeout=20, context=TRUST) if TRUST \
            else http.client.HTTPConnection("127.0.0.1", UPSTREAM, timeout=20)
    try:
        local.connection.request("POST" if body else "GET", target, body)
        return local.connection.getresponse().read()
    except (http.client.HTTPException, ConnectionError):
        del local.connection
        raise


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # head and body leave in one write

    def log_message(self, *args):
        pass

    def version_string(self):
        return "threads"

    def any_method(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        what, _, arg = path.lstrip("/").partition("/")
        if what == "status":
            self.answer(int(arg), b"status\n")
        elif what == "slow":
            time.sleep(int(arg) / 1000)
            self.answer(200, b"slow\n")
        elif what == "bytes":
            self.answer(200, b"x" * int(arg))
        elif what == "chunks":
            self.chunks(int(arg))
        elif what == "echo":
            self.answer(200, body)
        elif what == "leaf":
            self.answer(200, query.encode() + b"\n")
        elif what == "chain":
            self.answer(200, upstream("/leaf?" + query, body or None))
        elif what == "urllib":
            with urllib.request.urlopen(f"http://127.0.0.1:{UPSTREAM}/leaf?{query}") as got:
                self.answer(200, got.read())
        elif what == "pool":
            self.answer(200, workers.submit(upstream, "/leaf?" + query).result())
        elif what == "helper":
            got = []
            helper = threading.Thread(target=lambda: got.append(upstream("/leaf?" + query)))
            helper.start()
            helper.join()
            self.answer(200, got[0])
        elif what == "lookup":
            self.answer(200, socket.getaddrinfo("localhost", 80, socket.AF_INET)[0][4][0].encode())
        elif what == "run":
            self.answer(200, subprocess.run(["/bin/echo", "ran"], stdout=subprocess.PIPE).stdout)
        elif what == "sql":
            self.answer(200, self.sql())
        else:
            self.answer(200, b"hello\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = do_BREW = any_method

    def sql(self):
        db = sqlite3.connect(":memory:")
        db.execute("CREATE TABLE t(a)")
        return b"%d\n" % db.execute("SELECT count(*) FROM t").fetchone()[0]

    def answer(self, status, body):
        self.send_response(status)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def chunks(self, count):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(count):
            self.wfile.write(b"5\r\nchunk\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        pass


if __name__ == "__main__":
    with Server(("127.0.0.1", PORT), Handler) as server:
        if CERT:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(CERT, KEY)
            # The handshake is the connection's own thread's, at its first read.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
    sys.stdout.flush()
    workers.shutdown(False)
    sys.exit(0)
