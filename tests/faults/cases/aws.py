"""Requests signed for AWS, checked by a signature version 4 of the test's own."""
from aws_signature import CREDENTIALS, KEY, TOKEN, signed_headers
from harness import account, case, collector, drive, expect


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
                signed = signed_headers(request["headers"], body, "eu-west-1", "xray")
                if "AWS_SESSION_TOKEN" in env:
                    expect("token", request["headers"]["X-Amz-Security-Token"], TOKEN)
                    expect("token is signed", "x-amz-security-token" in signed, True)


@case
def without_credentials_nothing_is_sent_unsigned():
    with collector() as (sink, url):
        result = drive(url, env={"AWS_ACCESS_KEY_ID": KEY}, sigv4="eu-west-1:xray", spans=3)
        expect("open", result["open"], -1)
        expect("requests", len(sink.requests), 0)
        expect("the log tells why", "AWS_SECRET_ACCESS_KEY are not set: spans are not exported" in result["log"], True)
