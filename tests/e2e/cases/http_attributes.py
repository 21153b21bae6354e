"""
What spans of HTTP say where the user asks for more than the default: routes, clients behind
proxies, methods, captured headers. Expectations are written from the conventions for HTTP and
docs/CONFIGURATION.md.
"""
from harness import case
from http_case import THREADS, ask, called, get, nginx, process, program, serve, served

RETURNS = ("server { listen 127.0.0.1:$PORT1; location / { return 200 'ok'; } location /old { return 301 /new; } "
           "location /gone { return 404; } location /bad { return 500; } }")
PAGE_301, PAGE_404, PAGE_500 = 169, 153, 177
one, files = nginx(RETURNS)


def ok(path, route=None, **fields):
    return served("GET", path, 1, size=2, route=route, **fields)


# ---------------------------------------------------------------- routes
serve("http_routes_name_spans", [one], [get(1, p) for p in (
    "/user/5", "/user/5/posts?all", "/files/a.tar.gz", "/static/a/b", "/other", "/gone")] + [
        get(1, "/user/6", method="PROPFIND")],
      [ok("/user/5", "/user/{id}"), ok("/user/5/posts", query="all"), ok("/files/a.tar.gz", "/files/{name}.{ext}"),
       ok("/static/a/b", "/static/*"), ok("/other"),
       served("GET", "/gone", 1, status=404, size=PAGE_404, route="/gone"),
       served("_OTHER", "/user/6", 1, size=2, route="/user/{id}", original="PROPFIND")],
      site=files, shim_env={"OTEL_SHIM_HTTP_ROUTES": "/user/{id}, /files/{name}.{ext},/static/*,/gone"})
# The eleventh name in one place is *, and so are identifiers; what the server does not know is not kept.
NAMES = [f"/n{c}" for c in "abcdefghijk"]
serve("http_routes_made_of_paths", [one], [get(1, p) for p in ("/gone", *NAMES, "/na", "/na/42", "/bad")],
      [served("GET", "/gone", 1, status=404, size=PAGE_404, route="/*"), *[ok(p, p) for p in NAMES[:10]],
       ok("/nk", "/*"), ok("/na", "/na"), ok("/na/42", "/na/*"),
       served("GET", "/bad", 1, status=500, size=PAGE_500, route="/*")],
      site=files, shim_env={"OTEL_SHIM_HTTP_ROUTES": "auto"})
serve("http_routes_that_cannot_be_used", [one], [get(1, "/user/5"), get(1, "/a/5")],
      [ok("/user/5"), ok("/a/5", "/a/{id}")], site=files,
      shim_env={"OTEL_SHIM_HTTP_ROUTES": "user/{id},/user/{id,/a/{id}"},
      log=['OTEL_SHIM_HTTP_ROUTES: route "user/{id}" is left out: it does not begin with /',
           'OTEL_SHIM_HTTP_ROUTES: route "/user/{id" is left out: it has braces that do not pair'])
serve("http_routes_too_long_a_list", [one], [get(1, "/user/5")], [ok("/user/5")], site=files,
      shim_env={"OTEL_SHIM_HTTP_ROUTES": "/user/{id}," * 9000},
      log=["OTEL_SHIM_HTTP_ROUTES: 99000 bytes are more than the 65536 that are read; ignored"])
serve("http_routes_of_a_threaded_program", [program("app", THREADS, "$PORT1")], [get(1, "/status/204"), get(1, "/hello")],
      [served("GET", "/status/204", 1, status=204, size=0, route="/status/{code}"),
       served("GET", "/hello", 1, size=6)], shim_env={"OTEL_SHIM_HTTP_ROUTES": "/status/{code}"})

# ---------------------------------------------------------------- who asks
FORWARDED = "Forwarded: for=\"[2001:db8::7]:4711\";proto=https;host=shop.example, for=10.0.0.1\r\n"
X_FORWARDED = ("X-Forwarded-For: 203.0.113.9, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"
               "X-Forwarded-Host: shop.example:8443\r\n")
ASKED = [get(1, "/f", FORWARDED), get(1, "/x", X_FORWARDED), get(1, "/r", "X-Real-IP: 198.51.100.4\r\n"),
         get(1, "/o", "X-Forwarded-Proto: java script\r\nX-Forwarded-For: unknown\r\n"), get(1, "/n")]
serve("http_forwarded_is_not_believed", [one], ASKED, [ok(p) for p in ("/f", "/x", "/r", "/o", "/n")], site=files)
serve("http_forwarded_is_believed_when_told_to", [one], ASKED,
      [ok("/f", scheme="https", host="shop.example", more={"server.port": 443, "client.address": "2001:db8::7"}),
       ok("/x", scheme="https", host="shop.example", more={"server.port": 8443, "client.address": "203.0.113.9"}),
       ok("/r", more={"client.address": "198.51.100.4"}), ok("/o"), ok("/n")],
      site=files, shim_env={"OTEL_SHIM_TRUST_FORWARDED": "true"})

# ---------------------------------------------------------------- methods, targets, status
serve("http_methods_of_ones_own", [one], [get(1, "/a", method="PROPFIND"), get(1, "/b", method="OPTIONS"), get(1, "/c")],
      [served("PROPFIND", "/a", 1, size=2), served("_OTHER", "/b", 1, size=2, original="OPTIONS"), ok("/c")],
      site=files, shim_env={"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "GET, PROPFIND"})
serve("http_absolute_target_is_the_server", [one], [
    ask(1, "GET http://shop.example?q=1 HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n", "absolute"),
    ask(1, "GET /old#x HTTP/1.1\r\nHost: [::1]:81\r\nConnection: close\r\n\r\n", "fragment")],
    [ok("/", query="q=1", host="shop.example", more={"server.port": 80}),
     served("GET", "/old", 1, status=301, size=PAGE_301, host="::1", more={"server.port": 81})], site=files)
KNOWN = """
import urllib.request as u
for method in ("GET", "BREW"):
    print(u.urlopen(u.Request("$WEB/hello", method=method)).read())
"""
WEB = {"server.port": "$WEB_PORT", "network.peer.port": "$WEB_PORT"}
case("http_client_methods_of_ones_own", ["$PYTHON", "-c", KNOWN], stdout="hello",
     shim_env={"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "BREW"},
     golden=[process("python3.11",
                     called("_OTHER", "http://127.0.0.1:$WEB_PORT/hello", 0, size=6, original="GET", more=WEB),
                     called("BREW", "http://127.0.0.1:$WEB_PORT/hello", 0, size=6, more=WEB))])

# ---------------------------------------------------------------- captured headers
CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
REDACTED = ["[REDACTED]"]
ANSWERS = ("server { listen 127.0.0.1:$PORT1; location / { add_header X-Reply one; add_header X-Reply two; "
           "add_header Set-Cookie sid=topsecret; return 200 'ok'; } }")
two, two_files = nginx(ANSWERS)
SECRETS = ("Authorization: Bearer topsecret\r\nCookie: sid=topsecret\r\nProxy-Authorization: Basic topsecret\r\n"
           "X-Api-Key: topsecret\r\n")


def headers(kind, **fields):
    """Attributes of captured headers; x_id is x-id."""
    return {f"http.{kind}.header.{name.replace('_', '-')}": value for name, value in fields.items()}


serve("http_headers_are_captured", [two], [
    get(1, "/a", "X-Id: 7\r\nAccept: a/b, c/d\r\nx-ID: 8\r\nX-Other: no\r\n" + SECRETS), get(1, "/b")],
    [ok("/a", more={**headers("request", x_id=["7", "8"], accept=["a/b, c/d"], authorization=REDACTED, cookie=REDACTED,
                              proxy_authorization=REDACTED, x_api_key=REDACTED, host=["127.0.0.1:$PORT1"]),
                    **headers("response", x_reply=["one", "two"], set_cookie=REDACTED, content_length=["2"])}),
     ok("/b", more={**headers("request", host=["127.0.0.1:$PORT1"]),
                    **headers("response", x_reply=["one", "two"], set_cookie=REDACTED, content_length=["2"])})],
    site=two_files, secrets=["topsecret"], shim_env={
        CAPTURE + "SERVER_REQUEST": "x-id,Accept.*,authorization,cookie,proxy-authorization,x-api-key,host",
        CAPTURE + "SERVER_RESPONSE": "X-Reply, set-cookie,content-length"})
serve("http_headers_sanitized_by_ones_own_list", [two], [get(1, "/a", "X-Id: 7\r\nCookie: shown\r\n")],
      [ok("/a", more=headers("request", x_id=REDACTED, cookie=["shown"]))], site=two_files, shim_env={
          CAPTURE + "SERVER_REQUEST": "x-id,cookie", CAPTURE + "SANITIZE_FIELDS": "^x-.*"})
ONE = {"type": "array", "min": 1, "max": 1}
serve("http_headers_of_any_name", [two], [
    get(1, "/a", "X-\"Quoted\\: 1\r\nX-Long: " + "v" * 3000 + "\r\nX-Empty:\r\nX-\xff: \xfe\r\nX-" + "n" * 60 + ": long\r\n")],
    [ok("/a", more={**headers("request", host=["127.0.0.1:$PORT1"], x_long=["v" * 1024], x_empty=[""], connection=["close"]),
                    "http.request.header.x-\"quoted\\": ["1"], "http.request.header.x-\ufffd": ["\ufffd"],
                    **headers("response", server=ONE, date=ONE, content_type=["text/plain"], content_length=["2"],
                              connection=["close"], x_reply=["one", "two"], set_cookie=REDACTED)})],
    site=two_files, shim_env={CAPTURE + "SERVER_REQUEST": ".*", CAPTURE + "SERVER_RESPONSE": ".*"})
serve("http_headers_lists_that_cannot_be_used", [two], [get(1, "/a", "X-Id: 7\r\n")],
      [ok("/a", more=headers("request", x_id=["7"]))], site=two_files,
      shim_env={CAPTURE + "SERVER_REQUEST": "x-id,(", CAPTURE + "SERVER_RESPONSE": "x," * 40000},
      log=[CAPTURE + 'SERVER_REQUEST: pattern "\\(" is left out: missing closing parenthesis',
           CAPTURE + "SERVER_RESPONSE: 80000 bytes are more than the 65536 that are read; ignored"])
HEADERS = """
import http.client
c = http.client.HTTPConnection("127.0.0.1", $WEB_PORT)
for path in ("/hello", "/bytes/5"):
    c.request("GET", path, headers={"X-Id": path, "Authorization": "Basic topsecret"})
    print(c.getresponse().read())
"""
SHOWN = {CAPTURE + "CLIENT_REQUEST": "x-id,authorization", CAPTURE + "CLIENT_RESPONSE": "content-length"}
case("http_client_headers_are_captured", ["$PYTHON", "-c", HEADERS], stdout="hello", secrets=["topsecret"], shim_env=SHOWN,
     golden=[process("python3.11", *[
         called("GET", f"http://127.0.0.1:$WEB_PORT{path}", 0, size=size, more={
             **WEB, **headers("request", x_id=[path], authorization=REDACTED),
             **headers("response", content_length=[str(size)])}) for path, size in (("/hello", 6), ("/bytes/5", 5))])])
case("http_client_headers_of_wget", ["wget", "-q", "-O", "-", "--header=X-Id: 1", "$WEB/hello"], stdout="hello", needs=["wget"],
     shim_env={**SHOWN, "OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"},
     golden=[process("wget", called("GET", "http://127.0.0.1:$WEB_PORT/hello", 0, size=6, more={
         **WEB, **headers("request", x_id=["1"]), **headers("response", content_length=["6"])}))])

# ---------------------------------------------------------------- captured headers of libcurl's transfers
SIZE = {"type": "int", "min": 1}
CONNECTED = ["curl.connected", "curl.request_sent", "curl.first_byte"]


def by_curl(path, size, more, events=CONNECTED, **attributes):
    every = {
        "http.request.method": "GET", "url.full": f"http://127.0.0.1:$WEB_PORT{path}", "server.address": "127.0.0.1",
        "server.port": "$WEB_PORT", "http.response.status_code": 200, "network.protocol.version": "1.1",
        "network.peer.address": "127.0.0.1", "network.peer.port": "$WEB_PORT", "http.request.size": SIZE,
        "http.response.body.size": size, "http.response.size": SIZE, **attributes, **more}
    return {"name": "GET", "kind": "CLIENT", "scope": "otelshim.curl", "events": events,
            "attributes": {k: v for k, v in every.items() if v is not None}}


ASKING = ["-H", "X-Id: 7", "-H", "x-id: 8", "-H", "Authorization: Bearer topsecret", "-H", "X-Empty;", "-H", "Accept:", "-A", "agent/1"]
SENT = headers("request", x_id=["7", "8"], authorization=REDACTED, x_empty=[""], user_agent=["agent/1"])
# The program's own header function (-D, -i) has all it had.
case("http_curl_headers_are_captured", ["curl", "-sS", "-D", "-", *ASKING, "$WEB/hello", "$WEB/bytes/5"], stdout="Content-Length: 5",
     secrets=["topsecret"], shim_env={CAPTURE + "CLIENT_REQUEST": ".*", CAPTURE + "CLIENT_RESPONSE": "content-length,server"},
     golden=[process("curl", by_curl("/hello", 6, {**SENT, **headers("response", content_length=["6"], server=["web"])}),
                     by_curl("/bytes/5", 5, {**SENT, **headers("response", content_length=["5"], server=["web"])},
                             events=CONNECTED[1:]))])
# Of the last answer alone; a secret of an answer is none of a span's.
case("http_curl_headers_of_the_last_answer", ["curl", "-sS", "-i", "-L", "$WEB/redirect/1"], stdout="hello",
     shim_env={CAPTURE + "CLIENT_RESPONSE": "location,content-length", CAPTURE + "SANITIZE_FIELDS": "content-.*"},
     golden=[process("curl", by_curl("/redirect/1", 6, headers("response", content_length=REDACTED), events=CONNECTED[1:], **{
         "http.request.resend_count": 1, "http.request.size": None, "http.response.size": None}))])
case("http_curl_headers_of_parallel_transfers", ["curl", "-sS", "-Z", "--no-progress-meter", "-H", "X-Id: 7", "$WEB/hello", "$WEB/hello"],
     stdout="hello", parallel=True, shim_env={CAPTURE + "CLIENT_REQUEST": "x-id", CAPTURE + "CLIENT_RESPONSE": "server"},
     golden=[process("curl", *[by_curl("/hello", 6, {**headers("request", x_id=["7"]), **headers("response", server=["web"])},
                                       events=[e + "?" for e in CONNECTED]) for _ in range(2)])])
case("http_curl_headers_of_http2", ["curl", "-sS", "--cacert", "$CA", "-H", "X-Id: 7", "$NGINX_TLS/hello"], stdout="hello", web="nginx",
     shim_env={CAPTURE + "CLIENT_REQUEST": "x-id", CAPTURE + "CLIENT_RESPONSE": "content-type,x-.*,:status"},
     golden=[process("curl", by_curl("/hello", 6, {**headers("request", x_id=["7"]), **headers("response", content_type=["text/plain"])},
                                     events=["curl.name_resolved", "curl.connected", "curl.tls_established", *CONNECTED[1:]], **{
         "url.full": "https://localhost:$NGINX_TLS_PORT/hello", "server.address": "localhost", "server.port": "$NGINX_TLS_PORT",
         "network.peer.port": "$NGINX_TLS_PORT", "network.protocol.version": "2", "tls.protocol.version": "1.3",
         "http.request.size": None, "http.response.size": None}))])
