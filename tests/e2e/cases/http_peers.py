"""
Who is at the other end: behind a PROXY header the socket's peer is not the client, and Unix
sockets have a path or no name at all, and never a port. By the conventions for network
attributes: network.peer.* is the socket's end, client.address who asked first.
"""
from http_case import apache, ask, called, get, nginx, process, serve, served

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

# nginx peeks at the header and reads it alone, apache2 reads it with the request (and takes UNKNOWN for an error).
one, files = nginx("server { listen 127.0.0.1:$PORT1 proxy_protocol; }")
serve("peer_behind_a_proxy_header_nginx", [one], ASKED, SPANS, site=files)
one, files = apache("Listen 127.0.0.1:$PORT1\nRemoteIPProxyProtocol On\n", "event", ["remoteip"])
serve("peer_behind_a_proxy_header_apache", [one], [a for a in ASKED if "UNKNOWN" not in a["ask"]],
      [s for s in SPANS if s["attributes"]["url.query"] != "u"], site=files)

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
