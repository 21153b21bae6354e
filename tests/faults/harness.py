"""
What the cases of tests/faults have in common: the driver (tests/programs/export_records
opens the built object as the background thread does and hands it records), collectors
that misbehave, and what is expected.
"""
import contextlib
import os
import re
import resource
import socket
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import servers  # noqa: E402,F401
from sink import Sink  # noqa: E402

BUILD = os.path.abspath(os.environ.get("OTELSHIM_BUILD", os.path.join(ROOT, "build")))
DRIVER = os.path.join(BUILD, "programs", "export_records")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CASES = []
# Long forms, in the cases that have them (`run --long`, make faults).
FULL = False
# For the table at the end: (case, spans made, delivered, dropped by reason, received twice).
ROWS = []
current = ""  # the case that runs
LOST = ("rejected", "retries", "queue_full", "no_exporter")
SHOWN = 400  # characters of a value, around where it differs


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


class Paused(Failure):
    """What a machine that stood still would look like, too. The case is run again: a defect fails each time."""


def case(function):
    CASES.append(function)
    return function


def numbers(text):
    return {key: int(value) for key, value in re.findall(r"(\w+)=(-?\d+)", text)}


def drive(url, env=None, timeout=40, limits=None, pass_fds=(), inside=(), **settings):
    """Runs the driver. Its result as a dictionary: counts of the run, `accounts` (exporter ->
    counts), `log`; with one exporter its counts are in the result itself."""
    arguments = [f"{key}={value}" for key, value in settings.items() if key != "headers"]
    arguments += [f"header={h}" for h in settings.get("headers", [])]
    clean = {k: v for k, v in os.environ.items() if k not in PROXIES}
    clean.update(env or {})
    if url:
        arguments.append(f"url={url}")

    def restrict():
        for name, value in (limits or {}).items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))

    done = subprocess.run([*inside, DRIVER, f"object={BUILD}/libotelshim-exporter.so", "verbose=1", *arguments],
                          capture_output=True, text=True, timeout=timeout, env=clean, cwd=ROOT,
                          preexec_fn=restrict if limits else None, pass_fds=pass_fds)
    *told, last = done.stdout.splitlines() or [""]
    accounts = {name: numbers(rest) for name, rest in re.findall(r"^to (\S+): (.*)$", "\n".join(told), re.M)}
    result = {**numbers(last), "accounts": accounts, "log": done.stderr, "code": done.returncode}
    if len(accounts) == 1:
        result.update(*accounts.values())
    if done.returncode < 0 or (done.returncode and "open" not in result):
        raise Failure(f"the driver ended with {done.returncode}: {done.stderr[-500:]}")
    return result


def expect(what, got, wanted):
    if got != wanted:
        got, wanted = str(got), str(wanted)
        at = max(0, len(os.path.commonprefix([got, wanted])) - SHOWN // 2)
        raise Failure(f"{what} is {got[at:at + SHOWN]}, not {wanted[at:at + SHOWN]}")


def expect_between(what, got, low, high):
    if not low <= got <= high:
        raise Failure(f"{what} is {got}, not {low} to {high}")


def expect_short_runs(result, most_us):
    """Nothing is waited for under the lock; a processor that is lost there comes back the next time."""
    if result["max_run_us"] > most_us:
        raise Paused(f"the longest time under the lock is {result['max_run_us']} us, more than {most_us}")


def row(made, delivered, reasons, twice):
    ROWS.append((current, made, delivered, reasons, twice))
    told = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items())) or "none"
    print(f"    made {made}, delivered {delivered}, dropped {told}, received twice {twice}", flush=True)


def account(result, sink, made, dropped=0, to=None):
    """Every span is either with the collector or counted as dropped; `to`: at this one of
    several exporters. What is pending at the end is dropped (exit)."""
    counts = result["accounts"][to] if to else result
    reasons = {reason: counts[reason] for reason in LOST if counts[reason]}
    lost = sum(reasons.values())
    ids = [(s.get("trace_id", s.get("traceId")), s.get("span_id", s.get("id")))  # OTLP's names, Zipkin's
           for s in sink.accepted_spans()] if sink else []
    row(made, counts["delivered"], reasons | ({"pending": counts["exit"]} if counts["exit"] else {}),
        len(ids) - len(set(ids)))
    if sink and sink.errors:
        raise Failure("protocol errors: " + "; ".join(sink.errors[:5]))
    expect("accepted", result["accepted"], made)
    expect("dropped", lost, dropped)
    expect("delivered + dropped + pending", counts["delivered"] + lost + counts["exit"], made)
    if not to:
        expect("pending", counts["exit"], result["pending"])
    if sink:
        expect("received", sink.received, counts["delivered"])


@contextlib.contextmanager
def collector(behaviour="ok", **options):
    sink = Sink(behaviour, **options)
    sink.accepted = 0
    accept = sink.server.get_request

    def count():
        sink.accepted += 1
        return accept()
    sink.server.get_request = count
    try:
        yield sink, f"http://127.0.0.1:{sink.port}{sink.path}"
    finally:
        sink.close()


@contextlib.contextmanager
def raw_server(answer):
    """Accepts, reads a little, calls answer(connection)."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    closing = threading.Event()
    connections = []

    def serve():
        while not closing.is_set():
            try:
                connection, _ = listener.accept()
            except (TimeoutError, OSError):
                continue
            connections.append(connection)
            with contextlib.suppress(OSError):
                connection.recv(65536)
                answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/traces"
    finally:
        closing.set()
        thread.join()
        for connection in connections:
            connection.close()
        listener.close()
