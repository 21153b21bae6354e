"""
Programs that ask over sockets: each request carries the traceparent of its
CLIENT span (the harness compares with what the web server got), and the program
prints what it prints bare.
"""
import re

from harness import FULL, Failure, case
from http_case import asked, called, process

NO_CURL = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl"}
NO_DNS = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"}
BIG_QUEUE = {"OTEL_BSP_MAX_QUEUE_SIZE": "30000"}


# ---------------------------------------------------------------- commands
case("socket_curl", ["curl", "-sS", "$WEB/hello"], stdout="hello", shim_env=NO_CURL,
     golden=[process("curl", asked("GET", "/hello", size=6))])
case("socket_curl_two_on_one_connection", ["curl", "-sS", "$WEB/hello?a=b#frag", "$WEB/bytes/100000"], shim_env=NO_CURL,
     golden=[process("curl", asked("GET", "/hello?a=b", size=6), asked("GET", "/bytes/100000", size=100000))])
case("socket_curl_posts", ["curl", "-sS", "-d", "some=body", "$WEB/echo"], stdout="some=body", shim_env=NO_CURL,
     golden=[process("curl", asked("POST", "/echo", size=9, body=9))])
case("socket_curl_expects_100", ["curl", "-sS", "-H", "Expect: 100-continue", "-T", "data", "$WEB/echo"],
     files={"data": "x" * 200000}, shim_env=NO_CURL,
     golden=[process("curl", asked("PUT", "/echo", size=200000, body=200000))])
case("socket_curl_unknown_method", ["curl", "-sS", "-X", "BREW", "$WEB/hello"], shim_env=NO_CURL,
     golden=[process("curl", asked("_OTHER", "/hello", size=6, original="BREW"))])
case("socket_curl_head", ["curl", "-sS", "-I", "$WEB/hello"], shim_env=NO_CURL,
     golden=[process("curl", asked("HEAD", "/hello", size=0))])
case("socket_curl_follows_redirects", ["curl", "-sS", "-L", "$WEB/redirect/2"], stdout="hello", shim_env=NO_CURL,
     golden=[process("curl", asked("GET", "/redirect/2", status=302, size=0),
                     asked("GET", "/redirect/1", status=302, size=0), asked("GET", "/hello", size=6))])
case("socket_curl_errors", ["curl", "-sS", "$WEB/status/404", "$WEB/status/500"], shim_env=NO_CURL,
     golden=[process("curl", asked("GET", "/status/404", status=404, size=11),
                     asked("GET", "/status/500", status=500, size=11))])
case("socket_curl_by_a_proxy", ["curl", "-sS", "-x", "$WEB", "http://example.invalid/hello"], stdout="hello",
     shim_env=NO_CURL, golden=[process("curl", asked("GET", "/hello", size=6, more={
         "url.full": "http://example.invalid/hello", "server.address": "example.invalid", "server.port": 80}))])
case("socket_curl_redacts_secrets", ["curl", "-sS", "$WEB/hello?a=1&sig=topsecret&b=2"], shim_env=NO_CURL,
     secrets=["topsecret"], golden=[process("curl", asked("GET", "/hello?a=1&sig=REDACTED&b=2", size=6))])
case("socket_curl_http2_is_left_alone", ["curl", "-sS", "--cacert", "$CA", "$NGINX_TLS/hello"], web="nginx",
     stdout="hello", injects=False, shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl,dns"}, golden=[])
case("socket_is_not_seen_below_libcurl", ["curl", "-sS", "$WEB/hello"], stdout="hello", golden="curl/one")

case("socket_wget", ["wget", "-q", "-O", "-", "$WEB/hello", "$WEB/bytes/10"], stdout="hello\nxxxxxxxxxx", needs=["wget"],
     shim_env=NO_DNS, golden=[process("wget", asked("GET", "/hello", size=6), asked("GET", "/bytes/10", size=10))])
def without_figures(raw):
    """ab's and wrk's figures are times and rates."""
    return re.sub(rb"\d[\d.]*(us|ms|s|KB|MB|%|k)?", b"N", re.sub(rb" +", b" ", raw))


def each_request_told(run):
    """Those under way at wrk's end, too: it exits without waiting for them, or closing."""
    told = {(s["trace_id"], s["span_id"]) for s in run.spans if s["kind"] == "CLIENT"}
    asked = [parent.split("-")[1:3] for _, parent in run.web.seen()]
    untold = [ids for ids in asked if tuple(ids) not in told]
    if untold or not told:
        raise Failure(f"{len(told)} spans of {len(asked)} requests, {len(untold)} untold")


AB = ["ab", "-q", "-S", "-d", "-n", "20", "-c", "4"]
case("socket_ab", AB + ["$WEB/hello"], needs=["ab"], stdout="Failed requests: +0", filter=without_figures,
     shim_env=NO_DNS, parallel=True, golden=[process("ab", dict(asked("GET", "/hello", size=6, more={
         "network.protocol.version": {"any_of": ["1.0", "1.1"]}}), count=20))])
case("socket_ab_keeps_alive", AB + ["-k", "$NGINX/hello"], web="nginx", stdout="Keep-Alive requests: +20",
     filter=without_figures, shim_env=NO_DNS, parallel=True, golden=[process("ab", dict(
         called("GET", "http://127.0.0.1:$NGINX_PORT/hello", 0, size=6, more={
             "server.port": "$NGINX_PORT", "network.peer.port": "$NGINX_PORT",
             "network.protocol.version": {"any_of": ["1.0", "1.1"]}}), count=20))])
# wrk leaves its last requests without an answer; they are told as they are.
case("socket_wrk", ["wrk", "-t", "2", "-c", "4", "-d", "1s", "$WEB/hello"], needs=["wrk"], stdout="requests in",
     compare=False, injects=False, shim_env=NO_DNS, golden=None, check=each_request_told)

ROUNDS = 5000 if FULL else 400


def those_with_spans_carry_them(run):
    """Where threads lose their processor at a bad moment a connection is left alone, which is counted."""
    carried = sorted(tuple(parent.split("-")[1:3]) for _, parent in run.web.seen() if parent)
    told = sorted((s["trace_id"], s["span_id"]) for s in run.spans if s["kind"] == "CLIENT")
    if carried != told or (len(told) < 4 * ROUNDS and "contended" not in run.reasons) or len(told) < ROUNDS:
        raise Failure(f"{len(told)} spans of {4 * ROUNDS} requests, {len(carried)} with a header")


case("socket_crossed_threads", ["$PROGRAMS/http_crossed", "$WEB_PORT", "4", str(ROUNDS)], stdout=f"answers={4 * ROUNDS} odd=0",
     shim_env=BIG_QUEUE, golden=None, injects=False, long=True, timeout=120, contends=True, check=those_with_spans_carry_them)

# ---------------------------------------------------------------- languages
URLLIB = """
import urllib.request, urllib.error
print(urllib.request.urlopen("$WEB/hello").read())
print(urllib.request.urlopen("$WEB/echo", data=b"x" * 100000).read()[:3])
try:
    urllib.request.urlopen("$WEB/status/404")
except urllib.error.HTTPError as e:
    print(e.code, e.read())
"""
case("socket_python_urllib", ["$PYTHON", "-c", URLLIB], stdout="hello(.|\n)*404 b.status 404", golden=[
    process("python3.11", asked("GET", "/hello", size=6), asked("POST", "/echo", size=100000, body=100000),
            asked("GET", "/status/404", status=404, size=11))])
CLIENT = """
import http.client, socket
c = http.client.HTTPConnection("127.0.0.1", $WEB_PORT)
for path in ("/hello", "/bytes/70000", "/status/304"):
    c.request("GET", path, headers={"User-Agent": "c"})
    print(len(c.getresponse().read()))
c.putrequest("PUT", "/echo"); c.putheader("Content-Length", "6"); c.endheaders(); c.send(b"abc"); c.send(b"def")
print(c.getresponse().read())
s = socket.create_connection(("127.0.0.1", $WEB_PORT))
for byte in b"GET /hello HTTP/1.1\\r\\nHost: slow\\r\\n\\r\\n": s.send(bytes([byte]))
answer = b""
while not answer.endswith(b"hello\\n"): answer += s.recv(1000)
print(answer[:15])
"""


def in_pieces_is_not_injected(run):
    """A head that leaves byte by byte is complete in no call: no header, no broken request."""
    *whole, last = run.web.seen()
    if last[1] or not all(parent for _, parent in whole):
        raise Failure(f"traceparents: {run.web.seen()}")


case("socket_python_http_client", ["$PYTHON", "-c", CLIENT], stdout="6\n70000\n0\nb'abcdef'", injects=False, golden=[
    process("python3.11", asked("GET", "/hello", size=6), asked("GET", "/bytes/70000", size=70000),
            asked("GET", "/status/304", status=304, size=0), asked("PUT", "/echo", size=6, body=6),
            asked("GET", "/hello", size=6, more={"url.full": "http://slow/hello", "server.address": "slow",
                                                 "server.port": 80}))], check=in_pieces_is_not_injected)
OWN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SDK = 'import urllib.request as u; print(u.urlopen(u.Request("$WEB/hello", headers={"traceparent": "%s"})).read())' % OWN


def left_alone(run):
    if run.web.seen() != [("/hello", OWN)]:
        raise Failure(f"the program's own header became {run.web.seen()}")


case("socket_python_with_an_sdk", ["$PYTHON", "-c", SDK], stdout="hello", injects=False, check=left_alone,
     sdk_parents=["00f067aa0ba902b7"], shim_env={"OTEL_SHIM_PROCESS_SPAN": "never"},
     golden=[asked("GET", "/hello", size=6, parent="00f067aa0ba902b7")])
PERL = 'use HTTP::Tiny; print HTTP::Tiny->new->get("$WEB/hello")->{content}, HTTP::Tiny->new->get("$WEB/status/500")->{status}'
case("socket_perl", ["perl", "-e", PERL], stdout="hello\n500", shim_env=NO_DNS, golden=[
    process("perl", asked("GET", "/hello", size=6), asked("GET", "/status/500", status=500, size=11))])
case("socket_php", ["php", "-r", 'echo file_get_contents("$WEB/hello");'], stdout="hello", shim_env=NO_DNS,
     golden=[process("php8.2", asked("GET", "/hello", size=6))])
case("socket_ruby", ["ruby", "-rnet/http", "-e", 'puts Net::HTTP.get(URI("$WEB/hello"))'], stdout="hello",
     needs=["ruby"], shim_env=NO_DNS, golden=[process("ruby3.1", asked("GET", "/hello", size=6))])
NODE = """
const http = require('http');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const get = (path, then) => http.get('$WEB' + path, { agent }, (r) => {
  let n = 0; r.on('data', (d) => { n += d.length; }); r.on('end', () => { console.log(r.statusCode, n); then(); });
});
get('/hello', () => get('/bytes/100000', () => get('/status/404', () => agent.destroy())));
"""
case("socket_node", ["node", "-e", NODE], stdout="200 6\n200 100000\n404", needs=["node"], sanitized=False, golden=[
    process("node", asked("GET", "/hello", size=6), asked("GET", "/bytes/100000", size=100000),
            asked("GET", "/status/404", status=404, size=11))])
case("socket_stdio_is_unharmed", ["$PROGRAMS/http_stdio", "$WEB_PORT", "/hello", "/bytes/9000", "/status/404"],
     stdout="hello\nx{9000}status 404", injects=False, golden=None)
case("socket_bash", ["bash", "-c", r"exec 3<>/dev/tcp/127.0.0.1/$WEB_PORT; printf 'GET /hello HTTP/1.0\r\n\r\n' >&3; cat <&3"],
     stdout="hello", injects=False, golden=None)

# ---------------------------------------------------------------- switches
case("socket_disabled_is_untouched", ["$PYTHON", "-c", URLLIB], stdout="404 b", injects=False, golden="none",
     shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "socket,process"})
case("http_excluded_url_is_untouched", ["$PYTHON", "-c", URLLIB], stdout="404 b", injects=False,
     shim_env={"OTEL_SHIM_HTTP_EXCLUDED_URLS": "127.0.0.1:$WEB_PORT/hello$,/status/"},
     golden=[process("python3.11", asked("POST", "/echo", size=100000, body=100000))])
case("socket_sampled_out_still_injects", ["$PYTHON", "-c", URLLIB], stdout="404 b", injects=False, golden="none",
     shim_env={"OTEL_TRACES_SAMPLER": "always_off"},
     check=lambda run: not_sampled(run))


def not_sampled(run):
    for path, parent in run.web.seen():
        if not re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[02]", parent):
            raise Failure(f"{path} came with traceparent {parent!r}")
