"""
One foreign test suite, run bare, under the shim, and under the shim with a collector that hangs;
then compared test by test.

A suite is a command and a function that reads {test: result} out of what the command left behind.
All runs have the same environment but for LD_PRELOAD and the sink's address, so nothing that a
test prints of its environment can differ by us.

A result that differs is looked at again: bare and shim run REPEATS times more. It counts as a
DIFFERENCE when the shim shows, at least twice, a result that no bare run shows; as *once* when it
did not come again (a test that depends on time: named in the report, not counted); it is nothing
when it occurs bare, too, but the report names what has two results bare (`bare`): there a comparison
says less.

What says nothing is a PROBLEM, and fails the suite: fewer tests that pass bare than `least`, a run
that was not done in its time, one where the shim was not loaded or nothing was sent, a known
difference that is none. A test that only some runs have is `missing` in the others, a result like any
other. tests/transparency/check shows each of these.
"""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("OTELSHIM_BUILD", os.path.join(ROOT, "build")))
# AddressSanitizer's run-time (make asan), before libc: the program's own heap is watched, too.
ASAN = os.environ.get("OTELSHIM_ASAN")
CACHE = os.path.join(BUILD, "transparency")       # sources, unpacked and built once
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
from processes import children_of  # noqa: E402
from sink import Sink  # noqa: E402

REPEATS = 3
MODES = {"bare": None, "shim": "ok", "hanging": "hang"}  # name -> the sink's behaviour
PR_SET_CHILD_SUBREAPER = 36
PASS, FAIL, SKIP, MISSING = "pass", "FAIL", "skip", "missing"

SUITES = []


class Unavailable(Exception):
    """The suite cannot be had here; the text says why."""


class NotBuilt(Exception):
    """It could be had, and a step of its set-up failed: that is no reason to leave it out."""


class Suite:
    def __init__(self, name, argv, results, **options):
        self.name, self.argv, self.results = name, argv, results
        take = options.pop
        self.setup = take("setup", None)          # setup(): fetches and builds, returns the directory to run in
        self.env = take("env", {})
        self.timeout = take("timeout", 300)
        self.least = take("least", 1)             # tests that must pass bare, or it says nothing
        self.short = take("short", False)         # a part of make test
        self.known = take("known", {})            # test -> why it differs (docs/LIMITS.md)
        self.spans = take("spans", True)          # the shim sees something of it
        if options:
            raise TypeError(f"suite {name}: no option {sorted(options)}")


def suite(name, argv, results, **options):
    """Registers a suite. $TMP in `argv` is a directory, empty and new for each run, and its TMPDIR."""
    SUITES.append(Suite(name, argv, results, **options))


class Run:
    """What a suite's `results` function gets: where the command ran and what it said."""

    def __init__(self, tmp, out, code, seconds):
        self.tmp, self.out, self.code, self.seconds = tmp, out, code, seconds
        self.tests, self.spans, self.requests, self.errors, self.loaded = {}, 0, 0, [], True


# ---------------------------------------------------------------- one run

# Everything that adds work on the program's threads or changes what it sends.
ENABLED = {
    "OTEL_PROPAGATORS": "tracecontext,baggage,b3,b3multi,jaeger,xray",
    "OTEL_SHIM_PROCESS_SPAN": "always",
    "OTEL_SHIM_HTTP_ROUTES": "auto",
    "OTEL_SHIM_TRUST_FORWARDED": "true",
    "OTEL_SHIM_SPOOL_DIR": "none",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": ".*",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": ".*",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST": ".*",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE": ".*",
    "OTEL_LOG_LEVEL": "warn",
}


def environment(the_suite, tmp, port, preload):
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": tmp, "TMPDIR": tmp,
           "LANG": "C.UTF-8", "TERM": "dumb", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
           "OTEL_SHIM_LOG_FILE": os.path.join(os.path.dirname(tmp), "shim.log"), **ENABLED, **the_suite.env}
    if preload:
        env["LD_PRELOAD"] = os.path.join(BUILD, "libotelshim.so")
        if ASAN:
            env["LD_PRELOAD"] += " " + ASAN
    return env


def is_loaded(env):
    """Whether a program that is started so has the shim: asked with telemetry off, that it makes no span."""
    maps = subprocess.run(["/bin/cat", "/proc/self/maps"], env={**env, "OTEL_SDK_DISABLED": "true"},
                          capture_output=True, text=True, check=False).stdout
    return "libotelshim.so" in maps


def execute(the_suite, mode, cwd):
    """Runs the suite's command once."""
    base = tempfile.mkdtemp(prefix="otelshim-tr-")  # short: paths of Unix sockets lie below
    tmp = os.path.join(base, "tmp")
    os.mkdir(tmp)
    os.chmod(base, 0o755)
    sink = Sink(MODES[mode] or "ok")
    argv = [re.sub(r"\$TMP\b", tmp, a) for a in the_suite.argv]
    env = environment(the_suite, tmp, sink.port, MODES[mode] is not None)
    loaded = is_loaded(env)
    start = time.monotonic()
    try:
        with open(os.path.join(base, "out"), "w+b") as out:
            process = subprocess.Popen(argv, cwd=cwd or tmp, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            try:
                code = process.wait(the_suite.timeout)
            except subprocess.TimeoutExpired:
                code = "timeout"
            kill_descendants()
            process.wait()
            out.seek(0)
            text = out.read().decode("utf-8", "backslashreplace")
        run = Run(tmp, text, code, time.monotonic() - start)
        run.tests = the_suite.results(run)
        run.tests["(ended)"] = str(code)
        sink.close()
        run.loaded = loaded
        run.spans, run.requests = len(sink.spans), len(sink.requests)
        run.errors = list(sink.errors)
        return run
    finally:
        kill_descendants()
        shutil.rmtree(base, ignore_errors=True)


# ---------------------------------------------------------------- processes

def become_subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def hear_signals():
    """
    What was ignored when we were started (nohup, a shell's background job) is not in what a suite starts: there
    tests of signals would fail bare, too. A handler of ours, as the default would end us; exec resets it.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def kill_descendants():
    """Ends what a suite left running; all of it is a child of ours by now, or below one."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found, queue = [], [os.getpid()]
        while queue:
            below = children_of(queue.pop())
            found += below
            queue += below
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


# ---------------------------------------------------------------- comparison

class Verdict:
    """What came of one suite."""

    def __init__(self, the_suite):
        self.suite = the_suite
        self.runs = {mode: [] for mode in MODES}
        self.differences, self.once, self.unsteady, self.known, self.problems = [], [], [], [], []

    def results(self, mode, test):
        return [run.tests.get(test, MISSING) for run in self.runs[mode]]

    def suspects(self):
        """(mode, test) where a result came that no bare run had."""
        names = set().union(*(run.tests for runs in self.runs.values() for run in runs))
        return [(mode, test) for mode in ("shim", "hanging") for test in sorted(names)
                if set(self.results(mode, test)) - set(self.results("bare", test))]

    def count(self, mode, status):
        first = self.runs[mode][0].tests
        return sum(1 for test, result in first.items() if test != "(ended)" and result.partition(":")[0] == status)

    def compared(self):
        """Tests that were looked at, over both modes: all but how the command ended."""
        return len([t for t in self.runs["bare"][0].tests if t != "(ended)"])

    def failing(self):
        """Tests that pass in no bare run, and are not skipped."""
        return sorted(test for test in self.runs["bare"][0].tests if test != "(ended)"
                      and all(result.partition(":")[0] == FAIL for result in self.results("bare", test)))

    def judge(self):
        for mode, test in self.suspects():
            bare, seen = self.results("bare", test), self.results(mode, test)
            strange = [r for r in seen if r not in bare]
            text = f"{mode}: {test}: {counted(seen)}; bare: {counted(bare)}"
            if test in self.suite.known:
                self.known.append(f"{text} ({self.suite.known[test]})")
            elif len(strange) > 1:
                self.differences.append(text)
            else:
                self.once.append(text)
        names = set().union(*(run.tests for run in self.runs["bare"]))
        self.unsteady = [f"{test}: {counted(self.results('bare', test))}; shim: {counted(self.results('shim', test))}"
                         for test in sorted(names) if len(set(self.results("bare", test))) > 1]
        self.problems = list(self.mistakes())

    def mistakes(self):
        """Why this says nothing of the shim, or less than it seems to."""
        passed = self.count("bare", PASS)
        if passed < self.suite.least:
            yield f"bare: {passed} tests passed, at least {self.suite.least} must"
        for mode, runs in self.runs.items():
            if any(run.code == "timeout" for run in runs):
                yield f"{mode}: not done in {self.suite.timeout} s"
            if any(run.loaded != (MODES[mode] is not None) for run in runs):
                yield f"{mode}: the shim is {'not ' if MODES[mode] else ''}loaded"
            errors = [e for run in runs for e in run.errors]
            if errors:
                yield f"{mode}: protocol errors at the sink: " + "; ".join(errors[:3])
            if self.suite.spans and MODES[mode] and not any(run.requests for run in runs):
                yield f"{mode}: nothing was sent"
        if self.suite.spans and not any(run.spans for run in self.runs["shim"]):
            yield "shim: no span arrived"
        stale = set(self.suite.known) & set(self.runs["bare"][0].tests) - {test for _, test in self.suspects()}
        if stale:
            yield f"known, and no difference: {', '.join(sorted(stale))}"


def counted(results):
    return ", ".join(f"{results.count(r)}× {r[:300]}" for r in dict.fromkeys(results))


def perform(the_suite, say):
    """Runs a suite in all modes and, where a result differs, again. Returns its Verdict."""
    cwd = the_suite.setup() if the_suite.setup else None
    verdict = Verdict(the_suite)
    for mode in MODES:
        verdict.runs[mode].append(execute(the_suite, mode, cwd))
    for _ in range(REPEATS):
        suspects = {(mode, test) for mode, test in verdict.suspects() if test not in the_suite.known}
        if not suspects:
            break
        say(f"  {the_suite.name}: again, for " + ", ".join(f"{m} {t}" for m, t in sorted(suspects)[:4]))
        for mode in ["bare"] + [m for m in MODES if any(m == s[0] for s in suspects)]:
            verdict.runs[mode].append(execute(the_suite, mode, cwd))
    verdict.judge()
    return verdict
