"""
C4: an orphan is better than a wrong parent. Many requests at once, each with an
id of its own in its URL, through a proxy, an application and its upstream:
the spans themselves tell whose child each of them became (parents.py).

`make test` asks some hundred, `make e2e` 20,000 of what must be right, and fewer
of what may be orphaned; one after the other, they are always as many.
"""
import parents
from harness import FULL, Failure
from http_case import ASIO, ASYNCIO, NODE, THREADS, apache, haproxy, nginx, program, serve

CONNECTIONS = 64
# Twice as many: with and without a caller's traceparent.
FEW = 200
MANY, SOME = (10000, 3200) if FULL else (FEW, FEW)
FRONT = "server { listen 127.0.0.1:$PORT1{tls}; location /front { proxy_pass {scheme}://app/{path}; proxy_http_version 1.1; " \
        "proxy_set_header Connection ''; } } upstream app { server 127.0.0.1:$PORT2; keepalive 64; }"
LEAF = "server { listen 127.0.0.1:$PORT3 backlog=1024{tls}; location /leaf { return 200 \"$$args\\n\"; } }"
TLS = " ssl; ssl_certificate $CERT; ssl_certificate_key $KEY"


# The servers end when all has been sent: an exit does not wait for a collector that pauses.
SETTLED = {"what": "settled", "settled": "$SPANS"}


def site(text, tls, path=""):
    for name, by in (("tls", TLS if tls else ""), ("scheme", "https" if tls else "http"), ("path", path)):
        text = text.replace("{" + name + "}", by)
    return text


def leaf(tls):
    """The last upstream: another nginx, with directories of its own."""
    one, files = nginx(site(LEAF, tls), ["$PORT3"], connections=2048)
    one["name"], one["argv"][2] = "leaf", "$TMP/leaf.conf"
    text = files["nginx.conf"].replace("$TMP/nginx", "$TMP/leaf").replace("access_log $TMP/leaf.access.log seen", "access_log off")
    one["logs"] = []
    return one, {"leaf.conf": text}


def quiet(pair):
    one, files = pair
    one["logs"] = []  # in any order
    return one, files


def load(connections, requests, first_id, *more):
    return {"what": "load" + " with a caller" * ("traceparent" in more), "timeout": 600, "run": [
        "$PROGRAMS/http_load", "$PORT1", str(connections), str(requests), str(first_id), "/front", *more]}


def counted(requests, spans_each, right_share):
    """0 wrong; right at least the share; all there. What was found is printed."""
    def check(run):
        counts, lines = parents.report(run.spans)
        # A kept connection that the server closes just as it is asked again: asked anew on another one.
        total = sum(counts.values()) - sum(
            parents.id_of(s) is not None and "http.response.status_code" not in s["attributes"] for s in run.spans)
        run.notes += [f"of {total} spans {line}" if i == 0 else line for i, line in enumerate(lines)]
        if total != 2 * requests * spans_each:
            raise Failure(f"{total} spans of {2 * requests} requests, {spans_each} each expected")
        if counts["wrong"] or counts["right"] < right_share * total:
            raise Failure(f"0 wrong and {right_share:.1%} right expected")
    return check


def crowd(name, front, app, right_share, requests=SOME, connections=CONNECTIONS, tls=False, rests=False, **options):
    """spans: front server and client, application server and client, leaf's server: 5."""
    (one, files), (last, last_files) = front, leaf(tls)
    how = ["tls"] * tls + ["rests"] * rests
    serve(name, [last, app, one], [
        load(connections, requests, 0, *how), load(connections, requests, requests, "traceparent", *how), SETTLED],
          site={**files, **last_files}, golden=None, check=counted(requests, 5, right_share), timeout=600, slack=300,
          long=connections > 1,
          stdout=f"(right={requests} wrong=0(.|\n)*){{2}}== done",
          shim_env={"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_SHIM_EXIT_TIMEOUT": "20000"}, **options)


def app(argv, *more):
    return program("app", argv, "$PORT2", "$PORT3", *more)


def nginx_to(path, tls=False):
    return quiet(nginx(site(FRONT, tls, path), connections=2048))


HAPROXY = ("frontend f\n    bind 127.0.0.1:$PORT1\n    http-request set-path /chain\n    default_backend b\n"
           "backend b\n    http-reuse always\n    server s 127.0.0.1:$PORT2\n")
APACHE = "Listen 127.0.0.1:$PORT1\nProxyPass /front http://127.0.0.1:$PORT2/chain\nStartServers 70\n"

crowd("crowd_nginx_threads_upstream", nginx_to("chain"), app(THREADS), 0.999, MANY)
# Requests that nginx holds back go on by a timer, behind what was read in the same turn: roots with links.
HELD_BACK = FRONT.replace("{ proxy_pass", "{ limit_req zone=z burst=20000; proxy_pass")
crowd("crowd_nginx_held_back", quiet(nginx("limit_req_zone $$server_addr zone=z:1m rate=1000r/s; " + site(HELD_BACK, False, "chain"),
                                           connections=2048)), app(THREADS), 0.6)
# TLS on each of the three ways.
crowd("crowd_nginx_threads_upstream_tls", nginx_to("chain", True), app(THREADS, "$CERT", "$KEY", "$CA"), 0.999,
      MANY, tls=True)
crowd("crowd_haproxy_threads_upstream", quiet(haproxy(HAPROXY)), app(THREADS), 0)
crowd("crowd_haproxy_of_two_threads", quiet(haproxy(HAPROXY, 2)), app(THREADS), 0)
for mpm in ("event", "prefork"):
    crowd(f"crowd_apache_{mpm}_threads_upstream", quiet(apache(APACHE, mpm, ["proxy", "proxy_http"])), app(THREADS), 0.999)
crowd("crowd_nginx_threads_pool", nginx_to("pool"), app(THREADS), 0)
crowd("crowd_nginx_threads_helpers", nginx_to("helper"), app(THREADS), 0)
# A thread made for one request, with no other open, is that one's; an event loop's only one is, too. Without a rest the
# next request can come before the thread that wrote the last answer has run on: 1 to 2 of 100 were two at a time then.
crowd("alone_nginx_threads_helpers", nginx_to("helper"), app(THREADS), 0.99, requests=FEW, connections=1, rests=True)
crowd("alone_nginx_asyncio_timers", nginx_to("chain"), app(ASYNCIO), 0.999, requests=FEW, connections=1)
crowd("alone_nginx_node_timers", nginx_to("chain"), app(NODE), 0.999, requests=FEW, connections=1, needs=["node"],
      sanitized=False)
crowd("crowd_nginx_asyncio_timers", nginx_to("chain"), app(ASYNCIO), 0)
crowd("crowd_nginx_asyncio_executor", nginx_to("executor"), app(ASYNCIO), 0)
crowd("crowd_nginx_asyncio_both", nginx_to("mixed"), app(ASYNCIO), 0)
# Eight threads run one loop, and any of them does the next step of a request.
crowd("crowd_nginx_asio_threads", nginx_to("chain"), app(ASIO), 0)
crowd("crowd_nginx_node_timers", nginx_to("chain"), app(NODE), 0, needs=["node"], sanitized=False)
