"""
Crash safety: what had ended when a process was killed arrives all the same, sent by another.
"""
import os
import re

from exporter_case import PROCESS as BY_PROCESS
from harness import Failure, cannot_unshare, case

NAME = re.compile(r"^select \? as (\w+)_(\d+)_(\d+)$")
SPOOL = {"OTEL_SHIM_SPOOL_DIR": "$TMP/spool", "SPOOL_PRELOAD": "$SHIM", "OTEL_BSP_SCHEDULE_DELAY": "20"}
KILLING = {"golden": None, "preload": False, "lost": None, "expect_drops": True, "orphans": True, "twice": True,
           "run_ids": 1000, "env": {"PROGRAMS": "$PROGRAMS"}, "sanitized": False, "timeout": 120, "slack": 60.0, "log_any": ["."]}
NEXT = ["$PROGRAMS/spool_load", "counts", "%", "1", "1"]


def expect(holds, text):
    if not holds:
        raise Failure(text)


def statements(run):
    found = {}
    for span in run.spans:
        m = NAME.match(span["attributes"].get("db.query.text", ""))
        if m:
            found.setdefault((m[1], int(m[2])), set()).add(int(m[3]))
    return found


def spool_is_empty(run):
    left = os.listdir(os.path.join(run.tmp, "spool"))
    expect(not left, f"left in the spool: {left}")


def nothing_is_lost(least):
    """Every statement that had ended, and of the batches in flight nothing more often than twice."""
    def check(run):
        found, ended, lost, kills = statements(run), 0, [], set()
        for line in open(os.path.join(run.tmp, "ended")):
            label, thread, count = line.split()
            have = found.get((label, int(thread)), set())
            ended += int(count)
            lost += [f"{label}_{thread}_{n}" for n in range(1, int(count) + 1) if n not in have]
            kills.add(label)
        run.notes.append(f"{len(kills)} kills, {ended} spans had ended, {len(lost)} lost, "
                         f"{sum(run.twice.values())} came twice")
        expect(set(run.reasons) <= {"spooled"}, f"dropped: {run.reasons}")
        expect(not lost, f"{len(lost)} of {ended} spans lost: {lost[:5]} … {lost[-5:]}")
        expect(ended >= least, f"only {ended} spans had ended")
        # A process has one batch in flight, of its own spans or of those that it recovers.
        expect(sum(run.twice.values()) <= 512 * len(kills), f"more than a batch a kill came twice: {run.twice}")
        expect({s["resource"]["service.name"] for s in run.spans} == {"spool_load"}, "service.name")
        expect(all(s["resource"]["process.pid"] for s in run.spans), "process.pid")
        spool_is_empty(run)
    return check


KILLS = os.environ.get("OTELSHIM_KILLS", "20")  # `make faults`: 200
case("spool_kill_9_loses_nothing", ["$HERE/spool_kill.py", KILLS, "2", "1", "200", *NEXT], check=nothing_is_lost(25 * int(KILLS)),
     # Most are killed before they have sent what those before them left: the files of 200 need room.
     shim_env=SPOOL | {"OTEL_SHIM_SPOOL_MAX_BYTES": str(1 << 30)}, **KILLING)

# The programs have no thread, and one exporter process sends for all of them, and what the killed ones have left.
case("spool_kill_9_loses_nothing_with_an_exporter_process", ["$HERE/spool_kill.py", KILLS, "2", "1", "200", *NEXT],
     check=nothing_is_lost(25 * int(KILLS)), **KILLING,
     shim_env=SPOOL | BY_PROCESS | {"OTEL_SHIM_SPOOL_MAX_BYTES": str(1 << 30), "OTEL_BSP_SCHEDULE_DELAY": "20"})

case("spool_kill_9_is_recovered_by_the_command", ["$HERE/spool_kill.py", "6", "3", "40", "400", "$OTELSHIM", "recover"],
     check=nothing_is_lost(300), shim_env=SPOOL, filter=lambda out: re.sub(rb"files=.*\n", b"", out), **KILLING)


# ---------------------------------------------------------------- hostile directories and files
def recover(name, script, check, **options):
    """The next process, after `script` has prepared $S, which is where spools shall be."""
    case(name, [*(["unshare", "-m"] if "mount" in script else []), "sh", "-c", f"S=$TMP/spool; {script}; LD_PRELOAD=$$SPOOL_PRELOAD $PROGRAMS/exit_in_flight"],
         golden=None, preload=False, shim_env=SPOOL, check=check, slack=6.0, **options)


def untouched(*names):
    def check(run):
        there = {n for n in os.listdir(run.tmp + "/spool")}
        expect(set(names) == there, f"in the spool: {there}")
        with open(run.tmp + "/target") as f:
            expect(f.read() == "mine\n", "a link's target was written to")
    return check


MAKE = "mkdir -m 700 $$S; echo mine > target; chmod 600 target; "
OLD = "touch -d '-2 minutes' $$S/* 2>/dev/null"
recover("spool_links_fifos_and_nonsense_are_left_alone",
        MAKE + "ln -s $TMP/target $$S/1-0000000000000001.spool; ln target $$S/2-0000000000000001.spool; "
        "mkfifo -m 600 $$S/3-0000000000000001.spool; mkdir $$S/4-0000000000000001.spool; echo x > $$S/note; "
        "head -c 100000 /dev/urandom > $$S/999999-0000000000000001.spool; chmod 600 $$S/999999*; "
        "echo > $$S/999998-0000000000000001.spool; chmod 644 $$S/999998*; " + OLD,
        untouched("1-0000000000000001.spool", "2-0000000000000001.spool", "3-0000000000000001.spool",
                  "4-0000000000000001.spool", "note", "999999-0000000000000001.spool",
                  "999998-0000000000000001.spool"))
recover("spool_unborn_files_of_the_dead_are_removed",
        MAKE + "truncate -s 0 $$S/999999-0000000000000001.spool; truncate -s 300000 $$S/999998-0000000000000001.spool; "
        "chmod 600 $$S/*", untouched())
NOWHERE = {"check": lambda run: expect(len(run.spans) == 2, f"{len(run.spans)} spans")}
recover("spool_directory_of_mode_755_is_not_used", "mkdir -m 755 $$S; chmod 755 $$S",
        lambda run: expect(not os.listdir(run.tmp + "/spool") and len(run.spans) == 2, "it was used"))
recover("spool_directory_is_a_link", "mkdir -m 700 real; ln -s real $$S",
        lambda run: expect(not os.listdir(run.tmp + "/real") and len(run.spans) == 2, "it was followed"))
recover("spool_directory_is_a_file", "echo > $$S", **NOWHERE)
recover("spool_directory_of_another_user", "mkdir -m 700 $$S; chown 12345 $$S", skip=lambda: os.getuid() and "needs root",
        check=lambda run: expect(not os.listdir(run.tmp + "/spool") and len(run.spans) == 2, "it was used"))
recover("spool_file_size_is_limited", "ulimit -f 100", **NOWHERE)
recover("spool_address_space_is_limited", "ulimit -v 60000", sanitized=False, **NOWHERE)
recover("spool_directory_is_full", "mkdir -m 700 $$S; mount -t tmpfs -o size=64k,mode=700 none $$S",
        skip=lambda: cannot_unshare("-m"), **NOWHERE)
recover("spool_directory_is_read_only", "mkdir -m 700 $$S; mount -t tmpfs -o ro,mode=700 none $$S",
        skip=lambda: cannot_unshare("-m"), **NOWHERE)
recover("spool_directory_is_noexec", "mkdir -m 700 $$S; mount -t tmpfs -o noexec,mode=700 none $$S",
        skip=lambda: cannot_unshare("-m"), **NOWHERE)


# ---------------------------------------------------------------- what could not be sent

BUSY = {"sink": "status:503:20;ok", "log": ["export attempt 1 failed: status 503"]}


# The collector is busy for the first process, which does not wait at its end, and has time for the next one.
def two(name, env, check, between="", **options):
    one = "LD_PRELOAD=$$SPOOL_PRELOAD $PROGRAMS/exit_in_flight"
    case(name, ["sh", "-c", f"{one}; {between} {one}"], golden=None, preload=False, lost=None, expect_drops=True,
         run_ids=2, check=check, shim_env=SPOOL | env, slack=6.0, **BUSY, **options)


def received(processes):
    def check(run):
        pids = {s["resource"]["process.pid"] for s in run.spans}
        expect(len(pids) == processes and len(run.spans) == 2 * processes, f"{len(run.spans)} spans of {pids}")
        spool_is_empty(run)
    return check


def whole_resource(run):
    received(2)(run)
    first, second = ([s["resource"] for s in run.spans if s["resource"]["process.pid"] == pid][0]
                     for pid in {s["resource"]["process.pid"] for s in run.spans})
    expect(first.keys() == second.keys(), f"{first} and {second}")
    expect(first["service.instance.id"] != second["service.instance.id"], "one instance id")


two("spool_undelivered_is_sent_by_the_next_process", {}, whole_resource)
two("spool_none_drops_what_is_not_delivered", {"OTEL_SHIM_SPOOL_DIR": "none"},
    lambda run: expect(len(run.spans) == 2 and run.reasons.get("exit_timeout") == 2, f"{run.reasons}"))
two("spool_max_age_drops_the_old", {"OTEL_SHIM_SPOOL_MAX_AGE": "1"}, received(1), "sleep 2.2;")
two("spool_max_bytes_drops_the_oldest", {"OTEL_SHIM_SPOOL_MAX_BYTES": "4096"}, received(1))
two("spool_another_destination_is_left_alone", {"OTEL_EXPORTER_OTLP_HEADERS": "tenant=a"},
    lambda run: expect(len(run.spans) == 2 and len(os.listdir(run.tmp + "/spool")) == 1, "taken for one's own"),
    "export OTEL_EXPORTER_OTLP_HEADERS=tenant=b;")


def all_arrived(run):
    """A collector that is late leaves a process's spans to the next one: then they may come twice, and none is lost."""
    expect(len(run.spans) == run.made, f"made {run.made}, received {len(run.spans)}")
    expect(set(run.reasons) <= {"spooled"}, f"dropped: {run.reasons}")
    spool_is_empty(run)


case("spool_short_processes_leave_nothing",
     ["sh", "-c", f"for i in $$(seq {5 * int(KILLS)}); do $PROGRAMS/exit_in_flight; done; "
      "for i in $$(seq 20); do set -- $TMP/spool/*; [ -e $$1 ] || break; $PROGRAMS/exit_in_flight > /dev/null; done"],
     golden=None, parallel=True, timeout=200, slack=120.0, shim_env=SPOOL, check=all_arrived, twice=True,
     expect_drops=True, lost=None)


# ---------------------------------------------------------------- spans that were open at the crash
def cut_off(name, what, signal, spans, error, then, argv=None, **options):
    """`spans`: (name, kind) of those that the crash ends; the lookup had ended before."""
    def check(run):
        found = sorted((s["name"], s["kind"]) for s in run.spans if s["attributes"].get("error.type") == error)
        expect(found == sorted(spans), f"ended by {error}: {found}")
        for s in run.spans:
            expect((s["status"] == "Error") == ("error.type" in s["attributes"]), f"status of {s['name']}: {s['status']}")
        expect(spans or {s["name"] for s in run.spans} <= {"dns.lookup", "work", "cut_off"}, "something was cut off")
        expect(sum(s["name"] == "dns.lookup" for s in run.spans) == 1, "the one that had ended")
        left = [n for n in os.listdir(run.tmp + "/spool") if not n.endswith(".bell")]
        expect(not left, f"left in the spool: {left}")
    case(name, argv or ["sh", "-c", f"export LD_PRELOAD=$$SPOOL_PRELOAD; $PROGRAMS/cut_off {what} {signal}; echo $$?; {then}"],
         golden=None, preload=False, lost=None, check=check, slack=6.0, sanitized=False,
         shim_env=SPOOL, **options)


PROCESS, REQUESTS = [("cut_off", "INTERNAL")], [("GET", "CLIENT"), ("GET", "SERVER")]
WORK = [("work", "INTERNAL")]
RECOVER = "[ -z \"$$SPOOL_PRELOAD\" ] || LD_PRELOAD= $OTELSHIM recover >/dev/null"
cut_off("spool_open_spans_end_with_the_crash", "program", 11, PROCESS + WORK, "_OTHER", RECOVER)
cut_off("spool_open_requests_end_with_the_crash", "server", 9, REQUESTS + WORK, "_OTHER", RECOVER)
# What the collector was busy for is recovered, and of the spans that the exec left open nothing is told.
cut_off("spool_exec_cuts_nothing_off", "server", "exec", [], "_OTHER", RECOVER, expect_drops=True, **BUSY)
cut_off("spool_open_spans_end_beside_an_exporter_process", "program", 9, PROCESS + WORK, "_OTHER", f"sleep 2; {RECOVER}",
        env={"OTEL_SHIM_EXPORTER": "process", "OTEL_SHIM_EXPORTER_IDLE_TIMEOUT": "300"})
# The collector is busy at its end: what it leaves is sent later, and is no crash.
cut_off("spool_orderly_end_cuts_nothing_off", "program", "", [], "_OTHER", RECOVER, expect_drops=True, **BUSY)


# ---------------------------------------------------------------- the parent that reaps it
def reaped(name, script, what, signal, spans, error):
    """A shell that is traced runs what is killed; $$pid is its number. Whether it says so depends on when it looks."""
    script = f"$PROGRAMS/cut_off {what} {signal} & pid=$$!; wait $$pid; echo $$?; {script}"
    cut_off(name, what, signal, spans, error, "", argv=["sh", "-c", f"LD_PRELOAD=$$SPOOL_PRELOAD sh -c '{script}' 2>/dev/null; {RECOVER}"], expect_drops=True, twice=True)


reaped("spool_parent_sends_what_a_killed_child_left", "sleep 1; ls $TMP/spool/$$pid-* 2>/dev/null || true", "server", 11,
       REQUESTS + WORK, "SIGSEGV")
reaped("spool_parent_sends_it_at_its_end", ":", "program", 6, PROCESS + WORK, "SIGABRT")


# ---------------------------------------------------------------- what is for elsewhere costs nothing
def not_opened(run):
    """One process in 32 looks at all of them, so of three in a row at least one does not."""
    opened = [open(os.path.join(run.tmp, f"trace{i}")).read().count("999999-") for i in range(3)]
    expect(min(opened) == 0, f"files for elsewhere were opened: {opened}")
    expect(len(run.spans) == 6, f"{len(run.spans)} spans")
    expect(len(os.listdir(run.tmp + "/spool")) == 50, "they are gone")


case("spool_files_for_elsewhere_are_not_opened",
     ["sh", "-c", "S=$TMP/spool; " + MAKE + "for i in $$(seq 10 59); do (umask 77; echo > $$S/999999-00000000000000$$i-00000000000000aa.spool); done; "
      "for i in 0 1 2; do strace -f -qq -e trace=openat -o trace$$i env LD_PRELOAD=$$SPOOL_PRELOAD $PROGRAMS/exit_in_flight; done"],
     golden=None, preload=False, shim_env=SPOOL, check=not_opened, needs=["strace"], run_ids=3, slack=20.0, lost=None, sanitized=False)


# ---------------------------------------------------------------- ends that nobody sees, and sandboxes
def then_recovered(name, command, check, **options):
    case(name, ["sh", "-c", f"LD_PRELOAD=$$SPOOL_PRELOAD {command}; echo $$?; {RECOVER}"], golden=None, preload=False,
         lost=None, expect_drops=True, shim_env=SPOOL, sanitized=False, slack=8.0, check=check, twice=True, **options)


def has(spans, **names):
    """So many spans, each once, and so many of each name."""
    def check(run):
        expect(len(run.spans) == spans, f"{len(run.spans)} spans: {[s['name'] for s in run.spans]}")
        for name, n in names.items():
            expect(sum(s["name"] == name.replace("_", ".") for s in run.spans) == n, f"spans {name}")
        spool_is_empty(run)
    return check


for how in ("sys_exit", "raw_exit", "exit_group", "abort", "segv", "handler", "kill"):
    then_recovered(f"spool_end_by_{how}_is_recovered", f"$PROGRAMS/endings {how}", has(2, dns_lookup=1, endings=1))
for how in ("strict", "filter", "tsync"):
    then_recovered(f"spool_keeps_what_was_before_{how}", f"$PROGRAMS/sandboxed {how}", has(11), **BUSY)
then_recovered("spool_goes_through_a_chain_of_execs", "OTEL_SHIM_PROCESS_SPAN=always $PROGRAMS/exec_chain 3", has(4), run_ids=4,
               sink="status:503:20;" * 4 + "ok", log=BUSY["log"] * 4)
then_recovered("spool_behind_a_chroot", "$PROGRAMS/confine chroot", has(3, dns_lookup=2), skip=lambda: os.getuid() and "needs root")
then_recovered("spool_behind_a_chroot_when_the_collector_is_busy", "$PROGRAMS/confine chroot", has(3, dns_lookup=2), **BUSY,
               skip=lambda: os.getuid() and "needs root")
for how in ("userns", "netns"):
    then_recovered(f"spool_behind_{how}_when_the_collector_is_busy", f"$PROGRAMS/confine {how}", has(3, dns_lookup=2), **BUSY,
                   skip=lambda: cannot_unshare("-U"))

# A container without /dev/shm: the directory in /tmp, here an empty one of its own.
NO_SHM = ("mount -t tmpfs -o ro none /dev/shm; mkdir -p -m 700 /tmp/otelshim-0; mount -t tmpfs -o mode=700 none /tmp/otelshim-0; "
          "unset OTEL_SHIM_SPOOL_DIR; mkdir -p $TMP/spool; ")
case("spool_without_dev_shm_lies_in_tmp",
     ["unshare", "-m", "sh", "-c", NO_SHM + f"LD_PRELOAD=$$SPOOL_PRELOAD $PROGRAMS/endings kill; ls /tmp/otelshim-0 | sed s/.*spool/file/ >&2; {RECOVER}"],
     golden=None, preload=False, lost=None, sanitized=False, slack=8.0, compare=False, shim_env=SPOOL,
     skip=lambda: cannot_unshare("-m"),
     check=lambda run: expect(len(run.spans) == 2 and b"file" in run.shim.err and b"file" not in run.bare.err, f"{run.shim.err} {len(run.spans)}"))
