"""AWS's signature version 4 by its documentation, to hold requests against."""
import hashlib
import hmac

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session+token/=="
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(headers, signed, body, scope):
    """The signature that AWS would expect."""
    canonical = "".join(f"{n}:{' '.join(headers[n].split())}\n" for n in signed)
    request = "\n".join(["POST", "/v1/traces", "", canonical, ";".join(signed), hashlib.sha256(body).hexdigest()])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                         hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4" + SECRET.encode()
    for part in scope.split("/"):
        key = digest(key, part)
    return digest(key, to_sign).hex()


def signed_headers(headers, body, region, service):
    """The names of the headers that are signed; raises AssertionError where AWS would refuse the request."""
    def same(what, got, wanted):
        if got != wanted:
            raise AssertionError(f"{what} is {got!r}, must be {wanted!r}")

    headers = {k.lower(): v for k, v in headers.items()}
    kind, _, rest = headers["authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    scope = f"{headers['x-amz-date'][:8]}/{region}/{service}/aws4_request"
    same("algorithm", kind, "AWS4-HMAC-SHA256")
    same("credential", fields["Credential"], f"{KEY}/{scope}")
    signed = fields["SignedHeaders"].split(";")
    same("host and date are signed", {"host", "x-amz-date"} <= set(signed), True)
    same("signature", fields["Signature"], signature(headers, signed, body, scope))
    return signed
