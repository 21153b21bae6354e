"""`otelshim check --connect`: what is wrong on the way to a collector, in words that say what to do."""
import contextlib
import os
import re
import subprocess
import tempfile
import time

import zipkin_json
from grpc_sink import GrpcSink
from harness import BUILD, PROXIES, Failure, Sink, case, collector, expect, servers

ZIPKIN = {"path": zipkin_json.PATH, "content_type": "application/json", "decode_traces": zipkin_json.decode}


def check(endpoint, wanted_code, *lines, **env):
    """Runs the command; each regular expression must be a whole line of its (unwrapped) output."""
    clean = {k: v for k, v in os.environ.items() if k not in PROXIES and not k.startswith(("OTEL_", "LD_"))}
    if endpoint:
        clean["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    done = subprocess.run([f"{BUILD}/otelshim", "check", "--connect"], env={**clean, "OTEL_EXPORTER_OTLP_TIMEOUT": "5000", **env},
                          capture_output=True, text=True, timeout=40, stdin=subprocess.DEVNULL)
    text = re.sub(r"\n {8,}(?=\S)", " ", done.stdout)
    said = text[text.find("\nTrying"):]
    print("   " + said.strip().replace("\n", "\n    "))
    if done.returncode != wanted_code:
        raise Failure(f"exit {done.returncode}, must be {wanted_code}: {said} {done.stderr}")
    for line in lines:
        if not re.search(f"^{line}$", text, re.M):
            raise Failure(f"no line {line!r} in {said}")
    return text


def advice(text):
    return r"  \d\. +" + text


@contextlib.contextmanager
def tls_files():
    with tempfile.TemporaryDirectory() as directory:
        yield directory, servers.make_ca(directory)


@contextlib.contextmanager
def grpc(behaviour="ok", **options):
    sink = GrpcSink(behaviour, **options)
    try:
        yield sink
    finally:
        sink.close()


@contextlib.contextmanager
def program(argv, port):
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 10
        while servers.socket.socket().connect_ex(("127.0.0.1", port)):
            if time.monotonic() > deadline or process.poll() is not None:
                raise Failure(f"{argv[0]} does not start: {process.stdout.read()}")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.communicate()


@contextlib.contextmanager
def tinyproxy(*directives):
    port = servers.free_port()
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/tinyproxy.conf"
        with open(path, "w") as f:
            f.write("\n".join([f"Port {port}", "Listen 127.0.0.1", "Timeout 10", "LogLevel Error", "MaxClients 10", *directives, ""]))
        with program(["tinyproxy", "-d", "-c", path], port):
            yield f"http://127.0.0.1:{port}"


# ---------------------------------------------------------------- certificates
@case
def check_says_which_fault_a_certificate_has():
    with tls_files() as (directory, tls):
        ca = {"OTEL_EXPORTER_OTLP_CERTIFICATE": tls["ca"]}
        for options, fault, words in (
                ({"expired": True}, ".*certificate has expired", "The collector's certificate has expired: renew it .*"),
                ({"name": "elsewhere.test"}, ".*'localhost'", "The certificate is for another name than localhost: .*")):
            files = servers.make_server_certificate(directory, **options)
            with collector(**files) as (sink, _):
                check(f"https://localhost:{sink.port}", 1, r"  TCP +ok .*", f"  TLS +FAILED {fault}", advice(words), **ca)
            with grpc(**files) as sink:
                check(f"https://localhost:{sink.port}", 1, f"  TLS +FAILED {fault}", advice(words), OTEL_EXPORTER_OTLP_PROTOCOL="grpc", **ca)
        with collector(cert=tls["cert"], key=tls["key"]) as (sink, _):
            check(f"https://localhost:{sink.port}", 1, "  TLS +FAILED .*certificate.*",
                  advice("Set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file of the authority .*"))
            check(f"https://localhost:{sink.port}", 0, "  TLS +ok .*the certificate is trusted", **ca)


@case
def check_says_that_a_client_certificate_is_wanted():
    # The alert that says so comes after TLS 1.3's handshake, and is lost where a reset follows at once.
    refused = "  (TLS|HTTP|gRPC) +FAILED .*"
    wanted = advice("(The collector|.*if it) wants a client's certificate.* set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY.*")
    with tls_files() as (directory, tls), tls_files() as (other_directory, other):
        ca = {"OTEL_EXPORTER_OTLP_CERTIFICATE": tls["ca"]}
        client = servers.make_client_certificate(directory)
        stranger = servers.make_client_certificate(other_directory)

        def pair(files):
            return {**ca, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": files["cert"], "OTEL_EXPORTER_OTLP_CLIENT_KEY": files["key"]}

        mutual = {"cert": tls["cert"], "key": tls["key"], "client_ca": tls["ca"]}
        with collector(**mutual) as (sink, _):
            url = f"https://localhost:{sink.port}"
            check(url, 1, refused, wanted, **ca)
            check(url, 1, refused, advice("(The collector|.*perhaps it) does not take the certificate in OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE.*"),
                  **pair(stranger))
            check(url, 0, "  HTTP +ok .*", **pair(client))
        with grpc(**mutual) as sink:
            url = f"https://localhost:{sink.port}"
            check(url, 1, refused, wanted, OTEL_EXPORTER_OTLP_PROTOCOL="grpc", **ca)
            check(url, 0, "  gRPC +ok .*", OTEL_EXPORTER_OTLP_PROTOCOL="grpc", **pair(client))


@case
def check_understands_how_nginx_wants_a_client_certificate():
    """It takes the connection, and answers 400."""
    port = servers.free_port()
    with tls_files() as (directory, tls):
        path = directory + "/nginx.conf"
        with open(path, "w") as f:
            f.write(f"""daemon off; pid {directory}/pid; error_log stderr; events {{}}
http {{ access_log off; client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {tls["cert"]}; ssl_certificate_key {tls["key"]};
ssl_client_certificate {tls["ca"]}; ssl_verify_client on; location / {{ return 200; }} }} }}""")
        with program(["nginx", "-c", path, "-p", directory], port):
            check(f"https://localhost:{port}", 1, "  HTTP +FAILED .*status 400 .*", advice(".*If it wants a client's certificate, set .*"),
                  OTEL_EXPORTER_OTLP_CERTIFICATE=tls["ca"])


# ---------------------------------------------------------------- proxies
@case
def check_goes_through_a_proxy_that_works():
    with tls_files() as (_, tls), tinyproxy() as proxy:
        with collector() as (sink, _):
            check(f"http://localhost:{sink.port}", 0, f"  proxy +http_proxy={proxy}: .*", "  HTTP +ok .*", http_proxy=proxy)
            check(f"http://localhost:{sink.port}", 0, "  TCP +ok .*", http_proxy="http://127.0.0.1:1", no_proxy="example.com, localhost")
        with collector(cert=tls["cert"], key=tls["key"]) as (sink, _):
            check(f"https://localhost:{sink.port}", 0, f"  proxy +HTTPS_PROXY={proxy}: .*", "  TLS +ok .*",
                  HTTPS_PROXY=proxy, OTEL_EXPORTER_OTLP_CERTIFICATE=tls["ca"])
        with grpc() as sink:
            check(f"http://localhost:{sink.port}", 0, "  proxy .*", "  gRPC +ok .*", http_proxy=proxy, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")


@case
def check_exempts_from_the_proxy_as_libcurl_does():
    used, past = "  proxy +http_proxy=.*", "  (name|TCP) .*"
    for host, exempt, line in (
            ("collector.invalid", "invalid", past), ("collector.invalid", ".invalid", past), ("collector.invalid", "COLLECTOR.invalid", past),
            ("collector.invalid", "lector.invalid", used), ("collector.invalid", "a.collector.invalid", used), ("127.0.0.1", "*", past),
            ("127.0.0.1", "10.0.0.0/8,127.0.0.0/8", past), ("127.0.0.1", "127.0.0.2/30", past), ("127.0.0.1", "127.0.0.2/31", used),
            ("127.0.0.1", "0.0.1", used)):
        check(f"http://{host}:{servers.closed_port()}", 1, line, http_proxy="http://127.0.0.1:1", no_proxy=exempt)


@case
def check_says_what_a_proxy_refuses():
    with tls_files() as (_, tls), collector(cert=tls["cert"], key=tls["key"]) as (secure, _), collector() as (plain, _):
        urls = (f"https://localhost:{secure.port}", f"http://localhost:{plain.port}")
        names = ("https_proxy", "http_proxy")
        with tinyproxy("BasicAuth user hunter2") as proxy:
            for url, name in zip(urls, names):
                words = advice(f"The proxy wants credentials: http://USER:PASSWORD@HOST:PORT in {name}.")
                check(url, 1, "  (proxy|HTTP) +FAILED .*407.*", words, **{name: proxy})
                text = check(url, 0, "  HTTP +ok .*", OTEL_EXPORTER_OTLP_CERTIFICATE=tls["ca"],
                             **{name: proxy.replace("//", "//user:hunter2@")})
                if "hunter2" in text:
                    raise Failure("the proxy's password is shown")
        with tinyproxy("ConnectPort 1") as proxy:
            check(urls[0], 1, f"  proxy +FAILED .*CONNECT localhost:{secure.port} with status 403",
                  advice(f"The proxy in https_proxy does not allow connections to localhost:{secure.port}.*"), https_proxy=proxy)
        with tinyproxy() as proxy:
            for scheme, name in (("https", "https_proxy"), ("http", "http_proxy")):
                check(f"{scheme}://localhost:{servers.closed_port()}", 1, "  (proxy|HTTP) +FAILED .*status 50\\d.*",
                      advice(f"The proxy in {name} does not reach localhost:.*"), **{name: proxy})
        for url, name in zip(urls, names):
            check(url, 1, "  proxy +FAILED .*", advice(f"Is the proxy in {name} right, and running\\?"),
                  **{name: f"http://127.0.0.1:{servers.closed_port()}"})


# ---------------------------------------------------------------- sockets, Zipkin, gRPC
@case
def check_tries_a_unix_socket():
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/otel.sock"
        check(f"unix:{path}", 1, "  socket +FAILED .*No such file or directory", advice(f"Does the collector listen at the socket {path}, .*"))
        sink = Sink("ok;status:401", unix=path)
        try:
            check(f"unix:{path}", 0, f"  socket +ok +connected to {path}", "  HTTP +ok .*", http_proxy="http://127.0.0.1:1")
            check(f"unix:{path}", 1, "  HTTP +FAILED .*status 401.*", advice("Set OTEL_EXPORTER_OTLP_HEADERS=authorization=.*"))
        finally:
            sink.close()
        with grpc(address=f"unix:{path}2"):
            check(f"unix:{path}2", 0, "  gRPC +ok .*", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")


@case
def check_tries_zipkin():
    chosen = {"OTEL_TRACES_EXPORTER": "zipkin"}

    def at(port, path="/api/v2/spans", scheme="http"):
        return {**chosen, "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"{scheme}://localhost:{port}{path}"}

    with collector("ok;status:404;status:401", **ZIPKIN) as (sink, _):
        check(None, 0, "Trying Zipkin at .*", "  HTTP +ok .*", **at(sink.port))
        expect("what it was sent", sink.requests[0]["bytes"], 2)
        check(None, 1, advice("OTEL_EXPORTER_ZIPKIN_ENDPOINT is used as it is: a Zipkin server has /api/v2/spans."), **at(sink.port))
        check(None, 1, advice("OTEL_EXPORTER_ZIPKIN_ENDPOINT may hold credentials: .*"), **at(sink.port))
    check(None, 1, "  TCP +FAILED .*", advice("Nobody listens at .*Zipkin 9411."), **at(servers.closed_port()))
    with tls_files() as (_, tls), collector(cert=tls["cert"], key=tls["key"], **ZIPKIN) as (sink, _):
        check(None, 1, "  TLS +FAILED .*", advice("Add the authority that has signed Zipkin's certificate .*"), **at(sink.port, scheme="https"))
    with collector() as (otlp, _):  # both: one that fails is enough
        check(f"http://localhost:{otlp.port}", 1, "  HTTP +ok .*", "  TCP +FAILED .*",
              **{**at(servers.closed_port()), "OTEL_TRACES_EXPORTER": "otlp,zipkin"})


@case
def check_says_what_a_grpc_status_means():
    for code, name, words in (
            (1, "CANCELLED", "The collector gave the request up.*"), (2, "UNKNOWN", "See the collector's log."),
            (4, "DEADLINE_EXCEEDED", "The collector is too slow.*"), (6, "ALREADY_EXISTS", ".*"), (7, "PERMISSION_DENIED", ".*may not send traces."),
            (8, "RESOURCE_EXHAUSTED", ".*otelshim tries again later."), (9, "FAILED_PRECONDITION", ".*"), (10, "ABORTED", ".*"),
            (11, "OUT_OF_RANGE", ".*"), (12, "UNIMPLEMENTED", "No trace service is there: enable the OTLP receiver .*"),
            (14, "UNAVAILABLE", ".*is not ready.*"), (15, "DATA_LOSS", ".*"), (16, "UNAUTHENTICATED", "Set OTEL_EXPORTER_OTLP_HEADERS=authorization=.*")):
        with grpc(f"status:{code}") as sink:
            check(f"http://localhost:{sink.port}", 1, f"  gRPC +FAILED +status {code}, {name}: it broke.*", advice(words),
                  OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
