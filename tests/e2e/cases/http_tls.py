"""
HTTPS servers: the plaintext above OpenSSL is what is traced; HTTP/2 in front is
left alone and unharmed.
"""
from http_case import (PARENT, PARENT_ID, THREADS, apache, ask, called, curl, get, nginx, process, program, serve,
                       served)

LISTEN = "server { listen 127.0.0.1:$PORT1; %s }"
RETURNS = "location = /r { return 200 'returned\\n'; }"

TLS = ("server { listen 127.0.0.1:$PORT1 ssl http2; ssl_certificate $CERT; ssl_certificate_key $KEY; "
       "ssl_protocols TLSv1.2 TLSv1.3; %s }")
one, files = nginx(TLS.replace(" http2", "") % RETURNS)
HTTPS = {"scheme": "https", "host": "localhost"}


def tls_get(path, headers="", **more):
    return {"what": "TLS " + path, "to": "$PORT1", "tls": "$CA", "ask":
            f"GET {path} HTTP/1.1\r\nHost: localhost:$PORT1\r\n{headers}Connection: close\r\n\r\n", **more}


serve("nginx_tls", [one], [tls_get("/r"), tls_get("/hello", f"traceparent: {PARENT}\r\n"),
                           tls_get("/r?pieces", pieces=1),
                           curl("--cacert", "$CA", "--http1.1", "--tls-max", "1.2", "https://localhost:$PORT1/r")],
      [served("GET", "/r", 1, size=9, tls="1.3", **HTTPS),
       served("GET", "/hello", 1, size=6, tls="1.3", parent=PARENT_ID, **HTTPS),
       served("GET", "/r", 1, size=9, query="pieces", tls="1.3", **HTTPS),
       served("GET", "/r", 1, size=9, tls="1.2", alpn="http/1.1", agent={"regex": "curl/.*"}, **HTTPS)], site=files)
one, files = nginx(TLS % RETURNS)
serve("nginx_http2_in_front_is_left_alone", [one],
      [curl("--cacert", "$CA", "--http2", "https://localhost:$PORT1/r", "https://localhost:$PORT1/hello"),
       ask(1, "no TLS at all\r\n\r\n", "plain bytes at the TLS port")], [], site=files)
one, files = nginx(TLS % "location / { proxy_pass http://127.0.0.1:$PORT2; proxy_http_version 1.1; "
                         "proxy_set_header Connection ''; }")
serve("nginx_http2_in_front_http1_behind", [program("app", THREADS, "$PORT2"), one],
      [curl("--cacert", "$CA", "--http2", "https://localhost:$PORT1/hello"), tls_get("/hello")], site=files,
      spans=[called("GET", "/hello", 2, size=6, children=[served("GET", "/hello", 2, size=6,
                                                                 agent={"regex": "curl/.*"})]),
             served("GET", "/hello", 1, size=6, tls="1.3", **HTTPS, children=[
                 called("GET", "/hello", 2, size=6, children=[served("GET", "/hello", 2, size=6)])])])
one, files = nginx(LISTEN % "location / { proxy_pass https://127.0.0.1:$PORT2; proxy_http_version 1.1; }"
                   + " server { listen 127.0.0.1:$PORT2 ssl; ssl_certificate $CERT; ssl_certificate_key $KEY; "
                   + RETURNS + " }", ports=["$PORT1", "$PORT2"])
serve("nginx_proxy_to_tls", [one], [get(1, "/r")],
      [served("GET", "/r", 1, size=9, children=[called("GET", "/r", 2, size=9, tls="1.2", children=[
          served("GET", "/r", 2, size=9, tls="1.2", scheme="https")])])], site=files)


# ---------------------------------------------------------------- apache2
one, files = apache("Listen 127.0.0.1:$PORT1\nSSLEngine on\nSSLCertificateFile $CERT\nSSLCertificateKeyFile $KEY\n"
                    "SSLSessionCache none", "event", ["ssl"])
serve("apache_tls", [one], [tls_get("/hello"), tls_get("/hello", f"traceparent: {PARENT}\r\n")],
      [served("GET", "/hello", 1, size=6, tls="1.3", **HTTPS),
       served("GET", "/hello", 1, size=6, tls="1.3", parent=PARENT_ID, **HTTPS)], site=files)


# ---------------------------------------------------------------- the demo's second scene
def sql(summary, text, rows):
    return {"name": summary, "kind": "CLIENT", "scope": "otelshim.sqlite3", "attributes": {
        "db.system.name": "sqlite", "db.namespace": ":memory:", "db.query.summary": summary, "db.query.text": text,
        "db.response.returned_rows": rows, "otelshim.db.step_time": {"type": "double"}}}


AGENT = {"regex": "curl/.*"}
one, files = nginx(TLS.replace(" http2", "") % "location / { proxy_pass http://127.0.0.1:$PORT2; }")
BEHIND = called("GET", "/sql", 2, size=2, version="1.0", children=[
    served("GET", "/sql", 2, size=2, version="1.0", agent=AGENT, children=[
        sql("CREATE TABLE t", "CREATE TABLE t(a)", 0), sql("SELECT t", "SELECT count(*) FROM t", 1)])])
IN_FRONT = served("GET", "/sql", 1, size=2, tls="1.3", alpn="http/1.1", agent=AGENT, children=[BEHIND], **HTTPS)
ASKED = {"name": "GET", "kind": "CLIENT", "scope": "otelshim.curl", "children": [IN_FRONT], "attributes": {
    "http.request.method": "GET", "url.full": "https://localhost:$PORT1/sql", "server.address": "localhost",
    "server.port": "$PORT1", "http.response.status_code": 200, "network.protocol.version": "1.1",
    "network.peer.address": "127.0.0.1", "network.peer.port": "$PORT1", "tls.protocol.version": "1.3",
    "http.response.body.size": 2, "http.request.size": {"type": "int", "min": 60},
    "http.response.size": {"type": "int", "min": 60}},
    "events": ["curl.name_resolved", "curl.connected", "curl.tls_established", "curl.request_sent", "curl.first_byte"]}
serve("demo_curl_nginx_python_sqlite", [program("app", THREADS, "$PORT2"), one],
      [{"what": "curl", "shim": True, "run": ["curl", "-sS", "--cacert", "$CA", "https://localhost:$PORT1/sql"]}],
      [process("curl", ASKED)], site=files)
