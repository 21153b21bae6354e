"""No disk, no descriptors, no memory: the program does not notice, each span is accounted for."""
import contextlib
import glob
import os
import subprocess
import tempfile
import threading

import otlp_json
from collector import failing_collector
from harness import Skipped, case, expect, expect_between, row
from program import otlp, settle, under_faults

MEMORY = ("no_thread", "no_exporter", "exit_timeout", "no_ring", "ring_full", "retries_exhausted")


@contextlib.contextmanager
def small_disk(size):
    with tempfile.TemporaryDirectory() as directory:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", directory],
                                 capture_output=True, text=True)
        if mounted.returncode:
            raise Skipped(f"no disk of our own: {mounted.stderr.strip()}")
        try:
            yield directory
        finally:
            subprocess.run(["umount", directory], check=True)


@case
def a_disk_fills_up_and_has_room_again():
    with small_disk("256k") as disk:
        filler, timers = os.path.join(disk, "filler"), []

        def fill(pid):
            """Room for a part of it only, until some time later."""
            for name in glob.glob(os.path.join(disk, "*")):
                os.unlink(name)
            with open(filler, "wb") as f:
                f.truncate(0)
                os.posix_fallocate(f.fileno(), 0, 220 << 10)
            timers.append(threading.Timer(4, os.unlink, [filler]))
            timers[-1].start()
        seen = under_faults(["load", 1, 400, 50],
                            {"OTEL_TRACES_EXPORTER": "otlp_file", "OTEL_SHIM_FILE_PATH": disk + "/spans.jsonl",
                             "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_EXPORT_TIMEOUT": "1000"}, meanwhile=fill)
        for timer in timers:
            timer.join()
        with open(disk + "/spans.jsonl", "rb") as f:
            lines = f.read().splitlines()
    spans = [s for line in lines for s in otlp_json.decode_traces(line)]  # each is whole
    settle(seen, spans, 400, twice_at_most=0, reasons=("retries_exhausted",))
    expect_between("dropped while it was full", seen.dropped, 50, 300)


@case
def a_file_and_a_console_on_a_full_disk():
    seen = under_faults(["load", 1, 200, 200],
                        {"OTEL_TRACES_EXPORTER": "otlp_file", "OTEL_SHIM_FILE_PATH": "/dev/full",
                         "OTEL_BSP_EXPORT_TIMEOUT": "500"})
    settle(seen, None, 200, reasons=("retries_exhausted", "exit_timeout", "no_exporter"))
    expect("delivered", seen.delivered, 0)
    with open("/dev/full", "w") as full:
        seen = under_faults(["load", 1, 200, 200], {"OTEL_TRACES_EXPORTER": "console"}, stderr=full)
    settle(seen, None, 200, reasons=("rejected",))
    expect("delivered", seen.delivered, 0)


@case
def a_program_has_taken_every_descriptor():
    with failing_collector() as collector:
        seen = under_faults(["load", 2, 4000, 2000, "emfile"], otlp(collector.port))
    spans = collector.spans()
    expect("lines of the program's threads in our log, for which it had no descriptor", seen.made, 0)
    different = len({s["span_id"] for s in spans})
    row(4000, different, {}, len(spans) - different)
    expect("received", (different, len(spans)), (4000, 4000))


@case
def no_memory_is_left_before_the_first_span():
    for fault in ("no_memory", "no_mmap"):
        with failing_collector() as collector:
            seen = under_faults(["load", 2, 2000, 2000, fault], otlp(collector.port))
        settle(seen, collector.spans(), 2000, reasons=MEMORY)


@case
def memory_fails_while_spans_are_sent():
    with failing_collector() as collector:
        seen = under_faults(["load", 1, 4000, 1000, "no_mmap_at_half"],
                            otlp(collector.port, OTEL_BSP_SCHEDULE_DELAY="100"))
    settle(seen, collector.spans(), 4000, reasons=MEMORY)
    expect_between("delivered", seen.delivered, 1500, 4000)
