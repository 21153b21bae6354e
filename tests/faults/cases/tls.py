"""TLS: authorities, client certificates."""
import tempfile

from harness import account, case, collector, drive, expect, servers


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
