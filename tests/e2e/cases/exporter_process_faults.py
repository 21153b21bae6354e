"""An exporter process whose files, limits and programs fail (tests/e2e/exporter_faults.py says how)."""
import os
import re
import subprocess

import parents
from exporter_case import PROCESS, STATEMENT, expect, exporters, one_at_a_time
from harness import case
from http_case import nginx, serve
from kinds import needs_root

COUNTED = re.compile(r"^select \? as (p\d)_(\d)_(\d+)$")


def statements(run):
    """Label -> thread and number of each statement that arrived."""
    found = {}
    for s in run.spans:
        m = COUNTED.match(s["attributes"].get("db.query.text", ""))
        if m:
            found.setdefault(m[1], set()).add((int(m[2]), int(m[3])))
    return found


def is_served_by_one(run):
    one_at_a_time(run)
    left = os.listdir(os.path.join(run.tmp, "spool"))
    expect(not left, f"left in the spool: {left}")


def all_came(numbers, twice):
    def check(run):
        found, again = {label: len(s) for label, s in statements(run).items()}, sum(run.twice.values())
        run.notes.append(f"arrived {found}, {again} twice, dropped {run.reasons}")
        expect(found == numbers, f"statements that arrived: {found}, must be {numbers}")
        expect(again <= twice, f"{again} came twice")
        is_served_by_one(run)
    return check


def fault(name, check, shim_env=None, **options):
    case("exporter_process_" + name, ["$HERE/exporter_faults.py", name], golden=None, preload=False, lost=None, orphans=True,
         twice=True, run_ids=1000, env={"PROGRAMS": "$PROGRAMS"}, sanitized=False, timeout=60, slack=30.0, check=check,
         shim_env=PROCESS | {"OTEL_SHIM_SPOOL_DIR": "$TMP/spool", "SPOOL_PRELOAD": "$SHIM"} | (shim_env or {}), expect_drops=True, **options)


# Nothing is lost but what finds no room while nobody reads: the rings hold all of these.
fault("cannot_write", all_came({"p0": 4000, "p1": 3000}, 1024),
      log=[r"spool file of process \d+ cannot be written to \(File too large\)"] * 2)

# What lies in the rings of others is theirs: no span of it comes, none of the programs' is lost or comes twice.
fault("hostile", all_came({"p0": 6000, "p1": 2000}, 0))

# Files of one process, one after the other: what each program has left is sent while the next one works.
fault("exec_chains", all_came({f"p{n}": 400 for n in range(4)}, 0))


# It ends though it is asked for more, and the next one is the other program's.
def another_sends(run):
    found = len(statements(run).get("p0", ()))
    run.notes.append(f"arrived {found}, dropped {run.reasons}, exporter processes {len(exporters(run))}")
    expect(found + run.reasons.get("ring_full", 0) == 30000, f"{found} statements arrived, dropped {run.reasons}")
    expect(found > 0 and len(exporters(run)) > 1, f"{len(exporters(run))} exporter processes")
    expect("select" in {s["name"] for s in run.spans if s["resource"]["process.executable.name"] == "sqlite3"}, "those of the confined program")


fault("confined", another_sends, shim_env={"OTEL_BSP_EXPORT_TIMEOUT": "300"}, log_any=["export failed after"])
fault("urgent", is_served_by_one, skip=lambda: None if subprocess.run(["chrt", "-r", "1", "true"], capture_output=True).returncode == 0 else
      "no right of way is to be had here")


def stays(run):
    expect(len(os.listdir(os.path.join(run.dir, "spool"))) == 2, "the spans and the bell stay in the spool")


# It cannot work: it says why, and is not started again at every record.
case("exporter_process_without_its_object", ["$PYTHON", "-c", STATEMENT * 20], golden=None, check=stays,
     shim_env=PROCESS | {"OTEL_SHIM_EXPORTER_PATH": "/nowhere/exporter.so"}, log=["the exporter process cannot use its exporter object"])


# ---------------------------------------------------------------- programs that may do little
def all_made(wanted):
    return lambda run: expect(run.made == len(run.spans) == wanted, f"made {run.made}, {len(run.spans)} arrived, must be {wanted}")


# Before their first record: there is nothing to tell of, and nothing is begun for it. A call of ours would be the program's end.
for how in ("strict", "filter", "filter_by_syscall", "tsync"):
    case(f"exporter_process_sandboxed_at_once_by_{how}", ["$PROGRAMS/sandboxed", how, "at_once"], golden=None, sanitized=False, timeout=15,
         stdout=f"^{how} 0 errno 0\n(the other thread worked: 10\n)?after 10\n", filter=lambda out: b"\n".join(sorted(out.split(b"\n"))),
         shim_env=PROCESS, check=lambda run: all_made(0)(run) or expect(not exporters(run), "there was an exporter process"))


def selects(run):
    return sorted(s["attributes"]["db.query.text"] for s in run.spans if s["name"] == "select")


def selected(wanted, exporters_wanted, spool="spool"):
    def check(run):
        expect(len(selects(run)) == wanted, f"statements: {selects(run)}, must be {wanted}")
        expect(len(exporters(run)) == exporters_wanted, f"exporter processes: {exporters(run)}")
        left = os.listdir(os.path.join(run.dir, spool))
        expect(not left, f"left in the spool: {left}")
    return check


# Behind a chroot a program finds neither its file nor the bell: what it has mapped is enough where an exporter is there,
# else its spans wait for the next program's.
CHROOT = STATEMENT + "import os, time; os.chroot('.'); os.chdir('/')\ntime.sleep({sleep})\n" + STATEMENT
case("exporter_process_chroot", ["$PYTHON", "-c", CHROOT.format(sleep=0.3)], golden=None, check=selected(2, 1), skip=needs_root,
     shim_env=PROCESS | {"OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "2000"})
case("exporter_process_chroot_without_an_exporter", ["sh", "-c", f"/usr/bin/python3 -c \"{CHROOT.format(sleep=1)}\"; sqlite3 :memory: 'select 3'"],
     golden=None, check=selected(3, 2), skip=needs_root, shim_env=PROCESS)

# It says so once, tries again later, and loses nothing.
ALONE = 54311  # a user of nobody else: the limit counts all processes of a user
CROWDED = f"""
import resource, time
before = resource.getrlimit(resource.RLIMIT_NPROC)
resource.setrlimit(resource.RLIMIT_NPROC, (1, before[1]))
{STATEMENT * 2}
time.sleep(3.2)
{STATEMENT}
time.sleep(3.2)
resource.setrlimit(resource.RLIMIT_NPROC, before)
{STATEMENT}
"""
case("exporter_process_no_more_processes", ["$PYTHON", "-c", CROWDED], golden=None, uid=ALONE, skip=needs_root, check=selected(4, 1, "tmp/spool"),
     shim_env=PROCESS | {"OTEL_SHIM_SPOOL_DIR": "$TMP/spool"}, log=["cannot be started .Resource temporarily unavailable"])

# ---------------------------------------------------------------- a server with workers, asked by many at once
REQUESTS, CONNECTIONS = 4000, 64
SITE = "server { listen 127.0.0.1:$PORT1 backlog=1024 reuseport; location /front { return 200 \"$$args\\n\"; } }"


def each_once(run):
    ids = [parents.id_of(s) for s in run.spans if s["kind"] == "SERVER"]
    workers = {s["resource"]["process.pid"] for s in run.spans if s["kind"] == "SERVER"}
    run.notes.append(f"{len(ids)} spans of {len(workers)} workers")
    expect(sorted(ids) == list(range(REQUESTS)), f"{len(ids)} spans of {len(set(ids))} requests, must be {REQUESTS}")
    expect(len(workers) > 1, "one worker did all of it")
    one_at_a_time(run)


one, files = nginx(SITE, top="worker_processes 4;", connections=2048)
one["logs"] = []
serve("exporter_process_nginx_under_load", [one],
      [{"what": "load", "timeout": 60, "run": ["$PROGRAMS/http_load", "$PORT1", str(CONNECTIONS), str(REQUESTS), "0", "/front"]}],
      site=files, golden=None, check=each_once, needs=["nginx"], shim_env=PROCESS, timeout=90, slack=60,
      stdout=f"right={REQUESTS} wrong=0")
