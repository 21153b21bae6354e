"""
What a client sends under the shim is what it sends bare, and our header behind the request
line: compared byte for byte by the one that receives it (http_recorder.py), with buffers of
any size, and by TLS the plaintext. The headers that came are those of the received CLIENT spans.
"""
import os

from harness import Failure
from http_case import PARENT, apache, get, haproxy, lighttpd, nginx, serve, server

RECORDER = ["/usr/bin/python3", "$ROOT/tests/programs/http_recorder.py"]
NO_CURL = {"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "curl,dns"}
LARGE = 300000


def each_is_a_span(requests):
    """Every request had one traceparent, at its place, with the ids of a CLIENT span of its own."""
    def check(run):
        with open(os.path.join(run.tmp, "seen")) as f:
            seen = [line[:-4] for line in f]  # a proxy keeps its caller's flags
        made = [f"00-{s['trace_id']}-{s['span_id']}" for s in run.spans if s["kind"] == "CLIENT"]
        if sorted(seen) != sorted(made):
            raise Failure(f"{len(seen)} traceparents came, {len(made)} CLIENT spans\n{seen}\n{made}")
        if len(seen) != requests:
            raise Failure(f"{len(seen)} traceparents, {requests} requests")
    return check


def recorded(name, steps, requests, servers=(), tls=False, slow=False, **options):
    """The recorder is at $PORT2."""
    recorder = server("recorder", [*RECORDER, "${PORT2}s" if slow else "$PORT2", "$TMP/seen", *(["$CERT", "$KEY"] if tls else [])], ["$PORT2"],
                      stop="INT", shim=False)
    options.setdefault("shim_env", NO_CURL)
    serve(f"bytes_{name}", [recorder, *servers], steps, golden=None, check=each_is_a_span(requests), large={"body": LARGE},
          stdout="request 1: ", **options)


def client(*argv, **env):
    return {"what": argv[0], "shim": True, "run": list(argv), "env": env}


# ---------------------------------------------------------------- programs
def programs(scheme, host, tls, slow=False):
    url, more = f"{scheme}://{host}:$PORT2", {"tls": tls, "slow": slow}
    kind = ("tls" if tls else "plain") + "_slowly" * slow
    ca = "$CA" if tls else ""
    recorded(f"curl_{kind}", [client("curl", "-sS", "--http1.1", "--cacert", "$CA", f"{url}/a?b=c", f"{url}/d"),
                              client("curl", "-sS", "--http1.1", "--cacert", "$CA", "-T", "body", f"{url}/put"),
                              client("sh", "-c", f"curl -sS --http1.1 --cacert $CA -T - {url}/chunks < body"),
                              client("curl", "-sS", "--http1.1", "--cacert", "$CA", "-I", f"{url}/head")], 5, **more)
    recorded(f"wget_{kind}", [client("wget", "-nv", "-q", "-O", "-", "--ca-certificate", "$CA", f"{url}/a", f"{url}/b"),
                              client("wget", "-q", "-O", "-", "--ca-certificate", "$CA", "--post-file", "body", f"{url}/c")],
             3, needs=["wget"], **more)
    recorded(f"python_{kind}", [client("/usr/bin/python3", "-c", PYTHON, url, ca)], 6, **more)
    recorded(f"asyncio_{kind}", [client("/usr/bin/python3", "-c", ASYNCIO, "$PORT2", ca)], 5, **more)
    recorded(f"php_{kind}", [client("php", "-r", PHP, url, "$CA")], 3, needs=["php"], **more)
    recorded(f"ruby_{kind}", [client("ruby", "-e", RUBY, url, "$CA")], 4, needs=["ruby"], **more)
    if not tls:
        recorded(f"perl_{kind}", [client("perl", "-e", PERL, url, PERL_HASH_SEED="0", PERL_PERTURB_KEYS="0")], 3, **more)
        # Its TLS is linked in: not seen.
        recorded(f"node_{kind}", [client("node", "-e", NODE, url)], 5, needs=["node"], sanitized=False, **more)
        recorded(f"ab_{kind}", [client("sh", "-c", f"ab -q -d -S -n 5 -c 1 {url}/a | grep -c Complete"),
                                client("sh", "-c", f"ab -q -d -S -k -n 5 -c 1 -T text/x -p body {url}/a | grep -c Complete")],
                 10, needs=["ab"], **more)


PYTHON = """
import http.client, ssl, sys, urllib.request
url, ca = sys.argv[1:3]
context = ssl.create_default_context(cafile=ca) if ca else None
body = open("body", "rb").read()
print(urllib.request.urlopen(url + "/a?b=c", context=context).read())
print(urllib.request.urlopen(urllib.request.Request(url + "/d", body, {"X-Traceparent": "x"}), context=context).read())
host = url.split("//")[1]
c = http.client.HTTPSConnection(host, context=context) if ca else http.client.HTTPConnection(host)
for method, what in (("POST", body), ("PUT", iter([body[:7], body[7:70000], b"end"])), ("DELETE", None), ("PATCH", b"x" * 16384)):
    c.request(method, "/e", what, encode_chunked=method == "PUT", headers={"Transfer-Encoding": "chunked"} if method == "PUT" else {})
    print(c.getresponse().read())
"""
ASYNCIO = """
import asyncio, socket, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
body = open("body", "rb").read()
async def main():
    s = socket.create_connection(("127.0.0.1", port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    context = ssl.create_default_context(cafile=ca) if ca else None
    r, w = await asyncio.open_connection(sock=s, ssl=context, server_hostname="localhost" if ca else None)
    for n, size in enumerate((0, 10, 4000, 20000, len(body))):
        padding = "p" * (n * 900)
        w.write(f"POST /{n} HTTP/1.1\\r\\nHost: h\\r\\nX-Padding: {padding}\\r\\nContent-Length: {size}\\r\\n\\r\\n".encode() + body[:size])
        await w.drain()
        head = await r.readuntil(b"\\r\\n\\r\\n")
        print(await r.readexactly(3))
    w.close()
asyncio.run(main())
"""
PERL = """use HTTP::Tiny; my $$h = HTTP::Tiny->new; open F, "<body"; local $$/; my $$b = <F>; my $$u = $$ARGV[0];
print $$h->get("$$u/a")->{content}, $$h->post("$$u/b", {content => $$b})->{content};
my @c = ("abc", "x" x 70000); print $$h->put("$$u/c", {content => sub { shift @c }})->{content};"""
PHP = """$$u = $$argv[1]; $$s = ["cafile" => $$argv[2]];
echo file_get_contents("$$u/a", false, stream_context_create(["ssl" => $$s]));
foreach (["POST" => file_get_contents("body"), "PUT" => "short"] as $$m => $$b)
    echo file_get_contents("$$u/b?$$m", false, stream_context_create(["ssl" => $$s, "http" => ["method" => $$m, "content" => $$b,
        "header" => "Content-Type: text/plain"]]));
"""
RUBY = """require "net/http"
u = URI(ARGV[0]); h = Net::HTTP.new(u.host, u.port)
if u.scheme == "https" then h.use_ssl = true; h.ca_file = ARGV[1] end
h.start { |c|
  puts c.get("/a").body, c.post("/b", File.binread("body"), "Content-Type" => "text/plain").body
  p = Net::HTTP::Put.new("/c"); p["Transfer-Encoding"] = "chunked"; p.body_stream = File.open("body", "rb"); p.content_type = "text/plain"
  puts c.request(p).body, c.head("/d").code }
"""
NODE = """
const http = require('http'), fs = require('fs'), url = process.argv[1], body = fs.readFileSync('body');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (method, path, parts, length) => new Promise((done) => {
  const r = http.request(url + path, { method, agent, headers: length ? { 'Content-Length': length } : {} }, (a) => {
    a.on('data', (d) => process.stdout.write(d)); a.on('end', done); });
  for (const part of parts) r.write(part);
  r.end();
});
(async () => {
  await ask('GET', '/a', []); await ask('POST', '/b', [body], body.length); await ask('PUT', '/c', ['abc', body, 'end']);
  await ask('DELETE', '/d', []); await ask('PATCH', '/e', ['x'.repeat(16000)], 16000); agent.destroy();
})();
"""
programs("http", "127.0.0.1", False)
programs("http", "127.0.0.1", False, slow=True)
programs("https", "localhost", True)
programs("https", "localhost", True, slow=True)

# ---------------------------------------------------------------- proxies
BODY = "x" * 70000
ASKED = [get(1, "/a?b=c"), get(1, "/post", method="POST", body=BODY), get(1, "/callers", f"traceparent: {PARENT}\r\n"),
         get(1, "/callers", f"X-A: 1\r\nTraceParent: {PARENT}\r\nX-B: 2\r\n", method="PUT", body=BODY)]


def proxied(name, pair, tls=False, slow=False, **options):
    one, files = pair
    one["logs"] = []
    recorded(name, ASKED, len(ASKED), servers=[one], site=files, tls=tls, slow=slow, **options)


for slow in (False, True):
    how = "_slowly" * slow
    for tls in ("", "s"):
        kind = ("_tls" if tls else "") + how
        proxied(f"nginx{kind}", nginx("server { listen 127.0.0.1:$PORT1; client_max_body_size 0; location / { "
                                      f"proxy_pass http{tls}://127.0.0.1:$PORT2; proxy_http_version 1.1; proxy_request_buffering off; }} }}"),
                bool(tls), slow)
        proxied(f"haproxy{kind}", haproxy(
            "    timeout connect 9s\nfrontend f\n    bind 127.0.0.1:$PORT1\n    default_backend b\nbackend b\n"
            "    server s 127.0.0.1:$PORT2" + " ssl verify none" * bool(tls) + "\n"), bool(tls), slow)
        proxied(f"apache{kind}", apache(f"Listen 127.0.0.1:$PORT1\nProxyPass / http{tls}://127.0.0.1:$PORT2/\n"
                                        "SSLProxyEngine on\nSSLProxyVerify none\nSSLProxyCheckPeerName off\n", "event",
                                        ["proxy", "proxy_http", "ssl"]), bool(tls), slow)
    proxied(f"lighttpd{how}", lighttpd('proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => $PORT2 ) ) )', '"mod_proxy"'), False, slow)

# Java's HttpURLConnection, below a server.
JVM = server("jvm", ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                     "$ROOT/tests/programs/http_jvm.java", "$PORT1", "$PORT2"], ["$PORT1"], stop="TERM")
recorded("jvm", [get(1, "/chain?id=1"), get(1, "/chain?id=2")], 2, servers=[JVM], needs=["java"], timeout=120, slack=30)
