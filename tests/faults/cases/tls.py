"""TLS: authorities, client certificates."""
import os
import subprocess
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


def make_client_certificate(directory):
    """Signed by the CA that servers.make_ca left there."""
    at = {n: os.path.join(directory, n) for n in ("ca.pem", "ca.key", "client.pem", "client.key", "client.csr")}
    for command in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-keyout", at["client.key"], "-out", at["client.csr"], "-subj", "/CN=client"],
                    ["x509", "-req", "-in", at["client.csr"], "-CA", at["ca.pem"], "-CAkey", at["ca.key"],
                     "-CAcreateserial", "-days", "2", "-out", at["client.pem"]]):
        subprocess.run(["openssl", *command], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return at["client.pem"], at["client.key"]


@case
def tls_with_a_client_certificate():
    with tempfile.TemporaryDirectory() as directory:
        tls = servers.make_ca(directory)
        client_cert, client_key = make_client_certificate(directory)
        with collector(cert=tls["cert"], key=tls["key"], client_ca=tls["ca"]) as (sink, url):
            url = url.replace("http:", "https:").replace("127.0.0.1", "localhost")
            result = drive(url, spans=3, ca=tls["ca"], cert=client_cert, key=client_key)
            account(result, sink, 3)
            result = drive(url, spans=3, ca=tls["ca"], export_timeout_ms=1000)
            expect("delivered without a certificate", result["delivered"], 0)
