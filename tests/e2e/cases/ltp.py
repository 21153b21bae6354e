"""
Calls in every condition that can be brought about (programs/ltp_*.c): each check is a line of output, with result,
errno and what came out, and the lines are the same bare and under the shim, in number and order.
"""
import resource

from harness import Failure, case


def program(name, *args, spans=1, least_lines=100, **options):
    """`spans`: that many at least, or the shim has not been there."""
    def check(run):
        made = run.made if run.case.sink == "refused" else len(run.spans)
        if made < spans:
            raise Failure(f"{made} spans, must be {spans} at least")
        lines = run.bare.out.count(b"\n")
        if lines < least_lines:
            raise Failure(f"{lines} lines of output, must be {least_lines} at least")

    options.setdefault("golden", None)
    case("_".join([name, *args]), ["$PROGRAMS/" + name, *args], check=check, stdout=r"\bend\n$", **options)


def descriptors_up_to(number):
    """Only a privileged process may raise its hard limit, and the programs do not count on it."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return lambda: None if limit > number else f"no descriptor {number} here: the hard limit is {limit}"


# The lowest number of the descriptors that are tested.
BASES = (1024, 65536)

for what, spans, at_base in (("read", 1900, 600), ("write", 3300, 1200)):
    program("ltp_io", what, spans=spans, least_lines=8000)
    for base in BASES:
        program("ltp_io", what, str(base), spans=at_base, least_lines=2000, skip=descriptors_up_to(base + 1024))

for name, spans, least_lines in (("ltp_connect", 28, 600), ("ltp_wait", 1, 220)):
    program(name, spans=spans, least_lines=least_lines)
    for base in BASES:
        program(name, str(base), spans=spans, least_lines=least_lines, skip=descriptors_up_to(base + 1024))
# Some hundred short processes: with a collector there each would wait for it.
program("ltp_process", spans=200, least_lines=700, sink="refused", lost=None, expect_drops=True, log_any=["."],
        slack=8.0)

for what, spans, least_lines in (("cancel", 60, 108), ("pending", 4, 18), ("jumps", 150, 64), ("stacks", 24, 14)):
    program("ltp_threads", what, spans=spans, least_lines=least_lines)
# What is left in the middle of our own work is lost, counted or not.
program("ltp_threads", "storm", spans=40, least_lines=5, expect_drops=True, lost=None, slack=8.0)
