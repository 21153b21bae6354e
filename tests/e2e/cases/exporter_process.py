"""
OTEL_SHIM_EXPORTER=process: one process sends for all of a user's programs, which hold nothing of it.

The exporter process ends soon after the last span, and a case waits for all that its program has left
running: so what a case finds in the collector and in the log is all there will be.
"""
import os
import re

from exporter_case import PROCESS, STATEMENT, expect, exporters, one_at_a_time
from harness import Failure, case
from http_case import get, nginx, serve, served
from sqlite_work import PYTHON, SHELL


def one_exporter(run):
    one_at_a_time(run)
    left = os.listdir(os.path.join(run.dir, "spool"))
    expect(not left, f"left in the spool: {left}")


def process(name, argv, check=None, env=None, **options):
    def whole(run):
        one_exporter(run)
        if check:
            check(run)
    case("exporter_process_" + name, argv, shim_env=PROCESS | (env or {}), check=whole, **options)


# ---------------------------------------------------------------- the same spans
process("curl", ["curl", "-sS", "$WEB/hello"], golden="curl/one", stdout="hello")
process("sqlite_shell", ["sqlite3", ":memory:", SHELL], golden="sqlite_shell", stdout="1\n2", secrets=["hunter2"])
process("python_sqlite", ["$PYTHON", "-c", PYTHON], golden="python_sqlite", secrets=["hunter2"])


def resources_are_alike(run):
    """Of the same program in both modes: the same keys, and the same values but for what is each process's own."""
    found = {s["resource"]["process.pid"]: s["resource"] for s in run.spans
             if s["resource"]["process.executable.name"] == "sqlite3"}
    expect(len(found) == 2, f"{len(found)} processes")
    a, b = found.values()
    own = {"process.pid", "service.instance.id", "process.creation.time"}
    differ = {k: (a.get(k), b.get(k)) for k in a.keys() | b.keys() if k not in own and a.get(k) != b.get(k)}
    expect(not differ, f"differ: {differ}")
    expect(all(a.get(k) and b.get(k) for k in own) and a["service.instance.id"] != b["service.instance.id"], f"{a} {b}")


TWICE = "sqlite3 :memory: 'select 1'; env $$OTHER_MODE sqlite3 :memory: 'select 1'"
for name, attributes in (("resource", "a=b,c=%2C"), ("resource_environment", "deployment.environment=here,service.name=x")):
    process(name, ["sh", "-c", TWICE], golden=None, check=resources_are_alike, bare_env={"OTHER_MODE": "A=1"},
            env={"OTHER_MODE": "OTEL_SHIM_EXPORTER=thread", "OTEL_RESOURCE_ATTRIBUTES": attributes}, parallel=True)

# ---------------------------------------------------------------- nothing of it in the program
HOLDS = STATEMENT + """
import os
def all_there_is():
    maps = open("/proc/self/maps").read()
    print(os.listdir("/proc/self/task") == [str(os.getpid())], "libcurl" in maps, "exporter.so" in maps,
          sorted(os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if fd > "2" and os.path.lexists(f"/proc/self/fd/{fd}")))
all_there_is()
import time
time.sleep(0.2)  # its records are sent after 0.1 s
all_there_is()
"""
process("holds_nothing", ["$PYTHON", "-c", HOLDS], golden=None, stdout="True False False \\[.*\nTrue False False",
        env={"OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "2000"})
WAITS = """
import os, signal
seen = []
signal.signal(signal.SIGCHLD, lambda *a: seen.append("SIGCHLD"))
""" + STATEMENT + """
def children():
    for options in (0, os.WNOHANG, os.WNOHANG | 0x40000000):
        try:
            print(os.waitpid(-1, options))
        except ChildProcessError:
            print("no child")
children()
import time
time.sleep(1)
children()
print(seen, os.getsid(0) == os.getpgid(0))
"""
process("is_nobodys_child", ["$PYTHON", "-c", WAITS], golden=None, env={"OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "3000"}, stdout=r"(no child\n){6}\[\]")


# ---------------------------------------------------------------- when it begins and ends
def count_exporters(wanted):
    return lambda run: expect(len(exporters(run)) == wanted, f"exporter processes: {exporters(run)}")


PAUSED = STATEMENT + "import time; time.sleep(1.2)\n" + STATEMENT
for name, idle, wanted in (("ends_when_idle_and_is_started_again", "200", 2), ("stays_until_idle", "3000", 1)):
    case("exporter_process_" + name, ["$PYTHON", "-c", PAUSED], golden=None, check=count_exporters(wanted),
         shim_env=PROCESS | {"OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": idle})


# ---------------------------------------------------------------- where it cannot be: the thread does it
def thread(name, argv, env, says, **options):
    def check(run):
        expect(not exporters(run), "there was an exporter process")
        expect(any(re.search("not a process: .*" + says, line) for line in run.log_lines), f"our log does not say {says}")
        expect(run.spans, "no span arrived")
    case("exporter_process_" + name, argv, golden=None, shim_env=PROCESS | env, check=check, **options)


STATEMENTS = ["sqlite3", ":memory:", "select 1"]
thread("command_is_missing", STATEMENTS, {"OTEL_SHIM_EXPORTER_COMMAND": "/nonexistent"}, "OTEL_SHIM_EXPORTER_COMMAND")
thread("without_a_spool", STATEMENTS, {"OTEL_SHIM_SPOOL_DIR": "none"}, "there is no spool")
thread("relative_path", STATEMENTS, {"OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem"}, "relative")
thread("is_for_the_network", STATEMENTS, {"OTEL_TRACES_EXPORTER": "otlp,otlp_file"}, "this program's own")
REAPER = "import ctypes; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n" + STATEMENT
thread("in_a_reaper_of_orphans", ["$PYTHON", "-c", REAPER], {}, "children of others")
for name, limits in (("of_5_descriptors", {"NOFILE": 5}), ("of_15_descriptors", {"NOFILE": 15}), ("of_small_files", {"FSIZE": 8 << 20})):
    thread(name, STATEMENTS, {}, "limits on descriptors or files", limits=limits)


# ---------------------------------------------------------------- many programs, and exporters that are killed
CROWD = "for i in $$(seq 50); do sqlite3 :memory: 'select 1' & done; wait"


def crowd(run):
    pids = {s["resource"]["process.pid"] for s in run.spans if s["name"] == "sqlite3"}
    expect(len(pids) == 50, f"spans of {len(pids)} programs")
    expect(len({s["resource"]["service.instance.id"] for s in run.spans}) >= 50, "programs share a service.instance.id")


process("works_for_fifty_programs", ["bash", "-c", CROWD], golden=None, parallel=True, early_children=True, check=crowd,
        filter=lambda out: b"\n".join(sorted(out.split(b"\n"))))

# The exporter process is killed, again and again, while programs work. The driver is not traced.
KILLED = """
import os, signal, subprocess, sys, time
shim = os.environ.get("SPOOL_PRELOAD", "")
env = dict(os.environ, LD_PRELOAD=shim)
def exporters():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                argv = f.read().split(chr(0))
            with open(f"/proc/{pid}/environ") as f:
                if argv[1:2] == ["export"] and os.environ["OTEL_SHIM_SPOOL_DIR"] in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found
programs = [subprocess.Popen([os.environ["PROGRAMS"] + "/spool_load", f"counts{n}", f"p{n}", "2", "4000"], env=env) for n in range(3)]
kills = 0
def next_program():
    subprocess.run(["sqlite3", ":memory:", "select 7"], env=env, check=True, stdout=subprocess.DEVNULL)
until = time.monotonic() + 20
while shim and kills < 3 and time.monotonic() < until:
    if all(p.poll() is not None for p in programs):
        next_program()
    for pid in exporters():
        try:
            os.kill(pid, signal.SIGKILL)
            kills += 1
        except ProcessLookupError:
            pass
    time.sleep(0.35)
for p in programs:
    p.wait()
if shim:
    # What the last killed one had not sent the next program's exporter does, if it is not too soon after a start.
    for n in range(20):
        next_program()
        time.sleep(0.5)
        if not any(name.endswith(".spool") for name in os.listdir(os.environ["OTEL_SHIM_SPOOL_DIR"])):
            break
print("done", [p.returncode for p in programs])
with open("kills", "w") as f:
    print(kills, file=f)
"""
COUNTED = re.compile(r"^select \? as (p\d)_(\d)_(\d+)$")


def kills_lose_nothing(run):
    found = {COUNTED.match(s["attributes"].get("db.query.text", "")) for s in run.spans} - {None}
    kills = int(open(os.path.join(run.tmp, "kills")).read())
    twice = sum(run.twice.values())
    run.notes.append(f"{kills} exporters killed, {len(found)} statements arrived, {twice} twice")
    expect(len({m[0] for m in found}) == 24000, f"{len({m[0] for m in found})} of 24,000 statements arrived")
    expect(kills >= 2, f"only {kills} exporters were killed")
    expect(twice <= 512 * kills, f"{twice} spans came twice, {kills} kills")
    left = os.listdir(os.path.join(run.tmp, "spool"))
    expect(not left, f"left in the spool: {left}")


case("exporter_process_kill_9_loses_nothing", ["$PYTHON", "-c", KILLED], golden=None, preload=False, lost=None, orphans=True,
     log_any=["export attempt 1 failed: status 503"],
     twice=True, run_ids=1000, env={"PROGRAMS": "$PROGRAMS"}, sanitized=False, timeout=90, slack=60.0, check=kills_lose_nothing,
     shim_env=PROCESS | {"OTEL_SHIM_SPOOL_DIR": "$TMP/spool", "SPOOL_PRELOAD": "$SHIM", "OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "1000"},
     # A kill meets a request under way, or one that is to be tried again.
     expect_drops=True, sink=";".join(["status:503:1", "slow:20"] * 6))

# ---------------------------------------------------------------- programs that are killed, that hand on, that are confined
SH = "sqlite3 :memory: 'select 1'; exec sqlite3 :memory: 'select 2'"
process("exec_hands_its_file_on", ["sh", "-c", SH], golden=None, check=lambda run: expect(
    len([s for s in run.spans if s["name"] == "select"]) == 2, f"{len(run.spans)} spans"))
KILLS_ITSELF = STATEMENT * 3 + "import os, time; os.kill(os.getpid(), 9)"
process("killed_program_loses_nothing", ["$PYTHON", "-c", KILLS_ITSELF], golden=None, exit=-9, lost=None, orphans=True, check=lambda run: expect(
    len([s for s in run.spans if s["name"] == "select"]) == 3, f"{len(run.spans)} spans"))
FORKS = STATEMENT + """
import os
for n in range(3):
    if os.fork() == 0:
        sqlite3.connect(':memory:').execute('select 2').fetchall()
        os._exit(0)
for n in range(3):
    os.wait()
try:
    os.wait()
except ChildProcessError:
    print("no child")
"""
process("forked_children_have_files_of_their_own", ["$PYTHON", "-c", FORKS], golden=None, stdout="no child", parallel=True,
        early_children=True, check=lambda run: expect(
            len({s["resource"]["process.pid"] for s in run.spans}) == 4, f"{run.spans}"))

# ---------------------------------------------------------------- a collector that is away
process("collector_comes_back", ["$PYTHON", "-c", STATEMENT], golden=None, sink="status:503:1;status:503:1;ok",
        log=["export attempt 1 failed: status 503"],
        check=lambda run: expect(len(run.spans) == 2 and any("attempt 2 failed" in line for line in run.log_lines), f"{len(run.spans)} spans"))
REAPS = "import os, time\npid = os.fork()\nif pid == 0:\n    " + STATEMENT.replace("\n", "; ") + "os.kill(os.getpid(), 9)\n" + """
os.waitpid(pid, 0)
time.sleep(0.3)
print("threads", len(os.listdir("/proc/self/task")))
"""
process("reaping_a_killed_child_starts_no_thread", ["$PYTHON", "-c", REAPS], golden=None, stdout="threads 1", lost=None, orphans=True,
        env={"OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "2000"},
        check=lambda run: expect("select" in {s["name"] for s in run.spans}, f"{run.spans}"))

# ---------------------------------------------------------------- collectors of every kind
MUTUAL = {"sink_tls": "mutual", "env": {"OTEL_EXPORTER_OTLP_CLIENT_KEY": "$CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "$CLIENT_CERT"}}
for name, options in (("tls", {"sink_tls": True}), ("grpc", {"sink_protocol": "grpc"}), ("mutual_tls", MUTUAL),
                      ("grpc_over_tls", {"sink_protocol": "grpc", "sink_tls": True})):
    process("sends_by_" + name, ["sqlite3", ":memory:", SHELL], golden="sqlite_shell", stdout="1\n2", **options)

# ---------------------------------------------------------------- programs that give rights away, or have few
def statements(wanted):
    def check(run):
        found = len([s for s in run.spans if s["name"] == "select"])
        expect(found == wanted, f"{found} statements, must be {wanted}")
    return check


def all_made(wanted):
    return lambda run: expect(run.made == len(run.spans) == wanted, f"made {run.made}, {len(run.spans)} arrived, must be {wanted}")


# Ten statements before and ten after: those behind a seal cannot be told, nor the program's own span (confine.py).
for how, wanted in (("strict", 11), ("filter", 11), ("filter_by_syscall", 11), ("tsync", 11), ("capset", 21)):
    process("sandboxed_by_" + how, ["$PROGRAMS/sandboxed", how], golden=None, sanitized=False, timeout=15,
            stdout=f"before 10\n{how} 0 errno 0\nafter 10\n", check=all_made(wanted))
process("of_16_descriptors", ["sqlite3", ":memory:", SHELL], golden="sqlite_shell", stdout="1\n2", limits={"NOFILE": 16})

# A program that exports OpenSSL's names, and one that brings an allocator, too: there a thread cannot load libcurl at all.
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
BOTH = {"preload": False, "sanitized": False, "skip": lambda: None if os.path.exists(JEMALLOC) else "no libjemalloc2"}
for tls in (False, True):
    process("exports_ssl" + "_over_tls" * tls, ["$PROGRAMS/exports_ssl"], golden=None, stdout="lookup 0", sink_tls=tls, check=all_made(2))
    process("exports_ssl_and_malloc" + "_over_tls" * tls, ["$PROGRAMS/exports_ssl"], golden=None, stdout="lookup 0", sink_tls=tls, check=all_made(2),
            env={"LD_PRELOAD": "$SHIM:" + JEMALLOC}, **BOTH)


def no_way_in(run):
    expect(run.made == 2 and not run.spans, f"made {run.made}, {len(run.spans)} arrived")


case("exporter_thread_exports_ssl_and_malloc", ["$PROGRAMS/exports_ssl"], golden=None, stdout="lookup 0", check=no_way_in, lost=None,
     expect_drops=True, shim_env={"LD_PRELOAD": "$SHIM:" + JEMALLOC}, log_any=["."],
     log=["an OpenSSL and an allocator of its own.*OTEL_SHIM_EXPORTER=process"], **BOTH)

process("fork_storm", ["$PROGRAMS/fork_storm", "60", "3"], golden=None, stdout="failed 0", parallel=True, early_children=True, slack=8.0,
        check=all_made(60 // 3 * 2 + 6 + 1))

# ---------------------------------------------------------------- a server with workers: each request's span once
SITE = "server { listen 127.0.0.1:$PORT1; location = /r { return 200 'returned\\n'; } }"
one, files = nginx(SITE, top="worker_processes 4;")
serve("exporter_process_nginx_four_workers", [one], [get(1, f"/r?{n}") for n in range(200)],
      [served("GET", "/r", 1, size=9, query=str(n)) for n in range(200)], site=files, needs=["nginx"], shim_env=PROCESS, check=one_exporter)

# ---------------------------------------------------------------- a bell that somebody has been at
# By the second program it finds something else under the bell's name, after the first one's exporter has ended; but "cut":
# the exporter that is there meets a file without its page.
BELL = """
import os, subprocess, sys, time
how = sys.argv[1]
shim = os.environ.get("SPOOL_PRELOAD")
env = dict(os.environ, LD_PRELOAD=shim or "")
def statement():
    subprocess.run(["sqlite3", ":memory:", "select 1"], env=env, check=True)
def names(suffix):
    return [n for n in os.listdir(os.environ["OTEL_SHIM_SPOOL_DIR"]) if n.endswith(suffix)]
statement()
if shim:
    os.chdir(os.environ["OTEL_SHIM_SPOOL_DIR"])
    until = time.monotonic() + 5
    bells = names(".bell")
    if how == "cut":
        owned = lambda: open(bells[0], "rb").read(20)[16:] not in (b"", bytes(4))
        while not owned() and time.monotonic() < until:
            time.sleep(0.01)
        os.truncate(bells[0], 0)
    while names(".bell") and time.monotonic() < until:
        time.sleep(0.01)
    for bell in bells:
        if how == "link":
            os.symlink("/dev/null", bell)
        elif how == "directory":
            os.mkdir(bell)
        elif how == "fifo":
            os.mkfifo(bell, 0o600)
        elif how != "cut":
            with open(os.open(bell, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
                f.write({"garbage": os.urandom(4096), "ones": b"\\xff" * 4096, "short": b"x" * 100, "long": b"x" * 9000}.get(how, b""))
            if how == "owner":
                os.chown(bell, 12345, 12345)
            if how == "mode":
                os.chmod(bell, 0o666)
    assert bells
statement()
if shim:
    until = time.monotonic() + 5
    while names(".spool") and time.monotonic() < until:
        time.sleep(0.01)
    with open(os.environ["LEFT"], "w") as f:
        print(*names(".spool"), file=f)
"""


def both_arrived(is_used):
    def check(run):
        statements(2)(run)
        with open(os.path.join(run.dir, "left")) as f:
            left = f.read().split()
        expect(not left, f"left in the spool: {left}")
        expect(len(exporters(run)) == (2 if is_used else 1), f"exporter processes: {exporters(run)}")
        ends = [line for line in run.log_lines if line.endswith("exporter process ends")]
        expect(len(ends) == len(exporters(run)), f"{len(ends)} ended by themselves")
    return check


for how, is_used in (("link", False), ("directory", False), ("fifo", False), ("owner", False), ("mode", False), ("short", False),
                     ("long", False), ("garbage", True), ("ones", True), ("cut", True)):
    case("exporter_process_bell_" + how, ["$PYTHON", "-c", BELL, how], golden=None, preload=False, orphans=True, parallel=True, run_ids=1000,
         shim_env=PROCESS | {"OTEL_SHIM_SPOOL_DIR": "$TMP/spool", "SPOOL_PRELOAD": "$SHIM", "LEFT": "$TMP/../left"}, slack=12.0,
         check=both_arrived(is_used), log=["was cut"] if how == "cut" else [],
         skip=lambda needed=how == "owner": "needs root" if needed and os.getuid() else None)
