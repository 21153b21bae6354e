"""A program works on while its collector is away, comes and goes, or crawls."""
import contextlib
import os
import shutil
import tempfile

import harness
from collector import failing_collector
from harness import case, expect, expect_between
from program import BATCH, expect_none_dropped, otlp, settle, under_faults

LOST = ("retries_exhausted", "ring_full", "exit_timeout")
SPOOL = os.path.join(tempfile.gettempdir(), f"otelshim-outages-{os.getpid()}")
RATE = 500


def work(collector, seconds, **variables):
    variables.setdefault("OTEL_BSP_SCHEDULE_DELAY", "500")
    made = RATE * seconds
    return made, under_faults(["load", 2, made, RATE], otlp(collector.port, **variables), timeout=seconds + 30,
                              together=True)


@case
def a_collector_is_down_and_comes_back():
    down, total = (600, 620) if harness.FULL else (4, 14)
    with failing_collector(down_s=down) as collector:
        made, seen = work(collector, total)
    settle(seen, collector.spans(), made, reasons=LOST)
    # The next attempt comes at most 6 s (5 s and a fifth) after it is there again.
    expect_between("delivered after it was back", seen.delivered, RATE * (total - down - 7), made)
    if not harness.FULL:  # within what queue and rings hold nothing is lost
        expect_none_dropped(seen)


@case
def a_collector_is_away_and_the_spool_keeps_all():
    """Batches run out of attempts and the queue overflows: all of it waits in files, and comes when the collector is there."""
    down, total = (600, 630) if harness.FULL else (6, 12)
    few = {} if harness.FULL else {"OTEL_BSP_EXPORT_TIMEOUT": "1500", "OTEL_BSP_MAX_QUEUE_SIZE": "1024"}
    with failing_collector(down_s=down) as collector, contextlib.ExitStack() as at_end:
        at_end.callback(shutil.rmtree, SPOOL, ignore_errors=True)
        made, seen = work(collector, total, OTEL_SHIM_SPOOL_DIR=SPOOL, OTEL_SHIM_SPOOL_MAX_BYTES=str(1 << 30), **few)
        expect("left in the spool", os.listdir(SPOOL), [])
    ids = {(s["trace_id"], s["span_id"]) for s in collector.spans()}
    expect("dropped for good", {k: n for k, n in seen.reasons.items() if k != "spooled"}, {})
    if not seen.reasons["spooled"]:
        raise harness.Failure("nothing was put off")
    expect("made", seen.made, made)
    expect("received", len(ids), made)


@case
def a_collector_is_down_for_good():
    with failing_collector(up=False) as collector:
        made, seen = work(collector, 60 if harness.FULL else 4, OTEL_BSP_EXPORT_TIMEOUT="2000")
    settle(seen, collector.spans(), made, reasons=LOST)
    expect("delivered", seen.delivered, 0)


@case
def a_collector_flaps_every_second():
    times = 60 if harness.FULL else 3
    with failing_collector(flap=(1, 1, times)) as collector:
        made, seen = work(collector, 2 * times + 7, OTEL_BSP_SCHEDULE_DELAY="100")
    # Each time that it goes, the one request under way can have come whole and unanswered.
    settle(seen, collector.spans(), made, twice_at_most=BATCH * times, reasons=LOST)
    # Attempts may fall into seconds without it, but once it stays all that waits is taken.
    expect_between("delivered", seen.delivered, RATE * 6, made)


@case
def a_collector_reads_one_byte_a_second():
    seconds = 30 if harness.FULL else 5
    with failing_collector(read_pace=1) as collector:
        made, seen = work(collector, seconds, OTEL_EXPORTER_OTLP_TIMEOUT="1000", OTEL_BSP_EXPORT_TIMEOUT="2500")
    settle(seen, collector.spans(), made, reasons=LOST)
    expect("delivered", seen.delivered, 0)


@case
def a_collector_answers_one_byte_a_second():
    seconds = 30 if harness.FULL else 5
    with failing_collector(write_pace=1) as collector:
        made, seen = work(collector, seconds, OTEL_EXPORTER_OTLP_TIMEOUT="1000", OTEL_BSP_EXPORT_TIMEOUT="2500")
    # Nothing is acknowledged in time, so each batch comes as often as it was tried.
    spans = collector.spans()
    settle(seen, spans, made, twice_at_most=len(spans), reasons=LOST)
    expect("delivered", seen.delivered, 0)
    expect("answered in time", any(collector.answered), False)
