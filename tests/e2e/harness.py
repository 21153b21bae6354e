"""
One end-to-end case: a real program, run bare and run under the shim.

What the program's user can see (stdout, stderr, exit status or signal, and
roughly its time) must be the same; then the spans that arrived at the sink
are held against the golden file. How to write a case: tests/README.md.

Every case runs in a process of its own (see `run`), which is the subreaper
of whatever the program leaves behind: a case ends when all of that has ended.
Sink and web server are threads of that process.
"""
import collections
import ctypes
import difflib
import os
import re
import resource
import shutil
import signal
import string
import subprocess
import time

import golden
import servers
import zipkin_json
from processes import children_of
from sink import Sink
from stopwatch import Stopwatch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("OTELSHIM_BUILD", os.path.join(ROOT, "build")))
# The objects are built with sanitizers (make asan). Their run-time comes along as a need of
# the shim, behind libc: our own stack and globals are checked, the program's heap is left alone.
SANITIZED = bool(os.environ.get("OTELSHIM_SANITIZED"))
# Each process writes down which lines it has executed, at its end (make coverage).
COUNTS_LINES = bool(os.environ.get("OTELSHIM_COUNTS_LINES"))
# With ThreadSanitizer (make tsan): the path of its run-time, which has to come before libc and so is
# preloaded, too, behind the shim: hooks call its functions, these libc's.
TSAN = os.environ.get("OTELSHIM_TSAN")
# Large numbers, in the cases that have them (`long`); `run --long`, before cases are loaded.
FULL = False
PR_SET_CHILD_SUBREAPER = 36
LEFTOVER_TIMEOUT_S = 10
OUTPUT_MAX = 8 << 20

CASES = []
SUMMARY_LINE = re.compile(r"^otelshim\[(\d+)\]: debug: spans (?:to (\S+): )?made=(\d+) delivered=(\d+) dropped=(\d+)(.*)$")
LOG_LINE = re.compile(r"^otelshim\[\d+\]: (error|warn|config|info|debug|trace): .")


class Failure(Exception):
    """The case failed; the text says all there is to say."""


class Case:
    def __init__(self, name, argv, **options):
        self.name, self.argv = name, argv
        take = options.pop
        self.golden = take("golden", name)        # file in tests/golden, None: check() does it
        self.check = take("check", None)          # check(run): raise Failure or return None
        self.exit = take("exit", 0)               # what the bare run must end with; -N: signal N
        self.stdout = take("stdout", None)        # regex the bare run's stdout must match
        self.stderr = take("stderr", None)
        self.filter = take("filter", None)        # filter(bytes) before outputs are compared
        self.env = take("env", {})                # for both runs; None values are removed
        self.shim_env = take("shim_env", {})      # for the run under the shim
        self.stdin = take("stdin", "")
        self.sink = take("sink", "ok")            # sink.py's behaviours; "refused": nobody listens
        self.sink_tls = take("sink_tls", False)   # True; "mutual": it wants a certificate of ours, too
        self.sink_protocol = take("sink_protocol", None)  # "grpc", "http/json", "zipkin"; None: the default
        self.web = take("web", None)              # "plain" (or None), "nginx": what $WEB is
        self.files = take("files", {})            # name -> text, written into $TMP before each run
        self.prepare = take("prepare", None)      # prepare(run): before each run
        self.parallel = take("parallel", False)   # siblings have no order
        self.early_children = take("early_children", False)
        self.orphans = take("orphans", False)     # parents may be missing (rejected, lost)
        self.log = take("log", [])                # regexes: a warning or error each, exactly once
        self.log_any = take("log_any", [])        # regexes: warnings and errors that may come, too
        self.lost = take("lost", 0)               # spans that may vanish uncounted; None: any
        self.expect_drops = take("expect_drops", False)
        self.injects = take("injects", True)      # each web request must carry its span's traceparent
        self.timeout = take("timeout", 30)
        self.slack = take("slack", 3.0)           # seconds the run under the shim may take longer
        self.sanitized = take("sanitized", True)  # False: cannot work with a sanitizer's run-time
        self.needs = take("needs", [])            # commands that must be there
        self.contends = take("contends", False)   # connections may be left alone, which is counted
        self.skip = take("skip", None)            # skip(): reason or None
        self.secrets = take("secrets", [])
        self.sdk_parents = take("sdk_parents", [])  # span ids of the program's own SDK: not remote
        self.bare_only_env = take("bare_env", {})
        self.vars = take("vars", {})              # more $NAMES for argv, env, golden file
        self.limits = take("limits", {})          # resource limits, {"NOFILE": 16}, in both runs
        self.twice = take("twice", False)         # spans may come twice: run.twice, process -> how many
        self.run_ids = take("run_ids", 1)         # different ones at most; 0: spans have none
        self.uid = take("uid", None)              # unprivileged user to run as
        self.outputs = take("outputs", [])        # files in $TMP that must be the same, too
        self.preload = take("preload", True)      # False: the case brings LD_PRELOAD itself
        self.long = take("long", False)           # asks for more where FULL says so
        self.compare = take("compare", True)      # False: check() compares
        if options:
            raise TypeError(f"case {name}: no option {sorted(options)}")


def case(name, argv, **options):
    """Registers a case. Names are unique; cases/*.py call this when imported."""
    if any(c.name == name for c in CASES):
        raise ValueError(f"two cases are named {name}")
    CASES.append(Case(name, argv, **options))


class Outcome:
    """What the outside saw of one run."""

    def __init__(self, code, out, err, watch, files):
        self.code, self.out, self.err = code, out, err
        self.seconds, self.elapsed = watch.seconds, watch.elapsed
        self.files = files                        # name -> bytes of `outputs`


class Run:
    """The state of one case while it runs; what check() and prepare() get."""

    def __init__(self, the_case, directory, shared):
        self.case, self.dir = the_case, directory
        self.tmp = os.path.join(directory, "tmp")
        self.log_path = os.path.join(directory, "shim.log")
        self.shared = shared                      # paths made once for all cases (CA)
        self.traced = False
        self.web = self.sink = self.nginx = None
        self.bare = self.shim = None
        self.spans, self.roots = [], []
        self.made = self.delivered = self.dropped = 0
        self.reasons, self.log_lines, self.summaries = {}, [], []
        self.accounts = {}  # of several exporters: name -> its sums
        self.twice = {}     # process id -> spans of it that came again
        self.notes = []                           # what check() wants to be printed

    # ---- set-up

    @property
    def build(self):
        """What another user can read: the clone may lie in a directory that is closed to others."""
        return BUILD if self.case.uid is None else self.shared["open_build"]

    def variables(self):
        build = self.build
        out = {"TMP": self.tmp, "ROOT": ROOT, "BUILD": build, "PROGRAMS": f"{build}/programs",
               "SHIM": f"{build}/libotelshim.so", "OTELSHIM": f"{build}/otelshim",
               "PYTHON": "/usr/bin/python3", "HERE": os.path.join(ROOT, "tests/e2e"),
               "CA": self.shared.get("ca", ""), "CLIENT_CERT": self.shared.get("client_cert", ""),
               "CLIENT_KEY": self.shared.get("client_key", ""), "LOG": self.log_path, "UID": os.getuid()}
        if self.web:
            out.update(WEB=f"http://127.0.0.1:{self.web.port}", WEB_PORT=self.web.port, PORT=self.web.port)
        if self.nginx:
            out.update(NGINX=f"http://127.0.0.1:{self.nginx.port}", NGINX_PORT=self.nginx.port,
                       NGINX_TLS=f"https://localhost:{self.nginx.tls_port}",
                       NGINX_TLS_PORT=self.nginx.tls_port)
        out["CLOSED_PORT"] = self.closed_port
        out.update(self.case.vars)
        if self.sink:
            out["SINK_PORT"] = self.sink.port
        return out

    def fill(self, text):
        return string.Template(text).safe_substitute({k: str(v) for k, v in self.variables().items()})

    def environment(self):
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": self.tmp, "TMPDIR": self.tmp, "LANG": "C.UTF-8", "TERM": "dumb"}
        env.update(self.case.env)
        if self.traced:
            env.update(self.shim_environment())
            env.update(self.case.shim_env)
        else:
            env.update(self.case.bare_only_env)
        return {k: self.fill(v) for k, v in env.items() if v is not None}

    def shim_environment(self):
        scheme, host = ("https", "localhost") if self.case.sink_tls else ("http", "127.0.0.1")
        port = self.sink.port if self.sink else self.closed_port
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{scheme}://{host}:{port}",
               "OTEL_SHIM_LOG_FILE": self.log_path, "OTEL_LOG_LEVEL": "debug",
               "OTEL_SHIM_SPOOL_DIR": os.path.join(self.dir, "spool")}
        if self.case.sink_protocol == "zipkin":
            env["OTEL_TRACES_EXPORTER"] = "zipkin"
            env["OTEL_EXPORTER_ZIPKIN_ENDPOINT"] = f"{scheme}://{host}:{port}{zipkin_json.PATH}"
        elif self.case.sink_protocol:
            env["OTEL_EXPORTER_OTLP_PROTOCOL"] = self.case.sink_protocol
        if self.case.sink_tls:
            env["OTEL_EXPORTER_OTLP_CERTIFICATE"] = self.shared["ca"]
        if self.case.preload:
            env["LD_PRELOAD"] = f"{self.build}/libotelshim.so"
        if TSAN:
            env["LD_PRELOAD"] = f"{self.build}/libotelshim.so {TSAN}"
            env["TSAN_OPTIONS"] = f"log_path={self.dir}/tsan"
        return env

    def fresh_files(self):
        shutil.rmtree(self.tmp, ignore_errors=True)
        os.makedirs(self.tmp)
        if self.case.uid is not None:
            os.chown(self.tmp, self.case.uid, self.case.uid)
            with open(self.log_path, "a"):
                os.chown(self.log_path, self.case.uid, self.case.uid)
        for name, text in self.case.files.items():
            with open(os.path.join(self.tmp, name), "w") as f:
                f.write(self.fill(text))
        if self.case.prepare:
            self.case.prepare(self)

    # ---- one run of the program

    def execute(self, traced):
        self.traced = traced
        self.fresh_files()
        if self.web:
            self.web.requests.clear()
        if self.nginx:
            self.nginx.forget()
        argv = [self.fill(a) for a in self.case.argv]
        watch = Stopwatch()
        process = subprocess.Popen(argv, cwd=self.tmp, env=self.environment(), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True,
                                   preexec_fn=self.become if self.case.limits or self.case.uid else None)
        try:
            out, err = process.communicate(self.fill(self.case.stdin).encode(), self.case.timeout)
        except subprocess.TimeoutExpired:
            where = stacks(process.pid)
            kill_descendants(self.own_children())
            out, err = process.communicate()
            raise Failure(f"{'under the shim' if traced else 'bare'}: still running after "
                          f"{self.case.timeout} s\n{where}stdout: {shown(out)}\nstderr: {shown(err)}") from None
        watch.stop()
        self.wait_for_leftovers(traced)
        return Outcome(process.returncode, out, err, watch,
                       {name: read_file(os.path.join(self.tmp, name)) for name in self.case.outputs})

    def become(self):
        """In the child, before exec: limits and user of the case."""
        for name, value in self.case.limits.items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
        if self.case.uid is not None:
            os.setgroups([])
            os.setgid(self.case.uid)
            os.setuid(self.case.uid)

    def own_children(self):
        return {self.nginx.process.pid} if self.nginx else set()

    def wait_for_leftovers(self, traced):
        """Reaps what the program left behind (daemons); none may stay for long."""
        deadline = time.monotonic() + LEFTOVER_TIMEOUT_S
        while True:
            reap(self.own_children())
            left = descendants(self.own_children())
            if not left:
                return
            if time.monotonic() > deadline:
                names = ", ".join(describe_process(p) for p in left)
                kill_descendants(self.own_children())
                raise Failure(f"{'under the shim' if traced else 'bare'}: left running: {names}")
            time.sleep(0.01)

    # ---- what came of it

    def read_log(self):
        try:
            with open(self.log_path, errors="replace") as f:
                self.log_lines = f.read().splitlines()
        except FileNotFoundError:
            self.log_lines = []
        for line in self.log_lines:
            m = SUMMARY_LINE.match(line)
            if not m:
                continue
            self.summaries.append(line)
            made, delivered, dropped = (int(m[i]) for i in (3, 4, 5))
            if m[2]:
                sums = self.accounts.setdefault(m[2], collections.Counter())
                sums.update(made=made, delivered=delivered, dropped=dropped)
            if m[2] not in (None, "zipkin" if self.case.sink_protocol == "zipkin" else "otlp"):
                continue
            self.made += made
            self.delivered += delivered
            self.dropped += dropped
            for reason, count in re.findall(r"(\w+)=(\d+)", m[6]):
                self.reasons[reason] = self.reasons.get(reason, 0) + int(count)
                if reason == "contended" and self.case.contends:  # left alone: no span was made
                    self.dropped -= int(count)

    def read_reports(self):
        """What ThreadSanitizer has to say of any process of the run under the shim."""
        for name in sorted(os.listdir(self.dir)):
            if name.startswith("tsan."):
                with open(os.path.join(self.dir, name), errors="replace") as f:
                    raise Failure(f.read()[:6000])

    def received_nothing(self):
        if self.spans:
            raise Failure(f"{len(self.spans)} spans arrived")

    def figures(self):
        received = len(self.spans)
        text = f"spans made {self.made}, received {received}, dropped {self.dropped}"
        if self.reasons:
            text += " (" + ", ".join(f"{k} {v}" for k, v in sorted(self.reasons.items())) + ")"
        return text

    def show_log(self, limit=30):
        lines = self.log_lines[-limit:]
        return "\n".join("  log: " + line for line in lines)


# ---------------------------------------------------------------- processes

def descendants(but=()):
    out, queue = [], [os.getpid()]
    while queue:
        for child in children_of(queue.pop()):
            if child not in but:
                out.append(child)
                queue.append(child)
    return out


def reap(but=()):
    """Takes the exit status of adopted children; subprocess's own are gone by now."""
    for pid in children_of(os.getpid()):
        if pid not in but:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def kill_descendants(but=()):
    for pid in descendants(but):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    deadline = time.monotonic() + 2
    while descendants(but) and time.monotonic() < deadline:
        reap(but)
        time.sleep(0.01)


def describe_process(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return f"{pid} {f.read().replace(chr(0), ' ').strip()[:80]}"
    except OSError:
        return str(pid)


def stacks(pid):
    """Where a stuck program stands: per thread the kernel's wait channel, and gdb's view if it is there."""
    lines = []
    for p in [pid] + descendants():
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/wchan") as f, open(f"/proc/{p}/task/{task}/comm") as g:
                    lines.append(f"  {p}/{task} {g.read().strip()}: {f.read()}")
        except OSError:
            pass
    if shutil.which("gdb"):
        for p in ([pid] + descendants())[:4]:
            try:
                shot = subprocess.run(["gdb", "-p", str(p), "-batch", "-ex", "thread apply all bt 12"],
                                      capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
                lines += ["  " + l for l in shot.stdout.splitlines() if l.startswith(("#", "Thread"))][:60]
            except (subprocess.TimeoutExpired, OSError):
                pass
    return "\n".join(lines) + "\n"


def read_file(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def both(bare, shim):
    """Two outputs that differ: whole when they are short, else the lines that do."""
    if max(len(bare), len(shim)) < 1500:
        return f"  bare: {shown(bare)}\n  shim: {shown(shim)}"
    lines = difflib.unified_diff(*(raw.decode("utf-8", "backslashreplace").splitlines() for raw in (bare, shim)),
                                 "bare", "under the shim", "", "", 4, lineterm="")
    return "\n".join("  " + line[:300] for line in list(lines)[:60])


def shown(raw, limit=1500):
    text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= limit else text[:limit] + f"… ({len(text)} characters)"


# ---------------------------------------------------------------- the rules

def how_ended(code):
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


def check_bare(run):
    """The program itself must do what the case is about, or the comparison says nothing."""
    the_case, bare = run.case, run.bare
    if bare.code != the_case.exit:
        raise Failure(f"bare: {how_ended(bare.code)}, must be {how_ended(the_case.exit)}\n"
                      f"stdout: {shown(bare.out)}\nstderr: {shown(bare.err)}")
    for name, pattern, raw in (("stdout", the_case.stdout, bare.out), ("stderr", the_case.stderr, bare.err)):
        if pattern is not None and not re.search(run.fill(pattern), raw.decode("utf-8", "replace")):
            raise Failure(f"bare: {name} does not match {pattern!r}: {shown(raw)}")


def check_same(run):
    """C2 as its user sees it."""
    bare, shim = run.bare, run.shim
    problems = []
    if shim.code != bare.code:
        problems.append(f"bare: {how_ended(bare.code)}, under the shim: {how_ended(shim.code)}")
    clean = run.case.filter or (lambda raw: raw)
    for name, a, b in (("stdout", bare.out, shim.out), ("stderr", bare.err, shim.err)):
        if clean(a) != clean(b):
            problems.append(f"{name} differs\n{both(clean(a), clean(b))}")
    for name in run.case.outputs:
        if bare.files[name] is None:
            problems.append(f"bare: wrote no {name}")
        elif bare.files[name] != shim.files[name]:
            problems.append(f"{name} differs\n  bare: {shown(bare.files[name])}\n"
                            f"  shim: {shown(shim.files[name] or b'nothing')}")
    if shim.seconds > bare.seconds + run.case.slack * (10 if SANITIZED or COUNTS_LINES else 1):
        problems.append(f"bare {bare.seconds:.2f} s, under the shim {shim.seconds:.2f} s")
    if problems:
        raise Failure("\n".join(problems))


def check_log(run):
    """Our log holds well-formed lines; warnings and errors only those the case names, each once."""
    for line in run.log_lines:
        if not LOG_LINE.match(line):
            raise Failure(f"malformed log line: {line!r}")
    wanted = list(run.case.log)
    for line in run.log_lines:
        if LOG_LINE.match(line)[1] not in ("error", "warn", "config"):
            continue
        hit = next((p for p in wanted if re.search(run.fill(p), line)), None)
        if hit is not None:
            wanted.remove(hit)
        elif not any(re.search(run.fill(p), line) for p in run.case.log_any):
            raise Failure(f"unexpected in our log: {line}")
    if wanted:
        raise Failure(f"our log does not say {wanted}")


def take_twice(run):
    """A batch that was sent and not acknowledged when its process was killed is sent again."""
    first = {}
    for span in run.spans:
        if first.setdefault((span["trace_id"], span["span_id"]), span) is not span:
            pid = span["resource"].get("process.pid")
            run.twice[pid] = run.twice.get(pid, 0) + 1
    run.spans = list(first.values())


def check_count(run):
    received = len(run.spans)
    if run.sink and run.sink.errors:
        raise Failure("protocol errors: " + "; ".join(run.sink.errors[:5]))
    # Under a sanitizer an answer may come later than an exit waits for it (100 ms without
    # progress): what was given up then may have arrived all the same.
    if SANITIZED and "exit_timeout" in run.reasons and run.case.sink == "ok":
        if run.made != run.delivered + run.dropped or not run.delivered <= received <= run.made:
            raise Failure(f"made {run.made}, delivered {run.delivered}, received {received}")
        return
    if not run.case.expect_drops and run.dropped:
        raise Failure("spans were dropped")
    if run.case.lost is None:
        return
    if not 0 <= run.made - run.delivered - run.dropped <= run.case.lost:
        raise Failure(f"the shim made {run.made}, delivered {run.delivered}, dropped {run.dropped}")
    lost = run.made - received - run.dropped
    if not 0 <= lost <= run.case.lost:
        raise Failure(f"made {run.made} is not received {received} + dropped {run.dropped}")
    if run.sink and run.case.lost == 0 and run.delivered != received:
        raise Failure(f"the shim believes {run.delivered} delivered, the sink got {received}")


def collector_was_late(run):
    """An exit waits 100 ms for an answer. Each collector of ours but those that hang, flood or refuse answers sooner:
    where one gave up all the same, the machine was stopped for so long, or has too much to do. A span that was left
    in the spool so may come once more, from the next process, or not at all."""
    answers = run.sink and not re.search("hang|flood|refused", run.case.sink)
    expected = any("no answer" in pattern for pattern in (*run.case.log, *run.case.log_any))
    return answers and not expected and any("no answer from where spans go" in line for line in run.log_lines)


def take_run_ids(run):
    """otelshim.run_id is on every span and, unless the case says otherwise, the same on all: golden files leave it
    out."""
    run.run_ids = [s["attributes"].pop("otelshim.run_id", None) for s in run.spans]
    different = set(run.run_ids) - {None}
    if len(different) > run.case.run_ids or (None in run.run_ids and run.case.run_ids):
        yield f"run ids {set(run.run_ids)}"


def check_injection(run):
    """Each request that reached a web server carried the ids of a CLIENT span that we received."""
    if not run.case.injects:
        return
    known = {(s["trace_id"], s["span_id"]) for s in run.spans if s["kind"] == "CLIENT"}
    for server in filter(None, (run.web, run.nginx)):
        for path, traceparent in server.seen():
            m = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]", traceparent)
            if not m or (m[1], m[2]) not in known:
                raise Failure(f"request {path} came with traceparent {traceparent or 'none'}, "
                              "which is no CLIENT span's")


def check_golden(run):
    the_case = run.case
    problems = list(take_run_ids(run))
    problems += list(golden.check_spans(run.spans, the_case.secrets, the_case.early_children,
                                       the_case.sdk_parents, the_case.orphans))
    run.roots = golden.build_forest(run.spans)
    if the_case.golden is not None:
        if isinstance(the_case.golden, list):  # written in the case file (http_case.py)
            expected = golden.expected(the_case.golden, run.variables(), the_case.name)
        else:
            path = os.path.join(ROOT, "tests/golden", the_case.golden + ".json")
            expected = golden.load(path, run.variables())
        problems += golden.compare(expected, run.roots, the_case.parallel)
    if problems:
        raise Failure("\n".join(problems))


def open_build(directory):
    """A copy of what is tested, readable by every user."""
    os.makedirs(os.path.join(directory, "programs"))
    for name in ("libotelshim.so", "libotelshim-exporter.so", "otelshim", "programs/exit_in_flight",
                 "programs/memory_locked"):
        shutil.copy(os.path.join(BUILD, name), os.path.join(directory, name))
    return directory


def readable_by_all(run):
    """A program that gives up root loads the exporter afterwards: objects and log where it can reach them."""
    with open(run.log_path, "a"):
        os.chmod(run.log_path, 0o666)
    os.chmod(run.dir, 0o755)
    run.case.vars["SHIM_FOR_ALL"] = os.path.join(run.shared["open_build"], "libotelshim.so")


def cannot_unshare(flag):
    """Why there are no namespaces of a kind (-U, -m): a sandbox forbids them, or a chroot whose root is no mount."""
    made = subprocess.run(["unshare", flag, "true"], capture_output=True, text=True)
    return None if made.returncode == 0 else made.stderr.strip()


def open_sink(run):
    tls = run.shared if run.case.sink_tls else {}
    options = {"cert": tls.get("cert"), "key": tls.get("key")}
    if run.case.sink_tls == "mutual":
        options["client_ca"] = run.shared["ca"]
    if run.case.sink_protocol == "grpc":
        from grpc_sink import GrpcSink  # here: most cases can do without grpcio
        return GrpcSink(run.case.sink, **options)
    if run.case.sink_protocol in ("http/json", "zipkin"):
        options["content_type"] = "application/json"
    if run.case.sink_protocol == "zipkin":
        options |= {"path": zipkin_json.PATH, "decode_traces": zipkin_json.decode}
    return Sink(run.case.sink, out=os.path.join(run.dir, "spans.jsonl"), **options)


def perform(run):
    """Runs the case to its end. Raises Failure; leaves nothing running."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    the_case = run.case
    run.closed_port = servers.closed_port()
    try:
        run.web = servers.Web()
        if the_case.web == "nginx":
            run.nginx = servers.Nginx(os.path.join(run.dir, "nginx"), run.shared)
        run.bare = run.execute(False)
        check_bare(run)
        for server in filter(None, (run.web, run.nginx)):
            for path, traceparent in server.seen():
                if traceparent and the_case.injects:
                    raise Failure(f"bare: request {path} came with a traceparent")
        if the_case.sink != "refused":
            run.sink = open_sink(run)
        run.shim = run.execute(True)
        run.read_log()
        run.read_reports()
        run.spans = run.sink.accepted_spans() if run.sink else []
        if the_case.twice:
            take_twice(run)
        if the_case.compare:
            check_same(run)
        check_count(run)
        if the_case.sink_protocol != "zipkin":  # whose spans have another form: the case looks at them
            check_golden(run)
            check_injection(run)
        check_log(run)
        if the_case.check:
            the_case.check(run)
    finally:
        if run.nginx:
            run.nginx.close()
        if run.sink:
            run.sink.close()
        kill_descendants()
