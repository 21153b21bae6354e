"""The curl command: what a libcurl program of the usual kind does."""
from harness import Failure, case

OWN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# Spans and header belong to the client: curl must not notice either.
CURL = ["curl", "-sS"]


def web_header(run, name):
    """The values that the web server got under a name, one per request."""
    return [next((v for k, v in r["headers"] if k.lower() == name), None) for r in run.web.requests]


def expect_header(name, pattern):
    import re

    def check(run):
        for value in web_header(run, name):
            if not (re.fullmatch(pattern, value) if pattern and value else value == pattern):
                raise Failure(f"{name} arrived as {value!r}, not {pattern!r}")
        if not run.web.requests:
            raise Failure("no request arrived")
    return check


def no_transfer(run):
    if any(s["scope"] == "otelshim.curl" for s in run.spans):
        raise Failure("a span without a transfer")


def request_size_is_exact(run):
    request = run.web.requests[0]
    line = len(f"{request['method']} {request['path']} HTTP/1.1\r\n")
    size = line + sum(len(k) + len(v) + 4 for k, v in request["headers"]) + 2
    got = run.roots[0]["children"][0]["attributes"]["http.request.size"]
    if got != size:
        raise Failure(f"http.request.size {got}, the server read {size}")


case("curl_one", CURL + ["$WEB/hello"], golden="curl/one", stdout="hello", check=request_size_is_exact)
case("curl_two_on_one_connection", CURL + ["$WEB/hello", "$WEB/bytes/1000"], golden="curl/two")
case("curl_parallel", CURL + ["-Z", "--no-progress-meter", "$WEB/hello?1", "$WEB/hello?2", "$WEB/hello?3"], golden="curl/parallel",
     parallel=True)
case("curl_head", CURL + ["-I", "$WEB/hello"], golden="curl/head")
case("curl_post", CURL + ["-d", "some=body", "$WEB/echo"], golden="curl/post", stdout="some=body")
case("curl_upload", CURL + ["-T", "data", "$WEB/echo"], golden="curl/upload", files={"data": "x" * 20000})
case("curl_patch", CURL + ["-X", "PATCH", "$WEB/hello"], golden="curl/patch")
case("curl_unknown_method", CURL + ["-X", "BREW", "$WEB/hello"], golden="curl/unknown_method")
case("curl_status_404", CURL + ["$WEB/status/404"], golden="curl/status_404")
case("curl_status_500", CURL + ["$WEB/status/500"], golden="curl/status_500")
case("curl_fail_on_404", CURL + ["-f", "$WEB/status/404"], exit=22, golden="curl/fail_404")
case("curl_redirects", CURL + ["-L", "$WEB/redirect/2"], golden="curl/redirects", stdout="hello")
case("curl_refused", CURL + ["http://127.0.0.1:$CLOSED_PORT/"], exit=7, golden="curl/refused",
     filter=lambda raw: __import__("re").sub(rb"after \d+ ms", b"after N ms", raw))
case("curl_timeout", CURL + ["-m", "0.4", "$WEB/slow/3000"], exit=28, golden="curl/timeout",
     filter=lambda raw: __import__("re").sub(rb"after \d+ milli", b"after N milli", raw))
case("curl_bad_host", CURL + ["http://bad..name/"], exit=6, golden="curl/bad_host")
case("curl_empty_reply", CURL + ["$WEB/drop"], exit=52, golden="curl/empty_reply")
case("curl_cut_body", CURL + ["$WEB/cut"], exit=18, golden="curl/cut_body")
case("curl_proxy", CURL + ["-x", "$WEB", "http://example.invalid/hello"], golden="curl/proxy", stdout="hello")

case("curl_tls_http2", CURL + ["--cacert", "$CA", "$NGINX_TLS/hello"], web="nginx", golden="curl/tls_http2",
     stdout="hello")
case("curl_tls12_http1", CURL + ["--cacert", "$CA", "--http1.1", "--tls-max", "1.2", "$NGINX_TLS/hello"],
     web="nginx", golden="curl/tls12_http1", stdout="hello")
case("curl_tls_unknown_ca", CURL + ["$NGINX_TLS/hello"], exit=60, web="nginx", golden="curl/tls_unknown_ca")

case("curl_redacts_secrets", CURL + ["http://joe:passw0rd@127.0.0.1:$WEB_PORT/hello?a=1&sig=topsecret"
                                     "&Signature=alsosecret&b=2"],
     golden="curl/redacted", secrets=["joe", "passw0rd", "topsecret", "alsosecret"])
case("curl_without_scheme", CURL + ["127.0.0.1:$WEB_PORT/hello"], golden="curl/schemeless")
case("curl_own_traceparent_wins", CURL + ["-H", "Traceparent: " + OWN, "$WEB/hello"], injects=False,
     sdk_parents=["00f067aa0ba902b7"], golden="curl/own_traceparent", shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"},
     check=expect_header("traceparent", OWN))
case("curl_carries_tracestate_and_baggage", CURL + ["$WEB/hello"], golden=None,
     shim_env={"TRACEPARENT": OWN, "TRACESTATE": "a=1,b=2", "BAGGAGE": "user=7"},
     check=lambda run: (expect_header("tracestate", "a=1,b=2")(run), expect_header("baggage", "user=7")(run)))
case("curl_without_propagators", CURL + ["$WEB/hello"], injects=False, golden="curl/propagation_only",
     shim_env={"OTEL_PROPAGATORS": "none"}, check=expect_header("traceparent", None))
case("curl_sampled_out_still_injects", CURL + ["$WEB/hello"], injects=False, golden="none",
     shim_env={"OTEL_TRACES_SAMPLER": "always_off"},
     check=expect_header("traceparent", "00-[0-9a-f]{32}-[0-9a-f]{16}-0[02]"))
case("curl_excluded_url_is_untouched", CURL + ["$WEB/hello?q"], injects=False, golden="none",
     shim_env={"OTEL_SHIM_CURL_EXCLUDED_URLS": "other,hello[?]q$"}, check=expect_header("traceparent", None))
case("curl_disabled_is_untouched", CURL + ["$WEB/hello"], injects=False, golden="none",
     shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl,http"}, check=expect_header("traceparent", None))

case("curl_version_makes_no_transfer", ["curl", "--version"], golden=None, check=no_transfer)
case("curl_file", CURL + ["file://$TMP/text"], files={"text": "content"}, golden="curl/file", stdout="content")
case("curl_file_missing", CURL + ["file://$TMP/none"], exit=37, golden="curl/file_missing")
case("curl_ftp_refused", CURL + ["ftp://127.0.0.1:$CLOSED_PORT/x"], exit=7, golden="curl/ftp_refused",
     filter=lambda raw: __import__("re").sub(rb"after \d+ ms", b"after N ms", raw))
case("curl_unknown_scheme", CURL + ["nonsense://127.0.0.1/x"], exit=1, golden="curl/bad_scheme")
