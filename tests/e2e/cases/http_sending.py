"""
Answers that are put together by the kernel: sendfile below a cork, MSG_MORE, splice.
What of them never passes a write is counted all the same.
"""
from http_case import called, haproxy, lighttpd, nginx, process, serve, served, server

LARGE = 700000
NO_DNS = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"}
AGENT = {"regex": "curl/.*"}
ALL = ["http://127.0.0.1:$PORT1/large", "http://127.0.0.1:$PORT1/hello"]


def by_curl(*arguments):
    """Two files, one connection, and their hash."""
    return {"what": "curl " + " ".join(arguments), "run": ["sh", "-c", f"curl -sS {' '.join(arguments)} | sha256sum"]}


def file_spans(**more):
    return [served("GET", "/large", 1, size=LARGE, agent=AGENT, **more), served("GET", "/hello", 1, size=6, agent=AGENT, **more),
            served("GET", "/large", 1, size=200001, status=206, agent=AGENT, **more),
            served("HEAD", "/large", 1, size=0, agent=AGENT, **more)]


FILES = [by_curl(*ALL), by_curl("-r", "100000-300000", ALL[0]), by_curl("-I", "-o", "/dev/null", ALL[0])]
for name, directives in (("sendfile_nopush", "sendfile on; tcp_nopush on; tcp_nodelay on;"),
                         ("sendfile_in_pieces", "sendfile on; sendfile_max_chunk 64k; tcp_nopush on;"),
                         ("no_sendfile", "sendfile off; output_buffers 2 16k;")):
    one, files = nginx("server { listen 127.0.0.1:$PORT1; %s }" % directives)
    serve(f"nginx_{name}", [one], FILES, file_spans(), site=files, large={"root/large": LARGE})
for backend in ("sendfile", "writev", "write"):
    one, files = lighttpd(f'server.network-backend = "{backend}"')
    serve(f"lighttpd_{backend}", [one], FILES, file_spans(), site=files, large={"root/large": LARGE})

# HAProxy moves bodies from socket to socket by a pipe.
one, files = haproxy("    option splice-auto\n    option splice-response\n    option splice-request\nfrontend f\n    bind 127.0.0.1:$PORT1\n"
                     "    default_backend b\nbackend b\n    server s 127.0.0.1:$PORT2\n")
back, back_files = nginx("server { listen 127.0.0.1:$PORT2; client_max_body_size 0; location /put/ { dav_methods PUT; } }", ["$PORT2"])


def spliced(method, path, **fields):
    more = {"more": {"server.port": "$PORT1"}}
    return served(method, path, 1, agent=AGENT, **fields, children=[
        called(method, f"http://127.0.0.1:$PORT1{path}", 2, **fields, **more, children=[
            served(method, path, 2, agent=AGENT, **fields, **more)])])


serve("haproxy_splices", [back, one], [
    by_curl(*ALL), {"what": "upload", "run": ["curl", "-sS", "-H", "Expect:", "-T", "root/large", "http://127.0.0.1:$PORT1/put/large"]},
    {"what": "arrived", "run": ["cmp", "root/large", "root/put/large"]}],
    [spliced("GET", "/large", size=LARGE), spliced("GET", "/hello", size=6), spliced("PUT", "/put/large", status=201, size=0, body=LARGE)],
    site={**files, **back_files}, large={"root/large": LARGE}, directories=["root/put"], needs=["haproxy"])

# ---------------------------------------------------------------- by hand, both sides
CORKED = ["/usr/bin/python3", "$ROOT/tests/programs/http_corked.py"]


def both(method, path, size, body=None):
    return called(method, path, 1, size=size, body=body, children=[served(method, path, 1, size=size, body=body)])


serve("corked", [server("corked", [*CORKED, "serve", "$PORT1", "root/large"], ["$PORT1"], stop="INT")],
      [{"what": "ask", "shim": True, "run": [*CORKED, "ask", "$PORT1"]}],
      [process("python3.11", both("GET", "/more", LARGE), both("GET", "/cork", LARGE), both("GET", "/splice", LARGE),
               both("POST", "/body", 64, 76800), both("GET", "/cork", LARGE), both("POST", "/body", 64, 3))],
      large={"root/large": LARGE}, shim_env=NO_DNS, stdout="done")
