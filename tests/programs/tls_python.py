"""
An HTTPS server and its client in one process. Prints what both saw, without the
headers of context propagation.

    tls_python.py CA CERTIFICATE KEY [1.2]
"""
import http.client
import http.server
import ssl
import sys
import threading

# The client asks anew when the server's last write has returned: a request is open until then.
answered = threading.Semaphore(0)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        kept = [k for k in self.headers.keys() if k.lower() not in ("traceparent", "tracestate")]
        answer = f"{self.path} {kept} {len(body)} {hash_of(body)}\n".encode() * 1000
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        answered.release()

    do_POST = do_GET


def hash_of(body):
    return sum(i * b for i, b in enumerate(body)) % 65521


def main():
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(sys.argv[2], sys.argv[3])
    if "1.2" in sys.argv:
        server_context.maximum_version = ssl.TLSVersion.TLSv1_2
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = server_context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    context = ssl.create_default_context(cafile=sys.argv[1])
    connection = http.client.HTTPSConnection("127.0.0.1", server.server_address[1], context=context)
    for method, path, size in (("GET", "/one?q=1", 0), ("POST", "/two", 300000), ("GET", "/missing", 0)):
        connection.request(method, path, body=bytes(range(256)) * (size // 256) if size else None,
                           headers={"Host": "a.test"})
        answer = connection.getresponse()
        body = answer.read()
        answered.acquire()
        print(answer.status, len(body), hash_of(body), body.split(b"\n")[0].decode())
    connection.close()
    server.shutdown()


main()
