"""
Calls in every condition that can be brought about (programs/ltp_*.c): each check is a line of output, with result,
errno and what came out, and the lines are the same bare and under the shim, in number and order.
"""
import os
import resource
import subprocess

from harness import BUILD, Failure, case


def program(name, *args, spans=1, least_lines=100, case_name=None, **options):
    """`spans`: that many at least, or the shim has not been there."""
    def check(run):
        made = run.made if run.case.sink == "refused" else len(run.spans)
        if made < spans:
            raise Failure(f"{made} spans, must be {spans} at least")
        lines = run.bare.out.count(b"\n")
        if lines < least_lines:
            raise Failure(f"{lines} lines of output, must be {least_lines} at least")

    options.setdefault("golden", None)
    options.setdefault("stdout", r"\bend\n$")
    case(case_name or "_".join([name, *args]), ["$PROGRAMS/" + name, *args], check=check, **options)


def descriptors_up_to(number):
    """Only a privileged process may raise its hard limit, and the programs do not count on it."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return lambda: None if limit > number else f"no descriptor {number} here: the hard limit is {limit}"


# The lowest number of the descriptors that are tested.
BASES = (1024, 65536)

# Addresses that the program unmaps are taken, or were marked, by a sanitizer's run-time.
for what, spans, at_base in (("read", 1900, 600), ("write", 3300, 1200)):
    program("ltp_io", what, spans=spans, least_lines=8000, sanitized=False)
    for base in BASES:
        program("ltp_io", what, str(base), spans=at_base, least_lines=2000, sanitized=False,
                skip=descriptors_up_to(base + 1024))

for name, spans, least_lines in (("ltp_connect", 28, 600), ("ltp_wait", 1, 220)):
    program(name, spans=spans, least_lines=least_lines)
    for base in BASES:
        program(name, str(base), spans=spans, least_lines=least_lines, skip=descriptors_up_to(base + 1024))
# Some hundred short processes: with a collector there each would wait for it.
program("ltp_process", spans=200, least_lines=700, sink="refused", lost=None, expect_drops=True, log_any=["."],
        slack=8.0, sanitized=False)

for what, spans, least_lines in (("cancel", 60, 108), ("pending", 4, 18), ("jumps", 150, 64), ("stacks", 24, 14)):
    program("ltp_threads", what, spans=spans, least_lines=least_lines, sanitized=False)
program("ltp_threads", "forks", spans=1, least_lines=2, stdout="^150 good, some in handlers 1, failed there 0")
program("ltp_threads", "atfork", spans=60, least_lines=4, stdout="^4 before, 4 in the parent, child 44\n", slack=8.0,
        sanitized=False)
program("ltp_threads", "longjmp", spans=30, least_lines=12, sanitized=False)
# What is left in the middle of our own work is lost, counted or not.
program("ltp_threads", "storm", spans=40, least_lines=5, expect_drops=True, lost=None, orphans=True,
        slack=8.0, sanitized=False)

# A shell without a descriptor left: the run-time reads its own maps, and waits for ever.
program("ltp_process", case_name="ltp_process_disabled", spans=0, least_lines=700,
        shim_env={"OTEL_SDK_DISABLED": "true"}, sanitized=False)
program("ltp_wait", case_name="ltp_wait_inline_dispatch", spans=1, least_lines=220,
        shim_env={"OTEL_SHIM_INLINE_DISPATCH": "true"})
program("ltp_names", "dns", spans=20, least_lines=120)
# An address that the program unmaps, as above.
program("ltp_names", "confine", spans=60, least_lines=60, sanitized=False)

program("ltp_fds", spans=30, least_lines=200)
for base in BASES:
    program("ltp_fds", str(base), spans=30, least_lines=200, skip=descriptors_up_to(base + 1024))

# The same calls, bound late by a table of jumps, and early without one.
LOADERS = ("ltp_loader", "ltp_loader_noplt")
AT_ITS_END = r"\nend\n(.*\n)*destructor 101: talk 7, lookup 0, thread 7\n"
ENDS = {"exit": 31, "return": 35, "quick_exit": 32, "_exit": 33, "_Exit": 255, "thread": 49, "last": 0, "handler": 36,
        "nested": 34}
for name in LOADERS:
    program(name, "functions", spans=20, least_lines=150, stdout=AT_ITS_END)
    program(name, "libraries", spans=40, least_lines=40, stdout=AT_ITS_END)
program("ltp_loader", "libraries", case_name="ltp_loader_libraries_keep_deepbind", spans=40, least_lines=40,
        stdout=AT_ITS_END, shim_env={"OTEL_SHIM_KEEP_DEEPBIND": "true"})
for how, status in ENDS.items():
    # After _exit's kin nothing runs, and what the last handlers do may come too late to be sent.
    program("ltp_loader", how, spans=4, least_lines=2, exit=status, stdout="main: talk 7, lookup 0, thread 7",
            lost=None, expect_drops=True)

# Other objects in LD_PRELOAD, before and behind ours: as with them alone.
LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
NEIGHBOURS = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2.0", "faketime": "faketime/libfaketime.so.1",
              "asan": "libasan.so.8"}
BESIDE = (("ltp_loader", "functions"), ("ltp_loader", "return"), ("ltp_threads", "cancel"), ("ltp_threads", "jumps"))


def beside(neighbour, order, name, what):
    path = LIBRARIES + NEIGHBOURS[neighbour]
    # ASan wants to be the first, and refuses to run elsewhere unless it is told not to.
    env = {"ASAN_OPTIONS": "detect_leaks=0" + (":verify_asan_link_order=0" if order == "behind" else "")}
    preload = f"{path}:$SHIM" if order == "before" else f"$SHIM:{path}"
    program(name, what, case_name="_".join((name, what, order, neighbour)), spans=4, least_lines=6,
            env={"LD_PRELOAD": path, **env}, shim_env={"LD_PRELOAD": preload}, sanitized=False,
            exit=ENDS.get(what, 0), stdout="talk 7" if name == "ltp_loader" else r"\bend\n$", lost=None,
            skip=lambda: None if os.path.exists(path) else f"no {path}")


for neighbour in NEIGHBOURS:
    for order in ("before", "behind"):
        for name, what in BESIDE:
            beside(neighbour, order, name, what)

def has_a_runtime_of_its_own():
    """clang puts it into the program."""
    argv = ["readelf", "-d", f"{BUILD}/programs/ltp_loader_asan"]
    needed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return None if "libasan.so" in needed else "built with a run-time that is not gcc's"


# Built with it: its run-time is there before main, and has to be before us, too.
program("ltp_loader_asan", "functions", spans=20, least_lines=150, stdout=AT_ITS_END, sanitized=False,
        skip=has_a_runtime_of_its_own,
        env={"LD_PRELOAD": LIBRARIES + NEIGHBOURS["asan"]},
        shim_env={"LD_PRELOAD": LIBRARIES + NEIGHBOURS["asan"] + ":$SHIM"})
