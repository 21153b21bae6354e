"""Programs that ask by HTTPS: OpenSSL under curl and CPython, GnuTLS under wget."""
from harness import case
from http_case import called, process

NO_DNS = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"}


def asked_tls(path, size, version="1.3", host="localhost", alpn=None):
    return called("GET", f"https://{host}:$NGINX_TLS_PORT{path}", 0, size=size, tls=version, alpn=alpn, host=host, more={
        "server.port": "$NGINX_TLS_PORT", "network.peer.port": "$NGINX_TLS_PORT"})


case("socket_curl_tls", ["curl", "-sS", "--http1.1", "--cacert", "$CA", "$NGINX_TLS/hello"], web="nginx",
     stdout="hello", shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl,dns"},
     golden=[process("curl", asked_tls("/hello", 6, alpn="http/1.1"))])
case("socket_curl_tls12", ["curl", "-sS", "--http1.1", "--tls-max", "1.2", "--cacert", "$CA", "$NGINX_TLS/hello",
                           "$NGINX_TLS/redirect"], web="nginx", stdout="hello",
     shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl,dns"},
     golden=[process("curl", asked_tls("/hello", 6, "1.2", alpn="http/1.1"),
                     called("GET", "https://localhost:$NGINX_TLS_PORT/redirect", 0, status=302, size=145, tls="1.2", alpn="http/1.1",
                            host="localhost", more={"server.port": "$NGINX_TLS_PORT",
                                                    "network.peer.port": "$NGINX_TLS_PORT"}))])
case("socket_wget_tls", ["wget", "-q", "-O", "-", "--ca-certificate", "$CA", "$NGINX_TLS/hello"], web="nginx",
     stdout="hello", shim_env=NO_DNS, golden=[process("wget", asked_tls("/hello", 6))])
HTTPS = """
import ssl, urllib.request
context = ssl.create_default_context(cafile="$CA")
print(urllib.request.urlopen("https://127.0.0.1:$NGINX_TLS_PORT/hello", context=context).read())
"""
case("socket_python_https", ["$PYTHON", "-c", HTTPS], web="nginx", stdout="hello",
     golden=[process("python3.11", asked_tls("/hello", 6, host="127.0.0.1"))])
