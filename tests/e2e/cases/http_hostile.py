"""
Hostile bytes: truncated, overlong, binary, the shapes of request smuggling,
header injection in traceparent. Whatever a server makes of them bare, it makes
of them under the shim; what spans come of it is not looked at, but that they
are well-formed.
"""
import random

from harness import FULL
from http_case import NODE, THREADS, apache, ask, haproxy, lighttpd, nginx, program, serve

HOST = "Host: h\r\n"
END = "Connection: close\r\n\r\n"
MANY = 10000

HOSTILE = {
    "nothing": "",
    "one byte": "G",
    "a cut line": "GET /hel",
    "a cut head": "GET /hello HTTP/1.1\r\nHost: h\r\nX-A",
    "a cut body": "POST /hello HTTP/1.1\r\n" + HOST + "Content-Length: 100\r\n\r\nshort",
    "a cut chunk": "POST /hello HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\nff\r\nshort",
    "binary": "".join(map(chr, range(256))) * 4,
    "zeros": "\0" * 1000,
    "zero in a value": "GET /hello HTTP/1.1\r\nHost: h\0h\r\n" + END,
    "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\xaa" * 500,
    "an HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "a PROXY line": "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /hello HTTP/1.1\r\n" + HOST + END,
    "HTTP/0.9": "GET /hello\r\n",
    "HTTP/9.9": "GET /hello HTTP/9.9\r\n" + HOST + END,
    "lower case": "get /hello http/1.1\r\n" + HOST + END,
    "no target": "GET  HTTP/1.1\r\n" + HOST + END,
    "a star": "OPTIONS * HTTP/1.1\r\n" + HOST + END,
    "a tunnel": "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nwhatever follows\r\n\r\n",
    "an upgrade": "GET /hello HTTP/1.1\r\n" + HOST + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "a long method": "G" * 5000 + " / HTTP/1.1\r\n" + HOST + END,
    "a long target": "GET /" + "a" * 100000 + " HTTP/1.1\r\n" + HOST + END,
    "a long value": "GET /hello HTTP/1.1\r\n" + HOST + "X-Long: " + "v" * 100000 + "\r\n" + END,
    "a head of 7,000 bytes": "GET /hello HTTP/1.1\r\n" + HOST + "X-Long: " + "v" * 7000 + "\r\n" + END,
    "10,000 headers": "GET /hello HTTP/1.1\r\n" + HOST + "".join(f"X-{n}: {n}\r\n" for n in range(MANY)) + END,
    "90 headers": "GET /hello HTTP/1.1\r\n" + HOST + "".join(f"X-{n}: {n}\r\n" for n in range(90)) + END,
    "a folded header": "GET /hello HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\td\r\n" + END,
    "a folded length": "POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n 3\r\n" + END + "abc",
    "a blank before the colon": "GET /hello HTTP/1.1\r\nHost : h\r\n" + END,
    "no colon": "GET /hello HTTP/1.1\r\nHost h\r\n" + END,
    "empty name": "GET /hello HTTP/1.1\r\nHost: h\r\n: v\r\n" + END,
    "only line feeds": "GET /hello HTTP/1.1\nHost: h\nConnection: close\n\n",
    "carriage returns alone": "GET /hello HTTP/1.1\rHost: h\rConnection: close\r\r",
    "empty lines first": "\r\n\r\nGET /hello HTTP/1.1\r\n" + HOST + END,
    "two hosts": "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + END,
    "no host": "GET /hello HTTP/1.1\r\n" + END,
    "two lengths alike": "POST /hello HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\nContent-Length: 3\r\n" + END + "abc",
    "two lengths": "POST /hello HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\nContent-Length: 40\r\n" + END
                   + "abcGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    "a list of lengths": "POST /hello HTTP/1.1\r\n" + HOST + "Content-Length: 3, 3\r\n" + END + "abc",
    "a signed length": "POST /hello HTTP/1.1\r\n" + HOST + "Content-Length: +3\r\n" + END + "abc",
    "a negative length": "POST /hello HTTP/1.1\r\n" + HOST + "Content-Length: -1\r\n" + END,
    "a huge length": "POST /hello HTTP/1.1\r\n" + HOST + "Content-Length: 99999999999999999999999\r\n" + END,
    "length and chunks": "POST /hello HTTP/1.1\r\n" + HOST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" + END
                         + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    "chunks and length": "POST /hello HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n" + END
                         + "5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n",
    "hidden chunks": "POST /hello HTTP/1.1\r\n" + HOST + "Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n" + END + "abc",
    "chunks twice": "POST /hello HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" + END
                    + "0\r\n\r\n",
    "chunks behind a tab": "POST /hello HTTP/1.1\r\n" + HOST + "Transfer-Encoding:\x0bchunked\r\n" + END + "0\r\n\r\n",
    "chunks in HTTP/1.0": "POST /hello HTTP/1.0\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "a chunk's size that is no number": "POST /hello HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n" + END + "xyz\r\nabc\r\n",
    "a chunk's huge size": "POST /hello HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n" + END + "fffffffffffffffff\r\nabc\r\n",
    "a chunk's extension": "POST /hello HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n" + END
                           + "3;name=" + "v" * 3000 + "\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
    "a space before the version": "GET /hello  HTTP/1.1\r\n" + HOST + END,
    "a tab in the line": "GET\t/hello\tHTTP/1.1\r\n" + HOST + END,
    "bytes above ASCII": "GET /h\xe9llo?\xff\xfe HTTP/1.1\r\nHost: h\xe9\r\nUser-Agent: \xff\xfe\r\n" + END,
    "a short traceparent": "GET /hello HTTP/1.1\r\n" + HOST + "traceparent: 00-1-2-3\r\n" + END,
    "a long traceparent": "GET /hello HTTP/1.1\r\n" + HOST + "traceparent: 00-" + "a" * 5000 + "\r\n" + END,
    "two traceparents": "GET /hello HTTP/1.1\r\n" + HOST + ("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"
                        "00f067aa0ba902b7-01\r\n" * 2) + END,
    "a traceparent with a line feed": "GET /hello HTTP/1.1\r\n" + HOST + "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"
                                      "00f067aa0ba902b7-01\nX-Evil: 1\r\n" + END,
    "a traceparent with a zero": "GET /hello HTTP/1.1\r\n" + HOST + "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"
                                 "00f067aa0ba902b7\0-01\r\n" + END,
    "a folded traceparent": "GET /hello HTTP/1.1\r\n" + HOST + "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-\r\n "
                            "00f067aa0ba902b7-01\r\n" + END,
    "an endless tracestate": "GET /hello HTTP/1.1\r\n" + HOST + "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"
                             "00f067aa0ba902b7-01\r\ntracestate: " + "a=b," * 1200 + "\r\n" + END,
    "endless baggage": "GET /hello HTTP/1.1\r\n" + HOST + "baggage: " + "a=b;c," * 1000 + "\r\n" + END,
    "pipelined twenty times": ("GET /hello HTTP/1.1\r\n" + HOST + "\r\n") * 20 + "GET /hello HTTP/1.1\r\n" + HOST + END,
    "bytes behind the end": "GET /hello HTTP/1.1\r\n" + HOST + END + "and more, which is no request",
    "an answer": "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
}


def mutations(count):
    """A good request with some bytes replaced, doubled or gone; the same in every run."""
    dice = random.Random(1)
    good = "POST /hello?a=b HTTP/1.1\r\n" + HOST + "Content-Length: 4\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-" \
           "00f067aa0ba902b7-01\r\nAccept: */*\r\n" + END + "abcd"
    for _ in range(count):
        text = list(good)
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(text))
            what = dice.randrange(4)
            if what == 0:
                text[at] = chr(dice.randrange(256))
            elif what == 1:
                text.insert(at, dice.choice("\r\n \t:\0,;"))
            elif what == 2:
                del text[at]
            else:
                text[at:at] = text[at:at + dice.randrange(1, 60)]
        yield "".join(text)


def questions(port, unsure):
    """Sixteen at a time; unsure: what a server answers to or cuts off, as it happens."""
    single = [ask(port, text, what, shut=True, unsure=what in unsure) for what, text in HOSTILE.items()]
    single += [ask(port, text, f"mutation {n}", shut=True) for n, text in enumerate(mutations(600 if FULL else 60))]
    single += [ask(port, text, f"{what}, in pieces", shut=True, pieces=1 if len(text) < 300 else 211,
                   unsure=what in unsure or what in EARLY) for what, text in HOSTILE.items() if len(text) < 8000]
    for at in range(0, len(single), 16):
        yield {"what": "sixteen", "at_once": single[at:at + 16]}


def hostile(name, servers, unsure=(), files=None, **options):
    for one in servers:
        one["logs"], one["quiet"] = [], True
    serve(f"hostile_to_{name}", servers, list(questions(1, unsure)), site=files, timeout=120, slack=30, long=True,
          # Where a server refuses a doubled or broken traceparent and a proxy hands it on all the same,
          # it is to the proxy's CLIENT span what an SDK's would be.
          sdk_parents=["00f067aa0ba902b7"], **options)


# What is answered while bytes are still unread ends in a reset: the answer may be lost.
LARGE = ("a long method", "a long target", "a long value", "10,000 headers", "a huge length", "endless baggage",
         "an endless tracestate", "a chunk's extension")
# Answered by the head alone or refused by the body, whichever the server sees first.
EARLY = ("a chunk's huge size", "a chunk's size that is no number", "a tunnel",
         "an HTTP/2 preface")

one, files = nginx("server { listen 127.0.0.1:$PORT1; location /hello { return 200 'hello\\n'; } }")
hostile("nginx", [one], LARGE, files)
one, files = nginx("server { listen 127.0.0.1:$PORT1; location / { proxy_pass http://127.0.0.1:$PORT2; "
                   "proxy_http_version 1.1; proxy_set_header Connection ''; } }")
hostile("nginx_and_what_is_behind", [program("app", THREADS, "$PORT2"), one], LARGE, files)
one, files = apache("Listen 127.0.0.1:$PORT1", "event")
hostile("apache", [one], LARGE, files)
one, files = lighttpd()
hostile("lighttpd", [one], LARGE, files)
one, files = haproxy("frontend f\n    bind 127.0.0.1:$PORT1\n    default_backend b\nbackend b\n"
                     "    server s 127.0.0.1:$PORT2\n")
hostile("haproxy_and_what_is_behind", [program("app", THREADS, "$PORT2"), one], LARGE, files)
hostile("python_threads", [program("app", THREADS, "$PORT1")], LARGE)
hostile("node", [program("node", NODE, "$PORT1")], LARGE, needs=["node"], sanitized=False)
