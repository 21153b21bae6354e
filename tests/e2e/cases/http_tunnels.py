"""
Connections that stop being HTTP: after a 101 or a CONNECT the bytes are the program's
alone, both ways, though they may look like requests. Spans end with the tunnel's beginning.
"""
from http_case import apache, called, haproxy, nginx, process, serve, served, server

NO_DNS = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"}
NO_CURL = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl,dns"}
TUNNEL = ["/usr/bin/python3", "$ROOT/tests/programs/http_tunnel.py"]


# ---------------------------------------------------------------- 101
def tunnel_app(port):
    return server("tunnel", [*TUNNEL, "serve", port], [port], stop="INT")


def through(*hops):
    """Spans of one request; each hop asks at one port and is known there by the port of the first."""
    def tree(path, status, left):
        if not left:
            return []
        more = {"server.port": f"$PORT{hops[0]}"}
        url = f"http://127.0.0.1:$PORT{hops[0]}{path}"
        size = {101: 0, 200: 6}[status]
        return [called("GET", url, left[0], status=status, size=size, more=more, children=[
            served("GET", path, left[0], status=status, size=size, more=more, children=tree(path, status, left[1:]))])]
    return [process("python3.11", *tree("/hello", 200, hops), *tree("/tunnel", 101, hops))]


ASK = [{"what": "ask", "shim": True, "run": [*TUNNEL, "ask", "$PORT1"]}]
SAME = "(\\d+ [0-9a-f]{64} True\n){9}"
serve("upgrade", [tunnel_app("$PORT1")], ASK, through(1), shim_env=NO_DNS, stdout=SAME)
one, files = nginx("""
server { listen 127.0.0.1:$PORT1;
    location / { proxy_pass http://127.0.0.1:$PORT2; proxy_http_version 1.1; proxy_set_header Host $$http_host;
                 proxy_set_header Upgrade $$http_upgrade; proxy_set_header Connection $$http_connection; } }""")
serve("upgrade_through_nginx", [tunnel_app("$PORT2"), one], ASK, through(1, 2), site=files, shim_env=NO_DNS, stdout=SAME)
one, files = haproxy("    timeout tunnel 20s\nfrontend f\n    bind 127.0.0.1:$PORT1\n    default_backend b\n"
                     "backend b\n    server s 127.0.0.1:$PORT2\n")
serve("upgrade_through_haproxy", [tunnel_app("$PORT2"), one], ASK, through(1, 2), site=files, shim_env=NO_DNS, stdout=SAME)
one, files = apache("Listen 127.0.0.1:$PORT1\nProxyPass / http://127.0.0.1:$PORT2/ upgrade=echo\nProxyPreserveHost On",
                    "event", ["proxy", "proxy_http"])
serve("upgrade_through_apache", [tunnel_app("$PORT2"), one], ASK, through(1, 2), site=files, shim_env=NO_DNS, stdout=SAME)

# ---------------------------------------------------------------- CONNECT
TINYPROXY = """
Port $PORT1
Listen 127.0.0.1
Timeout 20
PidFile "$TMP/tinyproxy.pid"
LogFile "$TMP/tinyproxy.log"
LogLevel Warning
MaxClients 20
DisableViaHeader Yes
"""
TINY = server("tinyproxy", ["tinyproxy", "-d", "-c", "$TMP/tinyproxy.conf"], ["$PORT1"], stop="TERM",
              hide=[[r"(?m)^\w+ +\w+ \d+ [\d:.]+ \[\d+\]: .*\n", ""]])

def connect(agent=None, version="1.1"):
    """The tunnel itself, asked for in plain text, and told of no longer than its answer is under way."""
    known = {"version": version, "status": 200, "size": 0, "host": "localhost", "more": {"server.port": "$PORT2"}}
    return called("CONNECT", "http://localhost:$PORT2", 1, **known, children=[
        served("CONNECT", "", 1, agent=agent, **known)])


def inside_the_tunnel(method, path, peer, agent=None, **fields):
    tls = {"tls": "1.3", "host": "localhost", **fields}
    return called(method, f"https://localhost:$PORT2{path}", 1, size=9, **tls, more={"server.port": "$PORT2", **peer}, children=[
        served(method, path, 2, size=9, scheme="https", agent=agent, **tls)])


# curl's own BIO hides the descriptor, which nobody looks at any more: docs/LIMITS.md.
NO_PEER = {"network.peer.address": None, "network.peer.port": None}
AGENT = {"regex": "curl/.*"}
POST = {"peer": NO_PEER, "agent": AGENT, "body": 22, "alpn": "http/1.1"}
BY_CURL = [process("curl", connect(agent=AGENT), inside_the_tunnel("POST", "/r", **POST), inside_the_tunnel("POST", "/s", **POST))]
BY_PYTHON = [process("python3.11", connect(version="1.0"), inside_the_tunnel("GET", "/r", {}), inside_the_tunnel("GET", "/s", {}))]
PYTHON = """
import http.client, ssl
c = http.client.HTTPSConnection("127.0.0.1", $PORT1, context=ssl.create_default_context(cafile="$CA"))
c.set_tunnel("localhost", $PORT2)
for path in ("/r", "/s"):
    c.request("GET", path)
    print(c.getresponse().read())
"""
INSIDE, inside_files = nginx("server { listen 127.0.0.1:$PORT2 ssl; ssl_certificate $CERT; ssl_certificate_key $KEY; "
                             "ssl_protocols TLSv1.3; location / { return 200 'returned\\n'; } }", ["$PORT2"])


def by_proxy(name, proxy, files, **options):
    serve(f"connect_by_{name}", [INSIDE, proxy], [
        {"what": "curl by a proxy", "shim": True, "run": [
            "curl", "-sS", "--http1.1", "--cacert", "$CA", "-x", "http://127.0.0.1:$PORT1", "https://localhost:$PORT2/r",
            "https://localhost:$PORT2/s", "-d", "GET /fake HTTP/1.1\r\n\r\n"]},
        {"what": "Python by a proxy", "shim": True, "run": ["/usr/bin/python3", "-c", PYTHON]}],
        BY_CURL + BY_PYTHON, stdout="returned\nreturned", site={**inside_files, **files}, shim_env=NO_CURL, **options)


by_proxy("tinyproxy", TINY, {"tinyproxy.conf": TINYPROXY}, needs=["tinyproxy"])
one, files = apache("Listen 127.0.0.1:$PORT1\nProxyRequests On\nAllowCONNECT $PORT2", "event",
                    ["proxy", "proxy_http", "proxy_connect"])
by_proxy("apache", one, files)

# An absolute target: tinyproxy writes its head line by line, so ours is not in it; the caller's header goes through.
one, files = nginx("server { listen 127.0.0.1:$PORT2; location / { return 200 'plain\\n'; } }", ["$PORT2"])
ASKED = {"size": 6, "more": {"server.port": "$PORT2"}}
URL = "http://127.0.0.1:$PORT2/r"
serve("absolute_by_tinyproxy", [one, TINY], [{"what": "curl", "shim": True, "run": ["curl", "-sS", "-x", "http://127.0.0.1:$PORT1", URL]}],
      [process("curl", called("GET", URL, 1, **ASKED, children=[
          served("GET", "/r", 1, agent=AGENT, **ASKED, children=[called("GET", URL, 2, size=6)]),
          served("GET", "/r", 2, size=6, agent=AGENT)]))],
      site={**files, "tinyproxy.conf": TINYPROXY}, needs=["tinyproxy"], shim_env=NO_CURL, stdout="plain")
