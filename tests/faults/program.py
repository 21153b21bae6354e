"""
A real program, bare and under the shim, while something fails: what its user sees must be the
same, and every span that it made is delivered or dropped, with the reason told.
"""
import collections
import concurrent.futures
import os
import re
import subprocess
import tempfile
import time

from harness import BUILD, Failure, Paused, expect, row

PROGRAMS = os.path.join(BUILD, "programs")
SHIM = os.path.join(BUILD, "libotelshim.so")
SUMMARY = re.compile(r"^otelshim\[\d+\]: debug: spans made=(\d+) delivered=(\d+) dropped=(\d+)(.*)$", re.M)
BATCH = 512


class Seen:
    """What the outside saw of one run, and what the shim told of it."""

    def __init__(self, code, out, err, seconds, log):
        self.code, self.out, self.err, self.seconds, self.log = code, out, err, seconds, log
        self.made = self.delivered = self.dropped = 0
        self.reasons = collections.Counter()
        for made, delivered, dropped, reasons in SUMMARY.findall(log):
            self.made += int(made)
            self.delivered += int(delivered)
            self.dropped += int(dropped)
            self.reasons.update({name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", reasons)})


def once(argv, env, shim, timeout, stderr, meanwhile=None):
    """meanwhile(pid): called while it runs."""
    with tempfile.TemporaryDirectory() as directory:
        log = os.path.join(directory, "shim.log")
        full = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": directory, "LANG": "C.UTF-8", **env}
        if shim:
            full = {"OTEL_SHIM_LOG_FILE": log, "OTEL_LOG_LEVEL": "debug", "OTEL_SHIM_SPOOL_DIR": "none",
                    "OTEL_SHIM_PROCESS_SPAN": "never", **full, **shim,
                    "LD_PRELOAD": f"{SHIM} {env.get('LD_PRELOAD', '')}"}
        begun = time.monotonic()
        process = subprocess.Popen(argv, env=full, cwd=directory, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=stderr or subprocess.PIPE)
        try:
            if meanwhile:
                meanwhile(process.pid)
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failure(f"{'under the shim' if shim else 'bare'}: still running after {timeout} s") from None
        seconds = time.monotonic() - begun
        text = ""
        if os.path.exists(log):
            with open(log, errors="replace") as f:
                text = f.read()
        return Seen(process.returncode, out, err, seconds, text)


def under_faults(argv, shim, env=None, timeout=60, slack=3.0, code=0, stderr=None, meanwhile=None, together=False):
    """Both runs. `shim`: variables of the second one. together: at one time, where both mostly
    sleep. Raises where they differ."""
    argv = [os.path.join(PROGRAMS, argv[0]) if "/" not in argv[0] else argv[0], *map(str, argv[1:])]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(once, argv, env or {}, None, timeout, stderr, meanwhile)
        if not together:
            concurrent.futures.wait([first])
        seen = once(argv, env or {}, shim, timeout, stderr, meanwhile)
        bare = first.result()
    expect("the bare run's status", bare.code, code)
    for what in ("code", "out", "err"):
        expect(f"{what} under the shim", getattr(seen, what), getattr(bare, what))
    if seen.seconds > bare.seconds + slack:
        raise Failure(f"bare {bare.seconds:.1f} s, under the shim {seen.seconds:.1f} s")
    return seen


def otlp(port, **variables):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", **variables}


def raise_dropped(seen, text):
    """An exit waits for a collector for 100 ms. Where that was not enough, the collector, of ours, may have stood still."""
    gave_up = "exit_timeout" in seen.reasons and "the program does not wait for it" in seen.log
    raise (Paused if gave_up else Failure)(text)


def expect_none_dropped(seen):
    if seen.dropped:
        raise_dropped(seen, f"dropped {seen.dropped}: {dict(seen.reasons)}")


def settle(seen, spans, made, twice_at_most=BATCH, reasons=()):
    """Every span once: delivered, or dropped for one of `reasons`. `spans`: what was received,
    None: nobody counted. Returns the ids that were received."""
    ids = None
    twice = 0
    if spans is not None:
        times = collections.Counter((s["trace_id"], s["span_id"]) for s in spans)
        ids, twice = set(times), sum(times.values()) - len(times)
    row(seen.made, seen.delivered, dict(seen.reasons), twice)
    expect("made", seen.made, made)
    expect("delivered + dropped", seen.delivered + seen.dropped, seen.made)
    expect("dropped, by reason", sum(seen.reasons.values()), seen.dropped)
    if others := set(seen.reasons) - set(reasons):
        raise_dropped(seen, f"dropped for {others}: {dict(seen.reasons)}")
    if ids is None:
        return ids
    # What came whole and was not answered was counted as dropped, or sent again.
    if not seen.delivered <= len(ids) <= seen.delivered + twice_at_most:
        raise Failure(f"received {len(ids)} different spans, delivered {seen.delivered}")
    if twice > twice_at_most:
        raise Failure(f"{twice} spans were received twice")
    return ids
