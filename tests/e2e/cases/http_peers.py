"""
Who is at the other end: behind a PROXY header the socket's peer is not the client, and Unix
sockets have a path or no name at all, and never a port. By the conventions for network
attributes: network.peer.* is the socket's end, client.address who asked first.
"""
import os

from http_case import apache, ask, called, get, haproxy, nginx, process, serve, served

V1 = "PROXY TCP4 203.0.113.9 198.51.100.1 4711 80\r\n"
V1_INET6 = "PROXY TCP6 2001:db8::9 2001:db8::1 4711 80\r\n"
V1_UNKNOWN = "PROXY UNKNOWN\r\n"
SIGNATURE = "\r\n\r\n\0\r\nQUIT\n"
V2 = SIGNATURE + "\x21\x11\0\x0c" + "\xcb\0\x71\x0a" + "\xc6\x33\x64\1" + "\x12\x67" + "\0\x50"
V2_LOCAL = SIGNATURE + "\x20\0\0\0"


def introduced(header, path):
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:$PORT1\r\n"
    return ask(1, f"{header}{request}\r\n{request}Connection: close\r\n\r\n", f"{path} behind {header[:12]!r}")



ASKED = [introduced(V1, "/hello?1"), introduced(V1_INET6, "/hello?6"), introduced(V1_UNKNOWN, "/hello?u"),
         introduced(V2, "/hello?2"), introduced(V2_LOCAL, "/hello?l")]
CLIENTS = {"1": "203.0.113.9", "6": "2001:db8::9", "u": "127.0.0.1", "2": "203.0.113.10", "l": "127.0.0.1"}
SPANS = [served("GET", "/hello", 1, size=6, query=query, more={"client.address": client})
         for query, client in CLIENTS.items() for _ in range(2)]

# nginx peeks at the header and reads it alone, apache2 reads it with the request (UNKNOWN is an
# error to it, and before 2.4.71 so is LOCAL).
one, files = nginx("server { listen 127.0.0.1:$PORT1 proxy_protocol; }")
serve("peer_behind_a_proxy_header_nginx", [one], ASKED, SPANS, site=files)
one, files = apache("Listen 127.0.0.1:$PORT1\nRemoteIPProxyProtocol On\n", "event", ["remoteip"])
serve("peer_behind_a_proxy_header_apache", [one], [a for a in ASKED if "?u" not in a["ask"] and "?l" not in a["ask"]],
      [s for s in SPANS if s["attributes"]["url.query"] not in "ul"], site=files)

# ---------------------------------------------------------------- Unix sockets
APP = """
server { listen unix:$TMP/app.sock; location /app { return 200 'app\\n'; } }
server { listen 127.0.0.1:$PORT1; location / { proxy_pass http://unix:$TMP/app.sock; %s } }
"""
NO_NAME = {"network.peer.address": None, "network.peer.port": None, "client.address": None, "server.port": None,
           "network.transport": "unix"}
AT_PATH = {"network.peer.address": "$TMP/app.sock", "network.peer.port": None, "server.port": None, "network.transport": "unix"}
one, files = nginx(APP % "", ports=["$PORT1", "$TMP/app.sock"])
serve("peer_on_a_unix_socket_nginx", [one], [get(1, "/app")],
      [served("GET", "/app", 1, size=4, children=[
          called("GET", "http://localhost/app", 1, host="localhost", size=4, version="1.0", more=AT_PATH, children=[
              served("GET", "/app", 1, host="localhost", size=4, version="1.0", more=NO_NAME)])])], site=files)
# A port that the program names is told.
one, files = nginx(APP % "proxy_set_header Host shop.example:81;", ports=["$PORT1", "$TMP/app.sock"])
serve("peer_on_a_unix_socket_with_a_port_in_host", [one], [get(1, "/app")],
      [served("GET", "/app", 1, size=4, children=[
          called("GET", "http://shop.example:81/app", 1, host="shop.example", size=4, version="1.0",
                 more={**AT_PATH, "server.port": 81}, children=[
                     served("GET", "/app", 1, host="shop.example", size=4, version="1.0",
                            more={**NO_NAME, "server.port": 81})])])], site=files)

one, files = nginx(APP % "", ports=["$PORT1", "$TMP/app.sock"])
ONCE = {"what": "curl", "run": ["curl", "-sS", "--unix-socket", "$TMP/app.sock", "http://app.example/app"], "shim": True}
BY_CURL = {"name": "GET", "kind": "CLIENT", "scope": "otelshim.curl", "attributes": {
    "http.request.method": "GET", "url.full": "http://app.example/app", "server.address": "app.example",
    "http.response.status_code": 200, "network.protocol.version": "1.1", "network.peer.address": "$TMP/app.sock",
    "network.transport": "unix", "http.request.size": {"type": "int", "min": 1}, "http.response.body.size": 4,
    "http.response.size": {"type": "int", "min": 1}},
    "events": ["curl.connected", "curl.request_sent", "curl.first_byte"], "children": [
        served("GET", "/app", 1, host="app.example", size=4, more=NO_NAME, agent={"regex": "curl/.*"})]}
serve("peer_on_a_unix_socket_curl", [one], [ONCE], [process("curl", BY_CURL)], site=files)
serve("peer_on_a_unix_socket_curl_on_its_socket", [one], [ONCE],
      [process("curl", called("GET", "http://app.example/app", 1, host="app.example", size=4, more=AT_PATH, children=[
          served("GET", "/app", 1, host="app.example", size=4, more=NO_NAME, agent={"regex": "curl/.*"})]))],
      site=files, shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl"})

# ---------------------------------------------------------------- a PROXY header of the program's own
BEHIND = "server { listen 127.0.0.1:$PORT2%s proxy_protocol; %s }"
FRONT = ("frontend f\n    bind 127.0.0.1:$PORT1 accept-proxy\n    default_backend b\n"
         "backend b\n    server s 127.0.0.1:$PORT2 %s\n")
CLIENT = {"client.address": "203.0.113.9"}


def forwarded(path, tls=None):
    """A request with a PROXY header, at $PORT1, forwarded with its Host and another one to $PORT2."""
    more = {"server.port": "$PORT1"}
    url = f"{'https' if tls else 'http'}://127.0.0.1:$PORT1{path}"
    return served("GET", path, 1, size=6, more=CLIENT, children=[
        called("GET", url, 2, size=6, tls=tls, more=more, children=[
            served("GET", path, 1, size=6, tls=tls, scheme="https" if tls else "http", more=CLIENT)])])


for how, tls, name in (("send-proxy", None, "v1"), ("send-proxy-v2", None, "v2"),
                       ("send-proxy-v2 ssl verify none", "1.3", "v2_tls")):
    behind, files = nginx(BEHIND % (" ssl" if tls else "", "ssl_protocols TLSv1.3; ssl_certificate $CERT; ssl_certificate_key $KEY;" if tls else ""),
                          ports=["$PORT2"])
    front, front_files = haproxy(FRONT % how)
    serve(f"peer_haproxy_sends_proxy_{name}", [behind, front], [introduced(V1, "/hello")],
          [forwarded("/hello", tls), forwarded("/hello", tls)], site={**files, **front_files})

# nginx as a proxy of TCP reads and writes what it does not parse: requests are seen all the same.
STREAM = "stream { server { listen 127.0.0.1:$PORT1; proxy_pass 127.0.0.1:$PORT2; proxy_protocol on; } }"
MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
one, files = nginx(BEHIND % ("", ""), top=f"load_module {MODULE}; worker_processes 1; {STREAM}", ports=["$PORT1", "$PORT2"])
serve("peer_nginx_stream_sends_proxy", [one], [get(1, "/hello"), get(1, "/hello", method="HEAD")],
      [served(method, "/hello", 1, size=size, children=[
          called(method, "/hello", 2, size=size, more={"server.port": "$PORT1", "url.full": "http://127.0.0.1:$PORT1/hello"},
                 children=[served(method, "/hello", 1, size=size)])]) for method, size in (("GET", 6), ("HEAD", 0))],
      site=files, skip=lambda: None if os.path.exists(MODULE) else "no libnginx-mod-stream")

# Both in one write: the header stays in front, and ours is in the head.
BOTH = """
import socket, sys
for header in (b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 80\\r\\n",
               b"\\r\\n\\r\\n\\0\\r\\nQUIT\\n\\x21\\x11\\0\\x0c\\xcb\\0\\x71\\x09\\xc6\\x33\\x64\\1\\x12\\x67\\0\\x50"):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
        head = b"GET /hello HTTP/1.1\\r\\nHost: shop.example\\r\\nConnection: close\\r\\n\\r\\n"
        s.sendall(header + head)
        answer = s.makefile("rb").read()
        print(answer.split(b"\\r\\n")[0], answer.endswith(b"hello\\n"))
"""
behind, files = nginx(BEHIND % ("", ""), ports=["$PORT2"])
serve("peer_program_writes_proxy_and_head_at_once", [behind],
      [{"what": "client", "run": ["/usr/bin/python3", "both.py", "$PORT2"], "shim": True}],
      [process("python3.11", *[called("GET", "http://shop.example/hello", 2, size=6, host="shop.example", more={"server.port": 80}, children=[
          served("GET", "/hello", 80, size=6, host="shop.example", more={**CLIENT, "server.port": 80})]) for _ in range(2)])],
      site={**files, "both.py": BOTH}, shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"})
serve("peer_curl_introduces_itself", [behind],
      [{"what": "curl", "run": ["curl", "-sS", "--haproxy-protocol", "http://127.0.0.1:$PORT2/hello"], "shim": True}],
      [process("curl", called("GET", "/hello", 2, size=6, children=[
          served("GET", "/hello", 2, size=6, agent={"regex": "curl/.*"})]))],
      site=files, shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl"})
