"""
Cases with servers: a driver (drive.py, never traced) starts them, asks, stops
them, first bare, then under the shim; its output, which is all that they
answered and logged, must be the same. Spans are expected as in golden files,
written here with a few words of Python instead of JSON.

    serve("nginx_static", [nginx("http { … }")], [get(1, "/hello")],
          spans=[served("GET", "/hello", 1, size=6)])

$PORT1 … $PORT9 are free ports, the same in both runs; they lie below the range
that the kernel gives to clients.
"""
import json
import os
import random
import socket

from harness import case, readable_by_all

NR_PORTS = 9
ANY_PORT = {"type": "int", "min": 1, "max": 65535}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PARENT_ID = "00f067aa0ba902b7"



# ---------------------------------------------------------------- what a case consists of

claims = []  # of this case's process, until it ends


def is_ours(port):
    """Whether no other case has chosen it: that one's server may not be up yet, or be down between two runs."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0otelshim-test-port-{port}")
    except OSError:
        return False
    claims.append(claim)
    return True


def choose_ports(run):
    """Before the first run: ports for both."""
    if "PORT1" in run.case.vars:
        return
    number, chosen = random.Random(os.getpid()), []
    while len(chosen) < NR_PORTS:
        port = number.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if is_ours(port):
            chosen.append(port)
    run.case.vars.update({f"PORT{n}": port for n, port in enumerate(chosen, 1)})
    run.case.vars.update(CERT=run.shared["cert"], KEY=run.shared["key"])


def serve(name, servers, steps, spans=None, large=None, site=None, directories=(), shim_env=None, **options):
    """Registers a case. `site`: files that the servers find, as `files` of a case but with fixed times."""
    plan = {"servers": servers, "steps": steps, "large": large or {}, "directories": list(directories),
            "files": {"root/hello": "hello\n", "root/index.html": "<p>index</p>\n", **(site or {})}}
    options.setdefault("timeout", 60)
    options.setdefault("stdout", "== done")
    options.setdefault("slack", 6)
    options.setdefault("run_ids", NR_PORTS)  # each server is a run of its own
    options.setdefault("golden", spans)
    extra = options.pop("prepare", None)

    def prepare(run):
        choose_ports(run)
        run.case.vars["SPANS"] = os.path.join(run.dir, "spans.jsonl")
        readable_by_all(run)
        with open(os.path.join(run.tmp, "plan.json"), "w") as f:
            f.write(run.fill(json.dumps(plan)))
        if extra:
            extra(run)

    case(name, ["$PYTHON", "$HERE/drive.py", "plan.json"], preload=False, prepare=prepare, injects=False, vars={},
         shim_env={"DRIVE_PRELOAD": "$SHIM_FOR_ALL", **(shim_env or {})}, **options)


def server(name, argv, ports, **more):
    """stop: signal that ends it, "itself": none does; shim: whether it is traced; env; logs: files to compare; hide: [pattern, by] in outputs and logs."""
    return {"name": name, "argv": argv, "ports": ports, **more}


def program(name, argv, port, *arguments, **more):
    """A server of tests/programs. They end by themselves at SIGINT."""
    return server(name, argv + [port, *arguments], [port], stop="INT", **more)


# ---------------------------------------------------------------- questions

def get(port, path, headers="", method="GET", body="", version="1.1", **more):
    """One request on a connection of its own, over when the server closes it."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return {"what": f"{method} {path}", "to": f"$PORT{port}",
            "ask": f"{method} {path} HTTP/{version}\r\nHost: 127.0.0.1:$PORT{port}\r\n{headers}{length}"
                   f"Connection: close\r\n\r\n{body}", **more}


def ask(port, text, what="", **more):
    return {"what": what, "to": f"$PORT{port}", "ask": text, **more}


def curl(*arguments, **more):
    return {"what": "curl " + " ".join(arguments), "run": ["curl", "-sS", "-i", *arguments], **more}


# ---------------------------------------------------------------- expected spans

def served(method, path, port, *, status=200, size=None, body=None, query=None, children=(), agent=None,
           version="1.1", scheme="http", host="127.0.0.1", peer="127.0.0.1", tls=None, alpn=None, parent=None,
           original=None, route=None, more=None, **fields):
    """A SERVER span. size, body: bytes of the answer's and the request's body."""
    attributes = {"http.request.method": method, "url.path": path, "url.scheme": scheme,
                  "http.response.status_code": status, "network.protocol.version": version,
                  "server.address": host, "server.port": f"$PORT{port}" if isinstance(port, int) else port,
                  "client.address": peer, "network.peer.address": peer, "network.peer.port": ANY_PORT,
                  "http.response.body.size": size}
    optional = {"url.query": query, "user_agent.original": agent, "http.request.body.size": body,
                "tls.protocol.version": tls, "tls.next_protocol": alpn, "http.request.method_original": original, "http.route": route}
    return span("SERVER", method, status, 500, attributes, optional, children, parent, more, fields)


def called(method, url, port, *, status=200, size=None, body=None, children=(), version="1.1",
           host="127.0.0.1", peer="127.0.0.1", tls=None, alpn=None, parent=None, original=None, more=None, **fields):
    """A CLIENT span of the socket hooks; url without scheme and authority is a path at the port."""
    if url.startswith("/"):
        url = f"{'https' if tls else 'http'}://{host}:$PORT{port}{url}"
    attributes = {"http.request.method": method, "url.full": url,
                  "http.response.status_code": status, "network.protocol.version": version,
                  "server.address": host, "server.port": f"$PORT{port}",
                  "network.peer.address": peer, "network.peer.port": f"$PORT{port}",
                  "http.response.body.size": size}
    optional = {"http.request.body.size": body, "tls.protocol.version": tls, "tls.next_protocol": alpn,
                "http.request.method_original": original}
    return span("CLIENT", method, status, 400, attributes, optional, children, parent, more, fields)


def asked(method, path, more=None, **fields):
    """A CLIENT span at the harness's web server."""
    return called(method, f"http://127.0.0.1:$WEB_PORT{path}", 0, **fields, more={
        "server.port": "$WEB_PORT", "network.peer.port": "$WEB_PORT", **(more or {})})


def process(name, *children, code=0):
    """The life of the program itself."""
    out = {"name": name, "kind": "INTERNAL", "scope": "otelshim.process", "attributes": {
        "process.executable.name": name, "process.pid": "$PID", "process.parent_pid": "$PPID",
        "process.exit.code": code}, "children": list(children)}
    if code:
        out["status"], out["attributes"]["error.type"] = "Error", str(code)
    return out


def span(kind, method, status, first_error, attributes, optional, children, parent, more, fields):
    attributes.update({k: v for k, v in optional.items() if v is not None})
    out = {"name": "HTTP" if method == "_OTHER" else method, "kind": kind, "scope": "otelshim.http",
           "attributes": attributes, **fields}
    if attributes.get("http.route"):
        out["name"] += " " + attributes["http.route"]
    if isinstance(status, int) and status >= first_error:
        out["status"] = "Error"
        attributes["error.type"] = str(status)
    attributes.update(more or {})
    for key in [k for k, v in attributes.items() if v is None]:
        del attributes[key]
    if parent:
        out["remote_parent"] = parent
    if children:
        out["children"] = list(children)
    return out


# ---------------------------------------------------------------- servers by their configurations

NGINX = """
daemon off; pid $TMP/nginx.pid; error_log $TMP/nginx.error.log; user root; {top}
events {{ worker_connections {connections}; {events} }}
http {{
    log_format seen '$$request $$status $$body_bytes_sent';
    access_log $TMP/nginx.access.log seen;
    client_body_temp_path $TMP/body; proxy_temp_path $TMP/proxy; fastcgi_temp_path $TMP/fastcgi;
    uwsgi_temp_path $TMP/uwsgi; scgi_temp_path $TMP/scgi;
    default_type text/plain; root $TMP/root; keepalive_requests 1000000;
    {http}
}}
"""


def nginx(http, ports=("$PORT1",), top="worker_processes 1;", events="", connections=512, **more):
    """Returns (server, files). The configuration's own $names are written $$name."""
    text = NGINX.format(http=http, top=top, events=events, connections=connections)
    return server("nginx", ["nginx", "-c", "$TMP/nginx.conf", "-p", "$TMP"], list(ports), stop="QUIT",
                  logs=["nginx.access.log", "nginx.error.log"],
                  hide=[[r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+: (\*\d+ )?", r"[\1] "]],
                  **more), {"nginx.conf": text}


APACHE = """
ServerRoot $TMP
ServerName localhost
PidFile $TMP/apache.pid
DefaultRuntimeDir $TMP
ErrorLog $TMP/apache.error.log
LogLevel warn
LogFormat "%r %>s %b" seen
CustomLog $TMP/apache.access.log seen
ServerTokens Prod
KeepAliveTimeout 60
MaxKeepAliveRequests 0
{modules}
StartServers 2
<IfModule mpm_prefork_module>
MinSpareServers 2
MaxSpareServers 80
MaxRequestWorkers 80
ServerLimit 80
</IfModule>
<IfModule !mpm_prefork_module>
ThreadsPerChild 40
MaxRequestWorkers 80
MinSpareThreads 10
MaxSpareThreads 80
</IfModule>
DocumentRoot $TMP/root
<Directory $TMP/root>
Require all granted
</Directory>
{conf}
"""


def apache(conf, mpm, modules=(), ports=("$PORT1",), **more):
    names = ["mpm_" + mpm, "authz_core", "dir", "mime", *modules]
    lines = [f"LoadModule {n}_module /usr/lib/apache2/modules/mod_{n}.so" for n in names]
    lines += ["TypesConfig /dev/null", "DirectoryIndex index.html"]
    if os.getuid() == 0:  # apache2 refuses to serve as root: see harness.readable_by_all
        lines += ["User www-data", "Group www-data"]
    return server("apache2", ["apache2", "-DFOREGROUND", "-d", "$TMP", "-f", "$TMP/apache.conf"], list(ports),
                  stop="TERM", logs=["apache.access.log", "apache.error.log"],
                  hide=[[r"\[[^\]]* \d{4}\] (\[[\w:]+\]) \[pid [^\]]*\]", r"\1"],
                        [r"(\[client [^\]]*):\d+\]", r"\1:PORT]"]],
                  **more), {"apache.conf": APACHE.format(modules="\n".join(lines), conf=conf)}


LIGHTTPD = """
server.modules = ( "mod_accesslog", {modules} )
server.document-root = "$TMP/root"
server.bind = "127.0.0.1"
server.port = $PORT1
server.tag = "lighttpd"
server.errorlog = "$TMP/lighttpd.error.log"
accesslog.filename = "$TMP/lighttpd.access.log"
accesslog.format = "%r %s %b"
server.upload-dirs = ( "$TMP" )
etag.use-inode = "disable"
etag.use-mtime = "disable"
index-file.names = ( "index.html" )
{conf}
"""


def lighttpd(conf="", modules=""):
    return server("lighttpd", ["lighttpd", "-D", "-f", "$TMP/lighttpd.conf"], ["$PORT1"], stop="INT",
                  logs=["lighttpd.access.log", "lighttpd.error.log"],
                  hide=[[r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: ", ""], [r"\b(pid|PID|UID|uid)( = |:| )\d+", r"\1 N"]]), \
        {"lighttpd.conf": LIGHTTPD.format(conf=conf, modules=modules)}


HAPROXY = """
global
    maxconn 1000
    nbthread {threads}
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
{conf}
"""


def haproxy(conf, threads=1, ports=("$PORT1",)):
    return server("haproxy", ["haproxy", "-db", "-f", "$TMP/haproxy.conf"], list(ports), stop="USR1",
                  hide=[[r"\(\d+\)", "(N)"], [r"\d+/\d{6}", "N/N"], [r"cumulated conns: [^)]*", "N"]]), \
        {"haproxy.conf": HAPROXY.format(conf=conf, threads=threads)}


THREADS = ["/usr/bin/python3", "$ROOT/tests/programs/http_threads.py"]
ASYNCIO = ["/usr/bin/python3", "$ROOT/tests/programs/http_asyncio.py"]
ASIO = ["$PROGRAMS/http_asio"]
NODE = ["node", "$ROOT/tests/programs/http_node.js"]
