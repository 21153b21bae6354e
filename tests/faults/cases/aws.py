"""Requests signed for AWS, checked by a signature version 4 of the test's own."""
import hashlib
import hmac

from harness import Failure, account, case, collector, drive, expect

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session+token/=="
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(headers, signed, body, scope):
    """The signature that AWS would expect, by its documentation."""
    canonical = "".join(f"{n}:{' '.join(headers[n].split())}\n" for n in signed)
    request = "\n".join(["POST", "/v1/traces", "", canonical, ";".join(signed), hashlib.sha256(body).hexdigest()])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                         hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4" + SECRET.encode()
    for part in scope.split("/"):
        key = digest(key, part)
    return digest(key, to_sign).hex()


def check(request, body, region, service):
    headers = {k.lower(): v for k, v in request["headers"].items()}
    kind, _, rest = headers["authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    scope = f"{headers['x-amz-date'][:8]}/{region}/{service}/aws4_request"
    expect("algorithm", kind, "AWS4-HMAC-SHA256")
    expect("credential", fields["Credential"], f"{KEY}/{scope}")
    signed = fields["SignedHeaders"].split(";")
    if not {"host", "x-amz-date"} <= set(signed):
        raise Failure(f"signed headers {signed}")
    expect("signature", fields["Signature"], signature(headers, signed, body, scope))
    return signed


@case
def requests_are_signed_for_aws():
    for env, compression in ((CREDENTIALS, 0), (CREDENTIALS | {"AWS_SESSION_TOKEN": TOKEN}, 1)):
        bodies = []
        with collector() as (sink, url):
            take = sink.take
            sink.take = lambda handler, raw: (bodies.append(handler.raw), take(handler, raw))[1]
            result = drive(url, env=env, sigv4="eu-west-1:xray", spans=700, compression=compression)
            account(result, sink, 700)
            for request, body in zip(sink.requests, bodies, strict=True):
                signed = check(request, body, "eu-west-1", "xray")
                if "AWS_SESSION_TOKEN" in env:
                    expect("token", request["headers"]["X-Amz-Security-Token"], TOKEN)
                    expect("token is signed", "x-amz-security-token" in signed, True)


@case
def without_credentials_nothing_is_sent_unsigned():
    with collector() as (sink, url):
        result = drive(url, env={"AWS_ACCESS_KEY_ID": KEY}, sigv4="eu-west-1:xray", spans=3)
        expect("open", result["open"], -1)
        expect("requests", len(sink.requests), 0)
        if "AWS_SECRET_ACCESS_KEY are not set" not in result["log"]:
            raise Failure(f"the log says {result['log']!r}")
