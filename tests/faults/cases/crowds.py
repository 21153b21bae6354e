"""Many threads, many processes, many programs one after the other."""
import harness
from collector import failing_collector
from harness import Failure, case, expect, expect_between
from program import expect_none_dropped, otlp, settle, under_faults

OWN_RINGS = 32  # at least so many threads have one


@case
def a_thousand_threads_make_spans():
    made = 200000 if harness.FULL else 10000
    with failing_collector() as collector:
        seen = under_faults(["load", 1000, made, 4000], otlp(collector.port), timeout=120)
    settle(seen, collector.spans(), made, reasons=("no_ring", "ring_full", "exit_timeout"))
    expect_between("delivered", seen.delivered, made * 3 // 4, made)  # but for the first moment, see below


@case
def a_thousand_threads_make_spans_at_once():
    """The first spans of all at one moment. Those with a ring of their own get theirs through; the
    others share eight rings, which whoever is the first to use, or loses its processor while it
    writes, keeps from the rest. What is lost is told."""
    made = 200000 if harness.FULL else 10000
    with failing_collector() as collector:
        seen = under_faults(["load", 1000, made, 0], otlp(collector.port), timeout=120)
    settle(seen, collector.spans(), made, reasons=("no_ring", "ring_full", "exit_timeout"))
    expect_between("delivered", seen.delivered, OWN_RINGS, made)


@case
def a_tree_of_short_processes():
    depth = 10 if harness.FULL else 6  # 2,047 or 127 of them
    processes = 2 ** (depth + 1) - 1
    with failing_collector() as collector:
        # A short process waits for an answer for 100 ms: on a busy machine that is not always enough.
        seen = under_faults(["fork_tree", depth], otlp(collector.port, OTEL_SHIM_PROCESS_SPAN="auto"), timeout=300,
                            slack=120 if harness.FULL else 20)
    spans = collector.spans()
    settle(seen, spans, 2 * processes, twice_at_most=2 * processes, reasons=("exit_timeout", "retries_exhausted"))
    expect("traces", len({s["trace_id"] for s in spans}), 1)


@case
def a_chain_of_a_hundred_programs_is_one_trace():
    with failing_collector() as collector:
        seen = under_faults(["exec_chain", 100], otlp(collector.port, OTEL_SHIM_PROCESS_SPAN="always"), code=3)
    spans = collector.spans()
    settle(seen, spans, 101)
    expect_none_dropped(seen)
    by_parent = {s["parent_span_id"]: s for s in spans}
    at = next(s for s in spans if not s["parent_span_id"])
    length = 1
    while at["span_id"] in by_parent:
        at = by_parent[at["span_id"]]
        length += 1
    expect("programs in a row", length, 101)
    expect("traces", len({s["trace_id"] for s in spans}), 1)
    if at["attributes"].get("process.exit.code") != 3:
        raise Failure(f"the last one's attributes are {at['attributes']}")
