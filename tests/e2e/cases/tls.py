"""
Plaintext above TLS: what goes through OpenSSL and GnuTLS is the same under the
shim but for our header, whatever the library must be asked to repeat. Clients and
servers of one process show both sides: each CLIENT span has its SERVER span as child,
so the header has arrived. nginx, Apache and wget by TLS: http_servers, http_clients.
"""
import os

from harness import Failure, case
from http_case import PARENT, PARENT_ID, ANY_PORT, called, choose_ports, curl, haproxy, nginx, serve, served, server

ALONE = {"OTEL_SHIM_PROCESS_SPAN": "never", "OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"}
NO_PEER = {"network.peer.address": None, "network.peer.port": None, "client.address": None}
SOCKETPAIR = {**NO_PEER, "network.transport": "unix"}  # no names, no ports


def both(method, path, *, port, peer, query=None, tls="1.3", **fields):
    """A request that a client here sends to a server here."""
    url = f"https://{fields['host']}{path}" + (f"?{query}" if query else "")
    asked = called(method, url, 0, tls=tls, more={"server.port": port, **peer}, **fields)
    got = served(method, path, 0, query=query, scheme="https", tls=tls, more={"server.port": port, **peer}, **fields)
    asked["attributes"].pop("client.address", None)
    return {**asked, "children": [got]}


# ---------------------------------------------------------------- repeated writes

def talked(run):
    """One traceparent in each request, of its CLIENT span."""
    with open(os.path.join(run.tmp, "headers")) as f:
        came = [line.split()[1] for line in f]
    sent = [f"00-{s['trace_id']}-{s['span_id']}-03" for s in run.roots]
    if came != sent:
        raise Failure(f"{came} arrived, {sent} were sent")


def talk_spans(tls, **more):
    return [both("POST", f"/{path}", host="example.test", port=None, peer=SOCKETPAIR, size=3, body=body, tls=tls, **more)
            for path, body in (("small", 10), ("record", 16384), ("large", 200000), ("again", 300))]


def talk(name, program, *modes, tls="1.3", stdout="repeated: yes", **more):
    case(name, [f"$PROGRAMS/{program}", "$CERT", "$KEY", *modes], prepare=choose_ports, vars={}, golden=talk_spans(tls, **more),
         stdout=stdout, shim_env=ALONE, check=talked)


talk("tls_openssl_repeats", "openssl_talk")
talk("tls_openssl_repeats_with_moving_buffers", "openssl_talk", "moving")
talk("tls_openssl_writes_in_part", "openssl_talk", "partial")
talk("tls_openssl_writes_in_part_with_moving_buffers", "openssl_talk", "partial", "moving")
talk("tls_openssl_ex_functions", "openssl_talk", "partial", "moving", "ex")
talk("tls_gnutls_repeats", "gnutls_talk")
talk("tls_gnutls_repeats_by_null", "gnutls_talk", "null")
talk("tls_gnutls_other_functions", "gnutls_talk", "forms", alpn="http/1.1")
# New keys and new handshakes, before each write of whoever writes.
talk("tls_openssl_key_updates", "openssl_talk", "rekey", stdout="renewed keys in each message")
talk("tls_openssl_key_updates_in_part", "openssl_talk", "rekey", "partial", "moving", stdout="renewed keys in each message")
for side in ("client", "server"):
    talk(f"tls_openssl_{side}_renegotiates", "openssl_talk", side, tls="1.2", stdout="renewed handshakes in each message")
    talk(f"tls_openssl_{side}_renegotiates_in_part", "openssl_talk", side, "partial", "moving", "ex", tls="1.2",
         stdout="renewed handshakes in each message")
talk("tls_gnutls_key_updates", "gnutls_talk", "rekey", stdout="renewed keys: 4 times")
talk("tls_gnutls_rehandshakes", "gnutls_talk", "rehandshake", tls="1.2", stdout="renewed handshakes: 8 times")

for one in ("openssl", "gnutls"):
    case(f"tls_{one}_disabled", [f"$PROGRAMS/{one}_talk", "$CERT", "$KEY"], prepare=choose_ports, vars={}, golden=[],
         stdout="repeated: yes", check=talked,
         shim_env={**ALONE, "OTEL_SHIM_DISABLED_INSTRUMENTATIONS": f"dns,{one}"})

EARLY = {"host": "example.test", "port": None, "peer": SOCKETPAIR, "size": 3}
early = both("GET", "/early", **EARLY)  # without our header: a trace of its own
case("tls_openssl_sessions_used_again_and_early_data", ["$PROGRAMS/openssl_early", "$CERT", "$KEY"],
     prepare=choose_ports, vars={}, shim_env=ALONE, stdout="early(.|\n)*late", parallel=True,
     golden=[*(both("GET", f"/{path}", **EARLY) for path in ("first", "referenced", "cleared", "late")),
             *early.pop("children"), early])

# ---------------------------------------------------------------- Python
SOCKET = {"network.peer.port": ANY_PORT}
PYTHON = {"host": "a.test", "port": 443, "peer": SOCKET}


def python_talk(tls):
    agentless = [both("GET", "/one", query="q=1", size=41000, tls=tls, **PYTHON),
                 both("POST", "/two", size=64000, body=299776, tls=tls, **PYTHON),
                 both("GET", "/missing", size=41000, status=404, tls=tls, **PYTHON)]
    return agentless


case("tls_python_server_and_client", ["$PYTHON", "$ROOT/tests/programs/tls_python.py", "$CA", "$CERT", "$KEY"],
     prepare=choose_ports, vars={}, golden=python_talk("1.3"), stdout="404", shim_env=ALONE)
case("tls_python_by_tls12", ["$PYTHON", "$ROOT/tests/programs/tls_python.py", "$CA", "$CERT", "$KEY", "1.2"],
     prepare=choose_ports, vars={}, golden=python_talk("1.2"), stdout="404", shim_env=ALONE)

DETACHED = {"host": "a.test", "port": 443, "peer": NO_PEER}
case("tls_asyncio_over_memory_buffers", ["$PYTHON", "$ROOT/tests/programs/tls_asyncio.py", "$CA", "$CERT", "$KEY"],
     prepare=choose_ports, vars={}, stdout="many/4", shim_env=ALONE, parallel=True,
     golden=[both("GET", "/first", size=11, **DETACHED), both("POST", "/second", size=24, body=256000, **DETACHED),
             *(both("GET", f"/many/{n}", size=12, **DETACHED) for n in range(5))])

# ---------------------------------------------------------------- OpenSSL's own programs
case("tls_s_client", ["sh", "-c", "printf 'GET /hello HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' | openssl s_client "
                      "-ign_eof -quiet -verify_quiet -CAfile $CA -connect localhost:$NGINX_TLS_PORT"],
     web="nginx", stdout="hello", filter=lambda raw: __import__("re").sub(rb"Date: .*", b"", raw),
     shim_env=ALONE, golden=[called("GET", "https://localhost/hello", 0, version="1.0", size=6, tls="1.3",
                                    host="localhost", more={"server.port": 443,
                                                            "network.peer.port": "$NGINX_TLS_PORT"})])

# Its sessions are inside libssl's own BIOs: not seen, and unharmed.
serve("tls_s_server", [server("s_server", ["openssl", "s_server", "-WWW", "-accept", "$PORT1", "-cert", "$CERT",
                                           "-key", "$KEY", "-quiet"], ["$PORT1"], stop="TERM")],
      [curl("--cacert", "$CA", "--http1.0", "https://localhost:$PORT1/root/hello")], spans=[])

# ---------------------------------------------------------------- a BIO of the program's own hides the descriptor
HAPROXY = """
listen front
    bind 127.0.0.1:$PORT1 ssl crt $TMP/both.pem
    server back 127.0.0.1:$PORT2 ssl verify none
"""


def both_in_one_file(run):
    with open(os.path.join(run.tmp, "both.pem"), "w") as out:
        for name in ("cert", "key"):
            with open(run.shared[name]) as f:
                out.write(f.read())


front, front_files = haproxy(HAPROXY)
back, back_files = nginx("server { listen 127.0.0.1:$PORT2 ssl; ssl_protocols TLSv1.3; ssl_certificate $CERT; "
                         "ssl_certificate_key $KEY; location = /r { return 200 'returned\\n'; } }", ports=["$PORT2"])
ASKED = {"host": "localhost", "size": 9, "tls": "1.3", "more": {"server.port": "$PORT1"}}
serve("tls_haproxy_at_both_ends", [back, front],
      [{"what": "TLS", "to": "$PORT1", "tls": "$CA", "ask":
        f"GET /r HTTP/1.1\r\nHost: localhost:$PORT1\r\ntraceparent: {PARENT}\r\nConnection: close\r\n\r\n"}],
      [served("GET", "/r", 1, scheme="https", parent=PARENT_ID, **ASKED, children=[
          {**called("GET", "https://localhost:$PORT1/r", 2, **ASKED, children=[
              served("GET", "/r", 2, scheme="https", **ASKED)])}])],
      site={**front_files, **back_files}, prepare=both_in_one_file, needs=["haproxy", "nginx"])
