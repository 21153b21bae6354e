"""Others at work on the same process: clocks that step, descriptors that vanish, debuggers."""
import glob
import os
import shutil
import subprocess
import tempfile
import time

import harness
from collector import failing_collector
from harness import Failure, Skipped, case, expect, expect_between
from program import expect_none_dropped, otlp, settle, under_faults

HOUR = 3600
STEPS = ("+0", f"+{3 * HOUR}", f"-{5 * HOUR}", f"+{24 * HOUR}", "+0")
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@case
def the_clock_steps_by_hours():
    """Of libfaketime: the wall clock steps, the monotonic one goes on."""
    if not os.path.exists(FAKETIME):
        raise Skipped("no libfaketime here (make deps)")
    pause = 2.0 if harness.FULL else 0.8
    count = int(1000 * pause * (len(STEPS) + 1))
    with tempfile.TemporaryDirectory() as directory, failing_collector() as collector:
        now = os.path.join(directory, "now")

        def step(pid):
            for offset in STEPS:
                set_to(offset)
                time.sleep(pause)

        def set_to(offset):
            with open(now + "~", "w") as f:
                f.write(offset + "\n")
            os.rename(now + "~", now)
        set_to("+0")
        begun = time.time()
        seen = under_faults(["load", 1, count, 1000], otlp(collector.port, OTEL_BSP_SCHEDULE_DELAY="50"),
                            env={"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": now, "FAKETIME_NO_CACHE": "1",
                                 "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}, meanwhile=step)
    spans = collector.spans()
    settle(seen, spans, count)
    expect_none_dropped(seen)
    durations = [s["end"] - s["start"] for s in spans]
    expect_between("the shortest, ns", min(durations), 0, 10 ** 8)
    expect_between("the longest, ns", max(durations), 0, 10 ** 9)
    # A span is told by the clock as it stood when its batch was made: each lies near one of the steps.
    hours = {int(step) // HOUR for step in STEPS}
    found = {(s["start"] // 10 ** 9 - int(begun) + 60) // HOUR for s in spans}
    expect("hours after the start", found, hours)


@case
def all_descriptors_are_closed_again_and_again():
    seconds = 60 if harness.FULL else 4
    with failing_collector() as collector:
        seen = under_faults(["load", 2, 1000 * seconds, 1000, "closing"],
                            otlp(collector.port, OTEL_BSP_SCHEDULE_DELAY="100"), timeout=seconds + 30)
    settle(seen, collector.spans(), 1000 * seconds)
    expect_none_dropped(seen)


def gdb(pid, *commands):
    """Attaches, does that, and lets go."""
    arguments = [part for command in ("set confirm off", "set pagination off", *commands) for part in ("-ex", command)]
    done = subprocess.run(["gdb", "-nx", "-batch", *arguments[:4], "-p", str(pid), *arguments[4:], "-ex", "detach"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    return done.stdout + done.stderr


@case
def a_debugger_attaches_and_stops_in_a_hooked_call():
    if not shutil.which("gdb"):
        raise Skipped("no gdb here (make deps)")
    told = []

    def attach(pid):
        time.sleep(0.3)
        for _ in range(10 if harness.FULL else 2):
            told.append(gdb(pid, "break sqlite3_step", "continue", "bt 3", "continue", "delete", "info threads"))
    with failing_collector() as collector:
        seen = under_faults(["load", 2, 9000, 1000], otlp(collector.port, OTEL_BSP_SCHEDULE_DELAY="100"), slack=10,
                            meanwhile=attach)
    if told[0].count("sqlite3_step") < 3:
        raise Failure(f"gdb did not stop in a call: {told[0]}")
    if "otelshim" not in told[-1]:
        raise Failure(f"gdb saw no thread of ours: {told[-1]}")
    settle(seen, collector.spans(), 9000)
    expect_none_dropped(seen)


@case
def a_tracer_follows_every_system_call():
    if not shutil.which("strace"):
        raise Skipped("no strace here (make deps)")
    with tempfile.TemporaryDirectory() as directory, failing_collector() as collector:
        attached = []

        def attach(pid):
            attached.append(subprocess.Popen(["strace", "-f", "-q", "-o", f"{directory}/{len(attached)}", "-p", str(pid)],
                                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL))
        seen = under_faults(["load", 2, 3000, 1000], otlp(collector.port, OTEL_BSP_SCHEDULE_DELAY="100"),
                            slack=10, meanwhile=attach)
        for process in attached:
            process.wait(10)
        calls = sum(os.path.getsize(name) for name in glob.glob(directory + "/*"))
    expect_between("bytes of what strace saw", calls, 1000, 1 << 30)
    settle(seen, collector.spans(), 3000)
    expect_none_dropped(seen)
