"""
Real programs under the shim, and what a receiver has of them: the spans of nginx, curl, sqlite3
and a shell, as plain values whichever way they came.
"""
import json
import os
import re
import subprocess
import time

from tools import BUILD, Broken, Paused, Server, free_port

import otlp_json

SHIM = os.path.join(BUILD, "libotelshim.so")
SUMMARY = re.compile(r"debug: spans (?:to (\S+): )?made=(\d+) delivered=(\d+) dropped=(\d+)")
NGINX = """
daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log;
events {{ worker_connections 128; }}
http {{
    access_log off; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    server {{
        listen 127.0.0.1:{port};
        location = /hello {{ default_type text/plain; return 200 "hello\\n"; }}
        location = /missing {{ return 404 "missing\\n"; }}
        location = /broken {{ return 500 "broken\\n"; }}
        location / {{ return 200 "anything\\n"; }}
    }}
}}
"""


class Traced:
    """Runs programs with one set of variables; keeps the shim's own log of all of them."""

    def __init__(self, directory, **variables):
        self.directory, self.log = directory, os.path.join(directory, "shim.log")
        os.chmod(directory, 0o755)  # nginx's workers are another user, and log there, too
        open(self.log, "a").close()
        os.chmod(self.log, 0o666)
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": directory, "LANG": "C.UTF-8",
                    "LD_PRELOAD": SHIM, "OTEL_SHIM_LOG_FILE": self.log, "OTEL_LOG_LEVEL": "debug",
                    "OTEL_SHIM_SPOOL_DIR": "none", "OTEL_BSP_SCHEDULE_DELAY": "200", **variables}

    def run(self, *argv, **more):
        done = subprocess.run(argv, env={**self.env, **more}, cwd=self.directory, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Broken(f"{argv}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def nginx(self, **more):
        port = free_port()
        conf = os.path.join(self.directory, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX.format(dir=self.directory, port=port))
        server = Server("nginx", ["nginx", "-c", conf, "-p", self.directory], {**self.env, **more}, self.directory, [port])
        server.url = f"http://127.0.0.1:{port}"
        server.port = port
        return server

    def account(self):
        """(made, delivered) by the shim's own count; delivered to each exporter. Nothing may be dropped or
        warned of."""
        sums = {}
        with open(self.log) as f:
            for line in f:
                if "the program does not wait for it" in line:
                    raise Paused(f"the shim says: {line}")
                if re.search(r": (error|warn|config): ", line):
                    raise Broken(f"the shim says: {line}")
                m = SUMMARY.search(line)
                if m:
                    made, delivered = sums.get(m[1], (0, 0))
                    sums[m[1]] = made + int(m[2]), delivered + int(m[3])
                    if int(m[4]):
                        raise Broken(f"spans were dropped: {line}")
        if len(set(sums.values())) > 1:
            raise Broken(f"the exporters differ: {sums}")
        return next(iter(sums.values()), (0, 0))


def collected(path):
    """The spans in the Collector's file: it writes every member, empty ones, too."""
    spans = []
    if not os.path.exists(path):
        return spans
    with open(path) as f:
        for line in f:
            if line.endswith("\n"):
                spans += otlp_json.decode_traces(json.dumps(without_empty(json.loads(line))).encode())
    return spans


def without_empty(value):
    """proto3: a text that is empty, or a message without members, is absent."""
    if isinstance(value, dict):
        return {k: without_empty(v) for k, v in value.items()
                if not (v == "" and k in ("parentSpanId", "traceState", "message", "schemaUrl"))}
    return [without_empty(v) for v in value] if isinstance(value, list) else value


def wait_for(path, number, timeout=20):
    """The spans in the file once there are so many; it is looked at a little longer for more."""
    deadline = time.monotonic() + timeout
    while True:
        spans = collected(path)
        if len(spans) >= number or time.monotonic() > deadline:
            time.sleep(0.3)
            return collected(path)
        time.sleep(0.1)


def metrics(path):
    """Sum of the newest values of every series: (metric, attributes that tell it apart) -> value."""
    out = {}
    if not os.path.exists(path):
        return out
    with open(path) as f:
        for line in f:
            for resource in json.loads(line)["resourceMetrics"]:
                service = values(resource["resource"].get("attributes", [])).get("service.name")
                for scope in resource["scopeMetrics"]:
                    for metric in scope["metrics"]:
                        for point in points_of(metric):
                            a = values(point["attributes"])
                            key = (metric["name"], a.get("service.name", service), a["span.name"], a["span.kind"], a["status.code"],
                                   a.get("http.response.status_code"))
                            out[key] = point
    return out


def points_of(metric):
    return (metric.get("sum") or metric.get("histogram") or {}).get("dataPoints", [])


def values(attributes):
    return {a["key"]: next(iter(a["value"].values())) for a in attributes}
