"""
HTTPS servers of languages' own: Python's (plain http.server, gunicorn, asyncio), Ruby's, lighttpd.
Where Node's OpenSSL is linked into it, it is not seen, as Java's own TLS is, and unharmed (docs/LIMITS.md).
"""
import subprocess

from http_case import PARENT, PARENT_ID, lighttpd, serve, served, server

NO_DNS = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"}
HTTPS = {"scheme": "https", "host": "localhost", "tls": "1.3"}


def ask(path, headers="", method="GET", body="", **more):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return {"what": f"{method} {path}", "to": "$PORT1", "tls": "$CA", "ask":
            f"{method} {path} HTTP/1.1\r\nHost: localhost:$PORT1\r\n{headers}{length}Connection: close\r\n\r\n{body}", **more}


QUESTIONS = [ask("/hello"), ask("/hello", f"traceparent: {PARENT}\r\n"), ask("/echo", method="POST", body="x" * 40000)]


def spans(size=6, **more):
    return [served("GET", "/hello", 1, size=size, **HTTPS, **more),
            served("GET", "/hello", 1, size=size, parent=PARENT_ID, **HTTPS, **more),
            served("POST", "/echo", 1, size=40000, body=40000, **HTTPS, **more)]


HTTP_SERVER = """
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])) if self.command == "POST" else b"hello\\n"
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    do_GET = do_POST
class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, address): pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("$CERT", "$KEY")
server = Server(("127.0.0.1", $PORT1), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
try: server.serve_forever(0.1)
except KeyboardInterrupt: pass
"""
serve("python_https_server", [server("https", ["/usr/bin/python3", "-c", HTTP_SERVER], ["$PORT1"], stop="INT")], QUESTIONS, spans(),
      shim_env=NO_DNS)

ASYNCIO = """
import asyncio, signal, ssl
async def handle(r, w):
    try:
        head = await r.readuntil(b"\\r\\n\\r\\n")
        await asyncio.sleep(0.01)
        length = [line.split(b":")[1] for line in head.split(b"\\r\\n") if line.lower().startswith(b"content-length:")]
        body = await r.readexactly(int(length[0])) if length else b"hello\\n"
        w.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        await w.drain()
        w.close()
        await w.wait_closed()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("$CERT", "$KEY")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ended.set)
    async with await asyncio.start_server(handle, "127.0.0.1", $PORT1, ssl=context):
        await ended.wait()
asyncio.run(main())
"""
# asyncio's sessions are over memory buffers: nobody knows which socket is behind.
NO_PEER = {"more": {"network.peer.address": None, "network.peer.port": None, "client.address": None}}
serve("python_asyncio_https", [server("asyncio", ["/usr/bin/python3", "-c", ASYNCIO], ["$PORT1"], stop="INT")],
      QUESTIONS, spans(**NO_PEER), shim_env=NO_DNS)

WSGI = """
def app(environ, start_response):
    body = environ["wsgi.input"].read() or b"hello\\n"
    start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]
"""
for kind in ("sync", "gthread"):
    gunicorn = server("gunicorn", ["gunicorn", "-k", kind, "-w", "1", "--threads", "2", "-b", "127.0.0.1:$PORT1", "--log-level", "critical",
                                   "--certfile", "$CERT", "--keyfile", "$KEY", "--graceful-timeout", "3", "wsgi:app"], ["$PORT1"])
    serve(f"gunicorn_{kind}_https", [gunicorn], [{"what": "workers start", "sleep_ms": 500}, *QUESTIONS], spans(), site={"wsgi.py": WSGI},
          needs=["gunicorn"], shim_env=NO_DNS)

WEBRICK = """
require "webrick"; require "webrick/https"
s = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: $PORT1, SSLEnable: true, AccessLog: [],
  Logger: WEBrick::Log.new(File::NULL), SSLCertificate: OpenSSL::X509::Certificate.new(File.read("$CERT")),
  SSLPrivateKey: OpenSSL::PKey.read(File.read("$KEY")))
s.mount_proc("/") { |q, a| a.body = q.request_method == "POST" ? q.body : "hello\\n" }
trap("INT") { s.shutdown }
s.start
"""
serve("ruby_webrick_https", [server("webrick", ["ruby", "-e", WEBRICK], ["$PORT1"], stop="INT")], QUESTIONS, spans(), needs=["ruby"],
      shim_env=NO_DNS)

one, files = lighttpd('ssl.engine = "enable"\nssl.pemfile = "$CERT"\nssl.privkey = "$KEY"', '"mod_openssl"')
serve("lighttpd_https", [one], [ask("/hello"), ask("/hello", f"traceparent: {PARENT}\r\n"), ask("/missing")],
      [*spans()[:2], served("GET", "/missing", 1, status=404, size=341, **HTTPS)], site=files, needs=["/usr/lib/lighttpd/mod_openssl.so"])

NODE = """
const https = require('https'), fs = require('fs');
const s = https.createServer({ key: fs.readFileSync('$KEY'), cert: fs.readFileSync('$CERT') }, (q, a) => {
  const got = []; q.on('data', (d) => got.push(d));
  q.on('end', () => a.end(q.method === 'POST' ? Buffer.concat(got) : 'hello\\n'));
});
s.listen($PORT1, '127.0.0.1'); process.on('SIGINT', () => process.exit(0));
"""
NODES = subprocess.run("ldd $(command -v node)", shell=True, capture_output=True, text=True, check=False).stdout
# Debian's has OpenSSL in a library, and speaks to it over memory buffers, as asyncio does.
serve("node_https", [server("node", ["node", "-e", NODE], ["$PORT1"], stop="INT")], QUESTIONS,
      spans(**NO_PEER) if "libssl" in NODES else [], needs=["node"], sanitized=False)
