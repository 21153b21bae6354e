"""
What the programs under test talk to: a small web server of our own (a thread,
keeps the headers it saw) and nginx (HTTP/1.1, HTTP/2, TLS with a CA made for
the run). Loopback only, ports chosen by the kernel.
"""
import http.server
import os
import socket
import socketserver
import subprocess
import threading
import time


def free_ports(number):
    """Different ones: each is held until all are chosen."""
    held = [socket.socket() for _ in range(number)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def free_port():
    return free_ports(1)[0]


_kept_closed = []


def closed_port():
    """A port that refuses: bound, so that nobody else gets it, and never listened on."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    _kept_closed.append(s)
    return s.getsockname()[1]


class WebHandler(http.server.BaseHTTPRequestHandler):
    """
    /hello  /status/N  /redirect/N (N hops to /hello)  /slow/MS  /bytes/N
    /echo (the request body)  /drop (closes)  /cut (half a body, then closes)
    """
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def version_string(self):
        return "web"

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 1970 00:00:00 GMT"  # the same output in both runs

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with self.server.web.lock:
            self.server.web.requests.append({"method": self.command, "path": self.path,
                                             "headers": list(self.headers.items()), "body": body})
        what, _, arg = self.path.lstrip("/").partition("?")[0].partition("/")
        if what == "status":
            self.answer(int(arg), b"status " + arg.encode() + b"\n")
        elif what == "redirect":
            left = int(arg) - 1
            self.answer(302, b"", {"Location": f"/redirect/{left}" if left else "/hello"})
        elif what == "slow":
            time.sleep(int(arg) / 1000)
            self.answer(200, b"slow\n")
        elif what == "bytes":
            self.answer(200, b"x" * int(arg))
        elif what == "echo":
            self.answer(200, body)
        elif what == "drop":
            self.close_connection = True
        elif what == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.close_connection = True
        else:
            self.answer(200, b"hello\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = do_BREW = handle_any

    def answer(self, status, body, headers=()):
        self.send_response(status)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)


class Quiet(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass


class Web:
    def __init__(self):
        self.lock = threading.Lock()
        self.requests = []
        self.server = Quiet(("127.0.0.1", 0), WebHandler)
        self.server.web = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()

    def seen(self):
        """(path, traceparent) of every request since the run began; several headers are joined."""
        with self.lock:
            return [(r["path"], ",".join(v for k, v in r["headers"] if k.lower() == "traceparent"))
                    for r in self.requests]


NGINX_CONF = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 128; }}
http {{
    access_log off;
    log_format seen '$request_uri\\t$server_protocol\\t$http_traceparent';
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl http2;
        ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
        access_log {dir}/seen.log seen;
        root {dir}/root;
        location = /hello {{ default_type text/plain; return 200 "hello\\n"; }}
        location = /missing {{ return 404 "missing\\n"; }}
        location = /redirect {{ return 302 /hello; }}
        location / {{ }}
    }}
}}
"""


class Nginx:
    def __init__(self, directory, shared):
        self.dir = directory
        os.makedirs(os.path.join(directory, "root"), exist_ok=True)
        self.port, self.tls_port = free_ports(2)
        conf = os.path.join(directory, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX_CONF.format(dir=directory, port=self.port, tls_port=self.tls_port,
                                      cert=shared["cert"], key=shared["key"]))
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self.process = subprocess.Popen(["nginx", "-c", conf, "-p", directory], env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("nginx does not start: "
                                       + self.process.stderr.read().decode()) from None
                time.sleep(0.02)

    def forget(self):
        # nginx appends (O_APPEND), so the file may be cut under it.
        with open(os.path.join(self.dir, "seen.log"), "w"):
            pass

    def seen_lines(self):
        with open(os.path.join(self.dir, "seen.log")) as f:
            return [line.rstrip("\n").split("\t") for line in f]

    def seen(self):
        return [(path, "" if traceparent == "-" else traceparent)
                for path, _, traceparent in self.seen_lines()]

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


def make_ca(directory):
    """A CA and a certificate for localhost and 127.0.0.1, made once per run."""
    os.makedirs(directory, exist_ok=True)
    path = {n: os.path.join(directory, n) for n in ("ca.pem", "ca.key", "cert.pem", "cert.key", "csr", "ext")}
    with open(path["ext"], "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
            ["req", "-x509", *new_key, "-keyout", path["ca.key"], "-out", path["ca.pem"], "-days", "2",
             "-subj", "/CN=otelshim tests", "-addext", "basicConstraints=critical,CA:TRUE"],
            ["req", *new_key, "-keyout", path["cert.key"], "-out", path["csr"], "-subj", "/CN=localhost"],
            ["x509", "-req", "-in", path["csr"], "-CA", path["ca.pem"], "-CAkey", path["ca.key"],
             "-CAcreateserial", "-out", path["cert.pem"], "-days", "2", "-extfile", path["ext"]]):
        subprocess.run(["openssl", *command], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"ca": path["ca.pem"], "cert": path["cert.pem"], "key": path["cert.key"]}


def make_client_certificate(directory):
    """Signed by the CA that make_ca left there."""
    at = {n: os.path.join(directory, n) for n in ("ca.pem", "ca.key", "client.pem", "client.key", "client.csr")}
    for command in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-keyout", at["client.key"], "-out", at["client.csr"], "-subj", "/CN=client"],
                    ["x509", "-req", "-in", at["client.csr"], "-CA", at["ca.pem"], "-CAkey", at["ca.key"],
                     "-CAcreateserial", "-days", "2", "-out", at["client.pem"]]):
        subprocess.run(["openssl", *command], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"cert": at["client.pem"], "key": at["client.key"]}


def make_server_certificate(directory, name="localhost", expired=False):
    """Another one of the CA that make_ca left there."""
    at = {n: os.path.join(directory, f"other-{name}-{expired}.{n}") for n in ("pem", "key", "csr", "ext")}
    ca = {n: os.path.join(directory, n) for n in ("ca.pem", "ca.key")}
    with open(at["ext"], "w", encoding="utf-8") as f:
        f.write(f"subjectAltName=DNS:{name}\n")
    # openssl 3.0 cannot be told when a certificate begins; one that ends before it begins has ended.
    days = ["-days", "-1" if expired else "2"]
    for command in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-keyout", at["key"], "-out", at["csr"], "-subj", f"/CN={name}"],
                    ["x509", "-req", "-in", at["csr"], "-CA", ca["ca.pem"], "-CAkey", ca["ca.key"],
                     "-CAcreateserial", *days, "-out", at["pem"], "-extfile", at["ext"]]):
        subprocess.run(["openssl", *command], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"cert": at["pem"], "key": at["key"]}
