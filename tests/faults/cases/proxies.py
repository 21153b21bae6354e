"""Proxies of the environment."""
import contextlib
import socket
import tempfile
import threading

import servers
from grpc_sink import GrpcSink
from harness import Failure, account, case, collector, drive, expect


@case
def a_proxy_from_the_environment_is_used_unless_exempt():
    with collector(path="http://collector.invalid:4318/v1/traces") as (proxy, _):
        env = {"http_proxy": f"http://localhost:{proxy.port}"}
        result = drive("http://collector.invalid:4318/v1/traces", env=env, spans=2)
        account(result, proxy, 2)
        env["no_proxy"] = "example.com,.invalid"
        result = drive("http://collector.invalid:4318/v1/traces", env=env, spans=2,
                       export_timeout_ms=1000)
        expect("delivered past the proxy", result["delivered"], 0)
        if "resolve" in result["log"]:
            raise Failure(f"libcurl looked the name up itself: {result['log']}")


@contextlib.contextmanager
def tunnel_proxy():
    """Takes CONNECT, leads every tunnel to the local port of the same number; yields what was asked."""
    listener, asked = socket.create_server(("127.0.0.1", 0)), []
    listener.settimeout(0.1)
    closing = threading.Event()

    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(client):
        with contextlib.suppress(OSError):
            head = client.recv(65536).decode()
            if not head:
                return
            asked.append(head.split("\r\n")[0])
            server = socket.create_connection(("127.0.0.1", int(head.split()[1].rpartition(":")[2])))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            pump(server, client)

    def accept():
        while not closing.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        closing.set()
        thread.join()
        listener.close()


PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
GRPC = 2  # enum otlp_protocol


@case
def a_proxy_tunnels_https_and_grpc():
    with tempfile.TemporaryDirectory() as directory, tunnel_proxy() as (proxy, asked):
        tls = servers.make_ca(directory)
        with collector(cert=tls["cert"], key=tls["key"]) as (sink, url):
            url = url.replace("http:", "https:").replace("127.0.0.1", "localhost")
            account(drive(url, spans=3, ca=tls["ca"], env={"HTTPS_PROXY": proxy}), sink, 3)
            expect("asked of the proxy", asked, [f"CONNECT localhost:{sink.port} HTTP/1.1"])
        sink = GrpcSink()
        try:
            del asked[:]
            url = f"http://collector.invalid:{sink.port}{PATH}"
            account(drive(url, protocol=GRPC, spans=700, env={"http_proxy": proxy}), sink, 700)
            expect("asked of the proxy", asked, [f"CONNECT collector.invalid:{sink.port} HTTP/1.1"])
        finally:
            sink.close()
