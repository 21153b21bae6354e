"""
Much data and many connections: downloads and uploads arrive as they left, plain
and by TLS; requests through buffers so small that every write is cut; thousands
of connections open at a time. `make e2e`: 1 GB and 10,000.
"""
import os

from harness import FULL, SANITIZED, Failure
from http_case import nginx, serve, server

SMALL = 32 << 20
SIZE = 1 << 30 if FULL else SMALL
CONNECTIONS = 10000 if FULL else 1000
ROUNDS = 120 if FULL else 40
LONG = {"timeout": 600, "slack": 120, "long": True}

SITE = """
location /large { sendfile %s; }
location /put/ { dav_methods PUT; client_max_body_size 0; client_body_buffer_size 64k; }
location /behind/ { proxy_pass http%s://127.0.0.1:$PORT3/; proxy_http_version 1.1; proxy_request_buffering off;
                    client_max_body_size 0; proxy_max_temp_file_size 0; }
"""
NO_TLS = "server { listen 127.0.0.1:$PORT%d; %s }"
TLS = "server { listen 127.0.0.1:$PORT%d ssl; ssl_certificate $CERT; ssl_certificate_key $KEY; %s }"


def sum_of(command):
    return {"what": command, "run": ["sh", "-c", command + " | sha256sum"], "timeout": 300}


def spans_of_requests(paths, size):
    """Each request's SERVER span says how much went over the wire, one way or the other."""
    def check(run):
        sizes = sorted((s["attributes"]["url.path"], max(s["attributes"].get("http.request.body.size", 0),
                                                         s["attributes"].get("http.response.body.size", 0)))
                       for s in run.spans if s["kind"] == "SERVER")
        if sizes != sorted((path, size) for path in paths):
            raise Failure(f"SERVER spans {sizes}, {size} bytes each expected")
    return check


def transfers(name, listen, url, sendfile, size=SIZE):
    """Down from a file, up to a file, down and up through another server."""
    tls = "s" * (listen is TLS)
    inner = SITE % (sendfile, tls)
    one, files = nginx(listen % (1, inner) + listen % (3, inner), ["$PORT1", "$PORT3"])
    curl = f"curl -sS --cacert $CA {url}"
    steps = [sum_of(f"{curl}/large"), sum_of(f"{curl}/behind/large"),
             {"what": "upload", "run": ["sh", "-c", f"curl -sS --cacert $CA -T root/large {url}/put/one"], "timeout": 300},
             sum_of("cat root/put/one"),
             {"what": "upload behind", "run": ["sh", "-c", f"curl -sS --cacert $CA -T root/large {url}/behind/put/two"],
              "timeout": 300}, sum_of("cat root/put/two")]
    whole = ["/large", "/behind/large", "/large", "/put/one", "/behind/put/two", "/put/two"]
    serve(name, [one], steps, site=files, large={"root/large": size}, directories=["root/put"], golden=None,
          check=spans_of_requests(whole, size), **{**LONG, "long": size != SMALL})


transfers("large_by_sendfile", NO_TLS, "http://127.0.0.1:$PORT1", "on")
transfers("large_by_writev", NO_TLS, "http://127.0.0.1:$PORT1", "off", SMALL)
transfers("large_by_tls", TLS, "https://localhost:$PORT1", "off")


def at_most_one_parent_each(run):
    """
    Half of the rounds begin each request with a write of its own, and the whole head is in it: a
    header each. The others put eight into one write, of which the first can be told apart.
    """
    with open(os.path.join(run.tmp, "taken")) as f:
        requests, parents, doubled = map(int, f.read().split())
    if parents < requests // 2 + ROUNDS // 2 or doubled:
        raise Failure(f"{requests} requests came with {parents} traceparents, {doubled} with more than one")
    told = sum(s["kind"] == "CLIENT" for s in run.spans)
    if told != requests:
        raise Failure(f"{told} CLIENT spans of {requests} requests")


serve("partial_writes", [server("take", ["$PROGRAMS/http_partial", "take", "$PORT1", "taken"], ["$PORT1"],
                                stop="itself", shim=False)],
      [{"what": "send", "shim": True, "run": ["$PROGRAMS/http_partial", "send", "$PORT1", str(ROUNDS)], "timeout": 300}],
      golden=None, check=at_most_one_parent_each, **LONG)

one, files = nginx("server { listen 127.0.0.1:$PORT1 backlog=4096; location /r { return 200 'returned\\n'; } }",
                   top="worker_processes 2; worker_rlimit_nofile 20000;", connections=CONNECTIONS + 100)
one["logs"] = []


# docs/LIMITS.md: 64 bytes a connection, 1 KB more while a request is open; and what a process costs that exports.
KB_EACH, KB_A_WORKER, WORKERS = 1.1, 12 << 10, 2


def all_told(run):
    if len(run.spans) != 2 * CONNECTIONS or any(s["parent_span_id"] or s["kind"] != "SERVER" for s in run.spans):
        raise Failure(f"{len(run.spans)} spans of {2 * CONNECTIONS} requests, or some with a parent")
    with open(os.path.join(run.dir, "memory")) as f:
        bare, shim = map(int, f.read().split())
    run.notes.append(f"memory of {WORKERS} workers with {CONNECTIONS} connections: {bare} KB bare, {shim} KB under the shim")
    if not SANITIZED and not 0 < shim - bare < CONNECTIONS * KB_EACH + WORKERS * KB_A_WORKER:
        raise Failure(f"{shim - bare} KB more than bare")


serve("many_connections", [one], [{"what": "many", "timeout": 120, "run": [
    "$PROGRAMS/http_many", "$PORT1", str(CONNECTIONS), "2", "$TMP/nginx.pid", "$TMP/../memory"]}, {"what": "settled", "settled": "$SPANS"}], site=files, golden=None, check=all_told,
    shim_env={"OTEL_BSP_SCHEDULE_DELAY": "200"}, **LONG)

# As many descriptors as it takes bare, and not one more (nginx has 9 of its own; with 8 the last connection waits
# for ever): none of ours counts.
AT_LIMIT, NGINX_OWN = 300, 9
one, files = nginx("server { listen 127.0.0.1:$PORT1 backlog=4096; location /r { return 200 'returned\\n'; } }",
                   top=f"worker_processes 1; worker_rlimit_nofile {AT_LIMIT + NGINX_OWN};", connections=AT_LIMIT + 100)
one["logs"] = []


def told_at_the_limit(run):
    if len(run.spans) != 2 * AT_LIMIT:
        raise Failure(f"{len(run.spans)} spans of {2 * AT_LIMIT} requests")


serve("many_connections_at_the_limit", [one], [{"what": "many", "run": ["timeout", "20", "$PROGRAMS/http_many", "$PORT1", str(AT_LIMIT), "2"]},
                                               {"what": "settled", "settled": "$SPANS"}], site=files, golden=None,
      stdout=f"answers={2 * AT_LIMIT} wrong=0", check=told_at_the_limit, shim_env={"OTEL_BSP_SCHEDULE_DELAY": "200"})
