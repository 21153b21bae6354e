"""TLS: authorities, client certificates."""
import tempfile

from grpc_sink import GrpcSink
from harness import Failure, account, case, collector, drive, expect, servers


@case
def tls_with_a_custom_ca():
    with tempfile.TemporaryDirectory() as directory:
        tls = servers.make_ca(directory)
        with collector(cert=tls["cert"], key=tls["key"]) as (sink, url):
            url = url.replace("http:", "https:").replace("127.0.0.1", "localhost")
            result = drive(url, spans=700, ca=tls["ca"])
            account(result, sink, 700)
            result = drive(url, spans=2, export_timeout_ms=1000)
            expect("delivered without the CA", result["delivered"], 0)
            expect("retries without the CA", result["retries"], 2)
            result = drive(url, spans=2, ca="/no/such/file.pem", export_timeout_ms=1000)
            expect("delivered with a missing CA file", result["delivered"], 0)


@case
def tls_with_a_client_certificate():
    with tempfile.TemporaryDirectory() as directory:
        tls = servers.make_ca(directory)
        client = servers.make_client_certificate(directory)
        with collector(cert=tls["cert"], key=tls["key"], client_ca=tls["ca"]) as (sink, url):
            url = url.replace("http:", "https:").replace("127.0.0.1", "localhost")
            result = drive(url, spans=3, ca=tls["ca"], cert=client["cert"], key=client["key"])
            account(result, sink, 3)
            result = drive(url, spans=3, ca=tls["ca"], export_timeout_ms=1000)
            expect("delivered without a certificate", result["delivered"], 0)


PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
GRPC = 2  # enum otlp_protocol


@case
def tls_of_another_name_or_an_expired_certificate_gets_nothing():
    with tempfile.TemporaryDirectory() as directory:
        tls = servers.make_ca(directory)
        for options, why in (({"name": "elsewhere.test"}, "subject name"), ({"expired": True}, "expired")):
            files = servers.make_server_certificate(directory, **options)
            with collector(**files) as (sink, url):
                url = url.replace("http:", "https:").replace("127.0.0.1", "localhost")
                result = drive(url, spans=2, ca=tls["ca"], export_timeout_ms=1000)
                account(result, sink, 2, dropped=2)
                if why not in result["log"]:
                    raise Failure(f"the log says {result['log']!r}, not {why!r}")
            sink = GrpcSink(**files)
            try:
                result = drive(f"https://localhost:{sink.port}{PATH}", protocol=GRPC, spans=2, ca=tls["ca"],
                               export_timeout_ms=1000)
                account(result, sink, 2, dropped=2)
            finally:
                sink.close()


@case
def tls_to_a_server_that_speaks_plainly_is_tried_again_and_given_up():
    with collector() as (sink, url):
        for protocol in (0, GRPC):
            result = drive(url.replace("http:", "https:"), protocol=protocol, spans=2, export_timeout_ms=1000)
            account(result, None, 2, dropped=2)
        expect("requests", len(sink.requests), 0)
