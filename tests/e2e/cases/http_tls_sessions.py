"""
What else happens to TLS sessions of real servers: certificates of clients (asked for in the
handshake, or by Apache in the middle of a request), resumption, new keys asked for by hand,
records that the kernel makes where it can. Spans are those of any session.
"""
import os
import re
import subprocess

from harness import case
from http_case import apache, called, nginx, process, serve, served

NO_CURL = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl,dns"}
HTTPS = {"host": "localhost", "tls": "1.3"}
AGENT = {"regex": "(curl|Wget)/.*"}
TLS = "server { listen 127.0.0.1:$PORT1 ssl; ssl_certificate $CERT; ssl_certificate_key $KEY; ssl_protocols TLSv1.2 TLSv1.3; %s }"


def make_client_certificate(run):
    """Of the run's CA, for CN=client."""
    directory = os.path.dirname(run.shared["ca"])
    path = {name: os.path.join(run.tmp, name) for name in ("client.pem", "client.key", "client.csr")}
    for command in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path["client.key"],
                     "-out", path["client.csr"], "-subj", "/CN=client"],
                    ["x509", "-req", "-in", path["client.csr"], "-CA", run.shared["ca"], "-CAkey", os.path.join(directory, "ca.key"),
                     "-set_serial", "7", "-out", path["client.pem"], "-days", "2"]):
        subprocess.run(["openssl", *command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


def asked(program, method, path, size, agent=AGENT, body=None, alpn="http/1.1", **tls):
    """A client's request and what the server makes of it."""
    known = {"size": size, "body": body, "alpn": alpn, **HTTPS, **tls}
    return called(method, path, 1, **known, children=[served(method, path, 1, scheme="https", agent=agent, **known)])


def shim(*argv):
    return {"what": argv[0], "shim": True, "run": list(argv)}


def curl(*arguments):
    return shim("curl", "-sS", "--http1.1", "--cacert", "$CA", *arguments)


# ---------------------------------------------------------------- certificates of clients
BY_CLIENT = ["--cert", "$TMP/client.pem", "--key", "$TMP/client.key"]
PYTHON = """
import ssl, urllib.request
c = ssl.create_default_context(cafile="$CA")
c.load_cert_chain("$TMP/client.pem", "$TMP/client.key")
print(urllib.request.urlopen("https://localhost:$PORT1/who", context=c).read())
"""
one, files = nginx(TLS % "ssl_verify_client on; ssl_client_certificate $CA; return 200 \"$$ssl_client_s_dn $$ssl_client_verify\\n\";")
serve("tls_client_certificates_at_nginx", [one], [
    curl(*BY_CLIENT, "https://localhost:$PORT1/who"), curl(*BY_CLIENT, "--tls-max", "1.2", "https://localhost:$PORT1/who"),
    curl("https://localhost:$PORT1/who"),
    shim("wget", "-q", "-O", "-", "--ca-certificate", "$CA", "--certificate", "$TMP/client.pem", "--private-key", "$TMP/client.key",
         "https://localhost:$PORT1/who"), shim("/usr/bin/python3", "-c", PYTHON)],
    [process("curl", asked("curl", "GET", "/who", 18)), process("curl", asked("curl", "GET", "/who", 18, tls="1.2")),
     process("curl", asked("curl", "GET", "/who", 237, status=400)),
     process("wget", asked("wget", "GET", "/who", 18, alpn=None)),
     process("python3.11", asked("python", "GET", "/who", 18, agent={"regex": "Python-urllib/.*"}, alpn=None))],
    site=files, prepare=make_client_certificate, shim_env=NO_CURL, stdout="CN=client SUCCESS")

# Asked for only when the head has been read: a new handshake (1.2), or an authentication after the handshake (1.3).
one, files = apache("Listen 127.0.0.1:$PORT1\nSSLEngine on\nSSLCertificateFile $CERT\nSSLCertificateKeyFile $KEY\n"
                    "SSLCACertificateFile $CA\nSSLSessionCache none\n"
                    "<Location /hello>\nSSLVerifyClient require\nSSLOptions +StdEnvVars\nHeader set X-Who %{SSL_CLIENT_S_DN}s\n</Location>",
                    "event", ["ssl", "headers"])
serve("tls_client_certificates_in_a_request_at_apache", [one], [
    curl("-i", *BY_CLIENT, "--tls-max", "1.2", "https://localhost:$PORT1/index.html", "https://localhost:$PORT1/hello"),
    curl("-i", *BY_CLIENT, "https://localhost:$PORT1/index.html", "https://localhost:$PORT1/hello")],
    [process("curl", *(asked("curl", "GET", path, size, tls=tls) for path, size in (("/index.html", 13), ("/hello", 6))))
     for tls in ("1.2", "1.3")],
    site=files, prepare=make_client_certificate, shim_env=NO_CURL, stdout="(X-Who: CN=client(.|\n)*){2}")

# ---------------------------------------------------------------- resumption
one, files = nginx(TLS % "ssl_session_cache shared:s:1m; keepalive_timeout 0; location / { return 200 \"$$ssl_session_reused\\n\"; }")
for tls in ("1.2", "1.3"):
    serve(f"tls_{tls.replace('.', '_')}_sessions_resumed", [one], [
        curl("--tls-max", tls, *(f"https://localhost:$PORT1/{n}" for n in "abc"))],
        [process("curl", *(asked("curl", "GET", f"/{n}", 2, tls=tls) for n in "abc"))],
        site=files, shim_env=NO_CURL, stdout="\\.\nr\nr\n")

# ---------------------------------------------------------------- by hand: s_client's commands K and k
def said(raw):
    """Of all that s_client tells: answers, and what its commands did."""
    return b"\n".join(re.findall(rb"HTTP/1.1 \d+ \w+|hello|KEYUPDATE", raw))


BY_HAND = r"""
until_it_says() { until [ "$$(grep -aoE "$$1" said | wc -l)" -ge "$$2" ]; do sleep 0.02; done; }
ask() { printf 'GET /hello?%d HTTP/1.1\r\nHost: localhost\r\n\r\n' $$1; until_it_says '^hello' $$1; }
>said
(ask 1; echo K; until_it_says KEYUPDATE 1; ask 2; echo k; until_it_says KEYUPDATE 2; ask 3; echo Q) |
    openssl s_client -CAfile $CA -connect localhost:$NGINX_TLS_PORT -tls1_3 >said 2>&1
cat said
"""
case("tls_key_updates_by_hand", ["sh", "-c", BY_HAND], web="nginx", filter=said,
     stdout="(KEYUPDATE(.|\n)*){2}", shim_env={"OTEL_SHIM_PROCESS_SPAN": "never", "OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"},
     golden=[called("GET", f"https://localhost/hello?{n}", 0, size=6, tls="1.3", host="localhost", more={
         "server.port": 443, "network.peer.port": "$NGINX_TLS_PORT"}) for n in (1, 2, 3)])

# ---------------------------------------------------------------- records of the kernel's making, where it can (CONFIG_TLS)
def kernel_has_it(run):
    if not os.path.exists("/proc/net/tls_stat"):
        run.notes.append("this kernel makes no records (CONFIG_TLS): OpenSSL made them")


one, files = nginx(TLS % "sendfile on; ssl_conf_command Options KTLS;")
serve("tls_in_the_kernel", [one], [
    {"what": f"curl {tls}", "run": ["sh", "-c", f"curl -sS --http1.1 --tls-max {tls} --cacert $CA https://localhost:$PORT1/large "
                                    "https://localhost:$PORT1/hello | sha256sum"]} for tls in ("1.2", "1.3")],
    [served("GET", path, 1, size=size, scheme="https", agent=AGENT, host="localhost", tls=tls, alpn="http/1.1")
     for tls in ("1.2", "1.3") for path, size in (("/large", 700000), ("/hello", 6))],
    site=files, large={"root/large": 700000}, check=kernel_has_it)
