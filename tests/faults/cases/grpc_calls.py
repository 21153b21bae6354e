"""gRPC against grpcio's own server: what works, statuses, RetryInfo, TLS, Unix sockets."""
import contextlib
import os
import tempfile

import servers
from grpc_sink import GrpcSink
from harness import Failure, account, case, collector, drive, expect, expect_between, expect_short_runs

PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
GRPC, GZIP = 2, 1  # enum otlp_protocol, otlp_compression


@contextlib.contextmanager
def grpc_collector(behaviour="ok", **options):
    sink = GrpcSink(behaviour, **options)
    try:
        yield sink, f"http://127.0.0.1:{sink.port}{PATH}"
    finally:
        sink.close()


def call(url, **settings):
    return drive(url, protocol=GRPC, **settings)


@case
def grpc_delivers_every_span_over_one_connection():
    for compression in (0, GZIP):
        with grpc_collector() as (sink, url):
            result = call(url, spans=20000, attributes=6, compression=compression)
            account(result, sink, 20000)
            expect("distinct spans", len({s["span_id"] for s in sink.spans}), 20000)
            expect("connections", len(sink.peers), 1)
            expect_between("requests", len(sink.requests), 39, 60)
            expect_short_runs(result, 100000)


@case
def grpc_sends_what_the_specification_asks_for():
    with grpc_collector() as (sink, url):
        call(url, headers=["Api-Key:s3cret", "grpc-status:0", "te:gzip", "x-empty:"], timeout_ms=4000)
        headers = sink.requests[0]["headers"]
        expect("user-agent", headers["user-agent"], "OTel-OTLP-Exporter-C/0.1.0")
        expect("api-key", headers["api-key"], "s3cret")
        expect("x-empty", headers["x-empty"], "")
        if "grpc-status" in headers or "te" in headers:
            raise Failure(f"reserved metadata was sent: {headers}")
        expect_between("the server's view of the deadline, ms", sink.requests[0]["timeout"] * 1000,
                       2000, 4100)


@case
def grpc_says_what_http_says():
    rich = {"spans": 7, "attributes": 6, "rich": 1, "fixed": 1, "pid": 42}
    with collector() as (sink, url):
        drive(url, **rich)
        wanted = [{k: v for k, v in s.items() if k not in ("accepted", "request")} for s in sink.spans]
    for compression in (0, GZIP):
        with grpc_collector() as (sink, url):
            call(url, compression=compression, **rich)
            expect("spans", [{k: v for k, v in s.items() if k != "accepted"} for s in sink.spans], wanted)


@case
def grpc_statuses_are_tried_again_or_not():
    retried = {1, 4, 10, 11, 14, 15}
    for code in range(1, 17):
        with grpc_collector(f"retry:{code}:0;ok" if code == 8 else f"status:{code};ok") as (sink, url):
            result = call(url, spans=2, flush_at_ms=0)
            again = code in retried or code == 8
            expect(f"requests at {code}", len(sink.requests), 2 if again else 1)
            expect(f"rejected at {code}", result["rejected"], 0 if again else 2)
            if not again and f"gRPC status {code} " not in result["log"]:
                raise Failure(f"the log says {result['log']!r}")
            if not again and "it broke: 100 %" not in result["log"]:
                raise Failure(f"the message is not in the log: {result['log']!r}")


@case
def grpc_exhausted_resources_without_retry_info_are_final():
    with grpc_collector("status:8") as (sink, url):
        result = call(url, spans=2)
        expect("rejected", result["rejected"], 2)
        expect("requests", len(sink.requests), 1)


@case
def grpc_retry_info_is_waited_for():
    with grpc_collector("retry:14:1200;ok") as (sink, url):
        result = call(url, spans=2, flush_at_ms=100)
        expect("delivered", result["delivered"], 2)
        expect_between("ms", result["ms"], 1190, 2500)


@case
def grpc_partial_success_is_counted():
    with grpc_collector("partial:4") as (sink, url):
        result = call(url, spans=10)
        account(result, sink, 10, dropped=4)
        if "no room" not in result["log"]:
            raise Failure("the collector's words are not in the log")


@case
def grpc_garbage_in_an_answer_is_said():
    with grpc_collector("garbage") as (sink, url):
        result = call(url, spans=2)
        account(result, sink, 2)
        if "no ExportTraceServiceResponse" not in result["log"]:
            raise Failure("the log says nothing")


@case
def grpc_answer_of_10_mb_is_cut_off():
    with grpc_collector("large:10000000") as (sink, url):
        result = call(url, spans=2)
        expect("rejected", result["rejected"], 2)
        if "too large" not in result["log"]:
            raise Failure(f"the log says {result['log']!r}")
        expect_between("rss kB", result["rss_kb"], 0, 32000)


@case
def grpc_hanging_server_costs_the_attempt_timeout():
    with grpc_collector("hang") as (sink, url):
        result = call(url, spans=3, timeout_ms=300, export_timeout_ms=900)
        account(result, None, 3, dropped=3)
        expect_between("ms", result["ms"], 290, 1800)
        expect_short_runs(result, 100000)


@case
def grpc_over_a_unix_socket():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "otel.sock")
        result = call(f"http://localhost{PATH}", unix=path, spans=3, export_timeout_ms=900)
        account(result, None, 3, dropped=3)
        with grpc_collector(address=f"unix:{path}") as (sink, _):
            result = call(f"http://localhost{PATH}", unix=path, spans=700,
                          env={"http_proxy": "http://127.0.0.1:1"})
            account(result, sink, 700)


@case
def grpc_over_tls_and_mutual_tls():
    with tempfile.TemporaryDirectory() as directory:
        tls = servers.make_ca(directory)
        client = servers.make_client_certificate(directory)
        with grpc_collector(cert=tls["cert"], key=tls["key"]) as (sink, url):
            url = url.replace("http:", "https:").replace("127.0.0.1", "localhost")
            for compression in (0, GZIP):
                before = sink.received
                result = call(url, spans=5000, ca=tls["ca"], compression=compression)
                expect("delivered", result["delivered"], 5000)
                expect("received", sink.received - before, 5000)
            expect("connections of two processes", len(sink.peers), 2)
            result = call(url, spans=2, export_timeout_ms=1000)
            expect("retries without the CA", result["retries"], 2)
        options = {"cert": tls["cert"], "key": tls["key"], "client_ca": tls["ca"]}
        with grpc_collector("partial:1;status:3;retry:14:50;ok", **options) as (sink, url):
            url = url.replace("http:", "https:").replace("127.0.0.1", "localhost")
            files = {"ca": tls["ca"], "cert": client["cert"], "key": client["key"]}
            result = call(url, spans=3, batch=1, **files)
            expect("rejected, by a partial success and a status", result["rejected"], 2)
            expect("delivered, after a RetryInfo", result["delivered"], 1)
            expect("connections", len(sink.peers), 1)
            result = call(url, spans=3, ca=tls["ca"], export_timeout_ms=1000)
            expect("delivered without a certificate", result["delivered"], 0)


@case
def grpc_needs_http2_of_a_tls_server():
    with tempfile.TemporaryDirectory() as directory:
        tls = servers.make_ca(directory)
        with collector(cert=tls["cert"], key=tls["key"], path=PATH) as (_, url):
            url = url.replace("http:", "https:").replace("127.0.0.1", "localhost").replace("/v1/traces", PATH)
            result = call(url, spans=2, ca=tls["ca"], export_timeout_ms=1000)
            account(result, None, 2, dropped=2)
            if "does not speak HTTP/2" not in result["log"]:
                raise Failure(f"the log says {result['log']!r}")
