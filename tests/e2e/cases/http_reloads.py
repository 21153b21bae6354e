"""
Servers that change while they serve: reloaded, replaced by a new binary, turned into
daemons. Requests take 0.3 s each, many at a time, so every change falls into some:
each request is answered and has its span, whichever process it was in.
"""
from harness import Failure
from http_case import apache, get, nginx, serve, served

AT_ONCE, REQUESTS = 20, 200
PAGE = "x" * 6143 + "\n"
NEVER = {"OTEL_SHIM_PROCESS_SPAN": "never"}

# ab's own summary: how many were answered, and well.
LOAD = ("ab -q -S -d -n %d -c %d http://127.0.0.1:$PORT1/slow > ab.out 2>&1 & ab=$$!; sleep 0.2; %s wait $$ab; "
        "grep -E '^(Complete|Failed|Non-2xx|apr|Total of)' ab.out" % (REQUESTS, AT_ONCE, "%s"))


def under_load(what, commands):
    return {"what": what, "run": ["sh", "-c", LOAD % commands], "timeout": 60}


def slow():
    """ab asks by HTTP/1.0 and is answered by 1.1."""
    agent = {"regex": "ApacheBench/.*"}
    return dict(served("GET", "/slow", 1, size=len(PAGE), version="1.0", agent=agent), count=REQUESTS)


def of_several_generations(run):
    """Two workers serve at a time: a third one is of a later generation, and the change fell into the load."""
    workers = {s["resource"]["process.pid"] for s in run.spans}
    if len(workers) < 3:
        raise Failure(f"all spans are of {len(workers)} processes")


def changed(name, servers, steps, spans, **options):
    serve(name, servers, steps, spans, parallel=True, check=of_several_generations, shim_env=NEVER, needs=["ab"],
          stdout=f"Complete requests: +{REQUESTS}\nFailed requests: +0\n", timeout=90, slack=10, **options)


# ---------------------------------------------------------------- nginx
SITE = "server { listen 127.0.0.1:$PORT1; location = /slow { limit_rate 20k; } location / { return 200 'returned\\n'; } }"
RELOADS = "for i in 1 2 3 4 5; do kill -HUP $$(cat nginx.pid); sleep 0.4; done;"
BEFORE_AND_AFTER = [served("GET", f"/{when}", 1, size=9) for when in ("before", "after")]


def with_page(files):
    return {"root/slow": PAGE, **files}


one, files = nginx(SITE, top="worker_processes 2;")
one["logs"] = []
changed("nginx_reloaded_under_load", [one], [get(1, "/before"), under_load("reloads", RELOADS), get(1, "/after")],
        [*BEFORE_AND_AFTER, slow()], site=with_page(files))

one, files = nginx(SITE, top="worker_processes 2;")
files["nginx.conf"] = files["nginx.conf"].replace("daemon off;", "daemon on;")
one["logs"], one["stop"] = [], "itself"
ALL_GONE = {"what": "quit", "run": ["sh", "-c", "kill -QUIT $$(cat nginx.pid); n=0; while [ -e nginx.pid ] && [ $$n -lt 200 ]; "
                                    "do sleep 0.05; n=$$((n+1)); done; ls nginx.pid* 2>&1"]}
changed("nginx_as_a_daemon", [one], [get(1, "/before"), under_load("reloads", RELOADS), get(1, "/after"), ALL_GONE],
        [*BEFORE_AND_AFTER, slow()], site=with_page(files))
one = {**one, "argv": ["/usr/sbin/nginx", *one["argv"][1:]]}  # it execs what it was called by
UPGRADE = ("kill -USR2 $$(cat nginx.pid); n=0; while [ ! -e nginx.pid.oldbin ] || [ ! -s nginx.pid ] && [ $$n -lt 100 ]; "
           "do sleep 0.05; n=$$((n+1)); done; ls nginx.pid*; "
           "sleep 0.4; kill -WINCH $$(cat nginx.pid.oldbin); sleep 0.4; kill -QUIT $$(cat nginx.pid.oldbin); sleep 0.4; ")


changed("nginx_upgraded_under_load", [one], [get(1, "/before"), under_load("a new binary", UPGRADE), get(1, "/after"), ALL_GONE],
        [*BEFORE_AND_AFTER, slow()], site=with_page(files))

# ---------------------------------------------------------------- apache2
GRACEFUL = "for i in 1 2 3 4; do kill -USR1 $$(cat apache.pid); sleep 0.5; done;"
for mpm, more in (("prefork", "StartServers 24\n"), ("event", "")):
    one, files = apache("Listen 127.0.0.1:$PORT1\n<Location /slow>\nSetOutputFilter RATE_LIMIT\nSetEnv rate-limit 20\n</Location>\n"
                        + more, mpm, ["env", "ratelimit"])
    one["logs"] = []
    changed(f"apache_{mpm}_graceful_under_load", [one], [
        get(1, "/hello?before"), under_load("graceful", GRACEFUL), get(1, "/hello?after")],
            [served("GET", "/hello", 1, size=6, query="before"), slow(), served("GET", "/hello", 1, size=6, query="after")],
            site=with_page(files))
