"""
The configurations in docs/collector/ at work: one agent, two gateways, a backend behind each. Many
short traces, one with an error, one slow one; what is kept, what is measured, what is hidden, and
that a trace goes to one gateway as a whole.
"""
import json
import os
import time
from collections import Counter, namedtuple

import golden
import tools
from tools import ROOT, Broken, free_ports
from traced import Traced, metrics, wait_for

Case = namedtuple("Case", "name body")
DOCS = os.path.join(ROOT, "docs/collector")
GOOD = 24       # traces without anything to keep them for
SLOW_MS = 700
ERROR_SPANS, SLOW_SPANS = 3, 5  # curl, its request, nginx; a shell, those, and sleep
CARD, MAIL = "4111111111111111", "someone@example.org"


class Tiers:
    """agent -> gateway 1 -> backend's first entry, gateway 2 -> its second one."""

    def __init__(self, directory, keep_percent):
        binary, self.servers, self.directory = tools.collector(), [], directory
        ports = free_ports(7)
        self.http, agent_grpc, gateway_1, gateway_2, backend_1, backend_2, unused = ports
        quick = {"DECISION_WAIT": "2s", "SLOW_MS": str(SLOW_MS), "KEEP_PERCENT": str(keep_percent),
                 "METRICS_FLUSH": "1s", "BATCH_TIMEOUT": "200ms"}
        try:
            self.start(binary, "backend", os.path.join(tools.HERE, "backend.yaml"), {"OUT": directory},
                       BACKEND_1_GRPC=backend_1, BACKEND_1_HTTP=unused, BACKEND_2_GRPC=backend_2)
            for name, port, backend in (("gateway-1", gateway_1, backend_1), ("gateway-2", gateway_2, backend_2)):
                self.start(binary, name, os.path.join(DOCS, "gateway.yaml"),
                           {**quick, "BACKEND": f"127.0.0.1:{backend}"}, GATEWAY=port)
            self.start(binary, "agent", os.path.join(DOCS, "agent.yaml"),
                       {"GATEWAY_1": f"127.0.0.1:{gateway_1}", "GATEWAY_2": f"127.0.0.1:{gateway_2}"},
                       AGENT_HTTP=self.http, AGENT_GRPC=agent_grpc)
        except BaseException:
            self.close()
            raise

    def start(self, binary, name, config, env, **ports):
        self.servers.append(tools.run_collector(binary, name, config, self.directory, ports, env))

    def traces(self, gateway, number=0, timeout=30):
        return wait_for(os.path.join(self.directory, f"traces_{gateway}.jsonl"), number, timeout)

    def close(self):
        """The agent first: each hands on what it still holds."""
        for server in reversed(self.servers):
            server.close()

    def complaints(self):
        return [f"{s.name}: {line}" for s in self.servers for line in s.read_log().splitlines()
                if "\terror\t" in line]


def scene(tiers, directory):
    """Every trace is a curl and nginx's answer to it; returns how many spans the shim made."""
    traced = Traced(directory, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{tiers.http}", OTEL_SHIM_HTTP_ROUTES="/hello")
    nginx = traced.nginx(OTEL_SERVICE_NAME="web")
    slow = ["sh", "-c", f"curl -sS {nginx.url}/slow && sleep {SLOW_MS / 1000 + 0.2}"]
    try:
        for _ in range(GOOD - 1):
            traced.run("curl", "-sS", f"{nginx.url}/hello")
        traced.run("curl", "-sS", f"{nginx.url}/hello?card={CARD}&to={MAIL}")
        traced.run("curl", "-sS", f"{nginx.url}/broken")
        traced.run(*slow)
    finally:
        nginx.close()
    made, delivered = traced.account()
    if made != delivered:
        raise Broken(f"the shim made {made} spans and delivered {delivered}")
    return made


def whole(spans, what):
    """Each trace complete, and below one root."""
    # Tail sampling and load balancing pass on no schema URL.
    problems = [p for p in golden.check_spans(spans) if not p.endswith("schema url ''")]
    if problems:
        raise Broken(f"{what}: " + "\n".join(problems))
    return len(golden.build_forest(spans))


def run(directory, keep_percent):
    tiers = Tiers(directory, keep_percent)
    try:
        made = scene(tiers, directory)
        wanted = made if keep_percent == 100 else ERROR_SPANS + SLOW_SPANS
        deadline = time.monotonic() + 30
        while len(tiers.traces(1)) + len(tiers.traces(2)) < wanted and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        tiers.close()
    if tiers.complaints():
        raise Broken("\n".join(tiers.complaints()[:5]))
    return tiers, made


def keeps_errors_and_slow_traces(directory):
    tiers, _ = run(directory, 0)
    spans = tiers.traces(1) + tiers.traces(2)
    if whole(spans, "kept") != 2:
        raise Broken(f"kept traces: {Counter(s['trace_id'] for s in spans)}")
    by_path = Counter(s["attributes"].get("url.path") for s in spans if s["kind"] == "SERVER")
    if by_path != {"/broken": 1, "/slow": 1}:
        raise Broken(f"kept requests: {by_path}")
    if len(spans) != ERROR_SPANS + SLOW_SPANS:
        raise Broken(f"{len(spans)} spans are kept, of an error and a slow trace")


def sends_a_trace_to_one_gateway(directory):
    tiers, made = run(directory, 100)
    first, second = tiers.traces(1), tiers.traces(2)
    if len(first) + len(second) != made:
        raise Broken(f"{made} spans were made, the backends have {len(first)} and {len(second)}")
    if whole(first, "gateway 1") + whole(second, "gateway 2") != GOOD + 2:
        raise Broken("not every trace has one root")
    if not first or not second:
        raise Broken("one gateway got nothing")
    both = {s["trace_id"] for s in first} & {s["trace_id"] for s in second}
    if both:
        raise Broken(f"traces at both gateways: {both}")


def measures_every_span(directory):
    """Kept is next to nothing, measured is everything."""
    tiers, made = run(directory, 0)
    calls, durations = Counter(), 0
    for gateway in (1, 2):
        for (name, service, span, kind, status, code), point in metrics(os.path.join(directory, f"metrics_{gateway}.jsonl")).items():
            if name == "traces.span.metrics.calls":
                calls[(service, span, kind, status, code)] += int(point["asInt"])
            elif name == "traces.span.metrics.duration":
                durations += int(point["count"])
    if sum(calls.values()) != made or durations != made:
        raise Broken(f"{made} spans were made, {sum(calls.values())} counted, {durations} timed: {calls}")
    for key, number in {("web", "GET /hello", "SPAN_KIND_SERVER", "STATUS_CODE_UNSET", "200"): GOOD,
                        ("web", "GET", "SPAN_KIND_SERVER", "STATUS_CODE_ERROR", "500"): 1,
                        ("curl", "GET", "SPAN_KIND_CLIENT", "STATUS_CODE_ERROR", "500"): 1}.items():
        if calls[key] != number:
            raise Broken(f"{key}: {calls[key]}, must be {number} of {calls}")


def hides_what_it_should(directory):
    tiers, _ = run(directory, 100)
    spans = tiers.traces(1) + tiers.traces(2)
    text = json.dumps(spans)
    for secret in (CARD, MAIL):
        if secret in text:
            raise Broken(f"{secret} arrived at the backend")
    queries = [s["attributes"].get("url.query", s["attributes"].get("url.full", "")) for s in spans if "****" in str(s["attributes"])]
    if len(queries) != 2 or not all("card=****" in q and "to=****" in q for q in queries):
        raise Broken(f"masked: {queries}")
    clients = {s["attributes"]["client.address"] for s in spans if s["kind"] == "SERVER"}
    if len(clients) != 1 or "127.0.0.1" in clients:
        raise Broken(f"client.address: {clients}")
    if any(s["attributes"].get("deployment.tier") != "agent" for s in spans):
        raise Broken("spans that passed the agent by")


CASES = [Case("tiers_" + body.__name__, body) for body in (
    keeps_errors_and_slow_traces, sends_a_trace_to_one_gateway, measures_every_span, hides_what_it_should)]
